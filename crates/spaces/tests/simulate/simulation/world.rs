//! One history: homes that act by chance, and a network and disks that fail by chance.

use std::{
    collections::{BTreeMap, BTreeSet},
    rc::Rc,
};

use heirloom_identity::{Action, Envelope, EnvelopeHash, HouseholdId, OperationId, Role, SpaceId, StreamKey};
use heirloom_spaces::membership::cut_for;

use super::{
    chance::Chance,
    replica::{Keys, Message, Replica, State},
};

/// How many messages are under way at most; more are lost, as on a real network.
const UNDER_WAY_MAX: usize = 64;
/// How often a home thinks of something that it may not do, before it writes a letter instead.
const ATTEMPTS: usize = 4;
/// After the last fault everything has arrived everywhere within so many rounds.
const ROUNDS_MAX: usize = 24;

/// A letter that an honest home wrote and was told is safe.
pub(crate) struct Written {
    pub(crate) letter: Rc<Envelope>,
    pub(crate) by: usize,
    /// Who was no member by what the author knew.
    pub(crate) out: BTreeSet<HouseholdId>,
    /// The operations that the author knew.
    pub(crate) known: BTreeSet<OperationId>,
    /// An old copy of its author's disk was put back since, so it may be gone.
    pub(crate) excused: bool,
}

/// Everything there is.
pub(crate) struct World {
    pub(crate) homes: Vec<Replica>,
    pub(crate) streams: BTreeMap<StreamKey, HouseholdId>,
    pub(crate) written: Vec<Written>,
    /// Letters that removed homes wrote as if they hadn't been, beside or after it.
    pub(crate) forged: Vec<EnvelopeHash>,
    /// Operations that removed homes made as if they hadn't been.
    pub(crate) forged_operations: BTreeSet<OperationId>,
    pub(crate) chance: Chance,
    under_way: Vec<(usize, usize, Message)>,
    copies: Vec<Option<State>>,
    /// The homes on one side of a cut through the network.
    cut_off: BTreeSet<usize>,
}

impl World {
    /// Some homes, of which the first begins an album.
    pub(crate) fn new(seed: u64) -> Self {
        let mut chance = Chance::new(seed);
        let count = 3 + chance.below(4);
        let keys = Keys::new(0);
        let mut owner = Replica::new(0, SpaceId::from_bytes([0; 32]), &mut chance);
        let action = Action::Create { nonce: chance.bytes(), receive: owner.receive_key().public() };
        let create = keys.sign(None, Vec::new(), action, owner.skew_ms);
        let space = create.space();
        owner.state.operations = heirloom_spaces::membership::Operations::new(space);
        owner.take_operations(vec![create]);
        owner.persist();
        let mut homes = vec![owner];
        homes.extend((1..).take(count).map(|number| Replica::new(number, space, &mut chance)));
        let copies = homes.iter().map(|_| None).collect();
        Self {
            homes,
            streams: BTreeMap::new(),
            written: Vec::new(),
            forged: Vec::new(),
            forged_operations: BTreeSet::new(),
            chance,
            under_way: Vec::new(),
            copies,
            cut_off: BTreeSet::new(),
        }
    }

    /// Most albums begin with some invitations that everybody learns of.
    pub(crate) fn begin(&mut self) -> Result<(), String> {
        for at in 1..self.homes.len() {
            if self.chance.percent(80) {
                let role = *self.chance.pick(&[Role::Viewer, Role::Contributor, Role::Admin, Role::Admin]);
                let invited = &self.homes[at];
                let receive = invited.receive_key().public();
                let action = Action::Add { household: invited.id(), role, receive, accounts: vec![] };
                self.homes[0].act(action);
            }
        }
        self.heal()
    }

    /// One thing happens.
    pub(crate) fn step(&mut self) -> Result<(), String> {
        let at = self.chance.below(self.homes.len());
        match self.chance.below(100) {
            0..34 => {
                let to = self.chance.below(self.homes.len());
                let message = self.homes[at].have(true);
                self.send(at, to, message);
            }
            34..66 => self.deliver(),
            66..92 => self.act(at)?,
            92..95 => self.homes[at].crash(),
            95..97 => self.copies[at] = Some(self.homes[at].copy_of_disk()),
            97 => self.put_back(at),
            _ => {
                let side = (0..self.homes.len()).filter(|_| self.chance.percent(40)).collect();
                self.cut_off = if self.cut_off.is_empty() { side } else { BTreeSet::new() };
            }
        }
        Ok(())
    }

    /// All faults end, and everything arrives.
    pub(crate) fn heal(&mut self) -> Result<(), String> {
        self.under_way.clear();
        self.cut_off.clear();
        for _ in 0..ROUNDS_MAX {
            let before = self.sizes();
            self.homes.iter_mut().for_each(Replica::mend);
            for from in 0..self.homes.len() {
                for to in 0..self.homes.len() {
                    let message = self.homes[from].have(true);
                    self.exchange(from, to, message);
                }
            }
            if self.sizes() == before {
                return Ok(());
            }
        }
        Err(format!("homes still have something to tell each other after {ROUNDS_MAX} rounds"))
    }

    /// Every member writes once more.
    pub(crate) fn last_words(&mut self) -> Result<(), String> {
        for at in 0..self.homes.len() {
            self.write(at)?;
        }
        Ok(())
    }

    fn exchange(&mut self, from: usize, to: usize, message: Message) {
        let mut queue = vec![(from, to, message)];
        while let Some((from, to, message)) = queue.pop() {
            let replies = self.receive(from, to, message);
            queue.extend(replies.into_iter().map(|reply| (to, from, reply)));
        }
    }

    fn sizes(&self) -> Vec<(usize, usize, usize)> {
        let size = |state: &State| (state.operations.count(), state.letters.len(), state.secrets.len());
        self.homes.iter().map(|home| size(&home.state)).collect()
    }

