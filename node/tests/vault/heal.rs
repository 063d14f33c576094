//! Originals that rot or vanish come back by themselves.

use std::sync::Arc;

use heirloom::home::Home;
use heirloom::vault::heal::{self, Unreachable};
use heirloom_identity::ContentHash;
use heirloom_vault::BlobKind;
use tokio_util::sync::CancellationToken;

use crate::homes::{DAY_MS, Scratch, add_folder, original, photo, picture, run};

const BUDGET: u64 = 1 << 30;

async fn backed_up(photos: u32) -> (Scratch, Arc<Home>, Vec<ContentHash>) {
    let scratch = Scratch::new("Anna");
    let home = scratch.open();
    let contents = (0..photos).map(|seed| photo(&home, seed)).collect();
    add_folder(&home, &scratch.beside("disk"));
    run(&home).await;
    (scratch, home, contents)
}

fn stop() -> CancellationToken {
    CancellationToken::new()
}

/// Goal: a bit that rots in an original is found within 35 days, the photo is restored bit for bit under its name, and the
/// bad file is set aside. Nobody asks for it.
#[tokio::test(flavor = "multi_thread")]
async fn a_rotten_original_is_healed() {
    let (scratch, home, contents) = backed_up(5).await;
    let path = original(&home, &contents[2]);
    let mut rotten = picture(2);
    rotten[1000] ^= 4;
    std::fs::write(&path, &rotten).unwrap();
    let report = heal::scrub(&home, BUDGET, &stop()).await.unwrap();
    assert_eq!(report.read, 0, "nothing is due yet");
    scratch.pass(35 * DAY_MS);
    let report = heal::scrub(&home, BUDGET, &stop()).await.unwrap();
    assert_eq!((report.read, report.bad, report.healed), (5, 1, 1));
    assert_eq!(std::fs::read(&path).unwrap(), picture(2));
    let below = path.strip_prefix(home.layout.library()).unwrap();
    assert_eq!(
        std::fs::read(home.layout.damaged().join(below)).unwrap(),
        rotten,
        "it is set aside, not deleted"
    );
    let heals = home.vault.store.heals(10).unwrap();
    assert_eq!(heals.len(), 1);
    assert_eq!((heals[0].content, heals[0].name.as_str()), (contents[2], "IMG_2.png"));
    assert!(heals[0].target.is_some(), "it is said where it came from");
    let again = heal::scrub(&home, BUDGET, &stop()).await.unwrap();
    assert_eq!(again.read, 0, "the next time is weeks away");
}

/// Goal: a photo whose bits rotted while no copy can be reached stays where it is, is told of, and is healed later.
#[tokio::test(flavor = "multi_thread")]
async fn a_rotten_original_without_a_copy_stays() {
    let (scratch, home, contents) = backed_up(2).await;
    let path = original(&home, &contents[0]);
    std::fs::write(&path, b"not a photo").unwrap();
    std::fs::rename(scratch.beside("disk"), scratch.beside("away")).unwrap();
    scratch.pass(35 * DAY_MS);
    let report = heal::scrub(&home, BUDGET, &stop()).await.unwrap();
    assert_eq!((report.bad, report.healed), (1, 0));
    assert_eq!(std::fs::read(&path).unwrap(), b"not a photo");
    let kinds = |home: &Home| -> Vec<String> {
        home.vault.store.alarms().unwrap().into_iter().map(|alarm| alarm.kind).collect()
    };
    assert_eq!(kinds(&home), ["originals-away"]);
    std::fs::rename(scratch.beside("away"), scratch.beside("disk")).unwrap();
    heal::mend(&home, &stop()).await.unwrap();
    heal::scrub(&home, BUDGET, &stop()).await.unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), picture(0));
    heal::mend(&home, &stop()).await.unwrap();
    assert_eq!(kinds(&home), [""; 0]);
}

