//! What a new operation names: the newest ones its author knows, and where a household's streams end.

use std::cmp::Reverse;

use heirloom_identity::{
    Action, Cut, CutEntry, HouseholdId, OperationId,
    operation::{CUT_ENTRIES_MAX, PARENTS_MAX},
};

use super::{bits::Bits, operations::Operations, state::Membership};

/// The newest operations that count: what a new operation names as its parents, and an envelope as its heads. Sorted.
///
/// What doesn't count isn't named, so a household that was removed can't fill the list with operations of old dates. Of
/// more than [`PARENTS_MAX`] the author's own come first, then removals; the rest is named by a later one.
pub fn next_parents(
    operations: &Operations,
    membership: &Membership,
    author: &HouseholdId,
) -> Vec<OperationId> {
    let counts = |place: &usize| !membership.ineffective.contains(&operations.operation(*place).id());
    let effective: Bits = (0..operations.count()).filter(counts).collect();
    let mut newest: Vec<_> = operations.newest(&effective);
    newest.sort_unstable_by_key(|place| {
        let operation = operations.operation(*place);
        let removes = matches!(operation.action(), Action::Remove { .. } | Action::Leave { .. });
        (operation.author() != *author, !removes, operation.id())
    });
    newest.truncate(PARENTS_MAX);
    let mut ids: Vec<OperationId> =
        newest.into_iter().map(|place| operations.operation(place).id()).collect();
    ids.sort_unstable();
    ids
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
