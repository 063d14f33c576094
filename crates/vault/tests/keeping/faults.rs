//! Everything that may befall a keeper, or be done to it.

use std::sync::Arc;

use heirloom_store::RealDisk;
use heirloom_vault::folder::{DiskId, Expected, MARKER_NAME, PackFolder};
use heirloom_vault::keeper::{AlarmKind, Home as Side, WardState};
use heirloom_vault::{Answer, KeeperError, PackId, Room, proof};

use crate::world::{self, Home, Household, QUOTA, ids, pack, proves, question};

pub(crate) fn agreed() -> (Home, Household) {
    let (home, ward) = (Home::new(), Household::new(9));
    home.keeper.agree(&ward.id(), QUOTA, 5, [3; 16]).unwrap();
    (home, ward)
}

/// Puts packs of so many bytes and returns them.
pub(crate) fn fill(
    home: &Home,
    ward: &Household,
    numbers: std::ops::Range<u32>,
    bytes: usize,
) -> Vec<(PackId, Vec<u8>)> {
    let packs: Vec<_> = numbers.map(|number| pack(number, bytes)).collect();
    for (id, content) in &packs {
        home.keeper.put(&ward.id(), id, content, Room::Common).unwrap();
    }
    packs
}

pub(crate) fn alarms(home: &Home) -> Vec<(AlarmKind, u64)> {
    home.keeper.alarms(0).unwrap().iter().map(|alarm| (alarm.kind, alarm.packs)).collect()
}

#[test]
fn a_pack_is_kept_and_proved() {
    let (home, ward) = agreed();
    let (id, content) = pack(1, 100_000);
    let keeper = &home.keeper;
    keeper.put(&ward.id(), &id, &content, Room::Common).unwrap();
    assert_eq!(keeper.list(&ward.id(), None, 10).unwrap(), [(id, 100_000)]);
    assert_eq!(keeper.list(&ward.id(), Some(&id), 10).unwrap(), []);
    assert_eq!(keeper.read(&ward.id(), &id, 99_990..100_000).unwrap(), content[99_990..]);
    assert!(proves(keeper, &ward.id(), &id, content.len()));
    // What nobody can have asked for.
    assert!(matches!(keeper.read(&ward.id(), &id, 99_990..100_001), Err(KeeperError::Wrong(_))));
    let questions = [question(&id, 100_000, 7), question(&id, 99_999, 0), question(&pack(2, 9).0, 9, 0)];
    assert_eq!(keeper.prove(&ward.id(), &questions).unwrap(), [const { Answer::Missing }; 3]);
    assert_eq!(ids(keeper, &ward.id()), [id], "a senseless question harms no pack");
    assert!(matches!(
        keeper.prove(&ward.id(), &vec![question(&id, 100_000, 0); 65]),
        Err(KeeperError::TooLarge { .. })
    ));
    let stranger = Household::new(8).id();
    assert!(matches!(keeper.read(&stranger, &id, 0..1), Err(KeeperError::NotAWard)));
    assert!(matches!(keeper.put(&stranger, &id, &content, Room::Common), Err(KeeperError::NotAWard)));
    assert!(matches!(keeper.prove(&stranger, &questions), Err(KeeperError::NotAWard)));
}

/// Large packs are written past the page cache, whatever their size is a multiple of.
#[test]
fn large_packs_are_kept_and_proved() {
    let (home, ward) = agreed();
    for (number, bytes) in [(1, 1 << 20), (2, (1 << 20) + 1), (3, 3_333_333)] {
        let (id, content) = pack(number, bytes);
        home.keeper.put(&ward.id(), &id, &content, Room::Common).unwrap();
        assert!(std::fs::read(home.pack_path(&ward.id(), &id)).unwrap() == content);
        assert!(proves(&home.keeper, &ward.id(), &id, bytes));
    }
}

