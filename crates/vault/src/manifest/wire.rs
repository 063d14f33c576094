//! How packs, entries and places of blobs are spelled in a manifest: postcard, hashes as their bytes.

use heirloom_identity::ContentHash;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::{ManifestError, VERSION};
use crate::blob::{BlobKind, Entry, PackId, PackRef};
use crate::pack::{ENTRIES_MAX, Layout, is_size_class};

/// A pack without what it holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct WirePack {
    id: [u8; 32],
    generation: u32,
    salt: [u8; 32],
    bytes: u32,
}

/// A piece; where it stands in its pack follows from those before it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct WireEntry {
    kind: u8,
    blob: [u8; 32],
    size: u64,
    at: u64,
    bytes: u32,
    first_chunk: u32,
}

impl From<&PackRef> for WirePack {
    fn from(pack: &PackRef) -> Self {
        let &PackRef { id, generation, salt, bytes } = pack;
        Self { id: *id.as_bytes(), generation, salt, bytes }
    }
}

impl WirePack {
    pub(super) fn checked(self) -> Option<PackRef> {
        let Self { id, generation, salt, bytes } = self;
        is_size_class(bytes.into()).then_some(PackRef { id: PackId::from_bytes(id), generation, salt, bytes })
    }
}

impl From<&Entry> for WireEntry {
    fn from(entry: &Entry) -> Self {
        let &Entry { kind, blob, size, at, bytes, offset: _, first_chunk } = entry;
        Self { kind: kind.number(), blob: *blob.as_bytes(), size, at, bytes, first_chunk }
    }
}

/// The entries of one pack of `pack_bytes`, each with its place.
pub(super) fn checked_entries(wire: Vec<WireEntry>, pack_bytes: u32) -> Option<Vec<Entry>> {
    if wire.len() > ENTRIES_MAX {
        return None;
    }
    let mut layout = Layout::default();
    let mut entries = Vec::with_capacity(wire.len());
    for WireEntry { kind, blob, size, at, bytes, first_chunk } in wire {
        let kind = BlobKind::from_number(kind)?;
        let blob = ContentHash::from_bytes(blob);
        entries.push(layout.place(Entry { kind, blob, size, at, bytes, offset: 0, first_chunk })?);
    }
    (layout.end() < u64::from(pack_bytes)).then_some(entries)
}

/// The version, then the value.
pub(super) fn encode<T: Serialize>(value: &T) -> Vec<u8> {
    let start = vec![VERSION];
    postcard::to_extend(value, start).expect("these values have lengths and go into memory")
}

/// Reads what [`encode`] gives, all of it, and nothing longer than `bytes_max`. A number has one spelling, the shortest:
/// postcard takes others, too, but what they make longer shows in the length of the whole.
pub(super) fn decode<T: DeserializeOwned + Serialize>(
    what: &'static str,
    encoded: &[u8],
    bytes_max: usize,
) -> Result<T, ManifestError> {
    super::bounded(what, encoded.len(), bytes_max)?;
    let (version, rest) = encoded.split_first().ok_or(ManifestError::Malformed)?;
    if *version != VERSION {
        return Err(ManifestError::Version(*version));
    }
    let (value, behind) = postcard::take_from_bytes(rest).map_err(|_| ManifestError::Malformed)?;
    let shortest = postcard::experimental::serialized_size(&value).map_err(|_| ManifestError::Malformed)?;
    if behind.is_empty() && shortest == rest.len() { Ok(value) } else { Err(ManifestError::Malformed) }
}
