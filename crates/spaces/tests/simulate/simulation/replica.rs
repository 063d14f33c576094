//! One home's copy of an album: operations, secrets and sealed letters. A letter is an envelope whose content nobody
//! needs: what matters is whether it arrives, counts, and who can open it.

use std::{
    collections::{BTreeMap, BTreeSet},
    rc::Rc,
};

use heirloom_identity::{
    AccountId, Action, Certificate, Content, CutEntry, Envelope, EnvelopeHash, EpochId, EpochSecret, Header,
    HouseholdId, NodeKeys, Operation, OperationId, ReceiveKey, Rekey, Root, SpaceId, StreamId, StreamKey,
};
use heirloom_spaces::membership::{Inserted, Membership, Operations, evaluate, next_parents, plan_rekey};

use super::chance::Chance;

/// A new epoch may find that others began one meanwhile; so many tries are always enough.
const REKEYS_MAX: usize = 8;

/// A household's keys.
pub(crate) struct Keys {
    pub(crate) certificate: Certificate,
    node: NodeKeys,
}

impl Keys {
    pub(crate) fn new(number: u8) -> Self {
        let mut secrets = [number; NodeKeys::BYTES];
        secrets[0] ^= 0x55;
        let node = NodeKeys::from_bytes(&secrets);
        let authority = Root::from_bytes([number; 32]).authority();
        let certificate = Certificate::issue(&authority, 1, node.node(), node.signer().id(), 0)
            .expect("the node has two keys");
        Self { certificate, node }
    }

    pub(crate) fn sign(
        &self,
        space: Option<SpaceId>,
        parents: Vec<OperationId>,
        action: Action,
        at_ms: i64,
    ) -> Operation {
        Operation::sign(self.node.signer(), &self.certificate, space, parents, action, at_ms)
            .expect("the simulator makes operations of the right shape")
    }
}

/// What goes from one home to another.
#[derive(Clone)]
pub(crate) enum Message {
    /// What the sender has, and whether it wants to hear the same.
    Have {
        operations: BTreeSet<OperationId>,
        letters: BTreeSet<EnvelopeHash>,
        epochs: BTreeSet<EpochId>,
        answer: bool,
    },
    /// What the receiver lacks.
    Give { operations: Vec<Operation>, letters: Vec<Rc<Envelope>>, wraps: Vec<(EpochId, Vec<u8>)> },
}

/// Everything that a home keeps of an album.
#[derive(Clone)]
pub(crate) struct State {
    pub(crate) operations: Operations,
    pub(crate) now: Membership,
    pub(crate) secrets: BTreeMap<EpochId, EpochSecret>,
    pub(crate) letters: BTreeMap<EnvelopeHash, Rc<Envelope>>,
    receive: Vec<ReceiveKey>,
    stream: StreamKey,
    seq: u64,
    prev: EnvelopeHash,
}

/// A home: what it works with, and what is safely on its disk.
pub(crate) struct Replica {
    pub(crate) keys: Keys,
    pub(crate) state: State,
    disk: State,
    /// How far its clock is off.
    pub(crate) skew_ms: i64,
}

impl Replica {
    /// A home that heard of an album and knows nothing of it yet.
    pub(crate) fn new(number: u8, space: SpaceId, chance: &mut Chance) -> Self {
        let keys = Keys::new(number);
        let operations = Operations::new(space);
        let stream = StreamKey {
            certificate: keys.certificate.id(),
            incarnation: StreamId::from_bytes(chance.bytes()),
        };
        let state = State {
            now: evaluate(&operations),
            operations,
            secrets: BTreeMap::new(),
            letters: BTreeMap::new(),
            receive: vec![ReceiveKey::from_bytes(&chance.bytes())],
            stream,
            seq: 0,
            prev: EnvelopeHash::NONE,
        };
        let skew_ms = i64::try_from(chance.next() % 1_000_000_000_000).unwrap_or(0) - 500_000_000_000;
        Self { keys, disk: state.clone(), state, skew_ms }
    }

    pub(crate) fn id(&self) -> HouseholdId {
        *self.keys.certificate.household()
    }

    pub(crate) fn receive_key(&self) -> &ReceiveKey {
        &self.state.receive[0]
    }

    pub(crate) fn receive_keys(&self) -> Vec<ReceiveKey> {
        self.state.receive.clone()
    }

    /// What is known now survives a crash from here on.
    pub(crate) fn persist(&mut self) {
        self.disk = self.state.clone();
    }

    pub(crate) fn crash(&mut self) {
        self.state = self.disk.clone();
    }

    pub(crate) fn copy_of_disk(&self) -> State {
        self.disk.clone()
    }

    /// An old copy of the disk is put back. Keys that the home made since are lost with it.
    pub(crate) fn restore(&mut self, copy: State) {
        self.state = copy;
        self.persist();
    }