#[test]
fn other_bytes_than_the_id_says_are_refused() {
    let (home, ward) = agreed();
    let (id, mut content) = pack(1, 5000);
    content[77] ^= 1;
    let put = |id: &PackId, bytes: &[u8]| home.keeper.put(&ward.id(), id, bytes, Room::Common);
    assert!(matches!(put(&id, &content), Err(KeeperError::Wrong(_))));
    assert!(matches!(put(&PackId::of(&[]), &[]), Err(KeeperError::Wrong(_))));
    let large = vec![0; (32 << 20) + 1];
    assert!(matches!(put(&PackId::of(&large), &large), Err(KeeperError::TooLarge { .. })));
    assert_eq!(ids(&home.keeper, &ward.id()), []);
    assert!(!home.pack_path(&ward.id(), &id).exists());
}

#[test]
fn an_unmounted_disk_is_not_a_loss() {
    let (home, ward) = agreed();
    let packs = fill(&home, &ward, 0..5, 3000);
    let id = ward.id();
    home.unmount(&id);
    let keeper = &home.keeper;
    let (pack0, content0) = &packs[0];
    assert!(matches!(keeper.read(&id, pack0, 0..10), Err(KeeperError::DiskAbsent)));
    assert!(matches!(keeper.put(&id, pack0, content0, Room::Common), Err(KeeperError::DiskAbsent)));
    assert!(matches!(keeper.heads(&id), Err(KeeperError::DiskAbsent)));
    assert_eq!(keeper.prove(&id, &[question(pack0, 3000, 0)]).unwrap(), [Answer::DiskAbsent]);
    home.days(40);
    assert_eq!(keeper.scrub_step(u64::MAX).unwrap().packs, 0);
    assert_eq!(keeper.collect().unwrap().packs, 0);
    assert_eq!(keeper.ward(&id).unwrap().state, WardState::DiskAbsent);
    assert_eq!(
        std::fs::read_dir(home.place(&id)).unwrap().count(),
        0,
        "nothing was written into the mount point"
    );
    home.mount(&id);
    assert_eq!(keeper.ward(&id).unwrap().state, WardState::Keeping);
    assert_eq!(ids(keeper, &id).len(), 5);
    assert!(packs.iter().all(|(pack, content)| proves(keeper, &id, pack, content.len())));
    assert_eq!(alarms(&home), []);
}

#[test]
fn another_disk_is_not_ours() {
    let (home, ward) = agreed();
    let packs = fill(&home, &ward, 0..3, 3000);
    let id = ward.id();
    let marker = home.place(&id).join(MARKER_NAME);
    let right = std::fs::read_to_string(&marker).unwrap();
    for wrong in [
        right.replace("disk 0303", "disk 0304"),
        right.replace(&id.to_string(), &Household::new(8).id().to_string()),
    ] {
        std::fs::write(&marker, wrong).unwrap();
        assert_eq!(home.keeper.ward(&id).unwrap().state, WardState::AnotherDisk);
        assert!(matches!(home.keeper.list(&id, None, 1), Err(KeeperError::DiskAbsent)));
        let answer = home.keeper.prove(&id, &[question(&packs[0].0, 3000, 0)]).unwrap();
        assert_eq!(answer, [Answer::DiskAbsent]);
    }
    // Another household's stays another household's, whoever says what.
    assert!(matches!(home.keeper.use_disk(&id, [4; 16]), Err(KeeperError::Wrong(_))));
    std::fs::write(&marker, right).unwrap();
    assert!(proves(&home.keeper, &id, &packs[0].0, 3000));
}

