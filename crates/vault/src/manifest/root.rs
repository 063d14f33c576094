//! The root: what a home consists of besides the blobs that it names.

use heirloom_identity::{ContentHash, HouseholdId};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::located::WireLocated;
use super::wire;
use super::{ManifestError, bounded};
use crate::blob::{BlobKind, Located};

/// How large a root may be.
pub const ROOT_BYTES_MAX: usize = 30 << 20;
/// How long a name may be.
const NAME_BYTES_MAX: usize = 1_024;
/// How many receive keys a household can have had.
const RECEIVE_KEYS_MAX: usize = 256;
/// How many files a root may hold.
const FILES_MAX: usize = 256;
/// How small and how large the chunks of a file are.
const CHUNK_BYTES: std::ops::RangeInclusive<u32> = 1_024..=16 << 20;
/// How many homes one may have agreements with.
const AGREEMENTS_MAX: usize = 4_096;
/// How many segments a root may list.
const SEGMENTS_MAX: usize = 4_096;
/// How many recovery kits a household may have.
const KITS_MAX: usize = 256;
/// How large the record of a kit may be.
const KIT_BYTES_MAX: usize = 64 << 10;

/// Everything that a restore begins with.
#[derive(Clone, PartialEq, Eq)]
pub struct Root {
    /// When it was made: milliseconds since the Unix epoch.
    pub made_at_ms: i64,
    /// What the household calls itself.
    pub household_name: String,
    /// The household's receive keys, newest first: secrets.
    pub receive_keys: Vec<Zeroizing<[u8; 32]>>,
    /// Databases and other files of the home, as they stood at one moment.
    pub files: Vec<FileSnapshot>,
    /// Who keeps how much for whom.
    pub agreements: Vec<Agreement>,
    /// Where the segments are that together list every pack.
    pub segments: Vec<Located>,
    /// The records of the household's recovery kits, as the kits' own format has them.
    pub kits: Vec<Vec<u8>>,
}

/// A file of the home, cut into chunks that are blobs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileSnapshot {
    /// What the file is called in the home's folder.
    pub name: String,
    /// How many bytes it has.
    pub bytes: u64,
    /// How many bytes every chunk has but the last.
    pub chunk_bytes: u32,
    /// The chunks, in order.
    pub chunks: Vec<ContentHash>,
}

/// What this home and another agreed to keep for each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Agreement {
    /// The other home.
    pub household: HouseholdId,
    /// How many bytes it keeps for this one, if it does.
    pub they_keep: Option<u64>,
    /// How many bytes this one keeps for it, if it does.
    pub we_keep: Option<u64>,
}

#[derive(Serialize, Deserialize)]
struct WireRoot {
    made_at_ms: i64,
    household_name: String,
    receive_keys: Vec<Zeroizing<[u8; 32]>>,
    files: Vec<WireFile>,
    agreements: Vec<([u8; 32], Option<u64>, Option<u64>)>,
    segments: Vec<WireLocated>,
    kits: Vec<Vec<u8>>,
}

#[derive(Serialize, Deserialize)]
struct WireFile {
    name: String,
    bytes: u64,
    chunk_bytes: u32,
    chunks: Vec<[u8; 32]>,
}

impl Root {
    /// Its bytes, which hold secrets, to be put into a pack as a blob.
    ///
    /// # Errors
    /// [`ManifestError::TooMany`] beyond the limits, [`ManifestError::Malformed`] for a file whose chunks aren't as many
    /// as its bytes need, or a segment that isn't complete.
    pub fn encode(&self) -> Result<Zeroizing<Vec<u8>>, ManifestError> {
        self.check()?;
        let wire = WireRoot {
            made_at_ms: self.made_at_ms,
            household_name: self.household_name.clone(),
            receive_keys: self.receive_keys.clone(),
            files: self.files.iter().map(WireFile::from).collect(),
            agreements: self.agreements.iter().copied().map(Agreement::to_wire).collect(),
            segments: self.segments.iter().map(WireLocated::from).collect(),
            kits: self.kits.clone(),
        };
        let encoded = Zeroizing::new(wire::encode(&wire));
        bounded("bytes in its root", encoded.len(), ROOT_BYTES_MAX)?;
        Ok(encoded)
    }

