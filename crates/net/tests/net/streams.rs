//! Streams between two well-behaved nodes: frames, ends, limits of time.

use std::time::Duration;

use heirloom_net::limits::{FRAME_BYTES_MAX, STRANGER_STREAMS_MAX, STREAMS_MAX};
use heirloom_net::{Connection, FramedStream, Priority, Protocol, ResetCode, StreamError, StreamKind};

use crate::support::{connected, meet, soon, two};

#[tokio::test]
async fn frames_of_all_sizes_arrive_whole_and_in_order() {
    let (_a, at_a, _b, at_b) = connected().await;
    let sizes = [0, 1, 3, 4, 5, 16_383, 16_384, 16_385, 70_000, FRAME_BYTES_MAX];
    let frames: Vec<Vec<u8>> = (0_u8..).zip(sizes).map(|(fill, size)| vec![fill; size]).collect();
    let sending = async {
        let mut stream = at_a.open(StreamKind::Sync, Priority::SYNC).await.unwrap();
        for frame in &frames {
            stream.send(frame).await.unwrap();
        }
        stream.finish().await.unwrap();
    };
    let receiving = async {
        let (_, mut stream) = at_b.accept().await.unwrap();
        for frame in &frames {
            assert_eq!(stream.recv(FRAME_BYTES_MAX).await.unwrap().unwrap(), frame);
        }
        assert_eq!(stream.recv(FRAME_BYTES_MAX).await, Ok(None));
        assert_eq!(stream.recv(FRAME_BYTES_MAX).await, Err(StreamError::Ended));
    };
    soon(async { tokio::join!(sending, receiving) }).await;
}

#[tokio::test]
async fn a_frame_larger_than_wanted_ends_the_stream_and_nothing_else() {
    let (_a, at_a, _b, at_b) = connected().await;
    let mut stream = at_a.open(StreamKind::Sync, Priority::SYNC).await.unwrap();
    stream.send(&[0; 1001]).await.unwrap();
    let (_, mut received) = soon(at_b.accept()).await.unwrap();
    let error = soon(received.recv(1000)).await.unwrap_err();
    assert_eq!(error, StreamError::TooLarge { bytes: 1001, max: 1000 });
    let (sender, _receiver) = stream.split();
    soon(sender.stopped()).await;
    assert_eq!(soon(sender.finish()).await, Err(StreamError::Reset(ResetCode::TOO_LARGE)));
    let too_large = StreamError::TooLarge { bytes: FRAME_BYTES_MAX + 1, max: FRAME_BYTES_MAX };
    let mut next = at_a.open(StreamKind::Sync, Priority::SYNC).await.unwrap();
    assert_eq!(next.send(&vec![0; FRAME_BYTES_MAX + 1]).await, Err(too_large));
    next.send(b"still here").await.unwrap();
    let (_, mut received) = soon(at_b.accept()).await.unwrap();
    assert_eq!(soon(received.recv(100)).await.unwrap().unwrap(), "still here");
}

#[tokio::test]
async fn waiting_for_a_frame_may_be_dropped_and_taken_up_again() {
    let (_a, at_a, _b, at_b) = connected().await;
    let (mut sender, _answers) = at_a.open(StreamKind::Sync, Priority::SYNC).await.unwrap().split();
    sender.send(b"first").await.unwrap();
    let (_, mut stream) = soon(at_b.accept()).await.unwrap();
    assert_eq!(soon(stream.recv(100)).await.unwrap().unwrap(), "first");
    let sending = tokio::spawn(async move {
        sender.send(&vec![7; FRAME_BYTES_MAX]).await.unwrap();
        sender
    });
    let mut drops = 0;
    let frame = loop {
        // Polled once at a time, as in a `select!` whose other branch is ready again and again.
        let waiting = stream.recv(FRAME_BYTES_MAX);
        if let Ok(frame) = tokio::time::timeout(Duration::ZERO, waiting).await {
            break frame.unwrap().unwrap();
        }
        drops += 1;
        tokio::task::yield_now().await;
    };
    assert!(drops > 0);
    assert_eq!(frame, vec![7; FRAME_BYTES_MAX]);
    drop(sending.await.unwrap());
}

#[tokio::test]
async fn an_answer_that_does_not_come_is_given_up() {
    let (_a, at_a, _b, at_b) = connected().await;
    let mut stream = at_a.open(StreamKind::Hello, Priority::CONTROL).await.unwrap();
    let (_, silent) = soon(at_b.accept()).await.unwrap();
    let limit = Duration::from_millis(200);
    assert_eq!(stream.recv_within(100, limit).await, Err(StreamError::Stalled(limit)));
    let (sender, _receiver) = silent.split();
    soon(sender.stopped()).await;
    assert_eq!(soon(sender.finish()).await, Err(StreamError::Reset(ResetCode::STALLED)));
}