#[test]
fn a_new_disk_in_place_of_a_dead_one_is_taken_when_a_person_says_so() {
    let (home, ward) = agreed();
    let packs = fill(&home, &ward, 0..3, 3000);
    let id = ward.id();
    home.keeper.put_head(&id, ward.node(1, 0).head(1, None, 0).as_bytes()).unwrap();
    home.unmount(&id);
    assert!(matches!(home.keeper.list(&id, None, 1), Err(KeeperError::DiskAbsent)));
    home.keeper.use_disk(&id, [4; 16]).unwrap();
    assert_eq!(ids(&home.keeper, &id), [], "what the new disk lacks is lost");
    assert_eq!(alarms(&home), [(AlarmKind::OldDisk, 3)]);
    assert_eq!(home.keeper.ward(&id).unwrap().last_head, None, "nothing can be restored from it");
    let answer = home.keeper.prove(&id, &[question(&packs[0].0, 3000, 0)]).unwrap();
    assert_eq!(answer, [Answer::Missing]);
    fill(&home, &ward, 0..2, 3000);
    // The dead one comes back to life: known, and compared.
    std::fs::rename(home.place(&id), home.scratch.path().join("second")).unwrap();
    std::fs::create_dir(home.place(&id)).unwrap();
    home.mount(&id);
    assert_eq!(ids(&home.keeper, &id).len(), 3);
    assert!(home.keeper.ward(&id).unwrap().last_head.is_some());
    assert_eq!(home.keeper.ward(&id).unwrap().state, WardState::Keeping);
}

#[test]
fn a_keeper_that_restored_its_own_old_disk_is_recognised() {
    let (home, ward) = agreed();
    let id = ward.id();
    let chain = ward.node(1, 0).chain(3);
    let old = fill(&home, &ward, 0..3, 3000);
    home.keeper.put_head(&id, chain[0].as_bytes()).unwrap();
    let copy = home.scratch.path().join("old copy");
    world::copy_tree(&home.place(&id), &copy);
    let new = fill(&home, &ward, 3..5, 3000);
    home.keeper.put_head(&id, chain[1].as_bytes()).unwrap();
    std::fs::remove_dir_all(home.place(&id)).unwrap();
    std::fs::rename(&copy, home.place(&id)).unwrap();
    let home = home.restart();
    let keeper = &home.keeper;
    assert_eq!(ids(keeper, &id).len(), 3);
    assert!(old.iter().all(|(pack, content)| proves(keeper, &id, pack, content.len())));
    assert_eq!(alarms(&home), [(AlarmKind::OldDisk, 2)]);
    assert_eq!(keeper.ward(&id).unwrap().bad, 2);
    let answer = keeper.prove(&id, &[question(&new[0].0, 3000, 0)]).unwrap();
    assert_eq!(answer, [Answer::Missing], "lost, and said so");
    // It says which head is there, remembers that it had a newer one, and takes that again.
    assert_eq!(keeper.ward(&id).unwrap().last_head.unwrap().number, 1);
    assert!(matches!(keeper.put_head(&id, chain[0].as_bytes()), Err(KeeperError::Older)));
    home.days(40);
    keeper.collect().unwrap();
    assert_eq!(keeper.heads(&id).unwrap(), [chain[0].encode()], "the only one there is stays");
    keeper.put_head(&id, chain[1].as_bytes()).unwrap();
    assert_eq!(keeper.ward(&id).unwrap().last_head.unwrap().number, 2);
    keeper.put_head(&id, chain[2].as_bytes()).unwrap();
    fill(&home, &ward, 3..5, 3000);
    assert_eq!(ids(keeper, &id).len(), 5);
}

