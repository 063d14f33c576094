//! Sync of albums over a connection: one long stream, opened by the side that dialled, driven on a thread of its own.
//!
//! `spaces` says what to send and what to make of what comes; here stand the queues between that and the network. Three
//! tasks and a thread share a connection: the reader takes frames and waits while the thread is busy, so that a peer
//! that floods is slowed and nobody else; the thread drives the [`SyncSession`]; the writer sends what it answers; the
//! news of albums are gathered by space and pushed as soon as the thread is free. What makes no sense is answered with
//! the reason; too much of it, or anything that an honest program would not send, ends the connection.

use std::collections::BTreeSet;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use heirloom_identity::{HouseholdId, SpaceId};
use heirloom_net::{FrameReceiver, FrameSender, FramedStream};
use heirloom_spaces::sync::MESSAGE_BYTES_MAX;
use heirloom_spaces::{News, Reason, SyncError, SyncMessage, SyncSession};
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{broadcast, mpsc};

use super::network::Network;
use crate::clock;
use crate::home::Home;

/// Frames that wait for the thread, each of at most [`MESSAGE_BYTES_MAX`].
const FRAMES_WAITING_MAX: usize = 8;
/// Bytes of answers that wait for the network before the thread waits too.
const ANSWERS_BYTES_MAX: usize = 16 << 20;
/// How long the thread waits for the network to take something before the connection is given up.
const ANSWERS_PATIENCE: Duration = Duration::from_secs(60);
/// How much longer each thing that is refused makes a peer wait, and the longest wait.
const REFUSED_PAUSE: (Duration, Duration) = (Duration::from_millis(10), Duration::from_secs(1));
/// News that a busy connection may be behind before it pushes every album.
pub(crate) const NEWS_QUEUED_MAX: usize = 1024;

/// Why a sync ended.
#[derive(Debug)]
pub(super) enum SyncEnd {
    /// The stream or the connection ended.
    Over,
    /// The peer did what an honest program does not.
    Misbehaved(String),
    /// The peer takes nothing any more, or this home could not go on.
    Stuck(String),
}

/// What the thread is asked to do.
enum Work {
    /// Take a message of the peer.
    Frame(Bytes),
    /// Push the albums that changed.
    Push,
}

/// Syncs until the stream ends.
pub(super) async fn run(network: &Arc<Network>, household: HouseholdId, stream: FramedStream) -> SyncEnd {
    let mut news = network.home.news();
    let (sender, receiver) = stream.split();
    let (work, todo) = mpsc::channel(FRAMES_WAITING_MAX);
    let (answers, answered) = mpsc::unbounded_channel();
    let outbox = Outbox { answers, backlog: Arc::new(Backlog::default()) };
    let backlog = Arc::clone(&outbox.backlog);
    let changed = Arc::new(Spaces::default());
    let home = Arc::clone(&network.home);
    let spaces = Arc::clone(&changed);
    // Ends when `work` is dropped, that is with this function at the latest.
    let thread = tokio::task::spawn_blocking(move || drive(&home, household, todo, &spaces, &outbox));
    tokio::select! {
        () = read(receiver, &work) => SyncEnd::Over,
        () = write(sender, answered, &backlog) => SyncEnd::Over,
        () = gather(&network.home, household, &mut news, &changed, &work) => SyncEnd::Over,
        end = thread => end.unwrap_or_else(|error| SyncEnd::Stuck(error.to_string())),
    }
}

async fn read(mut receiver: FrameReceiver, work: &mpsc::Sender<Work>) {
    while let Ok(Some(frame)) = receiver.recv(MESSAGE_BYTES_MAX).await {
        if work.send(Work::Frame(frame)).await.is_err() {
            // The thread ended and says why.
            return std::future::pending().await;
        }
    }
}

async fn write(mut sender: FrameSender, mut answered: mpsc::UnboundedReceiver<Vec<u8>>, backlog: &Backlog) {
    while let Some(bytes) = answered.recv().await {
        if sender.send(&bytes).await.is_err() {
            return;
        }
        backlog.sent(bytes.len());
    }
    // The thread ended; its last words are given the time to arrive.
    sender.finish().await.unwrap_or_default();
    std::future::pending::<()>().await;
}

/// Notes which albums changed, whoever changed them, and wakes the thread.
async fn gather(
    home: &Home,
    household: HouseholdId,
    news: &mut broadcast::Receiver<Arc<News>>,
    changed: &Spaces,
    work: &mpsc::Sender<Work>,
) {
    loop {
        match news.recv().await {
            Ok(news) => changed.add([news.space]),
            Err(RecvError::Lagged(_)) => match home.albums.spaces_with(&household) {
                Ok(spaces) => changed.add(spaces),
                Err(error) => tracing::warn!(%error, "cannot read which albums are shared"),
            },
            Err(RecvError::Closed) => return,
        }
        // A full queue means that the thread will look at the changed albums anyway.
        work.try_send(Work::Push).unwrap_or_default();
    }
}

