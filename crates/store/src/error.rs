//! What can go wrong with a database file, in words a caller can act on.
//!
//! Read first: [`StoreError`], [`Fault`].

use std::error::Error;
use std::io;
use std::path::PathBuf;

use rusqlite::ffi::{
    SQLITE_IOERR, SQLITE_IOERR_CORRUPTFS, SQLITE_IOERR_DATA, SQLITE_IOERR_READ, SQLITE_IOERR_SHMSIZE,
    SQLITE_IOERR_SHORT_READ,
};
use rusqlite::{ErrorCode, ffi};

/// What is at fault when a database fails, as far as the error tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// What the file holds is not what SQLite wrote.
    Damage,
    /// Something could not be read: a sector of the disk, or all of a disk or share that is going away. The file tells which
    /// ([`must_be_lost`](crate::must_be_lost)).
    Reading,
    /// The disk is full.
    Full,
    /// The file may not be opened or written: its place, its owner, a disk that is only read.
    Access,
    /// Another program has it.
    Busy,
    /// Anything else: a disk or share that failed at a write, a statement that makes no sense.
    Other,
}

impl Fault {
    /// What is at fault, told by an error or what is behind it.
    #[must_use]
    pub fn of(error: &(dyn Error + 'static)) -> Self {
        let told = |cause: &(dyn Error + 'static)| {
            cause
                .downcast_ref::<StoreError>()
                .map(StoreError::fault)
                .or_else(|| cause.downcast_ref().map(of_sqlite))
                .or_else(|| cause.downcast_ref().filter(|error| is_full(error)).map(|_| Self::Full))
        };
        let mut next = Some(error);
        while let Some(cause) = next {
            match told(cause) {
                Some(fault) if fault != Self::Other => return fault,
                _ => next = cause.source(),
            }
        }
        Self::Other
    }
}

fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

fn of_sqlite(error: &rusqlite::Error) -> Fault {
    let Some(ffi::Error { code, extended_code }) = error.sqlite_error() else { return Fault::Other };
    match code {
        ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase => Fault::Damage,
        ErrorCode::DiskFull => Fault::Full,
        ErrorCode::SystemIoFailure => match *extended_code {
            // The small file that is in memory could not grow: that is a full disk, too.
            SQLITE_IOERR_SHMSIZE => Fault::Full,
            SQLITE_IOERR
            | SQLITE_IOERR_READ
            | SQLITE_IOERR_SHORT_READ
            | SQLITE_IOERR_CORRUPTFS
            | SQLITE_IOERR_DATA => Fault::Reading,
            _ => Fault::Other,
        },
        ErrorCode::CannotOpen | ErrorCode::PermissionDenied | ErrorCode::ReadOnly => Fault::Access,
        ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => Fault::Busy,
        _ => Fault::Other,
    }
}

/// A failure of a database, naming the attempt and the file.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The file could not be opened or created: check the folder's permissions and free space.
    #[error("cannot open the database {path}: {source}")]
    Open {
        /// The database file.
        path: PathBuf,
        /// What SQLite said.
        source: rusqlite::Error,
    },
    /// A numbered migration failed; the file was left as it was before that migration.
    #[error("cannot bring the database {path} to version {number} ({name}): {source}")]
    Migrate {
        /// The database file.
        path: PathBuf,
        /// The migration that failed.
        number: u32,
        /// Its name.
        name: &'static str,
        /// What SQLite said.
        source: rusqlite::Error,
    },
    /// The file was written by a newer program: update Heirloom, the file is untouched.
    #[error(
        "the database {path} has version {found}, but this program knows versions up to {known}; update Heirloom"
    )]
    TooNew {
        /// The database file.
        path: PathBuf,
        /// The version found in the file.
        found: u32,
        /// The newest version this program knows.
        known: u32,
    },
    /// The file is not what SQLite wrote: bits rotted, or something else wrote into it.
    #[error("the database {path} is damaged: {what}")]
    Damaged {
        /// The database file.
        path: PathBuf,
        /// What SQLite said.
        what: String,
    },
    /// The file, or the disk that it is on, does not let itself be read now: nothing is known of what it holds.
    #[error("the database {path} cannot be read now: {source}")]
    Unreadable {
        /// The database file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A statement failed.
    #[error("database: {0}")]
    Sql(#[from] rusqlite::Error),
    /// The commit that should have made a group of writes durable failed; none of them happened.
    #[error("the change could not be saved: {reason}")]
    Commit {
        /// What SQLite said; shared by every write of the group.
        reason: String,
        /// Whether the disk was full.
        disk_full: bool,
    },
    /// The writer thread has stopped, or this write panicked; nothing of it was saved.
    #[error("the change could not be saved: the database writer stopped while working on it")]
    WriterGone,
}

impl StoreError {
    /// What is at fault.
    #[must_use]
    pub fn fault(&self) -> Fault {
        match self {
            Self::Open { source, .. } | Self::Migrate { source, .. } | Self::Sql(source) => of_sqlite(source),
            Self::Damaged { .. } => Fault::Damage,
            Self::Unreadable { .. } => Fault::Reading,
            Self::Commit { disk_full: true, .. } => Fault::Full,
            Self::TooNew { .. } | Self::Commit { .. } | Self::WriterGone => Fault::Other,
        }
    }

    /// Whether the cause is a full disk.
    #[must_use]
    pub fn is_disk_full(&self) -> bool {
        self.fault() == Fault::Full
    }

    /// Whether the file itself is at fault, and not the disk or another program that holds it.
    #[must_use]
    pub fn is_damage(&self) -> bool {
        self.fault() == Fault::Damage
    }

    pub(crate) fn commit(error: &rusqlite::Error) -> Self {
        Self::Commit { reason: error.to_string(), disk_full: of_sqlite(error) == Fault::Full }
    }
}

#[cfg(test)]
mod tests {
    use rusqlite::ffi::{
        SQLITE_BUSY, SQLITE_CANTOPEN, SQLITE_CORRUPT, SQLITE_FULL, SQLITE_IOERR_FSYNC, SQLITE_IOERR_WRITE,
        SQLITE_LOCKED, SQLITE_NOTADB, SQLITE_PERM, SQLITE_READONLY,
    };

    use super::*;

    fn sqlite(code: i32) -> rusqlite::Error {
        rusqlite::Error::SqliteFailure(ffi::Error::new(code), None)
    }

    /// An error of another crate that says no more than its cause.
    #[derive(Debug, thiserror::Error)]
    #[error(transparent)]
    struct Above(#[from] StoreError);

    /// Goal: what SQLite says is told apart, however deep in a chain of errors it stands.
    #[test]
    fn faults_are_told_apart() {
        let faults = [
            (SQLITE_CORRUPT, Fault::Damage),
            (SQLITE_NOTADB, Fault::Damage),
            (SQLITE_IOERR_READ, Fault::Reading),
            (SQLITE_IOERR_SHORT_READ, Fault::Reading),
            (SQLITE_IOERR_CORRUPTFS, Fault::Reading),
            (SQLITE_IOERR, Fault::Reading),
            (SQLITE_FULL, Fault::Full),
            (SQLITE_IOERR_SHMSIZE, Fault::Full),
            (SQLITE_IOERR_WRITE, Fault::Other),
            (SQLITE_IOERR_FSYNC, Fault::Other),
            (SQLITE_CANTOPEN, Fault::Access),
            (SQLITE_PERM, Fault::Access),
            (SQLITE_READONLY, Fault::Access),
            (SQLITE_BUSY, Fault::Busy),
            (SQLITE_LOCKED, Fault::Busy),
        ];
        for (code, fault) in faults {
            let path = PathBuf::from("a.sqlite");
            let all = [
                StoreError::Sql(sqlite(code)),
                StoreError::Open { path: path.clone(), source: sqlite(code) },
                StoreError::Migrate { path, number: 1, name: "one", source: sqlite(code) },
            ];
            for error in all {
                assert_eq!(error.fault(), fault, "{code}: {error}");
                assert_eq!(error.is_disk_full(), fault == Fault::Full, "{code}");
                assert_eq!(error.is_damage(), fault == Fault::Damage, "{code}");
                assert_eq!(Fault::of(&Above::from(error)), fault, "{code}");
            }
            assert_eq!(StoreError::commit(&sqlite(code)).is_disk_full(), fault == Fault::Full);
        }
        assert_eq!(Fault::of(&io::Error::from(io::ErrorKind::StorageFull)), Fault::Full);
        assert_eq!(Fault::of(&io::Error::from(io::ErrorKind::NotFound)), Fault::Other);
        let away = StoreError::Unreadable { path: PathBuf::new(), source: io::ErrorKind::TimedOut.into() };
        assert_eq!((away.fault(), StoreError::WriterGone.fault()), (Fault::Reading, Fault::Other));
    }
}