#[test]
fn a_keeper_that_lost_its_database_takes_its_folder_on() {
    let (home, ward) = agreed();
    let id = ward.id();
    let packs = fill(&home, &ward, 0..4, 3000);
    let chain = ward.node(1, 0).chain(3);
    chain.iter().for_each(|head| home.keeper.put_head(&id, head.as_bytes()).unwrap());
    world::flip(&home.pack_path(&id, &packs[3].0));
    let Home { scratch, keeper } = home;
    drop(keeper);
    for name in ["keeper.sqlite", "keeper.sqlite-wal", "keeper.sqlite-shm"] {
        std::fs::remove_file(scratch.path().join(name)).unwrap_or_default();
    }
    let fresh = Home::new();
    std::fs::rename(scratch.path().join("kept"), fresh.scratch.path().join("kept2")).unwrap();
    std::fs::remove_dir(fresh.scratch.path().join("kept")).unwrap();
    std::fs::rename(fresh.scratch.path().join("kept2"), fresh.scratch.path().join("kept")).unwrap();
    assert!(matches!(fresh.keeper.list(&id, None, 1), Err(KeeperError::NotAWard)));
    fresh.keeper.agree(&id, QUOTA, 5, [99; 16]).unwrap();
    assert_eq!(ids(&fresh.keeper, &id).len(), 3, "the damaged one isn't counted");
    assert!(matches!(fresh.keeper.put_head(&id, chain[1].as_bytes()), Err(KeeperError::Older)));
    fresh.keeper.put_head(&id, chain[2].as_bytes()).unwrap();
}

#[test]
fn one_lost_pack_in_a_hundred_is_found_and_healed() {
    let (home, ward) = agreed();
    let id = ward.id();
    let packs = fill(&home, &ward, 0..100, 2000);
    let lost = home.pack_path(&id, &packs[41].0);
    std::fs::remove_file(lost).unwrap();
    let answers: Vec<_> = packs
        .chunks(64)
        .flat_map(|some| {
            let questions: Vec<_> = some.iter().map(|(pack, _)| question(pack, 2000, 0)).collect();
            home.keeper.prove(&id, &questions).unwrap()
        })
        .collect();
    let missing: Vec<_> = (0..100).filter(|at| answers[*at] == Answer::Missing).collect();
    assert_eq!(missing, [41]);
    assert_eq!(home.keeper.bad(&id, 10).unwrap(), [packs[41].0], "what the ward is told when it is met");
    assert_eq!(alarms(&home), [(AlarmKind::Damaged, 1)]);
    fill(&home, &ward, 41..42, 2000);
    assert!(proves(&home.keeper, &id, &packs[41].0, 2000));
    assert_eq!(home.keeper.ward(&id).unwrap().bad, 0);
    assert_eq!(home.keeper.bad(&id, 10).unwrap(), []);
}

#[test]
fn rot_is_found_within_35_days_and_set_aside() {
    let (home, ward) = agreed();
    let id = ward.id();
    let packs = fill(&home, &ward, 0..20, 40_000);
    world::flip(&home.pack_path(&id, &packs[3].0));
    world::cut(&home.pack_path(&id, &packs[4].0));
    std::fs::remove_file(home.pack_path(&id, &packs[5].0)).unwrap();
    home.days(24);
    assert_eq!(home.keeper.scrub_step(u64::MAX).unwrap().packs, 0, "nothing is due before 25 days");
    let (mut read, mut bad) = (0, Vec::new());
    for _ in 24..36 {
        home.days(1);
        loop {
            let report = home.keeper.scrub_step(100_000).unwrap();
            assert!(report.bytes <= 100_000);
            read += report.packs;
            bad.extend(report.bad);
            if report.packs == 0 {
                break;
            }
        }
    }
    assert_eq!(read, 20, "each was read once");
    bad.sort_unstable();
    let mut expected: Vec<_> = packs[3..6].iter().map(|(pack, _)| (id, *pack)).collect();
    expected.sort_unstable();
    assert_eq!(bad, expected);
    assert_eq!(ids(&home.keeper, &id).len(), 17);
    let raised = alarms(&home);
    assert!(raised.iter().all(|(kind, _)| *kind == AlarmKind::Damaged));
    assert_eq!(raised.iter().map(|(_, packs)| packs).sum::<u64>(), 3);
    let aside = home.place(&id).join("damaged");
    assert_eq!(std::fs::read_dir(&aside).unwrap().count(), 2);
    let (damaged, content) = &packs[3];
    assert_ne!(home.keeper.read(&id, damaged, 0..40_000).unwrap(), *content, "what is left of it");
    home.keeper.put(&id, damaged, content, Room::Common).unwrap();
    assert!(proves(&home.keeper, &id, damaged, content.len()));
    assert_eq!(std::fs::read_dir(&aside).unwrap().count(), 1);
}

