//! Being dialled: limits first, then the handshake, the gate, the greeting, and only then the program.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError};

use heirloom_identity::NodeId;
use iroh::endpoint::{Connection as Quic, Incoming, IncomingAddr, SendStream};
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout};
use tracing::{debug, info};

use crate::codes::CloseCode;
use crate::connection::Connection;
use crate::gate::Protocol;
use crate::greeting::{self, Stamp};
use crate::limits::{
    GREETING_TIMEOUT, HANDSHAKES_MAX, HANDSHAKES_UNPROVEN_MAX, PAIR_ADDRESSES_MAX, PAIR_CONNECTIONS_MAX,
    PAIR_CONNECTIONS_PER_NODE_MAX, PAIR_PER_ADDRESS_MAX, PAIR_PERIOD, RECOVER_CONNECTIONS_MAX,
    RECOVER_CONNECTIONS_PER_NODE_MAX, RECOVER_PER_ADDRESS_MAX, SETTLE_TIMEOUT,
};
use crate::monitor;
use crate::names::node_of;
use crate::net::Shared;
use crate::pairs::Arrival;

/// Takes whoever dials, until the network is closed.
pub(crate) async fn serve(shared: Arc<Shared>) {
    let handshakes = Arc::new(Semaphore::new(HANDSHAKES_MAX));
    loop {
        let incoming = tokio::select! {
            () = shared.stop.cancelled() => return,
            incoming = shared.endpoint.accept() => incoming,
        };
        let Some(incoming) = incoming else { return };
        let crowded = handshakes.available_permits() < HANDSHAKES_MAX - HANDSHAKES_UNPROVEN_MAX;
        if crowded && !incoming.remote_addr_validated() {
            incoming.retry().ok();
            continue;
        }
        let Ok(permit) = handshakes.clone().try_acquire_owned() else {
            debug!("refused a connection: too many handshakes");
            incoming.refuse();
            continue;
        };
        let welcome = welcome(shared.clone(), incoming);
        shared.tasks.spawn(async move {
            welcome.await;
            drop(permit);
        });
    }
}

/// Somebody who greeted.
struct Guest {
    quic: Quic,
    node: NodeId,
    protocol: Protocol,
    stamp: Stamp,
    /// Where our greeting is waited for.
    answer: SendStream,
}

async fn welcome(shared: Arc<Shared>, incoming: Incoming) {
    let source = Source::of(&incoming.remote_addr());
    let handshake = timeout(GREETING_TIMEOUT, incoming.into_future());
    let quic = tokio::select! {
        () = shared.stop.cancelled() => return,
        quic = handshake => match quic {
            Ok(Ok(quic)) => quic,
            Ok(Err(error)) => return debug!(%error, "a handshake failed"),
            Err(_) => return debug!("a handshake took too long"),
        },
    };
    let node = node_of(quic.remote_id());
    let Some(protocol) = Protocol::of_alpn(quic.alpn()) else { return };
    if let Some(strangers) = strangers(&shared, protocol)
        && let Err(code) = strangers.begin(&source, &node)
    {
        info!(peer = %node, ?protocol, "refused a connection of a stranger: too many of them");
        quic.close(code.into(), b"too many attempts");
        return;
    }
    match timeout(GREETING_TIMEOUT, heed(&quic)).await {
        Ok(Some((stamp, answer))) => {
            admit(&shared, Guest { quic, node, protocol, stamp, answer }).await;
        }
        _ => {
            quic.close(CloseCode::PROTOCOL.into(), b"no greeting");
            if let Some(strangers) = strangers(&shared, protocol) {
                strangers.end(&node);
            }
        }
    }
}

/// Who is counted with those that speak this protocol; nobody for homes.
fn strangers(shared: &Shared, protocol: Protocol) -> Option<&Strangers> {
    match protocol {
        Protocol::Pair => Some(&shared.pairing),
        Protocol::Recover => Some(&shared.recovering),
        Protocol::Home => None,
    }
}

/// Waits for the greeting of whoever dialled.
async fn heed(quic: &Quic) -> Option<(Stamp, SendStream)> {
    let (answer, mut recv) = quic.accept_bi().await.ok()?;
    Some((greeting::receive(&mut recv).await?, answer))
}

