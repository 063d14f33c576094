//! The folder itself, and packs that come, are read and are listed.

use std::fs::File;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io::{self, Read};
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex};

use heirloom_identity::HouseholdId;
use heirloom_store::{Disk, SyncedFolders};

use super::clock::OwnTime;
use super::marker::MARKER_BYTES_MAX;
use super::{DiskId, Expected, FolderError, MARKER_NAME, Marker};
use crate::PackId;
use crate::pack::PACK_BYTES_MAX;
use crate::proof;

/// Packs looked at in one of the 256 folders below `packs/`; far more than any disk holds.
const SHARD_PACKS_MAX: usize = 1 << 17;
/// Leftovers of drafts, and damaged packs, looked at when a folder is opened.
pub(super) const DRAFTS_MAX: usize = 4096;

/// A folder of one household's packs. Share it between threads with an `Arc`.
pub struct PackFolder {
    pub(super) root: PathBuf,
    pub(super) disk: Arc<dyn Disk>,
    pub(super) synced: SyncedFolders,
    marker: Marker,
    /// Tells the drafts of this opening from those of others, perhaps of another computer.
    pub(super) opening: u64,
    pub(super) drafts: AtomicU64,
    /// The folder's own time, while there is no room to write it down.
    pub(super) unwritten: Mutex<Option<OwnTime>>,
}

/// A disk's size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Volume {
    /// All of it, in bytes.
    pub bytes: u64,
    /// What of it may still be written.
    pub free: u64,
}

impl Volume {
    /// What may be written when so much of the disk stays free.
    pub(crate) fn free_for(&self, spare: impl FnOnce(u64) -> u64) -> u64 {
        self.free.saturating_sub(spare(self.bytes))
    }
}

impl PackFolder {
    /// Makes the folder (its parent exists) and its marker; fine if the same marker is there already, whatever else is.
    ///
    /// # Errors
    /// [`FolderError::Other`] when another marker is there; [`FolderError::Full`], [`FolderError::Io`].
    pub fn create(root: &Path, marker: Marker, disk: Arc<dyn Disk>) -> Result<Self, FolderError> {
        let here = Self::at(root, marker, disk);
        let found = marker_of(root);
        if let Some(other) = found.filter(|found| *found != marker) {
            return Err(FolderError::another(other));
        }
        let at = FolderError::io("the folder for packs couldn't be made");
        here.disk.create_dir(root).map_err(&at)?;
        if let Some(parent) = root.parent() {
            here.disk.sync_dir(parent).map_err(&at)?;
        }
        here.lay_out().map_err(&at)?;
        if found.is_none() {
            // One that can't be read is replaced: a person or a first use asked for this folder.
            here.disk.remove(&root.join(MARKER_NAME)).map_err(&at)?;
            here.write_new(&root.join(MARKER_NAME), marker.to_text().as_bytes()).map_err(&at)?;
        }
        Ok(here)
    }

    /// Opens a folder whose marker is the expected one, and removes what a crash left half-written.
    ///
    /// # Errors
    /// [`FolderError::Absent`], [`FolderError::Other`].
    pub fn open(root: &Path, expected: &Expected, disk: Arc<dyn Disk>) -> Result<Self, FolderError> {
        let marker = marker_of(root).ok_or(FolderError::Absent)?;
        let known = expected.disks.is_empty() || expected.disks.contains(&marker.disk);
        if marker.household != expected.household || !known {
            return Err(FolderError::another(marker));
        }
        let here = Self::at(root, marker, disk);
        here.sweep();
        // Folders go before the marker when a vault is cleared. On a disk that is only read nothing is needed.
        here.lay_out().unwrap_or_default();
        Ok(here)
    }

    fn at(root: &Path, marker: Marker, disk: Arc<dyn Disk>) -> Self {
        let synced = SyncedFolders::default();
        // Any number that nobody else has: its keys are random.
        let opening = RandomState::new().build_hasher().finish();
        let (drafts, unwritten) = (AtomicU64::new(0), Mutex::default());
        Self { root: root.to_owned(), disk, synced, marker, opening, drafts, unwritten }
    }

    /// Where it is.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Whose packs lie here.
    #[must_use]
    pub fn household(&self) -> &HouseholdId {
        &self.marker.household
    }