/// A keeper can't say "ok": a proof made from other bytes, or for another question, proves nothing.
#[test]
fn a_lie_is_no_proof() {
    let (home, ward) = agreed();
    let packs = fill(&home, &ward, 0..2, 100_000);
    let (asked, other) = (question(&packs[0].0, 100_000, 3), question(&packs[0].0, 100_000, 4));
    let answers = home.keeper.prove(&ward.id(), &[asked, other, question(&packs[1].0, 100_000, 3)]).unwrap();
    let proofs: Vec<_> = answers
        .into_iter()
        .map(|answer| match answer {
            Answer::Proof(proof) => proof,
            wrong => panic!("{wrong:?}"),
        })
        .collect();
    assert!(proof::verify(&asked, &proofs[0]));
    assert!(
        !proof::verify(&asked, &proofs[1])
            && !proof::verify(&asked, &proofs[2])
            && !proof::verify(&asked, &[])
    );
}

/// The outboard beside a pack may be lost, torn or forged: it is made again.
#[test]
fn proofs_do_not_depend_on_the_outboard() {
    let (home, ward) = agreed();
    let packs = fill(&home, &ward, 0..1, 100_000);
    let beside = home.pack_path(&ward.id(), &packs[0].0).with_extension("obao");
    let right = std::fs::read(&beside).unwrap();
    for harm in [|path: &std::path::Path| std::fs::remove_file(path).unwrap(), world::cut, world::flip] {
        harm(&beside);
        assert!(proves(&home.keeper, &ward.id(), &packs[0].0, 100_000));
        assert_eq!(std::fs::read(&beside).unwrap(), right);
    }
}

#[test]
fn a_thief_who_deletes_everything_gets_no_further_than_asking() {
    let (home, ward) = agreed();
    let id = ward.id();
    let packs = fill(&home, &ward, 0..100, 2000);
    let all: Vec<_> = packs.iter().map(|(pack, _)| *pack).collect();
    let keeper = &home.keeper;
    // In one go, and once more.
    for _ in 0..2 {
        let outcome = keeper.delete(&id, &all).unwrap();
        assert!(outcome.waits_for_person && outcome.held == 0);
    }
    assert_eq!(alarms(&home), [(AlarmKind::DeletionAsked, 100)]);
    let ask = keeper.ward(&id).unwrap().ask.unwrap();
    assert_eq!((ask.packs, ask.bytes, ask.allowed_here, ask.allowed_there), (100, 200_000, false, false));
    // The thief says that somebody at the ward's home allowed it; nobody does here.
    assert!(keeper.answer_deletion(&id, Side::Ward, true).unwrap().waits_for_person);
    assert!(keeper.answer_deletion(&id, Side::Ward, true).unwrap().waits_for_person);
    home.days(90);
    keeper.collect().unwrap();
    assert_eq!(ids(keeper, &id).len(), 100);
    assert!(!keeper.answer_deletion(&id, Side::Keeper, false).unwrap().waits_for_person);
    assert_eq!(keeper.ward(&id).unwrap().ask, None);
    // In small steps: five in a hundred, then no more for 30 days.
    let outcomes: Vec<_> = all.iter().map(|pack| keeper.delete(&id, &[*pack]).unwrap()).collect();
    assert_eq!(outcomes.iter().filter(|outcome| outcome.held == 1).count(), 5);
    assert_eq!(keeper.ward(&id).unwrap().deletable, 0);
    // The five are sent again by the repair of the real ward, which sees them missing.
    let questions: Vec<_> = all[..5].iter().map(|pack| question(pack, 2000, 0)).collect();
    assert!(keeper.prove(&id, &questions).unwrap().iter().all(|answer| *answer == Answer::Missing));
    assert_eq!(keeper.read(&id, &all[0], 0..2000).unwrap(), packs[0].1, "and readable for whoever restores");
    fill(&home, &ward, 0..5, 2000);
    assert_eq!(ids(keeper, &id).len(), 100);
}

