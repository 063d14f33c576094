//! Where a blob is, as it stands in a root and in a head's pointer.

use heirloom_identity::ContentHash;
use heirloom_identity::vault_key::POINTER_PLAIN_BYTES_MAX;
use serde::{Deserialize, Serialize};

use super::wire::{self, WirePack};
use super::{ManifestError, bounded};
use crate::blob::{BlobKind, Entry, Located, PackRef};
use crate::pack::{HEADER_BYTES, cipher_bytes};

/// How large a pointer may be.
pub const POINTER_BYTES_MAX: usize = POINTER_PLAIN_BYTES_MAX;

/// A blob and its pieces; where in the blob a piece begins follows from those before it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct WireLocated {
    kind: u8,
    blob: [u8; 32],
    size: u64,
    pieces: Vec<WirePiece>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct WirePiece {
    pack: WirePack,
    bytes: u32,
    offset: u32,
    first_chunk: u32,
}

impl From<&Located> for WireLocated {
    fn from(located: &Located) -> Self {
        let piece = |(pack, entry): &(PackRef, Entry)| WirePiece {
            pack: pack.into(),
            bytes: entry.bytes,
            offset: entry.offset,
            first_chunk: entry.first_chunk,
        };
        Self {
            kind: located.kind.number(),
            blob: *located.blob.as_bytes(),
            size: located.size,
            pieces: located.pieces.iter().map(piece).collect(),
        }
    }
}

impl WireLocated {
    /// The place, complete and inside its packs.
    pub(super) fn checked(self) -> Option<Located> {
        let kind = BlobKind::from_number(self.kind)?;
        let (blob, size) = (ContentHash::from_bytes(self.blob), self.size);
        let mut at = 0_u64;
        let mut pieces = Vec::with_capacity(self.pieces.len());
        for WirePiece { pack, bytes, offset, first_chunk } in self.pieces {
            let pack = pack.checked()?;
            let end = u64::from(offset) + cipher_bytes(bytes.into());
            let is_inside = offset as usize >= HEADER_BYTES && end <= u64::from(pack.bytes);
            if !is_inside || (bytes == 0 && size > 0) {
                return None;
            }
            pieces.push((pack, Entry { kind, blob, size, at, bytes, offset, first_chunk }));
            at = at.checked_add(bytes.into())?;
        }
        Some(Located { kind, blob, size, pieces }).filter(Located::is_complete)
    }
}

/// What a signed head seals: where the manifest's root is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pointer {
    /// The place of the root.
    pub root: Located,
}

impl Pointer {
    /// Its bytes, which a head seals.
    ///
    /// # Errors
    /// [`ManifestError::TooMany`] for a root that was cut into more pieces than a head can name; a
    /// [`Packer`](crate::Packer) never cuts one.
    pub fn encode(&self) -> Result<Vec<u8>, ManifestError> {
        let encoded = wire::encode(&WireLocated::from(&self.root));
        bounded("bytes in its pointer", encoded.len(), POINTER_BYTES_MAX)?;
        Ok(encoded)
    }

    /// Reads what a head sealed.
    ///
    /// # Errors
    /// Any [`ManifestError`].
    pub fn decode(encoded: &[u8]) -> Result<Self, ManifestError> {
        let wire: WireLocated = wire::decode("bytes in its pointer", encoded, POINTER_BYTES_MAX)?;
        let root = wire.checked().filter(|root| root.kind == BlobKind::Root);
        root.map(|root| Self { root }).ok_or(ManifestError::Malformed)
    }
}
