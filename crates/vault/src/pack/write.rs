//! Writing a pack: one pass over its bytes.

use std::fmt;
use std::io::{self, Read};

use heirloom_identity::{ContentHash, HouseholdId, PackKey, VaultKey};
use thiserror::Error;

use super::index::{ENTRY_BYTES, seal_end};
use super::{
    CHUNK_BYTES, CHUNK_DOMAIN, ENTRIES_MAX, HEADER_BYTES, OVERHEAD_BYTES, PACK_BYTES_MAX, PackHeader,
    cipher_bytes, plain_of_room, size_class,
};
use crate::blob::{BlobKind, Entry, PackId, PackRef};

/// How far the ciphertext's hash follows behind: chunks are sealed in the processor's cache and hashed while they are
/// there, in blocks that BLAKE3 takes with its widest vectors.
const HASH_BLOCK_BYTES: usize = 128 << 10;

/// Which part of a blob is to be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Piece {
    /// What the blob is for.
    pub kind: BlobKind,
    /// BLAKE3 of the whole blob. Whoever has all of it checks that.
    pub blob: ContentHash,
    /// How many bytes the whole blob has.
    pub size: u64,
    /// Where in the blob the piece begins.
    pub at: u64,
    /// How many bytes it has.
    pub bytes: u32,
}

/// Why a piece wasn't written. The pack is as it was before.
#[derive(Debug, Error)]
pub enum WriteError {
    /// It has more bytes than [`PackWriter::room`] says.
    #[error("the piece has {bytes} bytes, and the pack has room for {room}")]
    Full {
        /// How many bytes it has.
        bytes: u32,
        /// How many fit.
        room: u64,
    },
    /// It goes beyond its blob, or is empty though its blob isn't.
    #[error("a piece of {bytes} bytes at {at} is no piece of a blob of {size} bytes")]
    Bounds {
        /// How many bytes it has.
        bytes: u32,
        /// Where it begins.
        at: u64,
        /// How many bytes its blob has.
        size: u64,
    },
    /// Its bytes couldn't be read.
    #[error("reading what goes into the pack: {0}")]
    Read(#[from] io::Error),
}

/// A finished pack, not stored anywhere yet.
#[derive(Clone, PartialEq, Eq)]
pub struct SealedPack {
    /// Its name and what its key is made from.
    pub pack: PackRef,
    /// All of it, as it is stored.
    pub bytes: Vec<u8>,
    /// What it holds, in order.
    pub entries: Vec<Entry>,
}

impl fmt::Debug for SealedPack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SealedPack({}, {} bytes, {} entries)", self.pack.id, self.bytes.len(), self.entries.len())
    }
}

/// A pack that is being written, in memory.
///
/// Every chunk's nonce is its number, and no number is used twice: a piece that was undone leaves a gap.
pub struct PackWriter {
    key: PackKey,
    header: PackHeader,
    bytes: Vec<u8>,
    hasher: blake3::Hasher,
    hashed: usize,
    entries: Vec<Entry>,
    next_chunk: u32,
    bytes_max: usize,
}

/// How a pack was at some moment; see [`PackWriter::undo`].
pub(crate) struct Mark {
    bytes: usize,
    hasher: blake3::Hasher,
    hashed: usize,
    entries: usize,
}

impl PackWriter {
    /// Begins a pack. `salt` is 32 fresh random bytes for every attempt, and never used again if the attempt is given up.
    pub fn new(key: &VaultKey, household: &HouseholdId, salt: [u8; 32]) -> Self {
        Self::in_buffer(key, household, salt, Vec::new())
    }

    /// Begins a pack in the buffer of one that is no longer needed, whose memory is there already.
    pub fn in_buffer(key: &VaultKey, household: &HouseholdId, salt: [u8; 32], mut buffer: Vec<u8>) -> Self {
        let header = PackHeader { generation: key.generation(), salt };
        buffer.clear();
        // Memory that isn't written to isn't taken, so this costs a small pack nothing.
        buffer.reserve_exact(PACK_BYTES_MAX);
        buffer.extend_from_slice(&header.encode());
        Self {
            key: key.pack_key(household, &salt),
            header,
            bytes: buffer,
            hasher: blake3::Hasher::new(),
            hashed: 0,
            entries: Vec::new(),
            next_chunk: 0,
            bytes_max: PACK_BYTES_MAX,
        }
    }

    /// Fills it up to this size only, which is a size class.
    pub(crate) fn up_to(mut self, bytes_max: usize) -> Self {
        self.bytes_max = bytes_max;
        self
    }

    /// How many plain bytes still fit as one more piece; 0 when the pack is full.
    pub fn room(&self) -> u64 {
        if self.entries.len() >= ENTRIES_MAX {
            return 0;
        }
        let end = OVERHEAD_BYTES - HEADER_BYTES + (self.entries.len() + 1) * ENTRY_BYTES;
        plain_of_room(self.bytes_max.saturating_sub(self.bytes.len() + end)) as u64
    }