#[test]
fn holds_last_thirty_days_of_running_time() {
    let (home, ward) = agreed();
    let id = ward.id();
    let packs = fill(&home, &ward, 0..40, 2000);
    let two = [packs[0].0, packs[1].0];
    assert_eq!(home.keeper.delete(&id, &two).unwrap().held, 2);
    let free = home.keeper.ward(&id).unwrap().free;
    home.days(29);
    let home = home.restart();
    assert_eq!(home.keeper.collect().unwrap().packs, 0);
    assert_eq!(home.keeper.ward(&id).unwrap().held, 4000, "held bytes count");
    home.days(1);
    let collected = home.keeper.collect().unwrap();
    assert_eq!((collected.packs, collected.bytes), (2, 4000));
    assert_eq!(home.keeper.ward(&id).unwrap().free, free + (2 << 16));
    assert!(!home.pack_path(&id, &two[0]).exists());
    assert!(matches!(home.keeper.read(&id, &two[0], 0..1), Err(KeeperError::Missing)));
    assert_eq!(home.keeper.delete(&id, &two).unwrap().held, 2, "what isn't here is deleted");
}

#[test]
fn what_both_homes_allowed_is_held_all_the_same() {
    let (home, ward) = agreed();
    let id = ward.id();
    let packs = fill(&home, &ward, 0..10, 2000);
    let half: Vec<_> = packs[..5].iter().map(|(pack, _)| *pack).collect();
    assert!(home.keeper.delete(&id, &half).unwrap().waits_for_person);
    assert!(home.keeper.answer_deletion(&id, Side::Keeper, true).unwrap().waits_for_person);
    // A larger wish than the one that was allowed here: the answer doesn't count for it.
    assert!(home.keeper.delete(&id, &[packs[7].0]).unwrap().waits_for_person);
    assert!(home.keeper.answer_deletion(&id, Side::Ward, true).unwrap().waits_for_person);
    let outcome = home.keeper.answer_deletion(&id, Side::Keeper, true).unwrap();
    assert_eq!((outcome.held, outcome.waits_for_person), (6, false));
    home.days(29);
    assert_eq!(home.keeper.collect().unwrap().packs, 0);
    assert_eq!(home.keeper.read(&id, &packs[0].0, 0..2000).unwrap(), packs[0].1);
    home.days(1);
    assert_eq!(home.keeper.collect().unwrap().packs, 6);
}

#[test]
fn a_full_keeper_refuses_and_drops_nothing() {
    let (home, ward) = (Home::new(), Household::new(9));
    let id = ward.id();
    // Small packs count as the smallest there should be: fifty fit.
    home.keeper.agree(&id, 50 << 16, 5, [3; 16]).unwrap();
    let packs = fill(&home, &ward, 0..47, 2000);
    let put = |number: u32, room: Room| {
        let (pack, content) = pack(number, 2000);
        home.keeper.put(&id, &pack, &content, room)
    };
    let full = |outcome| matches!(outcome, Err(KeeperError::Full { quota, used }) if used <= quota && quota == 50 << 16);
    assert!(full(put(60, Room::Common)), "photos don't take the reserve");
    // Held bytes still count: deleting makes no room at once.
    assert_eq!(home.keeper.delete(&id, &[packs[0].0, packs[1].0]).unwrap().held, 2);
    assert!(full(put(60, Room::Common)));
    put(70, Room::Reserve).unwrap();
    put(71, Room::Reserve).unwrap();
    put(72, Room::Reserve).unwrap();
    assert!(full(put(73, Room::Reserve)), "nor is the reserve without end");
    let head = ward.node(1, 0).head(1, None, 0);
    home.keeper.put_head(&id, head.as_bytes()).unwrap();
    assert_eq!(home.keeper.heads(&id).unwrap().len(), 1, "a head always finds room");
    assert_eq!(home.keeper.read(&id, &packs[0].0, 0..2000).unwrap(), packs[0].1, "nothing held was dropped");
    // A smaller quota takes nothing away either.
    home.keeper.agree(&id, 1000, 6, [3; 16]).unwrap();
    assert_eq!(ids(&home.keeper, &id).len(), 48);
    assert!(matches!(put(74, Room::Common), Err(KeeperError::Full { .. })));
}

