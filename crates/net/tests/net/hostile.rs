//! What somebody can do who speaks iroh but doesn't keep to our protocol: lose the stream or the connection, be told
//! why, and disturb nobody else.

use std::time::Duration;

use heirloom_net::limits::{
    FRAME_BYTES_MAX, PAIR_PER_ADDRESS_MAX, RECOVER_CONNECTIONS_MAX, RECOVER_CONNECTIONS_PER_NODE_MAX,
    STREAMS_MAX,
};
use heirloom_net::{CloseCode, ConnectError, Connection, Net, Protocol, StreamError, StreamKind};
use iroh::endpoint::{ConnectionError, ReadError, VarInt};

use crate::support::{acquaint, connected, greeted, iroh_address, node, soon, stranger};

/// One of our nodes, and a stranger's greeted connection with it.
async fn visited() -> (Net, Connection, iroh::endpoint::Connection, iroh::Endpoint) {
    let (net, stranger) = (node(1).await, stranger(9, b"none/1").await);
    let (quic, accepted) = tokio::join!(greeted(&stranger, &net, Protocol::Home), net.accept());
    (net, accepted.unwrap().0, quic, stranger)
}

/// Somebody else still gets through.
async fn others_notice_nothing(net: &Net) {
    let other = node(77).await;
    acquaint(net, &other);
    let connection = soon(other.connect(&net.node(), Protocol::Home)).await.unwrap();
    let (accepted, _) = soon(net.accept()).await.unwrap();
    let mut stream = connection.open(StreamKind::Sync, StreamKind::Sync.priority()).await.unwrap();
    stream.send(b"hello").await.unwrap();
    let (_, mut received) = soon(accepted.accept()).await.unwrap();
    assert_eq!(soon(received.recv(100)).await.unwrap().unwrap(), "hello");
}

async fn opened(quic: &iroh::endpoint::Connection, bytes: &[u8]) -> ReadError {
    let (mut send, mut recv) = quic.open_bi().await.unwrap();
    send.write_all(bytes).await.unwrap();
    soon(recv.read(&mut [0])).await.unwrap_err()
}

#[tokio::test]
async fn streams_that_make_no_sense_are_reset_with_a_reason() {
    let (net, accepted, quic, _stranger) = visited().await;
    let reset = |code: u32| ReadError::Reset(VarInt::from_u32(code));
    assert_eq!(opened(&quic, &[1, 0xff, 0xff]).await, reset(1), "unknown kind");
    assert_eq!(opened(&quic, &[1, 5, 0]).await, reset(1), "pairing has no place here");
    assert_eq!(opened(&quic, &[2, 2, 0]).await, reset(2), "version of the future");
    let (mut send, mut recv) = quic.open_bi().await.unwrap();
    send.write_all(&[1]).await.unwrap();
    send.finish().unwrap();
    assert_eq!(soon(recv.read(&mut [0])).await.unwrap_err(), reset(5), "too short for a header");
    // The connection lives, and a stream that makes sense gets through.
    let (mut send, _recv) = quic.open_bi().await.unwrap();
    send.write_all(&[1, 2, 0, 2, 0, 0, 0, b'o', b'k']).await.unwrap();
    let (kind, mut stream) = soon(accepted.accept()).await.unwrap();
    assert_eq!(kind, StreamKind::Sync);
    assert_eq!(soon(stream.recv(10)).await.unwrap().unwrap(), "ok");
    others_notice_nothing(&net).await;
}

#[tokio::test]
async fn lengths_are_not_believed() {
    let (net, accepted, quic, _stranger) = visited().await;
    for length in [u32::MAX, u32::try_from(FRAME_BYTES_MAX).unwrap() + 1] {
        let (mut send, _recv) = quic.open_bi().await.unwrap();
        send.write_all(&[1, 2, 0]).await.unwrap();
        send.write_all(&length.to_le_bytes()).await.unwrap();
        let (_, mut stream) = soon(accepted.accept()).await.unwrap();
        let error = soon(stream.recv(usize::MAX)).await.unwrap_err();
        let bytes = usize::try_from(length).unwrap();
        assert_eq!(error, StreamError::TooLarge { bytes, max: FRAME_BYTES_MAX });
        assert_eq!(soon(send.stopped()).await, Ok(Some(VarInt::from_u32(3))));
    }
    others_notice_nothing(&net).await;
}

#[tokio::test]
async fn a_frame_that_stands_still_is_given_up() {
    let (_net, accepted, quic, _stranger) = visited().await;
    let (mut send, _recv) = quic.open_bi().await.unwrap();
    send.write_all(&[1, 2, 0, 0, 4, 0, 0, 1, 2, 3]).await.unwrap();
    let (_, mut stream) = soon(accepted.accept()).await.unwrap();
    let limit = Duration::from_millis(300);
    stream.set_stall(limit);
    assert_eq!(soon(stream.recv(2000)).await, Err(StreamError::Stalled(limit)));
    assert_eq!(soon(send.stopped()).await, Ok(Some(VarInt::from_u32(4))));
}

#[tokio::test]
async fn a_drop_now_and_then_does_not_keep_a_frame_alive() {
    let (_net, accepted, quic, _stranger) = visited().await;
    let (mut send, _recv) = quic.open_bi().await.unwrap();
    send.write_all(&[1, 2, 0, 0, 4, 0, 0]).await.unwrap();
    let limit = Duration::from_millis(400);
    let dripping = tokio::spawn(async move {
        // Far more often than the limit asks for, and far less than it takes: what is tested is this pace.
        let mut drops = tokio::time::interval(limit / 20);
        while send.write_all(&[0]).await.is_ok() {
            drops.tick().await;
        }
    });
    let (_, mut stream) = soon(accepted.accept()).await.unwrap();
    stream.set_stall(limit);
    assert_eq!(soon(stream.recv(2000)).await, Err(StreamError::Stalled(limit)));
    soon(dripping).await.unwrap();
}