/// The thread of one sync.
fn drive(
    home: &Home,
    household: HouseholdId,
    mut todo: mpsc::Receiver<Work>,
    changed: &Spaces,
    outbox: &Outbox,
) -> SyncEnd {
    let mut driver = Driver { session: home.albums.session(household), refused: 0, outbox };
    let mut outcome = driver.open();
    while outcome.is_ok() {
        let Some(work) = todo.blocking_recv() else { return SyncEnd::Over };
        outcome = match work {
            Work::Frame(frame) => driver.take(&frame),
            Work::Push => Ok(()),
        };
        for space in changed.take() {
            outcome = outcome.and_then(|()| driver.push(&space));
        }
    }
    outcome.err().unwrap_or(SyncEnd::Over)
}

/// One session and what it cost so far.
struct Driver<'a> {
    session: SyncSession,
    refused: u32,
    outbox: &'a Outbox,
}

impl Driver<'_> {
    fn open(&mut self) -> Result<(), SyncEnd> {
        let messages = self.session.open().map_err(|error| SyncEnd::Stuck(error.to_string()))?;
        self.outbox.send(&messages)
    }

    fn push(&mut self, space: &SpaceId) -> Result<(), SyncEnd> {
        match self.session.push(space) {
            Ok(messages) => self.outbox.send(&messages),
            Err(error) => {
                tracing::warn!(%error, "cannot read what changed in an album");
                Ok(())
            }
        }
    }

    fn take(&mut self, frame: &[u8]) -> Result<(), SyncEnd> {
        let received =
            SyncMessage::decode(frame).and_then(|message| self.session.receive(message, clock::now_ms()));
        match received {
            Ok(messages) => {
                self.outbox.send(&messages)?;
                self.slow_down();
                Ok(())
            }
            Err(error) => self.refuse(&error),
        }
    }

    /// A peer of which something was refused waits; the more often, the longer. It was told why.
    fn slow_down(&mut self) {
        for problem in self.session.problems() {
            tracing::info!(peer = %self.session.peer(), %problem, "refused");
            if problem.reason == Reason::Storage {
                // Not the peer's fault: the disk is full, most often.
                std::thread::sleep(REFUSED_PAUSE.1);
            } else {
                self.refused = self.refused.saturating_add(1);
                std::thread::sleep((REFUSED_PAUSE.0 * self.refused).min(REFUSED_PAUSE.1));
            }
        }
    }

    /// Tells the peer why the connection ends.
    fn refuse(&self, error: &SyncError) -> Result<(), SyncEnd> {
        let text = error.to_string();
        let reason = error.reason.code();
        self.outbox.send(&[SyncMessage::Refused { space: [0; 32], reason, text: text.clone() }])?;
        Err(SyncEnd::Misbehaved(text))
    }
}

/// Where answers go.
struct Outbox {
    answers: mpsc::UnboundedSender<Vec<u8>>,
    backlog: Arc<Backlog>,
}

impl Outbox {
    /// Queues messages; waits first if the network has not taken enough of those before.
    fn send(&self, messages: &[SyncMessage]) -> Result<(), SyncEnd> {
        for message in messages {
            if !self.backlog.wait() {
                return Err(SyncEnd::Stuck("the other home takes nothing any more".to_owned()));
            }
            let bytes = message.encode();
            self.backlog.queued(bytes.len());
            if self.answers.send(bytes).is_err() {
                return Err(SyncEnd::Over);
            }
        }
        Ok(())
    }
}

/// How many bytes wait for the network.
#[derive(Default)]
struct Backlog {
    bytes: Mutex<usize>,
    moved: Condvar,
}

impl Backlog {
    fn lock(&self) -> MutexGuard<'_, usize> {
        self.bytes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn queued(&self, bytes: usize) {
        *self.lock() += bytes;
    }

    fn sent(&self, bytes: usize) {
        let mut waiting = self.lock();
        *waiting = waiting.saturating_sub(bytes);
        self.moved.notify_all();
    }

    /// Waits until there is room; `false` when there is none for too long.
    fn wait(&self) -> bool {
        let is_full = |waiting: &mut usize| *waiting > ANSWERS_BYTES_MAX;
        let waited = self.moved.wait_timeout_while(self.lock(), ANSWERS_PATIENCE, is_full);
        let (waiting, wait) = waited.unwrap_or_else(PoisonError::into_inner);
        drop(waiting);
        !wait.timed_out()
    }
}

/// The albums that changed since the thread looked last.
#[derive(Default)]
struct Spaces {
    changed: Mutex<BTreeSet<SpaceId>>,
}

impl Spaces {
    fn add(&self, spaces: impl IntoIterator<Item = SpaceId>) {
        self.changed.lock().unwrap_or_else(PoisonError::into_inner).extend(spaces);
    }

    fn take(&self) -> BTreeSet<SpaceId> {
        std::mem::take(&mut *self.changed.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