#[test]
fn an_ended_agreement_is_held_too_and_may_be_taken_back() {
    let (home, ward) = agreed();
    let id = ward.id();
    let packs = fill(&home, &ward, 0..3, 2000);
    let head = ward.node(1, 0).head(1, None, 0);
    home.keeper.put_head(&id, head.as_bytes()).unwrap();
    home.keeper.end(&id).unwrap();
    let (one, content) = pack(9, 2000);
    assert!(matches!(home.keeper.put(&id, &one, &content, Room::Common), Err(KeeperError::NotAWard)));
    assert_eq!(home.keeper.ward(&id).unwrap().state, WardState::Ended);
    assert_eq!(home.keeper.heads(&id).unwrap().len(), 1, "it can still be restored from");
    home.days(29);
    home.keeper.collect().unwrap();
    assert_eq!(home.keeper.read(&id, &packs[0].0, 0..2000).unwrap(), packs[0].1);
    home.keeper.agree(&id, QUOTA, 6, [4; 16]).unwrap();
    assert_eq!(ids(&home.keeper, &id).len(), 3);
    home.keeper.end(&id).unwrap();
    home.days(30);
    assert_eq!(home.keeper.collect().unwrap().packs, 3);
    assert!(matches!(home.keeper.ward(&id), Err(KeeperError::NotAWard)));
    assert!(!home.place(&id).exists());
    assert_eq!(home.keeper.wards().unwrap(), []);
    home.keeper.agree(&id, QUOTA, 7, [4; 16]).unwrap();
    fill(&home, &ward, 0..3, 2000);
}

#[test]
fn kit_records_are_kept_and_bounded() {
    let (home, ward) = agreed();
    let id = ward.id();
    for number in 0..64_u8 {
        home.keeper.put_kit(&id, &[number; 100]).unwrap();
        home.keeper.put_kit(&id, &[number; 100]).unwrap();
    }
    assert!(matches!(home.keeper.put_kit(&id, &[64; 100]), Err(KeeperError::Wrong(_))));
    assert!(matches!(home.keeper.put_kit(&id, &[0; 20_000]), Err(KeeperError::TooLarge { .. })));
    home.keeper.put_kit(&id, &[5; 100]).unwrap();
    let home = home.restart();
    assert_eq!(home.keeper.kits(&id).unwrap().len(), 64);
    assert_eq!(home.keeper.ward(&id).unwrap().used, 6400);
}

#[test]
fn a_revoked_kit_goes_and_stays_away() {
    let (home, ward) = agreed();
    let id = ward.id();
    let (keeper, node) = (&home.keeper, ward.node(2, 0));
    let (one, two) = (ward.kit(1).encode(), ward.kit(2).encode());
    keeper.put_kit(&id, &one).unwrap();
    keeper.put_kit(&id, &two).unwrap();
    let refused = |kit: &[u8]| matches!(keeper.put_kit(&id, kit), Err(KeeperError::Wrong(_)));
    assert!(refused(&Household::new(8).kit(3).encode()), "another household's");
    assert!(refused(&Household::new(8).node(1, 0).revoke(&ward.kit(1))), "another household's word");
    keeper.put_head(&id, node.head(1, None, 0).as_bytes()).unwrap();
    assert!(refused(&ward.node(1, 0).revoke(&ward.kit(1))), "a node that was replaced revokes nothing");
    let revocation = node.revoke(&ward.kit(1));
    keeper.put_kit(&id, &revocation).unwrap();
    keeper.put_kit(&id, &revocation).unwrap();
    let mut kits = keeper.kits(&id).unwrap();
    kits.sort_unstable();
    let mut expected = vec![two, revocation];
    expected.sort_unstable();
    assert_eq!(kits, expected);
    assert!(refused(&one), "it doesn't come back");
}

