//! What was packed comes back: from the entries, from the packs alone, and from packs that were written again.

use std::collections::BTreeSet;
use std::io::{self, Cursor, Read};

use heirloom_identity::{ContentHash, Keyring, VaultKey};
use heirloom_vault::manifest::{Index, Segment};
use heirloom_vault::pack::{PackError, RebuildError, index, key_of, open_piece, piece_range};
use heirloom_vault::{
    AddCause, AssemblyError, BlobKind, Entry, PackId, PackWriter, Piece, SealedPack, fetch_blob, rebuild,
};
use proptest::prelude::*;

use crate::support::{Packs, content, household, key, keys, packer, salt};

fn pack_all(blobs: &[(BlobKind, Vec<u8>)], pack_bytes: usize) -> Packs {
    let (mut packs, mut packer) = (Packs::default(), packer(pack_bytes));
    for (kind, blob) in blobs {
        packs.add(&mut packer, *kind, blob);
    }
    packs.0.extend(packer.flush());
    packs
}

fn segment(packs: &Packs) -> Segment {
    Segment::of(packs.0.iter().map(|sealed| (sealed.pack, sealed.entries.clone())))
}

fn fetch(packs: &Packs, index: &Index, blob: &ContentHash) -> Result<Vec<u8>, AssemblyError> {
    let (bytes, mut out) = (packs.bytes(), Vec::new());
    let located = index.lookup(blob).ok_or(AssemblyError::Incomplete)?;
    fetch_blob(
        &keys(),
        &household(),
        located,
        &mut |pack, range| {
            let range = usize::try_from(range.start).unwrap()..usize::try_from(range.end).unwrap();
            Ok(bytes[&pack.id][range].to_vec())
        },
        &mut out,
    )?;
    Ok(out)
}

fn part(blob: &[u8], entry: &Entry) -> Vec<u8> {
    let at = usize::try_from(entry.at).unwrap();
    blob[at..at + entry.bytes as usize].to_vec()
}

fn again(
    packs: &Packs,
    sealed: &SealedPack,
    blobs: &[(BlobKind, Vec<u8>)],
) -> Result<SealedPack, RebuildError> {
    assert!(packs.0.contains(sealed));
    rebuild(&keys(), &household(), &sealed.pack, &sealed.entries, &mut |entry| {
        let blob = blobs.iter().find(|(_, blob)| ContentHash::of(blob) == entry.blob);
        let (_, blob) = blob.ok_or(io::ErrorKind::NotFound)?;
        Ok(Box::new(Cursor::new(part(blob, entry))) as Box<dyn Read>)
    })
}

fn any_kind() -> impl Strategy<Value = BlobKind> {
    prop::sample::select(&BlobKind::ALL[1..])
}

