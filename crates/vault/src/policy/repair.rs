//! What is done about copies that are lost, homes that are missing, and copies that are too many.
//!
//! A bad copy is sent again at once. A home that is away is mentioned, then an alarm, then no longer counted, whereupon
//! [`placement`](super::placement) finds another. When it returns, nothing of it is trusted: its copies count again one by
//! one as they are proved, and only when enough other homes have proved a pack since then is a copy too many taken away.

use std::collections::{HashMap, HashSet};

use heirloom_identity::HouseholdId;

use super::placement::{RESERVE_ONE_IN, SHELF_EVERYWHERE_MAX};
use super::{CopyState, Holder, PackCopies, PackCopy, Policy, TargetId, past};
use crate::PackId;

/// A home has little room when less than one part in so many of its quota is free, its reserve aside.
const LITTLE_ROOM_ONE_IN: u64 = 10;

/// One thing to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Action {
    /// The copy there is lost: send the pack again.
    Resend {
        /// The pack.
        pack: PackId,
        /// Where.
        target: TargetId,
    },
    /// Enough other homes have proved the pack: the copy there may go.
    Trim {
        /// The pack.
        pack: PackId,
        /// Where.
        target: TargetId,
    },
}

/// For how long a home has been away, as far as that matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Absence {
    /// Not long enough to be mentioned.
    Short,
    /// It is mentioned.
    Warned,
    /// It is an alarm.
    Alarmed,
    /// It no longer counts, and its copies are made elsewhere.
    Replaced,
}

/// What it means that a home was not reached for so long, while this home was on and reached others.
#[must_use]
pub const fn absence(away_ms: i64, policy: &Policy) -> Absence {
    if away_ms >= policy.replace_ms {
        Absence::Replaced
    } else if away_ms >= policy.alarm_ms {
        Absence::Alarmed
    } else if away_ms >= policy.warn_ms {
        Absence::Warned
    } else {
        Absence::Short
    }
}

/// What is to be done for these packs.
#[must_use]
pub fn plan(packs: &[PackCopies], holders: &[Holder], policy: &Policy, now_ms: i64) -> Vec<Action> {
    let mut known: HashMap<TargetId, Known<'_>> =
        holders.iter().map(|holder| (holder.target, Known::new(holder))).collect();
    let mut actions = Vec::new();
    for pack in packs {
        resend(pack, &known, &mut actions);
        trim(pack, &mut known, policy, now_ms, &mut actions);
    }
    actions
}

struct Known<'a> {
    holder: &'a Holder,
    used: u64,
}

impl<'a> Known<'a> {
    const fn new(holder: &'a Holder) -> Self {
        Self { holder, used: holder.used }
    }

    /// The home is being left, or has so little room that a copy too many stands in the way of others.
    fn wants_room(&self) -> bool {
        let Some(quota) = self.holder.quota else { return !self.holder.active };
        let room = quota.saturating_sub(self.used).saturating_sub(quota / RESERVE_ONE_IN);
        !self.holder.active || self.holder.full || room < quota / LITTLE_ROOM_ONE_IN
    }
}

fn resend(pack: &PackCopies, known: &HashMap<TargetId, Known<'_>>, actions: &mut Vec<Action>) {
    let lost = pack.copies.iter().filter(|copy| copy.state == CopyState::Lost);
    let active = lost.filter(|copy| known.get(&copy.target).is_some_and(|one| one.holder.active));
    actions.extend(active.map(|copy| Action::Resend { pack: pack.pack, target: copy.target }));
}

/// Takes copies away that are too many, the homes that are being left first, each only if the others are enough.
fn trim(
    pack: &PackCopies,
    known: &mut HashMap<TargetId, Known<'_>>,
    policy: &Policy,
    now_ms: i64,
    actions: &mut Vec<Action>,
) {
    let mut proven: HashSet<HouseholdId> =
        pack.copies.iter().filter_map(|copy| trusted(copy, known, policy, now_ms)).collect();
    let mut order: Vec<&PackCopy> =
        pack.copies.iter().filter(|copy| copy.state != CopyState::Leaving).collect();
    order.sort_by_key(|copy| known.get(&copy.target).is_none_or(|one| one.holder.active));
    for copy in order {
        let Some(one) = known.get_mut(&copy.target) else { continue };
        let Some(home) = one.holder.household else { continue };
        let everywhere = pack.shelf <= SHELF_EVERYWHERE_MAX && one.holder.active;
        let others = proven.len() - usize::from(proven.contains(&home));
        if everywhere || others < policy.copies.max(1) as usize || !one.wants_room() {
            continue;
        }
        one.used = one.used.saturating_sub(u64::from(pack.bytes));
        proven.remove(&home);
        actions.push(Action::Trim { pack: pack.pack, target: copy.target });
    }
}

/// The home of a copy that may be relied on when another is taken away: proved within the time, and since it returned.
fn trusted(
    copy: &PackCopy,
    known: &HashMap<TargetId, Known<'_>>,
    policy: &Policy,
    now_ms: i64,
) -> Option<HouseholdId> {
    let holder = known.get(&copy.target)?.holder;
    let returned = past(holder.returned_ms, now_ms).unwrap_or(i64::MIN);
    let since = now_ms.saturating_sub(policy.audit_within_ms).max(returned);
    let proven =
        copy.state == CopyState::Proven && past(copy.proven_ms, now_ms).is_some_and(|proven| proven >= since);
    // A home that is away could be the next to be replaced: nothing is taken away because of it.
    let here = holder.active && holder.away_ms < policy.warn_ms;
    holder.household.filter(|_| proven && here)
}