    /// Which disk it is.
    #[must_use]
    pub fn disk_id(&self) -> DiskId {
        self.marker.disk
    }

    /// Whether the volume is mounted, and is the one that was opened.
    ///
    /// # Errors
    /// [`FolderError::Absent`], [`FolderError::Other`].
    pub fn is_there(&self) -> Result<(), FolderError> {
        match marker_of(&self.root) {
            Some(found) if found == self.marker => Ok(()),
            Some(found) => Err(FolderError::another(found)),
            None => Err(FolderError::Absent),
        }
    }

    /// How large this volume is, and how much may still be written to it.
    ///
    /// # Errors
    /// [`FolderError::Absent`], [`FolderError::Io`].
    pub fn volume(&self) -> Result<Volume, FolderError> {
        self.is_there()?;
        let stat = rustix::fs::statvfs(&self.root)
            .map_err(|errno| FolderError::io("the disk's free space isn't known")(errno.into()))?;
        let bytes = |blocks: u64| blocks.saturating_mul(stat.f_frsize);
        Ok(Volume { bytes: bytes(stat.f_blocks), free: bytes(stat.f_bavail) })
    }

    /// Keeps a pack; returns when its bytes, its name and its folder are durable. One that is there and right stays; one
    /// that is there and wrong, or can't be read, is set aside first.
    ///
    /// # Errors
    /// [`FolderError::Wrong`] when the bytes aren't what the id says, [`FolderError::Absent`], [`FolderError::Full`] and
    /// [`FolderError::Io`].
    pub fn put(&self, id: &PackId, bytes: &[u8]) -> Result<(), FolderError> {
        if bytes.is_empty() || bytes.len() > PACK_BYTES_MAX {
            return Err(FolderError::Wrong("no pack has that size"));
        }
        let (root, outboard) = proof::outboard(bytes);
        if root != *id {
            return Err(FolderError::Wrong("the bytes aren't the pack that was named"));
        }
        self.is_there()?;
        match self.check_twice(id) {
            Ok(_) => return self.make_durable(id),
            Err(FolderError::Missing) => {}
            Err(FolderError::Wrong(_)) => self.set_aside(id)?,
            Err(other) => return Err(other),
        }
        self.write_new(&self.pack_path(id), bytes)
            .map_err(FolderError::io("the pack couldn't be written"))?;
        // Derived, so nobody waits for it; one that is torn or missing is made again when it is needed.
        self.write_outboard(id, &outboard).unwrap_or_default();
        self.is_there()
    }

    /// Part of a pack.
    ///
    /// # Errors
    /// [`FolderError::Missing`], [`FolderError::Wrong`] when the pack ends before that, [`FolderError::Absent`],
    /// [`FolderError::Io`].
    pub fn read(&self, id: &PackId, range: &Range<u64>) -> Result<Vec<u8>, FolderError> {
        self.read_at(&self.pack_path(id), range)
    }

    /// A pack's size.
    ///
    /// # Errors
    /// As [`PackFolder::read`].
    pub fn size(&self, id: &PackId) -> Result<u64, FolderError> {
        match std::fs::metadata(self.pack_path(id)) {
            Ok(found) => Ok(found.len()),
            Err(error) => Err(self.why(error, "the pack couldn't be found")),
        }
    }

    /// Reads the whole pack and compares it with its id; returns its size.
    ///
    /// # Errors
    /// [`FolderError::Wrong`] when it is damaged, [`FolderError::Missing`], [`FolderError::Absent`],
    /// [`FolderError::Io`].
    pub fn check(&self, id: &PackId) -> Result<u64, FolderError> {
        let at = "the pack couldn't be read";
        let file = File::open(self.pack_path(id)).map_err(|error| self.why(error, at))?;
        let mut hasher = blake3::Hasher::new();
        let mut limited = file.take(PACK_BYTES_MAX as u64 + 1);
        hasher.update_reader(&mut limited).map_err(|error| self.why(error, at))?;
        if hasher.finalize().as_bytes() != id.as_bytes() {
            return Err(FolderError::Wrong("the pack is damaged"));
        }
        Ok(hasher.count())
    }