/// Sizes around every edge: nothing, chunks, small packs, several packs.
fn any_bytes() -> impl Strategy<Value = usize> {
    prop_oneof![
        4 => 0..2_000_usize,
        2 => 131_070..131_075_usize,
        2 => 60_000..70_000_usize,
        1 => 250_000..800_000_usize,
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn restore_equals_backup(
        blobs in prop::collection::vec((any_kind(), any_bytes()), 0..14),
        pack_bytes in prop::sample::select(vec![65_536_usize, 200_000, 262_144, 1 << 20]),
    ) {
        let blobs: Vec<_> = blobs.into_iter().zip(0..)
            .map(|((kind, bytes), seed)| (kind, content(seed, bytes))).collect();
        let packs = pack_all(&blobs, pack_bytes);

        // By the entries that the writer gave.
        let segment = segment(&packs);
        let read = Segment::decode(&segment.encode().unwrap()).unwrap();
        prop_assert_eq!(&read, &segment);
        let index_of_packs = Index::new(&[read]);
        for (_, blob) in &blobs {
            prop_assert_eq!(&fetch(&packs, &index_of_packs, &ContentHash::of(blob)).unwrap(), blob);
        }
        // By the packs alone, and written again.
        for sealed in &packs.0 {
            prop_assert!(sealed.bytes.len() <= pack_bytes);
            let (pack, entries) = index(&keys(), &household(), &sealed.pack.id, &sealed.bytes).unwrap();
            prop_assert_eq!((&pack, &entries), (&sealed.pack, &sealed.entries));
            prop_assert_eq!(&again(&packs, sealed, &blobs).unwrap(), sealed);
            let shelves: BTreeSet<_> = entries.iter().map(|entry| entry.kind.shelf()).collect();
            prop_assert_eq!(shelves.len(), 1);
        }
    }
}

#[test]
fn a_large_blob_spans_full_packs() {
    let photo = content(1, 3_000_000);
    let video = content(2, 80_000_000);
    let packs =
        pack_all(&[(BlobKind::Original, photo.clone()), (BlobKind::Original, video.clone())], usize::MAX);
    let sizes: Vec<_> = packs.0.iter().map(|sealed| (sealed.bytes.len(), sealed.entries.len())).collect();
    // Two packs of the video alone are handed out first, its end stands behind the photo.
    assert_eq!(sizes, [(32 << 20, 1), (32 << 20, 1), (16 << 20, 2)]);
    let index = Index::new(&[segment(&packs)]);
    for blob in [&photo, &video] {
        assert_eq!(&fetch(&packs, &index, &ContentHash::of(blob)).unwrap(), blob);
    }
}

#[test]
fn photos_are_cut_where_a_pack_ends() {
    let photos: Vec<_> = (0..20).map(|seed| (BlobKind::Original, content(seed, 5_000_000))).collect();
    let packs = pack_all(&photos, usize::MAX);
    assert_eq!(packs.0.len(), 3);
    assert!(packs.0[..2].iter().all(|sealed| sealed.bytes.len() == 32 << 20));
    let stored: usize = packs.0.iter().map(|sealed| sealed.bytes.len()).sum();
    assert!(stored < 112_000_000, "{stored} bytes for 100,000,000");
}

#[test]
fn a_pack_takes_only_so_many_pieces() {
    let mut writer = PackWriter::new(&key(), &household(), salt(1));
    for number in 0..16_384_u32 {
        writer.put(BlobKind::Thumbnail, &number.to_le_bytes()).unwrap();
    }
    assert_eq!(writer.room(), 0);
    assert!(writer.put(BlobKind::Thumbnail, b"one more").is_err());
    let sealed = writer.finish();
    let (_, entries) = index(&keys(), &household(), &sealed.pack.id, &sealed.bytes).unwrap();
    assert_eq!(entries.len(), 16_384);

    let blobs: Vec<_> =
        (0..16_390_u32).map(|number| (BlobKind::Thumbnail, number.to_le_bytes().to_vec())).collect();
    let counts: Vec<_> = pack_all(&blobs, usize::MAX).0.iter().map(|sealed| sealed.entries.len()).collect();
    assert_eq!(counts, [16_384, 6]);
}

#[test]
fn a_blob_without_bytes_comes_back() {
    let packs = pack_all(&[(BlobKind::Original, Vec::new())], usize::MAX);
    let index = Index::new(&[segment(&packs)]);
    assert_eq!(fetch(&packs, &index, &ContentHash::of(b"")).unwrap(), b"");
}

#[test]
fn a_blob_that_has_changed_leaves_the_others_whole() {
    let good: Vec<_> = (0..6).map(|seed| content(seed, 90_000)).collect();
    for bad_bytes in [10, 90_000, 200_000, 900_000] {
        let (mut packs, mut packer) = (Packs::default(), packer(262_144));
        let mut spoilt = Vec::new();
        for blob in &good {
            packs.add(&mut packer, BlobKind::Original, blob);
            // One of another content, one cut short.
            for length in [bad_bytes, bad_bytes / 2] {
                let bad = content(99, length);
                let claimed = ContentHash::of(&content(98, bad_bytes));
                let size = bad_bytes as u64;
                let error = packer
                    .add(BlobKind::Original, claimed, size, &mut &bad[..], &mut |pack| packs.take(pack))
                    .unwrap_err();
                assert!(matches!(error.cause, AddCause::Changed), "{error}");
                assert_eq!(error.spoilt.is_empty(), bad_bytes < 262_144 || error.spoilt.is_empty());
                spoilt.extend(error.spoilt);
            }
        }
        packs.0.extend(packer.flush());
        // Spoilt packs hold nothing else, the others nothing of it.
        let bad = ContentHash::of(&content(98, bad_bytes));
        for sealed in &packs.0 {
            let is_spoilt = spoilt.contains(&sealed.pack.id);
            assert!(sealed.entries.iter().all(|entry| (entry.blob == bad) == is_spoilt), "{sealed:?}");
        }
        packs.0.retain(|sealed| !spoilt.contains(&sealed.pack.id));
        assert_eq!(spoilt.is_empty(), bad_bytes < 262_144);
        let index_of_packs = Index::new(&[segment(&packs)]);
        let blobs: Vec<_> = good.iter().map(|blob| (BlobKind::Original, blob.clone())).collect();
        for (_, blob) in &blobs {
            assert_eq!(&fetch(&packs, &index_of_packs, &ContentHash::of(blob)).unwrap(), blob);
        }
        for sealed in &packs.0 {
            assert_eq!(&again(&packs, sealed, &blobs).unwrap(), sealed);
            index(&keys(), &household(), &sealed.pack.id, &sealed.bytes).unwrap();
        }
    }
}

#[test]
fn a_reader_that_fails_is_said_so() {
    struct Broken;
    impl Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::other("the disk is gone"))
        }
    }
    let mut packer = packer(usize::MAX);
    let claimed = ContentHash::of(b"x");
    let error = packer.add(BlobKind::Original, claimed, 1, &mut Broken, &mut |_| Ok(())).unwrap_err();
    assert!(matches!(error.cause, AddCause::Read(_)), "{error}");
    assert_eq!(error.blob, claimed);
    let error = packer.add(BlobKind::Original, claimed, u64::MAX, &mut Broken, &mut |_| Ok(())).unwrap_err();
    assert!(matches!(error.cause, AddCause::TooLarge(u64::MAX)), "{error}");
    assert!(packer.flush().is_none());
}

