//! The time of a folder that has no keeper: how long deleted packs have been held.
//!
//! A computer's clock may be wrong by years and then right again, and what was deleted must be there for 30 days all the
//! same. So a folder counts its own time: whenever somebody looks, the time since the last look is added, never more than
//! a day of it and never less than nothing. It falls behind while nobody looks, which only holds things longer.

use std::io::Read;
use std::sync::PoisonError;

use super::{FolderError, PackFolder};
use crate::target::DAY_MS;

/// The file's name in `fossils/`.
pub(crate) const CLOCK_NAME: &str = "clock";
/// The file is never longer.
const CLOCK_BYTES_MAX: u64 = 128;
/// Less than this since the last look isn't written down yet: it counts the next time.
const STEP_MS: i64 = 60 * 60 * 1000;

/// A folder's own time, and what the computer's clock said when it was written down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct OwnTime {
    /// The folder's own time, in milliseconds.
    pub(crate) own_ms: i64,
    utc_ms: i64,
}

impl OwnTime {
    /// The first look, or the file was lost: not later than what was deleted last.
    pub(crate) fn begin(last_deleted_ms: Option<i64>, now_ms: i64) -> Self {
        Self { own_ms: last_deleted_ms.unwrap_or(now_ms), utc_ms: now_ms }
    }

    /// The time now, and whether it has to be written down.
    pub(crate) fn look(self, now_ms: i64) -> (Self, bool) {
        let since = now_ms.saturating_sub(self.utc_ms);
        let own_ms = self.own_ms.saturating_add(since.clamp(0, DAY_MS));
        (Self { own_ms, utc_ms: now_ms }, !(0..STEP_MS).contains(&since))
    }

    /// The one that is further on. One that could not be written down for want of room counts as long as the program runs:
    /// otherwise nothing in a full place would ever be old enough to make room.
    pub(crate) fn further(one: Option<Self>, other: Option<Self>) -> Option<Self> {
        one.into_iter().chain(other).max_by_key(|time| time.own_ms)
    }

    pub(crate) fn to_text(self) -> String {
        format!("own {}\nutc {}\n", self.own_ms, self.utc_ms)
    }

    pub(crate) fn from_text(text: &str) -> Option<Self> {
        let (own, utc) = text.strip_suffix('\n')?.split_once('\n')?;
        let own_ms = own.strip_prefix("own ")?.parse().ok()?;
        Some(Self { own_ms, utc_ms: utc.strip_prefix("utc ")?.parse().ok()? })
    }
}

impl PackFolder {
    /// The folder's own time, in which what was deleted is held; `now_ms` is what this computer's clock says. A full disk
    /// does not stop it.
    ///
    /// # Errors
    /// [`FolderError::Absent`], [`FolderError::Io`].
    pub fn own_time(&self, now_ms: i64) -> Result<i64, FolderError> {
        self.is_there()?;
        let path = self.root.join("fossils").join(CLOCK_NAME);
        let mut text = String::new();
        let read =
            std::fs::File::open(&path).and_then(|file| file.take(CLOCK_BYTES_MAX).read_to_string(&mut text));
        let written = read.ok().and_then(|_| OwnTime::from_text(&text));
        let mut unwritten = self.unwritten.lock().unwrap_or_else(PoisonError::into_inner);
        let known = OwnTime::further(written, *unwritten);
        let (time, is_new) = match known {
            Some(known) => known.look(now_ms),
            None => (OwnTime::begin(self.fossils()?.iter().map(|fossil| fossil.at_ms).max(), now_ms), true),
        };
        if is_new {
            // One that is lost in between begins anew at the last deletion.
            let written = self.write_over(&path, time.to_text().as_bytes());
            *unwritten = match written.map_err(FolderError::io("the folder's time couldn't be written")) {
                Ok(()) => None,
                Err(FolderError::Full) => Some(time),
                Err(other) => return Err(other),
            };
        }
        Ok(time.own_ms)
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::path::Path;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};

