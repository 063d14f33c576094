//! Which homes get which packs.
//!
//! Counts homes, never copies: two places of one household are one fire. What is wanted is *whole* homes, because then
//! any one of them gives everything back: as long as a home has room for all of it, that home gets all of it, and a
//! third home gets originals only when the first two have no room or are gone. What the household is made of and the small
//! pictures go to every home. Folders and object stores get everything and count as no home.
//!
//! A home that has become full, or that for days did not prove what it took, is not waited for: another gets its part.
//!
//! Stable: what is placed stays placed, and asking twice gives nothing new. A pack is never assigned beyond a quota, and
//! a twentieth of each quota is kept for what the household is made of, so that a full home can still be restored from.

use std::cmp::Reverse;
use std::collections::HashSet;

use heirloom_identity::HouseholdId;

use super::{CopyState, Holder, PackCopies, PackCopy, Policy, TargetId};
use crate::PackId;

/// One part in so many of a quota is kept for the household's own data.
pub const RESERVE_ONE_IN: u64 = 20;
/// The last shelf that every home gets: what the household is made of, thumbnails, previews.
pub const SHELF_EVERYWHERE_MAX: u8 = 2;
/// The shelf of what the household is made of, which may use the reserve.
const SHELF_METADATA: u8 = 0;

/// A pack is to be sent to a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Assignment {
    /// The pack.
    pub pack: PackId,
    /// The place.
    pub target: TargetId,
}

/// What is to be placed where, in the order of `packs`.
///
/// `vault_bytes` is what all packs weigh together, with those that are still to be made as far as that is known; `packs`
/// need not be all of them. Nothing is taken away here; see [`repair`](super::repair).
#[must_use]
pub fn assign(
    packs: &[PackCopies],
    keepers: &[Holder],
    vault_bytes: u64,
    policy: &Policy,
) -> Vec<Assignment> {
    let mut plan = Plan::new(keepers, vault_bytes, policy);
    packs.iter().for_each(|pack| plan.place(pack));
    plan.assigned
}

struct Plan<'a> {
    policy: &'a Policy,
    keepers: Vec<Candidate<'a>>,
    assigned: Vec<Assignment>,
}

struct Candidate<'a> {
    keeper: &'a Holder,
    room: u64,
    room_before: u64,
    reserve: u64,
    /// It could hold the whole vault.
    whole: bool,
}

impl Candidate<'_> {
    /// What is free for a pack of this shelf.
    fn room(&self, shelf: u8) -> u64 {
        if shelf == SHELF_METADATA { self.room } else { self.room.saturating_sub(self.reserve) }
    }

    /// The first is preferred: homes that are not missing, that can hold everything, that hold most of it already, that
    /// are on, that have most room. Among those that can't hold everything it is the room that is left that decides, so
    /// that they fill evenly; the order of the others does not change while they fill.
    fn rank(&self, policy: &Policy) -> impl Ord + use<> {
        let settled = if self.whole { self.keeper.placed } else { 0 };
        let spare = if self.whole { self.room_before } else { self.room };
        Reverse((
            self.keeper.away_ms < policy.warn_ms,
            self.whole,
            settled,
            self.keeper.on,
            spare,
            Reverse(self.keeper.household),
        ))
    }
}

impl<'a> Plan<'a> {
    fn new(keepers: &'a [Holder], vault_bytes: u64, policy: &'a Policy) -> Self {
        let mut keepers: Vec<_> = keepers
            .iter()
            .filter(|keeper| keeper.active)
            .map(|keeper| candidate(keeper, vault_bytes))
            .collect();
        keepers.sort_by_key(|candidate| candidate.rank(policy));
        Self { policy, keepers, assigned: Vec::new() }
    }

    fn place(&mut self, pack: &PackCopies) {
        // A copy that is being deleted has to be gone before the pack may come again.
        let closed: HashSet<TargetId> = pack.copies.iter().map(|copy| copy.target).collect();
        let mut known = HashSet::new();
        let mut taken = HashSet::new();
        for one in self.keepers.iter().filter(|one| one.keeper.counts(self.policy)) {
            let mut copies = pack.copies.iter().filter(|copy| copy.target == one.keeper.target);
            let Some(copy) = copies.find(|copy| copy.state != CopyState::Leaving) else { continue };
            known.extend(one.keeper.household);
            if has_seat(copy, one.keeper) {
                taken.extend(one.keeper.household);
            }
        }
        let wanted =
            if pack.shelf <= SHELF_EVERYWHERE_MAX { usize::MAX } else { self.policy.copies as usize };
        while taken.len() < wanted {
            let Some(index) = self.next(pack, &closed, &known) else { break };
            let one = &mut self.keepers[index];
            one.room = one.room.saturating_sub(u64::from(pack.bytes));
            known.extend(one.keeper.household);
            taken.extend(one.keeper.household);
            self.assigned.push(Assignment { pack: pack.pack, target: one.keeper.target });
            self.resort(index);
        }
        self.place_everywhere(pack, &closed);
    }

    /// The best home that may have one more copy of the pack.
    fn next(
        &self,
        pack: &PackCopies,
        closed: &HashSet<TargetId>,
        known: &HashSet<HouseholdId>,
    ) -> Option<usize> {
        self.keepers.iter().position(|one| {
            let home = one.keeper.household.filter(|home| !known.contains(home));
            home.is_some()
                && one.keeper.counts(self.policy)
                && !one.keeper.full
                && !closed.contains(&one.keeper.target)
                && one.room(pack.shelf) >= u64::from(pack.bytes)
        })
    }

    /// Only homes that can't hold everything are in an order that changes while they fill.
    fn resort(&mut self, index: usize) {
        if !self.keepers[index].whole {
            self.keepers.sort_by_key(|candidate| candidate.rank(self.policy));
        }
    }

    fn place_everywhere(&mut self, pack: &PackCopies, closed: &HashSet<TargetId>) {
        for one in self.keepers.iter_mut().filter(|one| one.keeper.household.is_none()) {
            let fits = !one.keeper.full && one.room(pack.shelf) >= u64::from(pack.bytes);
            if fits && !closed.contains(&one.keeper.target) {
                one.room -= u64::from(pack.bytes);
                self.assigned.push(Assignment { pack: pack.pack, target: one.keeper.target });
            }
        }
    }
}

/// Whether a copy is one of those that are wanted: it is there, or will be. A home that is full, or that for days could not
/// prove what it took, keeps what it has, and another home gets the pack besides.
fn has_seat(copy: &PackCopy, keeper: &Holder) -> bool {
    match copy.state {
        CopyState::Proven => true,
        CopyState::Sent => !copy.failing,
        CopyState::Pending | CopyState::Lost => !copy.failing && !keeper.full,
        CopyState::Leaving => false,
    }
}

fn candidate(keeper: &Holder, vault_bytes: u64) -> Candidate<'_> {
    let quota = keeper.quota.unwrap_or(u64::MAX);
    let reserve = keeper.quota.map_or(0, |quota| quota.div_ceil(RESERVE_ONE_IN));
    let room = quota.saturating_sub(keeper.used);
    let whole = !keeper.full && room.saturating_sub(reserve).saturating_add(keeper.placed) >= vault_bytes;
    Candidate { keeper, room, room_before: room, reserve, whole }
}
