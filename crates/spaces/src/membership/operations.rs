//! The operations of one album that this home knows: a graph that only grows.
//!
//! An operation is taken once everything it names as known is there; until then it waits in a small area of its own. What
//! is refused is refused by every home alike, because the reasons lie in the operation and its ancestors, never in the
//! order of arrival. The one exception is the limit of the whole graph.

use std::collections::{BTreeSet, HashMap, VecDeque};

use heirloom_identity::{Action, HouseholdId, Operation, OperationId, SpaceId};
use thiserror::Error;

use super::bits::Bits;

/// How many operations an album may have. One that is full is copied into a new album.
pub const OPERATIONS_MAX: usize = 8192;
/// How many operations wait for others that they name; the one that waited longest gives way.
pub const PENDING_MAX: usize = 256;

/// Why an operation will never be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Unfit {
    /// It belongs elsewhere, or begins another album.
    #[error("the membership operation belongs to another album")]
    OtherSpace,
    /// Nothing that it follows invited its author.
    #[error("nothing that the membership operation follows invited its author's household")]
    NeverInvited,
    /// There are [`OPERATIONS_MAX`].
    #[error("the album has {OPERATIONS_MAX} membership operations, which is as many as there may be")]
    Full,
}

/// What became of an operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Inserted {
    /// It was taken; with it the waiting ones that it released, ancestors first.
    Added(Vec<OperationId>),
    /// It was there already.
    Known,
    /// It waits for operations that it names; see [`Operations::missing_parents`].
    Pending,
    /// It won't be taken.
    Refused(Unfit),
}

/// The operations of one album, each after everything that it follows.
#[derive(Debug, Clone)]
pub struct Operations {
    space: SpaceId,
    nodes: Vec<Node>,
    places: HashMap<OperationId, usize>,
    heads: BTreeSet<OperationId>,
    invitations: HashMap<HouseholdId, Bits>,
    pending: VecDeque<Operation>,
}

/// A taken operation and the places of all that it follows, directly or not.
#[derive(Debug, Clone)]
struct Node {
    operation: Operation,
    ancestors: Bits,
}

impl Operations {
    /// An album of which nothing is known but its id.
    pub fn new(space: SpaceId) -> Self {
        Self {
            space,
            nodes: Vec::new(),
            places: HashMap::new(),
            heads: BTreeSet::new(),
            invitations: HashMap::new(),
            pending: VecDeque::new(),
        }
    }

    /// Takes an operation, or lets it wait, or says why not.
    pub fn insert(&mut self, operation: Operation) -> Inserted {
        if operation.space() != self.space {
            return Inserted::Refused(Unfit::OtherSpace);
        }
        let id = operation.id();
        if self.contains(&id) {
            return Inserted::Known;
        }
        if !self.knows_parents(&operation) {
            self.wait(operation);
            return Inserted::Pending;
        }
        match self.take(operation) {
            Err(unfit) => Inserted::Refused(unfit),
            Ok(()) => {
                let mut added = vec![id];
                self.release(&mut added);
                Inserted::Added(added)
            }
        }
    }

    /// The album's space.
    pub fn space(&self) -> SpaceId {
        self.space
    }

    /// Whether the operation was taken.
    pub fn contains(&self, id: &OperationId) -> bool {
        self.places.contains_key(id)
    }

    /// A taken operation.
    pub fn get(&self, id: &OperationId) -> Option<&Operation> {
        self.place(id).map(|place| self.operation(place))
    }

    /// The operations that no other follows, sorted.
    pub fn heads(&self) -> Vec<OperationId> {
        self.heads.iter().copied().collect()
    }

    /// All operations, each after everything it follows.
    pub fn ids(&self) -> impl Iterator<Item = OperationId> {
        self.nodes.iter().map(|node| node.operation.id())
    }

    /// How many were taken.
    pub fn count(&self) -> usize {
        self.nodes.len()
    }

    /// What waiting operations name and nobody brought, sorted.
    pub fn missing_parents(&self) -> Vec<OperationId> {
        let waiting: BTreeSet<OperationId> = self.pending.iter().map(Operation::id).collect();
        let named = self.pending.iter().flat_map(|operation| operation.parents());
        let missing: BTreeSet<OperationId> =
            named.filter(|id| !self.contains(id) && !waiting.contains(id)).copied().collect();
        missing.into_iter().collect()
    }

