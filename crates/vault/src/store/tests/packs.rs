//! Packs, blobs and photos.

use super::*;
use crate::store::OriginalState;

#[test]
fn a_recorded_pack_is_found_again() {
    let store = fixture();
    let pack = pack_ref("one");
    let entries = [entry(BlobKind::Original, "a", 0), piece(BlobKind::Original, "b", 25, 0, 20, 1)];
    store.record_pack(&pack, &entries, NOW).unwrap();
    // Once more changes nothing.
    store.record_pack(&pack, &entries[..1], NOW + 1).unwrap();
    assert_eq!(store.pack(&pack.id).unwrap(), Some((pack, entries.to_vec())));
    assert_eq!(store.packs_after(None, 10).unwrap(), [pack]);
    assert_eq!(store.packs_after(Some(pack.id), 10).unwrap(), []);
    assert!(store.has(&blob("a")).unwrap());
    assert!(!store.has(&blob("b")).unwrap(), "a part is not the whole");
    let wanted = [blob("b"), blob("a"), blob("c"), blob("b")];
    assert_eq!(store.missing_of(&wanted).unwrap(), [blob("b"), blob("c")]);
    let stranger = PackId::of(b"stranger");
    assert_eq!(store.unknown_of(&[pack.id, stranger]).unwrap(), [stranger]);

    let rest = pack_ref("two");
    store.record_pack(&rest, &[piece(BlobKind::Original, "b", 25, 20, 5, 0)], NOW).unwrap();
    let located = store.locate(&blob("b")).unwrap().unwrap();
    assert!(located.is_complete());
    assert_eq!(located.pieces.iter().map(|(pack, _)| *pack).collect::<Vec<_>>(), [pack, rest]);
}

#[test]
fn a_dropped_pack_is_no_longer_looked_in() {
    let store = fixture();
    let old = store.packed("old", BlobKind::Original, &["a".to_owned(), "b".to_owned()]);
    let new = store.packed("new", BlobKind::Original, &["a".to_owned()]);
    store.drop_packs(&[old], NOW).unwrap();
    assert!(store.has(&blob("a")).unwrap());
    assert_eq!(store.locate(&blob("a")).unwrap().unwrap().pieces[0].0.id, new);
    assert_eq!(store.missing_of(&[blob("a"), blob("b")]).unwrap(), [blob("b")]);
    assert_eq!(store.packs_after(None, 10).unwrap().len(), 1);
    // It is still known: it may lie at a place and has to be deleted there.
    assert_eq!(store.unknown_of(&[old]).unwrap(), []);
}

#[test]
fn photos_keep_their_order_and_what_was_known() {
    let store = fixture();
    store.note(&[1, 2, 3]);
    let without = Picture { thumbnail: None, preview: None, bytes: 2_000, ..picture(1) };
    store.note_pictures(&[(without, NOW + 9)]).unwrap();
    let all = store.pictures_after(0, 10).unwrap();
    assert_eq!(all.iter().map(|photo| photo.number).collect::<Vec<_>>(), [1, 2, 3]);
    assert_eq!(all[0].picture, Picture { bytes: 2_000, ..picture(1) });
    assert_eq!(store.pictures_after(2, 10).unwrap(), all[2..]);
    assert_eq!(store.picture_of(&picture(2).content).unwrap().as_ref(), Some(&all[1]));
    assert_eq!(store.pictures_with(&picture(3).preview.unwrap()).unwrap(), all[2..]);
    assert_eq!(store.pictures(&[3, 77]).unwrap(), all[2..]);
    let unpacked = store.unpacked_pictures(i64::MAX, 10).unwrap();
    assert_eq!(unpacked.iter().map(|photo| photo.number).collect::<Vec<_>>(), [3, 2, 1]);
    assert_eq!(store.unpacked_pictures(3, 1).unwrap(), all[1..2]);
}

#[test]
fn a_blob_is_looked_for_in_the_packs_that_are_left() {
    let store = fixture();
    let old = store.packed("old", BlobKind::Original, &["a".to_owned()]);
    let new = store.packed("new", BlobKind::Original, &["a".to_owned()]);
    let found = |without: &[PackId]| {
        let located = store.locate_without(&blob("a"), &without.iter().copied().collect()).unwrap();
        located.map(|located| located.pieces[0].0.id)
    };
    assert_eq!((found(&[]), found(&[old]), found(&[new])), (Some(old), Some(new), Some(old)));
    assert_eq!(found(&[old, new]), None);
}

