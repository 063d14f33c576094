//! The operations of one album that this home knows: a graph that only grows.
//!
//! An operation is taken once everything it names as known is there; until then it waits in a small area of its own. What
//! is refused is refused by every home alike, because the reasons lie in the operation and its ancestors, never in the
//! order of arrival. The exception are the limits of how many there may be: by one household, and in all. What comes past
//! them is *parked*: it isn't taken, until an operation of another household that there is room for names it.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet, HashMap, VecDeque},
};

use heirloom_identity::{Action, CertificateId, HouseholdId, Operation, OperationId, Role, SpaceId};
use thiserror::Error;

use super::bits::Bits;

/// How many operations an album may have. One that is full is copied into a new album.
pub const OPERATIONS_MAX: usize = 8192;
/// How many operations wait for others that they name; the one that waited longest gives way.
pub const PENDING_MAX: usize = 256;
/// How many operations one household may have that nobody made an admin.
pub const HOUSEHOLD_OPERATIONS_MAX: usize = 512;
/// How many operations a household may have that the owner made an admin.
const ADMIN_OPERATIONS_MAX: usize = 1024;
/// So many places at the end are for admins and the owner, and so many of these for the owner alone.
const RESERVED: usize = 2048;
const RESERVED_FOR_OWNER: usize = 1024;
/// How many operations past a limit are held in case somebody names them; twice as many if somebody does.
const PARKED_MAX: usize = 1024;

/// Why an operation will never be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Unfit {
    /// It belongs elsewhere, or begins another album.
    #[error("the membership operation belongs to another album")]
    OtherSpace,
    /// Nothing that it follows invited its author.
    #[error("nothing that the membership operation follows invited its author's household")]
    NeverInvited,
    /// There are as many by its household as there may be.
    #[error("the album has as many membership operations by this home as there may be")]
    TooMany,
    /// The places that are left are for admins and the owner.
    #[error("what room the album has for membership operations is kept for those who run it")]
    Reserved,
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
    /// Which operations let a household in, made it an admin, made it the owner.
    invitations: HashMap<HouseholdId, Bits>,
    admins: HashMap<HouseholdId, Bits>,
    owners: HashMap<HouseholdId, Bits>,
    counts: HashMap<HouseholdId, usize>,
    pending: VecDeque<Operation>,
    /// In the order of arrival, so each after what it follows.
    parked: BTreeMap<u64, Parked>,
    parked_places: HashMap<OperationId, u64>,
    parked_ever: u64,
}

/// What an author may be at most, by what its operation follows: whatever was removed or is void left aside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Authority {
    Nothing,
    Admin,
    Owner,
}

/// Certificates of one household in the order in which they outrank each other.
pub(super) type Grade = (Reverse<u32>, CertificateId);

/// A taken operation and the places of all that it follows, directly or not.
#[derive(Debug, Clone)]
struct Node {
    operation: Operation,
    ancestors: Bits,
    parents: Vec<usize>,
    authority: Authority,
    grade: Grade,
}