async fn admit(shared: &Arc<Shared>, guest: Guest) {
    let Guest { quic, node, protocol, stamp, mut answer } = guest;
    let connection = Connection::new(quic, node, protocol, false, stamp);
    let stamp = match protocol {
        Protocol::Home => admit_home(shared, &connection).await,
        Protocol::Pair | Protocol::Recover => {
            shared.tasks.spawn(stranger_leaves(shared.clone(), connection.quic().clone(), node, protocol));
            Some(shared.pairs.stamp())
        }
    };
    let Some(stamp) = stamp else { return };
    if let Err(refusal) = shared.gate.admit(&node, protocol) {
        connection.close(CloseCode::of(&refusal), &refusal.reason);
        return;
    }
    if !greeting::send(&mut answer, stamp).await {
        return;
    }
    tokio::select! {
        () = shared.stop.cancelled() => {}
        sent = shared.accepted.send(connection) => drop(sent),
    }
}

/// Settles which connection of the pair stays; closes this one when it is not that.
async fn admit_home(shared: &Arc<Shared>, connection: &Connection) -> Option<Stamp> {
    let node = connection.node();
    let arrival = if shared.pairs.arrive(&node) {
        match shared.pairs.decide(connection, true) {
            Arrival::Wait(mut dial) => {
                timeout(SETTLE_TIMEOUT, dial.wait_for(Option::is_some)).await.ok();
                shared.pairs.decide(connection, false)
            }
            arrival => arrival,
        }
    } else {
        Arrival::Closed(CloseCode::BUSY)
    };
    shared.pairs.arrived(&node);
    match arrival {
        Arrival::Admitted(stamp) => {
            shared.tasks.spawn(monitor::watch(shared.clone(), connection.clone()));
            Some(stamp)
        }
        Arrival::Closed(code) => {
            connection.close(code, "another connection stays, or there are too many");
            None
        }
        // Our own dial is still on its way after all; whoever dialled tries again.
        Arrival::Wait(_) => {
            connection.close(CloseCode::BUSY, "try again");
            None
        }
    }
}

async fn stranger_leaves(shared: Arc<Shared>, quic: Quic, node: NodeId, protocol: Protocol) {
    quic.closed().await;
    if let Some(strangers) = strangers(&shared, protocol) {
        strangers.end(&node);
    }
}

/// Where a connection comes from, as far as attempts of strangers are counted together.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Source {
    /// One address of version 4, or one /64 network of version 6.
    Address(IpAddr),
    /// Everybody who comes through one relay.
    Relay(String),
    /// Something else.
    Other,
}

impl Source {
    fn of(address: &IncomingAddr) -> Self {
        match address {
            IncomingAddr::Ip(address) => Self::Address(match address.ip().to_canonical() {
                IpAddr::V6(v6) => {
                    let [a, b, c, d, ..] = v6.segments();
                    Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
                }
                v4 @ IpAddr::V4(_) => v4,
            }),
            IncomingAddr::Relay { url, .. } => Self::Relay(url.to_string()),
            _ => Self::Other,
        }
    }
}

/// How many strangers may come.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Crowd {
    /// Connections in all.
    connections: usize,
    /// Connections of one node.
    per_node: usize,
    /// Connections from one address within [`PAIR_PERIOD`].
    per_address: u32,
}

/// Those who pair.
pub(crate) const PAIRING: Crowd = Crowd {
    connections: PAIR_CONNECTIONS_MAX,
    per_node: PAIR_CONNECTIONS_PER_NODE_MAX,
    per_address: PAIR_PER_ADDRESS_MAX,
};

/// Those who recover.
pub(crate) const RECOVERING: Crowd = Crowd {
    connections: RECOVER_CONNECTIONS_MAX,
    per_node: RECOVER_CONNECTIONS_PER_NODE_MAX,
    per_address: RECOVER_PER_ADDRESS_MAX,
};

/// Counts the strangers of one protocol: connections now, and attempts per address over a minute.
pub(crate) struct Strangers {
    crowd: Crowd,
    state: Mutex<StrangersState>,
}

#[derive(Default)]
struct StrangersState {
    connections: HashMap<NodeId, usize>,
    total: usize,
    /// Attempts since a time, per source.
    attempts: HashMap<Source, (Instant, u32)>,
}

impl Strangers {
    /// Nobody so far.
    pub(crate) fn new(crowd: Crowd) -> Self {
        Self { crowd, state: Mutex::default() }
    }

