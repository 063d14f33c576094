//! The manifest: segments merge in any order and grouping, and only one spelling of each part is read.

use heirloom_identity::{ContentHash, HouseholdId};
use heirloom_vault::manifest::{
    Agreement, FileSnapshot, Index, ManifestError, POINTER_BYTES_MAX, Pointer, ROOT_BYTES_MAX, Root,
    SEGMENT_BYTES_MAX, SEGMENT_DROPPED_MAX, SEGMENT_ENTRIES_MAX, SEGMENT_PACKS_MAX, Segment, merge_due,
};
use heirloom_vault::{BlobKind, Entry, Located, PackId, PackRef};
use proptest::prelude::*;
use zeroize::Zeroizing;

/// A pack with a few entries, all of it made from a number.
fn pack(number: u32) -> (PackRef, Vec<Entry>) {
    let id = PackId::of(&number.to_le_bytes());
    let pack = PackRef { id, generation: 1 + number % 3, salt: *id.as_bytes(), bytes: 65_536 };
    let mut offset = 44;
    let entries = (0..number % 5).map(|place| {
        let bytes = 100 * place + 1;
        let blob = ContentHash::of(&[number.to_le_bytes(), place.to_le_bytes()].concat());
        let kind = BlobKind::ALL[(number % 6) as usize];
        let entry =
            Entry { kind, blob, size: u64::from(bytes), at: 0, bytes, offset, first_chunk: place * 2 };
        offset += bytes + 16;
        entry
    });
    (pack, entries.collect())
}

fn segment(packs: &[u32], dropped: &[u32]) -> Segment {
    let mut segment = Segment::of(packs.iter().map(|number| pack(*number)));
    segment.dropped = dropped.iter().map(|number| pack(*number).0.id).collect();
    segment
}

fn any_segments() -> impl Strategy<Value = Vec<Segment>> {
    let numbers = || prop::collection::vec(0..40_u32, 0..12);
    let one = (numbers(), prop::collection::vec(0..40_u32, 0..4));
    prop::collection::vec(one.prop_map(|(packs, dropped)| segment(&packs, &dropped)), 0..8)
}

fn located(kind: BlobKind, pieces: u32) -> Located {
    let size = 1_000 * u64::from(pieces);
    let blob = ContentHash::of(&pieces.to_le_bytes());
    let piece = |number: u32| {
        let at = 1_000 * u64::from(number);
        let entry = Entry { kind, blob, size, at, bytes: 1_000, offset: 44 + number, first_chunk: number };
        (pack(number).0, entry)
    };
    Located { kind, blob, size, pieces: (0..pieces).map(piece).collect() }
}

fn root() -> Root {
    let chunks = (0..3_u8).map(|number| ContentHash::of(&[number])).collect();
    Root {
        made_at_ms: 1_783_000_000_000,
        household_name: "The Smiths".to_owned(),
        receive_keys: vec![Zeroizing::new([2; 32]), Zeroizing::new([1; 32])],
        files: vec![FileSnapshot {
            name: "home.sqlite".to_owned(),
            bytes: 150_000,
            chunk_bytes: 65_536,
            chunks,
        }],
        agreements: vec![Agreement {
            household: HouseholdId::from_bytes([3; 32]),
            they_keep: Some(420_000_000_000),
            we_keep: None,
        }],
        segments: vec![located(BlobKind::Segment, 1), located(BlobKind::Segment, 3)],
        kits: vec![b"kit".to_vec()],
    }
}

