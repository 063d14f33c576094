//! The serving side of a stream: reads requests, asks the [`Source`], sends proved groups.
//!
//! Three tasks, joined by short queues, so that nothing a peer does makes memory grow: the reader of requests (waits
//! when [`REQUESTS_QUEUED_MAX`] are open), the encoder on a blocking thread (waits when [`BUFFERS_QUEUED_MAX`] buffers
//! are full), and the sender (waits for the [`Budget`] and for QUIC). When one ends, the others do.

use std::fs::File;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use heirloom_identity::{ContentHash, NodeId};
use thiserror::Error;
use tokio::sync::mpsc::{self, error::TryRecvError};
use tokio_util::task::AbortOnDropHandle;

use super::budget::Budget;
use super::encode::{Encoder, Filled, ROOM_MIN, say_broken_off};
use super::outboards::{OutboardError, Outboards, SIDECAR_FROM_BYTES};
use super::places::Places;
use super::pool::Pool;
use super::streams::{Cut, Incoming, Outgoing};
use super::wire::{
    BrokenOff, HEAD_LEN, ITEMS_PER_STREAM_MAX, REQUEST_BYTES_MAX, Request, RequestError, SEGMENT_BYTES_MAX,
    STATUS_HERE, STATUS_NOT_HERE, VERSION, head,
};

/// Requests that are read ahead of the one being answered.
const REQUESTS_QUEUED_MAX: usize = 32;

/// Full buffers that wait to be sent.
const BUFFERS_QUEUED_MAX: usize = 4;

/// How long a buffer may wait for the other side to read, and how long a stream may be open without a request.
pub const SERVE_STALL_MAX: Duration = Duration::from_secs(60);

/// Length of a buffer: the segment that 16 groups make, and what begins an item.
const BUFFER_LEN: usize = SEGMENT_BYTES_MAX;

/// Decides what may be served to the peer that this source was made for.
pub trait Source: Send + Sync + 'static {
    /// The file for a root hash, and its length, if the asker may have it by this token. Called on a blocking thread, once
    /// for each item. None becomes the one "not here" answer, whatever the reason.
    fn open(&self, token: &[u8], root: &ContentHash) -> Option<(File, u64)>;

    /// A file that [`Source::open`] gave isn't what its name says any more, or can't be read: look at it, repair it.
    fn damaged(&self, root: &ContentHash, why: Damage);
}

/// What is wrong with a file of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Damage {
    /// The system could not read it.
    Unreadable,
    /// Its length or its bytes have changed.
    Changed,
}

/// What all serves of a node share.
#[derive(Debug)]
pub struct Serving {
    outboards: Arc<Outboards>,
    budget: Arc<Budget>,
    pool: Pool,
    places: Places,
    sent: AtomicU64,
}

impl Serving {
    /// Keeps outboards in a folder of derived data; sends within a budget.
    pub fn new(outboards: Outboards, budget: Arc<Budget>) -> Self {
        let pool = Pool::new(BUFFER_LEN);
        let places = Places::default();
        Self { outboards: Arc::new(outboards), budget, pool, places, sent: AtomicU64::new(0) }
    }

    /// Bytes that all serves have sent since the start, proofs included.
    pub fn sent_bytes(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    /// Makes the sidecar of a large file before anybody asks for it, so that the first one doesn't wait. Blocks.
    ///
    /// # Errors
    /// What the system says, or `InvalidData` when the file is not what its name says.
    pub fn prepare(&self, root: &ContentHash, file: &File, bytes: u64) -> io::Result<()> {
        if bytes <= SIDECAR_FROM_BYTES {
            return Ok(());
        }
        match self.outboards.open(root, bytes, file) {
            Ok(_) => Ok(()),
            Err(OutboardError::Io(error)) => Err(error),
            Err(error) => Err(io::Error::new(io::ErrorKind::InvalidData, error)),
        }
    }

    /// The folder of sidecars, to forget those of files that are gone.
    pub fn outboards(&self) -> &Outboards {
        &self.outboards
    }
}

/// What one stream was given.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Served {
    /// Items that were answered, with bytes or without.
    pub items: u32,
    /// Bytes sent, proofs included.
    pub bytes: u64,
}

