//! Damage and hostile input: every changed or missing byte of a pack is noticed, and nothing takes memory for a length
//! that it was told.

use std::sync::LazyLock;

use heirloom_identity::{HouseholdId, Keyring, VaultKey};
use heirloom_vault::pack::{
    HEADER_BYTES, PackError, PackHeader, TRAILER_BYTES, index, key_of, open_index, open_piece, open_trailer,
    piece_range, trailer_range,
};
use heirloom_vault::{BlobKind, PackId, PackWriter, SealedPack};
use proptest::prelude::*;

use crate::support::{content, household, key, keys, salt};

/// Two blobs, the first of two chunks, in a pack with padding.
static PACK: LazyLock<SealedPack> = LazyLock::new(|| {
    let mut writer = PackWriter::new(&key(), &household(), salt(1));
    writer.put(BlobKind::Preview, &content(1, 140_000)).unwrap();
    writer.put(BlobKind::Preview, &content(2, 20_000)).unwrap();
    writer.finish()
});

fn range(range: std::ops::Range<u64>) -> std::ops::Range<usize> {
    usize::try_from(range.start).unwrap()..usize::try_from(range.end).unwrap()
}

/// Reads a pack as a restore does that never sees all of it, so that nothing is known of its name.
fn read_by_ranges(pack: &[u8]) -> Result<Vec<Vec<u8>>, PackError> {
    let bytes = pack.len() as u64;
    let trailer_range = trailer_range(bytes)?;
    let header = PackHeader::decode(pack[..HEADER_BYTES].try_into().unwrap())?;
    let vault_key = VaultKey::from_bytes(header.generation, [7; 32]);
    let pack_key = vault_key.pack_key(&household(), &header.salt);
    let trailer = open_trailer(&pack_key, bytes, pack[range(trailer_range)].try_into().unwrap())?;
    let entries = open_index(&pack_key, &trailer, pack[range(trailer.index.clone())].to_vec())?;
    entries
        .iter()
        .map(|entry| open_piece(&pack_key, entry, pack[range(piece_range(entry))].to_vec()))
        .collect()
}

#[test]
fn an_undamaged_pack_is_read_both_ways() {
    let whole = index(&keys(), &household(), &PACK.pack.id, &PACK.bytes).unwrap();
    assert_eq!(whole, (PACK.pack, PACK.entries.clone()));
    assert_eq!(read_by_ranges(&PACK.bytes).unwrap(), [content(1, 140_000), content(2, 20_000)]);
}

#[test]
fn every_bit_of_the_ends_matters() {
    let padded = PACK.bytes.len();
    let places = (0..HEADER_BYTES).chain(padded - TRAILER_BYTES..padded);
    for place in places {
        for bit in 0..8 {
            let mut damaged = PACK.bytes.clone();
            damaged[place] ^= 1 << bit;
            assert!(index(&keys(), &household(), &PACK.pack.id, &damaged).is_err(), "byte {place}");
            assert!(read_by_ranges(&damaged).is_err(), "byte {place}");
        }
    }
}

proptest! {
    #[test]
    fn every_flipped_bit_is_noticed(place in any::<prop::sample::Index>(), bit in 0..8_u8) {
        let mut damaged = PACK.bytes.clone();
        let place = place.index(damaged.len());
        damaged[place] ^= 1 << bit;
        prop_assert!(index(&keys(), &household(), &PACK.pack.id, &damaged).is_err());
        // By ranges only padding may differ: nobody reads it.
        let last = PACK.entries.last().unwrap();
        let index_end = piece_range(last).end + 2 * 57 + 16;
        let is_padding = (index_end..PACK.bytes.len() as u64 - TRAILER_BYTES as u64).contains(&(place as u64));
        prop_assert_eq!(read_by_ranges(&damaged).is_ok(), is_padding);
    }

    #[test]
    fn every_truncation_is_noticed(length in any::<prop::sample::Index>()) {
        let cut = &PACK.bytes[..length.index(PACK.bytes.len())];
        prop_assert!(index(&keys(), &household(), &PACK.pack.id, cut).is_err());
        prop_assert!(index(&keys(), &household(), &PackId::of(cut), cut).is_err());
    }

    #[test]
    fn swapped_and_repeated_parts_are_noticed(from in any::<prop::sample::Index>(), to in any::<prop::sample::Index>()) {
        let mut damaged = PACK.bytes.clone();
        let (from, to) = (from.index(damaged.len() - 64), to.index(damaged.len() - 64));
        damaged.copy_within(from..from + 64, to);
        prop_assume!(damaged != PACK.bytes);
        prop_assert!(index(&keys(), &household(), &PACK.pack.id, &damaged).is_err());
    }

    #[test]
    fn arbitrary_bytes_are_answered(bytes in prop::collection::vec(any::<u8>(), 0..400), class in any::<bool>()) {
        let mut bytes = bytes;
        if class {
            bytes.resize(65_536, 0x55);
            bytes[..8].copy_from_slice(&PACK.bytes[..8]);
            bytes[8..12].copy_from_slice(&1_u32.to_le_bytes());
        }
        prop_assert!(index(&keys(), &household(), &PackId::of(&bytes), &bytes).is_err());
    }
}