    /// Counts an attempt; an error when there are too many. Each success needs one [`end`](Self::end).
    fn begin(&self, source: &Source, node: &NodeId) -> Result<(), CloseCode> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        if state.attempts.len() >= PAIR_ADDRESSES_MAX {
            state.attempts.retain(|_, (since, _)| now.duration_since(*since) < PAIR_PERIOD);
        }
        if state.attempts.len() >= PAIR_ADDRESSES_MAX && !state.attempts.contains_key(source) {
            return Err(CloseCode::TOO_OFTEN);
        }
        let (since, count) = state.attempts.entry(source.clone()).or_insert((now, 0));
        if now.duration_since(*since) >= PAIR_PERIOD {
            (*since, *count) = (now, 0);
        }
        *count += 1;
        if *count > self.crowd.per_address {
            return Err(CloseCode::TOO_OFTEN);
        }
        let of_node = state.connections.get(node).copied().unwrap_or(0);
        if state.total >= self.crowd.connections || of_node >= self.crowd.per_node {
            return Err(CloseCode::BUSY);
        }
        state.total += 1;
        state.connections.insert(*node, of_node + 1);
        Ok(())
    }

    /// A connection that [`begin`](Self::begin) counted has ended.
    fn end(&self, node: &NodeId) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.total = state.total.saturating_sub(1);
        if let Some(count) = state.connections.get_mut(node) {
            *count -= 1;
            if *count == 0 {
                state.connections.remove(node);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(number: u8) -> NodeId {
        NodeId::from_bytes([number; 32])
    }

    fn address(last: u8) -> Source {
        Source::Address(IpAddr::from([192, 0, 2, last]))
    }

    #[tokio::test(start_paused = true)]
    async fn attempts_to_pair_are_counted_per_address() {
        let pairing = Strangers::new(PAIRING);
        for _ in 0..PAIR_PER_ADDRESS_MAX {
            pairing.begin(&address(1), &node(1)).unwrap();
            pairing.end(&node(1));
        }
        assert_eq!(pairing.begin(&address(1), &node(2)), Err(CloseCode::TOO_OFTEN));
        assert_eq!(pairing.begin(&address(2), &node(2)), Ok(()), "others notice nothing");
        tokio::time::advance(PAIR_PERIOD).await;
        assert_eq!(pairing.begin(&address(1), &node(1)), Ok(()));
    }

    #[tokio::test(start_paused = true)]
    async fn connections_for_pairing_are_counted() {
        let pairing = Strangers::new(PAIRING);
        for _ in 0..PAIR_CONNECTIONS_PER_NODE_MAX {
            pairing.begin(&address(1), &node(1)).unwrap();
        }
        assert_eq!(pairing.begin(&address(1), &node(1)), Err(CloseCode::BUSY));
        for number in 2.. {
            if pairing.begin(&address(number), &node(number)).is_err() {
                assert_eq!(usize::from(number) + 1, 2 + PAIR_CONNECTIONS_MAX - 1);
                break;
            }
        }
        pairing.end(&node(1));
        assert_eq!(pairing.begin(&address(100), &node(100)), Ok(()));
    }

    #[tokio::test(start_paused = true)]
    async fn a_crowd_of_addresses_is_bounded() {
        let pairing = Strangers::new(PAIRING);
        for number in 0..PAIR_ADDRESSES_MAX {
            let source = Source::Relay(number.to_string());
            pairing.begin(&source, &node(1)).unwrap();
            pairing.end(&node(1));
        }
        assert_eq!(pairing.begin(&address(1), &node(1)), Err(CloseCode::TOO_OFTEN));
        tokio::time::advance(PAIR_PERIOD).await;
        assert_eq!(pairing.begin(&address(1), &node(1)), Ok(()));
    }

    #[test]
    fn a_network_of_version_6_is_one_address() {
        let source = |text: &str| Source::of(&IncomingAddr::Ip(text.parse().unwrap()));
        assert_eq!(source("[2001:db8::1]:1"), source("[2001:db8::ffff:2]:9"));
        assert_ne!(source("[2001:db8::1]:1"), source("[2001:db8:0:1::1]:1"));
        assert_eq!(source("[::ffff:192.0.2.7]:1"), address(7));
    }
}
