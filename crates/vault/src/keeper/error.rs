//! What can go wrong on the keeper's side.

use heirloom_store::StoreError;
use thiserror::Error;

use crate::folder::FolderError;
use crate::target::TargetError;

/// Why a keeper doesn't do what it was asked.
#[derive(Debug, Error)]
pub enum KeeperError {
    /// Nothing was agreed with that household, or the agreement was ended.
    #[error("this home keeps no copies for that one")]
    NotAWard,
    /// The quota, or the disk, has no room for it.
    #[error("full: {used} of {quota} bytes are used")]
    Full {
        /// What was agreed, or what the disk has.
        quota: u64,
        /// What is used of it.
        used: u64,
    },
    /// The ward's disk isn't mounted, or another disk is.
    #[error("the disk with that home's copies is not there; plug it in and try again")]
    DiskAbsent,
    /// The disk is there, the pack isn't.
    #[error("that part of the copies is not here")]
    Missing,
    /// The bytes aren't what they should be, or the request makes no sense.
    #[error("{0}")]
    Wrong(&'static str),
    /// Too much at once; try later.
    #[error("busy")]
    Busy,
    /// A pack, head, kit or list that is too large.
    #[error("too large: at most {limit} {unit}")]
    TooLarge {
        /// How much is allowed.
        limit: usize,
        /// Of what.
        unit: &'static str,
    },
    /// A head that is older than the newest here: a replay, or a node that was replaced.
    #[error("a newer head is here")]
    Older,
    /// A head that contradicts another: two nodes write the same vault. Both were kept, and an alarm was raised.
    #[error("another head says the same number")]
    Fork,
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The disk failed.
    #[error("{0}")]
    Io(String),
}

impl From<FolderError> for KeeperError {
    fn from(error: FolderError) -> Self {
        match error {
            FolderError::Absent | FolderError::Other(_) => Self::DiskAbsent,
            FolderError::Missing => Self::Missing,
            FolderError::Wrong(what) => Self::Wrong(what),
            FolderError::Full => Self::Full { quota: 0, used: 0 },
            FolderError::Io { .. } => Self::Io(error.to_string()),
        }
    }
}

impl From<heirloom_store::rusqlite::Error> for KeeperError {
    fn from(error: heirloom_store::rusqlite::Error) -> Self {
        Self::Store(StoreError::Sql(error))
    }
}

/// What the ward hears.
impl From<KeeperError> for TargetError {
    fn from(error: KeeperError) -> Self {
        match error {
            KeeperError::NotAWard => Self::Refused("nothing was agreed".into()),
            KeeperError::Full { quota, used } => Self::Full { quota, used },
            KeeperError::DiskAbsent => Self::DiskAbsent,
            KeeperError::Missing => Self::Missing,
            KeeperError::Wrong(what) => Self::Wrong(what.into()),
            KeeperError::Busy => Self::Busy,
            KeeperError::TooLarge { .. } => Self::Wrong(error.to_string()),
            KeeperError::Older => Self::Older,
            KeeperError::Fork => Self::Fork,
            // Its databases find no room either.
            KeeperError::Store(error) if error.is_disk_full() => Self::Full { quota: 0, used: 0 },
            // What exactly broke in that home is its own affair; its people read it in their log.
            KeeperError::Store(_) | KeeperError::Io(_) => Self::Io("the keeper's disk failed".into()),
        }
    }
}
