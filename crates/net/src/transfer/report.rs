//! What became of a fetch: of each item, and of each node that was asked.

use std::io;
use std::sync::Arc;

use heirloom_identity::NodeId;
use thiserror::Error;

/// Hears how a fetch goes; called from its tasks, so it returns soon.
pub trait Progress: Send + Sync + 'static {
    /// So many bytes of an item (its place in the list) are proved and written by now, those found at the start included.
    fn bytes(&self, item: usize, proved: u64);
    /// An item is whole and synced, or will not be.
    fn done(&self, item: usize, outcome: Result<(), ItemError>);
}

/// Why an item did not come.
#[derive(Debug, Clone, Error)]
pub enum ItemError {
    /// Every node that was asked says that it isn't there, or not for us.
    #[error("nobody who was asked has it for us")]
    NotHere,
    /// Those that have it can't read it, or have other bytes by now.
    #[error("it is damaged where it is kept")]
    Damaged,
    /// No node is left to ask; see [`Summary::providers`].
    #[error("nobody is left who could be asked")]
    Unreachable,
    /// Our own disk did not take it.
    #[error("it could not be written: {0}")]
    Disk(#[source] Arc<io::Error>),
    /// It is larger than [`FILE_BYTES_MAX`](super::FILE_BYTES_MAX), or its token is too long.
    #[error("nothing like this can be asked for")]
    Refused,
    /// The fetch was cancelled; what has come is kept.
    #[error("cancelled")]
    Cancelled,
}

/// What a node did that ended its part in a fetch.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Fault {
    /// It could not be reached, or the stream broke again and again.
    #[error("the connection failed: {0}")]
    Broke(String),
    /// Nothing, or next to nothing, came for too long.
    #[error("it sent nothing for too long")]
    Stalled,
    /// It sent bytes that are not the ones asked for.
    #[error("it sent bytes that do not match (item {item})")]
    WrongBytes {
        /// Place in the list.
        item: usize,
    },
    /// It says the file has another size than it must have.
    #[error("it says that item {item} has {bytes} bytes instead of {wanted}")]
    WrongSize {
        /// Place in the list.
        item: usize,
        /// What it says.
        bytes: u64,
        /// What must be.
        wanted: u64,
    },
    /// It sent more than was asked for.
    #[error("it sent more than was asked for")]
    TooMuch,
    /// It sent what the format doesn't know.
    #[error("it sent what makes no sense: {0}")]
    Malformed(&'static str),
}

impl Fault {
    /// Whether an honest node with a working program never does this.
    pub fn is_lie(&self) -> bool {
        match self {
            Self::Broke(_) | Self::Stalled => false,
            Self::WrongBytes { .. } | Self::WrongSize { .. } | Self::TooMuch | Self::Malformed(_) => true,
        }
    }
}

/// What one node gave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProviderReport {
    /// Which.
    pub node: NodeId,
    /// Bytes that came from it, proofs included.
    pub received_bytes: u64,
    /// Bytes that were written thanks to it.
    pub proved_bytes: u64,
    /// What ended its part before the end.
    pub fault: Option<Fault>,
}

/// What became of a fetch.
#[derive(Debug, Clone)]
pub struct Summary {
    /// By place in the list.
    pub outcomes: Vec<Result<(), ItemError>>,
    /// Bytes found in part files and proved.
    pub kept_bytes: u64,
    /// By place in the list of providers.
    pub providers: Vec<ProviderReport>,
}

impl Summary {
    /// Whether every item is whole.
    pub fn is_complete(&self) -> bool {
        self.outcomes.iter().all(Result::is_ok)
    }

    /// Bytes that were fetched and proved.
    pub fn fetched_bytes(&self) -> u64 {
        self.providers.iter().map(|provider| provider.proved_bytes).sum()
    }
}
