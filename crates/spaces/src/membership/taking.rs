//! What an operation takes from others if it counts.

use heirloom_identity::{Action, HouseholdId, Role};

use super::{bits::Bits, evaluation::Evaluation};

/// Operations by what they do.
#[derive(Debug, Default)]
pub(super) struct Kinds {
    /// Those that give a role to somebody else: invitations and changes.
    gives: Bits,
    /// Those that take at least an admin.
    authority: Bits,
    leaves: Bits,
    /// Those that end the membership of the household that they are about.
    pub(super) ends: Bits,
    pub(super) transfers: Bits,
}

impl Kinds {
    pub(super) fn note(&mut self, place: usize, action: &Action) {
        match action {
            Action::Add { .. } | Action::SetRole { .. } => {
                self.gives.insert(place);
                self.authority.insert(place);
            }
            Action::Remove { .. } => {
                self.ends.insert(place);
                self.authority.insert(place);
            }
            Action::Leave { .. } => {
                self.ends.insert(place);
                self.leaves.insert(place);
            }
            Action::Transfer { .. } => {
                self.transfers.insert(place);
                self.authority.insert(place);
            }
            Action::Create { .. } | Action::Rekey(_) | Action::Renew { .. } => {}
        }
    }
}

impl Evaluation<'_> {
    /// Those of some operations that stand beside one.
    pub(super) fn beside(&self, place: usize, of: &Bits) -> Bits {
        let mut beside = of.clone();
        beside.subtract(self.ancestors(place));
        beside.subtract(&self.followers[place]);
        beside.remove(place);
        beside
    }

    /// What an operation takes from others if it counts. Only what stands beside it: what it follows its author accepted,
    /// and what follows it is judged by what it follows.
    pub(super) fn taken_away_by(&self, place: usize) -> Bits {
        let operation = self.operation(place);
        let author = operation.author();
        let nothing = Bits::default();
        let by = |household: &HouseholdId| self.by.get(household).unwrap_or(&nothing);
        let about = |household: &HouseholdId| self.about.get(household).unwrap_or(&nothing);
        let grade = self.operations.grade(place);
        match operation.action() {
            Action::Remove { household, .. } => {
                let mut taken = about(household).common(&self.kinds.gives);
                taken.unite(by(household));
                self.beside(place, &taken)
            }
            Action::Leave { .. } => {
                let newer = |other: &usize| self.operations.grade(*other) < grade;
                let own = self.beside(place, by(&author));
                let mut taken: Bits = own.iter().filter(|other| !newer(other)).collect();
                taken.unite(&self.beside(place, &about(&author).common(&self.kinds.gives)));
                taken
            }
            Action::SetRole { household, role, .. } if *role < Role::Admin => {
                self.beside(place, &by(household).common(&self.kinds.authority))
            }
            Action::Transfer { household } => {
                let mut deeds = self.kinds.authority.clone();
                deeds.unite(&self.kinds.leaves);
                let mut changes = self.kinds.gives.clone();
                changes.unite(&self.kinds.ends);
                let mut taken = by(&author).common(&deeds);
                taken.unite(&about(household).common(&changes));
                self.beside(place, &taken)
            }
            Action::Renew { .. } => {
                let older = |other: &usize| self.operations.grade(*other) > grade;
                self.beside(place, by(&author)).iter().filter(older).collect()
            }
            Action::Create { .. } | Action::Add { .. } | Action::SetRole { .. } | Action::Rekey(_) => nothing,
        }
    }
}
