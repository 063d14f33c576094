//! What goes: packs for good, damaged ones aside, everything when a vault is cleared.

use std::io;
use std::path::Path;

use heirloom_store::place_new;

use super::packs::DRAFTS_MAX;
use super::{FolderError, MARKER_NAME, PackFolder};
use crate::PackId;

impl PackFolder {
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
}
