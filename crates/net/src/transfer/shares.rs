//! Who may send next: a pure scheduler over virtual time.
//!
//! Bytes come from one token bucket (or without limit). Peers that wait are visited in a circle; each visit gives a peer
//! credit for [`QUANTUM_BYTES`], and it may send while its credit lasts (deficit round robin). So every waiting peer gets
//! the same bytes, whatever it asks for and in how many streams. A peer also holds at most [`TURNS_PER_PEER_MAX`]
//! unfinished turns: one that reads slowly fills its own turns and nobody else's.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use heirloom_identity::NodeId;

/// Credit of one visit, and the most bytes of one turn.
pub(crate) const QUANTUM_BYTES: u64 = 264 * 1024;

/// Turns that one peer may hold at the same time.
pub(crate) const TURNS_PER_PEER_MAX: u32 = 2;

/// The slowest rate that can be set, in bytes a second: below, a turn would look like a stall.
pub(crate) const RATE_MIN: u64 = 4 * 1024;

/// What one turn was promised.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Ticket(u64);

#[derive(Debug, Default)]
struct Peer {
    waiting: VecDeque<(Ticket, u64)>,
    credit: u64,
    held: u32,
}

/// Tickets that may go now, and when to ask again if some wait for the bucket to fill.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Granted {
    pub(crate) tickets: Vec<Ticket>,
    pub(crate) again_at: Option<Duration>,
}

/// The scheduler. Times count from any one moment.
#[derive(Debug)]
pub(crate) struct Shares {
    rate: Option<u64>,
    /// Bytes in the bucket, in billionths; below zero when a turn took more than there was.
    level: i128,
    filled_at: Duration,
    peers: HashMap<NodeId, Peer>,
    /// Peers with waiting turns; the first one is being visited.
    circle: VecDeque<NodeId>,
    /// The first one has not got its credit for this visit yet.
    arrived: bool,
    next: u64,
}

const NANO: i128 = 1_000_000_000;

impl Shares {
    pub(crate) fn new(rate: Option<u64>) -> Self {
        let mut shares = Self {
            rate: None,
            level: 0,
            filled_at: Duration::ZERO,
            peers: HashMap::new(),
            circle: VecDeque::new(),
            arrived: true,
            next: 0,
        };
        shares.set_rate(rate, Duration::ZERO);
        shares
    }

    /// Bytes a second from now on; none means no limit.
    pub(crate) fn set_rate(&mut self, rate: Option<u64>, now: Duration) {
        self.fill(now);
        self.rate = rate.map(|rate| rate.max(RATE_MIN));
        self.level = self.level.min(self.depth());
    }

    /// The most bytes of one turn: an eighth of a second's worth, so that shares stay fine at a low rate.
    pub(crate) fn turn_bytes_max(&self) -> u64 {
        self.rate.map_or(QUANTUM_BYTES, |rate| (rate / 8).clamp(RATE_MIN, QUANTUM_BYTES))
    }

    /// Queues a turn.
    pub(crate) fn ask(&mut self, peer: NodeId, bytes: u64) -> Ticket {
        let ticket = Ticket(self.next);
        self.next += 1;
        let entry = self.peers.entry(peer).or_default();
        if entry.waiting.is_empty() {
            self.circle.push_back(peer);
        }
        entry.waiting.push_back((ticket, bytes.min(QUANTUM_BYTES)));
        ticket
    }

    /// Ends a turn that was granted.
    pub(crate) fn end(&mut self, peer: &NodeId) {
        if let Some(entry) = self.peers.get_mut(peer) {
            entry.held = entry.held.saturating_sub(1);
            self.tidy(peer);
        }
    }

    /// Takes a turn back that was not granted yet; false when it was.
    pub(crate) fn withdraw(&mut self, peer: &NodeId, ticket: Ticket) -> bool {
        let Some(entry) = self.peers.get_mut(peer) else { return false };
        let before = entry.waiting.len();
        entry.waiting.retain(|(waiting, _)| *waiting != ticket);
        let found = entry.waiting.len() < before;
        if found && entry.waiting.is_empty() {
            entry.credit = 0;
            self.arrived |= self.circle.front() == Some(peer);
            self.circle.retain(|other| other != peer);
        }
        self.tidy(peer);
        found
    }

    /// Grants what may go now.
    pub(crate) fn grant(&mut self, now: Duration) -> Granted {
        self.fill(now);
        let mut granted = Granted::default();
        let mut full = 0;
        while full < self.circle.len() {
            if self.rate.is_some() && self.level <= 0 {
                granted.again_at = Some(now + self.until_filled());
                break;
            }
            let Some(peer) = self.circle.front().copied() else { break };
            let entry = self.peers.entry(peer).or_default();
            if entry.held >= TURNS_PER_PEER_MAX {
                full += 1;
                self.next_peer();
                continue;
            }
            if self.arrived {
                self.arrived = false;
                entry.credit += QUANTUM_BYTES;
            }
            let Some((ticket, bytes)) = entry.waiting.pop_front_if(|(_, bytes)| *bytes <= entry.credit)
            else {
                self.next_peer();
                continue;
            };
            full = 0;
            entry.credit -= bytes;
            entry.held += 1;
            if entry.waiting.is_empty() {
                entry.credit = 0;
                self.circle.pop_front();
                self.arrived = true;
            }
            self.level -= i128::from(bytes) * NANO;
            granted.tickets.push(ticket);
        }
        granted
    }

