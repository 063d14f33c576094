//! Packs whose files can't be read though the disk is there: a sector that failed, a file system that found damage.
//!
//! A disk that goes away fails in the same words for a moment, so one error means nothing. What fails again while the marker
//! can be read has rotted, if the disk still moves files; where it doesn't, the disk is at fault, and nothing is said of any
//! pack.

use std::io;

use rustix::io::Errno;

use super::{FolderError, PackFolder};
use crate::PackId;

/// What is said of bytes that can't be read.
const UNREADABLE: &str = "that part of the pack can't be read from the disk";

impl PackFolder {
    /// What is to be said of a pack of which something could not be read, after a second look. One that has rotted is moved to
    /// `damaged/`, and is [missing](FolderError::Missing) from then on, so that it is sent again.
    pub(crate) fn look_again(&self, id: &PackId, error: FolderError) -> FolderError {
        if !matches!(error, FolderError::Io { .. }) {
            return error;
        }
        match self.check(id) {
            Ok(_) => error,
            Err(FolderError::Io { source, .. }) if !is_of_this_program(&source) => match self.set_aside(id) {
                Ok(()) => FolderError::Missing,
                Err(away) if away.is_away() => away,
                Err(_) => error,
            },
            Err(other) => other,
        }
    }
}

impl FolderError {
    /// An error of one part of a file, which says nothing of the rest of the disk, nor of the rest of the pack.
    pub(crate) fn of_this_part(self) -> Self {
        match self {
            Self::Io { source, .. } if is_of_medium(&source) => Self::Wrong(UNREADABLE),
            other => other,
        }
    }
}

/// Whether it is not the file that fails: too many are open, or memory is short.
fn is_of_this_program(error: &io::Error) -> bool {
    matches!(Errno::from_io_error(error), Some(Errno::MFILE | Errno::NFILE | Errno::NOMEM))
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
    use super::*;

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