/// Goal: originals that are gone come back, the same under the same names; those that are there are left alone.
#[tokio::test(flavor = "multi_thread")]
async fn missing_originals_come_back() {
    let (_scratch, home, contents) = backed_up(8).await;
    let gone: Vec<_> = contents[..5].iter().map(|content| original(&home, content)).collect();
    gone.iter().for_each(|path| std::fs::remove_file(path).unwrap());
    let healed = heal::mend(&home, &stop()).await.unwrap();
    assert_eq!((healed.healed, healed.left), (5, 0));
    for (seed, path) in (0..).zip(&gone) {
        assert_eq!(std::fs::read(path).unwrap(), picture(seed));
    }
    assert_eq!(home.vault.store.heals(10).unwrap().len(), 5);
    assert_eq!(std::fs::read_dir(home.layout.inbox()).unwrap().count(), 0);
    assert_eq!(heal::mend(&home, &stop()).await.unwrap().healed, 0);
}

/// Goal: a library whose disk is not mounted is not fetched into the empty folder.
#[tokio::test(flavor = "multi_thread")]
async fn a_library_that_is_away_is_left_alone() {
    let (scratch, home, _) = backed_up(3).await;
    let library = home.layout.library();
    std::fs::rename(&library, scratch.beside("unmounted")).unwrap();
    std::fs::create_dir(&library).unwrap();
    scratch.pass(36 * DAY_MS);
    assert_eq!(heal::mend(&home, &stop()).await.unwrap().healed, 0);
    assert_eq!(heal::scrub(&home, BUDGET, &stop()).await.unwrap().bad, 0);
    assert_eq!(std::fs::read_dir(&library).unwrap().count(), 0);
    assert_eq!(home.vault.store.alarms().unwrap()[0].kind, "library-away");
    // A person who knows that the disk is lost asks for it.
    let healed = heal::repair(&home, &stop()).await.unwrap();
    assert_eq!((healed.healed, healed.left), (3, 0));
}

/// Goal: what somebody looks at comes at once, once, whoever asks.
#[tokio::test(flavor = "multi_thread")]
async fn one_photo_comes_on_demand() {
    let (scratch, home, contents) = backed_up(3).await;
    let (path, places) = (original(&home, &contents[1]), home.derivatives(&contents[1]));
    let (thumbnail, preview) =
        (std::fs::read(&places.thumbnail).unwrap(), std::fs::read(&places.preview).unwrap());
    for path in [&path, &places.thumbnail, &places.preview] {
        std::fs::remove_file(path).unwrap();
    }
    let ask = |kind| heal::demand(&home, contents[1], kind);
    let asked = tokio::join!(
        ask(BlobKind::Thumbnail),
        ask(BlobKind::Preview),
        ask(BlobKind::Original),
        ask(BlobKind::Original)
    );
    assert_eq!(asked, (Ok(()), Ok(()), Ok(()), Ok(())));
    assert_eq!(std::fs::read(&path).unwrap(), picture(1));
    assert_eq!(std::fs::read(&places.thumbnail).unwrap(), thumbnail);
    assert_eq!(std::fs::read(&places.preview).unwrap(), preview);
    let unknown = heal::demand(&home, ContentHash::of(b"nothing"), BlobKind::Original).await;
    assert_eq!(unknown, Err(Unreachable::NotKept));
    std::fs::remove_file(&path).unwrap();
    std::fs::rename(scratch.beside("disk"), scratch.beside("away")).unwrap();
    assert_eq!(ask(BlobKind::Original).await, Err(Unreachable::Off));
}

/// Goal: photos that were not there while copies were made are copied once they are there again, without anybody asking.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_away_while_copies_were_made_is_copied_later() {
    let scratch = Scratch::new("Anna");
    let home = scratch.open();
    let contents: Vec<_> = (0..3).map(|seed| photo(&home, seed)).collect();
    let path = original(&home, &contents[1]);
    std::fs::rename(&path, scratch.beside("away")).unwrap();
    add_folder(&home, &scratch.beside("disk"));
    run(&home).await;
    assert!(!home.vault.store.has(&contents[1]).unwrap());
    std::fs::rename(scratch.beside("away"), &path).unwrap();
    // Whoever was told of it has forgotten it since.
    crate::crash::closed(home);
    let home = scratch.open();
    heal::mend(&home, &stop()).await.unwrap();
    run(&home).await;
    assert!(home.vault.store.has(&contents[1]).unwrap());
}
