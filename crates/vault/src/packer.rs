//! Filling packs from a stream of blobs, each read once.
//!
//! One pack is open at a time and takes blobs of one [shelf](BlobKind::shelf); a blob of another shelf hands it out first.
//! So thumbnails never share a pack with originals, and blobs that were added together lie together. A blob that doesn't
//! fit is cut where the pack ends, unless what is left of the pack isn't worth a second piece. Of a blob larger than a
//! pack, the leading parts fill packs of their own, which are handed out while it is still being read; its last part goes
//! into the open pack like any other blob.
//!
//! What was read is hashed on the way. A blob that turns out not to be what its hash says is taken back, so that what
//! stood beside it stays good.

use std::fmt;
use std::io::{self, Read};

use heirloom_identity::{ContentHash, HouseholdId, VaultKey};
use thiserror::Error;

use crate::blob::{BlobKind, PackId};
use crate::pack::{
    PACK_BYTES_MAX, PackWriter, Piece, SealedPack, WriteError, largest_class, piece_bytes_max,
};

/// How large a blob may be.
pub const BLOB_BYTES_MAX: u64 = 1 << 40;
/// A pack with less room than one part in this many (1 MiB of 32) is full for a blob that doesn't fit into it: cutting
/// costs more than padding.
pub const SPLIT_PARTS: u64 = 32;

/// Where fresh salts come from: 32 random bytes a time.
pub type Salts = Box<dyn FnMut() -> [u8; 32] + Send>;

/// Takes finished packs. An error ends the blob that is being added.
pub type PackSink<'a> = dyn FnMut(SealedPack) -> io::Result<()> + 'a;

/// Why a blob wasn't added. What was added before it is as it was.
#[derive(Debug, Error)]
#[error("blob {blob}: {cause}")]
pub struct AddError {
    /// The blob.
    pub blob: ContentHash,
    /// What happened.
    pub cause: AddCause,
    /// Packs handed out already that hold parts of this blob and nothing else. They are useless.
    pub spoilt: Vec<PackId>,
}

/// What kept a blob out of the packs.
#[derive(Debug, Error)]
pub enum AddCause {
    /// Its bytes aren't those that its hash and size say: it has rotted, or was changed.
    #[error("its bytes are not what they were")]
    Changed,
    /// Its bytes couldn't be read.
    #[error("reading it: {0}")]
    Read(io::Error),
    /// A finished pack wasn't taken; the pack is gone, with everything in it.
    #[error("storing a pack: {0}")]
    Out(io::Error),
    /// More than [`BLOB_BYTES_MAX`]; or a manifest root that doesn't fit into one pack.
    #[error("it has {0} bytes, more than the vault takes")]
    TooLarge(u64),
}

/// Fills packs. What is in the open pack exists nowhere else until [`Packer::flush`].
pub struct Packer {
    key: VaultKey,
    household: HouseholdId,
    salts: Salts,
    open: Option<(u8, PackWriter)>,
    spare: Vec<u8>,
    pack_bytes: usize,
}

impl Packer {
    /// Begins with no pack open. `salts` gives 32 fresh random bytes every time.
    pub fn new(key: VaultKey, household: HouseholdId, salts: Salts) -> Self {
        Self { key, household, salts, open: None, spare: Vec::new(), pack_bytes: PACK_BYTES_MAX }
    }

    /// Fills packs only up to the largest size class of at most `bytes`: for links on which 32 MiB take too long.
    #[must_use]
    pub fn with_packs_of(mut self, bytes: usize) -> Self {
        self.pack_bytes = largest_class(bytes);
        self
    }

    /// Reads `size` bytes of a blob and puts them into packs. Full packs go to `out` in the order in which they filled.
    ///
    /// When it returns well the blob's bytes were `blob`, and all of them are in packs handed out and the open one.
    ///
    /// # Errors
    /// [`AddError`] says what to do with packs handed out meanwhile.
    pub fn add(
        &mut self,
        kind: BlobKind,
        blob: ContentHash,
        size: u64,
        reader: &mut dyn Read,
        out: &mut PackSink<'_>,
    ) -> Result<(), AddError> {
        let mut spoilt = Vec::new();
        self.take(kind, blob, size, reader, out, &mut spoilt).map_err(|cause| AddError {
            blob,
            cause,
            spoilt,
        })
    }

    /// Finishes the open pack.
    pub fn flush(&mut self) -> Option<SealedPack> {
        let (_, writer) = self.open.take()?;
        if writer.is_empty() {
            self.spare = writer.into_buffer();
            return None;
        }
        Some(writer.finish())
    }

    /// Takes back the buffer of a pack that has been stored, for the next one.
    pub fn recycle(&mut self, buffer: Vec<u8>) {
        if buffer.capacity() > self.spare.capacity() {
            self.spare = buffer;
        }
    }

