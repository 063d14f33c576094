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
use tokio::time::Instant;

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
/// How long after the last news everything is offered again, at first and at most; it doubles. An offer is a few bytes for
/// each album, and makes good whatever went wrong since the last one.
const OFFER_AGAIN: (Duration, Duration) = (Duration::from_secs(60), Duration::from_secs(30 * 60));
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
    /// Offer everything again.
    Offer,
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
    // Ends when `work` is dropped and the backlog closed, that is with this function at the latest; the network waits for
    // it when it stops.
    let thread = network.tasks.spawn_blocking(move || drive(&home, household, todo, &spaces, &outbox));
    let _closing = Closing(&backlog);
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

/// Notes which albums changed, whoever changed them, and wakes the thread; now and then has it offer everything again.
async fn gather(
    home: &Home,
    household: HouseholdId,
    news: &mut broadcast::Receiver<Arc<News>>,
    changed: &Spaces,
    work: &mpsc::Sender<Work>,
) {
    let mut pause = OFFER_AGAIN.0;
    let mut offer_at = Instant::now() + pause;
    loop {
        let heard = tokio::select! {
            heard = news.recv() => heard,
            () = tokio::time::sleep_until(offer_at) => {
                // A thread that is too busy to take this has more to say than an offer.
                work.try_send(Work::Offer).unwrap_or_default();
                pause = (2 * pause).min(OFFER_AGAIN.1);
                offer_at = Instant::now() + pause;
                continue;
            }
        };
        match heard {
            Ok(news) => changed.add([news.space]),
            Err(RecvError::Lagged(_)) => match home.albums.spaces_with(&household) {
                Ok(spaces) => changed.add(spaces),
                Err(error) => tracing::warn!(%error, "cannot read which albums are shared"),
            },
            Err(RecvError::Closed) => return,
        }
        pause = OFFER_AGAIN.0;
        offer_at = offer_at.min(Instant::now() + pause);
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
            Work::Offer => driver.offer_again(),
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

    fn offer_again(&mut self) -> Result<(), SyncEnd> {
        match self.session.offer_again() {
            Ok(messages) => self.outbox.send(&messages),
            Err(error) => {
                tracing::warn!(%error, "cannot read what there is to offer");
                Ok(())
            }
        }
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
            match self.backlog.wait() {
                Room::Free => {}
                Room::None => {
                    return Err(SyncEnd::Stuck("the other home takes nothing any more".to_owned()));
                }
                Room::Closed => return Err(SyncEnd::Over),
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
    waiting: Mutex<Waiting>,
    moved: Condvar,
}

#[derive(Default)]
struct Waiting {
    bytes: usize,
    /// The connection is gone; nothing is taken any more.
    closed: bool,
}

/// What came of waiting for room.
#[derive(Debug, PartialEq, Eq)]
enum Room {
    Free,
    /// None for too long.
    None,
    Closed,
}

/// Closes the backlog when dropped, so that the thread doesn't wait for a network that is gone.
struct Closing<'a>(&'a Backlog);

impl Drop for Closing<'_> {
    fn drop(&mut self) {
        self.0.lock().closed = true;
        self.0.moved.notify_all();
    }
}

impl Backlog {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn queued(&self, bytes: usize) {
        self.lock().bytes += bytes;
    }

    fn sent(&self, bytes: usize) {
        let mut waiting = self.lock();
        waiting.bytes = waiting.bytes.saturating_sub(bytes);
        self.moved.notify_all();
    }

    /// Waits until there is room, but not for ever.
    fn wait(&self) -> Room {
        let is_full = |waiting: &mut Waiting| !waiting.closed && waiting.bytes > ANSWERS_BYTES_MAX;
        let waited = self.moved.wait_timeout_while(self.lock(), ANSWERS_PATIENCE, is_full);
        let (waiting, wait) = waited.unwrap_or_else(PoisonError::into_inner);
        match (waiting.closed, wait.timed_out()) {
            (true, _) => Room::Closed,
            (false, true) => Room::None,
            (false, false) => Room::Free,
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_waits_for_a_network_that_is_gone() {
        let backlog = Arc::new(Backlog::default());
        assert_eq!(backlog.wait(), Room::Free);
        backlog.queued(ANSWERS_BYTES_MAX + 1);
        let waiting = Arc::clone(&backlog);
        let thread = std::thread::spawn(move || waiting.wait());
        drop(Closing(&backlog));
        assert_eq!(thread.join().unwrap(), Room::Closed);
    }

    #[test]
    fn who_waits_goes_on_when_something_was_sent() {
        let backlog = Arc::new(Backlog::default());
        backlog.queued(ANSWERS_BYTES_MAX + 1);
        let waiting = Arc::clone(&backlog);
        let thread = std::thread::spawn(move || waiting.wait());
        backlog.sent(1);
        assert_eq!(thread.join().unwrap(), Room::Free);
    }
}
