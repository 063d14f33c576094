//! Segments, heads, and what may be deleted when.

use super::*;
use crate::FileSnapshot;

#[test]
fn packs_are_listed_once_they_are_proven_somewhere() {
    let store = fixture();
    let anna = store.keeper(1);
    let original = store.packed("original", BlobKind::Original, &["a".to_owned()]);
    let table = store.packed("table", BlobKind::Table, &["t".to_owned()]);
    assert_eq!(store.unwritten(10).unwrap(), [table], "tables wait in the outbox, originals nowhere");
    store.place(anna, &[original]);
    store.mark_sent(anna, &[original], NOW).unwrap();
    assert_eq!(store.unwritten(10).unwrap(), [table]);
    store.mark_proven(anna, &[original], NOW).unwrap();
    assert_eq!(store.unwritten(10).unwrap(), [original, table]);
    store.packed("segment", BlobKind::Segment, &["s1".to_owned()]);
    store.note_segment(&blob("s1"), &[original, table], &[], &[], NOW).unwrap();
    assert_eq!(store.unwritten(10).unwrap(), [pack_ref("segment").id]);
    assert_eq!(store.segments().unwrap(), [blob("s1")]);
    assert_eq!(store.packs_in(&blob("s1")).unwrap(), [original, table]);
}

#[test]
fn a_merged_segment_takes_the_place_of_others() {
    let store = fixture();
    let packs: Vec<_> =
        ["a", "b", "c"].map(|name| store.packed(name, BlobKind::Table, &[name.to_owned()])).into();
    store.packed("segments", BlobKind::Segment, &["s1".to_owned(), "s2".to_owned(), "s3".to_owned()]);
    store.note_segment(&blob("s1"), &packs[..1], &[], &[], NOW).unwrap();
    store.note_segment(&blob("s2"), &packs[1..], &[], &[], NOW).unwrap();
    store.note_segment(&blob("s3"), &packs[..2], &[], &[blob("s1"), blob("s2")], NOW).unwrap();
    assert_eq!(store.segments().unwrap(), [blob("s3")]);
    assert_eq!(store.packs_in(&blob("s3")).unwrap(), packs[..2]);
    // What the new segment forgot is not forgotten.
    assert!(store.unwritten(10).unwrap().contains(&packs[2]));
}

/// The number of the head from which a pack is found.
fn since_head(store: &Fixture, pack: PackId) -> Option<i64> {
    store
        .database()
        .read(|conn| -> Result<_, heirloom_store::StoreError> {
            let sql = "SELECT since_head FROM packs WHERE id = ?1";
            Ok(conn.query_row(sql, [pack.as_bytes()], |row| row.get(0))?)
        })
        .unwrap()
}

#[test]
fn what_a_merged_segment_leaves_out_is_found_no_more() {
    let store = fixture();
    let packs = ["a", "b"].map(|name| store.packed(name, BlobKind::Original, &[name.to_owned()]));
    store.head(1, &packs);
    assert_eq!(packs.map(|pack| since_head(&store, pack)), [Some(1); 2]);
    store.packed("merged", BlobKind::Segment, &["merged".to_owned()]);
    store.note_segment(&blob("merged"), &packs[..1], &[], &[blob("segment 1")], NOW).unwrap();
    assert_eq!(packs.map(|pack| since_head(&store, pack)), [Some(1), None]);
    store.head(2, &packs[1..]);
    assert_eq!(packs.map(|pack| since_head(&store, pack)), [Some(1), Some(2)]);
}