    /// Makes an operation that follows all that counts, keeps it, and says which.
    pub(crate) fn act(&mut self, action: Action) -> OperationId {
        let parents = next_parents(&self.state.operations, &self.state.now, &self.id());
        self.act_after(parents, action)
    }

    /// The same with parents of one's choice.
    pub(crate) fn act_after(&mut self, parents: Vec<OperationId>, action: Action) -> OperationId {
        let operation = self.keys.sign(Some(self.state.operations.space()), parents, action, self.skew_ms);
        let id = operation.id();
        self.take_operations(vec![operation]);
        self.persist();
        id
    }

    /// An old disk that was put back may lack the receive key that the home told the others of: then it says which one it
    /// has.
    pub(crate) fn mend(&mut self) {
        let Some(member) = self.state.now.members.get(&self.id()) else { return };
        if self.state.receive.iter().all(|key| key.public() != member.receive) {
            self.act(Action::Renew { receive: self.state.receive[0].public() });
        }
    }

    /// Begins with a new receive key.
    pub(crate) fn renew(&mut self, chance: &mut Chance) -> OperationId {
        let key = ReceiveKey::from_bytes(&chance.bytes());
        let receive = key.public();
        self.state.receive.insert(0, key);
        self.act(Action::Renew { receive })
    }

    /// Writes a letter as an honest home does: never under a secret that somebody has who is known to be out.
    pub(crate) fn write(&mut self, chance: &mut Chance) -> Result<Rc<Envelope>, String> {
        self.mend();
        for _ in 0..REKEYS_MAX {
            let epoch = self.state.now.writing_epoch(&self.state.operations);
            if let Some(secret) = epoch.and_then(|id| self.state.secrets.get(&id)).cloned() {
                let heads = next_parents(&self.state.operations, &self.state.now, &self.id());
                return Ok(self.seal(&secret, heads, chance));
            }
            let State { operations, now, secrets, .. } = &self.state;
            let epoch = plan_rekey(operations, now, secrets, &mut |bytes| chance.fill(bytes));
            self.state.secrets.insert(epoch.secret.id(), epoch.secret);
            self.act(Action::Rekey(epoch.rekey));
        }
        Err(format!("{} new epochs, and still none to write under", REKEYS_MAX))
    }

    /// Writes a letter under this secret that names these operations as known.
    pub(crate) fn seal(
        &mut self,
        secret: &EpochSecret,
        heads: Vec<OperationId>,
        chance: &mut Chance,
    ) -> Rc<Envelope> {
        let State { stream, seq, prev, .. } = &mut self.state;
        *seq += 1;
        let header =
            Header { space: self.disk.operations.space(), stream: *stream, seq: *seq, prev: *prev, heads };
        let content = Content {
            account: AccountId::from_bytes(chance.bytes()),
            document: "talk".parse().expect("a document's name"),
            change: chance.bytes::<16>().to_vec(),
            at_ms: self.skew_ms,
        };
        let letter = Envelope::seal(self.keys.node.signer(), &header, secret, &content, chance.bytes())
            .expect("the simulator seals letters of the right shape");
        *prev = letter.hash();
        let letter = Rc::new(letter);
        self.state.letters.insert(letter.hash(), letter.clone());
        self.persist();
        letter
    }

    /// The newest letters of every stream and branch, with their authors.
    pub(crate) fn ends(&self, homes: &BTreeMap<StreamKey, HouseholdId>) -> Vec<(HouseholdId, CutEntry)> {
        let letters = self.state.letters.values();
        let followed: BTreeSet<EnvelopeHash> = letters.clone().map(|letter| letter.prev()).collect();
        let ends = letters.filter(|letter| !followed.contains(&letter.hash()));
        let entry = |letter: &Rc<Envelope>| {
            let entry = CutEntry { stream: letter.stream(), seq: letter.seq(), hash: letter.hash() };
            Some((*homes.get(&letter.stream())?, entry))
        };
        ends.filter_map(entry).collect()
    }

    pub(crate) fn stream(&self) -> StreamKey {
        self.state.stream
    }

    pub(crate) fn have(&self, answer: bool) -> Message {
        Message::Have {
            operations: self.state.operations.ids().collect(),
            letters: self.state.letters.keys().copied().collect(),
            epochs: self.state.secrets.keys().copied().collect(),
            answer,
        }
    }

    /// Takes a message; `shares_anyway` is what a home does that cares for nobody's removal.
    pub(crate) fn receive(
        &mut self,
        from: &HouseholdId,
        message: Message,
        shares_anyway: bool,
        chance: &mut Chance,
    ) -> Vec<Message> {
        match message {
            Message::Give { operations, letters, wraps } => {
                self.take_operations(operations);
                self.take_wraps(&wraps);
                self.take_letters(letters, chance);
                Vec::new()
            }
            Message::Have { operations, letters, epochs, answer } => {
                let give = self.give(from, &operations, &letters, &epochs, shares_anyway, chance);
                let have = answer.then(|| self.have(false));
                give.into_iter().chain(have).collect()
            }
        }
    }

