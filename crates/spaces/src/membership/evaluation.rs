//! From the set of operations to what each of them is worth.
//!
//! The rules and the reasons for them stand in the [parent module](super). Everything here depends on the set alone: places
//! in [`Operations`] differ between homes and are used only to walk ancestors, never to decide.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet, HashMap},
};

use heirloom_identity::{Action, EpochId, HouseholdId, Operation, OperationId, ReceivePublic, Role};

use super::{
    bits::Bits,
    operations::Operations,
    permission::{Standing, judge, target},
    taking::Kinds,
};

/// The worth of every operation in a scope.
pub(super) struct Evaluation<'a> {
    pub(super) operations: &'a Operations,
    /// The operations that are looked at: with each, all that it follows.
    pub(super) scope: Bits,
    /// Those of them that have an effect.
    pub(super) effective: Bits,
    /// Those that were taken away from their authors.
    void: Bits,
    /// The transfers that count; each by the household that the one before made the owner.
    transfers: Bits,
    /// The removals, leavings and renewals that were decided and stand.
    settled: Bits,
    pub(super) by: HashMap<HouseholdId, Bits>,
    pub(super) about: HashMap<HouseholdId, Bits>,
    /// By the operation: all in the scope that follow it.
    pub(super) followers: Vec<Bits>,
    pub(super) kinds: Kinds,
    renewals: HashMap<HouseholdId, Bits>,
    rekeys: HashMap<EpochId, Bits>,
}

/// How many transfers may count, and among how many the next one is looked for.
const TRANSFERS_MAX: usize = 64;
/// After so many turns removals no longer wait for higher authority, and after one more turn the rest is void.
const TURNS_MAX: usize = 64;

impl<'a> Evaluation<'a> {
    /// Evaluates a scope, which holds with each operation all that it follows.
    pub(super) fn new(operations: &'a Operations, scope: Bits) -> Self {
        let mut evaluation = Self {
            operations,
            scope,
            effective: Bits::default(),
            void: Bits::default(),
            transfers: Bits::default(),
            settled: Bits::default(),
            by: HashMap::new(),
            about: HashMap::new(),
            followers: Vec::new(),
            kinds: Kinds::default(),
            renewals: HashMap::new(),
            rekeys: HashMap::new(),
        };
        evaluation.sort();
        evaluation.weigh(&evaluation.scope.clone());
        evaluation.settle_transfers();
        evaluation.settle_removals();
        evaluation.drop_surplus();
        evaluation
    }

