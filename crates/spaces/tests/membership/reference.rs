//! A second evaluation, slow and plain, written from `docs/formats/membership.md` section by section: sets of ids, no
//! cleverness, everything worked out anew whenever it is asked for. It exists to be compared with.

use std::collections::{BTreeMap, BTreeSet};

use heirloom_identity::{Action, EpochId, HouseholdId, Operation, OperationId, Role};

type Ids = BTreeSet<OperationId>;

/// What the slow evaluation finds.
pub(crate) struct Found {
    pub(crate) roles: BTreeMap<HouseholdId, Role>,
    pub(crate) ineffective: Ids,
}

pub(crate) fn evaluate(operations: &[Operation]) -> Found {
    let all: BTreeMap<OperationId, Operation> =
        operations.iter().map(|operation| (operation.id(), operation.clone())).collect();
    let mut known = BTreeMap::new();
    for id in all.keys() {
        known_by(&all, id, &mut known);
    }
    let mut slow = Slow { all, known, void: Ids::new(), chain: Ids::new(), stands: Ids::new() };
    slow.ownership();
    slow.removals();
    let mut effective = slow.effective();
    effective = &effective - &slow.surplus(&effective);
    let everything: Ids = slow.all.keys().copied().collect();
    let households: BTreeSet<HouseholdId> = slow.all.values().flat_map(named).collect();
    let roles = households.into_iter().filter_map(|household| {
        let said = slow.said(&household, &everything, &effective);
        Some((household, said.member()?))
    });
    Found { roles: roles.collect(), ineffective: &everything - &effective }
}

struct Slow {
    all: BTreeMap<OperationId, Operation>,
    known: BTreeMap<OperationId, Ids>,
    void: Ids,
    chain: Ids,
    stands: Ids,
}

#[derive(Clone, Copy, PartialEq)]
enum Said {
    Nothing,
    Gone,
    Member(Role),
}

impl Said {
    fn member(self) -> Option<Role> {
        match self {
            Self::Member(role) => Some(role),
            Self::Nothing | Self::Gone => None,
        }
    }
}

fn known_by(
    all: &BTreeMap<OperationId, Operation>,
    id: &OperationId,
    known: &mut BTreeMap<OperationId, Ids>,
) -> Ids {
    if let Some(done) = known.get(id) {
        return done.clone();
    }
    let mut ids = Ids::new();
    for parent in all[id].parents() {
        ids.insert(*parent);
        ids.extend(known_by(all, parent, known));
    }
    known.insert(*id, ids.clone());
    ids
}

fn named(operation: &Operation) -> Vec<HouseholdId> {
    match operation.action() {
        Action::Add { household, .. }
        | Action::SetRole { household, .. }
        | Action::Remove { household, .. }
        | Action::Transfer { household } => vec![operation.author(), *household],
        _ => vec![operation.author()],
    }
}

/// What an operation makes of a household; `None` when it isn't about it.
fn makes(operation: &Operation, who: &HouseholdId) -> Option<Said> {
    let own = operation.author() == *who;
    match operation.action() {
        Action::Create { .. } if own => Some(Said::Member(Role::Owner)),
        Action::Add { household, role, .. } | Action::SetRole { household, role, .. } if household == who => {
            Some(Said::Member(*role))
        }
        Action::Remove { household, .. } if household == who => Some(Said::Gone),
        Action::Leave { .. } if own => Some(Said::Gone),
        Action::Transfer { household } if household == who => Some(Said::Member(Role::Owner)),
        Action::Transfer { .. } if own => Some(Said::Member(Role::Admin)),
        _ => None,
    }
}

impl Slow {
    fn beside(&self, one: &OperationId, other: &OperationId) -> bool {
        one != other && !self.known[one].contains(other) && !self.known[other].contains(one)
    }

    fn said(&self, who: &HouseholdId, among: &Ids, effective: &Ids) -> Said {
        let about: Vec<&OperationId> =
            among.intersection(effective).filter(|id| makes(&self.all[id], who).is_some()).collect();
        let newest = about.iter().filter(|id| !about.iter().any(|later| self.known[later].contains(id)));
        let mut said = Said::Nothing;
        for one in newest.map(|id| makes(&self.all[id], who).unwrap()) {
            said = match (said, one) {
                (Said::Nothing, one) => one,
                (Said::Gone, _) | (_, Said::Gone) => Said::Gone,
                (Said::Member(a), Said::Member(b)) => Said::Member(a.min(b)),
                (said, Said::Nothing) => said,
            };
        }
        said
    }

