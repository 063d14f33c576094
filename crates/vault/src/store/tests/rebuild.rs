//! A store made anew from the manifest is the store that wrote it.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::{Located, Root, Segment};

/// Everything known of packs and blobs.
type Contents = (BTreeMap<PackId, (PackRef, Vec<Entry>)>, Vec<(bool, Option<Located>)>);

fn contents(store: &Fixture, blobs: &[ContentHash], without: &[PackId]) -> Contents {
    let packs = store.packs_after(None, 1_000).unwrap();
    let packs = packs.into_iter().filter(|pack| !without.contains(&pack.id));
    let packs = packs.map(|pack| (pack.id, store.pack(&pack.id).unwrap().unwrap()));
    let found = blobs.iter().map(|blob| (store.has(blob).unwrap(), store.locate(blob).unwrap()));
    (packs.collect(), found.collect())
}

/// What a segment that the store noted says, as the engine would write it.
fn segment_of(store: &Fixture, segment: &ContentHash, dropped: &[PackId]) -> Segment {
    let packs = store.packs_in(segment).unwrap();
    let mut segment = Segment::of(packs.iter().map(|id| store.pack(id).unwrap().unwrap()));
    segment.dropped.extend(dropped);
    segment
}

fn root(store: &Fixture) -> Root {
    let segments = store.segments().unwrap();
    Root {
        made_at_ms: NOW,
        household_name: "The Smiths".to_owned(),
        receive_keys: Vec::new(),
        files: Vec::new(),
        agreements: Vec::new(),
        segments: segments.iter().map(|blob| store.locate(blob).unwrap().unwrap()).collect(),
        kits: Vec::new(),
    }
}

/// A pack's kind, its blobs and whether each is whole, and whether the pack is dropped.
type Written = (u8, Vec<(u8, bool)>, bool);

/// Packs of blobs, some cut in two, and which of them are dropped.
fn packs() -> impl Strategy<Value = Vec<Written>> {
    let entries = proptest::collection::vec((0..20_u8, any::<bool>()), 1..8);
    proptest::collection::vec((1..7_u8, entries, proptest::bool::weighted(0.2)), 1..12)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn a_store_made_anew_is_the_store_that_wrote_the_manifest(packs in packs(), split in 1..4_usize) {
        let store = fixture();
        let mut written: Vec<PackId> = Vec::new();
        let mut dropped: Vec<PackId> = Vec::new();
        for (number, (kind, blobs, drop)) in packs.iter().enumerate() {
            let kind = BlobKind::from_number(*kind).unwrap();
            let entries: Vec<_> = blobs.iter().zip(0..).map(|((name, whole), place)| {
                let name = format!("blob {name}");
                if *whole { entry(kind, &name, place) } else {
                    let at = u64::from(number % 2 == 0) * 6;
                    piece(kind, &name, 10, at, if at == 0 { 6 } else { 4 }, place)
                }
            }).collect();
            let pack = pack_ref(&format!("pack {number}"));
            store.record_pack(&pack, &entries, NOW).unwrap();
            written.push(pack.id);
            if *drop { dropped.push(pack.id); }
        }
        // Segments list packs before some are dropped; the last one takes those back.
        for (number, some) in written.chunks(written.len().div_ceil(split)).enumerate() {
            let name = format!("segment {number}");
            store.packed(&name, BlobKind::Segment, std::slice::from_ref(&name));
            store.note_segment(&blob(&name), some, &[], &[], NOW).unwrap();
        }
        let before: Vec<_> =
            store.segments().unwrap().iter().map(|blob| segment_of(&store, blob, &[])).collect();
        store.drop_packs(&dropped, NOW).unwrap();
        store.packed("last", BlobKind::Segment, &["last".to_owned()]);
        let taken_back = store.dropped_unwritten(100).unwrap();
        prop_assert_eq!(&taken_back, &dropped);
        store.note_segment(&blob("last"), &[], &taken_back, &[], NOW).unwrap();
        let mut segments = before;
        segments.push(segment_of(&store, &blob("last"), &taken_back));

        let blobs: Vec<_> = (0..20).map(|name| blob(&format!("blob {name}"))).collect();
        let expected = contents(&store, &blobs, &[]);
        let anew = fixture();
        anew.note(&[1, 2]);
        let root = root(&store);
        anew.load_manifest(&root, &segments).unwrap();
        prop_assert_eq!(contents(&anew, &blobs, &[]).0, expected.0.clone());
        for (blob, (packed, located)) in blobs.iter().zip(&expected.1) {
            prop_assert_eq!(anew.has(blob).unwrap(), *packed);
            let found = anew.locate(blob).unwrap();
            prop_assert_eq!(found.as_ref().map(Located::is_complete), located.as_ref().map(Located::is_complete));
        }
        prop_assert_eq!(anew.segments().unwrap(), store.segments().unwrap());
        // Everything that is listed needs no listing, and loading again changes nothing.
        prop_assert!(anew.unwritten(100).unwrap().iter().all(|pack| !written.contains(pack)));
        anew.load_manifest(&root, &segments).unwrap();
        prop_assert_eq!(contents(&anew, &blobs, &[]).0, expected.0);
    }
}

#[test]
fn a_restored_home_learns_what_its_keepers_hold() {
    let old = fixture();
    let packs = old.photos("some", &[1, 2, 3]);
    let anna = old.keeper(1);
    old.prove(anna, &packs, NOW);
    old.head(1, &packs);
    let segment = segment_of(&old, &blob("segment 1"), &[]);
    let at_root = old.locate(&blob("root 1")).unwrap().unwrap();

    let new = fixture();
    new.load_manifest(&root(&old), &[segment]).unwrap();
    new.record_located(&at_root, NOW).unwrap();
    new.note(&[1, 2, 3]);
    let anna = new.keeper(1);
    assert_eq!(new.overview(NOW, &Policy::default()).unwrap().photos.in_homes[0], 3);
    let listed: Vec<_> = old.packs_after(None, 100).unwrap().iter().map(|pack| pack.id).collect();
    assert_eq!(new.unknown_of(&listed).unwrap(), []);
    new.found_at(anna, &listed, NOW).unwrap();
    new.set_head_at(anna, 1).unwrap();
    assert_eq!(new.pending_for(anna, 10).unwrap(), [], "nothing is sent again");
    let due: Vec<_> = new.held_at(anna).unwrap().iter().map(|held| held.pack).collect();
    new.mark_proven(anna, &due, NOW).unwrap();
    assert_eq!(new.overview(NOW, &Policy::default()).unwrap().photos.complete_homes(), 1);
}
