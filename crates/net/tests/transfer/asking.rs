//! Peers who ask for what cannot be, for too much, or never take what they asked for.

use std::future::poll_fn;
use std::io;
use std::pin::pin;
use std::sync::Arc;

use bytes::Bytes;
use heirloom_identity::{ContentHash, NodeId};
use heirloom_net::transfer::{Cut, Outgoing, RequestError, ServeError, Served, serve};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::Notify;

use crate::support::{Out, Shelf, TOKEN, data, pipe, serving, soon};

const ASKER: NodeId = NodeId::from_bytes([7; 32]);

/// A request as the format draws it.
fn request(token: &[u8], root: &ContentHash, bytes: u64, ranges: &[(u64, u64)]) -> Vec<u8> {
    let mut out = vec![u8::try_from(token.len()).unwrap()];
    out.extend_from_slice(token);
    out.extend_from_slice(root.as_bytes());
    out.extend_from_slice(&bytes.to_le_bytes());
    out.push(u8::try_from(ranges.len()).unwrap());
    for (first, end) in ranges {
        out.extend_from_slice(&first.to_le_bytes());
        out.extend_from_slice(&end.to_le_bytes());
    }
    out
}

/// A side of a pipe that says when it takes no more.
struct Filling {
    out: Out,
    full: Arc<Notify>,
}

impl Outgoing for Filling {
    async fn write(&mut self, bytes: Bytes) -> io::Result<()> {
        let mut writing = pin!(self.out.write(bytes));
        poll_fn(|context| {
            let written = writing.as_mut().poll(context);
            if written.is_pending() {
                self.full.notify_one();
            }
            written
        })
        .await
    }

    fn finish(&mut self) {
        self.out.finish();
    }

    fn cut(&mut self, why: Cut) {
        self.out.cut(why);
    }
}

/// Sends these bytes, reads everything that is answered.
async fn ask(shelf: &Arc<Shelf>, bytes: Vec<u8>) -> (Result<Served, ServeError>, Vec<u8>) {
    let ((mut out, mut answers), (far_out, far_in)) = pipe();
    let serving = serving(shelf);
    let server = tokio::spawn(serve(far_out, far_in, ASKER, Arc::<Shelf>::clone(shelf), serving));
    let writer = tokio::spawn(async move {
        // Who is cut off in the middle cannot write the rest.
        drop(out.0.write_all(&bytes).await);
        drop(out.0.shutdown().await);
        out
    });
    let mut answer = Vec::new();
    soon(answers.0.read_to_end(&mut answer)).await.unwrap();
    let served = soon(server).await.unwrap();
    drop(soon(writer).await);
    (served, answer)
}

#[tokio::test]
async fn every_reason_for_not_here_looks_the_same() {
    let file = data(1, 100_000);
    let shelf = Shelf::with(std::slice::from_ref(&file));
    let root = ContentHash::of(&file);
    let mut answers = Vec::new();
    for (token, root, bytes) in [
        (TOKEN, ContentHash::of(b"unknown"), 100_000),
        (&b"may not"[..], root, 100_000),
        (&b""[..], root, 100_000),
        (TOKEN, root, 100_001),
        (TOKEN, root, 0),
    ] {
        let mut bytes = [vec![1], request(token, &root, bytes, &[])].concat();
        bytes.extend(request(TOKEN, &root, 100_000, &[(0, 1)]));
        let (served, answer) = ask(&shelf, bytes).await;
        assert_eq!(served.unwrap().items, 2);
        answers.push(answer[..9].to_vec());
    }
    assert_eq!(answers, vec![vec![1, 0, 0, 0, 0, 0, 0, 0, 0]; 5]);
}

