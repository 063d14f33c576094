//! One `Home` connection per pair of nodes: who keeps which when both dial.
//!
//! The rules, for nodes L < H:
//! * While L's dial is on its way, a dial from H waits for it, at most [`SETTLE_TIMEOUT`](crate::limits::SETTLE_TIMEOUT):
//!   L's dial goes first. H admits a dial from L at once and forgets its own.
//! * A dial from a node with which a connection lives is compared with that connection by the other node's
//!   [`Stamp`]s. If the dial was begun before the other node knew of the connection, it is a left-over of a race and
//!   closed as a duplicate. Otherwise the other node has lost the connection, or restarted: the new one replaces it.
//! * Where both dials go through nevertheless (L waited in vain), H alone decides, since it answers or closes L's dial,
//!   and L follows: it keeps the connection with the higher stamp of H.
//!
//! Users of the one that is closed get the other: [`Net::connect`](crate::Net::connect) returns whichever stays.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use heirloom_identity::NodeId;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::codes::{CloseCode, Reason};
use crate::connection::Connection;
use crate::dial::ConnectError;
use crate::greeting::Stamp;
use crate::limits::{ARRIVALS_PER_NODE_MAX, CONNECTIONS_MAX};

/// The outcome of a dial; `None` while it is on its way.
pub(crate) type Outcome = Option<Result<Connection, ConnectError>>;

/// A dial that is on its way.
#[derive(Debug)]
pub(crate) struct Dial {
    /// Everybody who waits for it.
    pub(crate) outcome: watch::Sender<Outcome>,
    /// Set when a connection from the other side made it pointless.
    pub(crate) cancelled: CancellationToken,
}

/// What to do for somebody who wants a connection.
pub(crate) enum Wanted {
    /// There is one.
    Live(Connection),
    /// One is on its way.
    Joined(watch::Receiver<Outcome>),
    /// The caller is to dial.
    Dial(Arc<Dial>, watch::Receiver<Outcome>),
}

/// What to do with a node that dialled us.
pub(crate) enum Arrival {
    /// It may come in.
    Admitted(Stamp),
    /// Our own dial goes first; wait for its outcome and ask again.
    Wait(watch::Receiver<Outcome>),
    /// Close it.
    Closed(CloseCode),
}

#[derive(Default)]
struct Slot {
    live: Option<Connection>,
    dial: Option<Arc<Dial>>,
    arriving: usize,
}

#[derive(Default)]
struct State {
    slots: HashMap<NodeId, Slot>,
    live: usize,
    count: u64,
}

/// All pairs that this node is one half of.
pub(crate) struct Pairs {
    me: NodeId,
    run: [u8; 8],
    state: Mutex<State>,
}