#[test]
fn a_blob_is_looked_for_in_the_packs_that_a_place_proved() {
    let store = fixture();
    let old = store.packed("old", BlobKind::Original, &["a".to_owned(), "b".to_owned()]);
    let new = store.packed("new", BlobKind::Original, &["a".to_owned()]);
    let (ann, ben) = (store.keeper(1), store.keeper(2));
    store.prove(ann, &[old], NOW);
    store.prove(ben, &[new], NOW);
    store.place(ben, &[old]);
    let found = |name, target| {
        let located = store.locate_at(&blob(name), target).unwrap();
        located.map(|located| located.pieces[0].0.id)
    };
    assert_eq!((found("a", ann), found("a", ben)), (Some(old), Some(new)));
    assert_eq!((found("b", ann), found("b", ben)), (Some(old), None));
    store.mark_lost(ann, &[old], NOW).unwrap();
    assert_eq!(found("a", ann), None);
}

#[test]
fn a_pack_may_keep_only_what_is_nowhere_else() {
    let store = fixture();
    let names = ["a", "b", "c"].map(str::to_owned);
    let pack = store.packed("old", BlobKind::Original, &names);
    assert!(store.keep_only(&pack, &[blob("b")]).unwrap());
    let (_, entries) = store.pack(&pack).unwrap().unwrap();
    assert_eq!(entries, [entry(BlobKind::Original, "b", 1)], "where it was");
    assert_eq!(live(&store, pack), Some(10));
    assert_eq!(store.missing_of(&names.map(|name| blob(&name))).unwrap(), [blob("a"), blob("c")]);
    assert!(!store.keep_only(&pack, &[blob("b")]).unwrap(), "there is nothing more to forget");
    let stranger = PackId::of(b"stranger");
    assert!(!store.keep_only(&stranger, &[]).unwrap());
}

#[test]
fn originals_are_read_again_when_their_time_comes() {
    let store = fixture();
    for number in [1_u32, 2, 3] {
        store.note_pictures(&[(picture(number), NOW + i64::from(number))]).unwrap();
    }
    let numbers =
        |photos: Vec<crate::store::PhotoNow>| photos.iter().map(|photo| photo.number).collect::<Vec<_>>();
    assert!(store.scrub_due(NOW, 10).unwrap().is_empty());
    assert_eq!(numbers(store.scrub_due(NOW + 2, 10).unwrap()), [1, 2]);
    store.scrubbed(&[(picture(1).content, NOW + 50)]).unwrap();
    store.set_original_state(&[picture(2).content], OriginalState::Damaged).unwrap();
    store.set_original_state(&[picture(3).content], OriginalState::Missing).unwrap();
    assert_eq!(numbers(store.scrub_due(NOW + 60, 10).unwrap()), [1]);
    assert_eq!(numbers(store.originals_away(i64::MAX, 10).unwrap()), [3, 2]);
    assert_eq!(numbers(store.originals_away(3, 10).unwrap()), [2]);
    assert_eq!(store.originals_away_count().unwrap(), (1, 1));
    store.set_original_state(&[picture(2).content], OriginalState::Here).unwrap();
    assert_eq!(store.originals_away_count().unwrap(), (0, 1));
    // A clock that was ahead put one off for ten years.
    store.scrubbed(&[(picture(1).content, NOW + 3_650 * DAY_MS)]).unwrap();
    assert_eq!(numbers(store.scrub_due(NOW + 60, 10).unwrap()), [2, 1]);
    assert_eq!(numbers(store.scrub_due(NOW + 60, 1).unwrap()), [2]);
}

#[test]
fn only_what_is_packed_is_drilled_and_what_was_drilled_is_known() {
    let store = fixture();
    store.photos("some", &[1, 2]);
    store.note(&[3]);
    let numbers: Vec<_> = store.drill_candidates().unwrap().iter().map(|one| one.photo).collect();
    assert_eq!(numbers, [1, 2]);
    store.drilled(&[2], NOW).unwrap();
    let drilled: Vec<_> = store.drill_candidates().unwrap().iter().map(|one| one.drilled_ms).collect();
    assert_eq!(drilled, [None, Some(NOW)]);
}

/// What is of use of each pack, by the pack's name.
fn live(store: &Fixture, pack: PackId) -> Option<u64> {
    let stats = store.pack_stats().unwrap();
    stats.iter().find(|stats| stats.pack == pack).map(|stats| stats.live_bytes)
}