    fn take(
        &mut self,
        kind: BlobKind,
        blob: ContentHash,
        size: u64,
        reader: &mut dyn Read,
        out: &mut PackSink<'_>,
        spoilt: &mut Vec<PackId>,
    ) -> Result<(), AddCause> {
        let piece_max = piece_bytes_max(self.pack_bytes);
        if size > BLOB_BYTES_MAX || (kind == BlobKind::Root && size > piece_max) {
            return Err(AddCause::TooLarge(size));
        }
        if self.open.as_ref().is_some_and(|(shelf, _)| *shelf != kind.shelf()) {
            self.hand_out(out)?;
        }
        let mut source = Source { reader, hasher: blake3::Hasher::new(), kind, blob, size, at: 0 };
        while size - source.at > piece_max {
            let mut writer = self.writer();
            source.copy(&mut writer, piece_max)?;
            let sealed = writer.finish();
            spoilt.push(sealed.pack.id);
            out(sealed).map_err(AddCause::Out)?;
        }
        self.last_part(source, out)
    }

    /// Puts what is left of a blob, which is less than a pack, into the open pack and if need be one more. The open pack
    /// isn't finished before the blob has proved to be what it should.
    fn last_part(&mut self, source: Source<'_>, out: &mut PackSink<'_>) -> Result<(), AddCause> {
        let left = source.size - source.at;
        let room = self.open.as_ref().map_or(0, |(_, writer)| writer.room());
        // A writer without room for an entry has room 0, which is too little even for a blob without bytes.
        let fits = left <= room && room > 0;
        let here = match source.kind {
            _ if fits => left,
            BlobKind::Root => 0,
            _ if room >= self.pack_bytes as u64 / SPLIT_PARTS => room,
            _ => 0,
        };
        let shelf = source.kind.shelf();
        if here == 0 && !fits {
            self.hand_out(out)?;
        }
        let (_, mut first) = match self.open.take() {
            Some(open) => open,
            None => (shelf, self.writer()),
        };
        let mark = first.mark();
        let here = if here == 0 { left } else { here };
        let second = source.into_packs(&mut first, here, || self.writer());
        match second {
            Ok(None) => self.open = Some((shelf, first)),
            Ok(Some(second)) => {
                // Where the first part isn't taken the second is of no use to anybody.
                out(first.finish()).map_err(AddCause::Out)?;
                self.open = Some((shelf, second));
            }
            Err(cause) => {
                first.undo(mark);
                self.open = Some((shelf, first));
                return Err(cause);
            }
        }
        Ok(())
    }

    fn hand_out(&mut self, out: &mut PackSink<'_>) -> Result<(), AddCause> {
        self.flush().map_or(Ok(()), out).map_err(AddCause::Out)
    }

    fn writer(&mut self) -> PackWriter {
        let buffer = std::mem::take(&mut self.spare);
        PackWriter::in_buffer(&self.key, &self.household, (self.salts)(), buffer).up_to(self.pack_bytes)
    }
}

impl fmt::Debug for Packer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Packer").field("open", &self.open).finish_non_exhaustive()
    }
}

/// A blob that is being read and hashed.
struct Source<'a> {
    reader: &'a mut dyn Read,
    hasher: blake3::Hasher,
    kind: BlobKind,
    blob: ContentHash,
    size: u64,
    at: u64,
}

impl Source<'_> {
    /// Writes the next `bytes` of the blob as one piece.
    fn copy(&mut self, writer: &mut PackWriter, bytes: u64) -> Result<(), AddCause> {
        let bytes = u32::try_from(bytes).map_err(|_| AddCause::TooLarge(self.size))?;
        let piece = Piece { kind: self.kind, blob: self.blob, size: self.size, at: self.at, bytes };
        let Self { reader, hasher, .. } = self;
        let written = writer.add(&piece, &mut |chunk| {
            reader.read_exact(chunk)?;
            hasher.update(chunk);
            Ok(())
        });
        written.map_err(|error| match error {
            WriteError::Read(error) if error.kind() == io::ErrorKind::UnexpectedEof => AddCause::Changed,
            WriteError::Read(error) => AddCause::Read(error),
            WriteError::Full { .. } | WriteError::Bounds { .. } => AddCause::TooLarge(self.size),
        })?;
        self.at += u64::from(bytes);
        Ok(())
    }

    /// Writes `here` bytes into the first pack and what is then left into a second, and checks the whole blob.
    fn into_packs(
        mut self,
        first: &mut PackWriter,
        here: u64,
        second: impl FnOnce() -> PackWriter,
    ) -> Result<Option<PackWriter>, AddCause> {
        self.copy(first, here)?;
        let mut next = None;
        if self.at < self.size {
            let left = self.size - self.at;
            self.copy(next.insert(second()), left)?;
        }
        if self.hasher.finalize().as_bytes() == self.blob.as_bytes() {
            Ok(next)
        } else {
            Err(AddCause::Changed)
        }
    }
}