/// An operation past a limit, and the taken ones that it follows.
#[derive(Debug, Clone)]
struct Parked {
    operation: Operation,
    known: Bits,
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
            admins: HashMap::new(),
            owners: HashMap::new(),
            counts: HashMap::new(),
            pending: VecDeque::new(),
            parked: BTreeMap::new(),
            parked_places: HashMap::new(),
            parked_ever: 0,
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
        if self.parked_places.contains_key(&id) {
            let room = self.room(&operation, 0, 0, Authority::Nothing);
            return Inserted::Refused(room.err().unwrap_or(Unfit::TooMany));
        }
        if !self.knows_parents(&operation) {
            self.wait(operation);
            return Inserted::Pending;
        }
        let mut added = Vec::new();
        let taken = self.take(operation, &mut added);
        self.release(&mut added);
        match taken {
            Err(unfit) if added.is_empty() => Inserted::Refused(unfit),
            _ => Inserted::Added(added),
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
            named.filter(|id| !self.is_here(id) && !waiting.contains(id)).copied().collect();
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

    pub(super) fn parents(&self, place: usize) -> &[usize] {
        &self.nodes[place].parents
    }

    pub(super) fn authority(&self, place: usize) -> Authority {
        self.nodes[place].authority
    }

    pub(super) fn grade(&self, place: usize) -> Grade {
        self.nodes[place].grade
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

    fn is_here(&self, id: &OperationId) -> bool {
        self.contains(id) || self.parked_places.contains_key(id)
    }

    fn knows_parents(&self, operation: &Operation) -> bool {
        operation.parents().iter().all(|parent| self.is_here(parent))
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

    /// Takes an operation whose parents are taken or parked, and with it the parked ones that it follows; or parks it.
    fn take(&mut self, operation: Operation, added: &mut Vec<OperationId>) -> Result<(), Unfit> {
        let known = self.known_by(&operation);
        self.check_invited(&operation, &known)?;
        let authority = self.authority_by(&operation, &known);
        let author = operation.author();
        let fits = self.room(&operation, 0, 0, authority).and_then(|()| {
            let company = self.company(&operation);
            let own = company.iter().filter(|at| self.parked[at].operation.author() == author).count();
            self.room(&operation, own, company.len(), authority).map(|()| company)
        });
        match fits {
            Err(unfit) => {
                self.park(operation, known);
                Err(unfit)
            }
            Ok(company) => {
                for parked in company.iter().filter_map(|at| self.parked.remove(at)).collect::<Vec<_>>() {
                    self.parked_places.remove(&parked.operation.id());
                    self.push(parked.operation, added);
                }
                self.push(operation, added);
                Ok(())
            }
        }
    }

    fn push(&mut self, operation: Operation, added: &mut Vec<OperationId>) {
        let ancestors =
            self.scope(operation.parents()).expect("parents are known before an operation is taken");
        let (id, place) = (operation.id(), self.nodes.len());
        let authority = self.authority_by(&operation, &ancestors);
        for parent in operation.parents() {
            self.heads.remove(parent);
        }
        self.heads.insert(id);
        self.note_rights(&operation, authority, place);
        *self.counts.entry(operation.author()).or_default() += 1;
        self.places.insert(id, place);
        let parents = operation.parents().iter().filter_map(|parent| self.place(parent)).collect();
        let certificate = operation.certificate();
        let grade = (Reverse(certificate.generation()), certificate.id());
        self.nodes.push(Node { operation, ancestors, parents, authority, grade });
        added.push(id);
    }

    /// Remembers whom an operation may let in or raise. Only admins let in, and only owners make admins and owners.
    fn note_rights(&mut self, operation: &Operation, authority: Authority, place: usize) {
        let (household, role) = match operation.action() {
            Action::Create { .. } => (operation.author(), Role::Owner),
            Action::Transfer { household } => (*household, Role::Owner),
            Action::Add { household, role, .. } | Action::SetRole { household, role, .. } => {
                (*household, (*role).min(Role::Admin))
            }
            Action::Remove { .. } | Action::Leave { .. } | Action::Rekey(_) | Action::Renew { .. } => return,
        };
        let creates = matches!(operation.action(), Action::Create { .. });
        if creates || (matches!(operation.action(), Action::Add { .. }) && authority >= Authority::Admin) {
            self.invitations.entry(household).or_default().insert(place);
        }
        if creates || authority == Authority::Owner {
            if role >= Role::Admin {
                self.admins.entry(household).or_default().insert(place);
            }
            if role == Role::Owner {
                self.owners.entry(household).or_default().insert(place);
            }
        }
    }

    /// The taken ones that an operation follows, as far as they are known through its parents.
    fn known_by(&self, operation: &Operation) -> Bits {
        let mut known = Bits::default();
        for parent in operation.parents() {
            if let Some(place) = self.place(parent) {
                known.unite(self.ancestors(place));
                known.insert(place);
            } else if let Some(parked) = self.parked_places.get(parent).and_then(|at| self.parked.get(at)) {
                known.unite(&parked.known);
            }
        }
        known
    }

    fn authority_by(&self, operation: &Operation, known: &Bits) -> Authority {
        let author = operation.author();
        let among = |grants: &HashMap<HouseholdId, Bits>| {
            grants.get(&author).is_some_and(|places| places.meets(known))
        };
        if matches!(operation.action(), Action::Create { .. }) || among(&self.owners) {
            Authority::Owner
        } else if among(&self.admins) {
            Authority::Admin
        } else {
            Authority::Nothing
        }
    }

    /// Whether there is room for an operation and so many parked ones, some of them by its author.
    fn room(&self, operation: &Operation, own: usize, company: usize, of: Authority) -> Result<(), Unfit> {
        let (most_own, most) = match of {
            Authority::Nothing => (HOUSEHOLD_OPERATIONS_MAX, OPERATIONS_MAX - RESERVED),
            Authority::Admin => (ADMIN_OPERATIONS_MAX, OPERATIONS_MAX - RESERVED_FOR_OWNER),
            Authority::Owner => (OPERATIONS_MAX, OPERATIONS_MAX),
        };
        let counted = self.counts.get(&operation.author()).copied().unwrap_or_default();
        match self.count() + company {
            count if count >= OPERATIONS_MAX => Err(Unfit::Full),
            _ if counted + own >= most_own => Err(Unfit::TooMany),
            count if count >= most => Err(Unfit::Reserved),
            _ => Ok(()),
        }
    }

    /// The parked ones that an operation follows.
    fn company(&self, operation: &Operation) -> BTreeSet<u64> {
        let mut company = BTreeSet::new();
        let mut rest: Vec<OperationId> = operation.parents().to_vec();
        while let Some(id) = rest.pop() {
            if let Some(at) = self.parked_places.get(&id)
                && let Some(parked) = self.parked.get(at)
                && company.insert(*at)
            {
                rest.extend(parked.operation.parents());
            }
        }
        company
    }

    fn park(&mut self, operation: Operation, known: Bits) {
        let (id, author) = (operation.id(), operation.author());
        let wanted = || {
            let others = self.pending.iter().filter(|waiting| waiting.author() != author);
            others.flat_map(|waiting| waiting.parents()).any(|parent| *parent == id)
        };
        let most = if self.parked.len() >= PARKED_MAX && wanted() { 2 * PARKED_MAX } else { PARKED_MAX };
        if self.parked.len() < most && self.count() < OPERATIONS_MAX {
            self.parked_ever += 1;
            self.parked.insert(self.parked_ever, Parked { operation, known });
            self.parked_places.insert(id, self.parked_ever);
        }
    }

    /// A household that none of an operation's ancestors names can't have any part in the album, nor one that was named by
    /// somebody who never could invite; its operations aren't even kept. Nobody honest follows them, so nothing is lost
    /// behind them.
    fn check_invited(&self, operation: &Operation, known: &Bits) -> Result<(), Unfit> {
        if matches!(operation.action(), Action::Create { .. }) {
            // The space is made from the id of its Create, so there is one.
            return Ok(());
        }
        let invited = self.invitations.get(&operation.author());
        if invited.is_some_and(|places| places.meets(known)) { Ok(()) } else { Err(Unfit::NeverInvited) }
    }

    fn release(&mut self, added: &mut Vec<OperationId>) {
        while let Some(at) = self.pending.iter().position(|waiting| self.knows_parents(waiting)) {
            let Some(operation) = self.pending.remove(at) else { return };
            match self.take(operation, added) {
                // What is refused here is parked or gone, as if it had come now.
                Ok(()) | Err(_) => {}
            }
        }
    }
}
