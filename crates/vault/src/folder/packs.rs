//! Packs in a folder: durable writing, reading, proving, setting aside.

use std::fs::File;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io::{self, Read, Write};
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use heirloom_identity::HouseholdId;
use heirloom_store::{Disk, SyncedFolders, place_new};

use super::marker::MARKER_BYTES_MAX;
use super::{DiskId, Expected, FolderError, MARKER_NAME, Marker};
use crate::PackId;
use crate::pack::PACK_BYTES_MAX;
use crate::proof::{self, Challenge, ProofError};

/// Packs looked at in one of the 256 folders below `packs/`; far more than any disk holds.
const SHARD_PACKS_MAX: usize = 1 << 17;
/// From here on a file is written past the page cache: nobody reads it soon, and the cache costs as much as the rest.
const LARGE_BYTES: usize = 1 << 20;
/// A draft this old was left behind by a crash.
const DRAFT_AGE: Duration = Duration::from_secs(24 * 60 * 60);
/// Leftovers of drafts removed when a folder is opened.
const DRAFTS_MAX: usize = 4096;

/// A folder of one household's packs. Share it between threads with an `Arc`.
pub struct PackFolder {
    pub(super) root: PathBuf,
    pub(super) disk: Arc<dyn Disk>,
    pub(super) synced: SyncedFolders,
    marker: Marker,
    /// Tells the drafts of this opening from those of others, perhaps of another computer.
    opening: u64,
    drafts: AtomicU64,
}

