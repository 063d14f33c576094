//! Writing a pack again, for a keeper that lacks it: a home doesn't keep the packs that hold its originals.

use std::io::{self, Read};

use heirloom_identity::{ContentHash, HouseholdId, Keyring};
use thiserror::Error;

use super::{PackError, PackWriter, Piece, SealedPack, WriteError};
use crate::blob::{Entry, PackId, PackRef};

/// Why a pack couldn't be written again.
#[derive(Debug, Error)]
pub enum RebuildError {
    /// The keyring lacks its generation.
    #[error(transparent)]
    Key(PackError),
    /// No pack has these entries.
    #[error("no pack holds what pack {0} is said to hold")]
    Entries(PackId),
    /// The bytes of an entry couldn't be read.
    #[error("reading blob {blob} for pack {pack}: {source}")]
    Read {
        /// The pack.
        pack: PackId,
        /// The blob.
        blob: ContentHash,
        /// What the system said.
        source: io::Error,
    },
    /// It came out as another pack: one of the blobs isn't what it was. It must not be stored anywhere.
    #[error("pack {expected} came out as {found}: something in it has changed since it was written")]
    Different {
        /// The pack that was asked for.
        expected: PackId,
        /// What came out.
        found: PackId,
    },
}

/// Writes a pack again, byte for byte. `source` opens exactly the bytes of an entry's piece; no more is read.
///
/// # Errors
/// Any [`RebuildError`].
pub fn rebuild(
    keys: &Keyring,
    household: &HouseholdId,
    pack: &PackRef,
    entries: &[Entry],
    source: &mut dyn FnMut(&Entry) -> io::Result<Box<dyn Read>>,
) -> Result<SealedPack, RebuildError> {
    let wrong = || RebuildError::Entries(pack.id);
    let key = keys.of(pack.generation).ok_or(RebuildError::Key(PackError::NoKey(pack.generation)))?;
    let mut writer = PackWriter::new(key, household, pack.salt);
    for entry in entries {
        let &Entry { kind, blob, size, at, bytes, offset, first_chunk } = entry;
        let at_read = |source| RebuildError::Read { pack: pack.id, blob, source };
        if writer.skip_to(first_chunk) != Some(offset.into()) {
            return Err(wrong());
        }
        let mut reader = source(entry).map_err(at_read)?;
        let piece = Piece { kind, blob, size, at, bytes };
        writer.add(&piece, &mut |chunk| reader.read_exact(chunk)).map_err(|error| match error {
            WriteError::Read(source) => at_read(source),
            WriteError::Full { .. } | WriteError::Bounds { .. } => wrong(),
        })?;
    }
    let sealed = writer.finish();
    if sealed.pack == *pack {
        Ok(sealed)
    } else {
        Err(RebuildError::Different { expected: pack.id, found: sealed.pack.id })
    }
}