#[test]
fn a_root_is_never_cut() {
    let (mut packs, mut packer) = (Packs::default(), packer(262_144));
    packs.add(&mut packer, BlobKind::Table, &content(1, 200_000));
    packs.add(&mut packer, BlobKind::Root, &content(2, 100_000));
    packs.0.extend(packer.flush());
    let counts: Vec<_> = packs.0.iter().map(|sealed| sealed.entries.len()).collect();
    assert_eq!(counts, [1, 1]);
    let error = packer
        .add(BlobKind::Root, ContentHash::of(b""), 262_144, &mut io::empty(), &mut |_| Ok(()))
        .unwrap_err();
    assert!(matches!(error.cause, AddCause::TooLarge(262_144)), "{error}");
}

#[test]
fn a_pack_that_would_come_out_different_is_refused() {
    let blobs = vec![(BlobKind::Original, content(1, 300_000)), (BlobKind::Original, content(2, 1_000))];
    let packs = pack_all(&blobs, usize::MAX);
    let sealed = &packs.0[0];
    let rebuild_with = |entries: &[Entry], source: &[u8]| {
        rebuild(&keys(), &household(), &sealed.pack, entries, &mut |entry| {
            let blob = if entry.bytes == 1_000 { source } else { &blobs[0].1 };
            Ok(Box::new(Cursor::new(blob.to_vec())) as Box<dyn Read>)
        })
    };
    assert_eq!(&rebuild_with(&sealed.entries, &blobs[1].1).unwrap(), sealed);
    let error = rebuild_with(&sealed.entries, &content(3, 1_000)).unwrap_err();
    assert!(matches!(error, RebuildError::Different { .. }), "{error}");
    let error = rebuild_with(&sealed.entries, &content(2, 999)).unwrap_err();
    assert!(matches!(error, RebuildError::Read { .. }), "{error}");
    let swapped = [sealed.entries[1], sealed.entries[0]];
    let error = rebuild_with(&swapped, &blobs[1].1).unwrap_err();
    assert!(matches!(error, RebuildError::Entries(id) if id == sealed.pack.id), "{error}");

    let other = Keyring::new(vec![VaultKey::from_bytes(2, [8; 32])]).unwrap();
    let error =
        rebuild(&other, &household(), &sealed.pack, &sealed.entries, &mut |_| unreachable!()).unwrap_err();
    assert!(matches!(error, RebuildError::Key(PackError::NoKey(1))), "{error}");
}

#[test]
fn pieces_open_at_their_own_place_only() {
    let blobs = [(BlobKind::Original, content(1, 200_000)), (BlobKind::Original, content(2, 200_000))];
    let packs = pack_all(&blobs, usize::MAX);
    let sealed = &packs.0[0];
    let key_of_pack = key_of(&keys(), &household(), &sealed.pack).unwrap();
    let cipher = |entry: &Entry| {
        let range = piece_range(entry);
        sealed.bytes[usize::try_from(range.start).unwrap()..usize::try_from(range.end).unwrap()].to_vec()
    };
    let [first, second] = sealed.entries[..] else { panic!("two entries") };
    assert_eq!(open_piece(&key_of_pack, &first, cipher(&first)).unwrap(), blobs[0].1);
    assert_eq!(open_piece(&key_of_pack, &second, cipher(&second)).unwrap(), blobs[1].1);
    assert_eq!(open_piece(&key_of_pack, &first, cipher(&second)), Err(PackError::Piece));
    assert_eq!(open_piece(&key_of_pack, &first, Vec::new()), Err(PackError::Piece));
    let mut short = cipher(&first);
    short.pop();
    assert_eq!(open_piece(&key_of_pack, &first, short), Err(PackError::Piece));
}

