//! Homes that make operations by the thousand: nobody else is stopped by it, and nobody is slow.

use std::time::Duration;

use heirloom_identity::{Action, EpochId, Operation, OperationId, Rekey, Role};
use heirloom_spaces::membership::{
    HOUSEHOLD_OPERATIONS_MAX, Inserted, OPERATIONS_MAX, Operations, Unfit, next_parents,
};

use crate::album::{Album, Home, add, apart, leave, remove, set, transfer};

use Role::{Admin, Contributor, Viewer};

/// How long this thread has worked, whatever else keeps the machine busy: as Linux counts it, in hundredths of a second.
fn worked() -> Duration {
    let stat = std::fs::read_to_string("/proc/thread-self/stat").unwrap();
    let ticks = stat.rsplit(')').next().unwrap().split_whitespace().skip(11).take(2);
    Duration::from_millis(ticks.map(|ticks| ticks.parse::<u64>().unwrap() * 10).sum())
}

fn renew(home: &Home) -> Action {
    Action::Renew { receive: home.receive.public() }
}

/// An epoch without any secret, which is enough to be one.
fn epoch(number: u16) -> Action {
    let mut bytes = [9; 32];
    bytes[..2].copy_from_slice(&number.to_be_bytes());
    let epoch = EpochId::from_bytes(bytes);
    Action::Rekey(Rekey { epoch, parents: vec![], wraps: vec![], previous: vec![] })
}

/// Renewals one after the other, signed but told to nobody.
fn chain(album: &Album, home: &Home, mut parent: OperationId, count: usize) -> Vec<Operation> {
    let next = |at: i64| {
        let operation = home.sign(Some(album.operations.space()), &[parent], renew(home), at);
        parent = operation.id();
        operation
    };
    (0..i64::try_from(count).unwrap()).map(next).collect()
}

#[test]
fn one_home_does_not_fill_an_album() {
    let (mut album, homes, last) = Album::with(&[Viewer, Contributor]);
    let [owner, anna, ben] = apart(&homes);
    let flood = chain(&album, anna, last, HOUSEHOLD_OPERATIONS_MAX + 300);
    let taken = |inserted: &Inserted| matches!(inserted, Inserted::Added(_));
    let answers: Vec<Inserted> =
        flood.iter().map(|operation| album.operations.insert(operation.clone())).collect();
    assert!(answers[..HOUSEHOLD_OPERATIONS_MAX].iter().all(taken));
    let refused = Inserted::Refused(Unfit::TooMany);
    assert!(answers[HOUSEHOLD_OPERATIONS_MAX..].iter().all(|answer| *answer == refused));
    // Nothing is asked for, and the same once more changes nothing.
    assert_eq!(album.operations.missing_parents(), []);
    assert_eq!(album.operations.insert(flood.last().unwrap().clone()), refused);
    for at in 1..300 {
        let beside = anna.sign(Some(album.operations.space()), &[last], renew(anna), at);
        assert_eq!(album.operations.insert(beside), refused);
    }
    let epoch = album.by(ben, &[last], epoch(1));
    let removal = album.by(owner, &[epoch], remove(anna));
    assert!(album.counts(epoch) && album.counts(removal));
}

#[test]
fn what_another_home_names_is_taken_in_any_order() {
    let (mut album, homes, last) = Album::with(&[Viewer, Contributor]);
    let [_, anna, ben] = apart(&homes);
    let flood = chain(&album, anna, last, HOUSEHOLD_OPERATIONS_MAX + 3);
    let end = flood.last().unwrap().id();
    let naming = ben.sign(Some(album.operations.space()), &[end], renew(ben), 0);
    let (few, past) = flood.split_at(HOUSEHOLD_OPERATIONS_MAX);
    few.iter().for_each(|operation| drop(album.operations.insert(operation.clone())));
    let mut early = album.operations.clone();
    let mut expected: Vec<OperationId> = past.iter().map(Operation::id).collect();
    expected.push(naming.id());
    past.iter().for_each(|operation| drop(album.operations.insert(operation.clone())));
    assert_eq!(album.operations.insert(naming.clone()), Inserted::Added(expected.clone()));
    assert_eq!(early.insert(naming), Inserted::Pending);
    assert_eq!(early.insert(past[0].clone()), Inserted::Refused(Unfit::TooMany));
    assert_eq!(early.insert(past[1].clone()), Inserted::Refused(Unfit::TooMany));
    assert_eq!(early.insert(past[2].clone()), Inserted::Added(expected));
    assert_eq!(early.missing_parents(), []);
    // What was taken is taken again in the same order, as when it is read from a disk.
    let mut again = Operations::new(album.operations.space());
    for id in album.operations.ids() {
        again.insert(album.operations.get(&id).unwrap().clone());
    }
    assert_eq!(again.ids().collect::<Vec<_>>(), album.operations.ids().collect::<Vec<_>>());
}

#[test]
fn who_never_could_invite_brings_nobody_in() {
    let (mut album, homes, last) = Album::with(&[Viewer, Contributor]);
    let [_, anna, ben] = apart(&homes);
    let friend = Home::new(9);
    let raised = album.by(anna, &[last], set(ben, Admin));
    for home in [anna, ben] {
        let invited = album.by(home, &[raised], add(&friend, Viewer));
        let operation = friend.sign(Some(album.operations.space()), &[invited], leave(), 0);
        assert_eq!(album.operations.insert(operation), Inserted::Refused(Unfit::NeverInvited));
    }
}

