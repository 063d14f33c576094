//! Small packs become large ones, useless ones go, and nothing is lost by it.

use std::collections::BTreeSet;

use heirloom_vault::BlobKind;

use crate::homes::{DAY_MS, Scratch, add_folder, files_below, photo, picture, run};
use crate::readback::Readback;

/// Goal: after many small runs there are few packs, everything is readable, and an older head is, too, while its packs are
/// held. Method: a photo a day for a month, then look at the folder.
#[tokio::test(flavor = "multi_thread")]
async fn many_small_runs_leave_few_packs() {
    let scratch = Scratch::new("Anna");
    let home = scratch.open();
    let folder = scratch.beside("disk");
    add_folder(&home, &folder);
    let mut made = 0;
    let mut contents = Vec::new();
    for seed in 0..24 {
        contents.push(photo(&home, seed));
        made += run(&home).await.packs;
        scratch.pass(DAY_MS);
    }
    for _ in 0..3 {
        made += run(&home).await.packs;
        scratch.pass(DAY_MS);
    }
    let packs = files_below(&folder.join("packs"))
        .into_iter()
        .filter(|(path, _)| path.extension().unwrap() == "pack");
    let left = packs.count() as u64;
    assert!(left * 2 < made, "{left} of {made} packs are left");
    let back = Readback::of_folder(&folder, &scratch.phrase).await;
    let originals = back.originals().await;
    for (seed, content) in (0..).zip(&contents) {
        assert_eq!(originals[content], picture(seed));
    }
    assert_eq!(back.index.of_kind(BlobKind::Thumbnail).count(), contents.len());
    let listed: BTreeSet<_> = back.index.packs().iter().map(|pack| pack.id).collect();
    assert!(listed.len() as u64 <= left, "{} packs are listed and {left} are there", listed.len());
}
