//! Homes with keys made from a number, and an album whose operations name their parents by hand.

use heirloom_identity::{
    Action, Certificate, Cut, HouseholdId, NodeKeys, Operation, OperationId, ReceiveKey, Role, Root, SpaceId,
};
use heirloom_spaces::membership::{Membership, Operations, evaluate};

/// A home: its household's keys and those of one of its nodes.
#[derive(Clone)]
pub(crate) struct Home {
    pub(crate) certificate: Certificate,
    pub(crate) receive: ReceiveKey,
    keys: NodeKeys,
}

impl Home {
    pub(crate) fn new(number: u8) -> Self {
        Self::with_node(number, 1)
    }

    /// The home after it got a new node: the higher the generation the newer.
    pub(crate) fn with_node(number: u8, generation: u8) -> Self {
        let mut secrets = [generation; NodeKeys::BYTES];
        secrets[32..].fill(0x80 | generation);
        secrets[0] = number;
        secrets[63] = number;
        let keys = NodeKeys::from_bytes(&secrets);
        let authority = Root::from_bytes([number; 32]).authority();
        let node = (keys.node(), keys.signer().id());
        let certificate = Certificate::issue(&authority, u32::from(generation), node.0, node.1, 0).unwrap();
        Self { certificate, receive: ReceiveKey::from_bytes(&[number ^ (generation << 6); 32]), keys }
    }

    pub(crate) fn id(&self) -> HouseholdId {
        *self.certificate.household()
    }

    pub(crate) fn sign(
        &self,
        space: Option<SpaceId>,
        parents: &[OperationId],
        action: Action,
        at_ms: i64,
    ) -> Operation {
        Operation::sign(self.keys.signer(), &self.certificate, space, parents.to_vec(), action, at_ms)
            .unwrap()
    }

    pub(crate) fn create(&self) -> Operation {
        let action = Action::Create { nonce: [7; 16], receive: self.receive.public() };
        self.sign(None, &[], action, 0)
    }
}

pub(crate) fn add(home: &Home, role: Role) -> Action {
    Action::Add { household: home.id(), role, receive: home.receive.public(), accounts: Vec::new() }
}

pub(crate) fn set(home: &Home, role: Role) -> Action {
    Action::SetRole { household: home.id(), role, accounts: Vec::new() }
}

pub(crate) fn remove(home: &Home) -> Action {
    Action::Remove { household: home.id(), cut: Cut::default() }
}

pub(crate) fn leave() -> Action {
    Action::Leave { cut: Cut::default() }
}

pub(crate) fn transfer(home: &Home) -> Action {
    Action::Transfer { household: home.id() }
}

/// An album with all of its operations known, and who did what.
pub(crate) struct Album {
    pub(crate) operations: Operations,
    pub(crate) create: OperationId,
    pub(crate) owner: Home,
    clock: i64,
}

impl Album {
    /// Begun by home 0.
    pub(crate) fn new() -> Self {
        let owner = Home::new(0);
        let create = owner.create();
        let mut operations = Operations::new(create.space());
        let id = create.id();
        operations.insert(create);
        Self { operations, create: id, owner, clock: 0 }
    }

    /// Begun by home 0, which then invited homes 1, 2, … with these roles; the last of these operations comes along.
    pub(crate) fn with(roles: &[Role]) -> (Self, Vec<Home>, OperationId) {
        let mut album = Self::new();
        let homes: Vec<Home> = (0..).take(roles.len() + 1).map(Home::new).collect();
        let mut last = album.create;
        for (home, role) in homes[1..].iter().zip(roles) {
            last = album.by(&album.owner.clone(), &[last], add(home, *role));
        }
        (album, homes, last)
    }

    /// An operation that knows these, and what they follow.
    pub(crate) fn by(&mut self, home: &Home, parents: &[OperationId], action: Action) -> OperationId {
        self.clock += 1;
        let operation = home.sign(Some(self.operations.space()), parents, action, self.clock);
        let id = operation.id();
        self.operations.insert(operation);
        id
    }

    pub(crate) fn now(&self) -> Membership {
        evaluate(&self.operations)
    }

    pub(crate) fn role(&self, home: &Home) -> Option<Role> {
        self.now().role(&home.id())
    }

    pub(crate) fn counts(&self, operation: OperationId) -> bool {
        assert!(self.operations.contains(&operation), "the operation was taken");
        !self.now().ineffective.contains(&operation)
    }
}

/// Takes homes apart.
pub(crate) fn apart<const N: usize>(homes: &[Home]) -> [&Home; N] {
    homes.iter().collect::<Vec<_>>().try_into().ok().unwrap()
}
