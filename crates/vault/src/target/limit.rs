//! How much a person lets a place of the ward's own take.

use std::sync::{Mutex, MutexGuard, PoisonError};

use super::{Room, TargetError, TargetState};
use crate::keeper::budget::RESERVE_PART;

/// A limit, if a person set one, and what is taken of it as far as this process knows.
#[derive(Debug, Default)]
pub(super) struct Limit {
    bytes: Option<u64>,
    /// None: nobody has added up yet.
    used: Mutex<Option<u64>>,
}

impl Limit {
    pub(super) fn of(bytes: Option<u64>) -> Self {
        Self { bytes, used: Mutex::default() }
    }

    /// Whether the place must be added up before it takes anything.
    pub(super) fn is_unknown(&self) -> bool {
        self.bytes.is_some() && self.used().is_none()
    }

    /// What the place says of itself once it was added up.
    pub(super) fn apply(&self, state: TargetState) -> TargetState {
        *self.used() = Some(state.used);
        let Some(limit) = self.bytes else { return state };
        let left = of_room(limit, Room::Common).saturating_sub(state.used);
        let free = state.free.map_or(left, |free| free.min(left));
        TargetState { quota: Some(limit), free: Some(free), ..state }
    }

    /// Whether so many bytes more fit.
    ///
    /// # Errors
    /// [`TargetError::Full`].
    pub(super) fn check(&self, bytes: u64, room: Room) -> Result<(), TargetError> {
        let Some(quota) = self.bytes else { return Ok(()) };
        let used = self.used().unwrap_or(0);
        let fits = used.saturating_add(bytes) <= of_room(quota, room);
        if fits { Ok(()) } else { Err(TargetError::Full { quota, used }) }
    }

    /// So many bytes came; those that came twice are counted right when the place is next added up.
    pub(super) fn took(&self, bytes: u64) {
        if let Some(used) = self.used().as_mut() {
            *used = used.saturating_add(bytes);
        }
    }

    fn used(&self) -> MutexGuard<'_, Option<u64>> {
        self.used.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What packs of this kind may take, as a keeper counts it.
fn of_room(limit: u64, room: Room) -> u64 {
    match room {
        Room::Common => limit - limit / RESERVE_PART,
        Room::Reserve => limit,
    }
}