    /// Whether `later` follows `earlier`, directly or not. False for one and the same, and for unknown ones.
    pub fn is_ancestor(&self, earlier: &OperationId, later: &OperationId) -> bool {
        match (self.place(earlier), self.place(later)) {
            (Some(earlier), Some(later)) => self.ancestors(later).contains(earlier),
            _ => false,
        }
    }

    /// The operations that no other of these follows, and everything these follow. `None` when one is unknown.
    pub(super) fn scope(&self, heads: &[OperationId]) -> Option<Bits> {
        let mut scope = Bits::default();
        for head in heads {
            let place = self.place(head)?;
            scope.unite(self.ancestors(place));
            scope.insert(place);
        }
        Some(scope)
    }

    pub(super) fn place(&self, id: &OperationId) -> Option<usize> {
        self.places.get(id).copied()
    }

    pub(super) fn operation(&self, place: usize) -> &Operation {
        &self.nodes[place].operation
    }

    pub(super) fn ancestors(&self, place: usize) -> &Bits {
        &self.nodes[place].ancestors
    }

    /// Neither follows the other, and they are two.
    pub(super) fn concurrent(&self, one: usize, other: usize) -> bool {
        one != other && !self.ancestors(one).contains(other) && !self.ancestors(other).contains(one)
    }

    /// Of these, the ones that no other of these follows.
    pub(super) fn newest(&self, of: &Bits) -> Vec<usize> {
        let mut rest = of.clone();
        let mut newest = Vec::new();
        // Places ascend with time, so the highest that is left is followed by none that is left.
        while let Some(place) = rest.highest() {
            newest.push(place);
            rest.remove(place);
            rest.subtract(self.ancestors(place));
        }
        newest
    }

    fn knows_parents(&self, operation: &Operation) -> bool {
        operation.parents().iter().all(|parent| self.contains(parent))
    }

    fn wait(&mut self, operation: Operation) {
        if self.pending.iter().any(|waiting| waiting.id() == operation.id()) {
            return;
        }
        if self.pending.len() == PENDING_MAX {
            self.pending.pop_front();
        }
        self.pending.push_back(operation);
    }

    fn take(&mut self, operation: Operation) -> Result<(), Unfit> {
        if self.nodes.len() == OPERATIONS_MAX {
            return Err(Unfit::Full);
        }
        let ancestors =
            self.scope(operation.parents()).expect("parents are known before an operation is taken");
        self.check_invited(&operation, &ancestors)?;
        let (id, place) = (operation.id(), self.nodes.len());
        for parent in operation.parents() {
            self.heads.remove(parent);
        }
        self.heads.insert(id);
        if let Some(household) = invited(&operation) {
            self.invitations.entry(household).or_default().insert(place);
        }
        self.places.insert(id, place);
        self.nodes.push(Node { operation, ancestors });
        Ok(())
    }

    /// A household that none of an operation's ancestors names can't have any part in the album; its operations aren't
    /// even kept. Nobody honest follows them, so nothing is lost behind them.
    fn check_invited(&self, operation: &Operation, ancestors: &Bits) -> Result<(), Unfit> {
        if matches!(operation.action(), Action::Create { .. }) {
            // The space is made from the id of its Create, so there is one.
            return Ok(());
        }
        let invited = self.invitations.get(&operation.author());
        if invited.is_some_and(|places| places.meets(ancestors)) { Ok(()) } else { Err(Unfit::NeverInvited) }
    }

    fn release(&mut self, added: &mut Vec<OperationId>) {
        while let Some(at) = self.pending.iter().position(|waiting| self.knows_parents(waiting)) {
            let Some(operation) = self.pending.remove(at) else { return };
            let id = operation.id();
            if self.take(operation).is_ok() {
                added.push(id);
            }
        }
    }
}

/// Whom an operation brings in.
fn invited(operation: &Operation) -> Option<HouseholdId> {
    match operation.action() {
        Action::Create { .. } => Some(operation.author()),
        Action::Add { household, .. } => Some(*household),
        Action::SetRole { .. }
        | Action::Remove { .. }
        | Action::Leave { .. }
        | Action::Transfer { .. }
        | Action::Rekey(_)
        | Action::Renew { .. } => None,
    }
}
