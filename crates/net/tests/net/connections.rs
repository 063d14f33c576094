//! Who gets a connection with whom, and why not.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use heirloom_identity::NodeId;
use heirloom_net::{
    CloseCode, ConnectError, Gate, Net, NetEvent, NodeAddress, PathKind, Priority, Protocol, Reason, Refusal,
    StreamKind,
};

use crate::support::{
    Strangers, acquaint, behind, config, connected, iroh_address, meet, node, socket, soon, stranger, two,
};
use heirloom_net::Connection;

/// Sends a word over and checks that it arrives.
async fn talk(from: &Connection, to: &Connection) {
    let mut sent = from.open(StreamKind::Sync, Priority::SYNC).await.unwrap();
    sent.send(b"hello").await.unwrap();
    let (kind, mut received) = soon(to.accept()).await.unwrap();
    assert_eq!(kind, StreamKind::Sync);
    assert_eq!(soon(received.recv(100)).await.unwrap().unwrap(), "hello");
}

#[tokio::test]
async fn two_nodes_talk_both_ways() {
    let (a, at_a, b, at_b) = connected().await;
    assert_eq!((at_a.node(), at_b.node()), (b.node(), a.node()));
    assert!(at_a.dialled() && !at_b.dialled());
    talk(&at_a, &at_b).await;
    talk(&at_b, &at_a).await;
    assert_eq!(a.path(&b.node()).kind, PathKind::Direct);
    assert!(a.path(&b.node()).rtt.is_some());
    assert_eq!(a.path(&a.node()).kind, PathKind::Off);
    // Whoever asks again gets the connection that lives, in either direction.
    let again = b.connect(&a.node(), Protocol::Home).await.unwrap();
    assert_eq!(again.serial(), at_b.serial());
    assert!(again.claim() && !at_b.claim(), "one connection, one user");
}

#[tokio::test]
async fn events_tell_the_story_of_a_connection() {
    let (a, b) = two().await;
    let mut events = a.events();
    let (connection, _at_b) = meet(&a, &b, Protocol::Home).await;
    assert_eq!(soon(events.recv()).await, Ok(NetEvent::Connected(b.node())));
    let NetEvent::Path(of, path) = soon(events.recv()).await.unwrap() else { panic!("a path comes next") };
    assert_eq!((of, path.kind), (b.node(), PathKind::Direct));
    b.close().await;
    let going = Reason::Peer { code: CloseCode::DONE, text: "going away".to_owned() };
    assert_eq!(soon(events.recv()).await, Ok(NetEvent::Disconnected(b.node(), going.clone())));
    assert_eq!(soon(connection.closed()).await, going);
    assert_eq!(a.path(&b.node()).kind, PathKind::Off);
    assert!(a.connection(&b.node()).is_none());
}

#[tokio::test]
async fn a_refused_node_learns_why() {
    let (a, b) = (node(1).await, behind(2, Strangers).await);
    acquaint(&a, &b);
    let refusal = Refusal { code: 7, reason: "we have not met".to_owned() };
    let refused = soon(a.connect(&b.node(), Protocol::Home)).await.unwrap_err();
    assert_eq!(refused, ConnectError::Refused(refusal.clone()));
    // Our own gate is asked before anything is sent.
    assert_eq!(b.connect(&a.node(), Protocol::Home).await.unwrap_err(), ConnectError::NotAdmitted(refusal));
    // Pairing is another matter, and only that.
    let (paired, accepted) = meet(&a, &b, Protocol::Pair).await;
    assert_eq!(accepted.protocol(), Protocol::Pair);
    let mut words = paired.open(StreamKind::Pairing, Priority::CONTROL).await.unwrap();
    words.send(b"words").await.unwrap();
    let (kind, mut stream) = soon(accepted.accept()).await.unwrap();
    assert_eq!(kind, StreamKind::Pairing);
    assert_eq!(soon(stream.recv(100)).await.unwrap().unwrap(), "words");
}

/// Admits until somebody is blocked.
struct Fickle(AtomicBool);

