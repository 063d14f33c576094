//! How many streams are served at the same time: each takes a thread, and no peer may take all of them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use heirloom_identity::NodeId;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Streams of one peer that are served at once; more wait their turn.
pub const SERVES_PER_PEER_MAX: usize = 8;

/// Streams of all peers that are served at once.
pub const SERVES_MAX: usize = 128;

/// The places for streams.
#[derive(Debug)]
pub(crate) struct Places {
    peers: Mutex<HashMap<NodeId, Arc<Semaphore>>>,
    all: Arc<Semaphore>,
}

impl Default for Places {
    fn default() -> Self {
        Self { peers: Mutex::default(), all: Arc::new(Semaphore::new(SERVES_MAX)) }
    }
}

/// One stream's place; free again when dropped.
#[derive(Debug)]
pub(crate) struct Place {
    _own: Option<OwnedSemaphorePermit>,
    _all: Option<OwnedSemaphorePermit>,
}

impl Places {
    /// Waits for a place, first among the peer's own, then among all.
    pub(crate) async fn enter(&self, peer: NodeId) -> Place {
        let own = {
            let mut peers = self.peers.lock().unwrap_or_else(PoisonError::into_inner);
            // Peers whose streams have all ended are forgotten.
            peers.retain(|_, places| Arc::strong_count(places) > 1);
            Arc::clone(peers.entry(peer).or_insert_with(|| Arc::new(Semaphore::new(SERVES_PER_PEER_MAX))))
        };
        // Neither semaphore is ever closed.
        let own = own.acquire_owned().await.ok();
        let all = Arc::clone(&self.all).acquire_owned().await.ok();
        Place { _own: own, _all: all }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::timeout;

    use super::*;

    #[tokio::test]
    async fn a_peer_with_many_streams_leaves_places_for_others() {
        let places = Places::default();
        let (greedy, modest) = (NodeId::from_bytes([1; 32]), NodeId::from_bytes([2; 32]));
        let mut held = Vec::new();
        for _ in 0..SERVES_PER_PEER_MAX {
            held.push(places.enter(greedy).await);
        }
        assert!(timeout(Duration::from_millis(5), places.enter(greedy)).await.is_err());
        held.push(places.enter(modest).await);
        held.clear();
        drop(places.enter(greedy).await);
        drop(places.enter(modest).await);
        assert_eq!(places.peers.lock().unwrap().len(), 1, "only the last one is remembered");
    }
}
