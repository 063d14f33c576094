//! How fast a place without a keeper forgets: the same twentieth in 30 days that a keeper deletes without a person.
//!
//! It stops this program, or an old copy of this home, from emptying the place by mistake or at the word of somebody who
//! sits at the page. Whoever can write the folder or holds the bucket's keys needs no program for that: nothing here stops
//! them (`docs/security.md`).

use std::collections::{HashMap, HashSet};

use super::{TargetError, TargetState};
use crate::PackId;
use crate::folder::Fossil;
use crate::keeper::budget;

/// Bytes that may go in 30 days however little is kept: a small vault's packs are merged every day.
const EVERYDAY_BYTES: u64 = 256 << 20;

/// What a place has, by pack.
pub(super) struct Inventory {
    packs: HashMap<PackId, u64>,
    /// Bytes of all fossils.
    held: u64,
    /// Bytes that went: of each fossil's pack once, unless it came back.
    gone: u64,
}

impl Inventory {
    pub(super) fn new(packs: Vec<(PackId, u64)>, fossils: &[Fossil]) -> Self {
        let packs: HashMap<_, _> = packs.into_iter().collect();
        let gone: HashMap<_, _> = fossils.iter().map(|fossil| (fossil.id, fossil.bytes)).collect();
        let gone = gone.iter().filter(|(id, _)| !packs.contains_key(*id)).map(|(_, bytes)| bytes).sum();
        Self { held: fossils.iter().map(|fossil| fossil.bytes).sum(), gone, packs }
    }

    fn kept(&self) -> u64 {
        self.packs.values().sum()
    }

    /// Bytes that may be deleted now.
    fn deletable(&self) -> u64 {
        deletable(self.kept(), self.gone)
    }

    /// Whether these may all be deleted now.
    ///
    /// # Errors
    /// [`TargetError::Refused`]; none of them is to be deleted then.
    pub(super) fn allow(&self, packs: &[PackId]) -> Result<(), TargetError> {
        let packs: HashSet<_> = packs.iter().collect();
        let bytes: u64 = packs.into_iter().filter_map(|pack| self.packs.get(pack)).sum();
        if bytes <= self.deletable() {
            return Ok(());
        }
        Err(TargetError::Refused(format!(
            "{bytes} bytes are more than may be deleted here at once; a twentieth goes in 30 days"
        )))
    }

    pub(super) fn state(&self) -> TargetState {
        TargetState {
            used: self.kept().saturating_add(self.held),
            held: self.held,
            packs: u64::try_from(self.packs.len()).unwrap_or(u64::MAX),
            deletable: Some(self.deletable()),
            ..TargetState::default()
        }
    }
}

fn deletable(kept: u64, gone: u64) -> u64 {
    budget::deletable(kept, gone).max(EVERYDAY_BYTES.saturating_sub(gone))
}

#[cfg(test)]
mod tests {
    use super::*;

    const GB: u64 = 1 << 30;

    #[test]
    fn a_twentieth_may_go_or_a_little() {
        assert_eq!(deletable(400 * GB, 0), 20 * GB);
        assert_eq!(deletable(380 * GB, 20 * GB), 0);
        assert_eq!(deletable(GB, 0), EVERYDAY_BYTES);
        assert_eq!(deletable(GB, EVERYDAY_BYTES), 0);
        assert_eq!(deletable(0, 0), EVERYDAY_BYTES);
    }

    #[test]
    fn a_pack_that_came_back_did_not_go() {
        let id = |number: u8| PackId::from_bytes([number; 32]);
        let fossil = |number: u8, at_ms| Fossil { id: id(number), at_ms, bytes: GB };
        let fossils = [fossil(1, 1), fossil(1, 2), fossil(2, 2)];
        let place = Inventory::new(vec![(id(2), GB), (id(3), 59 * GB)], &fossils);
        assert_eq!((place.kept(), place.held, place.gone), (60 * GB, 3 * GB, GB));
        assert!(place.allow(&[id(2), id(2), id(9)]).is_ok());
        assert!(matches!(place.allow(&[id(2), id(3)]), Err(TargetError::Refused(_))));
    }
}