    fn effective(&self) -> Ids {
        let mut effective = Ids::new();
        let mut order: Vec<&OperationId> = self.all.keys().collect();
        order.sort_by_key(|id| self.known[id].len());
        for id in order {
            if !self.void.contains(id) && self.could(id, &effective) {
                effective.insert(*id);
            }
        }
        effective
    }

    fn could(&self, id: &OperationId, effective: &Ids) -> bool {
        let operation = &self.all[id];
        let before = &self.known[id];
        let other = |who: &HouseholdId| self.said(who, before, effective);
        match operation.action() {
            Action::Create { .. } => return true,
            Action::Transfer { .. } => return self.chain.contains(id),
            Action::Rekey(rekey) if self.begun(rekey.epoch, before, effective) => return false,
            _ => {}
        }
        let replaced = before.intersection(effective).map(|id| &self.all[id]).any(|earlier| {
            matches!(earlier.action(), Action::Renew { .. })
                && earlier.author() == operation.author()
                && earlier.certificate().outranks(operation.certificate())
        });
        let Some(role) = other(&operation.author()).member() else { return false };
        let admin = role >= Role::Admin;
        !replaced
            && match operation.action() {
                Action::Rekey(_) | Action::Renew { .. } => true,
                Action::Leave { .. } => role != Role::Owner,
                Action::Add { household, role: new, .. } => {
                    admin && role > *new && other(household).member().is_none()
                }
                Action::SetRole { household, role: new, .. } => {
                    admin && role > *new && other(household).member().is_some_and(|old| role > old)
                }
                Action::Remove { household, .. } => match other(household) {
                    Said::Gone => false,
                    Said::Nothing => admin,
                    Said::Member(old) => admin && role > old,
                },
                Action::Create { .. } | Action::Transfer { .. } => false,
            }
    }

    fn begun(&self, epoch: EpochId, before: &Ids, effective: &Ids) -> bool {
        before.intersection(effective).any(|id| match self.all[id].action() {
            Action::Rekey(rekey) => rekey.epoch == epoch,
            _ => false,
        })
    }

    fn takes(&self, id: &OperationId) -> Ids {
        let operation = &self.all[id];
        let own = operation.author();
        let taken = |other: &Operation| {
            let by = |who: &HouseholdId| other.author() == *who;
            let grants = |who: &HouseholdId| match other.action() {
                Action::Add { household, .. } | Action::SetRole { household, .. } => household == who,
                _ => false,
            };
            let admin = matches!(
                other.action(),
                Action::Add { .. } | Action::SetRole { .. } | Action::Remove { .. } | Action::Transfer { .. }
            );
            let leaves = matches!(other.action(), Action::Leave { .. });
            match operation.action() {
                Action::Remove { household, .. } => by(household) || grants(household),
                Action::Leave { .. } => {
                    let newer = other.certificate().outranks(operation.certificate());
                    (by(&own) && !newer) || grants(&own)
                }
                Action::SetRole { household, role, .. } if *role < Role::Admin => by(household) && admin,
                Action::Transfer { household } => {
                    (by(&own) && (admin || leaves))
                        || grants(household)
                        || (leaves && by(household))
                        || matches!(other.action(), Action::Remove { household: gone, .. } if gone == household)
                }
                Action::Renew { .. } => by(&own) && operation.certificate().outranks(other.certificate()),
                _ => false,
            }
        };
        let beside = self.all.iter().filter(|(other, _)| self.beside(id, other));
        beside.filter(|(_, other)| taken(other)).map(|(other, _)| *other).collect()
    }