    /// Kept packs and their sizes in order of id, those after `after`, at most `limit`.
    ///
    /// # Errors
    /// [`FolderError::Absent`], [`FolderError::Io`].
    pub fn list(&self, after: Option<&PackId>, limit: usize) -> Result<Vec<(PackId, u64)>, FolderError> {
        let first = after.map_or(0, |id| id.as_bytes()[0]);
        let mut found = Vec::new();
        for shard in first..=u8::MAX {
            let mut here = self.list_shard(shard)?;
            here.retain(|(id, _)| after.is_none_or(|after| id > after));
            here.truncate(limit - found.len());
            found.append(&mut here);
            if found.len() >= limit {
                break;
            }
        }
        // A volume that went away in the middle looks like a folder with fewer packs.
        self.is_there()?;
        Ok(found)
    }

    pub(super) fn read_at(&self, path: &Path, range: &Range<u64>) -> Result<Vec<u8>, FolderError> {
        let at = "the pack couldn't be read";
        let bytes = range.end.checked_sub(range.start).and_then(|bytes| usize::try_from(bytes).ok());
        let Some(bytes) = bytes.filter(|bytes| *bytes <= PACK_BYTES_MAX) else {
            return Err(FolderError::Wrong("no pack has that range"));
        };
        let file = File::open(path).map_err(|error| self.why(error, at))?;
        if file.metadata().map_err(|error| self.why(error, at))?.len() < range.end {
            return Err(FolderError::Wrong("the pack ends before that"));
        }
        let mut buffer = vec![0; bytes];
        match file.read_exact_at(&mut buffer, range.start) {
            Ok(()) => Ok(buffer),
            Err(error) => Err(self.why(error, at)),
        }
    }

    /// Why a file can't be read: the volume is gone, the file is, or the system says something else.
    pub(super) fn why(&self, error: io::Error, attempt: &'static str) -> FolderError {
        if let Err(away) = self.is_there() {
            return away;
        }
        match error.kind() {
            io::ErrorKind::NotFound => FolderError::Missing,
            io::ErrorKind::UnexpectedEof => FolderError::Wrong("the pack ends before that"),
            _ => FolderError::Io { attempt, source: error },
        }
    }

    fn list_shard(&self, shard: u8) -> Result<Vec<(PackId, u64)>, FolderError> {
        let at = "the packs couldn't be listed";
        let entries = match std::fs::read_dir(self.shard_path(shard)) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(self.why(error, at)),
        };
        let mut found = Vec::new();
        for entry in entries.take(SHARD_PACKS_MAX) {
            let entry = entry.map_err(|error| self.why(error, at))?;
            let name = entry.file_name();
            let id = name.to_str().and_then(|name| name.strip_suffix(".pack")?.parse::<PackId>().ok());
            let Some(id) = id.filter(|id| id.as_bytes()[0] == shard) else { continue };
            // One that was removed meanwhile isn't listed.
            if let Ok(data) = entry.metadata() {
                found.push((id, data.len()));
            }
        }
        found.sort_unstable();
        Ok(found)
    }

    pub(super) fn shard_path(&self, shard: u8) -> PathBuf {
        self.root.join("packs").join(format!("{shard:02x}"))
    }

    pub(super) fn pack_path(&self, id: &PackId) -> PathBuf {
        self.shard_path(id.as_bytes()[0]).join(format!("{id}.pack"))
    }

    pub(super) fn outboard_path(&self, id: &PackId) -> PathBuf {
        self.shard_path(id.as_bytes()[0]).join(format!("{id}.obao"))
    }

    pub(super) fn damaged_path(&self, id: &PackId) -> PathBuf {
        self.root.join("damaged").join(format!("{id}.pack"))
    }
}

/// What the marker in a folder says; nothing when it can't be read, for whatever reason: a disk that is going away
/// fails in many ways, and none of them means that anything is lost. Blocks, for ever if the disk does.
#[must_use]
pub fn marker_of(root: &Path) -> Option<Marker> {
    let mut text = String::new();
    File::open(root.join(MARKER_NAME)).ok()?.take(MARKER_BYTES_MAX).read_to_string(&mut text).ok()?;
    Marker::from_text(&text)
}

impl std::fmt::Debug for PackFolder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PackFolder")
            .field("root", &self.root)
            .field("marker", &self.marker)
            .finish_non_exhaustive()
    }
}
