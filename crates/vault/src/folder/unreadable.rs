//! Packs whose files can't be read though the disk is there: a sector that failed, a file system that found damage.
//!
//! A disk that goes away fails in the same words for a moment, so one error means nothing. What fails again, with an error of
//! the medium, while the marker can be read has rotted, if the disk still moves files; where it doesn't, the disk is at fault,
//! and nothing is said of any pack. A file that may not be opened, or a share that does not answer, says nothing of it either.
//!
//! One that has rotted is moved to `damaged/` and sent again; until that came, the rest of it is read there.

use std::io;
use std::ops::Range;

use rustix::io::Errno;

use super::{FolderError, PackFolder};
use crate::PackId;

/// What is said of bytes that can't be read.
const UNREADABLE: &str = "that part of the pack can't be read from the disk";

impl PackFolder {
    /// What is to be said of a pack of which something could not be read, after a second look. One that has rotted is
    /// [unreadable](FolderError::is_unreadable) then, and stays where it is: it may be moved by whoever sees to it that it is
    /// the same pack still.
    pub(crate) fn look_again(&self, id: &PackId, error: FolderError) -> FolderError {
        if !error.is_medium() {
            return error;
        }
        match self.check(id) {
            Ok(_) => error,
            Err(again) => again.of_this_part(),
        }
    }

    /// Reads the whole pack as [`PackFolder::check`] does, and looks again where something could not be read.
    pub(crate) fn check_twice(&self, id: &PackId) -> Result<u64, FolderError> {
        self.check(id).map_err(|error| self.look_again(id, error))
    }

    /// Moves a pack aside that has rotted. Nobody else may be putting it.
    ///
    /// # Errors
    /// [`FolderError::Absent`]; or the disk moves nothing, and is at fault.
    pub(crate) fn set_rotten_aside(&self, id: &PackId) -> Result<(), FolderError> {
        // Under the caller's lock: it may have come anew since it was looked at.
        match self.check_twice(id) {
            Err(error) if error.is_unreadable() => self.set_aside(id),
            _ => Ok(()),
        }
    }

    /// Part of a pack that was set aside: what is right in it is as good as ever, and whoever asked checks that.
    ///
    /// # Errors
    /// [`FolderError::Missing`] when nothing lies there, or not that part; [`FolderError::Absent`], [`FolderError::Io`].
    pub(crate) fn read_aside(&self, id: &PackId, range: &Range<u64>) -> Result<Vec<u8>, FolderError> {
        match self.read_at(&self.damaged_path(id), range).map_err(FolderError::of_this_part) {
            Err(FolderError::Wrong(_)) => Err(FolderError::Missing),
            other => other,
        }
    }
}

impl FolderError {
    /// An error of one part of a file, which says nothing of the rest of the disk, nor of the rest of the pack.
    pub(crate) fn of_this_part(self) -> Self {
        match self {
            error if error.is_medium() => Self::Wrong(UNREADABLE),
            other => other,
        }
    }

    /// Whether it was said of a part that can't be read.
    pub(crate) fn is_unreadable(&self) -> bool {
        matches!(self, Self::Wrong(what) if *what == UNREADABLE)
    }

    fn is_medium(&self) -> bool {
        matches!(self, Self::Io { source, .. } if is_of_medium(source))
    }
}

/// Whether it is what a system says of a sector, or of what a file system finds damaged.
fn is_of_medium(error: &io::Error) -> bool {
    match Errno::from_io_error(error) {
        Some(Errno::IO | Errno::BADMSG | Errno::ILSEQ | Errno::ISDIR) => true,
        #[cfg(target_os = "linux")]
        Some(Errno::NODATA | Errno::UCLEAN) => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use heirloom_store::RealDisk;

    use super::*;
    use crate::folder::{DiskId, Marker};

    /// Goal: a look moves nothing, since whoever looks has not locked the pack; and one that came anew since is not moved.
    #[test]
    fn only_what_has_rotted_still_is_moved() {
        let scratch = tempfile::tempdir().unwrap();
        let household = heirloom_identity::HouseholdId::from_bytes([1; 32]);
        let marker = Marker { household, disk: DiskId([2; 16]) };
        let folder = PackFolder::create(&scratch.path().join("packs"), marker, Arc::new(RealDisk)).unwrap();
        let id = PackId::of(b"a pack");
        folder.put(&id, b"a pack").unwrap();
        let path = folder.pack_path(&id);
        std::fs::remove_file(&path).unwrap();
        std::fs::create_dir(&path).unwrap();
        let found = folder.check_twice(&id).unwrap_err();
        assert!(found.is_unreadable() && path.is_dir(), "{found}");
        std::fs::remove_dir(&path).unwrap();
        std::fs::write(&path, b"a pack").unwrap();
        folder.set_rotten_aside(&id).unwrap();
        assert_eq!(folder.read(&id, &(0..6)).unwrap(), b"a pack");
        std::fs::remove_file(&path).unwrap();
        std::fs::create_dir(&path).unwrap();
        folder.set_rotten_aside(&id).unwrap();
        assert!(matches!(folder.check(&id), Err(FolderError::Missing)));
    }

    #[test]
    fn errors_of_a_sector_are_told_from_those_of_a_disk() {
        let said = |errno: Errno| FolderError::io("reading")(errno.into()).of_this_part();
        assert!(matches!(said(Errno::IO), FolderError::Wrong(UNREADABLE)));
        for errno in [Errno::STALE, Errno::TIMEDOUT, Errno::MFILE, Errno::ACCESS] {
            assert!(matches!(said(errno), FolderError::Io { .. }), "{errno}");
        }
        assert!(matches!(FolderError::Absent.of_this_part(), FolderError::Absent));
    }
}