#[tokio::test]
async fn a_stream_that_ends_in_a_frame_is_truncated() {
    let (_net, accepted, quic, _stranger) = visited().await;
    for bytes in [&[1, 2, 0, 9][..], &[1, 2, 0, 9, 0, 0, 0, 1]] {
        let (mut send, _recv) = quic.open_bi().await.unwrap();
        send.write_all(bytes).await.unwrap();
        send.finish().unwrap();
        let (_, mut stream) = soon(accepted.accept()).await.unwrap();
        assert_eq!(soon(stream.recv(100)).await, Err(StreamError::Truncated));
    }
}

#[tokio::test]
async fn a_flood_of_streams_meets_a_wall() {
    let (net, accepted, quic, _stranger) = visited().await;
    let mut flood = Vec::new();
    let open = loop {
        let opening = tokio::time::timeout(Duration::from_millis(300), quic.open_bi());
        let Ok(stream) = opening.await else { break flood.len() };
        let (mut send, recv) = stream.unwrap();
        send.write_all(&[1, 2, 0, 0, 0, 16, 0]).await.unwrap();
        send.write_all(&[0; 1000]).await.unwrap();
        flood.push((send, recv));
        assert!(flood.len() < 1000);
    };
    let limit = usize::try_from(STREAMS_MAX).unwrap();
    assert!((limit - 1..=limit).contains(&open), "{open} streams could be opened");
    others_notice_nothing(&net).await;
    // What nobody takes stays where it is; what is taken makes room for as much.
    let (_, taken) = soon(accepted.accept()).await.unwrap();
    drop(taken);
}

#[tokio::test]
async fn a_greeting_that_makes_no_sense_ends_the_connection() {
    let (net, stranger) = (node(1).await, stranger(9, b"none/1").await);
    for greeting in [&[9; 17][..], &[1; 5]] {
        let quic = stranger.connect(iroh_address(&net), Protocol::Home.alpn()).await.unwrap();
        let (mut send, _recv) = quic.open_bi().await.unwrap();
        send.write_all(greeting).await.unwrap();
        send.finish().unwrap();
        let ConnectionError::ApplicationClosed(close) = soon(quic.closed()).await else { panic!("closed") };
        assert_eq!(close.error_code, VarInt::from_u32(CloseCode::PROTOCOL.0));
        assert_eq!(&close.reason[..], b"no greeting");
    }
    assert!(net.connections().is_empty());
    others_notice_nothing(&net).await;
}

#[tokio::test]
async fn connections_without_a_greeting_do_not_shut_others_out() {
    let (net, stranger) = (node(1).await, stranger(9, b"none/1").await);
    let mut silent = Vec::new();
    for _ in 0..30 {
        silent.push(stranger.connect(iroh_address(&net), Protocol::Home.alpn()).await.unwrap());
    }
    others_notice_nothing(&net).await;
}

#[tokio::test]
async fn guessing_at_pairing_is_slowed_down() {
    let net = node(1).await;
    let guesser = node(9).await;
    acquaint(&net, &guesser);
    for attempt in 0..PAIR_PER_ADDRESS_MAX {
        let connection = soon(guesser.connect(&net.node(), Protocol::Pair)).await;
        let connection = connection.unwrap_or_else(|error| panic!("attempt {attempt}: {error}"));
        let (accepted, _) = soon(net.accept()).await.unwrap();
        drop(connection);
        soon(accepted.closed()).await;
    }
    // The counter of an address forgets a closed connection a moment after its end; the attempts it remembers.
    let error = soon(guesser.connect(&net.node(), Protocol::Pair)).await.unwrap_err();
    assert_eq!(error, ConnectError::TooOften);
    others_notice_nothing(&net).await;
}

#[tokio::test]
async fn few_recover_at_the_same_time() {
    let net = node(1).await;
    let mut open = Vec::new();
    let refused = loop {
        assert!(open.len() <= RECOVER_CONNECTIONS_MAX, "{} connections", open.len());
        // The connections of one node, or of all of them, are too many before the attempts of one address are.
        let seed = u8::try_from(20 + open.len() / RECOVER_CONNECTIONS_PER_NODE_MAX).unwrap();
        let stranger = node(seed).await;
        acquaint(&net, &stranger);
        match soon(stranger.connect(&net.node(), Protocol::Recover)).await {
            Ok(connection) => open.push((stranger, connection, soon(net.accept()).await.unwrap())),
            Err(error) => break error,
        }
    };
    assert_eq!((open.len(), refused), (RECOVER_CONNECTIONS_MAX, ConnectError::Busy));
    others_notice_nothing(&net).await;
}

#[tokio::test]
async fn a_peer_that_drops_everything_at_once_is_only_gone() {
    let (a, at_a, b, at_b) = connected().await;
    let mut stream = at_a.open(StreamKind::Content, StreamKind::Content.priority()).await.unwrap();
    stream.send(&[1; 50_000]).await.unwrap();
    at_b.close(CloseCode::PROTOCOL, &"no ".repeat(500));
    let reason = soon(at_a.closed()).await;
    assert!(reason.to_string().len() < 300, "{reason}");
    assert!(matches!(stream.send(&[1; 50_000]).await, Err(StreamError::Closed(_))));
    assert!(at_a.accept().await.is_none());
    assert!(soon(a.connect(&b.node(), Protocol::Home)).await.is_ok(), "and comes back");
}
