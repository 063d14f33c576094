//! What just changed, for pages that are open.
//!
//! Events are hints, never data: a page that missed some (its queue was full) is told to look again.

use heirloom_identity::{AccountId, AssetId};
use tokio::sync::broadcast;

/// Events that a slow page may fall behind before it is told to look again.
const EVENTS_QUEUED_MAX: usize = 256;

/// Something that changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// Photos of an account's timeline came, went or moved.
    Timeline {
        /// Whose timeline.
        account: AccountId,
        /// The account's new revision.
        rev: u32,
        /// The months that changed, as yyyymm.
        months: Vec<i32>,
    },
    /// A photo's details changed.
    Asset {
        /// The owner.
        account: AccountId,
        /// Which photo.
        asset: AssetId,
        /// Its local id.
        local_id: u32,
    },
    /// The number of waiting, running or failed jobs changed.
    Jobs,
}

/// The channel on which events go out.
#[derive(Debug, Clone)]
pub struct Events {
    sender: broadcast::Sender<Event>,
}

impl Events {
    /// A channel without listeners.
    #[must_use]
    pub fn new() -> Self {
        Self { sender: broadcast::Sender::new(EVENTS_QUEUED_MAX) }
    }

    /// Tells whoever listens; nobody need.
    pub fn tell(&self, event: Event) {
        self.sender.send(event).unwrap_or_default();
    }

    /// Listens from now on.
    #[must_use]
    pub fn listen(&self) -> broadcast::Receiver<Event> {
        self.sender.subscribe()
    }
}

impl Default for Events {
    fn default() -> Self {
        Self::new()
    }
}