#[test]
fn a_head_that_is_only_counted_on_lists_nothing_and_drops_nothing() {
    let store = fixture();
    let anna = store.keeper(1);
    let old = store.packed("old", BlobKind::Original, &["a".to_owned()]);
    store.prove(anna, &[old], NOW);
    store.head(1, &[old]);
    let needed = store.head_awaits(anna).unwrap();
    let table = store.packed("table", BlobKind::Table, &["t".to_owned()]);
    store.packed("new segment", BlobKind::Segment, &["s".to_owned()]);
    store.note_segment(&blob("s"), &[table], &[], &[], NOW).unwrap();
    store.drop_packs(&[old], NOW).unwrap();
    let head = HeadRow { number: 500, hash: [9; 32], at_ms: NOW, head: vec![5] };
    assert_eq!(store.head_to_give().unwrap().unwrap().number, 1);
    store.count_on(&head).unwrap();
    assert_eq!(store.head_to_give().unwrap(), None, "it is somebody else's");
    store.set_head_at(anna, 500).unwrap();
    assert_eq!(store.last_head().unwrap(), Some(head));
    assert_eq!(since_head(&store, table), None);
    assert_eq!(store.deletable(anna, 10).unwrap(), [], "head 500 may need it");
    assert_eq!(store.head_awaits(anna).unwrap(), needed);
    // Nothing that came after the last head of which anything is known is of no use.
    let stats = store.pack_stats().unwrap();
    assert!(stats.iter().find(|stats| stats.pack == table).unwrap().live_bytes > 0);
}

#[test]
fn a_segment_without_a_head_owes_one() {
    let store = fixture();
    let pack = store.packed("pack", BlobKind::Original, &["a".to_owned()]);
    let root = store.packed("root", BlobKind::Root, &["r".to_owned()]);
    assert!(!store.owes_head().unwrap());
    store.packed("segment", BlobKind::Segment, &["s1".to_owned()]);
    store.note_segment(&blob("s1"), &[pack], &[], &[], NOW).unwrap();
    assert!(store.owes_head().unwrap());
    let head = HeadRow { number: 1, hash: [1; 32], at_ms: NOW, head: vec![] };
    let file = FileSnapshot { name: "f".to_owned(), bytes: 0, chunk_bytes: 65_536, chunks: Vec::new() };
    let settings = [("root", "said".to_owned())];
    store.record_manifest(&head, &[blob("r")], std::slice::from_ref(&file), &settings).unwrap();
    assert!(!store.owes_head().unwrap());
    assert_eq!(
        (store.files().unwrap(), store.setting("root").unwrap()),
        (vec![file], Some("said".to_owned()))
    );
    // An old root goes without being taken back, so it is no reason to sign anew.
    store.drop_packs(&[root], NOW).unwrap();
    assert!(!store.owes_head().unwrap());
    store.drop_packs(&[pack], NOW).unwrap();
    store.packed("segment 2", BlobKind::Segment, &["s2".to_owned()]);
    store.note_segment(&blob("s2"), &[], &[pack], &[], NOW).unwrap();
    assert!(store.owes_head().unwrap());
    store.record_head(&HeadRow { number: 2, ..head }, &[]).unwrap();
    assert!(!store.owes_head().unwrap());
}

#[test]
fn a_dropped_pack_goes_only_where_a_head_does_without_it() {
    let store = fixture();
    let (anna, ben) = (store.keeper(1), store.keeper(2));
    let old = store.packed("old", BlobKind::Original, &["a".to_owned()]);
    store.prove(anna, &[old], NOW);
    store.prove(ben, &[old], NOW);
    store.head(1, &[old]);
    store.set_head_at(anna, 1).unwrap();
    let new = store.packed("new", BlobKind::Original, &["a".to_owned()]);
    store.prove(anna, &[new], NOW);
    store.drop_packs(&[old], NOW).unwrap();
    assert_eq!(store.dropped_unwritten(10).unwrap(), [old]);
    assert_eq!(store.deletable(anna, 10).unwrap(), [], "head 1 needs it");
    store.head(2, &[new]);
    assert_eq!(store.dropped_unwritten(10).unwrap(), []);
    assert_eq!(store.deletable(anna, 10).unwrap(), [], "head 2 is not there yet");
    store.set_head_at(anna, 2).unwrap();
    assert_eq!(store.deletable(anna, 10).unwrap(), [old]);
    assert_eq!(store.deletable(ben, 10).unwrap(), []);
    store.mark_gone(anna, &[old]).unwrap();
    assert_eq!(store.unknown_of(&[old]).unwrap(), [], "it is still at the other home");
    store.set_head_at(ben, 2).unwrap();
    store.mark_gone(ben, &[old]).unwrap();
    assert_eq!(store.unknown_of(&[old]).unwrap(), [old]);
}