    use heirloom_identity::HouseholdId;
    use heirloom_store::{Disk, DraftFile, RealDisk};
    use proptest::prelude::*;

    use super::*;
    use crate::PackId;
    use crate::folder::{DiskId, Marker};

    /// A disk that may be full.
    #[derive(Default)]
    struct Tight(AtomicBool);

    impl Disk for Tight {
        fn create_new(&self, path: &Path) -> io::Result<Box<dyn DraftFile>> {
            if self.0.load(Ordering::Relaxed) {
                return Err(io::ErrorKind::StorageFull.into());
            }
            RealDisk.create_new(path)
        }

        fn rename_new(&self, from: &Path, to: &Path) -> io::Result<()> {
            RealDisk.rename_new(from, to)
        }

        fn sync_dir(&self, path: &Path) -> io::Result<()> {
            RealDisk.sync_dir(path)
        }

        fn create_dir(&self, path: &Path) -> io::Result<()> {
            RealDisk.create_dir(path)
        }

        fn remove(&self, path: &Path) -> io::Result<()> {
            RealDisk.remove(path)
        }
    }

    /// Goal: a full disk becomes free: what was deleted there is gone after 30 days, and what is there may be deleted.
    /// Method: a disk that takes no new file from the day after a deletion on, not even the clock; a look every day.
    #[test]
    fn a_full_disk_becomes_free() {
        let (scratch, tight) = (tempfile::tempdir().unwrap(), Arc::new(Tight::default()));
        let marker = Marker { household: HouseholdId::from_bytes([1; 32]), disk: DiskId([2; 16]) };
        let root = scratch.path().join("vault");
        let folder = PackFolder::create(&root, marker, Arc::<Tight>::clone(&tight)).unwrap();
        let packs = [vec![3; 1000], vec![4; 1000]].map(|bytes| (PackId::of(&bytes), bytes));
        packs.iter().for_each(|(id, bytes)| folder.put(id, bytes).unwrap());
        folder.bury(&[packs[0].0], folder.own_time(0).unwrap()).unwrap();
        tight.0.store(true, Ordering::Relaxed);
        let written = std::fs::read(root.join("fossils").join(CLOCK_NAME)).unwrap();
        for day in 1..30 {
            assert_eq!(folder.remove_fossils(folder.own_time(day * DAY_MS).unwrap()).unwrap(), 0, "{day}");
        }
        folder.bury(&[packs[1].0], folder.own_time(29 * DAY_MS).unwrap()).unwrap();
        assert_eq!(std::fs::read(root.join("fossils").join(CLOCK_NAME)).unwrap(), written, "it is not lost");
        assert_eq!(folder.remove_fossils(folder.own_time(30 * DAY_MS).unwrap()).unwrap(), 1);
        tight.0.store(false, Ordering::Relaxed);
        assert_eq!(folder.own_time(31 * DAY_MS).unwrap(), 31 * DAY_MS);
        assert_ne!(std::fs::read(root.join("fossils").join(CLOCK_NAME)).unwrap(), written);
        assert_eq!(folder.fossils().unwrap().len(), 1);
    }

    #[test]
    fn times_are_read_back() {
        let time = OwnTime { own_ms: -5, utc_ms: 7 };
        assert_eq!(OwnTime::from_text(&time.to_text()), Some(time));
        for wrong in ["", "own 5\n", "own 5\nutc x\n", "own 5\nutc 6", "utc 5\nown 6\n"] {
            assert_eq!(OwnTime::from_text(wrong), None, "{wrong}");
        }
    }

    proptest! {
        /// However a clock jumps, nothing is a month old before somebody looked thirty times.
        #[test]
        fn jumps_count_a_day_at_most(clocks in prop::collection::vec(any::<i64>(), 1..40)) {
            let mut time = OwnTime::begin(None, 0);
            for (looks, now) in (1..).zip(clocks) {
                let before = time.own_ms;
                time = time.look(now).0;
                prop_assert!(time.own_ms >= before && time.own_ms <= looks * DAY_MS);
            }
        }
    }
}
