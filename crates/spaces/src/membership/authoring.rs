//! What a new operation names: the newest ones its author knows, and where a household's streams end.

use std::{cmp::Reverse, collections::BTreeSet};

use heirloom_identity::{
    Action, Cut, CutEntry, HouseholdId, Operation, OperationId,
    operation::{CUT_ENTRIES_MAX, EPOCHS_MAX, PARENTS_MAX},
};

use super::{bits::Bits, operations::Operations, permission::target, state::Membership};

/// The newest operations that count: what a new operation names as its parents, and an envelope as its heads. Sorted.
///
/// What doesn't count isn't named, so a household that was removed can't fill the list with operations of old dates; but
/// an invitation that turned out void is, so that a new epoch can be known to be newer. Of more than [`PARENTS_MAX`] the
/// author's own come first, then whatever it takes to follow all that makes the author a member, then removals; the rest
/// is named by a later one.
pub fn next_parents(
    operations: &Operations,
    membership: &Membership,
    author: &HouseholdId,
) -> Vec<OperationId> {
    let effective = effective(operations, membership);
    let mut newest: Vec<usize> = newest(operations, membership, effective.clone());
    newest.sort_unstable_by_key(|place| {
        let operation = operations.operation(*place);
        let removes = matches!(operation.action(), Action::Remove { .. } | Action::Leave { .. });
        (operation.author() != *author, !removes, operation.id())
    });
    let own = |place: &usize| operations.operation(*place).author() == *author;
    let follows = |place: usize, about: usize| place == about || operations.ancestors(place).contains(about);
    let mut chosen: Vec<usize> = newest.iter().copied().filter(own).take(PARENTS_MAX / 2).collect();
    let about: Bits =
        effective.iter().filter(|place| is_about(operations.operation(*place), author)).collect();
    for about in operations.newest(&about) {
        if !chosen.iter().any(|place| follows(*place, about)) {
            chosen.extend(newest.iter().copied().find(|place| follows(*place, about)));
        }
    }
    chosen.extend(newest);
    let mut seen = BTreeSet::new();
    chosen.retain(|place| seen.insert(*place));
    chosen.truncate(PARENTS_MAX);
    let mut ids: Vec<OperationId> =
        chosen.into_iter().map(|place| operations.operation(place).id()).collect();
    ids.sort_unstable();
    ids
}

impl Membership {
    /// How many new epochs it takes at most until there is one to write under: one merges as many newest operations and
    /// epochs as it can name.
    pub fn merge_turns(&self, operations: &Operations) -> usize {
        let newest = newest(operations, self, effective(operations, self));
        2 + newest.len() / (PARENTS_MAX - 1) + self.epoch_heads().len() / (EPOCHS_MAX - 1)
    }
}

fn effective(operations: &Operations, membership: &Membership) -> Bits {
    let counts = |place: &usize| !membership.ineffective.contains(&operations.operation(*place).id());
    (0..operations.count()).filter(counts).collect()
}

fn newest(operations: &Operations, membership: &Membership, mut effective: Bits) -> Vec<usize> {
    effective.unite(&membership.lapsed.iter().filter_map(|id| operations.place(id)).collect());
    operations.newest(&effective)
}

fn is_about(operation: &Operation, household: &HouseholdId) -> bool {
    let own = operation.author() == *household;
    match operation.action() {
        Action::Create { .. } | Action::Leave { .. } => own,
        Action::Transfer { household: new } => own || new == household,
        action => target(action).as_ref() == Some(household),
    }
}

/// Where a household's streams end, by all that this home has of them: `ends` are the newest envelopes of every stream
/// and branch, with the household that wrote them. Of more than [`CUT_ENTRIES_MAX`] the longest streams are named.
pub fn cut_for(household: &HouseholdId, ends: impl IntoIterator<Item = (HouseholdId, CutEntry)>) -> Cut {
    let own = ends.into_iter().filter(|(author, _)| author == household);
    let mut entries: Vec<CutEntry> = own.map(|(_, entry)| entry).collect();
    entries.sort_unstable_by_key(|entry| (Reverse(entry.seq), *entry));
    entries.dedup();
    entries.truncate(CUT_ENTRIES_MAX);
    entries.sort_unstable();
    Cut(entries)
}
