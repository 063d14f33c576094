//! A throttle that is fair between peers: [`Shares`] on the real clock.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use heirloom_identity::NodeId;
use tokio::sync::oneshot;

use super::shares::{Shares, Ticket};

/// Bytes a second for everything that goes one way, shared evenly between the peers that want some.
///
/// One budget belongs to all transfers of a node in one direction. Peers, not streams, have shares: opening more streams
/// gains nothing.
#[derive(Debug)]
pub struct Budget {
    state: Mutex<State>,
    started: Instant,
}

#[derive(Debug)]
struct State {
    shares: Shares,
    waiting: HashMap<Ticket, oneshot::Sender<()>>,
}

impl Budget {
    /// A budget of so many bytes a second; none means as fast as it goes. Rates below 4 KiB/s are taken as that.
    pub fn new(rate: Option<u64>) -> Self {
        let state = State { shares: Shares::new(rate), waiting: HashMap::new() };
        Self { state: Mutex::new(state), started: Instant::now() }
    }

    /// Changes the rate for what is sent from now on.
    pub fn set_rate(&self, rate: Option<u64>) {
        let now = self.started.elapsed();
        self.lock().shares.set_rate(rate, now);
        self.pump();
    }

    /// The most bytes that one turn covers; more is asked for in several.
    pub(crate) fn turn_bytes_max(&self) -> usize {
        usize::try_from(self.lock().shares.turn_bytes_max()).unwrap_or(usize::MAX)
    }

    /// Waits until `peer` may move so many bytes; the turn ends when it is dropped.
    pub(crate) async fn turn(&self, peer: NodeId, bytes: usize) -> Turn<'_> {
        let (granted, mut wait) = oneshot::channel();
        let ticket = {
            let mut state = self.lock();
            let ticket = state.shares.ask(peer, bytes as u64);
            state.waiting.insert(ticket, granted);
            ticket
        };
        // From here on a dropped future gives its place back.
        let turn = Turn { budget: self, peer, ticket };
        loop {
            let again_in = self.pump();
            let timer = tokio::time::sleep(again_in.unwrap_or(Duration::from_hours(1)));
            tokio::select! {
                biased;
                _ = &mut wait => return turn,
                () = timer => {}
            }
        }
    }

    /// Wakes everybody who may go; in how long somebody should look again.
    fn pump(&self) -> Option<Duration> {
        let now = self.started.elapsed();
        let mut state = self.lock();
        let granted = state.shares.grant(now);
        for ticket in granted.tickets {
            if let Some(sender) = state.waiting.remove(&ticket) {
                // Whoever gave up has ended its turn itself.
                sender.send(()).ok();
            }
        }
        granted.again_at.map(|at| at.saturating_sub(now))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The right to move some bytes now.
#[derive(Debug)]
pub(crate) struct Turn<'a> {
    budget: &'a Budget,
    peer: NodeId,
    ticket: Ticket,
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let mut state = self.budget.lock();
        state.waiting.remove(&self.ticket);
        if !state.shares.withdraw(&self.peer, self.ticket) {
            state.shares.end(&self.peer);
        }
        drop(state);
        self.budget.pump();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PEER: NodeId = NodeId::from_bytes([1; 32]);

    fn block_on(work: impl Future<Output = ()>) {
        tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(work);
    }

    #[test]
    fn turns_come_one_after_another_without_a_limit() {
        block_on(async {
            let budget = Budget::new(None);
            for _ in 0..1000 {
                drop(budget.turn(PEER, 1 << 18).await);
            }
            let (first, second) = (budget.turn(PEER, 1).await, budget.turn(PEER, 1).await);
            let third = tokio::time::timeout(Duration::from_millis(5), budget.turn(PEER, 1)).await;
            assert!(third.is_err(), "a peer holds two turns at most");
            drop(first);
            drop(budget.turn(PEER, 1).await);
            drop(second);
        });
    }

    #[test]
    fn who_gives_up_waiting_takes_nothing() {
        block_on(async {
            let budget = Budget::new(Some(1_000_000));
            for _ in 0..50 {
                let given_up = tokio::time::timeout(Duration::ZERO, budget.turn(PEER, 200_000)).await;
                drop(given_up);
            }
            assert!(budget.lock().waiting.is_empty());
        });
    }
}