    /// Renewals, and epochs, beside a better one of the same household.
    fn surplus(&self, effective: &Ids) -> Ids {
        let mut rest: Vec<&Operation> = effective.iter().map(|id| &self.all[id]).collect();
        rest.retain(|it| matches!(it.action(), Action::Renew { .. } | Action::Rekey(_)));
        let better = |one: &Operation, other: &Operation| {
            let (a, b) = (one.certificate(), other.certificate());
            a.outranks(b) || (!b.outranks(a) && one.id() < other.id())
        };
        let mut surplus = Ids::new();
        while let Some(best) = rest.iter().copied().find(|one| {
            !rest
                .iter()
                .any(|other| other.author() == one.author() && other.id() != one.id() && better(other, one))
        }) {
            let same = |it: &Operation| {
                it.author() == best.author()
                    && matches!(it.action(), Action::Renew { .. })
                        == matches!(best.action(), Action::Renew { .. })
            };
            surplus.extend(
                rest.iter().filter(|it| same(it) && self.beside(&it.id(), &best.id())).map(|it| it.id()),
            );
            rest.retain(|it| it.id() != best.id() && !surplus.contains(&it.id()));
        }
        surplus
    }

    fn ownership(&mut self) {
        let begin = self.all.iter().find(|(_, it)| matches!(it.action(), Action::Create { .. }));
        let Some((mut grant, mut owner)) = begin.map(|(id, it)| (*id, it.author())) else { return };
        loop {
            let effective = self.effective();
            let good: Vec<OperationId> =
                self.all.keys().filter(|id| self.hands_on(id, &owner, &grant, &effective)).copied().collect();
            let oldest = good.iter().filter(|id| !good.iter().any(|other| self.known[*id].contains(other)));
            let Some(next) = oldest.min().copied() else { return };
            let Action::Transfer { household } = self.all[&next].action() else { return };
            (owner, grant) = (*household, next);
            self.chain.insert(next);
            let taken = self.takes(&next);
            self.void.extend(taken.difference(&self.chain));
        }
    }

    fn hands_on(&self, id: &OperationId, owner: &HouseholdId, grant: &OperationId, effective: &Ids) -> bool {
        let operation = &self.all[id];
        let Action::Transfer { household } = operation.action() else { return false };
        let before = &self.known[id];
        let replaced = self.all.iter().any(|(other, it)| {
            matches!(it.action(), Action::Renew { .. })
                && effective.contains(other)
                && it.author() == *owner
                && it.certificate().outranks(operation.certificate())
                && (before.contains(other) || self.beside(id, other))
        });
        let acted =
            self.all.iter().any(|(later, it)| it.author() == *household && self.known[later].contains(id));
        let left = self.all.iter().any(|(other, it)| {
            makes(it, household) == Some(Said::Gone)
                && it.author() != *owner
                && effective.contains(other)
                && self.beside(id, other)
        });
        operation.author() == *owner
            && household != owner
            && before.contains(grant)
            && !self.void.contains(id)
            && !self.chain.contains(id)
            && !replaced
            && self.said(household, before, effective).member().is_some()
            && (acted || !left)
    }

    fn removals(&mut self) {
        let mut open: BTreeMap<OperationId, Ids> = self
            .all
            .keys()
            .filter(|id| !self.chain.contains(id))
            .map(|id| (*id, self.takes(id)))
            .filter(|(_, taken)| !taken.is_empty())
            .collect();
        loop {
            let effective = self.effective();
            let live: Vec<OperationId> = open.keys().filter(|id| effective.contains(id)).copied().collect();
            let rank =
                |id: &OperationId| self.said(&self.all[id].author(), &self.known[id], &effective).member();
            let waits = |id: &OperationId| live.iter().any(|other| open[other].contains(id));
            let free: Vec<OperationId> = live.iter().filter(|id| !waits(id)).copied().collect();
            let of = if free.is_empty() { &live } else { &free };
            let Some(highest) = of.iter().map(rank).max() else { return };
            let mut next: Vec<OperationId> = of.iter().filter(|id| rank(id) == highest).copied().collect();
            if free.is_empty() {
                next.truncate(1);
            }
            let standing: Ids = next
                .iter()
                .filter(|id| !matches!(self.all[id].action(), Action::SetRole { .. }))
                .copied()
                .collect();
            self.stands.extend(&standing);
            let mut taken = Ids::new();
            for id in next {
                taken.extend(open.remove(&id).unwrap());
            }
            let lost: Vec<OperationId> =
                open.iter().filter(|(_, takes)| !takes.is_disjoint(&standing)).map(|(id, _)| *id).collect();
            for id in lost {
                open.remove(&id);
                taken.insert(id);
            }
            self.void.extend(taken.iter().filter(|id| !self.stands.contains(id) && !self.chain.contains(id)));
        }
    }
}
