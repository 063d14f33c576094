//! Photos that stand in two packs, and packs whose bytes cannot be had any more.

use std::path::PathBuf;
use std::sync::Arc;

use heirloom::home::Home;
use heirloom::vault::backup::{Ended, RunReport};
use heirloom::vault::{drills, heal};
use heirloom_identity::ContentHash;
use heirloom_vault::policy::TargetId;
use heirloom_vault::{BlobKind, PackId, Packer, Room, SealedPack};
use tokio_util::sync::CancellationToken;

use crate::homes::{DAY_MS, Scratch, add_folder, files_below, household, original, photo, picture, run};
use crate::readback::{self, Readback};

fn stop() -> CancellationToken {
    CancellationToken::new()
}

/// A home whose photos are all in one folder, packed by as many runs as there are photos.
async fn backed_up(count: u32) -> (Scratch, Arc<Home>, Vec<ContentHash>, TargetId) {
    let scratch = Scratch::new("Anna");
    let home = scratch.open();
    let id = add_folder(&home, &scratch.beside("disk"));
    let mut contents = Vec::new();
    for seed in 0..count {
        contents.push(photo(&home, seed));
        run(&home).await;
    }
    (scratch, home, contents, id)
}

/// Packs an original and its pictures once more, and has the folder prove it.
async fn pack_once_more(scratch: &Scratch, home: &Home, content: &ContentHash, id: TargetId) {
    let keys = home.keys.vault().unwrap();
    let mut packer = Packer::new(keys.keyring.newest().clone(), household(home), Box::new(|| [9; 32]));
    let places = home.derivatives(content);
    let mut sealed: Vec<SealedPack> = Vec::new();
    for (kind, path) in [
        (BlobKind::Thumbnail, places.thumbnail),
        (BlobKind::Preview, places.preview),
        (BlobKind::Original, original(home, content)),
    ] {
        let bytes = std::fs::read(path).unwrap();
        let mut out = |pack| {
            sealed.push(pack);
            Ok(())
        };
        let blob = ContentHash::of(&bytes);
        packer.add(kind, blob, bytes.len() as u64, &mut bytes.as_slice(), &mut out).unwrap();
    }
    sealed.extend(packer.flush());
    let target = readback::target(&scratch.beside("disk"), &household(home));
    for SealedPack { pack, entries, bytes } in sealed {
        target.put(pack.id, bytes.into(), Room::Common).await.unwrap();
        let store = &home.vault.store;
        store.record_pack(&pack, &entries, home.vault.engine.now()).unwrap();
        let assigned = heirloom_vault::policy::placement::Assignment { pack: pack.id, target: id };
        store.assign(&[assigned]).unwrap();
        store.mark_proven(id, &[pack.id], home.vault.engine.now()).unwrap();
    }
}

/// Where a pack lies in the folder.
fn pack_file(scratch: &Scratch, pack: &PackId) -> PathBuf {
    let folder = scratch.beside("disk/packs");
    let files = files_below(&folder).into_iter();
    let mut files = files.filter(|(path, _)| path.file_name().unwrap() == format!("{pack}.pack").as_str());
    folder.join(files.next().unwrap().0)
}

/// Removes the packs that a blob is looked for in first.
fn lose(scratch: &Scratch, home: &Home, blob: &ContentHash) {
    let located = home.vault.store.locate(blob).unwrap().unwrap();
    for (pack, _) in &located.pieces {
        let path = pack_file(scratch, &pack.id);
        std::fs::remove_file(path).unwrap();
    }
}

