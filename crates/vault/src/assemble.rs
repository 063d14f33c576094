//! Fetching one blob from packs, without doing the fetching.
//!
//! An [`Assembly`] says which bytes of which pack it needs next, decrypts what it is given, hands the plain bytes on, and
//! in the end says whether the whole is what the blob's hash stands for. Whoever asks may fetch from a folder, from
//! another home or from a store, and go to another copy when one fails: the assembly stays where it was.

use std::fmt;
use std::io::{self, Write};
use std::ops::Range;

use heirloom_identity::{HouseholdId, Keyring, PackKey};
use thiserror::Error;

use crate::blob::{Located, PackRef};
use crate::pack::{
    CHUNK_BYTES, PackError, TAG_BYTES, chunk_cipher_bytes, chunk_count, key_of, open_chunk, piece_range,
};

/// How many chunks are asked for at once: 4 MiB.
const STEP_CHUNKS_MAX: u64 = 32;

/// Reads exactly these bytes of a pack.
pub type Fetch<'a> = dyn FnMut(&PackRef, Range<u64>) -> io::Result<Vec<u8>> + 'a;

/// Why a blob couldn't be put together.
#[derive(Debug, Error)]
pub enum AssemblyError {
    /// The pieces aren't the whole blob.
    #[error("the manifest lacks parts of this blob")]
    Incomplete,
    /// What was fetched doesn't decrypt, or the key isn't at hand.
    #[error(transparent)]
    Pack(#[from] PackError),
    /// The whole isn't what its hash stands for.
    #[error("the blob that was put together is not the one that was asked for")]
    Different,
    /// Handing on what was decrypted failed; the blob must be fetched again.
    #[error("storing the blob: {0}")]
    Write(#[from] io::Error),
}

/// A blob that is being put together.
pub struct Assembly {
    located: Located,
    keys: Vec<PackKey>,
    /// The piece that is being read.
    piece: usize,
    /// How many of its chunks were handed on.
    chunks: u64,
    hasher: blake3::Hasher,
}

impl Assembly {
    /// Begins with the blob's first byte.
    ///
    /// # Errors
    /// [`AssemblyError::Incomplete`], [`PackError::NoKey`].
    pub fn new(keys: &Keyring, household: &HouseholdId, located: Located) -> Result<Self, AssemblyError> {
        if !located.is_complete() {
            return Err(AssemblyError::Incomplete);
        }
        let keys =
            located.pieces.iter().map(|(pack, _)| key_of(keys, household, pack)).collect::<Result<_, _>>()?;
        Ok(Self { located, keys, piece: 0, chunks: 0, hasher: blake3::Hasher::new() })
    }

    /// The pack and the bytes of it that are needed next, at most a bit more than 4 MiB; `None` when everything was there.
    /// The same until they were accepted.
    pub fn next(&self) -> Option<(&PackRef, Range<u64>)> {
        let (pack, entry) = self.located.pieces.get(self.piece)?;
        let total = chunk_count(entry.bytes.into());
        if total == 0 {
            return None;
        }
        let piece = piece_range(entry);
        let stride = (CHUNK_BYTES + TAG_BYTES) as u64;
        let start = piece.start + self.chunks * stride;
        let end = piece.end.min(start + STEP_CHUNKS_MAX * stride);
        Some((pack, start..end))
    }

    /// Decrypts what [`Assembly::next`] asked for, in place, and hands the plain bytes on.
    ///
    /// # Errors
    /// [`PackError::Piece`]: something in it is wrong. What stood before that was handed on, and [`Assembly::next`] asks
    /// for the rest: fetch that from another copy. [`AssemblyError::Write`].
    pub fn accept(&mut self, mut cipher: &mut [u8], out: &mut dyn Write) -> Result<(), AssemblyError> {
        let wanted = self.next().map_or(0, |(_, range)| range.end - range.start);
        if cipher.len() as u64 != wanted {
            return Err(PackError::Piece.into());
        }
        while !cipher.is_empty() {
            let (sealed, rest) = cipher.split_at_mut(chunk_cipher_bytes(cipher.len()));
            self.chunk(sealed, out)?;
            cipher = rest;
        }
        Ok(())
    }

    fn chunk(&mut self, sealed: &mut [u8], out: &mut dyn Write) -> Result<(), AssemblyError> {
        let Some((_, entry)) = self.located.pieces.get(self.piece) else {
            return Err(PackError::Piece.into());
        };
        let number = u64::from(entry.first_chunk) + self.chunks;
        let plain = open_chunk(&self.keys[self.piece], number, sealed)?;
        self.chunks += 1;
        if self.chunks == chunk_count(entry.bytes.into()) {
            (self.piece, self.chunks) = (self.piece + 1, 0);
        }
        self.hasher.update(plain);
        out.write_all(plain)?;
        Ok(())
    }

    /// Checks the whole. Only after this is what was handed on the blob.
    ///
    /// # Errors
    /// [`AssemblyError::Incomplete`] before everything was accepted, [`AssemblyError::Different`].
    pub fn finish(self) -> Result<(), AssemblyError> {
        if self.next().is_some() {
            return Err(AssemblyError::Incomplete);
        }
        if self.hasher.finalize().as_bytes() == self.located.blob.as_bytes() {
            Ok(())
        } else {
            Err(AssemblyError::Different)
        }
    }

    /// What is being put together.
    pub fn located(&self) -> &Located {
        &self.located
    }
}

impl fmt::Debug for Assembly {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pieces = self.located.pieces.len();
        write!(f, "Assembly({}, piece {} of {pieces}, chunk {})", self.located.blob, self.piece, self.chunks)
    }
}

/// Puts a blob together from packs that `fetch` reads.
///
/// # Errors
/// What `fetch` says, as [`AssemblyError::Write`]; any other [`AssemblyError`].
pub fn fetch_blob(
    keys: &Keyring,
    household: &HouseholdId,
    located: Located,
    fetch: &mut Fetch<'_>,
    out: &mut dyn Write,
) -> Result<(), AssemblyError> {
    let mut assembly = Assembly::new(keys, household, located)?;
    while let Some((pack, range)) = assembly.next() {
        let mut cipher = fetch(pack, range)?;
        assembly.accept(&mut cipher, out)?;
    }
    assembly.finish()
}