    /// Whether it holds no piece.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Writes a piece. `fill` is called with one chunk after the other and puts the plain bytes there; nobody else copies
    /// them.
    ///
    /// # Errors
    /// Any [`WriteError`]; the pack is then as it was before.
    pub fn add(
        &mut self,
        piece: &Piece,
        fill: &mut dyn FnMut(&mut [u8]) -> io::Result<()>,
    ) -> Result<(), WriteError> {
        let &Piece { kind, blob, size, at, bytes } = piece;
        let end = at.checked_add(bytes.into());
        if end.is_none_or(|end| end > size) || (bytes == 0 && size > 0) {
            return Err(WriteError::Bounds { bytes, at, size });
        }
        let is_full = self.entries.len() >= ENTRIES_MAX;
        if is_full || u64::from(bytes) > self.room() {
            return Err(WriteError::Full { bytes, room: self.room() });
        }
        let mark = self.mark();
        let offset = u32::try_from(self.bytes.len()).expect("a pack has at most 32 MiB");
        let first_chunk = self.next_chunk;
        self.entries.push(Entry { kind, blob, size, at, bytes, offset, first_chunk });
        let mut left = bytes as usize;
        while left > 0 {
            let chunk = left.min(CHUNK_BYTES);
            if let Err(error) = self.chunk(chunk, fill) {
                self.undo(mark);
                return Err(error.into());
            }
            left -= chunk;
        }
        Ok(())
    }

    /// Writes a whole small blob from memory and answers its hash.
    ///
    /// # Errors
    /// [`WriteError::Full`].
    pub fn put(&mut self, kind: BlobKind, blob: &[u8]) -> Result<ContentHash, WriteError> {
        let hash = ContentHash::of(blob);
        let room = self.room();
        let bytes = u32::try_from(blob.len()).map_err(|_| WriteError::Full { bytes: u32::MAX, room })?;
        let mut rest = blob;
        self.add(&Piece { kind, blob: hash, size: bytes.into(), at: 0, bytes }, &mut |chunk| {
            rest.read_exact(chunk)
        })?;
        Ok(hash)
    }

    /// Seals the index and pads the pack to its size class.
    pub fn finish(mut self) -> SealedPack {
        let used = self.bytes.len() + OVERHEAD_BYTES - HEADER_BYTES + self.entries.len() * ENTRY_BYTES;
        let class = size_class(used).expect("room for the index was kept");
        seal_end(&self.key, &self.entries, &mut self.bytes, class);
        self.hasher.update(&self.bytes[self.hashed..]);
        let id = PackId::from_bytes(*self.hasher.finalize().as_bytes());
        let PackHeader { generation, salt } = self.header;
        let bytes = u32::try_from(class).expect("a pack has at most 32 MiB");
        let pack = PackRef { id, generation, salt, bytes };
        SealedPack { pack, bytes: self.bytes, entries: self.entries }
    }

    fn chunk(&mut self, bytes: usize, fill: &mut dyn FnMut(&mut [u8]) -> io::Result<()>) -> io::Result<()> {
        let start = self.bytes.len();
        self.bytes.resize(start + bytes, 0);
        fill(&mut self.bytes[start..])?;
        let number = self.next_chunk;
        self.next_chunk =
            number.checked_add(1).ok_or_else(|| io::Error::other("too many chunks were undone"))?;
        self.key.seal(CHUNK_DOMAIN, number.into(), &mut self.bytes, start);
        while self.bytes.len() - self.hashed >= HASH_BLOCK_BYTES {
            self.hasher.update(&self.bytes[self.hashed..self.hashed + HASH_BLOCK_BYTES]);
            self.hashed += HASH_BLOCK_BYTES;
        }
        Ok(())
    }

    /// Where the next piece will stand, if it may begin with chunk `number`; leaves out the numbers before that.
    pub(super) fn skip_to(&mut self, number: u32) -> Option<u64> {
        self.next_chunk = Some(number).filter(|number| *number >= self.next_chunk)?;
        Some(self.bytes.len() as u64)
    }

    /// Remembers the pack as it is now.
    pub(crate) fn mark(&self) -> Mark {
        let Self { hasher, hashed, .. } = self;
        Mark { bytes: self.bytes.len(), hasher: hasher.clone(), hashed: *hashed, entries: self.entries.len() }
    }

    /// Takes back every piece since the mark. The chunk numbers that they used stay used.
    pub(crate) fn undo(&mut self, mark: Mark) {
        self.bytes.truncate(mark.bytes);
        self.hasher = mark.hasher;
        self.hashed = mark.hashed;
        self.entries.truncate(mark.entries);
    }

    /// Gives the buffer back without finishing the pack.
    pub(crate) fn into_buffer(self) -> Vec<u8> {
        self.bytes
    }
}

impl fmt::Debug for PackWriter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PackWriter({} bytes, {} entries)", self.bytes.len(), self.entries.len())
    }
}

// The longest piece with its entry fills a pack, and no more.
const _: () = assert!(
    cipher_bytes(super::PIECE_BYTES_MAX) + (OVERHEAD_BYTES + ENTRY_BYTES) as u64 <= PACK_BYTES_MAX as u64
);