/// Goal: a photo that stands in two packs comes back from the second when the first is lost everywhere: when it is missing,
/// when somebody looks at it, and in a drill.
#[tokio::test(flavor = "multi_thread")]
async fn a_photo_comes_back_from_its_second_pack() {
    let (scratch, home, contents, id) = backed_up(1).await;
    let content = contents[0];
    pack_once_more(&scratch, &home, &content, id).await;
    let photo = home.vault.store.picture_of(&content).unwrap().unwrap();
    let first: Vec<PackId> = [content, photo.picture.thumbnail.unwrap()]
        .iter()
        .flat_map(|blob| home.vault.store.locate(blob).unwrap().unwrap().pieces)
        .map(|(pack, _)| pack.id)
        .collect();
    lose(&scratch, &home, &content);
    lose(&scratch, &home, &photo.picture.thumbnail.unwrap());

    let path = original(&home, &content);
    std::fs::remove_file(&path).unwrap();
    let healed = heal::mend(&home, &stop()).await.unwrap();
    assert_eq!((healed.healed, healed.left), (1, 0));
    assert_eq!(std::fs::read(&path).unwrap(), picture(0));

    let thumbnail = home.derivatives(&content).thumbnail;
    let bytes = std::fs::read(&thumbnail).unwrap();
    std::fs::remove_file(&thumbnail).unwrap();
    assert_eq!(heal::demand(&home, content, BlobKind::Thumbnail).await, Ok(()));
    assert_eq!(std::fs::read(&thumbnail).unwrap(), bytes);

    home.vault.store.mark_lost(id, &first, home.vault.engine.now()).unwrap();
    let report = drills::run(&home, 1, &stop()).await.unwrap();
    assert_eq!((report.photos, report.problems, report.unreachable), (1, 0, 0));
}

fn ended(report: &RunReport, id: TargetId) -> Option<Ended> {
    report.places.iter().find(|place| place.target == id).unwrap().ended
}

/// Goal: packs that nobody can send are no fault of the place that waits for them, and it gets everything else. Once the only
/// place that has them is given up, what stands in them is packed anew. Method: a folder that goes away with many packs of
/// pictures, which cannot be written again here because the pictures were made anew; a second folder.
#[tokio::test(flavor = "multi_thread")]
async fn packs_that_cannot_be_had_hold_up_nothing() {
    let (scratch, home, contents, _) = backed_up(7).await;
    for content in &contents {
        let places = home.derivatives(content);
        for path in [places.thumbnail, places.preview] {
            std::fs::remove_file(path).unwrap();
        }
    }
    std::fs::rename(scratch.beside("disk"), scratch.beside("away")).unwrap();
    let second = add_folder(&home, &scratch.beside("second"));
    let report = run(&home).await;
    assert_eq!(ended(&report, second), Some(Ended::Done), "{report:?}");
    let back = Readback::of_folder(&scratch.beside("second"), &scratch.phrase).await;
    assert_eq!(back.originals().await.len(), contents.len());
    assert!(!home.vault.store.pending_for(second, 1).unwrap().is_empty(), "the pictures are waited for");

    scratch.pass(15 * DAY_MS);
    run(&home).await;
    run(&home).await;
    assert!(home.vault.store.pending_for(second, 1).unwrap().is_empty(), "nobody waits for them any more");
}

/// Goal: of an original that is damaged here, the pack that may hold the last copy is never given up, whoever has it and for
/// however long they are away; the others in it are packed anew. When the place comes back, the original does, too.
#[tokio::test(flavor = "multi_thread")]
async fn the_pack_with_the_last_copy_of_an_original_stays_known() {
    let scratch = Scratch::new("Anna");
    let home = scratch.open();
    let contents: Vec<_> = (0..4).map(|seed| photo(&home, seed)).collect();
    let first = add_folder(&home, &scratch.beside("disk"));
    run(&home).await;
    let path = original(&home, &contents[1]);
    std::fs::write(&path, b"not a photo").unwrap();
    std::fs::rename(scratch.beside("disk"), scratch.beside("away")).unwrap();
    let second = add_folder(&home, &scratch.beside("second"));
    run(&home).await;
    scratch.pass(15 * DAY_MS);
    run(&home).await;
    run(&home).await;
    let at_second = |content: &ContentHash| home.vault.store.locate_at(content, second).unwrap().is_some();
    let there: Vec<bool> = contents.iter().map(at_second).collect();
    assert_eq!(there, [true, false, true, true]);

    std::fs::rename(scratch.beside("away"), scratch.beside("disk")).unwrap();
    for _ in 0..3 {
        scratch.pass(15 * DAY_MS);
        run(&home).await;
    }
    assert!(home.vault.store.locate_at(&contents[1], first).unwrap().is_some(), "nothing of it was deleted");
    heal::repair(&home, &stop()).await.unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), picture(1));
    run(&home).await;
    assert!(at_second(&contents[1]), "it is in the second place, too");
}