#[test]
fn errors_say_what_is_wrong() {
    let check = |change: &dyn Fn(&mut Vec<u8>), expected: PackError| {
        let mut pack = PACK.bytes.clone();
        change(&mut pack);
        // Named as it is, so that only its content speaks.
        assert_eq!(index(&keys(), &household(), &PackId::of(&pack), &pack), Err(expected));
    };
    let end = PACK.bytes.len();
    check(&|pack| pack.truncate(65_536), PackError::Trailer);
    check(&|pack| pack.truncate(65_535), PackError::Size(65_535));
    check(&|pack| pack.push(0), PackError::Size(end as u64 + 1));
    check(&|pack| pack[0] = b'h', PackError::Magic);
    check(&|pack| pack[4] = 2, PackError::Version(2));
    check(&|pack| pack[5] = 0, PackError::Algorithm(0));
    check(&|pack| pack[7] = 1, PackError::Reserved(256));
    check(&|pack| pack[8] = 3, PackError::NoKey(3));
    check(&|pack| pack[12] ^= 1, PackError::Trailer);
    check(&|pack| pack[end - 1] ^= 1, PackError::Trailer);
    let index_at = usize::try_from(piece_range(&PACK.entries[1]).end).unwrap();
    check(&|pack| pack[index_at] ^= 1, PackError::Index);
    assert_eq!(index(&keys(), &household(), &PackId::of(b""), &PACK.bytes), Err(PackError::Name));
}

#[test]
fn another_household_or_key_opens_nothing() {
    let refused = |household: &HouseholdId, secret: [u8; 32], expected| {
        let keys = Keyring::new(vec![VaultKey::from_bytes(1, secret)]).unwrap();
        assert_eq!(index(&keys, household, &PACK.pack.id, &PACK.bytes), Err(expected));
    };
    refused(&HouseholdId::from_bytes([1; 32]), [7; 32], PackError::Trailer);
    refused(&household(), [8; 32], PackError::Trailer);
    // A pack of one generation says that it is of another.
    let keys = Keyring::new(vec![VaultKey::from_bytes(2, [7; 32]), key()]).unwrap();
    let mut pack = PACK.bytes.clone();
    pack[8] = 2;
    assert_eq!(index(&keys, &household(), &PackId::of(&pack), &pack), Err(PackError::Trailer));
}

/// Whoever has the key, which is nobody else, could still seal nonsense: a bug must not become a panic.
#[test]
fn sealed_nonsense_is_refused() {
    let pack_key = key_of(&keys(), &household(), &PACK.pack).unwrap();
    let seal = |domain: u8, plain: &[u8]| {
        let mut sealed = plain.to_vec();
        pack_key.seal(domain, 0, &mut sealed, 0);
        sealed
    };
    let trailer = |fields: [u32; 4], last: u8| {
        let mut plain: Vec<u8> = fields.iter().flat_map(|field| field.to_le_bytes()).collect();
        plain.resize(48, 0);
        plain[47] = last;
        open_trailer(&pack_key, 65_536, seal(3, &plain)[..].try_into().unwrap())
    };
    assert!(trailer([44, 16, 0, 65_536], 0).is_ok());
    for (fields, last) in [
        ([44, 16, 0, 65_536], 1),
        ([44, 16, 0, 77_936], 0),
        ([43, 16, 0, 65_536], 0),
        ([44, 17, 0, 65_536], 0),
        ([44, 16, 1, 65_536], 0),
        ([65_457, 16, 0, 65_536], 0),
        ([u32::MAX, u32::MAX, u32::MAX, 65_536], 0),
        ([44, 57 * 16_385 + 16, 16_385, 65_536], 0),
    ] {
        assert_eq!(trailer(fields, last), Err(PackError::Trailer), "{fields:?}");
    }

    let entry = |kind: u8, size: u64, at: u64, bytes: u32, first_chunk: u32| {
        let mut plain = vec![kind];
        plain.extend([9; 32]);
        plain.extend(size.to_le_bytes().iter().chain(&at.to_le_bytes()));
        plain.extend(bytes.to_le_bytes().iter().chain(&first_chunk.to_le_bytes()));
        plain
    };
    let check = |start: u32, entries: &[Vec<u8>], is_right: bool| {
        let count = u32::try_from(entries.len()).unwrap();
        let trailer = trailer([start, count * 57 + 16, count, 65_536], 0).unwrap();
        let read = open_index(&pack_key, &trailer, seal(2, &entries.concat()));
        assert_eq!(read.is_ok(), is_right, "{read:?}");
    };
    check(44, &[], true);
    check(45, &[], false);
    check(44 + 116, &[entry(6, 100, 0, 100, 0)], true);
    check(44 + 116, &[entry(6, 100, 0, 100, 9)], true);
    check(44 + 116, &[entry(0, 100, 0, 100, 0)], false);
    check(44 + 116, &[entry(7, 100, 0, 100, 0)], false);
    check(44 + 116, &[entry(6, 99, 0, 100, 0)], false);
    check(44 + 116, &[entry(6, 100, 1, 100, 0)], false);
    check(44 + 116, &[entry(6, u64::MAX, u64::MAX, 100, 0)], false);
    check(44 + 117, &[entry(6, 100, 0, 100, 0)], false);
    check(44, &[entry(6, 100, 0, 0, 0)], false);
    check(44, &[entry(6, 0, 0, 0, 0)], true);
    check(44 + 232, &[entry(6, 100, 0, 100, 0), entry(6, 100, 0, 100, 1)], true);
    check(44 + 232, &[entry(6, 100, 0, 100, 0), entry(6, 100, 0, 100, 0)], false);
    check(44 + 232, &[entry(6, 100, 0, 100, u32::MAX), entry(6, 100, 0, 100, u32::MAX)], false);
    check(44 + 116, &[entry(6, u64::MAX, 0, u32::MAX, 0)], false);
}
