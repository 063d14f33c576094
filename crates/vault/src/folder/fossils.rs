//! Deletion in two steps, for folders that have no keeper: a pack becomes a fossil first, and is removed 30 days later.

use std::collections::{HashMap, HashSet};
use std::io;
use std::ops::Range;
use std::path::PathBuf;

use heirloom_identity::{HeadHash, VaultHead};
use heirloom_store::place_new;

use super::{FolderError, PackFolder};
use crate::PackId;
use crate::target::HOLD_MS;

/// Fossils looked at in one go; what is left over is found the next time.
const FOSSILS_MAX: usize = 1 << 20;

/// A pack that was deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Fossil {
    pub(crate) id: PackId,
    /// When it was deleted, in the folder's own time.
    pub(crate) at_ms: i64,
    pub(crate) bytes: u64,
}

impl PackFolder {
    /// Makes packs fossils: no longer listed or proved, still readable. Those that aren't there are left out. The time is
    /// the folder's [own](PackFolder::own_time).
    ///
    /// # Errors
    /// [`FolderError::Absent`], [`FolderError::Full`], [`FolderError::Io`].
    pub fn bury(&self, packs: &[PackId], now_ms: i64) -> Result<(), FolderError> {
        self.is_there()?;
        let at = FolderError::io("the pack couldn't be deleted");
        packs.iter().try_for_each(|id| self.bury_one(id, now_ms)).map_err(&at)?;
        let packs: HashSet<_> = packs.iter().copied().collect();
        for older in outdated(&self.fossils()?, &packs) {
            self.disk.remove(&self.fossil_path(older)).map_err(&at)?;
        }
        Ok(())
    }

    fn bury_one(&self, id: &PackId, now_ms: i64) -> io::Result<()> {
        let from = self.pack_path(id);
        if !from.exists() {
            return Ok(());
        }
        let fossil = self.root.join("fossils").join(fossil_name(id, now_ms));
        self.disk.remove(&fossil)?;
        place_new(&*self.disk, &self.synced, &self.root, &from, &fossil)?;
        self.disk.remove(&self.outboard_path(id))?;
        from.parent().map_or(Ok(()), |shard| self.disk.sync_dir(shard))
    }

    /// Part of a pack that may have become a fossil, or been set aside.
    ///
    /// # Errors
    /// As [`PackFolder::read`].
    pub fn read_buried(&self, id: &PackId, range: &Range<u64>) -> Result<Vec<u8>, FolderError> {
        match self.read(id, range) {
            Err(FolderError::Missing) => {}
            other => return other,
        }
        let fossils = self.fossils()?;
        match fossils.into_iter().find(|fossil| fossil.id == *id) {
            Some(fossil) => self.read_at(&self.fossil_path(&fossil), range),
            None => self.read_aside(id, range),
        }
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
                    .remove(&self.fossil_path(&fossil))
                    .map_err(FolderError::io("a deleted pack couldn't be removed"))?;
                removed += 1;
            }
        }
        Ok(removed)
    }

    /// Since when heads here are superseded, in the folder's own time.
    ///
    /// # Errors
    /// [`FolderError::Absent`].
    pub(crate) fn superseded(&self) -> Result<HashMap<HeadHash, i64>, FolderError> {
        self.is_there()?;
        let Ok(entries) = std::fs::read_dir(self.root.join("fossils")) else { return Ok(HashMap::new()) };
        let parse = |entry: std::fs::DirEntry| parse_superseded_name(entry.file_name().to_str()?);
        Ok(entries.flatten().take(FOSSILS_MAX).filter_map(parse).collect())
    }

    /// Writes down since when a head is superseded.
    ///
    /// # Errors
    /// [`FolderError::Absent`], [`FolderError::Full`], [`FolderError::Io`].
    pub(crate) fn note_superseded(&self, head: &HeadHash, at_ms: i64) -> Result<(), FolderError> {
        self.is_there()?;
        let path = self.root.join("fossils").join(superseded_name(head, at_ms));
        self.write_new(&path, &[]).map_err(FolderError::io("a head's end couldn't be written down"))
    }

    /// Forgets since when heads were superseded that are gone.
    ///
    /// # Errors
    /// [`FolderError::Absent`], [`FolderError::Io`].
    pub(crate) fn forget_superseded(&self, gone: &[VaultHead]) -> Result<(), FolderError> {
        let at = FolderError::io("a head's end couldn't be forgotten");
        let gone: HashSet<_> = gone.iter().map(VaultHead::hash).collect();
        for (head, at_ms) in self.superseded()?.into_iter().filter(|(head, _)| gone.contains(head)) {
            self.disk.remove(&self.root.join("fossils").join(superseded_name(&head, at_ms))).map_err(&at)?;
        }
        Ok(())
    }

    fn fossil_path(&self, fossil: &Fossil) -> PathBuf {
        self.root.join("fossils").join(fossil_name(&fossil.id, fossil.at_ms))
    }

    /// What was deleted and is held.
    pub(crate) fn fossils(&self) -> Result<Vec<Fossil>, FolderError> {
        self.is_there()?;
        let Ok(entries) = std::fs::read_dir(self.root.join("fossils")) else { return Ok(Vec::new()) };
        let parse = |entry: std::fs::DirEntry| {
            let (id, at_ms) = parse_fossil_name(entry.file_name().to_str()?)?;
            Some(Fossil { id, at_ms, bytes: entry.metadata().ok()?.len() })
        };
        Ok(entries.flatten().take(FOSSILS_MAX).filter_map(parse).collect())
    }
}

/// Of the packs that were just deleted, the fossils of earlier deletions: the last one is held for 30 days. A pack has two
/// if it came back in between, or if a deletion was interrupted and done again.
pub(crate) fn outdated<'a>(fossils: &'a [Fossil], packs: &HashSet<PackId>) -> Vec<&'a Fossil> {
    let mut last: HashMap<PackId, &Fossil> = HashMap::new();
    let mut older = Vec::new();
    for fossil in fossils.iter().filter(|fossil| packs.contains(&fossil.id)) {
        match last.insert(fossil.id, fossil) {
            Some(known) if known.at_ms > fossil.at_ms => {
                last.insert(fossil.id, known);
                older.push(fossil);
            }
            Some(known) => older.push(known),
            None => {}
        }
    }
    older
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

/// The name of the empty file that says since when a head is superseded.
pub(crate) fn superseded_name(head: &HeadHash, at_ms: i64) -> String {
    format!("{head}-{at_ms}.head")
}

/// Reads such a name.
pub(crate) fn parse_superseded_name(name: &str) -> Option<(HeadHash, i64)> {
    let (head, at_ms) = name.strip_suffix(".head")?.split_once('-')?;
    Some((head.parse().ok()?, at_ms.parse().ok()?))
}