/// What `heirloom vault write-usb` makes: a folder that a restore reads.
#[test]
fn a_copy_on_another_disk_is_complete_and_goes_on() {
    let (home, ward) = agreed();
    let id = ward.id();
    let packs = fill(&home, &ward, 0..6, 20_000);
    let chain = ward.node(1, 0).chain(2);
    chain.iter().for_each(|head| home.keeper.put_head(&id, head.as_bytes()).unwrap());
    home.keeper.put_kit(&id, b"a kit record").unwrap();
    world::flip(&home.pack_path(&id, &packs[2].0));
    let usb = home.scratch.path().join("usb");
    let stopped = home.keeper.write_copy(&id, &usb, [5; 16], &mut |copied| copied.packs < 2);
    assert!(matches!(stopped, Err(KeeperError::Busy)));
    let copied = home.keeper.write_copy(&id, &usb, [6; 16], &mut |_| true).unwrap();
    assert_eq!((copied.packs, copied.bytes), (5, 100_000));
    assert_eq!(home.keeper.ward(&id).unwrap().bad, 1, "the damaged one was noticed on the way");
    let expected = Expected { household: id, disks: vec![DiskId([5; 16])] };
    let folder = PackFolder::open(&usb, &expected, Arc::new(RealDisk)).unwrap();
    for (at, (pack, content)) in packs.iter().enumerate() {
        if at != 2 {
            assert_eq!(folder.read(pack, &(0..20_000)).unwrap(), *content);
        }
    }
    assert_eq!(folder.heads().unwrap(), [chain[1].clone(), chain[0].clone()]);
    assert_eq!(folder.kits().unwrap(), [b"a kit record".to_vec()]);
    let other = Household::new(8);
    home.keeper.agree(&other.id(), QUOTA, 5, [7; 16]).unwrap();
    let refused = home.keeper.write_copy(&other.id(), &usb, [8; 16], &mut |_| true);
    assert!(matches!(refused, Err(KeeperError::Wrong(_))));
}

#[test]
fn what_else_lies_in_the_folder_is_left_alone() {
    let (home, ward) = agreed();
    let id = ward.id();
    let packs = fill(&home, &ward, 0..2, 2000);
    let shard = home.pack_path(&id, &packs[0].0).parent().unwrap().to_owned();
    for name in ["notes.txt", "zz.pack", ".pack", "x"] {
        std::fs::write(shard.join(name), b"mine").unwrap();
    }
    std::fs::write(home.place(&id).join("heads/0000000001-00000000000000000001-00.head"), b"junk").unwrap();
    // A pack that is not in its folder, and a whole one that nobody recorded.
    let (stray, content) = pack(50, 2000);
    std::fs::write(home.place(&id).join("packs").join(format!("{stray}.pack")), &content).unwrap();
    let (known, content) = pack(51, 2000);
    std::fs::create_dir_all(home.pack_path(&id, &known).parent().unwrap()).unwrap();
    std::fs::write(home.pack_path(&id, &known), content).unwrap();
    let home = home.restart();
    assert_eq!(ids(&home.keeper, &id).len(), 3);
    assert!(proves(&home.keeper, &id, &known, 2000));
    assert_eq!(home.keeper.heads(&id).unwrap(), Vec::<Vec<u8>>::new());
    assert!(shard.join("notes.txt").exists());
}