#[test]
fn the_last_places_are_for_those_who_run_the_album() {
    let roles = [vec![Admin], vec![Viewer; 13]].concat();
    let (mut album, homes, last) = Album::with(&roles);
    let mut refused = Inserted::Known;
    for home in &homes[2..] {
        for operation in chain(&album, home, last, HOUSEHOLD_OPERATIONS_MAX) {
            refused = album.operations.insert(operation);
        }
    }
    assert_eq!(refused, Inserted::Refused(Unfit::Reserved));
    assert_eq!(album.operations.count(), OPERATIONS_MAX - 2048);
    for operation in chain(&album, &homes[1], last, 1200) {
        refused = album.operations.insert(operation);
    }
    assert_eq!(refused, Inserted::Refused(Unfit::TooMany));
    let removal = album.by(&homes[0], &[last], remove(&homes[1]));
    assert!(album.counts(removal));
}

#[test]
fn of_what_one_home_makes_side_by_side_one_counts() {
    let (mut album, homes, last) = Album::with(&[Viewer, Contributor]);
    let [_, anna, ben] = apart(&homes);
    let renewals: Vec<OperationId> = (0..200).map(|_| album.by(anna, &[last], renew(anna))).collect();
    let epochs: Vec<OperationId> = (0..200).map(|at| album.by(anna, &[last], epoch(at))).collect();
    let now = album.now();
    for made in [renewals, epochs] {
        let lowest = *made.iter().min().unwrap();
        assert!(made.iter().all(|id| now.ineffective.contains(id) != (*id == lowest)));
    }
    assert_eq!(now.epoch_heads().len(), 1);
    assert!(next_parents(&album.operations, &now, &ben.id()).len() <= 3);
    assert!(now.merge_turns(&album.operations) <= 2);
    // Of two nodes of a household the newer one's.
    let newer = Home::with_node(1, 2);
    let by_newer = album.by(&newer, &[last], renew(&newer));
    assert!(album.counts(by_newer));
}

#[test]
fn a_newcomer_always_names_its_invitation() {
    let roles = vec![Contributor; 24];
    let (mut album, homes, last) = Album::with(&roles);
    let newcomer = Home::new(60);
    let invited = album.by(&homes[0], &[last], add(&newcomer, Viewer));
    for home in &homes[1..] {
        album.by(home, &[last], renew(home));
    }
    let parents = next_parents(&album.operations, &album.now(), &newcomer.id());
    assert!(parents.len() == 16 && parents.contains(&invited));
    // Also when it isn't one of the newest any more.
    let later = album.by(&homes[0], &[invited], renew(&homes[0]));
    let parents = next_parents(&album.operations, &album.now(), &newcomer.id());
    assert!(parents.contains(&later) && !parents.contains(&invited));
}

/// Handed to and fro by the thousand. Seconds leave room for a busy machine that doesn't optimise.
#[test]
fn an_album_made_to_be_slow_is_evaluated() {
    let (mut album, homes, last) = Album::with(&[Viewer, Viewer]);
    let [owner, anna, ben] = apart(&homes);
    let (mut end, mut from, mut to) = (last, owner, anna);
    while album.operations.count() < OPERATIONS_MAX / 2 {
        end = album.by(from, &[end], transfer(to));
        (from, to) = (to, from);
    }
    while album.operations.count() < OPERATIONS_MAX {
        album.by(owner, &[end], set(ben, Contributor));
    }
    let before = worked();
    let now = album.now();
    let took = worked() - before;
    assert!(took < Duration::from_secs(20), "{took:?}");
    assert!(now.owner.is_some());
}

/// Each removal waits for the next.
#[test]
fn removals_that_wait_for_each_other_end() {
    let (mut album, homes, last) = Album::with(&[Contributor]);
    let [_, anna] = apart(&homes);
    let nodes: Vec<Home> = (1..=120).map(|generation| Home::with_node(1, generation)).collect();
    let mut made = vec![last, last, last];
    for node in &nodes {
        let count = made.len();
        let parents = if count == 3 { vec![last] } else { vec![made[count - 2], made[count - 3]] };
        made.push(album.by(node, &parents, renew(node)));
    }
    let now = album.now();
    assert!(album.counts(made[made.len() - 1]));
    assert_eq!(now.role(&anna.id()), Some(Contributor));
}

/// Every operation about one home, most of them side by side and followed by ever more of its own.
#[test]
fn a_ladder_of_changes_is_evaluated() {
    let (mut album, homes, last) = Album::with(&[Admin, Viewer]);
    let [owner, anna, ben] = apart(&homes);
    let changes: Vec<OperationId> = (0..6000).map(|_| album.by(owner, &[last], set(anna, Admin))).collect();
    let mut end = last;
    for change in changes.iter().take(HOUSEHOLD_OPERATIONS_MAX * 2) {
        end = album.by(anna, &[end.min(*change), end.max(*change)], set(ben, Contributor));
    }
    while album.operations.count() < OPERATIONS_MAX {
        album.by(owner, &[last], remove(ben));
    }
    let before = worked();
    let now = album.now();
    let took = worked() - before;
    assert!(took < Duration::from_secs(20), "{took:?}");
    assert_eq!(now.role(&ben.id()), None);
}