proptest! {
    #[test]
    fn merging_in_any_order_and_grouping_is_the_same(segments in any_segments(), groups in prop::collection::vec(0..3_usize, 8), swap in any::<prop::sample::Index>()) {
        let all = Segment::merge(&segments);
        let mut shuffled = segments.clone();
        if !shuffled.is_empty() {
            let middle = swap.index(shuffled.len());
            shuffled.rotate_left(middle);
            shuffled.reverse();
        }
        prop_assert_eq!(&Segment::merge(&shuffled), &all);
        let grouped: Vec<_> = (0..3).map(|group| {
            let members = segments.iter().zip(&groups).filter(|(_, of)| **of == group);
            Segment::merge(&members.map(|(segment, _)| segment.clone()).collect::<Vec<_>>())
        }).collect();
        prop_assert_eq!(&Segment::merge(&grouped), &all);
        // Twice changes nothing, and dropped wins.
        prop_assert_eq!(&Segment::merge(&[all.clone(), all.clone()]), &all);
        prop_assert!(all.packs.keys().all(|id| !all.dropped.contains(id)));
        // What a root needs to list is the same.
        let packs = |segments: &[Segment]| Index::new(segments).packs().to_vec();
        prop_assert_eq!(packs(&segments), packs(&[all.settled()]));
    }

    #[test]
    fn a_segment_comes_back(segments in any_segments()) {
        for segment in segments {
            prop_assert_eq!(Segment::decode(&segment.encode().unwrap()), Ok(segment));
        }
    }

    #[test]
    fn arbitrary_bytes_are_answered(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let mut bytes = bytes;
        if let Some(first) = bytes.first_mut() { *first = 1; }
        if let Ok(segment) = Segment::decode(&bytes) { prop_assert_eq!(segment.encode().unwrap(), bytes.clone()); }
        if let Ok(root) = Root::decode(&bytes) { prop_assert_eq!(root.encode().unwrap().to_vec(), bytes.clone()); }
        if let Ok(pointer) = Pointer::decode(&bytes) { prop_assert_eq!(pointer.encode().unwrap(), bytes); }
    }

    #[test]
    fn a_changed_part_is_refused_or_another(place in any::<prop::sample::Index>(), bit in 0..8_u8) {
        let changed = |mut bytes: Vec<u8>| {
            let place = place.index(bytes.len());
            bytes[place] ^= 1 << bit;
            bytes
        };
        let whole = segment(&[1, 2, 3, 9], &[4, 5]);
        let bytes = changed(whole.encode().unwrap());
        if let Ok(read) = Segment::decode(&bytes) { prop_assert_ne!(read, whole); }
        let bytes = changed(root().encode().unwrap().to_vec());
        if let Ok(read) = Root::decode(&bytes) { prop_assert_ne!(read, root()); }
    }

    #[test]
    fn cut_off_parts_are_refused(length in any::<prop::sample::Index>()) {
        let refused = |bytes: &[u8]| bytes[..length.index(bytes.len())].to_vec();
        prop_assert!(Segment::decode(&refused(&segment(&[1, 2, 3, 9], &[4, 5]).encode().unwrap())).is_err());
        prop_assert!(Root::decode(&refused(&root().encode().unwrap())).is_err());
        let pointer = Pointer { root: located(BlobKind::Root, 2) };
        prop_assert!(Pointer::decode(&refused(&pointer.encode().unwrap())).is_err());
    }

    #[test]
    fn merging_when_due_comes_to_an_end(sizes in prop::collection::vec(1..SEGMENT_BYTES_MAX, 0..200)) {
        let mut sizes = sizes;
        for round in 0.. {
            let due = merge_due(&sizes);
            if due.is_empty() { break }
            prop_assert!(round < 200 && due.len() > 1);
            let merged: usize = due.iter().map(|place| sizes[*place]).sum();
            let mut place = 0;
            sizes.retain(|_| { place += 1; !due.contains(&(place - 1)) });
            let mut left = merged;
            while left > 0 {
                sizes.push(left.min(SEGMENT_BYTES_MAX));
                left = left.saturating_sub(SEGMENT_BYTES_MAX);
            }
        }
        let small = sizes.iter().filter(|size| **size < SEGMENT_BYTES_MAX / 4).count();
        prop_assert!(small <= 7 * 12, "{small} small segments");
    }
}

#[test]
fn a_root_comes_back() {
    assert_eq!(Root::decode(&root().encode().unwrap()), Ok(root()));
    let sizes: Vec<_> = root().files[0].chunk_sizes().map(|(_, bytes)| bytes).collect();
    assert_eq!(sizes, [65_536, 65_536, 18_928]);
    assert!(!format!("{:?}", root()).contains("[2, 2"));
}

#[test]
fn a_pointer_fits_into_a_head() {
    let pointer = Pointer { root: located(BlobKind::Root, 1) };
    let encoded = pointer.encode().unwrap();
    assert!(encoded.len() < 160, "{}", encoded.len());
    assert_eq!(Pointer::decode(&encoded), Ok(pointer));
    let error = Pointer { root: located(BlobKind::Root, 8) }.encode().unwrap_err();
    assert!(matches!(error, ManifestError::TooMany { .. }), "{error}");
    // Only a root is pointed at.
    let other = Pointer { root: located(BlobKind::Segment, 1) }.encode().unwrap();
    assert_eq!(Pointer::decode(&other), Err(ManifestError::Malformed));
}

