//! Heads: replays, forks, restores, and how long superseded ones are held.

use heirloom_identity::VaultHead;
use heirloom_vault::KeeperError;
use heirloom_vault::keeper::AlarmKind;

use crate::world::{DAY_MS, Home, Household, QUOTA};

fn agreed() -> (Home, Household) {
    let (home, ward) = (Home::new(), Household::new(9));
    home.keeper.agree(&ward.id(), QUOTA, 5, [3; 16]).unwrap();
    (home, ward)
}

fn put(home: &Home, ward: &Household, head: &VaultHead) -> Result<(), KeeperError> {
    home.keeper.put_head(&ward.id(), head.as_bytes())
}

fn newest(home: &Home, ward: &Household) -> VaultHead {
    VaultHead::decode(&home.keeper.heads(&ward.id()).unwrap()[0]).unwrap()
}

fn alarms(home: &Home) -> Vec<AlarmKind> {
    home.keeper.alarms(0).unwrap().iter().map(|alarm| alarm.kind).collect()
}

#[test]
fn an_old_head_is_refused_however_often() {
    let (mut home, ward) = agreed();
    let chain = ward.node(1, 0).chain(5);
    for head in &chain {
        put(&home, &ward, head).unwrap();
        put(&home, &ward, head).unwrap();
    }
    for old in &chain[..4] {
        assert!(matches!(put(&home, &ward, old), Err(KeeperError::Older)));
    }
    home = home.restart();
    assert!(matches!(put(&home, &ward, &chain[1]), Err(KeeperError::Older)));
    assert_eq!(newest(&home, &ward), chain[4]);
    assert_eq!(alarms(&home), []);
    let last = home.keeper.ward(&ward.id()).unwrap().last_head.unwrap();
    assert_eq!((last.generation, last.number, last.made_at_ms), (1, 5, 5 * DAY_MS));
}

#[test]
fn a_restored_home_replaces_its_old_node() {
    let (home, ward) = agreed();
    let (old, new) = (ward.node(1, 0), ward.node(2, 0));
    let chain = old.chain(6);
    chain[..5].iter().for_each(|head| put(&home, &ward, head).unwrap());
    let restored = new.head(6, Some(&chain[4]), 0);
    put(&home, &ward, &restored).unwrap();
    // The old node still lives and goes on as if nothing had happened.
    assert!(matches!(put(&home, &ward, &chain[5]), Err(KeeperError::Older)));
    assert_eq!(newest(&home, &ward), restored);
    assert_eq!(alarms(&home), [AlarmKind::Restored]);
}

#[test]
fn two_restores_at_once_come_to_one_end() {
    let (home, ward) = agreed();
    let (one, two) = (ward.node(2, 1), ward.node(2, 2));
    let (one_wins, first, second) = {
        let (a, b) = (one.head(6, None, 0), two.head(6, None, 0));
        (one.certificate.outranks(&two.certificate), a, b)
    };
    let (winner, loser) = if one_wins { (first, second) } else { (second, first) };
    put(&home, &ward, &loser).unwrap();
    put(&home, &ward, &winner).unwrap();
    assert!(matches!(put(&home, &ward, &loser), Err(KeeperError::Older)));
    assert_eq!(newest(&home, &ward), winner);
    // The other way round it comes to the same.
    let (other, _) = (Home::new(), ());
    other.keeper.agree(&ward.id(), QUOTA, 5, [3; 16]).unwrap();
    put(&other, &ward, &winner).unwrap();
    assert!(matches!(put(&other, &ward, &loser), Err(KeeperError::Fork)));
    assert_eq!(newest(&other, &ward), winner);
    assert!(other.keeper.heads(&ward.id()).unwrap().contains(&loser.encode()), "the other one is kept, too");
    assert_eq!((alarms(&home), alarms(&other)), (vec![AlarmKind::Fork], vec![AlarmKind::Fork]));
}

/// A keeper that was itself restored from an old disk, or a node that woke up from an old copy, signs a number twice.
#[test]
fn a_number_that_is_signed_twice_is_a_fork() {
    let (home, ward) = agreed();
    let node = ward.node(1, 0);
    let chain = node.chain(4);
    chain.iter().for_each(|head| put(&home, &ward, head).unwrap());
    let twin = node.head(4, Some(&chain[2]), 77);
    match put(&home, &ward, &twin) {
        Ok(()) => assert!(twin.outranks(&chain[3])),
        Err(KeeperError::Fork) => assert!(chain[3].outranks(&twin)),
        Err(other) => panic!("{other}"),
    }
    let heads = home.keeper.heads(&ward.id()).unwrap();
    assert!(heads.contains(&twin.encode()) && heads.contains(&chain[3].encode()));
    assert_eq!(alarms(&home), [AlarmKind::Fork]);
    // A flood of contradictions takes no room and raises one alarm.
    for made in 100..160 {
        let head = node.head(4, Some(&chain[2]), made);
        assert!(matches!(put(&home, &ward, &head), Ok(()) | Err(KeeperError::Fork)));
    }
    assert!(home.keeper.heads(&ward.id()).unwrap().len() < 20);
    assert_eq!(alarms(&home), [AlarmKind::Fork]);
}

