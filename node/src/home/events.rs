//! What just changed, for pages that are open.
//!
//! Events are hints, never data: a page that missed some (its queue was full) is told to look again.

use heirloom_identity::{AccountId, AssetId, SpaceId};
use serde::Serialize;
use tokio::sync::broadcast;

/// Events that a slow page may fall behind before it is told to look again.
const EVENTS_QUEUED_MAX: usize = 256;

/// What of an album changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum AlbumPart {
    /// Photos came or went, or their order or captions changed.
    Entries,
    /// Title, description, cover or order.
    About,
    /// Comments and reactions.
    Talk,
    /// Who is in it, and as what.
    Members,
    /// How much of it is here.
    Progress,
}

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
    /// Another home came, went, or wants to be paired.
    Peers,
    /// Something about the copies in other homes, or about those kept here, changed.
    Vault,
    /// An album came or went.
    Albums,
    /// An album changed.
    Album {
        /// Which album.
        space: SpaceId,
        /// What of it.
        changed: Vec<AlbumPart>,
    },
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
