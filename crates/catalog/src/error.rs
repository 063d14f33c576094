//! What can go wrong with the catalog.

use heirloom_store::{StoreError, rusqlite};

/// A failure of the catalog. Whatever it says, deleting the file and rebuilding it is safe.
#[derive(Debug, thiserror::Error)]
pub enum CatalogError {
    /// The database below failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The ledger and the catalog disagree about which photo has this number: rebuild the catalog.
    #[error(
        "the catalog is out of step with the ledger: number {local_id} stands for another photo; \
         run `heirloom rebuild`"
    )]
    OutOfStep {
        /// The number that two photos claim.
        local_id: u32,
    },
    /// A stored value isn't what this program writes: rebuild the catalog.
    #[error("the catalog holds an impossible {what}; run `heirloom rebuild`")]
    Impossible {
        /// The column or value.
        what: &'static str,
    },
}

impl From<rusqlite::Error> for CatalogError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Store(error.into())
    }
}

impl CatalogError {
    /// Whether the cause is a full disk.
    #[must_use]
    pub fn is_disk_full(&self) -> bool {
        match self {
            Self::Store(error) => error.is_disk_full(),
            Self::OutOfStep { .. } | Self::Impossible { .. } => false,
        }
    }
}