impl Gate for Fickle {
    fn admit(&self, _: &NodeId, _: Protocol) -> Result<(), Refusal> {
        let blocked = self.0.load(Ordering::Relaxed);
        if blocked { Err(Refusal { code: 9, reason: "blocked".to_owned() }) } else { Ok(()) }
    }
}

#[tokio::test]
async fn a_blocked_node_is_refused_from_then_on() {
    let gate = Arc::new(Fickle(AtomicBool::new(false)));
    let (a, b) = (node(1).await, Net::start(config(2), gate.clone()).await.unwrap());
    acquaint(&a, &b);
    let (connection, accepted) = meet(&a, &b, Protocol::Home).await;
    gate.0.store(true, Ordering::Relaxed);
    accepted.close(CloseCode::DONE, "blocked");
    soon(connection.closed()).await;
    let refused = soon(a.connect(&b.node(), Protocol::Home)).await.unwrap_err();
    assert!(matches!(refused, ConnectError::Refused(Refusal { code: 9, .. })), "{refused}");
}

#[tokio::test]
async fn nobody_can_pose_as_another_node() {
    let (a, b) = (node(1).await, node(2).await);
    let absent = node(3).await.node();
    a.learn(&NodeAddress { node: absent, relay: None, direct: vec![socket(&b)] });
    let error = soon(a.connect(&absent, Protocol::Home)).await.unwrap_err();
    assert!(matches!(error, ConnectError::WrongNode(_)), "{error}");
}

#[tokio::test]
async fn the_ways_to_fail_are_told_apart() {
    let a = node(1).await;
    let b = node(2).await.node();
    assert_eq!(a.connect(&b, Protocol::Home).await.unwrap_err(), ConnectError::NoAddress);
    assert_eq!(a.connect(&a.node(), Protocol::Home).await.unwrap_err(), ConnectError::NoSuchNode);
    // A socket that nobody reads is a dead peer.
    let dead = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    a.learn(&NodeAddress { node: b, relay: None, direct: vec![dead.local_addr().unwrap()] });
    let patience = Duration::from_millis(500);
    let error = a.connect_within(&b, Protocol::Home, patience).await.unwrap_err();
    assert_eq!(error, ConnectError::TimedOut(patience));
    a.close().await;
    assert_eq!(a.connect(&b, Protocol::Home).await.unwrap_err(), ConnectError::Closed);
    assert!(a.accept().await.is_none());
}

#[tokio::test]
async fn an_unknown_protocol_is_no_connection() {
    let a = node(1).await;
    let other = stranger(2, b"other/1").await;
    let error = other.connect(iroh_address(&a), b"other/1").await.unwrap_err();
    assert!(error.to_string().contains("120") || format!("{error:?}").contains("120"), "{error:?}");
    let id = NodeId::from_bytes(*other.id().as_bytes());
    a.learn(&NodeAddress { node: id, relay: None, direct: other.bound_sockets() });
    let (error, _) = tokio::join!(a.connect(&id, Protocol::Home), async {
        let incoming = other.accept().await.unwrap();
        assert!(incoming.await.is_err());
    });
    assert_eq!(error.unwrap_err(), ConnectError::UnknownProtocol);
}

#[tokio::test]
async fn dials_at_once_become_one_connection() {
    for round in 0..12 {
        let (a, b) = (node(2 * round + 1).await, node(2 * round + 2).await);
        acquaint(&a, &b);
        let (a_id, b_id) = (a.node(), b.node());
        let both = async { tokio::join!(a.connect(&b_id, Protocol::Home), b.connect(&a_id, Protocol::Home)) };
        let (at_a, at_b) = soon(both).await;
        let (at_a, at_b) = (at_a.unwrap(), at_b.unwrap());
        assert_ne!(at_a.dialled(), at_b.dialled(), "round {round}: they hold the two ends of one connection");
        talk(&at_a, &at_b).await;
        talk(&at_b, &at_a).await;
        assert_eq!(a.connections().len(), 1);
        assert_eq!(a.connection(&b_id).unwrap().serial(), at_a.serial());
        assert_eq!(b.connection(&a_id).unwrap().serial(), at_b.serial());
        // The node that didn't dial it sees it among the accepted ones too, once.
        let (acceptor, held) = if at_a.dialled() { (&b, &at_b) } else { (&a, &at_a) };
        let (accepted, _) = soon(acceptor.accept()).await.unwrap();
        assert_eq!(accepted.serial(), held.serial());
    }
}

