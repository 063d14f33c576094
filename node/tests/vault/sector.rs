//! Sectors of the home's disk that failed: whatever lies on them comes back from a copy, and nothing else waits for it.
#![cfg(target_os = "linux")]

use std::path::Path;

use heirloom::vault::audits::{self, Scope};
use heirloom::vault::heal;
use heirloom::vault::status::status;
use heirloom_vault::policy::Policy;
use heirloom_vault::store::OriginalState;
use tokio_util::sync::CancellationToken;

use crate::homes::{DAY_MS, Scratch, add_folder, files_below, original, photo, picture, run};

/// Puts something in a file's place of which the system says what it says of a sector that failed: the memory of this process,
/// of which the first page is nobody's.
fn spoil(path: &Path) {
    std::fs::remove_file(path).unwrap();
    std::os::unix::fs::symlink("/proc/self/mem", path).unwrap();
    let read = std::fs::read(path).unwrap_err();
    assert_eq!(read.raw_os_error(), Some(5), "{read}");
}

/// Goal: an original that can't be read is healed like one that rotted, and the others are read as always; one of which there
/// is no copy is said to be lost, and keeps no other from being copied; a pack that can't be read is sent again.
#[tokio::test(flavor = "multi_thread")]
async fn what_lies_on_a_broken_sector_comes_back() {
    let (scratch, stop) = (Scratch::new("Anna"), CancellationToken::new());
    let home = scratch.open();
    let contents: Vec<_> = (0..4).map(|seed| photo(&home, seed)).collect();
    let folder = scratch.beside("disk");
    let id = add_folder(&home, &folder);
    run(&home).await;
    let path = original(&home, &contents[1]);
    spoil(&path);
    scratch.pass(35 * DAY_MS);
    let report = heal::scrub(&home, 1 << 30, &stop).await.unwrap();
    assert_eq!((report.read, report.bad, report.healed), (4, 1, 1));
    assert_eq!(std::fs::read(&path).unwrap(), picture(1));
    let below = path.strip_prefix(home.layout.library()).unwrap();
    assert!(home.layout.damaged().join(below).is_symlink(), "it is set aside");

    let (lost, well) = (photo(&home, 20), photo(&home, 21));
    spoil(&original(&home, &lost));
    run(&home).await;
    assert!(home.vault.store.has(&well).unwrap() && !home.vault.store.has(&lost).unwrap());
    heal::scrub(&home, 1 << 30, &stop).await.unwrap();
    assert_eq!(home.vault.store.picture_of(&lost).unwrap().unwrap().original, OriginalState::Damaged);
    let reasons = status(&home).unwrap().reasons;
    assert!(reasons.iter().any(|reason| reason.kind == "originalsLost"), "{reasons:?}");

    let packs = files_below(&folder.join("packs")).into_iter();
    let mut packs: Vec<_> = packs.filter(|(path, _)| path.extension().unwrap() == "pack").collect();
    packs.sort_by_key(|(_, bytes)| *bytes);
    let pack = folder.join("packs").join(&packs.last().unwrap().0);
    let before = std::fs::read(&pack).unwrap();
    spoil(&pack);
    let audited = audits::run(&home, Scope::Everything, 1, &stop).await.unwrap();
    assert_eq!((audited.missing + audited.wrong, audited.ok), (1, audited.asked - 1), "{audited:?}");
    run(&home).await;
    assert_eq!(std::fs::read(&pack).unwrap(), before);
    let overview = home.vault.store.overview(home.vault.engine.now(), &Policy::default()).unwrap();
    assert_eq!(overview.targets[&id].photos, 5);
}