    pub(super) fn operation(&self, place: usize) -> &'a Operation {
        self.operations.operation(place)
    }

    pub(super) fn ancestors(&self, place: usize) -> &'a Bits {
        self.operations.ancestors(place)
    }

    /// Every household that some operation is about.
    pub(super) fn households(&self) -> impl Iterator<Item = HouseholdId> {
        self.about.keys().copied()
    }

    /// What a household is after the effective ones of these operations.
    pub(super) fn standing(&self, household: &HouseholdId, within: &Bits) -> Standing {
        self.standing_by(household, within).0
    }

    /// The same, with the operation that says so when it is a member.
    ///
    /// Of the newest operations about a household, any that ends its membership wins; then the one that gives the lowest
    /// role; then the one with the lowest id.
    pub(super) fn standing_by(&self, household: &HouseholdId, within: &Bits) -> (Standing, Option<usize>) {
        let Some(about) = self.about.get(household) else { return (Standing::Never, None) };
        let newest = self.operations.newest(&about.common(&self.effective).common(within));
        let mut lowest: Option<(Role, OperationId, usize)> = None;
        for place in newest {
            let operation = self.operation(place);
            let Some(role) = role_given(operation, household) else { return (Standing::Gone, None) };
            let said = (role, operation.id(), place);
            lowest = Some(lowest.map_or(said, |lowest| lowest.min(said)));
        }
        match lowest {
            Some((role, _, place)) => (Standing::Member(role), Some(place)),
            None => (Standing::Never, None),
        }
    }

    /// The operation that brought a household in: after its last removal, and of several the one with the lowest id.
    pub(super) fn entry(&self, household: &HouseholdId) -> Option<usize> {
        let about = self.about.get(household)?.common(&self.effective);
        let mut left = Bits::default();
        about.common(&self.kinds.ends).iter().for_each(|end| left.unite(self.ancestors(end)));
        let enters = |place: &usize| {
            matches!(self.operation(*place).action(), Action::Create { .. } | Action::Add { .. })
                && !left.contains(*place)
        };
        about.iter().filter(enters).min_by_key(|place| self.operation(*place).id())
    }

    /// A household's receive key: the newest that it named itself, or that it was invited with. Of several newest its own
    /// word comes first, then the lowest id.
    pub(super) fn receive(&self, household: &HouseholdId) -> Option<ReceivePublic> {
        let mut naming: Bits =
            self.renewals.get(household).map_or_else(Bits::default, |own| own.common(&self.effective));
        let enters = |place: &usize| receive_key(self.operation(*place)).is_some();
        let entries: Bits = self.about.get(household)?.iter().filter(enters).collect();
        let effective = entries.common(&self.effective);
        // An owner whose own invitation was voided after the album was handed to it still has the key it came with.
        naming.unite(if effective.is_empty() { &entries } else { &effective });
        let key = |place: usize| {
            let operation = self.operation(place);
            receive_key(operation).map(|receive| (operation.author() != *household, operation.id(), receive))
        };
        let newest = self.operations.newest(&naming);
        newest
            .into_iter()
            .filter_map(key)
            .min_by_key(|(foreign, id, _)| (*foreign, *id))
            .map(|(.., receive)| receive)
    }

    fn sort(&mut self) {
        self.followers = vec![Bits::default(); self.operations.count()];
        for place in self.scope.iter().collect::<Vec<_>>().into_iter().rev() {
            let mut with = std::mem::take(&mut self.followers[place]);
            with.insert(place);
            self.operations.parents(place).iter().for_each(|parent| self.followers[*parent].unite(&with));
            with.remove(place);
            self.followers[place] = with;
        }
        for place in self.scope.iter() {
            let operation = self.operations.operation(place);
            let author = operation.author();
            self.kinds.note(place, operation.action());
            self.by.entry(author).or_default().insert(place);
            match operation.action() {
                Action::Create { .. } | Action::Leave { .. } | Action::Transfer { .. } => {
                    self.about.entry(author).or_default().insert(place);
                }
                Action::Renew { .. } => self.renewals.entry(author).or_default().insert(place),
                Action::Rekey(rekey) => self.rekeys.entry(rekey.epoch).or_default().insert(place),
                Action::Add { .. } | Action::SetRole { .. } | Action::Remove { .. } => {}
            }
            if let Some(household) = target(operation.action()) {
                self.about.entry(household).or_default().insert(place);
            }
        }
    }

    /// Says of operations whether they have an effect, ancestors first, given what is void: of those that became doubtful,
    /// and of all that follow one of which the answer changed.
    fn weigh(&mut self, doubtful: &Bits) {
        let Some(first) = doubtful.iter().next() else { return };
        let mut changed = Bits::default();
        for place in self.scope.clone().iter().filter(|place| *place >= first) {
            if !doubtful.contains(place) && !self.ancestors(place).meets(&changed) {
                continue;
            }
            let effective = !self.void.contains(place) && self.permits(place);
            if effective != self.effective.contains(place) {
                changed.insert(place);
                if effective { self.effective.insert(place) } else { self.effective.remove(place) }
            }
        }
    }

    /// Whether the author could do it, by what the operation follows.
    fn permits(&self, place: usize) -> bool {
        let (operation, known) = (self.operation(place), self.ancestors(place));
        match operation.action() {
            // Its hash is the space's id, so there is exactly one.
            Action::Create { .. } => return true,
            Action::Transfer { .. } => return self.transfers.contains(place),
            Action::Rekey(rekey) if self.repeats(rekey.epoch, known) => return false,
            _ => {}
        }
        !self.is_outranked(place) && self.may(operation, known)
    }

    fn may(&self, operation: &Operation, known: &Bits) -> bool {
        let author = self.standing(&operation.author(), known).role();
        let other = target(operation.action()).map(|household| self.standing(&household, known));
        judge(author, operation.action(), other.unwrap_or(Standing::Never)).is_ok()
    }

    /// Whether an earlier operation began this epoch: an old secret is never made new again.
    fn repeats(&self, epoch: EpochId, known: &Bits) -> bool {
        self.rekeys.get(&epoch).is_some_and(|places| places.common(&self.effective).meets(known))
    }

    /// Whether the author knew that its household has a newer node.
    fn is_outranked(&self, place: usize) -> bool {
        let (operation, known) = (self.operation(place), self.ancestors(place));
        let grade = self.operations.grade(place);
        let Some(renewals) = self.renewals.get(&operation.author()) else { return false };
        renewals
            .common(&self.effective)
            .common(known)
            .iter()
            .any(|place| self.operations.grade(place) < grade)
    }

    /// Follows the ownership from the creator on. Of transfers that one owner made side by side the one with the lowest
    /// id counts; the others, and whatever else that owner did beside it, don't.
    fn settle_transfers(&mut self) {
        let Some(first) = self.scope.iter().next() else { return };
        let (mut owner, mut grant) = (self.operation(first).author(), first);
        for _ in 0..TRANSFERS_MAX {
            let Some(next) = self.next_transfer(&owner, grant) else { return };
            let Some(household) = target(self.operation(next).action()) else { return };
            self.transfers.insert(next);
            let mut doubtful = self.make_void(self.taken_away_by(next));
            doubtful.insert(next);
            self.weigh(&doubtful);
            (owner, grant) = (household, next);
        }
    }

    fn next_transfer(&self, owner: &HouseholdId, grant: usize) -> Option<usize> {
        let mut rest = self.by.get(owner)?.common(&self.kinds.transfers).common(&self.followers[grant]);
        rest.subtract(&self.void);
        rest.subtract(&self.transfers);
        let mut first: Vec<usize> = rest.iter().collect();
        first.sort_unstable_by_key(|place| self.operation(*place).id());
        first.truncate(TRANSFERS_MAX);
        let candidate = |place: &usize| {
            let Some(household) = target(self.operation(*place).action()) else { return false };
            household != *owner
                && !self.is_outranked(*place)
                && self.standing(&household, self.ancestors(*place)).role().is_some()
                && !self.declined(*place, &household)
                && !self.renewed_beside(*place)
        };
        let candidates: Bits = first.iter().copied().filter(candidate).collect();
        first
            .into_iter()
            .find(|place| candidates.contains(*place) && !self.ancestors(*place).meets(&candidates))
    }

    /// Whether the household that should become the owner left, or was removed by somebody else than who hands on,
    /// beside it, and never acted after it. Once it acted nothing can change that any more, so a removal that is void for
    /// this reason stays void.
    fn declined(&self, transfer: usize, household: &HouseholdId) -> bool {
        let acted = self.by.get(household).is_some_and(|own| own.meets(&self.followers[transfer]));
        let ends =
            self.about.get(household).map(|about| about.common(&self.kinds.ends).common(&self.effective));
        let (false, Some(mut ends)) = (acted, ends) else { return false };
        if let Some(by_owner) = self.by.get(&self.operation(transfer).author()) {
            ends.subtract(by_owner);
        }
        !self.beside(transfer, &ends).is_empty()
    }

    /// Whether the owner's household meanwhile got a new node: the old one, which may be stolen, gives nothing away.
    fn renewed_beside(&self, transfer: usize) -> bool {
        let Some(renewals) = self.renewals.get(&self.operation(transfer).author()) else { return false };
        let grade = self.operations.grade(transfer);
        let beside = self.beside(transfer, &renewals.common(&self.effective));
        beside.iter().any(|place| self.operations.grade(place) < grade)
    }

    /// Lets removals, demotions and renewals take away what they take away. One that another would take away waits until
    /// that other is decided; of those that need not wait the ones by the higher authority go first.
    fn settle_removals(&mut self) {
        let places = self.scope.iter().filter(|place| !self.transfers.contains(*place));
        let takes = places.map(|place| (place, self.taken_away_by(place)));
        let mut open: BTreeMap<usize, Bits> = takes.filter(|(_, taken)| !taken.is_empty()).collect();
        for turn in 0..=TURNS_MAX {
            let next = self.next_removals(&open, turn < TURNS_MAX);
            if next.is_empty() {
                return;
            }
            let stays = |place: &&usize| !matches!(self.operation(**place).action(), Action::SetRole { .. });
            let settled: Bits = next.iter().filter(stays).copied().collect();
            self.settled.unite(&settled);
            let mut doubtful = Bits::default();
            for taken in next.iter().filter_map(|place| open.remove(place)) {
                doubtful.unite(&self.make_void(taken));
            }
            let lost: Bits =
                open.extract_if(.., |_, taken| taken.meets(&settled)).map(|(place, _)| place).collect();
            doubtful.unite(&self.make_void(lost));
            self.weigh(&doubtful);
        }
        let rest = self.make_void(open.into_keys().collect());
        self.weigh(&rest);
    }

    /// Of renewals, and of epochs, that one household made side by side the one with the newest certificate, then the lowest
    /// id, is left. Nothing else changes by that: neither role nor right hangs on them.
    fn drop_surplus(&mut self) {
        let mut made: BTreeMap<(HouseholdId, bool), Vec<usize>> = BTreeMap::new();
        for place in self.effective.iter() {
            let operation = self.operation(place);
            let renews = match operation.action() {
                Action::Renew { .. } => true,
                Action::Rekey(_) => false,
                _ => continue,
            };
            made.entry((operation.author(), renews)).or_default().push(place);
        }
        for mut places in made.into_values() {
            places.sort_unstable_by_key(|place| (self.operations.grade(*place), self.operation(*place).id()));
            // What is left is a chain, so only its neighbours are asked.
            let mut left = BTreeSet::new();
            for place in places {
                let before = left.range(..place).next_back();
                let after = left.range(place..).next();
                let follows = before.is_none_or(|before| self.ancestors(place).contains(*before));
                if follows && after.is_none_or(|after| self.ancestors(*after).contains(place)) {
                    left.insert(place);
                } else {
                    self.effective.remove(place);
                }
            }
        }
    }

    /// Only an owner who wrote two histories side by side can make removals that wait for each other in a ring; then the
    /// highest authority, and after that the lowest id, goes first.
    fn next_removals(&self, open: &BTreeMap<usize, Bits>, by_rank: bool) -> Vec<usize> {
        let live = open.iter().filter(|(place, _)| self.effective.contains(**place));
        let mut threatened = Bits::default();
        live.clone().for_each(|(_, taken)| threatened.unite(taken));
        let (waiting, free): (Vec<usize>, Vec<usize>) =
            live.map(|(place, _)| *place).partition(|place| threatened.contains(*place));
        let rank =
            |place: &usize| self.standing(&self.operation(*place).author(), self.ancestors(*place)).role();
        if free.is_empty() {
            let first =
                waiting.into_iter().min_by_key(|place| (Reverse(rank(place)), self.operation(*place).id()));
            return first.into_iter().collect();
        }
        if !by_rank {
            return free;
        }
        let highest = free.iter().map(rank).max();
        free.into_iter().filter(|place| Some(rank(place)) == highest).collect()
    }

    /// What went ahead stands. Gives what became void.
    fn make_void(&mut self, mut taken: Bits) -> Bits {
        taken.subtract(&self.transfers);
        taken.subtract(&self.settled);
        self.void.unite(&taken);
        taken
    }
}

/// The role that an operation about a household gives it; none: it ends its membership.
fn role_given(operation: &Operation, household: &HouseholdId) -> Option<Role> {
    match operation.action() {
        Action::Create { .. } => Some(Role::Owner),
        Action::Add { role, .. } | Action::SetRole { role, .. } => Some(*role),
        Action::Transfer { household: new } if new == household => Some(Role::Owner),
        Action::Transfer { .. } => Some(Role::Admin),
        Action::Remove { .. } | Action::Leave { .. } | Action::Rekey(_) | Action::Renew { .. } => None,
    }
}

/// The receive key that an operation names.
fn receive_key(operation: &Operation) -> Option<ReceivePublic> {
    match operation.action() {
        Action::Create { receive, .. } | Action::Add { receive, .. } | Action::Renew { receive } => {
            Some(*receive)
        }
        Action::SetRole { .. }
        | Action::Remove { .. }
        | Action::Leave { .. }
        | Action::Transfer { .. }
        | Action::Rekey(_) => None,
    }
}
