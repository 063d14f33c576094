//! A pack: one immutable, encrypted container of pieces of blobs, drawn byte by byte in `docs/formats/pack.md`.
//!
//! 44 bytes of header stand in clear; everything behind them looks random to whoever lacks the vault key: chunks of at most
//! 128 KiB, the index, padding up to a size class, and a trailer of 64 bytes that says where the index is. A pack is named
//! by the BLAKE3 hash of all its bytes. The same salt, entries and plain bytes give the same pack, so that a home need
//! not keep the packs that hold its originals: it writes one again when a keeper asks for it.
//!
//! Read first: [`PackWriter`], [`index()`], [`open_piece`].

mod index;
mod read;
mod rebuild;
mod write;

use std::ops::Range;

use heirloom_identity::wire::{Reader, Writer};
use thiserror::Error;

pub(crate) use self::index::Layout;
pub use self::index::{Trailer, open_index, open_trailer};
pub(crate) use self::read::{chunk_cipher_bytes, open_chunk};
pub use self::read::{index, key_of, open_piece};
pub use self::rebuild::{RebuildError, rebuild};
pub use self::write::{PackWriter, Piece, SealedPack, WriteError};
use crate::blob::Entry;

/// What a pack begins with.
const MAGIC: [u8; 4] = *b"HLPK";
/// The version that this code writes and reads.
const VERSION: u8 = 1;
/// The algorithm byte of XChaCha20-Poly1305 under keys derived with BLAKE3.
const XCHACHA_BLAKE3: u8 = 1;
/// How many bytes the cipher adds to a chunk.
pub(crate) const TAG_BYTES: usize = heirloom_identity::vault_key::TAG_BYTES;
/// The nonce domain of chunks of blobs.
const CHUNK_DOMAIN: u8 = 1;
/// The nonce domain of the index.
const INDEX_DOMAIN: u8 = 2;
/// The nonce domain of the trailer.
const TRAILER_DOMAIN: u8 = 3;

/// How large a pack may be; a full pack is exactly this large.
pub const PACK_BYTES_MAX: usize = 32 << 20;
/// How small a pack can be.
pub const PACK_BYTES_MIN: usize = 64 << 10;
/// How many plain bytes a chunk holds at most. A piece's chunks are all full but its last.
pub const CHUNK_BYTES: usize = 128 << 10;
/// How many pieces a pack may hold.
pub const ENTRIES_MAX: usize = 16_384;
/// How many bytes stand in clear before the first chunk.
pub const HEADER_BYTES: usize = 44;
/// How many bytes the sealed trailer has at the end of a pack.
pub const TRAILER_BYTES: usize = 64;
/// How many plain bytes an empty pack can take as one piece.
pub const PIECE_BYTES_MAX: u64 = piece_bytes_max(PACK_BYTES_MAX);
/// What a pack without entries has besides its padding.
const OVERHEAD_BYTES: usize = HEADER_BYTES + TAG_BYTES + TRAILER_BYTES;
/// The first four size classes; the others are these, doubled up to nine times.
const CLASSES: [usize; 4] = [65_536, 77_936, 92_682, 110_218];

/// Why bytes are no pack, or don't open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum PackError {
    /// No pack has this length.
    #[error("a pack has one of 37 sizes between 64 KiB and 32 MiB, not {0} bytes")]
    Size(u64),
    /// It doesn't begin as a pack does.
    #[error("this is no pack: it doesn't begin with HLPK")]
    Magic,
    /// Written by a version that this program doesn't know.
    #[error("the pack has version {0}, this program reads version 1; a newer program may have written it")]
    Version(u8),
    /// Encrypted in a way that this program doesn't know.
    #[error(
        "the pack's algorithm {0} is unknown, only 1 (XChaCha20-Poly1305 and BLAKE3) is; a newer program may know it"
    )]
    Algorithm(u8),
    /// Bytes that must be zero aren't.
    #[error("the pack's header has {0} where it must have 0")]
    Reserved(u16),
    /// The keyring lacks the generation that the pack was encrypted with.
    #[error("the pack was encrypted with vault key {0}, which isn't at hand")]
    NoKey(u32),
    /// The bytes aren't those that the name stands for.
    #[error("the pack's bytes are not those that its name stands for: it was damaged or swapped")]
    Name,
    /// The trailer doesn't decrypt, or says what can't be.
    #[error("the pack's trailer doesn't open: it was damaged, or belongs to another household")]
    Trailer,
    /// The index doesn't decrypt, or says what can't be.
    #[error("the pack's index doesn't open: it was damaged")]
    Index,
    /// A piece doesn't decrypt, or has another length than its entry says.
    #[error("a piece of the pack doesn't open: it was damaged, or isn't the one asked for")]
    Piece,
}

