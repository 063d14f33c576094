//! The index of a pack, and the trailer that says where it is.

use std::ops::Range;

use heirloom_identity::wire::{Reader, Writer};
use heirloom_identity::{ContentHash, PackKey};

use super::{
    ENTRIES_MAX, HEADER_BYTES, INDEX_DOMAIN, PackError, TAG_BYTES, TRAILER_BYTES, TRAILER_DOMAIN,
    chunk_count, cipher_bytes, is_size_class,
};
use crate::blob::{BlobKind, Entry};

/// How many bytes an entry has in the index.
pub(super) const ENTRY_BYTES: usize = 57;

/// What a pack's trailer says. All of it was checked against the pack's size.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trailer {
    /// Where in the pack the sealed index is.
    pub index: Range<u64>,
    /// How many entries it has.
    entries: usize,
}

/// Opens the last [`TRAILER_BYTES`] of a pack of `pack_bytes`.
///
/// # Errors
/// [`PackError::Size`] for a size that no pack has, [`PackError::Trailer`] for everything else.
pub fn open_trailer(
    key: &PackKey,
    pack_bytes: u64,
    sealed: &[u8; TRAILER_BYTES],
) -> Result<Trailer, PackError> {
    if !is_size_class(pack_bytes) {
        return Err(PackError::Size(pack_bytes));
    }
    let mut sealed = *sealed;
    let plain = key.open(TRAILER_DOMAIN, 0, &mut sealed).map_err(|_| PackError::Trailer)?;
    read_trailer(plain, pack_bytes).ok_or(PackError::Trailer)
}

fn read_trailer(plain: &[u8], pack_bytes: u64) -> Option<Trailer> {
    let mut reader = Reader(plain);
    let start = u64::from(reader.u32()?);
    let bytes = u64::from(reader.u32()?);
    let entries = usize::try_from(reader.u32()?).ok()?;
    let same_pack = u64::from(reader.u32()?) == pack_bytes;
    let zeros = reader.0.iter().all(|byte| *byte == 0);
    let end = start + bytes;
    let fits = start >= HEADER_BYTES as u64 && end <= pack_bytes - TRAILER_BYTES as u64;
    let counted = entries <= ENTRIES_MAX && bytes == (entries * ENTRY_BYTES + TAG_BYTES) as u64;
    (same_pack && zeros && fits && counted).then_some(Trailer { index: start..end, entries })
}

/// Opens the index: the bytes of [`Trailer::index`].
///
/// # Errors
/// [`PackError::Index`].
pub fn open_index(key: &PackKey, trailer: &Trailer, mut sealed: Vec<u8>) -> Result<Vec<Entry>, PackError> {
    if sealed.len() as u64 != trailer.index.end - trailer.index.start {
        return Err(PackError::Index);
    }
    let plain = key.open(INDEX_DOMAIN, 0, &mut sealed).map_err(|_| PackError::Index)?;
    read_entries(plain, trailer).ok_or(PackError::Index)
}

/// The entries, each beginning where the one before it ends, the last ending where the index begins.
fn read_entries(plain: &[u8], trailer: &Trailer) -> Option<Vec<Entry>> {
    let mut entries = Vec::with_capacity(trailer.entries);
    let mut reader = Reader(plain);
    let mut layout = Layout::default();
    while !reader.is_empty() {
        let kind = BlobKind::from_number(reader.u8()?)?;
        let blob = ContentHash::from_bytes(reader.array()?);
        let (size, at) = (reader.u64()?, reader.u64()?);
        let (bytes, first_chunk) = (reader.u32()?, reader.u32()?);
        entries.push(layout.place(Entry { kind, blob, size, at, bytes, offset: 0, first_chunk })?);
    }
    (layout.end() == trailer.index.start).then_some(entries)
}

/// Seals the index behind what `pack` holds, then fills up to `pack_bytes` with padding and trailer.
pub(super) fn seal_end(key: &PackKey, entries: &[Entry], pack: &mut Vec<u8>, pack_bytes: usize) {
    let u32_of = |value: usize| u32::try_from(value).expect("a pack has at most 32 MiB");
    let start = pack.len();
    let mut index = Writer::with_capacity(entries.len() * ENTRY_BYTES);
    for entry in entries {
        index.u8(entry.kind.number()).bytes(entry.blob.as_bytes()).u64(entry.size).u64(entry.at);
        index.u32(entry.bytes).u32(entry.first_chunk);
    }
    pack.extend_from_slice(index.as_bytes());
    key.seal(INDEX_DOMAIN, 0, pack, start);
    let end = pack.len();

    let padded = pack_bytes - TRAILER_BYTES;
    pack.resize(padded, 0);
    key.padding(&mut pack[end..]);

    let mut trailer = Writer::with_capacity(TRAILER_BYTES);
    trailer.u32(u32_of(start)).u32(u32_of(end - start)).u32(u32_of(entries.len())).u32(u32_of(pack_bytes));
    pack.extend_from_slice(trailer.as_bytes());
    pack.resize(pack_bytes - TAG_BYTES, 0);
    key.seal(TRAILER_DOMAIN, 0, pack, padded);
}

/// Walks the pieces of a pack in order and says where each stands.
#[derive(Debug, Clone)]
pub(crate) struct Layout {
    end: u64,
    chunks: u64,
}

impl Default for Layout {
    fn default() -> Self {
        Self { end: HEADER_BYTES as u64, chunks: 0 }
    }
}

impl Layout {
    /// Gives an entry its offset, or answers `None` when no such piece can stand here: beyond its blob or a pack's size,
    /// empty though its blob isn't, or in chunks that were counted before.
    pub(crate) fn place(&mut self, mut entry: Entry) -> Option<Entry> {
        let end = entry.at.checked_add(entry.bytes.into())?;
        let has_bytes = entry.bytes > 0 || entry.size == 0;
        if end > entry.size || !has_bytes || u64::from(entry.first_chunk) < self.chunks {
            return None;
        }
        entry.offset = u32::try_from(self.end).ok()?;
        self.end += cipher_bytes(entry.bytes.into());
        self.chunks = u64::from(entry.first_chunk) + chunk_count(entry.bytes.into());
        let fits = self.end <= super::PACK_BYTES_MAX as u64 && self.chunks <= u64::from(u32::MAX);
        fits.then_some(entry)
    }

    /// Where the next piece begins.
    pub(crate) fn end(&self) -> u64 {
        self.end
    }
}