#[test]
fn a_blob_may_stand_in_several_packs() {
    // The same blob whole in one pack and cut in two others, one of which is lost.
    let blob = content(5, 100_000);
    let hash = ContentHash::of(&blob);
    let kind = BlobKind::Original;
    let write = |number, at: usize, bytes: usize| {
        let mut writer = PackWriter::new(&key(), &household(), salt(number));
        let mut rest = &blob[at..at + bytes];
        let piece =
            Piece { kind, blob: hash, size: 100_000, at: at as u64, bytes: bytes.try_into().unwrap() };
        writer.add(&piece, &mut |chunk| rest.read_exact(chunk)).unwrap();
        writer.finish()
    };
    let whole = write(1, 0, 100_000);
    let (head, middle, tail) = (write(2, 0, 40_000), write(3, 40_000, 30_000), write(4, 70_000, 30_000));
    let overlap = write(5, 30_000, 70_000);
    let check = |held: &[&SealedPack], expected: Option<usize>| {
        let packs = Packs(held.iter().map(|sealed| (*sealed).clone()).collect());
        let index = Index::new(&[segment(&packs)]);
        let pieces = index.lookup(&hash).map(|located| located.pieces.len());
        assert_eq!(pieces, expected);
        assert_eq!(index.of_kind(kind).count(), usize::from(expected.is_some()));
        if expected.is_some() {
            assert_eq!(fetch(&packs, &index, &hash).unwrap(), blob);
        }
    };
    check(&[&whole], Some(1));
    check(&[&head, &middle, &tail], Some(3));
    check(&[&head, &overlap, &middle, &tail], Some(3));
    check(&[&head, &tail, &whole, &overlap], Some(1));
    check(&[&head, &tail], None);
    check(&[&head, &overlap], None);
    check(&[], None);
}

#[test]
fn an_assembly_goes_to_another_copy() {
    let blob = content(5, 10_000_000);
    let packs = pack_all(&[(BlobKind::Original, blob.clone())], usize::MAX);
    let located = Index::new(&[segment(&packs)]).lookup(&ContentHash::of(&blob)).unwrap();
    let mut assembly = heirloom_vault::Assembly::new(&keys(), &household(), located).unwrap();
    let (mut out, mut steps) = (Vec::new(), 0);
    while let Some((pack, range)) = assembly.next() {
        let range = usize::try_from(range.start).unwrap()..usize::try_from(range.end).unwrap();
        assert!(range.len() <= (4 << 20) + 512);
        let good = packs.bytes()[&pack.id][range].to_vec();
        // The first copy is damaged in its middle, the second is short, the third is good.
        let mut bad = good.clone();
        bad[good.len() / 2] ^= 1;
        assert!(assembly.accept(&mut bad, &mut out).is_err());
        let (_, rest) = assembly.next().unwrap();
        let left = usize::try_from(rest.end - rest.start).unwrap();
        let mut rest =
            packs.bytes()[&located_pack(&assembly)][usize::try_from(rest.start).unwrap()..][..left].to_vec();
        assert!(assembly.accept(&mut rest[1..], &mut out).is_err());
        assembly.accept(&mut rest, &mut out).unwrap();
        steps += 1;
    }
    assembly.finish().unwrap();
    assert_eq!(out, blob);
    assert!(steps >= 2);
}

fn located_pack(assembly: &heirloom_vault::Assembly) -> PackId {
    assembly.located().pieces[0].0.id
}

#[test]
fn an_assembly_believes_only_the_whole() {
    // The entry says another blob than the one that was sealed: only the hash of the whole tells.
    let mut writer = PackWriter::new(&key(), &household(), salt(1));
    let claimed = ContentHash::of(b"not this");
    let kind = BlobKind::Original;
    writer
        .add(&Piece { kind, blob: claimed, size: 4, at: 0, bytes: 4 }, &mut |chunk| {
            (&b"this"[..]).read_exact(chunk)
        })
        .unwrap();
    let packs = Packs(vec![writer.finish()]);
    let index = Index::new(&[segment(&packs)]);
    assert!(matches!(fetch(&packs, &index, &claimed), Err(AssemblyError::Different)));
}

/// Goal: where a pack isn't taken, no half of a blob goes out later. Method: a blob is cut where the open pack ends, and that
/// pack finds no room.
#[test]
fn a_pack_that_is_not_taken_leaves_no_half_behind() {
    let mut packer = packer(1 << 16);
    let (first, second) = (content(1, 40_000), content(2, 40_000));
    Packs::default().add(&mut packer, BlobKind::Original, &first);
    let hash = ContentHash::of(&second);
    let mut no_room = |_: SealedPack| -> io::Result<()> { Err(io::ErrorKind::StorageFull.into()) };
    let refused = packer.add(BlobKind::Original, hash, 40_000, &mut &second[..], &mut no_room);
    assert!(matches!(refused.unwrap_err().cause, AddCause::Out(_)));
    assert!(packer.flush().is_none());
}