#[tokio::test]
async fn a_node_that_cannot_be_dialled_may_dial_us() {
    let (a, b) = (node(1).await, node(2).await);
    // The dial of the lower node goes first, but the address that it knows leads nowhere.
    let (low, high) = if a.node() < b.node() { (a, b) } else { (b, a) };
    let dead = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let nowhere = vec![dead.local_addr().unwrap()];
    low.learn(&NodeAddress { node: high.node(), relay: None, direct: nowhere });
    high.learn(&low.address());
    let (low_id, high_id) = (low.node(), high.node());
    let both =
        async { tokio::join!(low.connect(&high_id, Protocol::Home), high.connect(&low_id, Protocol::Home)) };
    let (at_low, at_high) = soon(both).await;
    let (at_low, at_high) = (at_low.unwrap(), at_high.unwrap());
    assert_ne!(at_high.dialled(), at_low.dialled(), "they hold the two ends of one connection");
    talk(&at_low, &at_high).await;
}

#[tokio::test]
async fn many_who_want_the_same_node_share_one_dial() {
    let (a, b) = two().await;
    let id = b.node();
    let dials = (0..20).map(|_| {
        let a = a.clone();
        tokio::spawn(async move { a.connect(&id, Protocol::Home).await.unwrap().serial() })
    });
    let mut serials = Vec::new();
    for dial in dials.collect::<Vec<_>>() {
        serials.push(soon(dial).await.unwrap());
    }
    serials.dedup();
    assert_eq!(serials.len(), 1);
    assert_eq!(b.connections().len(), 1);
}

#[tokio::test]
async fn a_node_that_restarts_replaces_its_connection_at_once() {
    let (a, at_a, b, at_b) = connected().await;
    let key = b.node();
    // It is gone without a word, so that its old connection looks alive to us.
    drop((b, at_b));
    let b = node(2).await;
    assert_eq!(b.node(), key);
    b.learn(&a.address());
    let (fresh, accepted) = meet(&b, &a, Protocol::Home).await;
    talk(&fresh, &accepted).await;
    soon(at_a.closed()).await;
    assert_eq!(a.connection(&key).unwrap().serial(), accepted.serial());
}

#[tokio::test]
async fn a_node_that_moved_is_found_at_its_new_address() {
    let (a, at_a, b, _at_b) = connected().await;
    let old = socket(&b);
    b.close().await;
    soon(at_a.closed()).await;
    drop(b);
    let b = node(2).await;
    assert_ne!(socket(&b), old);
    a.learn(&b.address());
    assert_eq!(a.known(&b.node()), Some(b.address()));
    let (again, accepted) = meet(&a, &b, Protocol::Home).await;
    talk(&again, &accepted).await;
    a.forget(&b.node());
    soon(b.connection(&a.node()).unwrap().closed()).await;
}

#[tokio::test]
async fn an_external_address_is_told_first() {
    let external = "203.0.113.20:4433".parse().unwrap();
    let config = heirloom_net::NetConfig { external: Some(external), ..config(1) };
    let a = Net::start(config, Arc::new(Strangers)).await.unwrap();
    let address = a.address();
    assert_eq!(address.direct[0], external);
    assert!(address.direct.contains(&socket(&a)), "{address:?}");
    assert_eq!(address.direct.iter().filter(|one| **one == external).count(), 1);
}

#[tokio::test]
async fn a_pair_connection_ends_with_its_last_handle() {
    let (a, b) = two().await;
    let (dialled, accepted) = meet(&a, &b, Protocol::Pair).await;
    assert!(a.connections().is_empty(), "it is not the connection of the pair");
    drop(dialled);
    let done = Reason::Peer { code: CloseCode::DONE, text: String::new() };
    assert_eq!(soon(accepted.closed()).await, done);
}
