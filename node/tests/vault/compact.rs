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

/// Goal: a folder of one's own forgets what was deleted there 30 days ago, and then as much may be deleted as before. Method:
/// a photo a day until packs were merged, then a run a day for a month.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_deleted_is_gone_after_30_days() {
    let scratch = Scratch::new("Anna");
    let home = scratch.open();
    let folder = scratch.beside("disk");
    add_folder(&home, &folder);
    let deleted = || {
        let files = files_below(&folder).into_iter().map(|(path, _)| path);
        files
            .filter(|path| path.starts_with("fossils") && path.extension().is_some_and(|is| is == "pack"))
            .collect::<BTreeSet<_>>()
    };
    for seed in 0..8 {
        photo(&home, seed);
        run(&home).await;
        scratch.pass(DAY_MS);
    }
    let old = deleted();
    assert!(!old.is_empty());
    let target = home.vault.targets(&home).unwrap().remove(0).1;
    let before = target.state().await.unwrap().deletable.unwrap();
    for _ in 0..32 {
        run(&home).await;
        scratch.pass(DAY_MS);
    }
    assert!(deleted().is_disjoint(&old), "what was deleted is there for ever");
    assert!(target.state().await.unwrap().deletable.unwrap() > before, "no more may ever be deleted");
}
