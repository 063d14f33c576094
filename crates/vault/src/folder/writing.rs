//! Durable writing in a folder: a draft, its final name, the folders up to the root.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::time::Duration;

use heirloom_store::place_new;

use super::packs::DRAFTS_MAX;
use super::{FolderError, PackFolder};
use crate::PackId;

/// From here on a file is written past the page cache: nobody reads it soon, and the cache costs as much as the rest.
const LARGE_BYTES: usize = 1 << 20;
/// A draft this old was left behind by a crash.
const DRAFT_AGE: Duration = Duration::from_secs(24 * 60 * 60);

impl PackFolder {
    /// Makes the folders in the folder, and everything's names durable.
    pub(super) fn lay_out(&self) -> io::Result<()> {
        for name in ["drafts", "packs", "heads", "kits"] {
            self.disk.create_dir(&self.root.join(name))?;
        }
        self.disk.sync_dir(&self.root)
    }

    /// Makes a file durable under its final name. One that is there already stays.
    pub(super) fn write_new(&self, to: &Path, bytes: &[u8]) -> io::Result<()> {
        let draft = self.new_draft();
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

    /// As [`PackFolder::write_new`], in place of one that is there: that one stays unless there is room for the new one.
    /// Between the two there is none.
    pub(super) fn write_over(&self, to: &Path, bytes: &[u8]) -> io::Result<()> {
        let draft = self.new_draft();
        let written = self
            .write_draft(&draft, bytes)
            .and_then(|()| self.disk.remove(to))
            .and_then(|()| place_new(&*self.disk, &self.synced, &self.root, &draft, to));
        if written.is_err() {
            self.disk.remove(&draft).unwrap_or_default();
        }
        written
    }

    fn new_draft(&self) -> PathBuf {
        let number = self.drafts.fetch_add(1, Ordering::Relaxed);
        self.root.join("drafts").join(format!("{:016x}-{number}.part", self.opening))
    }

    fn write_draft(&self, draft: &Path, bytes: &[u8]) -> io::Result<()> {
        self.disk.remove(draft)?;
        let is_large = bytes.len() >= LARGE_BYTES;
        let mut file = if is_large { self.disk.create_large(draft)? } else { self.disk.create_new(draft)? };
        file.write_all(bytes)?;
        file.sync()
    }

    /// What is there was synced before it got its name; the name may not have been.
    pub(super) fn make_durable(&self, id: &PackId) -> Result<(), FolderError> {
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

    /// Removes drafts that nobody can be writing any more.
    pub(super) fn sweep(&self) {
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
}
