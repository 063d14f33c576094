//! The power goes while packs are made, sent, listed and deleted, on a disk that keeps only what was synced.
//!
//! The databases are real files and keep every commit: the harder case, since a row without its pack is a copy that is not
//! there.

use std::path::Path;
use std::sync::Arc;

use heirloom::vault::backup;
use heirloom_store::Disk;
use heirloom_testkit::CrashDisk;
use tokio_util::sync::CancellationToken;

use crate::homes::{DAY_MS, Scratch, add_folder, files_below, photo, photos, picture, run};
use crate::readback::Readback;
use crate::wait::wait_until_closed;

/// Runs on a disk whose power goes at a step; returns how many steps there were.
async fn live(scratch: &Scratch, crash_at: u64, seed: u64) -> u64 {
    let disk = CrashDisk::new(crash_at);
    {
        let opened = scratch.try_open_on(Arc::new(disk.clone()) as Arc<dyn Disk>);
        if let Ok(home) = opened {
            // It fails, or it was done before the power went.
            drop(backup::run(&home, &CancellationToken::new()).await);
            closed(home);
        }
    }
    disk.lose_power(seed).unwrap();
    disk.steps()
}

/// Lets go of a home, so that it can be opened again.
pub(crate) fn closed(home: Arc<heirloom::home::Home>) {
    let root = home.layout.root().to_owned();
    drop(home);
    wait_until_closed(&root);
}

/// Every file under a pack's final name is that pack.
fn check_packs(folder: &Path) {
    for (path, _) in files_below(&folder.join("packs")) {
        if path.extension().is_some_and(|ending| ending == "pack") {
            let bytes = std::fs::read(folder.join("packs").join(&path)).unwrap();
            let name = path.file_stem().unwrap().to_str().unwrap();
            assert_eq!(name, blake3::hash(&bytes).to_hex().as_str(), "an unreadable pack");
        }
    }
}

async fn check_all(scratch: &Scratch, folder: &Path, photos: u32) {
    check_packs(folder);
    let back = Readback::of_folder(folder, &scratch.phrase).await;
    let originals = back.originals().await;
    assert_eq!(originals.len(), photos as usize);
    for seed in 0..photos {
        let bytes = picture(seed);
        assert_eq!(originals[&heirloom_identity::ContentHash::of(&bytes)], bytes);
    }
}

/// Goal: whenever the power goes in a first run, no pack under a final name is damaged, a head that is there can be restored
/// from, and the next run completes everything. Method: cut the power at steps all over the run.
#[tokio::test(flavor = "multi_thread")]
async fn the_power_goes_anywhere_in_a_run() {
    let undisturbed = {
        let (scratch, folder) = prepared(3);
        let steps = live(&scratch, u64::MAX, 1).await;
        check_all(&scratch, &folder, 3).await;
        steps
    };
    assert!(undisturbed > 40, "only {undisturbed} steps");
    let lives = 14;
    for life in 0..lives {
        let step = undisturbed * life / lives;
        let (scratch, folder) = prepared(3);
        live(&scratch, step, life).await;
        check_packs(&folder);
        let home = scratch.open();
        run(&home).await;
        check_all(&scratch, &folder, 3).await;
    }
}

/// Goal: power cuts that follow each other over weeks of packing, merging and deleting lose nothing. Method: one home, a photo
/// and a cut at another step each day; now and then an undisturbed run and a look at everything.
#[tokio::test(flavor = "multi_thread")]
async fn power_cuts_may_follow_each_other() {
    let (scratch, folder) = prepared(0);
    for day in 0..30_u32 {
        {
            let home = scratch.open();
            photo(&home, day);
            closed(home);
        }
        let step = u64::from(day.wrapping_mul(37) % 90);
        live(&scratch, step, u64::from(day)).await;
        scratch.pass(DAY_MS);
        if day % 10 == 9 {
            let home = scratch.open();
            run(&home).await;
            check_all(&scratch, &folder, day + 1).await;
            closed(home);
        }
    }
}

fn prepared(count: u32) -> (Scratch, std::path::PathBuf) {
    let scratch = Scratch::new("Anna");
    let folder = scratch.beside("disk");
    let home = scratch.open();
    photos(&home, 0..count);
    add_folder(&home, &folder);
    closed(home);
    (scratch, folder)
}