/// Why a stream was broken off.
#[derive(Debug, Error)]
pub enum ServeError {
    /// The peer sent what it may not send.
    #[error("the peer asked for what cannot be: {0}")]
    Request(#[from] RequestError),
    /// The peer did not read, or did not ask, for [`SERVE_STALL_MAX`].
    #[error("the peer let a transfer wait for too long")]
    Stalled,
    /// The stream or its connection broke.
    #[error("the stream broke: {0}")]
    Stream(#[source] io::Error),
}

/// Answers everything that is asked in one stream; returns once all of it is handed to the stream, or the stream broke.
///
/// # Errors
/// [`ServeError`]; the stream has then been cut off with the reason.
pub async fn serve<O: Outgoing, I: Incoming>(
    mut out: O,
    mut asked: I,
    peer: NodeId,
    source: Arc<dyn Source>,
    serving: Arc<Serving>,
) -> Result<Served, ServeError> {
    let _place = serving.places.enter(peer).await;
    let (requests, waiting) = mpsc::channel(REQUESTS_QUEUED_MAX);
    let open = Arc::new(AtomicU32::new(0));
    let (full, mut buffers) = mpsc::channel(BUFFERS_QUEUED_MAX);
    let draft = Draft { buffer: serving.pool.take(), at: 0, full, pool: serving.pool.clone() };
    let outboards = Arc::clone(&serving.outboards);
    let encoder = tokio::task::spawn_blocking({
        let open = Arc::clone(&open);
        move || answer_all(waiting, draft, &*source, &outboards, &open)
    });
    // Ending the sender makes the encoder's next buffer fail, which ends the encoder: nothing is left behind.
    let reader = AbortOnDropHandle::new(tokio::spawn(async move {
        let read = read_requests(&mut asked, requests, &open).await;
        if read.is_err() {
            asked.cut(Cut::Malformed);
        }
        read
    }));
    let mut served = Served::default();
    let sent = send_all(&mut out, &mut buffers, peer, &serving, &mut served).await;
    drop(buffers);
    if let Err(error) = sent {
        out.cut(if matches!(error, ServeError::Stalled) { Cut::Stalled } else { Cut::Enough });
        return Err(error);
    }
    // All buffers are sent, so the encoder has ended, because the reader did.
    let read = reader.await.unwrap_or(Ok(()));
    served.items = encoder.await.unwrap_or(0);
    match read {
        Ok(()) => {
            out.finish();
            Ok(served)
        }
        Err(error) => {
            out.cut(if matches!(error, ServeError::Stalled) { Cut::Stalled } else { Cut::Malformed });
            Err(error)
        }
    }
}

async fn read_requests<I: Incoming>(
    asked: &mut I,
    requests: mpsc::Sender<Request>,
    open: &AtomicU32,
) -> Result<(), ServeError> {
    let mut held = Vec::with_capacity(2 * REQUEST_BYTES_MAX);
    let mut buffer = vec![0; 16 * REQUEST_BYTES_MAX];
    let (mut begun, mut items) = (false, 0);
    loop {
        let count = match tokio::time::timeout(SERVE_STALL_MAX, asked.read(&mut buffer)).await {
            Ok(read) => read.map_err(ServeError::Stream)?,
            Err(_) if open.load(Ordering::Relaxed) == 0 => return Err(ServeError::Stalled),
            // There is still something to send; who does not read that is noticed there.
            Err(_) => continue,
        };
        if count == 0 {
            return if held.is_empty() { Ok(()) } else { Err(RequestError::CutOff.into()) };
        }
        let mut fresh = &buffer[..count];
        if !begun {
            if fresh[0] != VERSION {
                return Err(RequestError::Version(fresh[0]).into());
            }
            (begun, fresh) = (true, &fresh[1..]);
        }
        held.extend_from_slice(fresh);
        let mut used = 0;
        while let Some((request, len)) = Request::decode(&held[used..])? {
            used += len;
            items += 1;
            if items > ITEMS_PER_STREAM_MAX {
                return Err(RequestError::Items.into());
            }
            open.fetch_add(1, Ordering::Relaxed);
            if requests.send(request).await.is_err() {
                return Ok(());
            }
        }
        held.drain(..used);
    }
}

async fn send_all<O: Outgoing>(
    out: &mut O,
    buffers: &mut mpsc::Receiver<Bytes>,
    peer: NodeId,
    serving: &Serving,
    served: &mut Served,
) -> Result<(), ServeError> {
    while let Some(mut buffer) = buffers.recv().await {
        while !buffer.is_empty() {
            let part = buffer.split_to(buffer.len().min(serving.budget.turn_bytes_max()));
            let len = part.len();
            let turn = serving.budget.turn(peer, len).await;
            let written = tokio::time::timeout(SERVE_STALL_MAX, out.write(part)).await;
            drop(turn);
            written.map_err(|_| ServeError::Stalled)?.map_err(ServeError::Stream)?;
            served.bytes += len as u64;
            serving.sent.fetch_add(len as u64, Ordering::Relaxed);
        }
    }
    Ok(())
}

/// The sender is gone: there is nobody to encode for.
struct Gone;

/// The buffer being filled.
struct Draft {
    buffer: Vec<u8>,
    at: usize,
    full: mpsc::Sender<Bytes>,
    pool: Pool,
}

impl Draft {
    fn send(&mut self) -> Result<(), Gone> {
        if self.at == 0 {
            return Ok(());
        }
        let buffer = std::mem::replace(&mut self.buffer, self.pool.take());
        let bytes = self.pool.freeze(buffer, self.at);
        self.at = 0;
        self.full.blocking_send(bytes).map_err(|_| Gone)
    }

    fn make_room(&mut self) -> Result<(), Gone> {
        if self.buffer.len() - self.at < ROOM_MIN { self.send() } else { Ok(()) }
    }
}

/// Answers until there are no more requests; returns how many there were.
fn answer_all(
    mut requests: mpsc::Receiver<Request>,
    mut draft: Draft,
    source: &dyn Source,
    outboards: &Arc<Outboards>,
    open: &AtomicU32,
) -> u32 {
    let mut answered = 0;
    loop {
        let request = match requests.try_recv() {
            Ok(request) => Some(request),
            Err(TryRecvError::Disconnected) => None,
            Err(TryRecvError::Empty) => {
                // Nothing to add for now: what is there goes out.
                if draft.send().is_err() {
                    return answered;
                }
                requests.blocking_recv()
            }
        };
        let Some(request) = request else { break };
        if answer(&request, &mut draft, source, outboards).is_err() {
            return answered;
        }
        open.fetch_sub(1, Ordering::Relaxed);
        answered += 1;
    }
    // An error means that the sender has ended with its own.
    drop(draft.send());
    draft.pool.give_back(draft.buffer);
    answered
}

fn answer(
    request: &Request,
    draft: &mut Draft,
    source: &dyn Source,
    outboards: &Arc<Outboards>,
) -> Result<(), Gone> {
    draft.make_room()?;
    let found = source.open(&request.token, &request.root);
    let Some((file, _)) = found.filter(|(_, bytes)| *bytes == request.bytes) else {
        draft.buffer[draft.at..draft.at + HEAD_LEN].copy_from_slice(&head(STATUS_NOT_HERE, 0));
        draft.at += HEAD_LEN;
        return Ok(());
    };
    let mut encoder = match Encoder::open(file, request.root, request.bytes, &request.groups, outboards) {
        Ok(encoder) => encoder,
        Err(why) => {
            source.damaged(&request.root, damage(why));
            let at = draft.at + HEAD_LEN;
            draft.buffer[draft.at..at].copy_from_slice(&head(STATUS_HERE, request.bytes));
            draft.at = say_broken_off(&mut draft.buffer, at, why);
            return Ok(());
        }
    };
    loop {
        match encoder.fill(&mut draft.buffer, draft.at) {
            Filled::All(at) => {
                draft.at = at;
                return Ok(());
            }
            Filled::BrokenOff(at, why) => {
                draft.at = at;
                source.damaged(&request.root, damage(why));
                return Ok(());
            }
            Filled::More(at) => {
                draft.at = at;
                draft.send()?;
            }
        }
    }
}

fn damage(why: BrokenOff) -> Damage {
    match why {
        BrokenOff::Unreadable => Damage::Unreadable,
        BrokenOff::Damaged => Damage::Changed,
    }
}