#[test]
fn a_large_manifest_is_cut_within_the_limits() {
    let mut large = Segment::of((0..10_000).map(pack));
    large.dropped = (20_000..90_000).map(|number| PackId::of(&u64::to_le_bytes(number))).collect();
    assert!(matches!(large.encode(), Err(ManifestError::TooMany { .. })));
    let parts = large.clone().cut();
    assert!(parts.len() <= 4);
    for part in &parts {
        assert!(part.packs.len() <= SEGMENT_PACKS_MAX && part.dropped.len() <= SEGMENT_DROPPED_MAX);
        assert_eq!(Segment::decode(&part.encode().unwrap()).as_ref(), Ok(part));
    }
    assert_eq!(Segment::merge(&parts), large);
    assert_eq!(Segment::default().cut(), [Segment::default()]);

    // Entries count too, and the most that they allow fits into the bytes.
    let full = |number: u32| {
        let (mut pack, _) = pack(number);
        pack.bytes = 32 << 20;
        let kind = BlobKind::Original;
        let entry = |place: u32| {
            let blob = ContentHash::of(&[number.to_le_bytes(), place.to_le_bytes()].concat());
            Entry {
                kind,
                blob,
                size: 1 << 40,
                at: 1 << 39,
                bytes: 1_900,
                offset: 44 + place * 1_916,
                first_chunk: place,
            }
        };
        (pack, (0..16_384).map(entry).collect::<Vec<_>>())
    };
    let many = Segment::of((0..9).map(full));
    let parts = many.clone().cut();
    assert_eq!(parts.len(), 2);
    for part in &parts {
        let entries: usize = part.packs.values().map(|(_, entries)| entries.len()).sum();
        assert!(entries <= SEGMENT_ENTRIES_MAX);
        assert_eq!(Segment::decode(&part.encode().unwrap()).as_ref(), Ok(part));
    }
    assert_eq!(Segment::merge(&parts), many);
}

#[test]
fn limits_hold_both_ways() {
    let refused = |change: &dyn Fn(&mut Root)| {
        let mut root = root();
        change(&mut root);
        root.encode().unwrap_err()
    };
    let many = |error| assert!(matches!(error, ManifestError::TooMany { .. }), "{error}");
    many(refused(&|root| root.household_name = "n".repeat(1_025)));
    many(refused(&|root| root.receive_keys = vec![Zeroizing::new([0; 32]); 257]));
    many(refused(&|root| root.files = vec![root.files[0].clone(); 257]));
    many(refused(&|root| root.files[0].name = "n".repeat(1_025)));
    many(refused(&|root| root.agreements = vec![root.agreements[0]; 4_097]));
    many(refused(&|root| root.segments = vec![root.segments[0].clone(); 4_097]));
    many(refused(&|root| root.kits = vec![Vec::new(); 257]));
    many(refused(&|root| root.kits = vec![vec![0; 65_537]]));
    many(refused(&|root| {
        let file = &mut root.files[0];
        file.chunks = vec![ContentHash::of(b""); 1_000_000];
        file.bytes = 65_536_000_000;
    }));
    assert_eq!(refused(&|root| root.files[0].bytes = 1), ManifestError::Malformed);
    assert_eq!(refused(&|root| root.files[0].chunk_bytes = 1), ManifestError::Malformed);
    assert_eq!(refused(&|root| root.segments[0].size += 1), ManifestError::Malformed);
    assert_eq!(refused(&|root| root.segments[0].kind = BlobKind::Table), ManifestError::Malformed);
    many(Root::decode(&vec![1; ROOT_BYTES_MAX + 1]).unwrap_err());
    many(Segment::decode(&vec![1; SEGMENT_BYTES_MAX + 1]).unwrap_err());
    many(Pointer::decode(&[1; POINTER_BYTES_MAX + 1]).unwrap_err());
    // A length that nothing stands behind takes no memory.
    let lie = [1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f];
    assert_eq!(Segment::decode(&lie), Err(ManifestError::Malformed));
}