/// What stands in clear before a pack's ciphertext.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PackHeader {
    /// The generation of the vault key.
    pub generation: u32,
    /// What the pack's own key is derived from.
    pub salt: [u8; 32],
}

impl PackHeader {
    /// Its bytes.
    pub fn encode(&self) -> [u8; HEADER_BYTES] {
        let mut header = Writer::with_capacity(HEADER_BYTES);
        header.bytes(&MAGIC).u8(VERSION).u8(XCHACHA_BLAKE3).u16(0).u32(self.generation).bytes(&self.salt);
        header.into_bytes().try_into().expect("the fields have 44 bytes")
    }

    /// Reads the first bytes of a pack.
    ///
    /// # Errors
    /// [`PackError::Magic`], [`PackError::Version`], [`PackError::Algorithm`], [`PackError::Reserved`].
    pub fn decode(header: &[u8; HEADER_BYTES]) -> Result<Self, PackError> {
        let mut reader = Reader(header);
        if reader.array() != Some(MAGIC) {
            return Err(PackError::Magic);
        }
        match reader.u8() {
            Some(VERSION) => {}
            other => return Err(PackError::Version(other.unwrap_or_default())),
        }
        match reader.u8() {
            Some(XCHACHA_BLAKE3) => {}
            other => return Err(PackError::Algorithm(other.unwrap_or_default())),
        }
        match reader.u16() {
            Some(0) => {}
            other => return Err(PackError::Reserved(other.unwrap_or_default())),
        }
        let generation = reader.u32().unwrap_or_default();
        let salt = reader.array().unwrap_or_default();
        Ok(Self { generation, salt })
    }
}

/// The smallest size class that holds `used` bytes, or `None` beyond [`PACK_BYTES_MAX`].
pub fn size_class(used: usize) -> Option<usize> {
    classes().find(|class| *class >= used)
}

/// The largest size class of at most `bytes`, or the smallest class.
pub(crate) fn largest_class(bytes: usize) -> usize {
    classes().take_while(|class| *class <= bytes).last().unwrap_or(PACK_BYTES_MIN)
}

fn classes() -> impl Iterator<Item = usize> {
    let classes = (0..=9).flat_map(|doubled| CLASSES.map(|class| class << doubled));
    classes.take_while(|class| *class <= PACK_BYTES_MAX)
}

/// Whether a pack can have this size: for whoever takes packs that it can't read.
pub fn is_size_class(bytes: u64) -> bool {
    usize::try_from(bytes).is_ok_and(|bytes| size_class(bytes) == Some(bytes))
}

/// Where in a pack of this size the trailer is.
///
/// # Errors
/// [`PackError::Size`].
pub fn trailer_range(pack_bytes: u64) -> Result<Range<u64>, PackError> {
    if is_size_class(pack_bytes) {
        Ok(pack_bytes - TRAILER_BYTES as u64..pack_bytes)
    } else {
        Err(PackError::Size(pack_bytes))
    }
}

/// Where in its pack a piece's ciphertext is.
pub fn piece_range(entry: &Entry) -> Range<u64> {
    let start = u64::from(entry.offset);
    start..start + cipher_bytes(entry.bytes.into())
}

/// How many chunks a piece of `bytes` plain bytes has.
pub(crate) const fn chunk_count(bytes: u64) -> u64 {
    bytes.div_ceil(CHUNK_BYTES as u64)
}

/// How many bytes of ciphertext a piece of `bytes` plain bytes has.
pub(crate) const fn cipher_bytes(bytes: u64) -> u64 {
    bytes + chunk_count(bytes) * TAG_BYTES as u64
}

/// How many plain bytes an empty pack that is filled up to `pack_bytes` can take as one piece.
pub(crate) const fn piece_bytes_max(pack_bytes: usize) -> u64 {
    plain_of_room(pack_bytes - OVERHEAD_BYTES - index::ENTRY_BYTES) as u64
}

/// How many plain bytes fit where `room` bytes of ciphertext do.
const fn plain_of_room(room: usize) -> usize {
    let full = room / (CHUNK_BYTES + TAG_BYTES);
    let rest = room % (CHUNK_BYTES + TAG_BYTES);
    full * CHUNK_BYTES + rest.saturating_sub(TAG_BYTES)
}
