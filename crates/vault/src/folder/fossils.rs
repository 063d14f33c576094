//! Deletion in two steps, for folders that have no keeper: a pack becomes a fossil first, and is removed 30 days later.

use std::ops::Range;
use std::path::PathBuf;

use heirloom_store::place_new;

use super::{FolderError, PackFolder};
use crate::PackId;
use crate::target::HOLD_MS;

/// Fossils looked at in one go; what is left over is found the next time.
const FOSSILS_MAX: usize = 1 << 20;

/// A pack that was deleted.
pub(super) struct Fossil {
    id: PackId,
    path: PathBuf,
    at_ms: i64,
    bytes: u64,
}

impl Fossil {
    /// When it was deleted, in the folder's own time.
    pub(super) fn at_ms(&self) -> i64 {
        self.at_ms
    }
}

impl PackFolder {
    /// Makes a pack a fossil: no longer listed or proved, still readable. Fine if it isn't there. The time is the folder's
    /// [own](PackFolder::own_time).
    ///
    /// # Errors
    /// [`FolderError::Absent`], [`FolderError::Full`], [`FolderError::Io`].
    pub fn bury(&self, id: &PackId, now_ms: i64) -> Result<(), FolderError> {
        self.is_there()?;
        let from = self.pack_path(id);
        if !from.exists() {
            return Ok(());
        }
        let at = FolderError::io("the pack couldn't be deleted");
        let fossil = self.root.join("fossils").join(fossil_name(id, now_ms));
        self.disk.remove(&fossil).map_err(&at)?;
        place_new(&*self.disk, &self.synced, &self.root, &from, &fossil).map_err(&at)?;
        self.disk.remove(&self.outboard_path(id)).map_err(&at)?;
        from.parent().map_or(Ok(()), |shard| self.disk.sync_dir(shard)).map_err(&at)
    }

    /// Part of a pack that may have become a fossil.
    ///
    /// # Errors
    /// As [`PackFolder::read`].
    pub fn read_buried(&self, id: &PackId, range: &Range<u64>) -> Result<Vec<u8>, FolderError> {
        match self.read(id, range) {
            Err(FolderError::Missing) => {}
            other => return other,
        }
        let fossils = self.fossils()?;
        let fossil = fossils.into_iter().find(|fossil| fossil.id == *id).ok_or(FolderError::Missing)?;
        self.read_at(&fossil.path, range)
    }

    /// Bytes and number of fossils.
    ///
    /// # Errors
    /// [`FolderError::Absent`], [`FolderError::Io`].
    pub fn buried(&self) -> Result<(u64, u64), FolderError> {
        let fossils = self.fossils()?;
        Ok(fossils.iter().fold((0, 0), |(bytes, count), fossil| (bytes + fossil.bytes, count + 1)))
    }

    /// Removes fossils that are older than 30 days of the folder's own time; returns how many.
    ///
    /// # Errors
    /// [`FolderError::Absent`], [`FolderError::Io`].
    pub fn remove_fossils(&self, now_ms: i64) -> Result<u64, FolderError> {
        let mut removed = 0;
        for fossil in self.fossils()? {
            if fossil.at_ms.saturating_add(HOLD_MS) <= now_ms {
                self.disk
                    .remove(&fossil.path)
                    .map_err(FolderError::io("a deleted pack couldn't be removed"))?;
                removed += 1;
            }
        }
        Ok(removed)
    }

    pub(super) fn fossils(&self) -> Result<Vec<Fossil>, FolderError> {
        self.is_there()?;
        let Ok(entries) = std::fs::read_dir(self.root.join("fossils")) else { return Ok(Vec::new()) };
        let parse = |entry: std::fs::DirEntry| {
            let (id, at_ms) = parse_fossil_name(entry.file_name().to_str()?)?;
            Some(Fossil { id, path: entry.path(), at_ms, bytes: entry.metadata().ok()?.len() })
        };
        Ok(entries.flatten().take(FOSSILS_MAX).filter_map(parse).collect())
    }
}

/// A fossil's file name: the pack's id, and when it was deleted.
pub(crate) fn fossil_name(id: &PackId, at_ms: i64) -> String {
    format!("{id}-{at_ms}.pack")
}

/// Reads a fossil's file name.
pub(crate) fn parse_fossil_name(name: &str) -> Option<(PackId, i64)> {
    let (id, at_ms) = name.strip_suffix(".pack")?.split_once('-')?;
    Some((id.parse().ok()?, at_ms.parse().ok()?))
}
