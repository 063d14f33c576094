//! Which envelopes count: the part of the answer that membership gives.
//!
//! The rest of it, that a change which a change that counts builds on counts too, belongs to whoever knows the documents.

use std::collections::HashMap;

use heirloom_identity::{Action, Cut, CutEntry, EnvelopeHash, HouseholdId, OperationId, Role, StreamKey};

use super::{bits::Bits, evaluation::Evaluation, operations::Operations};

/// What an envelope says about itself.
#[derive(Debug, Clone, Copy)]
pub struct Authored<'a> {
    /// Whose certificate its stream has.
    pub household: HouseholdId,
    /// The newest operations that its author knew.
    pub heads: &'a [OperationId],
    /// Its stream.
    pub stream: StreamKey,
    /// Its number there.
    pub seq: u64,
    /// Its hash.
    pub hash: EnvelopeHash,
}

/// Whether an envelope counts by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It does.
    Counts,
    /// It names operations that aren't known yet.
    Unknown,
    /// By the operations it names its author hadn't the role.
    NoRole,
    /// Its author was removed by this operation, didn't know it, and the remover didn't know the envelope.
    BeyondCut(OperationId),
}

/// One evaluation, to ask about many envelopes. Made anew when an operation was added.
pub struct Admission<'a> {
    evaluation: Evaluation<'a>,
    removals: HashMap<HouseholdId, Vec<(usize, &'a Cut)>>,
    known_by: HashMap<Vec<OperationId>, Option<Bits>>,
}

impl<'a> Admission<'a> {
    /// Evaluates all operations.
    pub fn new(operations: &'a Operations) -> Self {
        let evaluation = Evaluation::new(operations, (0..operations.count()).collect());
        let mut removals: HashMap<HouseholdId, Vec<(usize, &Cut)>> = HashMap::new();
        for place in evaluation.effective.iter() {
            let operation = operations.operation(place);
            let (household, cut) = match operation.action() {
                Action::Remove { household, cut } => (*household, cut),
                Action::Leave { cut } => (operation.author(), cut),
                _ => continue,
            };
            removals.entry(household).or_default().push((place, cut));
        }
        Self { evaluation, removals, known_by: HashMap::new() }
    }

    /// The role a household had for somebody who knew these operations, without those that have no effect. `None` when
    /// it was no member, and when an operation is unknown.
    pub fn role_at(&mut self, heads: &[OperationId], household: &HouseholdId) -> Option<Role> {
        let (evaluation, known) = self.knowledge(heads);
        evaluation.standing(household, known?).role()
    }

    /// Whether an envelope counts by itself. `needed` is the role that its document takes; `leads_to` says whether the
    /// envelope lies on the branch of its stream that ends in a cut's entry, and is asked only about entries of that
    /// stream with a higher number.
    pub fn admit(
        &mut self,
        authored: &Authored<'_>,
        needed: Role,
        leads_to: impl Fn(&CutEntry) -> bool,
    ) -> Verdict {
        let removals = self.removals.get(&authored.household).cloned().unwrap_or_default();
        let (evaluation, known) = self.knowledge(authored.heads);
        let Some(known) = known else { return Verdict::Unknown };
        if evaluation.standing(&authored.household, known).role() < Some(needed) {
            return Verdict::NoRole;
        }
        // Who knew a removal and had a role all the same had been invited again.
        let unknown = removals.iter().filter(|(place, _)| !known.contains(*place));
        let within = |cut: &Cut| cut.0.iter().any(|entry| reaches(entry, authored, &leads_to));
        match unknown
            .filter(|(_, cut)| !within(cut))
            .map(|(place, _)| evaluation.operation(*place).id())
            .min()
        {
            Some(removal) => Verdict::BeyondCut(removal),
            None => Verdict::Counts,
        }
    }

    fn knowledge(&mut self, heads: &[OperationId]) -> (&Evaluation<'a>, Option<&Bits>) {
        if !self.known_by.contains_key(heads) {
            let known = self.evaluation.operations.scope(heads);
            self.known_by.insert(heads.to_vec(), known);
        }
        (&self.evaluation, self.known_by[heads].as_ref())
    }
}

fn reaches(entry: &CutEntry, authored: &Authored<'_>, leads_to: &impl Fn(&CutEntry) -> bool) -> bool {
    entry.stream == authored.stream
        && match entry.seq.cmp(&authored.seq) {
            std::cmp::Ordering::Less => false,
            std::cmp::Ordering::Equal => entry.hash == authored.hash,
            std::cmp::Ordering::Greater => leads_to(entry),
        }
}