    fn send(&mut self, from: usize, to: usize, message: Message) {
        let cut = self.cut_off.contains(&from) != self.cut_off.contains(&to);
        if from != to && !cut && self.under_way.len() < UNDER_WAY_MAX {
            self.under_way.push((from, to, message));
        }
    }

    /// Any message may come next, come twice, or never come.
    fn deliver(&mut self) {
        if self.under_way.is_empty() {
            return;
        }
        let at = self.chance.below(self.under_way.len());
        let twice = self.chance.percent(10);
        let (from, to, message) =
            if twice { self.under_way[at].clone() } else { self.under_way.swap_remove(at) };
        if self.chance.percent(10) {
            return;
        }
        for reply in self.receive(from, to, message) {
            self.send(to, from, reply);
        }
        if self.chance.percent(60) {
            self.homes[to].persist();
        }
    }

    fn receive(&mut self, from: usize, to: usize, message: Message) -> Vec<Message> {
        let sender = self.homes[from].id();
        let careless = self.is_out(to);
        self.homes[to].receive(&sender, message, careless, &mut self.chance)
    }

    /// Whether a home knows that it was removed. Then it does its worst.
    fn is_out(&self, at: usize) -> bool {
        let (id, now) = (self.homes[at].id(), &self.homes[at].state.now);
        now.role(&id).is_none() && now.removals.iter().any(|removal| removal.household == id)
    }

    fn put_back(&mut self, at: usize) {
        let Some(copy) = self.copies[at].take() else { return };
        self.homes[at].restore(copy);
        for written in self.written.iter_mut().filter(|written| written.by == at) {
            written.excused |= !self.homes[at].state.letters.contains_key(&written.letter.hash());
        }
    }

    fn act(&mut self, at: usize) -> Result<(), String> {
        let home = &self.homes[at];
        let id = home.id();
        if self.is_out(at) {
            self.forge(at);
            return Ok(());
        }
        if home.state.now.role(&id).is_none() {
            return Ok(());
        }
        if self.chance.percent(35) {
            return self.write(at);
        }
        for _ in 0..ATTEMPTS {
            let Some(action) = self.any_action(at) else { continue };
            if self.homes[at].state.now.may(&id, &action).is_ok() {
                if matches!(action, Action::Renew { .. }) {
                    self.homes[at].renew(&mut self.chance);
                } else {
                    self.homes[at].act(action);
                }
                return Ok(());
            }
        }
        self.write(at)
    }

    fn any_action(&mut self, at: usize) -> Option<Action> {
        let other = self.chance.below(self.homes.len());
        let (home, target) = (&self.homes[at], &self.homes[other]);
        let household = target.id();
        let role = *self.chance.pick(&[Role::Viewer, Role::Contributor, Role::Admin, Role::Admin]);
        Some(match self.chance.below(20) {
            0..6 => Action::Add { household, role, receive: target.receive_key().public(), accounts: vec![] },
            6..8 => Action::SetRole { household, role, accounts: vec![] },
            8..11 => Action::Remove { household, cut: cut_for(&household, home.ends(&self.streams)) },
            11 if self.chance.percent(30) => {
                Action::Leave { cut: cut_for(&home.id(), home.ends(&self.streams)) }
            }
            12 if self.chance.percent(50) => Action::Transfer { household },
            13 if self.chance.percent(30) => Action::Renew { receive: home.receive_key().public() },
            _ => return None,
        })
    }

    fn write(&mut self, at: usize) -> Result<(), String> {
        let home = &mut self.homes[at];
        if home.state.now.role(&home.id()).is_none() {
            return Ok(());
        }
        let letter = home.write(&mut self.chance)?;
        self.streams.insert(home.stream(), home.id());
        let known: BTreeSet<OperationId> = home.state.operations.ids().collect();
        let now = home.state.now.clone();
        let out = self.homes.iter().map(Replica::id).filter(|id| now.role(id).is_none()).collect();
        self.written.push(Written { letter, by: at, out, known, excused: false });
        Ok(())
    }

    /// A removed home pretends to know nothing of it: operations and letters that name old ones.
    fn forge(&mut self, at: usize) {
        let id = self.homes[at].id();
        let operations = &self.homes[at].state.operations;
        let own = |it: &Action| matches!(it, Action::Add { household, .. } if *household == id);
        let invited: Vec<OperationId> = operations
            .ids()
            .filter(|it| {
                operations.ids().any(|entry| {
                    let entered = operations.get(&entry).is_some_and(|entry| own(entry.action()));
                    entered && (entry == *it || operations.is_ancestor(&entry, it))
                })
            })
            .collect();
        if invited.is_empty() {
            return;
        }
        let parent = *self.chance.pick(&invited);
        if self.chance.percent(50) {
            let secrets: Vec<_> = self.homes[at].state.secrets.values().cloned().collect();
            if secrets.is_empty() {
                return;
            }
            let secret = self.chance.pick(&secrets).clone();
            let letter = self.homes[at].seal(&secret, vec![parent], &mut self.chance);
            self.streams.insert(letter.stream(), id);
            self.forged.push(letter.hash());
            return;
        }
        let action = self.any_action(at);
        let forged = match action {
            Some(action) => self.homes[at].act_after(vec![parent], action),
            None => {
                let State { operations, now, secrets, .. } = &self.homes[at].state;
                let chance = &mut self.chance;
                let epoch = heirloom_spaces::membership::plan_rekey(operations, now, secrets, &mut |bytes| {
                    chance.fill(bytes);
                });
                self.homes[at].act_after(vec![parent], Action::Rekey(epoch.rekey))
            }
        };
        self.forged_operations.insert(forged);
    }
}