#[test]
fn what_is_no_head_of_the_ward_is_refused() {
    let (home, ward) = agreed();
    let head = ward.node(1, 0).head(1, None, 0);
    let stranger = Household::new(8).node(1, 0).head(1, None, 0);
    assert!(matches!(put(&home, &ward, &stranger), Err(KeeperError::Wrong(_))));
    let mut forged = head.encode();
    forged[200] ^= 1;
    for bytes in [&[][..], &forged, &[0; 100_000]] {
        assert!(matches!(home.keeper.put_head(&ward.id(), bytes), Err(KeeperError::Wrong(_))));
    }
    assert!(matches!(
        home.keeper.put_head(&Household::new(8).id(), stranger.as_bytes()),
        Err(KeeperError::NotAWard)
    ));
    put(&home, &ward, &head).unwrap();
    let far = ward.node(1, 0).head(1 << 40, None, 0);
    assert!(matches!(put(&home, &ward, &far), Err(KeeperError::Wrong(_))), "no numbers can be used up");
}

/// Whoever stole a node's keys writes a head a minute: the honest ones of 30 days of running time stay.
#[test]
fn superseded_heads_are_held_for_thirty_days_of_running_time() {
    let (home, ward) = agreed();
    let chain = ward.node(1, 0).chain(120);
    put(&home, &ward, &chain[0]).unwrap();
    home.days(3);
    for head in &chain[1..] {
        home.keeper.tick(60_000).unwrap();
        put(&home, &ward, head).unwrap();
    }
    let held = home.keeper.heads(&ward.id()).unwrap();
    assert!(held.contains(&chain[0].encode()), "the first that was superseded is held");
    assert!(held.len() < 10, "{} heads", held.len());
    home.days(29);
    home.keeper.collect().unwrap();
    assert!(home.keeper.heads(&ward.id()).unwrap().contains(&chain[0].encode()));
    home.days(2);
    home.keeper.collect().unwrap();
    assert_eq!(home.keeper.heads(&ward.id()).unwrap(), [chain[119].encode()], "the newest stays for ever");
}

/// Keepers tell each other newer heads than the one that the ward gave to this keeper, whose packs are still on their way
/// here: the one that can be restored from here stays, for ever if need be.
#[test]
fn what_other_keepers_tell_displaces_nothing() {
    let (mut home, ward) = agreed();
    let chain = ward.node(1, 0).chain(70);
    put(&home, &ward, &chain[0]).unwrap();
    put(&home, &ward, &chain[1]).unwrap();
    for head in &chain[2..60] {
        home.days(1);
        home.keeper.tell_head(&ward.id(), head.as_bytes()).unwrap();
        home.keeper.collect().unwrap();
    }
    home = home.restart();
    let held = home.keeper.heads(&ward.id()).unwrap();
    assert_eq!(held, [chain[59].encode(), chain[1].encode()], "the newest that is known, and the ward's own");
    assert_eq!(home.keeper.ward(&ward.id()).unwrap().last_head.unwrap().number, 2);
    assert!(matches!(put(&home, &ward, &chain[30]), Err(KeeperError::Older)), "a replay is noticed");
    assert!(matches!(home.keeper.tell_head(&ward.id(), chain[30].as_bytes()), Err(KeeperError::Older)));
    assert_eq!(alarms(&home), []);
    // The ward comes back, and now everything of that head is here.
    put(&home, &ward, &chain[59]).unwrap();
    assert_eq!(home.keeper.ward(&ward.id()).unwrap().last_head.unwrap().number, 60);
    home.days(31);
    home.keeper.tell_head(&ward.id(), chain[60].as_bytes()).unwrap();
    home.keeper.collect().unwrap();
    assert_eq!(home.keeper.heads(&ward.id()).unwrap(), [chain[60].encode(), chain[59].encode()]);
    assert!(matches!(home.keeper.tell_head(&ward.id(), chain[59].as_bytes()), Err(KeeperError::Older)));
    put(&home, &ward, &chain[61]).unwrap();
    home.days(31);
    home.keeper.collect().unwrap();
    assert_eq!(home.keeper.heads(&ward.id()).unwrap(), [chain[61].encode()]);
}
