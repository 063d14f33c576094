//! A library whose disk is not mounted: nothing goes into the empty folder, and nothing counts as lost.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use heirloom::home::library::{AWAY, MARKER_NAME};
use heirloom::home::{Home, reconcile};
use heirloom::ingest::import::import;
use heirloom::ingest::{Incoming, IngestError, keep_bytes};
use heirloom::ledger::assets::Origin;
use heirloom::vault::heal;
use heirloom_vault::store::OriginalState;
use tokio_util::sync::CancellationToken;

use crate::crash::closed;
use crate::homes::{
    BEGIN_MS, DAY_MS, Scratch, add_folder, files_below, original, photo, photos, picture, run,
};

/// Takes the library's disk away, leaving an empty mount point.
fn unmount(scratch: &Scratch) -> PathBuf {
    let library = scratch.root().join("library");
    std::fs::rename(&library, scratch.beside("unmounted")).unwrap();
    std::fs::create_dir(&library).unwrap();
    library
}

fn mount(scratch: &Scratch) {
    let library = scratch.root().join("library");
    std::fs::remove_dir_all(&library).unwrap();
    std::fs::rename(scratch.beside("unmounted"), library).unwrap();
}

fn upload(home: &Home, seed: u32) -> Result<(), IngestError> {
    let incoming = Incoming {
        account: home.ledger.accounts().unwrap()[0].id,
        given_name: format!("IMG_{seed}.png"),
        modified_ms: BEGIN_MS,
        origin: Origin::Upload,
        source: None,
    };
    keep_bytes(home, incoming, picture(seed)).map(drop)
}

fn is_marked(library: &Path) -> bool {
    library.join(MARKER_NAME).is_file()
}

/// Goal: while the library's disk is away an upload and an import are refused in words, nothing is written, nothing is noted
/// as missing by packing, scrubbing or mending, also not by a start; once it is back all is as before.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_goes_into_a_library_that_is_away() {
    let scratch = Scratch::new("Anna");
    let home = scratch.open();
    let packed = photo(&home, 0);
    add_folder(&home, &scratch.beside("disk"));
    run(&home).await;
    let unpacked = photo(&home, 1);
    let library = unmount(&scratch);

    for seed in [0, 7] {
        let refused = upload(&home, seed).unwrap_err();
        assert!(matches!(refused, IngestError::LibraryAway), "{refused}");
        assert_eq!(refused.to_string(), AWAY);
    }
    let source = scratch.beside("camera");
    std::fs::create_dir(&source).unwrap();
    for seed in 20..25 {
        std::fs::write(source.join(format!("{seed}.png")), picture(seed)).unwrap();
    }
    let account = home.ledger.accounts().unwrap()[0].id;
    let summary = import(&home, account, std::slice::from_ref(&source), &mut |_| true);
    assert_eq!((summary.added, summary.stopped.as_deref()), (0, Some(AWAY)));

    scratch.pass(36 * DAY_MS);
    run(&home).await;
    assert_eq!(heal::scrub(&home, 1 << 30, &CancellationToken::new()).await.unwrap().bad, 0);
    assert_eq!(heal::mend(&home, &CancellationToken::new()).await.unwrap().healed, 0);
    closed(home);
    let home = scratch.open();
    reconcile::adopt_orphans(&home).unwrap();
    assert!(home.is_library_away().unwrap());
    assert_eq!(files_below(&library), [], "nothing is written beside the disk");

    mount(&scratch);
    for content in [packed, unpacked] {
        assert_eq!(home.vault.store.picture_of(&content).unwrap().unwrap().original, OriginalState::Here);
        assert!(original(&home, &content).is_file());
    }
    upload(&home, 7).unwrap();
    assert_eq!(import(&home, account, &[source], &mut |_| true).added, 5);
    run(&home).await;
    assert!(home.vault.store.has(&unpacked).unwrap());
    assert_eq!(reconcile::orphans(&home, &reconcile::owners(&home).unwrap()).unwrap(), []);
}

/// Goal: a home from before there were markers gets one at its first opening if its photos are there, and not if only a
/// stray is.
#[tokio::test(flavor = "multi_thread")]
async fn an_older_home_gets_its_marker_when_its_photos_are_there() {
    let scratch = Scratch::new("Anna");
    let library = scratch.root().join("library");
    let home = scratch.open();
    assert!(is_marked(&library), "a new home has one");
    photos(&home, 0..5);
    let stray = original(&home, &photo(&home, 9));
    let below = stray.strip_prefix(&library).unwrap().to_owned();
    closed(home);

    std::fs::remove_file(library.join(MARKER_NAME)).unwrap();
    unmount(&scratch);
    std::fs::create_dir_all(stray.parent().unwrap()).unwrap();
    std::fs::copy(scratch.beside("unmounted").join(below), &stray).unwrap();
    let home: Arc<Home> = scratch.open();
    assert!(!is_marked(&library) && home.is_library_away().unwrap());
    // The disk comes while the home is open.
    std::fs::remove_dir_all(&library).unwrap();
    std::fs::rename(scratch.beside("unmounted"), &library).unwrap();
    assert!(home.is_library_away().unwrap(), "it was looked at just now");
    scratch.pass(2 * 60 * 1000);
    assert!(!home.is_library_away().unwrap() && is_marked(&library));
    closed(home);

    std::fs::remove_file(library.join(MARKER_NAME)).unwrap();
    let home = scratch.open();
    assert!(is_marked(&library) && !home.is_library_away().unwrap());
}

/// Goal: a library that cannot be marked, as on a full disk, is used all the same, and marked when that is possible. Method:
/// a folder lies where the marker belongs.
#[tokio::test(flavor = "multi_thread")]
async fn a_library_that_cannot_be_marked_is_used() {
    let scratch = Scratch::new("Anna");
    let marker = scratch.root().join("library").join(MARKER_NAME);
    let home = scratch.open();
    photos(&home, 0..2);
    closed(home);
    std::fs::remove_file(&marker).unwrap();
    std::fs::create_dir(&marker).unwrap();
    std::fs::write(marker.join("in-the-way"), "").unwrap();
    let home = scratch.open();
    assert!(!home.is_library_away().unwrap());
    upload(&home, 7).unwrap();
    std::fs::remove_dir_all(&marker).unwrap();
    assert!(!home.is_library_away().unwrap() && marker.is_file());
}