    /// A member gets everything; who was removed gets the operations up to that, so that it learns of it.
    fn give(
        &self,
        to: &HouseholdId,
        operations: &BTreeSet<OperationId>,
        letters: &BTreeSet<EnvelopeHash>,
        epochs: &BTreeSet<EpochId>,
        shares_anyway: bool,
        chance: &mut Chance,
    ) -> Option<Message> {
        let State { operations: all, now, .. } = &self.state;
        let member = now.members.get(to);
        let everything = member.is_some() || shares_anyway;
        let removals: Vec<OperationId> =
            now.removals.iter().filter(|it| it.household == *to).map(|it| it.operation).collect();
        let shown =
            |id: &OperationId| everything || removals.iter().any(|end| end == id || all.is_ancestor(id, end));
        let lacks = all.ids().filter(|id| !operations.contains(id) && shown(id));
        let operations: Vec<Operation> = lacks.filter_map(|id| all.get(&id).cloned()).collect();
        let lacks = self.state.letters.values().filter(|it| everything && !letters.contains(&it.hash()));
        let letters: Vec<Rc<Envelope>> = lacks.cloned().collect();
        let wrap = |(id, secret): (&EpochId, &EpochSecret)| {
            let sealed = secret.wrap(&all.space(), &member?.receive, chance.bytes()).ok()?;
            Some((*id, sealed))
        };
        // Most secrets come with the operations that began their epochs; the others are asked for after those.
        let up_to_date = operations.is_empty();
        let lacks = self.state.secrets.iter().filter(|(id, _)| up_to_date && !epochs.contains(id));
        let wraps: Vec<(EpochId, Vec<u8>)> = lacks.filter_map(wrap).collect();
        let empty = operations.is_empty() && letters.is_empty() && wraps.is_empty();
        (!empty).then_some(Message::Give { operations, letters, wraps })
    }

    pub(crate) fn take_operations(&mut self, operations: Vec<Operation>) {
        let mut added = false;
        for operation in operations {
            added |= matches!(self.state.operations.insert(operation), Inserted::Added(_));
        }
        if added {
            self.state.now = evaluate(&self.state.operations);
            let secrets =
                openable(&self.state.operations, &self.state.receive, &self.id(), &self.state.secrets);
            self.state.secrets = secrets;
        }
    }

    fn take_wraps(&mut self, wraps: &[(EpochId, Vec<u8>)]) {
        let space = self.state.operations.space();
        for (id, sealed) in wraps {
            let opened = |key| EpochSecret::unwrap_with(&space, key, id, sealed).ok();
            if let Some(secret) = self.state.receive.iter().find_map(opened) {
                self.state.secrets.insert(*id, secret);
            }
        }
    }

    /// A home that is shown a letter of its own stream that it doesn't have was put back to an old state, and begins a
    /// new stream before it writes again.
    fn take_letters(&mut self, letters: Vec<Rc<Envelope>>, chance: &mut Chance) {
        for letter in letters {
            let own = letter.stream() == self.state.stream;
            if self.state.letters.insert(letter.hash(), letter).is_none() && own {
                self.state.stream.incarnation = StreamId::from_bytes(chance.bytes());
                (self.state.seq, self.state.prev) = (0, EnvelopeHash::NONE);
            }
        }
    }
}

/// All secrets that come out of these operations with these keys, beside those that are known.
pub(crate) fn openable(
    operations: &Operations,
    keys: &[ReceiveKey],
    household: &HouseholdId,
    known: &BTreeMap<EpochId, EpochSecret>,
) -> BTreeMap<EpochId, EpochSecret> {
    let space = operations.space();
    let mut secrets = known.clone();
    let rekey = |id: OperationId| match operations.get(&id)?.action() {
        Action::Rekey(rekey) => Some(rekey),
        _ => None,
    };
    let rekeys: Vec<&Rekey> = operations.ids().filter_map(rekey).collect();
    for rekey in &rekeys {
        let own = rekey.wraps.iter().filter(|(to, _)| to == household && !secrets.contains_key(&rekey.epoch));
        let open = |(_, sealed): &(HouseholdId, Vec<u8>)| {
            keys.iter().find_map(|key| EpochSecret::unwrap_with(&space, key, &rekey.epoch, sealed).ok())
        };
        let opened: Option<EpochSecret> = own.filter_map(open).next();
        secrets.extend(opened.map(|secret| (rekey.epoch, secret)));
    }
    loop {
        let count = secrets.len();
        for rekey in &rekeys {
            let Some(secret) = secrets.get(&rekey.epoch).cloned() else { continue };
            for (id, sealed) in &rekey.previous {
                if !secrets.contains_key(id)
                    && let Ok(previous) = secret.disclose(&space, id, sealed)
                {
                    secrets.insert(*id, previous);
                }
            }
        }
        if secrets.len() == count {
            return secrets;
        }
    }
}
