//! A segment of a manifest, from a pack that somebody kept: never panics, takes memory in proportion, has one spelling,
//! and whatever it lists can be merged, cut and looked up.

#![no_main]

use std::collections::HashSet;

use heirloom_fuzzkit::bounded;
use heirloom_vault::pack::piece_range;
use heirloom_vault::{BlobKind, Index, Segment};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Ok(segment) = bounded(bytes, Segment::decode) else { return };
    assert_eq!(segment.encode().as_deref(), Ok(bytes));
    for (pack, entries) in segment.packs.values() {
        let mut end = 0;
        for range in entries.iter().map(piece_range) {
            assert!(range.start >= end && range.end <= u64::from(pack.bytes));
            end = range.end;
        }
    }
    let merged = Segment::merge(std::slice::from_ref(&segment));
    assert_eq!(Segment::merge(&segment.clone().cut()), merged);
    assert_eq!(Segment::merge(&[merged.clone(), segment.clone()]), merged);

    let index = Index::new(std::slice::from_ref(&segment));
    let first = merged.packs.keys().next().copied();
    let without: HashSet<_> = first.into_iter().collect();
    for (_, entries) in merged.packs.values() {
        for entry in entries {
            let found = index.lookup(&entry.blob);
            assert!(found.is_none_or(|found| found.is_complete() && found.blob == entry.blob));
            if let Some(found) = index.lookup_without(&entry.blob, &without) {
                assert!(found.is_complete());
                assert!(found.pieces.iter().all(|(pack, _)| !without.contains(&pack.id)));
            }
        }
    }
    for kind in BlobKind::ALL {
        assert!(index.of_kind(kind).all(|found| found.is_complete() && found.kind == kind));
    }
});
