//! A run and what is left behind by it.

use heirloom_identity::ContentHash;
use heirloom_store::rusqlite::Connection;
use heirloom_vault::BlobKind;

use crate::homes::{Scratch, add_folder, files_below, photo, photos, picture, run};
use crate::readback::Readback;

/// Goal: a folder of packs and the phrase give everything back, bit for bit. Method: back up a home with photos, then read
/// with nothing but the folder and the phrase.
#[tokio::test(flavor = "multi_thread")]
async fn everything_comes_back_from_the_folder_and_the_phrase() {
    let scratch = Scratch::new("Anna");
    let home = scratch.open();
    let contents: Vec<ContentHash> = (0..6).map(|seed| photo(&home, seed)).collect();
    let folder = scratch.beside("disk");
    add_folder(&home, &folder);
    let report = run(&home).await;
    assert_eq!(report.head, Some(1), "{report:?}");

    let back = Readback::of_folder(&folder, &scratch.phrase).await;
    assert_eq!(back.head.number(), 1);
    assert_eq!(back.root.household_name, "Anna");
    let originals = back.originals().await;
    assert_eq!(originals.len(), contents.len());
    for (seed, content) in (0..).zip(&contents) {
        assert_eq!(originals[content], picture(seed));
    }
    assert_eq!(back.index.of_kind(BlobKind::Thumbnail).count(), 6);
    assert_eq!(back.index.of_kind(BlobKind::Preview).count(), 6);
    check_pictures(&home, &back, &contents).await;
    check_databases(&scratch, &back).await;
    assert_eq!(back.file("config.toml").await, std::fs::read(home.layout.config()).unwrap());
    assert_eq!(back.root.receive_keys.len(), 1);
    assert_eq!(*back.root.receive_keys[0], *home.keys.receive[0].to_bytes());
}

/// The file of pictures says which belongs to which, and they are what lies in the cache.
async fn check_pictures(home: &heirloom::home::Home, back: &Readback, contents: &[ContentHash]) {
    let records = back.file("pictures").await;
    assert_eq!(records.len(), contents.len() * 96);
    for (record, content) in records.chunks(96).zip(contents) {
        let hash = |from: usize| ContentHash::from_bytes(record[from..from + 32].try_into().unwrap());
        assert_eq!(hash(0), *content, "in the order in which they came");
        let places = home.derivatives(content);
        assert_eq!(back.blob(&hash(32)).await, std::fs::read(places.thumbnail).unwrap());
        assert_eq!(back.blob(&hash(64)).await, std::fs::read(places.preview).unwrap());
    }
}

/// The databases open and hold the photos.
async fn check_databases(scratch: &Scratch, back: &Readback) {
    for (name, table) in
        [("home.sqlite", "assets"), ("catalog.sqlite", "assets"), ("spaces.sqlite", "sqlite_schema")]
    {
        let path = scratch.beside(name);
        std::fs::write(&path, back.file(name).await).unwrap();
        let conn = Connection::open(&path).unwrap();
        let check: String = conn.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
        assert_eq!(check, "ok", "{name}");
        let rows: u32 =
            conn.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0)).unwrap();
        assert!(rows >= 6, "{name} has {rows} rows of {table}");
    }
}

/// Goal: a run after nothing writes nothing, and one after one photo writes little. Method: look at what is added to the
/// folder.
#[tokio::test(flavor = "multi_thread")]
async fn a_run_after_little_writes_little() {
    let scratch = Scratch::new("Anna");
    let home = scratch.open();
    photos(&home, 0..12);
    let folder = scratch.beside("disk");
    add_folder(&home, &folder);
    run(&home).await;
    let first = files_below(&folder);
    let again = run(&home).await;
    assert_eq!((again.packs, again.head), (0, None), "{again:?}");
    assert_eq!(files_below(&folder), first, "nothing changed, nothing was written");

    photo(&home, 100);
    scratch.pass(1);
    let after = run(&home).await;
    assert_eq!(after.head, Some(2), "{after:?}");
    let bytes = |files: &[(std::path::PathBuf, u64)]| files.iter().map(|(_, bytes)| bytes).sum::<u64>();
    let (before, now) = (bytes(&first), bytes(&files_below(&folder)));
    let photo = picture(100).len() as u64;
    assert!(now - before < 6 * photo, "one photo of {photo} bytes took {} more", now - before);
    let back = Readback::of_folder(&folder, &scratch.phrase).await;
    assert_eq!(back.originals().await.len(), 13);
}

/// Goal: a place that comes later is filled from the originals here, with the very same packs. Method: back up to a disk, take
/// it away, add another.
#[tokio::test(flavor = "multi_thread")]
async fn a_second_place_gets_the_same_packs_from_the_originals() {
    let scratch = Scratch::new("Anna");
    let home = scratch.open();
    let contents: Vec<ContentHash> = (0..6).map(|seed| photo(&home, seed)).collect();
    let (first, second) = (scratch.beside("first"), scratch.beside("second"));
    add_folder(&home, &first);
    run(&home).await;
    let before = Readback::of_folder(&first, &scratch.phrase).await;
    std::fs::rename(&first, scratch.beside("away")).unwrap();
    add_folder(&home, &second);
    // What the household is made of is nowhere in reach: it is packed anew, in the next round.
    run(&home).await;
    run(&home).await;

    let back = Readback::of_folder(&second, &scratch.phrase).await;
    assert_eq!(back.originals().await.len(), contents.len());
    check_pictures(&home, &back, &contents).await;
    for content in &contents {
        let pack = |readback: &Readback| readback.index.lookup(content).unwrap().pieces[0].0;
        assert_eq!(pack(&before), pack(&back), "written again, byte for byte");
    }
}
