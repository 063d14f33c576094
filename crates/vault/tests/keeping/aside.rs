//! Packs of which something can't be read: what may be moved aside, what not, and that the rest of them is read all the same.

use std::path::Path;
use std::sync::Arc;

use heirloom_store::RealDisk;
use heirloom_vault::folder::{Expected, PackFolder};
use heirloom_vault::target::FolderTarget;
use heirloom_vault::{Answer, KeeperError, Room, Target};

use crate::faults::{agreed, alarms, fill};
use crate::world::{self, Household, ids, pack, proves, question};

/// Has the system refuse to open a file, as it does where its owner is another one, and returns where it lies now.
fn lock_away(path: &Path) -> std::path::PathBuf {
    let kept = path.with_extension("kept");
    std::fs::rename(path, &kept).unwrap();
    // A link to itself.
    std::os::unix::fs::symlink(path, path).unwrap();
    kept
}

/// Puts something in a pack's place of which not a byte can be read: a folder of its name.
fn spoil(path: &Path) {
    std::fs::remove_file(path).unwrap();
    std::fs::create_dir(path).unwrap();
}

/// Goal: a pack that can't be opened is not taken for a rotten one: nothing is moved, nothing is said to be lost, and all is as
/// before when it can be opened again.
#[test]
fn what_cannot_be_opened_has_not_rotted() {
    let (home, ward) = agreed();
    let id = ward.id();
    let packs = fill(&home, &ward, 0..40, 2000);
    let held = packs[2].0;
    assert_eq!(home.keeper.delete(&id, &[held]).unwrap().held, 1);
    let paths = [0, 2].map(|at: usize| home.pack_path(&id, &packs[at].0));
    let kept = paths.clone().map(|path| lock_away(&path));
    let asked = [question(&packs[0].0, 2000, 0)];
    assert_eq!(home.keeper.prove(&id, &asked).unwrap(), [Answer::Busy]);
    assert!(home.keeper.put(&id, &packs[0].0, &packs[0].1, Room::Common).is_err());
    home.days(36);
    assert_eq!(home.keeper.scrub_step(u64::MAX).unwrap().bad, []);
    for (path, kept) in paths.iter().zip(kept) {
        assert!(path.is_symlink(), "it was moved");
        std::fs::rename(kept, path).unwrap();
    }
    assert!(proves(&home.keeper, &id, &packs[0].0, 2000));
    assert_eq!(home.keeper.read(&id, &held, 0..2000).unwrap(), packs[2].1);
    assert_eq!((ids(&home.keeper, &id).len(), alarms(&home)), (39, vec![]));
}

/// Goal: a pack whose deletion is held, against thieves, is not thrown away because part of it can't be read.
#[test]
fn a_held_pack_is_not_thrown_away_for_a_sector() {
    let (home, ward) = agreed();
    let id = ward.id();
    let packs = fill(&home, &ward, 0..40, 2000);
    assert_eq!(home.keeper.delete(&id, &[packs[0].0]).unwrap().held, 1);
    let path = home.pack_path(&id, &packs[0].0);
    spoil(&path);
    home.days(36);
    assert_eq!(home.keeper.scrub_step(u64::MAX).unwrap().bad, []);
    assert!(path.is_dir(), "the rest of it may be read");
    std::fs::remove_dir(&path).unwrap();
    std::fs::write(&path, &packs[0].1).unwrap();
    assert_eq!(home.keeper.read(&id, &packs[0].0, 0..2000).unwrap(), packs[0].1);
}

/// Goal: what was set aside for one bad place is sent again, and the rest of it is read until then, and no longer.
#[test]
fn the_rest_of_a_bad_pack_is_read_until_it_comes_again() {
    let (home, ward) = agreed();
    let id = ward.id();
    let (broken, content) = fill(&home, &ward, 0..1, 40_000).remove(0);
    let mut half = content.clone();
    half[30_000..].fill(0);
    std::fs::write(home.pack_path(&id, &broken), &half).unwrap();
    let asked: Vec<_> = (0..3).map(|group| question(&broken, content.len(), group)).collect();
    assert!(home.keeper.prove(&id, &asked).unwrap().contains(&Answer::Missing));
    assert_eq!(home.keeper.bad(&id, 10).unwrap(), [broken], "its home sends it again");
    assert_eq!(ids(&home.keeper, &id), []);
    let aside = home.place(&id).join("damaged").join(format!("{broken}.pack"));
    assert!(aside.is_file());
    assert_eq!(home.keeper.read(&id, &broken, 0..30_000).unwrap(), content[..30_000]);
    assert!(matches!(home.keeper.read(&id, &broken, 0..40_001), Err(KeeperError::Wrong(_))));
    world::cut(&aside);
    assert!(matches!(home.keeper.read(&id, &broken, 0..40_000), Err(KeeperError::Missing)));
    home.keeper.put(&id, &broken, &content, Room::Common).unwrap();
    assert_eq!(home.keeper.read(&id, &broken, 0..40_000).unwrap(), content);
    assert!(!aside.exists());
}

/// Goal: the same for a folder of the household's own.
#[tokio::test]
async fn a_folder_gives_what_is_left_of_a_pack() {
    let (scratch, ward) = (world::scratch(), Household::new(9));
    let place = scratch.path().join("vault");
    FolderTarget::create(&place, &ward.id(), [3; 16], Arc::new(RealDisk)).unwrap();
    let expected = Expected { household: ward.id(), disks: Vec::new() };
    let clock = Arc::new(|| 0);
    let target = FolderTarget::new(place.clone(), expected.clone(), Arc::new(RealDisk), clock).unwrap();
    let packs = [pack(1, 40_000), pack(2, 2000)];
    for (pack, content) in &packs {
        target.put(*pack, content.clone().into(), Room::Common).await.unwrap();
    }
    let folder = PackFolder::open(&place, &expected, Arc::new(RealDisk)).unwrap();
    folder.set_aside(&packs[0].0).unwrap();
    assert_eq!(target.get(packs[0].0, 0..40_000).await.unwrap(), packs[0].1);
    let name = packs[1].0.to_string();
    let path = place.join("packs").join(&name[..2]).join(format!("{name}.pack"));
    let kept = lock_away(&path);
    let asked = vec![question(&packs[0].0, 40_000, 0), question(&packs[1].0, 2000, 0)];
    let answers: Vec<_> = target.prove(asked).await.unwrap().into_iter().map(|(_, answer)| answer).collect();
    assert_eq!(answers, [Answer::Missing, Answer::Busy]);
    std::fs::rename(kept, &path).unwrap();
    assert_eq!(target.get(packs[1].0, 0..2000).await.unwrap(), packs[1].1);
}