    /// Reads a root.
    ///
    /// # Errors
    /// Any [`ManifestError`].
    pub fn decode(encoded: &[u8]) -> Result<Self, ManifestError> {
        let wire: WireRoot = wire::decode("bytes in its root", encoded, ROOT_BYTES_MAX)?;
        let segments = wire.segments.into_iter().map(WireLocated::checked).collect::<Option<_>>();
        let root = Self {
            made_at_ms: wire.made_at_ms,
            household_name: wire.household_name,
            receive_keys: wire.receive_keys,
            files: wire.files.into_iter().map(FileSnapshot::from).collect(),
            agreements: wire.agreements.into_iter().map(Agreement::from_wire).collect(),
            segments: segments.ok_or(ManifestError::Malformed)?,
            kits: wire.kits,
        };
        root.check()?;
        Ok(root)
    }

    fn check(&self) -> Result<(), ManifestError> {
        bounded("bytes in the household's name", self.household_name.len(), NAME_BYTES_MAX)?;
        bounded("receive keys", self.receive_keys.len(), RECEIVE_KEYS_MAX)?;
        bounded("files", self.files.len(), FILES_MAX)?;
        bounded("agreements", self.agreements.len(), AGREEMENTS_MAX)?;
        bounded("segments", self.segments.len(), SEGMENTS_MAX)?;
        bounded("recovery kits", self.kits.len(), KITS_MAX)?;
        for kit in &self.kits {
            bounded("bytes in a recovery kit", kit.len(), KIT_BYTES_MAX)?;
        }
        for file in &self.files {
            bounded("bytes in a file's name", file.name.len(), NAME_BYTES_MAX)?;
        }
        let files_fit = self.files.iter().all(FileSnapshot::is_complete);
        let segments_fit = self.segments.iter().all(|at| at.kind == BlobKind::Segment && at.is_complete());
        if files_fit && segments_fit { Ok(()) } else { Err(ManifestError::Malformed) }
    }
}

impl std::fmt::Debug for Root {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (files, segments) = (self.files.len(), self.segments.len());
        write!(f, "Root(made at {}, {files} files, {segments} segments, secrets)", self.made_at_ms)
    }
}

impl FileSnapshot {
    /// Whether the chunks are as many as the bytes need.
    fn is_complete(&self) -> bool {
        CHUNK_BYTES.contains(&self.chunk_bytes)
            && self.bytes.div_ceil(self.chunk_bytes.into()) == self.chunks.len() as u64
    }

    /// How many bytes each chunk has, beside its hash.
    pub fn chunk_sizes(&self) -> impl Iterator<Item = (&ContentHash, u32)> {
        let full = u64::from(self.chunk_bytes);
        self.chunks.iter().zip(0_u64..).map(move |(chunk, place)| {
            let left = self.bytes.saturating_sub(place * full);
            (chunk, u32::try_from(left).unwrap_or(u32::MAX).min(self.chunk_bytes))
        })
    }
}

impl From<&FileSnapshot> for WireFile {
    fn from(file: &FileSnapshot) -> Self {
        let chunks = file.chunks.iter().map(|chunk| *chunk.as_bytes()).collect();
        Self { name: file.name.clone(), bytes: file.bytes, chunk_bytes: file.chunk_bytes, chunks }
    }
}

impl From<WireFile> for FileSnapshot {
    fn from(WireFile { name, bytes, chunk_bytes, chunks }: WireFile) -> Self {
        let chunks = chunks.into_iter().map(ContentHash::from_bytes).collect();
        Self { name, bytes, chunk_bytes, chunks }
    }
}

impl Agreement {
    fn to_wire(self) -> ([u8; 32], Option<u64>, Option<u64>) {
        (*self.household.as_bytes(), self.they_keep, self.we_keep)
    }

    fn from_wire((household, they_keep, we_keep): ([u8; 32], Option<u64>, Option<u64>)) -> Self {
        Self { household: HouseholdId::from_bytes(household), they_keep, we_keep }
    }
}