#[test]
fn forgotten_and_replaced_pictures_are_of_no_use() {
    let store = fixture();
    let [thumbnails, previews, originals] = store.photos("some", &[1, 2]);
    for pack in [thumbnails, previews, originals] {
        assert_eq!(live(&store, pack), Some(20));
    }
    let better = Picture { thumbnail: Some(blob("better")), ..picture(1) };
    store.note_pictures(&[(better, NOW)]).unwrap();
    assert_eq!(live(&store, thumbnails), Some(10));
    store.forget_pictures(&[picture(2).content]).unwrap();
    assert_eq!(live(&store, thumbnails), Some(0));
    assert_eq!((live(&store, previews), live(&store, originals)), (Some(10), Some(10)));
    // It came again: its blobs are of use as they are.
    store.note(&[2]);
    assert_eq!((live(&store, thumbnails), live(&store, originals)), (Some(10), Some(20)));
    // An original that no photo was noted for yet is not waste.
    let early = store.packed("early", BlobKind::Original, &["early".to_owned()]);
    assert_eq!(live(&store, early), Some(10));
}

#[test]
fn of_the_household_only_what_the_newest_head_needs_is_of_use() {
    let store = fixture();
    let tables = store.packed("tables", BlobKind::Table, &["t1".to_owned(), "t2".to_owned()]);
    assert_eq!(live(&store, tables), Some(20), "no head was made yet");
    let head = HeadRow { number: 1, hash: [1; 32], at_ms: NOW, head: vec![] };
    store.record_head(&head, &[blob("t1")]).unwrap();
    assert_eq!(live(&store, tables), Some(10));
    let newer = store.packed("newer", BlobKind::Table, &["t3".to_owned()]);
    assert_eq!(live(&store, newer), Some(10), "the next head may need it");
    store.record_head(&HeadRow { number: 2, ..head }, &[blob("t3")]).unwrap();
    assert_eq!((live(&store, tables), live(&store, newer)), (Some(0), Some(10)));
}

#[test]
fn a_rewritten_pack_is_of_use_until_the_new_one_is_as_safe() {
    let store = fixture();
    let old = store.packed("old", BlobKind::Original, &["a".to_owned()]);
    let (anna, ben) = (store.keeper(1), store.keeper(2));
    store.prove(anna, &[old], NOW);
    store.prove(ben, &[old], NOW);
    let new = store.packed("new", BlobKind::Original, &["a".to_owned()]);
    assert_eq!((live(&store, old), live(&store, new)), (Some(10), Some(10)));
    store.prove(anna, &[new], NOW);
    store.head(1, &[old, new]);
    assert_eq!((live(&store, old), live(&store, new)), (Some(10), Some(10)));
    store.prove(ben, &[new], NOW);
    assert_eq!((live(&store, old), live(&store, new)), (Some(0), Some(10)));
}

#[test]
fn a_blob_that_was_cut_elsewhere_is_of_no_use_in_the_old_pack() {
    let store = fixture();
    let anna = store.keeper(1);
    let old = store.packed("old", BlobKind::Original, &["a".to_owned()]);
    let cut = |name: &str, at: u64, bytes: u32| {
        let pack = pack_ref(name);
        store.record_pack(&pack, &[piece(BlobKind::Original, "a", 10, at, bytes, 0)], NOW).unwrap();
        pack.id
    };
    let (first, second) = (cut("first", 0, 6), cut("second", 6, 4));
    store.prove(anna, &[old, first], NOW);
    store.head(1, &[old, first, second]);
    assert_eq!(live(&store, old), Some(10), "half of it is proven nowhere");
    store.prove(anna, &[second], NOW);
    assert_eq!((live(&store, old), live(&store, first), live(&store, second)), (Some(0), Some(6), Some(4)));
    // It waits at a place for both parts.
    store.drop_packs(&[old], NOW).unwrap();
    store.head(2, &[]);
    store.head_to(anna, 2, NOW);
    store.mark_lost(anna, &[second], NOW).unwrap();
    assert_eq!(store.deletable(anna, 10).unwrap(), []);
    store.prove(anna, &[second], NOW);
    store.mark_proven(anna, &[second], NOW).unwrap();
    assert_eq!(store.deletable(anna, 10).unwrap(), [old]);
}

/// Goal: a disk of one's own does not take the place of another home.
#[test]
fn a_pack_in_two_homes_is_of_use_until_the_new_one_is_in_two_homes() {
    let store = fixture();
    let (anna, ben) = (store.keeper(1), store.keeper(2));
    let disk = store.add_target(&Place::Folder("/disk".to_owned()), Standing::Active, NOW).unwrap();
    store.note(&[1]);
    let old = store.packed("old", BlobKind::Original, &["original 1".to_owned()]);
    let new = store.packed("new", BlobKind::Original, &["original 1".to_owned()]);
    store.prove(anna, &[old, new], NOW);
    store.prove(ben, &[old], NOW);
    store.prove(disk, &[new], NOW);
    store.head(1, &[old, new]);
    assert_eq!(live(&store, old), Some(10));
    store.prove(ben, &[new], NOW);
    assert_eq!(live(&store, old), Some(0));
}
