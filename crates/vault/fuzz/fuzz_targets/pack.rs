//! A pack from a keeper or from a disk, as far as its owner's keys open it: header, trailer and index, with any plain bytes
//! behind the encryption. Never panics, takes memory in proportion, what an index lists lies in the pack piece after
//! piece, and is written as it was read.

#![no_main]

use heirloom_fuzzkit::{ROOM_BYTES, within};
use heirloom_identity::{HouseholdId, PackKey, VaultKey};
use heirloom_vault::Entry;
use heirloom_vault::pack::{HEADER_BYTES, PackHeader, TRAILER_BYTES, open_index, open_trailer, piece_range};

/// Plain bytes of an entry, and of a trailer.
const ENTRY_BYTES: usize = 57;
const TRAILER_PLAIN_BYTES: usize = 48;
/// The nonces' domains of index and trailer.
const INDEX_DOMAIN: u8 = 2;
const TRAILER_DOMAIN: u8 = 3;
/// Memory for the most entries that a pack may have, twice.
const INDEX_ROOM: usize = ROOM_BYTES + 2 * 16_384 * size_of::<Entry>();

/// What a pack begins with, its size, its trailer as it came, and pieces: kind, size, place, bytes, first chunk.
type Input = ([u8; HEADER_BYTES], u32, [u8; TRAILER_PLAIN_BYTES], Vec<(u8, u64, u64, u32, u32)>);

libfuzzer_sys::fuzz_target!(|input: Input| {
    let (header, pack_bytes, trailer, pieces) = input;
    if let Ok(read) = PackHeader::decode(&header) {
        assert_eq!(read.encode(), header);
    }
    let key = VaultKey::from_bytes(1, [7; 32]).pack_key(&HouseholdId::from_bytes([3; 32]), &[9; 32]);
    let index = index_of(&pieces);
    check(&key, pack_bytes, &trailer, &index);
    // The trailer as it would be if the pieces were honest, for some size of a pack.
    for size in [u64::from(pack_bytes), 65_536, 32 << 20] {
        let end = pieces.iter().fold(HEADER_BYTES as u64, |end, piece| end + cipher_bytes(piece.3));
        let numbers = [end, index.len() as u64 + 16, pieces.len() as u64, size];
        let mut right = [0; TRAILER_PLAIN_BYTES];
        for (place, number) in right.chunks_exact_mut(4).zip(numbers) {
            place.copy_from_slice(&(number as u32).to_le_bytes());
        }
        check(&key, size as u32, &right, &index);
    }
});

fn index_of(pieces: &[(u8, u64, u64, u32, u32)]) -> Vec<u8> {
    let mut index = Vec::with_capacity(pieces.len() * ENTRY_BYTES);
    for (kind, size, at, bytes, first_chunk) in pieces {
        index.push(*kind);
        index.extend_from_slice(&[*kind; 32]);
        index.extend_from_slice(&size.to_le_bytes());
        index.extend_from_slice(&at.to_le_bytes());
        index.extend_from_slice(&bytes.to_le_bytes());
        index.extend_from_slice(&first_chunk.to_le_bytes());
    }
    index
}

fn cipher_bytes(bytes: u32) -> u64 {
    u64::from(bytes) + u64::from(bytes).div_ceil(128 << 10) * 16
}

fn check(key: &PackKey, pack_bytes: u32, trailer: &[u8], index: &[u8]) {
    let mut sealed = trailer.to_vec();
    key.seal(TRAILER_DOMAIN, 0, &mut sealed, 0);
    let sealed: [u8; TRAILER_BYTES] = sealed.try_into().expect("48 bytes and a tag");
    let Ok(trailer) = open_trailer(key, pack_bytes.into(), &sealed) else { return };
    let mut sealed = index.to_vec();
    key.seal(INDEX_DOMAIN, 0, &mut sealed, 0);
    let Ok(entries) = within(INDEX_ROOM, || open_index(key, &trailer, sealed)) else { return };
    let mut end = HEADER_BYTES as u64;
    for range in entries.iter().map(piece_range) {
        assert_eq!(range.start, end);
        end = range.end;
    }
    assert_eq!(end, trailer.index.start);
    assert!(trailer.index.end + TRAILER_BYTES as u64 <= pack_bytes.into());
    let fields = |entry: &Entry| {
        let Entry { kind, size, at, bytes, first_chunk, .. } = *entry;
        (kind.number(), size, at, bytes, first_chunk)
    };
    assert_eq!(index_of(&entries.iter().map(fields).collect::<Vec<_>>()), index);
    assert!(entries.iter().all(|entry| entry.end() <= entry.size));
}
