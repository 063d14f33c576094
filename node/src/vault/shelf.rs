//! Packs that were just sealed: in memory until a place has taken them, so that they need not be written again for it.
//!
//! Bounded: whoever seals waits while it is full and somebody is taking packs, so a fast disk is fed as fast as it takes;
//! a slow line gets its packs written again from the originals, later.

use std::collections::{HashMap, VecDeque};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use heirloom_vault::PackId;

/// Bytes of packs that may lie here.
const SHELF_BYTES_MAX: usize = 3 * (32 << 20);
/// How long whoever seals waits for room; then the oldest pack goes.
const ROOM_WAIT: Duration = Duration::from_secs(20);

/// See the module's description.
#[derive(Debug, Default)]
pub(super) struct Shelf {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    packs: HashMap<PackId, (Bytes, bool)>,
    /// Oldest first.
    order: VecDeque<PackId>,
    bytes: usize,
    /// Lanes that take packs.
    takers: usize,
}

impl Shelf {
    /// Lays a pack down; waits for room while there is somebody who makes some.
    pub(super) fn lay(&self, pack: PackId, bytes: Bytes) {
        let is_full = |state: &mut State| {
            state.make_room(bytes.len());
            state.takers > 0 && state.bytes > 0 && state.bytes + bytes.len() > SHELF_BYTES_MAX
        };
        let waited = self.changed.wait_timeout_while(self.lock(), ROOM_WAIT, is_full);
        let mut state = waited.unwrap_or_else(PoisonError::into_inner).0;
        while state.bytes > 0 && state.bytes + bytes.len() > SHELF_BYTES_MAX {
            let Some(oldest) = state.order.front().copied() else { break };
            state.remove(&oldest);
        }
        if state.takers > 0 {
            state.bytes += bytes.len();
            state.order.push_back(pack);
            state.packs.insert(pack, (bytes, false));
        }
    }

    /// A pack, if it lies here.
    pub(super) fn get(&self, pack: &PackId) -> Option<Bytes> {
        self.lock().packs.get(pack).map(|(bytes, _)| bytes.clone())
    }

    /// Says that a place has a pack: it goes when there is need for its room.
    pub(super) fn has_place(&self, pack: &PackId) {
        if let Some((_, placed)) = self.lock().packs.get_mut(pack) {
            *placed = true;
        }
        self.changed.notify_all();
    }

    /// Says that somebody takes packs, until what is returned is dropped.
    pub(super) fn taking(&self) -> Taking<'_> {
        self.lock().takers += 1;
        Taking { shelf: self }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Somebody takes packs.
#[derive(Debug)]
pub(super) struct Taking<'a> {
    shelf: &'a Shelf,
}

impl Drop for Taking<'_> {
    fn drop(&mut self) {
        let mut state = self.shelf.lock();
        state.takers -= 1;
        if state.takers == 0 {
            *state = State::default();
        }
        self.shelf.changed.notify_all();
    }
}

impl State {
    /// Lets packs go that a place has, as far as needed.
    fn make_room(&mut self, bytes: usize) {
        while self.bytes + bytes > SHELF_BYTES_MAX {
            let placed =
                self.order.iter().find(|pack| self.packs.get(pack).is_some_and(|(_, placed)| *placed));
            let Some(placed) = placed.copied() else { return };
            self.remove(&placed);
        }
    }

    fn remove(&mut self, pack: &PackId) {
        self.order.retain(|other| other != pack);
        if let Some((bytes, _)) = self.packs.remove(pack) {
            self.bytes -= bytes.len();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pack(number: u8) -> (PackId, Bytes) {
        (PackId::from_bytes([number; 32]), Bytes::from(vec![number; 32 << 20]))
    }

    #[test]
    fn what_has_a_place_makes_room() {
        let shelf = Shelf::default();
        let _taking = shelf.taking();
        for number in 0..3 {
            let (id, bytes) = pack(number);
            shelf.lay(id, bytes);
        }
        let (second, third) = (pack(1).0, pack(2).0);
        shelf.has_place(&second);
        let (fourth, bytes) = pack(3);
        shelf.lay(fourth, bytes);
        assert_eq!(shelf.get(&second), None);
        assert!(shelf.get(&third).is_some() && shelf.get(&fourth).is_some());
    }

    #[test]
    fn nothing_is_kept_for_nobody() {
        let shelf = Shelf::default();
        let (id, bytes) = pack(1);
        shelf.lay(id, bytes.clone());
        assert_eq!(shelf.get(&id), None);
        let taking = shelf.taking();
        shelf.lay(id, bytes);
        assert!(shelf.get(&id).is_some());
        drop(taking);
        assert_eq!(shelf.get(&id), None);
    }

    #[test]
    fn whoever_seals_waits_for_whoever_takes() {
        let shelf = Shelf::default();
        let _taking = shelf.taking();
        let all = std::thread::scope(|scope| {
            let sealing = scope.spawn(|| {
                for number in 0..8 {
                    let (id, bytes) = pack(number);
                    shelf.lay(id, bytes);
                }
            });
            for number in 0..8 {
                while shelf.get(&pack(number).0).is_none() {
                    std::thread::yield_now();
                }
                shelf.has_place(&pack(number).0);
            }
            sealing.join()
        });
        assert!(all.is_ok(), "every pack came by");
    }
}