#[test]
fn a_dropped_pack_stays_until_what_takes_its_place_is_proved_there() {
    let store = fixture();
    let anna = store.keeper(1);
    let old = store.packed("old", BlobKind::Original, &["a".to_owned(), "b".to_owned()]);
    let useless = store.packed("useless", BlobKind::Original, &["c".to_owned()]);
    store.prove(anna, &[old, useless], NOW);
    let new = [("new a", "a"), ("new b", "b")]
        .map(|(name, blob)| store.packed(name, BlobKind::Original, &[blob.to_owned()]));
    store.place(anna, &new);
    store.drop_packs(&[old, useless], NOW).unwrap();
    store.head(1, &new);
    // The head goes ahead of what waits in the queue.
    store.set_head_at(anna, 1).unwrap();
    assert_eq!(store.deletable(anna, 10).unwrap(), [useless]);
    store.prove(anna, &new[..1], NOW);
    store.mark_sent(anna, &new[1..], NOW).unwrap();
    assert_eq!(store.deletable(anna, 10).unwrap(), [useless], "one of its photos is only sent");
    store.prove(anna, &new[1..], NOW);
    assert_eq!(store.deletable(anna, 10).unwrap(), [old, useless]);
}

#[test]
fn a_pack_that_no_segment_listed_waits_for_the_next_head_only() {
    let store = fixture();
    let anna = store.keeper(1);
    let root = store.packed("root", BlobKind::Root, &["r".to_owned()]);
    store.prove(anna, &[root], NOW);
    store.drop_packs(&[root], NOW).unwrap();
    assert_eq!(store.dropped_unwritten(10).unwrap(), []);
    assert_eq!(store.deletable(anna, 10).unwrap(), []);
    store.head(5, &[]);
    store.set_head_at(anna, 5).unwrap();
    assert_eq!(store.deletable(anna, 10).unwrap(), [root]);
}

#[test]
fn a_head_goes_where_everything_is_that_a_restore_begins_with() {
    let store = fixture();
    let anna = store.keeper(1);
    assert!(!store.head_ready(anna).unwrap(), "there is none");
    store.head(1, &[]);
    let awaited = store.head_awaits(anna).unwrap().unwrap();
    assert_eq!(awaited, [pack_ref("segment 1").id, pack_ref("root 1").id]);
    store.prove(anna, &awaited[..1], NOW);
    assert!(!store.head_ready(anna).unwrap());
    store.prove(anna, &awaited[1..], NOW);
    assert!(store.head_ready(anna).unwrap());
    let last = store.last_head().unwrap().unwrap();
    assert_eq!((last.number, last.head.as_slice()), (1, [1, 2, 3].as_slice()));
    assert_eq!(store.head_at(anna).unwrap(), None);
    store.set_head_at(anna, 1).unwrap();
    assert_eq!(store.head_at(anna).unwrap(), Some(1));
    // A head that needs something that stands in no pack goes nowhere.
    store.record_head(&HeadRow { number: 2, ..last }, &[blob("unknown")]).unwrap();
    assert_eq!(store.head_awaits(anna).unwrap(), None);
}

#[test]
fn only_the_last_heads_are_remembered() {
    let store = fixture();
    for number in 1..=100 {
        let head = HeadRow { number, hash: [1; 32], at_ms: NOW, head: vec![] };
        store.record_head(&head, &[]).unwrap();
    }
    let kept: i64 = store
        .database()
        .read(|conn| -> Result<_, heirloom_store::StoreError> {
            Ok(conn.query_row("SELECT count(*) FROM heads", [], |row| row.get(0))?)
        })
        .unwrap();
    assert_eq!(kept, 64);
    assert_eq!(store.last_head().unwrap().unwrap().number, 100);
}

#[test]
fn the_files_are_those_of_the_last_manifest() {
    let store = fixture();
    let file = |name: &str, chunks: &[&str]| FileSnapshot {
        name: name.to_owned(),
        bytes: 100,
        chunk_bytes: 65_536,
        chunks: chunks.iter().map(|chunk| blob(chunk)).collect(),
    };
    store.set_files(&[file("home.sqlite", &["a", "b"]), file("gone", &[])]).unwrap();
    let files = [file("catalog.sqlite", &["c"]), file("home.sqlite", &["a", "d"])];
    store.set_files(&files).unwrap();
    assert_eq!(store.files().unwrap(), files);
}
