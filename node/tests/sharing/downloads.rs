//! Fetching: pictures first, originals by choice, going on where it was, and one bad file stopping nothing.

use heirloom::ledger::albums::Keep;
use heirloom::ledger::shared_files::FileKind;
use heirloom::sharing::originals::{OriginalState, original_state};
use heirloom::sharing::{missing, pictures};
use heirloom_identity::{ContentHash, Role};
use heirloom_spaces::{AlbumEdit, Blob};

use crate::family::{Place, picture, two};

/// How much of an album is here.
fn progress(place: &Place, space: &heirloom_identity::SpaceId) -> missing::Progress {
    let album = place.home.albums.album(space).unwrap().unwrap();
    missing::look(&place.home, &album).unwrap().progress
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_comes_and_lies_where_a_person_finds_it() {
    let (anna, ben) = two().await;
    let space = anna.album("Sea: 2024/25");
    let photos: Vec<_> = (0..12).map(|seed| anna.photo(seed)).collect();
    for (asset, _) in &photos {
        anna.add(&space, *asset);
    }
    anna.share(&space, &ben, Role::Contributor);
    ben.has_album(&space).await;
    ben.until("everything is there", || {
        let progress = progress(&ben, &space);
        progress.originals.of == 12 && progress.originals.have == 12 && progress.bytes_missing == 0
    })
    .await;
    let whole = progress(&ben, &space);
    assert_eq!((whole.thumbnails.have, whole.previews.have), (12, 12));
    let folder = ben.home.layout.library().join("shared").join("Sea_ 2024-25");
    for (seed, (_, content)) in photos.iter().enumerate() {
        let path = folder.join(format!("IMG_{seed}.png"));
        assert_eq!(
            std::fs::read(&path).unwrap(),
            picture(u32::try_from(seed).unwrap()),
            "{}",
            path.display()
        );
        let (album, entry) = (ben.has_album(&space).await, ben.has_entry(&space, content).await);
        assert_eq!(original_state(&ben.home, &album, &entry).unwrap(), OriginalState::Here);
    }
    let left: Vec<_> = std::fs::read_dir(ben.home.layout.inbox().join("shared")).unwrap().collect();
    assert!(left.is_empty(), "{left:?}");
    let known = ben.home.ledger.totals().unwrap();
    assert_eq!(known, (0, 0), "nothing of it became Ben's own");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_home_keeps_what_it_chose_to_keep() {
    let (anna, ben) = two().await;
    let space = anna.album("Sea");
    ben.home.ledger.set_keep(space, Keep::Demand).unwrap();
    let (asset, _) = anna.photo(1);
    anna.add(&space, asset);
    anna.share(&space, &ben, Role::Viewer);
    ben.has_album(&space).await;
    let have = |thumbnails, previews, originals| {
        let now = progress(&ben, &space);
        (now.thumbnails.have, now.previews.have, now.originals.have) == (thumbnails, previews, originals)
    };
    ben.until("the thumbnail", || have(1, 0, 0)).await;
    for (keep, previews, originals) in [(Keep::Previews, 1, 0), (Keep::Originals, 1, 1)] {
        ben.home.ledger.set_keep(space, keep).unwrap();
        ben.home.sharing.touched(&space);
        ben.home.sharing.wake();
        ben.until("what is kept now", || have(1, previews, originals)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_own_photos_only_the_pictures_are_fetched() {
    let (anna, ben) = two().await;
    let space = anna.album("Sea");
    let (asset, content) = anna.photo(1);
    ben.photo(1);
    anna.add(&space, asset);
    anna.share(&space, &ben, Role::Viewer);
    ben.has_entry(&space, &content).await;
    ben.until("nothing is missing", || {
        let now = progress(&ben, &space);
        (now.thumbnails.have, now.previews.have, now.originals.have) == (1, 1, 1)
    })
    .await;
    // Who named the photo is asked for its pictures, and does not learn that Ben has the very same.
    assert_eq!(ben.home.ledger.shared_file(&content).unwrap(), None);
    let received = ben.home.ledger.all_received(&space).unwrap();
    assert!(received.len() == 2 && received.iter().all(|(_, kind)| *kind != FileKind::Original));
    // In an album of his own nothing is asked for.
    let own = ben.album("Own");
    ben.add(&own, heirloom_identity::AssetId::derive(&ben.account, &content));
    let now = progress(&ben, &own);
    assert_eq!((now.thumbnails.have, now.previews.have, now.bytes_missing), (1, 1, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn one_bad_picture_stops_nothing() {
    let (anna, ben) = two().await;
    let space = anna.album("Sea");
    let (bad, content) = anna.photo(1);
    let (good, _) = anna.photo(2);
    anna.add(&space, bad);
    // Anna's node hands out bytes that are what it says they are, and no picture.
    let junk = b"RIFF\x04\0\0\0WEBP".to_vec();
    let hash = ContentHash::of(&junk);
    let mut facts = anna.home.albums.entry(&space, &content).unwrap().unwrap().facts;
    facts.thumbnail = Some(Blob { hash, bytes: u32::try_from(junk.len()).unwrap() });
    anna.home.albums.edit(&space, anna.account, &[AlbumEdit::RemoveEntries(vec![content])], 0).unwrap();
    anna.home.albums.edit(&space, anna.account, &[AlbumEdit::Add(vec![facts])], 0).unwrap();
    let place = pictures::place(&anna.home, &hash);
    std::fs::create_dir_all(place.parent().unwrap()).unwrap();
    std::fs::write(&place, &junk).unwrap();
    anna.add(&space, good);
    anna.share(&space, &ben, Role::Viewer);
    ben.has_album(&space).await;
    ben.until("all but the bad one", || {
        let now = progress(&ben, &space);
        (now.thumbnails.have, now.previews.have, now.originals.have) == (1, 2, 2)
    })
    .await;
    assert!(!pictures::place(&ben.home, &hash).exists(), "what is no picture is not kept");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_picture_with_something_behind_it_is_refused() {
    let anna = Place::found("Anna").await;
    let (_, content) = anna.photo(1);
    let preview = std::fs::read(anna.home.derivatives(&content).preview).unwrap();
    let draft = anna.home.layout.inbox().join("draft");
    for (bytes, is_taken) in [([&preview[..], b"more"].concat(), false), (preview, true)] {
        let hash = ContentHash::of(&bytes);
        std::fs::write(&draft, &bytes).unwrap();
        let taken = pictures::take_in(&anna.home, FileKind::Preview, &hash, &draft);
        assert_eq!(taken.is_ok(), is_taken, "{taken:?}");
        assert_eq!(pictures::place(&anna.home, &hash).exists(), is_taken);
        assert!(!draft.exists());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_goes_on_and_loses_nothing() {
    let (anna, mut ben) = two().await;
    let space = anna.album("Sea");
    let photos: Vec<_> = (0..5).map(|seed| anna.photo(seed)).collect();
    for (asset, _) in &photos {
        anna.add(&space, *asset);
    }
    ben.stop_downloads().await;
    anna.share(&space, &ben, Role::Viewer);
    ben.has_entry(&space, &photos[4].1).await;
    assert_eq!(progress(&ben, &space).thumbnails.have, 0);
    let folder = ben.stop().await;
    let ben = Place::start(folder).await;
    ben.until("everything is there", || {
        let progress = progress(&ben, &space);
        (progress.originals.have, progress.thumbnails.have) == (5, 5)
    })
    .await;

    // What somebody deletes comes again after the next start.
    let content = photos[0].1;
    let file = ben.home.ledger.shared_file(&content).unwrap().unwrap();
    let entry = ben.has_entry(&space, &content).await;
    std::fs::remove_file(ben.home.layout.original(&file.path)).unwrap();
    std::fs::remove_file(pictures::place(&ben.home, &entry.facts.thumbnail.unwrap().hash)).unwrap();
    let folder = ben.stop().await;
    let ben = Place::start(folder).await;
    ben.until("it is back", || ben.home.layout.original(&file.path).is_file()).await;
    ben.until("its picture too", || {
        pictures::place(&ben.home, &entry.facts.thumbnail.unwrap().hash).is_file()
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn names_that_collide_get_numbers() {
    let (anna, ben) = two().await;
    let space = anna.album("Twins");
    for seed in 1..=3 {
        let (asset, _) = anna.keep("IMG.png", picture(seed));
        anna.derive();
        anna.add(&space, asset);
    }
    anna.share(&space, &ben, Role::Viewer);
    ben.has_album(&space).await;
    let folder = ben.home.layout.library().join("shared").join("Twins");
    ben.until("three files", || {
        ["IMG.png", "IMG_1.png", "IMG_2.png"].iter().all(|name| folder.join(name).is_file())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_larger_album_comes_whole() {
    let (anna, ben) = two().await;
    let space = anna.album("Holiday");
    for seed in 0..60 {
        anna.photo_without_pictures(seed);
    }
    anna.derive();
    let all: Vec<_> =
        anna.home.ledger.entries_after(0, 500).unwrap().iter().map(|entry| entry.asset).collect();
    heirloom::sharing::add_assets(&anna.home, &space, anna.account, &all).unwrap();
    anna.share(&space, &ben, Role::Viewer);
    ben.has_album(&space).await;
    ben.until("every entry", || progress(&ben, &space).thumbnails.of == 60).await;
    ben.until("every small picture", || progress(&ben, &space).thumbnails.have == 60).await;
    ben.until("everything", || progress(&ben, &space).bytes_missing == 0).await;
    assert_eq!(progress(&ben, &space).originals.have, 60);
}