#[tokio::test]
async fn what_is_no_request_ends_the_stream() {
    let file = data(1, 100_000);
    let shelf = Shelf::with(std::slice::from_ref(&file));
    let root = ContentHash::of(&file);
    let ask_ranges = |ranges: &[(u64, u64)]| [vec![1], request(TOKEN, &root, 100_000, ranges)].concat();
    let mut too_large = ask_ranges(&[]);
    let at = 1 + 1 + TOKEN.len() + 32;
    too_large[at..at + 8].copy_from_slice(&1_000_000_000_000_000_u64.to_le_bytes());
    for (bytes, expected) in [
        (vec![2], RequestError::Version(2)),
        (b"GET / HTTP/1.1\r\n\r\n".to_vec(), RequestError::Version(b'G')),
        (vec![1, 255], RequestError::Token(255)),
        (too_large, RequestError::Size(1_000_000_000_000_000)),
        (ask_ranges(&[(0, 1); 65]), RequestError::Ranges(65)),
        (ask_ranges(&[(3, 3)]), RequestError::Range { first: 3, end: 3, count: 7 }),
        (ask_ranges(&[(0, 8)]), RequestError::Range { first: 0, end: 8, count: 7 }),
        (
            ask_ranges(&[(5, 1_000_000_000_000)]),
            RequestError::Range { first: 5, end: 1_000_000_000_000, count: 7 },
        ),
        (ask_ranges(&[(2, 3), (3, 4)]), RequestError::Range { first: 3, end: 4, count: 7 }),
        (ask_ranges(&[])[..30].to_vec(), RequestError::CutOff),
    ] {
        let (served, answer) = ask(&shelf, bytes).await;
        assert!(
            matches!(&served, Err(ServeError::Request(error)) if *error == expected),
            "{served:?} {expected:?}"
        );
        assert!(answer.is_empty());
    }
}

#[tokio::test]
async fn good_requests_before_a_bad_one_are_answered() {
    let file = data(1, 100_000);
    let shelf = Shelf::with(std::slice::from_ref(&file));
    let mut bytes = [vec![1], request(TOKEN, &ContentHash::of(&file), 100_000, &[])].concat();
    bytes.push(200);
    let (served, answer) = ask(&shelf, bytes).await;
    assert!(matches!(served, Err(ServeError::Request(RequestError::Token(200)))));
    assert!(answer.len() > 100_000);
}

#[tokio::test]
async fn a_flood_of_requests_ends_at_the_limit() {
    let shelf = Shelf::new();
    let one = request(b"", &ContentHash::of(b"unknown"), 5, &[]);
    let bytes = [vec![1], one.repeat(100_000)].concat();
    let (served, answer) = ask(&shelf, bytes).await;
    assert!(matches!(served, Err(ServeError::Request(RequestError::Items))), "{served:?}");
    assert!(answer.len() <= 4096 * 9);
}

#[tokio::test]
async fn noise_is_answered_with_an_error_or_not_at_all() {
    let shelf = Shelf::new();
    for seed in 1..200 {
        let mut bytes = data(seed, (seed as usize * 97) % 5000 + 1);
        bytes[0] = 1;
        let (served, answer) = ask(&shelf, bytes).await;
        assert!(matches!(served, Ok(_) | Err(ServeError::Request(_))), "{served:?}");
        assert!(answer.len() <= 4096 * 9 && answer.len() % 9 == 0);
    }
}

/// Method: the server writes until a write has to wait; it may not have written more by then than the pipe and it hold.
#[tokio::test]
async fn who_does_not_read_makes_no_memory_grow() {
    let file = data(1, 64 << 20);
    let shelf = Shelf::with(std::slice::from_ref(&file));
    let ((mut out, answers), (far_out, far_in)) = pipe();
    let serving = serving(&shelf);
    let full = Arc::new(Notify::new());
    let far_out = Filling { out: far_out, full: Arc::clone(&full) };
    let server =
        tokio::spawn(serve(far_out, far_in, ASKER, Arc::<Shelf>::clone(&shelf), Arc::clone(&serving)));
    let one = request(TOKEN, &ContentHash::of(&file), 64 << 20, &[]);
    let mut bytes = vec![1];
    (0..100).for_each(|_| bytes.extend_from_slice(&one));
    out.0.write_all(&bytes).await.unwrap();
    soon(full.notified()).await;
    assert!(serving.sent_bytes() < 1 << 20, "{}", serving.sent_bytes());
    // Once the asker is gone, so is its serve.
    drop((out, answers));
    assert!(matches!(soon(server).await.unwrap(), Err(ServeError::Stream(_))));
}
