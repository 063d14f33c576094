//! What wears out with the years: files that can't be read, packs that rot while they are held, wards that end.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use heirloom_store::RealDisk;
use heirloom_vault::folder::{Expected, PackFolder};
use heirloom_vault::{KeeperError, PackId};

use crate::faults::{agreed, alarms, fill};
use crate::world::{self, Home, Household, QUOTA, ids, pack, proves};

/// Files that can be neither read nor removed, here folders in their place, shut nobody out.
#[test]
fn an_unreadable_file_harms_no_other() {
    let (home, ward) = agreed();
    let id = ward.id();
    let packs = fill(&home, &ward, 0..40, 2000);
    let spoil = |pack: &PackId| {
        let path = home.pack_path(&id, pack);
        std::fs::remove_file(&path).unwrap_or_default();
        std::fs::create_dir_all(path.join("full")).unwrap();
    };
    let unknown = pack(90, 2000).0;
    std::fs::create_dir_all(home.pack_path(&id, &unknown).parent().unwrap()).unwrap();
    [&unknown, &packs[5].0].into_iter().for_each(spoil);
    assert_eq!(home.keeper.delete(&id, &[packs[0].0, packs[1].0]).unwrap().held, 2);
    let home = home.restart();
    assert_eq!(ids(&home.keeper, &id).len(), 37);
    assert_eq!(home.keeper.bad(&id, 10).unwrap(), [packs[5].0]);
    let spoil = |pack: &PackId| {
        std::fs::remove_file(home.pack_path(&id, pack)).unwrap();
        std::fs::create_dir_all(home.pack_path(&id, pack).join("full")).unwrap();
    };
    spoil(&packs[0].0);
    home.days(31);
    assert_eq!(home.keeper.collect().unwrap().packs, 1, "the other one goes all the same");
    assert!(!home.pack_path(&id, &packs[1].0).exists());
    assert!(proves(&home.keeper, &id, &packs[9].0, 2000));
}

/// Goal: on a share that two computers use, neither takes the other's half-written file for its own or removes it. Method:
/// drafts of another opening, young and old, and two openings that write.
#[test]
fn drafts_of_another_computer_stay() {
    let (home, ward) = agreed();
    let id = ward.id();
    let drafts = home.place(&id).join("drafts");
    for (name, days) in [("young.part", 0), ("old.part", 2)] {
        let file = std::fs::File::create(drafts.join(name)).unwrap();
        file.set_modified(SystemTime::now() - Duration::from_secs(days * 24 * 60 * 60)).unwrap();
    }
    let home = home.restart();
    assert_eq!(ids(&home.keeper, &id), []);
    let left: Vec<_> = std::fs::read_dir(&drafts).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["young.part"]);
    let expected = Expected { household: id, disks: Vec::new() };
    let open = || PackFolder::open(&home.place(&id), &expected, Arc::new(RealDisk)).unwrap();
    let (one, other) = (open(), open());
    let packs: Vec<_> = (0..20).map(|number| pack(number, 2000)).collect();
    std::thread::scope(|threads| {
        for folder in [&one, &other] {
            threads.spawn(|| packs.iter().for_each(|(pack, content)| folder.put(pack, content).unwrap()));
        }
    });
    assert!(packs.iter().all(|(pack, _)| one.check(pack).is_ok()));
}

/// A deleted pack that rots is nobody's loss.
#[test]
fn held_packs_that_rot_are_forgotten() {
    let (home, ward) = agreed();
    let id = ward.id();
    let packs = fill(&home, &ward, 0..40, 2000);
    assert_eq!(home.keeper.delete(&id, &[packs[0].0, packs[1].0]).unwrap().held, 2);
    world::flip(&home.pack_path(&id, &packs[0].0));
    world::cut(&home.pack_path(&id, &packs[1].0));
    assert!(matches!(home.keeper.read(&id, &packs[1].0, 0..2000), Err(KeeperError::Missing)));
    home.days(29);
    while home.keeper.scrub_step(u64::MAX).unwrap().packs > 0 {
        home.days(2);
    }
    assert_eq!((home.keeper.bad(&id, 10).unwrap(), alarms(&home)), (vec![], vec![]));
    assert_eq!(home.keeper.ward(&id).unwrap().held, 0);
    assert!(!home.pack_path(&id, &packs[0].0).exists());
}

/// A ward with a backlog leaves the others their turn.
#[test]
fn every_ward_is_read_in_its_turn() {
    let home = Home::new();
    let wards = [Household::new(9), Household::new(8), Household::new(7)];
    for ward in &wards {
        home.keeper.agree(&ward.id(), QUOTA, 5, [3; 16]).unwrap();
        fill(&home, ward, 0..if ward.id() == wards[2].id() { 5 } else { 60 }, 2000);
    }
    let last = home.pack_path(&wards[2].id(), &pack(3, 2000).0);
    world::flip(&last);
    home.days(36);
    let found: usize = (0..3).map(|_| home.keeper.scrub_step(10_000).unwrap().bad.len()).sum();
    assert_eq!(found, 1);
}

/// The uncle ends the agreement, the house burns down, he writes the disk: everything that is held is on it.
#[test]
fn a_copy_of_an_ended_ward_has_what_is_held() {
    let (home, ward) = agreed();
    let id = ward.id();
    let packs = fill(&home, &ward, 0..40, 2000);
    home.keeper.put_head(&id, ward.node(1, 0).head(1, None, 0).as_bytes()).unwrap();
    assert_eq!(home.keeper.delete(&id, &[packs[0].0]).unwrap().held, 1);
    let copy = |name: &str| {
        let place = home.scratch.path().join(name);
        home.keeper.write_copy(&id, &place, [5; 16], &mut |_| true).map(|copied| (copied, place))
    };
    let (copied, _) = copy("kept").unwrap();
    assert_eq!((copied.packs, copied.packs_total, copied.bad), (40, 40, 0), "older heads speak of held ones");
    home.keeper.end(&id).unwrap();
    let (copied, place) = copy("ended").unwrap();
    assert_eq!((copied.packs, copied.packs_total, copied.bytes), (40, 40, 80_000));
    let expected = Expected { household: id, disks: Vec::new() };
    let folder = PackFolder::open(&place, &expected, Arc::new(RealDisk)).unwrap();
    assert!(packs.iter().all(|(pack, _)| folder.check(pack).is_ok()));
    // Once nothing is left to copy, nobody hears that the disk is done.
    packs.iter().for_each(|(pack, _)| std::fs::remove_file(home.pack_path(&id, pack)).unwrap());
    assert!(matches!(copy("empty"), Err(KeeperError::Wrong(_))));
    let empty = PackFolder::open(&home.scratch.path().join("empty"), &expected, Arc::new(RealDisk)).unwrap();
    assert_eq!(empty.heads().unwrap(), []);
}