    /// Goes on to the next peer of the circle.
    fn next_peer(&mut self) {
        self.circle.rotate_left(1);
        self.arrived = true;
    }

    fn tidy(&mut self, peer: &NodeId) {
        if self.peers.get(peer).is_some_and(|entry| entry.waiting.is_empty() && entry.held == 0) {
            self.peers.remove(peer);
        }
    }

    /// What the bucket holds at most: a quarter of a second's worth, but at least one turn.
    fn depth(&self) -> i128 {
        self.rate.map_or(0, |rate| i128::from((rate / 4).max(RATE_MIN)) * NANO)
    }

    fn fill(&mut self, now: Duration) {
        let passed = now.saturating_sub(self.filled_at);
        self.filled_at = now;
        match self.rate {
            None => self.level = 0,
            Some(rate) => {
                let nanos = i128::try_from(passed.as_nanos()).unwrap_or(0);
                self.level = (self.level + i128::from(rate) * nanos).min(self.depth());
            }
        }
    }

    fn until_filled(&self) -> Duration {
        let Some(rate) = self.rate else { return Duration::ZERO };
        let nanos = (-self.level) / i128::from(rate) + 1;
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(0)).max(Duration::from_millis(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GREEDY: NodeId = NodeId::from_bytes([1; 32]);
    const MODEST: NodeId = NodeId::from_bytes([2; 32]);
    const SMALL: u64 = 4096;

    /// Lets peers that always want more run for so many virtual seconds; `lanes` are (peer, bytes of a turn).
    fn run(shares: &mut Shares, lanes: &[(NodeId, u64)], seconds: u64) -> HashMap<NodeId, u64> {
        let mut sent = HashMap::new();
        let mut lane_of: HashMap<Ticket, usize> = HashMap::new();
        for (lane, &(peer, bytes)) in lanes.iter().enumerate() {
            lane_of.insert(shares.ask(peer, bytes), lane);
        }
        let mut now = Duration::ZERO;
        while now < Duration::from_secs(seconds) {
            let granted = shares.grant(now);
            for ticket in &granted.tickets {
                let lane = lane_of.remove(ticket).unwrap();
                let (peer, bytes) = lanes[lane];
                *sent.entry(peer).or_default() += bytes;
                shares.end(&peer);
                lane_of.insert(shares.ask(peer, bytes), lane);
            }
            match granted.again_at {
                Some(at) => now = at,
                None if granted.tickets.is_empty() => now += Duration::from_millis(1),
                None => {}
            }
        }
        sent
    }

    #[test]
    fn many_streams_of_one_peer_do_not_starve_one_stream_of_another() {
        let mut lanes = vec![(GREEDY, QUANTUM_BYTES); 100];
        lanes.push((MODEST, QUANTUM_BYTES));
        let sent = run(&mut Shares::new(Some(10_000_000)), &lanes, 60);
        let (greedy, modest) = (sent[&GREEDY], sent[&MODEST]);
        assert!(modest * 10 > greedy * 9 && greedy * 10 > modest * 9, "{greedy} {modest}");
    }

    #[test]
    fn small_turns_come_at_least_as_often_as_large_ones() {
        let mut lanes = vec![(GREEDY, QUANTUM_BYTES); 100];
        lanes.extend([(MODEST, SMALL); 2]);
        let sent = run(&mut Shares::new(Some(1_000_000)), &lanes, 60);
        assert!(sent[&MODEST] / SMALL >= sent[&GREEDY] / QUANTUM_BYTES, "{sent:?}");
        let total: u64 = sent.values().sum();
        assert!((59_000_000..=61_000_000).contains(&total), "{total}");
    }

    #[test]
    fn the_rate_is_kept_and_a_lone_peer_gets_all_of_it() {
        for rate in [RATE_MIN, 50_000, 3_000_000, 400_000_000] {
            let mut shares = Shares::new(Some(rate));
            let turn = shares.turn_bytes_max();
            let sent = run(&mut shares, &[(GREEDY, turn)], 20)[&GREEDY];
            assert!(sent > rate * 18 && sent < rate * 22, "{rate}: {sent}");
        }
    }

    #[test]
    fn a_peer_that_does_not_read_holds_only_its_own_turns() {
        let mut shares = Shares::new(None);
        for _ in 0..10 {
            shares.ask(GREEDY, QUANTUM_BYTES);
        }
        let granted = shares.grant(Duration::ZERO);
        assert_eq!(granted.tickets.len(), 2);
        let modest = shares.ask(MODEST, SMALL);
        assert_eq!(shares.grant(Duration::ZERO), Granted { tickets: vec![modest], again_at: None });
        shares.end(&GREEDY);
        assert_eq!(shares.grant(Duration::ZERO).tickets.len(), 1);
    }

    #[test]
    fn nothing_is_left_of_peers_that_are_gone() {
        let mut shares = Shares::new(Some(RATE_MIN));
        let first = shares.ask(GREEDY, SMALL);
        let second = shares.ask(MODEST, SMALL);
        assert_eq!(shares.grant(Duration::from_secs(1)).tickets, [first]);
        assert!(!shares.withdraw(&GREEDY, first) && shares.withdraw(&MODEST, second));
        shares.end(&GREEDY);
        assert!(shares.peers.is_empty());
        assert_eq!(shares.grant(Duration::from_secs(9)), Granted::default());
        assert!(shares.circle.is_empty());
    }
}