#[tokio::test]
async fn a_receiver_that_takes_nothing_stalls_only_its_stream() {
    let (_a, at_a, _b, at_b) = connected().await;
    let mut stream = at_a.open(StreamKind::Content, Priority::CONTENT).await.unwrap();
    let limit = Duration::from_millis(300);
    stream.set_stall(limit);
    let frame = vec![0; FRAME_BYTES_MAX];
    let error = soon(async {
        loop {
            if let Err(error) = stream.send(&frame).await {
                return error;
            }
        }
    });
    assert_eq!(error.await, StreamError::Stalled(limit));
    assert_eq!(stream.send(&frame).await, Err(StreamError::Ended));
    let (_, mut stalled) = soon(at_b.accept()).await.unwrap();
    let mut next = at_a.open(StreamKind::Sync, Priority::SYNC).await.unwrap();
    next.send(b"still here").await.unwrap();
    let (_, mut received) = soon(at_b.accept()).await.unwrap();
    assert_eq!(soon(received.recv(100)).await.unwrap().unwrap(), "still here");
    let end = soon(async {
        loop {
            if let Err(error) = stalled.recv(FRAME_BYTES_MAX).await {
                return error;
            }
        }
    });
    assert_eq!(end.await, StreamError::Reset(ResetCode::STALLED));
}

#[tokio::test]
async fn streams_are_counted_and_room_is_given_back() {
    let (_a, at_a, _b, at_b) = connected().await;
    let mut open = Vec::new();
    let mut one_more = loop {
        let waiting = at_a.clone();
        let opening = async move { waiting.open(StreamKind::Sync, Priority::SYNC).await };
        let mut opening = tokio::spawn(opening);
        match tokio::time::timeout(Duration::from_millis(300), &mut opening).await {
            Ok(stream) => open.push(stream.unwrap().unwrap()),
            Err(_) => break opening,
        }
    };
    // The greeting may still count as one.
    let limit = usize::try_from(STREAMS_MAX).unwrap();
    assert!((limit - 1..=limit).contains(&open.len()), "{} streams", open.len());
    for stream in open {
        stream.reset(ResetCode::CANCELLED);
        let (_, taken) = soon(at_b.accept()).await.unwrap();
        drop(taken);
    }
    assert!(soon(&mut one_more).await.unwrap().is_ok());
}

#[tokio::test]
async fn a_kind_has_its_place() {
    let (a, b) = two().await;
    let (paired, _accepted) = meet(&a, &b, Protocol::Pair).await;
    let mut stream = paired.open(StreamKind::Sync, Priority::SYNC).await.unwrap();
    let error = soon(stream.recv(100)).await.unwrap_err();
    assert_eq!(error, StreamError::Reset(ResetCode::UNKNOWN_KIND));
    // The rights of somebody who only pairs are few.
    let mut open = Vec::new();
    let refused = loop {
        let opening = paired.open(StreamKind::Pairing, Priority::CONTROL);
        match tokio::time::timeout(Duration::from_millis(300), opening).await {
            Ok(stream) => open.push(stream.unwrap()),
            Err(_) => break open.len(),
        }
        assert!(open.len() < 100);
    };
    assert!(refused <= usize::try_from(STRANGER_STREAMS_MAX).unwrap(), "{refused} streams");
}

/// How many more streams of this kind may be opened.
async fn room(connection: &Connection, kind: StreamKind, enough: usize) -> Vec<FramedStream> {
    let mut open = Vec::new();
    while open.len() < enough {
        let opening = connection.open(kind, Priority::CONTROL);
        let Ok(stream) = tokio::time::timeout(Duration::from_millis(300), opening).await else { break };
        open.push(stream.unwrap());
    }
    open
}

#[tokio::test]
async fn whoever_recovers_is_a_stranger_until_trusted() {
    let (a, b) = two().await;
    let (dialled, accepted) = meet(&a, &b, Protocol::Recover).await;
    for kind in [StreamKind::Vault, StreamKind::Sync, StreamKind::Pairing] {
        let mut stream = dialled.open(kind, Priority::CONTROL).await.unwrap();
        let error = soon(stream.recv(100)).await.unwrap_err();
        assert_eq!(error, StreamError::Reset(ResetCode::UNKNOWN_KIND));
    }
    let open = room(&dialled, StreamKind::Recovery, 100).await;
    assert!(open.len() <= usize::try_from(STRANGER_STREAMS_MAX).unwrap(), "{} streams", open.len());
    // Less than one frame of the largest size fits into what a stranger may have on its way.
    let mut first = open.into_iter().next().unwrap();
    let large = vec![7; FRAME_BYTES_MAX];
    let sending = tokio::time::timeout(Duration::from_millis(300), first.send(&large)).await;
    assert!(sending.is_err(), "nobody reads, and it fits");

    accepted.trust();
    let open = room(&dialled, StreamKind::Recovery, 40).await;
    assert_eq!(open.len(), 40);
}

#[tokio::test]
async fn a_home_connection_carries_the_vault_but_no_recovery() {
    let (_a, at_a, _b, at_b) = connected().await;
    let mut stream = at_a.open(StreamKind::Recovery, Priority::CONTROL).await.unwrap();
    assert_eq!(soon(stream.recv(100)).await, Err(StreamError::Reset(ResetCode::UNKNOWN_KIND)));
    let _vault = at_a.open(StreamKind::Vault, StreamKind::Vault.priority()).await.unwrap();
    let (kind, _stream) = soon(at_b.accept()).await.unwrap();
    assert_eq!(kind, StreamKind::Vault);
}
