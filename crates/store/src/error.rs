//! What can go wrong with a database file, in words a caller can act on.

use std::path::PathBuf;

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
    /// Whether the cause is a full disk.
    #[must_use]
    pub fn is_disk_full(&self) -> bool {
        match self {
            Self::Open { source, .. } | Self::Migrate { source, .. } | Self::Sql(source) => disk_full(source),
            Self::Commit { disk_full, .. } => *disk_full,
            Self::TooNew { .. } | Self::Damaged { .. } | Self::WriterGone => false,
        }
    }

    /// Whether the file itself is at fault, and not the disk or another program that holds it.
    #[must_use]
    pub fn is_damage(&self) -> bool {
        match self {
            Self::Damaged { .. } => true,
            Self::Open { source, .. } | Self::Migrate { source, .. } | Self::Sql(source) => matches!(
                source.sqlite_error_code(),
                Some(rusqlite::ErrorCode::DatabaseCorrupt | rusqlite::ErrorCode::NotADatabase)
            ),
            Self::TooNew { .. } | Self::Commit { .. } | Self::WriterGone => false,
        }
    }

    pub(crate) fn commit(error: &rusqlite::Error) -> Self {
        Self::Commit { reason: error.to_string(), disk_full: disk_full(error) }
    }
}

fn disk_full(error: &rusqlite::Error) -> bool {
    error.sqlite_error_code() == Some(rusqlite::ErrorCode::DiskFull)
}
