//! What just changed, for pages that are open.
//!
//! Events are hints, never data: a page that missed some (its queue was full) is told to look again. Of copies, where one
//! change follows the other for days, a listener hears once however often something changed since it last heard.

use heirloom_identity::{AccountId, AssetId, SpaceId};
use serde::Serialize;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{broadcast, watch};

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
    /// Rises with every [`Event::Vault`].
    vault: watch::Sender<u64>,
}

/// Hears of everything that is told from when it was made.
#[derive(Debug)]
pub struct Listener {
    events: broadcast::Receiver<Event>,
    vault: watch::Receiver<u64>,
}

impl Events {
    /// A channel without listeners.
    #[must_use]
    pub fn new() -> Self {
        Self { sender: broadcast::Sender::new(EVENTS_QUEUED_MAX), vault: watch::Sender::new(0) }
    }

    /// Tells whoever listens; nobody need.
    pub fn tell(&self, event: Event) {
        match event {
            Event::Vault => self.vault.send_modify(|count| *count = count.wrapping_add(1)),
            event => drop(self.sender.send(event)),
        }
    }

    /// Listens from now on.
    #[must_use]
    pub fn listen(&self) -> Listener {
        Listener { events: self.sender.subscribe(), vault: self.vault.subscribe() }
    }
}

impl Listener {
    /// The next event. Nothing is lost when the caller stops waiting.
    ///
    /// # Errors
    /// When the listener fell behind and missed some, or nobody is left to tell anything.
    pub async fn recv(&mut self) -> Result<Event, RecvError> {
        tokio::select! {
            changed = self.vault.changed() => changed.map(|()| Event::Vault).map_err(|_| RecvError::Closed),
            event = self.events.recv() => event,
        }
    }
}

impl Default for Events {
    fn default() -> Self {
        Self::new()
    }
}