impl PackFolder {
    /// Makes the folder (its parent exists) and its marker; fine if the same marker is there already, whatever else is.
    ///
    /// # Errors
    /// [`FolderError::Other`] when another marker is there; [`FolderError::Full`], [`FolderError::Io`].
    pub fn create(root: &Path, marker: Marker, disk: Arc<dyn Disk>) -> Result<Self, FolderError> {
        let here = Self::at(root, marker, disk);
        let found = read_marker(root);
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
        let marker = read_marker(root).ok_or(FolderError::Absent)?;
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

    /// Makes the folders in the folder, and everything's names durable.
    fn lay_out(&self) -> io::Result<()> {
        for name in ["drafts", "packs", "heads", "kits"] {
            self.disk.create_dir(&self.root.join(name))?;
        }
        self.disk.sync_dir(&self.root)
    }

    fn at(root: &Path, marker: Marker, disk: Arc<dyn Disk>) -> Self {
        let synced = SyncedFolders::default();
        // Any number that nobody else has: its keys are random.
        let opening = RandomState::new().build_hasher().finish();
        Self { root: root.to_owned(), disk, synced, marker, opening, drafts: AtomicU64::new(0) }
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
        match read_marker(&self.root) {
            Some(found) if found == self.marker => Ok(()),
            Some(found) => Err(FolderError::another(found)),
            None => Err(FolderError::Absent),
        }
    }

    /// Bytes that may still be written to this volume.
    ///
    /// # Errors
    /// [`FolderError::Absent`], [`FolderError::Io`].
    pub fn free(&self) -> Result<u64, FolderError> {
        self.is_there()?;
        let stat = rustix::fs::statvfs(&self.root)
            .map_err(|errno| FolderError::io("the disk's free space isn't known")(errno.into()))?;
        Ok(stat.f_bavail.saturating_mul(stat.f_frsize))
    }

    /// Keeps a pack; returns when its bytes, its name and its folder are durable. One that is there and right stays; one
    /// that is there and wrong is set aside first.
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
        match self.check(id) {
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

    /// Removes a pack for good; fine if it isn't there.
    ///
    /// # Errors
    /// [`FolderError::Absent`], [`FolderError::Io`].
    pub fn remove(&self, id: &PackId) -> Result<(), FolderError> {
        self.is_there()?;
        let at = FolderError::io("the pack couldn't be removed");
        self.disk.remove(&self.outboard_path(id)).map_err(&at)?;
        self.disk.remove(&self.pack_path(id)).map_err(&at)?;
        let shard = self.shard_path(id.as_bytes()[0]);
        if shard.is_dir() { self.disk.sync_dir(&shard).map_err(&at) } else { Ok(()) }
    }

    /// Moves a damaged pack to `damaged/`, where nothing counts it.
    ///
    /// # Errors
    /// [`FolderError::Absent`], [`FolderError::Io`].
    pub fn set_aside(&self, id: &PackId) -> Result<(), FolderError> {
        self.is_there()?;
        let at = FolderError::io("the damaged pack couldn't be set aside");
        let aside = self.damaged_path(id);
        self.disk.remove(&aside).map_err(&at)?;
        self.disk.remove(&self.outboard_path(id)).map_err(&at)?;
        place_new(&*self.disk, &self.synced, &self.root, &self.pack_path(id), &aside).map_err(&at)?;
        self.disk.sync_dir(&self.shard_path(id.as_bytes()[0])).map_err(&at)
    }

    /// Throws away what was set aside of a pack; fine if nothing was.
    ///
    /// # Errors
    /// [`FolderError::Absent`], [`FolderError::Io`].
    pub fn forget_damaged(&self, id: &PackId) -> Result<(), FolderError> {
        self.is_there()?;
        self.disk
            .remove(&self.damaged_path(id))
            .map_err(FolderError::io("the damaged pack couldn't be removed"))
    }

    /// Packs that were set aside, at most some.
    pub(crate) fn damaged(&self) -> Vec<PackId> {
        let Ok(entries) = std::fs::read_dir(self.root.join("damaged")) else { return Vec::new() };
        let id = |entry: std::fs::DirEntry| entry.file_name().to_str()?.strip_suffix(".pack")?.parse().ok();
        entries.flatten().take(DRAFTS_MAX).filter_map(id).collect()
    }

    /// Removes everything that a vault's folder holds, the marker last: until then it is a vault's. What isn't a vault's
    /// stays.
    ///
    /// # Errors
    /// [`FolderError::Absent`], [`FolderError::Io`].
    pub fn clear(&self) -> Result<(), FolderError> {
        self.is_there()?;
        let at = FolderError::io("the folder couldn't be emptied");
        for name in ["drafts", "packs", "damaged", "fossils", "heads", "kits"] {
            self.clear_folder(&self.root.join(name)).map_err(&at)?;
        }
        self.disk.remove(&self.root.join(MARKER_NAME)).map_err(&at)?;
        self.disk.sync_dir(&self.root).map_err(&at)
    }

    /// Empties and removes a folder of files and of folders of files.
    fn clear_folder(&self, folder: &Path) -> io::Result<()> {
        let entries = match std::fs::read_dir(folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(error),
        };
        for entry in entries {
            let entry = entry?;
            if !entry.file_type()?.is_dir() {
                self.disk.remove(&entry.path())?;
                continue;
            }
            for inner in std::fs::read_dir(entry.path())? {
                self.disk.remove(&inner?.path())?;
            }
            self.disk.sync_dir(&entry.path())?;
            std::fs::remove_dir(entry.path())?;
        }
        self.disk.sync_dir(folder)?;
        std::fs::remove_dir(folder)
    }

    /// Answers a question about a pack with a proof that was checked.
    ///
    /// # Errors
    /// [`FolderError::Wrong`] when the pack is damaged or hasn't that size or that group, [`FolderError::Missing`],
    /// [`FolderError::Absent`], [`FolderError::Io`].
    pub fn prove(&self, challenge: &Challenge) -> Result<Vec<u8>, FolderError> {
        if !challenge.is_sound() || self.size(&challenge.pack)? != u64::from(challenge.bytes) {
            return Err(FolderError::Wrong("the pack hasn't got that group"));
        }
        let group = self.read(&challenge.pack, &challenge.range())?;
        let outboard = self.read_outboard(challenge);
        match proof::prove(challenge, &group, &outboard) {
            Err(ProofError::Outboard) => {}
            proved => return proved.map_err(damage),
        }
        let whole = self.read(&challenge.pack, &(0..u64::from(challenge.bytes)))?;
        let (root, outboard) = proof::outboard(&whole);
        if root != challenge.pack {
            return Err(FolderError::Wrong("the pack is damaged"));
        }
        self.write_outboard(&challenge.pack, &outboard).unwrap_or_default();
        proof::prove(challenge, &group, &outboard).map_err(damage)
    }

    /// Makes a file durable under its final name. One that is there already stays.
    pub(super) fn write_new(&self, to: &Path, bytes: &[u8]) -> io::Result<()> {
        let number = self.drafts.fetch_add(1, Ordering::Relaxed);
        let draft = self.root.join("drafts").join(format!("{:016x}-{number}.part", self.opening));
        let written = self
            .write_draft(&draft, bytes)
            .and_then(|()| place_new(&*self.disk, &self.synced, &self.root, &draft, to));
        match written {
            Ok(()) => Ok(()),
            Err(error) => {
                self.disk.remove(&draft).unwrap_or_default();
                if error.kind() == io::ErrorKind::AlreadyExists { self.sync_way_to(to) } else { Err(error) }
            }
        }
    }

    fn write_draft(&self, draft: &Path, bytes: &[u8]) -> io::Result<()> {
        self.disk.remove(draft)?;
        let is_large = bytes.len() >= LARGE_BYTES;
        let mut file = if is_large { self.disk.create_large(draft)? } else { self.disk.create_new(draft)? };
        file.write_all(bytes)?;
        file.sync()
    }

    /// What is there was synced before it got its name; the name may not have been.
    fn make_durable(&self, id: &PackId) -> Result<(), FolderError> {
        self.sync_way_to(&self.pack_path(id)).map_err(FolderError::io("the pack couldn't be made durable"))
    }

    /// Makes the names of all packs durable.
    ///
    /// # Errors
    /// [`FolderError::Absent`], [`FolderError::Io`].
    pub(crate) fn sync_names(&self) -> Result<(), FolderError> {
        let shards = (0..=u8::MAX).map(|shard| self.shard_path(shard)).filter(|shard| shard.is_dir());
        let folders = shards.chain([self.root.join("packs"), self.root.clone()]);
        let at = FolderError::io("the packs couldn't be made durable");
        folders.into_iter().try_for_each(|folder| self.disk.sync_dir(&folder)).map_err(at)?;
        self.is_there()
    }

    fn sync_way_to(&self, path: &Path) -> io::Result<()> {
        for folder in path.ancestors().skip(1).take_while(|folder| folder.starts_with(&self.root)) {
            self.disk.sync_dir(folder)?;
        }
        Ok(())
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

    /// The outboard beside a pack, or bytes that prove nothing.
    fn read_outboard(&self, challenge: &Challenge) -> Vec<u8> {
        let range = 0..u64::from(proof::outboard_bytes(challenge.bytes));
        self.read_at(&self.outboard_path(&challenge.pack), &range).unwrap_or_default()
    }

    fn write_outboard(&self, id: &PackId, outboard: &[u8]) -> io::Result<()> {
        let path = self.outboard_path(id);
        self.disk.remove(&path)?;
        self.disk.create_new(&path)?.write_all(outboard)
    }

    /// Removes drafts that nobody can be writing any more.
    fn sweep(&self) {
        let Ok(entries) = std::fs::read_dir(self.root.join("drafts")) else { return };
        for entry in entries.flatten().take(DRAFTS_MAX) {
            let written = entry.metadata().and_then(|data| data.modified());
            // One from the future has no age, and stays.
            let age = written.ok().and_then(|written| written.elapsed().ok());
            if age.is_some_and(|age| age > DRAFT_AGE) {
                self.disk.remove(&entry.path()).unwrap_or_default();
            }
        }
    }

    fn shard_path(&self, shard: u8) -> PathBuf {
        self.root.join("packs").join(format!("{shard:02x}"))
    }

    pub(super) fn pack_path(&self, id: &PackId) -> PathBuf {
        self.shard_path(id.as_bytes()[0]).join(format!("{id}.pack"))
    }

    pub(super) fn outboard_path(&self, id: &PackId) -> PathBuf {
        self.shard_path(id.as_bytes()[0]).join(format!("{id}.obao"))
    }

    fn damaged_path(&self, id: &PackId) -> PathBuf {
        self.root.join("damaged").join(format!("{id}.pack"))
    }
}

/// What the marker in a folder says; nothing when it can't be read, for whatever reason: a disk that is going away
/// fails in many ways, and none of them means that anything is lost.
pub(crate) fn read_marker(root: &Path) -> Option<Marker> {
    let mut text = String::new();
    File::open(root.join(MARKER_NAME)).ok()?.take(MARKER_BYTES_MAX).read_to_string(&mut text).ok()?;
    Marker::from_text(&text)
}

fn damage(error: ProofError) -> FolderError {
    match error {
        ProofError::Read(source) => FolderError::Io { attempt: "the pack couldn't be read", source },
        ProofError::Damaged | ProofError::Outboard | ProofError::NoSuchGroup { .. } => {
            FolderError::Wrong("the pack is damaged")
        }
    }
}

impl std::fmt::Debug for PackFolder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PackFolder")
            .field("root", &self.root)
            .field("marker", &self.marker)
            .finish_non_exhaustive()
    }
}