impl Pairs {
    /// `run` is a random name of this run of the program.
    pub(crate) fn new(me: NodeId, run: [u8; 8]) -> Self {
        Self { me, run, state: Mutex::default() }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The stamp of the next greeting.
    pub(crate) fn stamp(&self) -> Stamp {
        self.next_stamp(&mut self.lock())
    }

    fn next_stamp(&self, state: &mut State) -> Stamp {
        state.count += 1;
        Stamp { run: self.run, count: state.count }
    }

    /// The connection with this node.
    pub(crate) fn live(&self, node: &NodeId) -> Option<Connection> {
        let state = self.lock();
        state.slots.get(node)?.live.clone().filter(|connection| connection.reason().is_none())
    }

    /// All connections.
    pub(crate) fn all(&self) -> Vec<Connection> {
        self.lock().slots.values().filter_map(|slot| slot.live.clone()).collect()
    }

    /// What to do for somebody who wants a connection with this node.
    pub(crate) fn want(&self, node: &NodeId) -> Wanted {
        let mut state = self.lock();
        let slot = state.slots.entry(*node).or_default();
        if let Some(live) = slot.live.as_ref().filter(|connection| connection.reason().is_none()) {
            return Wanted::Live(live.clone());
        }
        if let Some(dial) = &slot.dial {
            return Wanted::Joined(dial.outcome.subscribe());
        }
        let (outcome, waiting) = watch::channel(None);
        let dial = Arc::new(Dial { outcome, cancelled: CancellationToken::new() });
        slot.dial = Some(dial.clone());
        Wanted::Dial(dial, waiting)
    }

    /// Our dial was answered: returns the connection that stays, after telling everybody who waits.
    pub(crate) fn answered(&self, dial: &Arc<Dial>, new: Connection) -> Result<Connection, ConnectError> {
        let node = new.node();
        let mut state = self.lock();
        let State { slots, live: count, .. } = &mut *state;
        let slot = slots.entry(node).or_default();
        let ours = slot.dial.as_ref().is_some_and(|current| Arc::ptr_eq(current, dial));
        let live = slot.live.clone().filter(|connection| connection.reason().is_none());
        let kept = match live {
            Some(live) if !ours || !new.stamp().supersedes(&live.stamp()) => {
                new.close(CloseCode::DUPLICATE, "another connection stays");
                Ok(live)
            }
            None if !ours => Err(ConnectError::Lost(Reason::Local)),
            None if *count >= CONNECTIONS_MAX => {
                new.close(CloseCode::BUSY, "too many connections");
                Err(ConnectError::TooMany)
            }
            _ => {
                keep(slot, count, &new);
                Ok(new)
            }
        };
        settle(slot, dial, kept.clone());
        kept
    }

    /// Our dial failed.
    pub(crate) fn failed(&self, node: &NodeId, dial: &Arc<Dial>, error: ConnectError) {
        let mut state = self.lock();
        if let Some(slot) = state.slots.get_mut(node) {
            let live = slot.live.clone().filter(|connection| connection.reason().is_none());
            settle(slot, dial, live.ok_or(error));
        }
        forget_if_idle(&mut state, node);
    }

    /// A node has dialled us and waits for its greeting; false when too many of its dials do.
    pub(crate) fn arrive(&self, node: &NodeId) -> bool {
        let mut state = self.lock();
        let slot = state.slots.entry(*node).or_default();
        slot.arriving += 1;
        slot.arriving <= ARRIVALS_PER_NODE_MAX
    }

    /// The dial that [`arrive`](Self::arrive) counted is decided.
    pub(crate) fn arrived(&self, node: &NodeId) {
        let mut state = self.lock();
        if let Some(slot) = state.slots.get_mut(node) {
            slot.arriving = slot.arriving.saturating_sub(1);
        }
        forget_if_idle(&mut state, node);
    }

    /// Decides about a node that dialled us; `patient` while waiting for our own dial is still an option. An admitted
    /// connection is the live one from here on.
    pub(crate) fn decide(&self, new: &Connection, patient: bool) -> Arrival {
        let node = new.node();
        if new.reason().is_some() {
            return Arrival::Closed(CloseCode::DONE);
        }
        let mut state = self.lock();
        let State { slots, live: count, .. } = &mut *state;
        let slot = slots.entry(node).or_default();
        match slot.live.as_ref().filter(|connection| connection.reason().is_none()) {
            Some(live) if !new.stamp().supersedes(&live.stamp()) => {
                return Arrival::Closed(CloseCode::DUPLICATE);
            }
            None if *count >= CONNECTIONS_MAX => return Arrival::Closed(CloseCode::BUSY),
            _ => {}
        }
        if let Some(dial) = slot.dial.clone() {
            if self.me < node && patient {
                return Arrival::Wait(dial.outcome.subscribe());
            }
            if self.me > node {
                dial.cancelled.cancel();
                settle(slot, &dial, Ok(new.clone()));
            } else {
                // The dial goes on, but nobody has to wait for it any more.
                dial.outcome.send_replace(Some(Ok(new.clone())));
            }
        }
        keep(slot, count, new);
        Arrival::Admitted(self.next_stamp(&mut state))
    }

    /// A connection ended; true when it was the live one.
    pub(crate) fn ended(&self, ended: &Connection) -> bool {
        let mut state = self.lock();
        let State { slots, live: count, .. } = &mut *state;
        let was_live = slots.get_mut(&ended.node()).is_some_and(|slot| {
            let is_it = slot.live.as_ref().is_some_and(|live| live.serial() == ended.serial());
            if is_it {
                slot.live = None;
                *count -= 1;
            }
            is_it
        });
        forget_if_idle(&mut state, &ended.node());
        was_live
    }
}

/// Makes a connection the live one; the one before, if any, is closed.
fn keep(slot: &mut Slot, count: &mut usize, new: &Connection) {
    match slot.live.replace(new.clone()) {
        Some(old) => old.close(CloseCode::REPLACED, "a newer connection replaces this one"),
        None => *count += 1,
    }
}

/// Ends a dial, if it still counts, and tells everybody who waits for it.
fn settle(slot: &mut Slot, dial: &Arc<Dial>, outcome: Result<Connection, ConnectError>) {
    if slot.dial.as_ref().is_some_and(|current| Arc::ptr_eq(current, dial)) {
        slot.dial = None;
        dial.outcome.send_replace(Some(outcome));
    }
}

fn forget_if_idle(state: &mut State, node: &NodeId) {
    let idle = |slot: &Slot| slot.live.is_none() && slot.dial.is_none() && slot.arriving == 0;
    if state.slots.get(node).is_some_and(idle) {
        state.slots.remove(node);
    }
}
