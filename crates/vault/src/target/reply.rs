//! A thread that does a folder's work, and the futures that wait for it.
//!
//! Disks block, and whoever awaits a target must not. The thread belongs to the target and ends with it. Unless it is stuck:
//! a share of the network that doesn't answer may hold a thread for ever, which nobody can end. Then nobody waits for it, and
//! it ends when the share answers, or with the program. There is one such thread for each target, whatever it is asked.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::TargetError;

/// Calls that may wait; a further one hears that the target is busy.
const WAITING_MAX: usize = 64;
/// How long whoever lets go of a target waits for what its thread is doing.
const LET_GO: Duration = Duration::from_secs(10);

type Job = Box<dyn FnOnce() + Send>;

/// Since when a thread has been at the piece of work that it is doing; nothing when it waits for work.
#[derive(Clone, Default)]
pub(super) struct Beat(Arc<Mutex<Option<Instant>>>);

impl Beat {
    /// Says that a piece of the work is done: what comes next is timed anew.
    pub(super) fn goes_on(&self) {
        if let Some(since) = lock(&self.0).as_mut() {
            *since = Instant::now();
        }
    }

    pub(super) fn busy_for(&self) -> Duration {
        lock(&self.0).map_or(Duration::ZERO, |since| since.elapsed())
    }

    fn begins(&self) {
        *lock(&self.0) = Some(Instant::now());
    }

    fn ends(&self) {
        *lock(&self.0) = None;
    }

    /// As if it had been at it for long.
    #[cfg(test)]
    pub(super) fn age(&self) {
        *lock(&self.0) = Instant::now().checked_sub(2 * LET_GO);
    }
}

/// See the module.
pub(super) struct Hands {
    queue: Option<SyncSender<Job>>,
    thread: Option<JoinHandle<()>>,
    /// Closed when the thread ends.
    ended: Mutex<Receiver<()>>,
    beat: Beat,
}

impl Hands {
    /// Starts a thread that tells `beat` what it is at.
    pub(super) fn start(beat: Beat) -> std::io::Result<Self> {
        let (queue, jobs): (_, Receiver<Job>) = sync_channel(WAITING_MAX);
        let (ending, ended) = sync_channel(0);
        let busy = beat.clone();
        let work = move || {
            for job in jobs {
                busy.begins();
                // A job that panics is answered by its promise; the next ones are done all the same.
                drop(catch_unwind(AssertUnwindSafe(job)));
                busy.ends();
            }
            drop(ending);
        };
        let thread = std::thread::Builder::new().name("vault folder".into()).spawn(work)?;
        Ok(Self { queue: Some(queue), thread: Some(thread), ended: Mutex::new(ended), beat })
    }

    /// For how long the thread has been at the piece of work that it is doing; nothing when it waits for work.
    pub(super) fn busy_for(&self) -> Duration {
        self.beat.busy_for()
    }

    /// Has `work` done, in its turn. The answer comes even if `work` panics or the thread is gone.
    pub(super) fn ask<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, TargetError> + Send + 'static,
    ) -> Reply<T> {
        let shared = Arc::new(Mutex::new(Shared { answer: None, waker: None }));
        let promise = Promise(Arc::clone(&shared));
        let job: Job = Box::new(move || {
            let answer = work();
            promise.keep(answer);
        });
        let refused = match self.queue.as_ref().map(|queue| queue.try_send(job)) {
            Some(Ok(())) => None,
            Some(Err(TrySendError::Full(_))) => Some(TargetError::Busy),
            Some(Err(TrySendError::Disconnected(_))) | None => Some(gone()),
        };
        if let Some(error) = refused {
            lock(&shared).answer = Some(Err(error));
        }
        Reply(shared)
    }
}

impl Drop for Hands {
    fn drop(&mut self) {
        drop(self.queue.take());
        let Some(thread) = self.thread.take() else { return };
        match lock(&self.ended).recv_timeout(LET_GO.saturating_sub(self.busy_for())) {
            Err(RecvTimeoutError::Timeout) => {
                tracing::warn!("a folder with copies does not answer; nobody waits for it");
            }
            // A job that panicked was answered by its promise.
            Ok(()) | Err(RecvTimeoutError::Disconnected) => drop(thread.join()),
        }
    }
}

struct Shared<T> {
    answer: Option<Result<T, TargetError>>,
    waker: Option<Waker>,
}

/// Answers when it is dropped, if nobody did before.
struct Promise<T>(Arc<Mutex<Shared<T>>>);

impl<T> Promise<T> {
    fn keep(&self, answer: Result<T, TargetError>) {
        let mut shared = lock(&self.0);
        shared.answer.get_or_insert(answer);
        if let Some(waker) = shared.waker.take() {
            waker.wake();
        }
    }
}

impl<T> Drop for Promise<T> {
    fn drop(&mut self) {
        self.keep(Err(gone()));
    }
}

/// An answer on its way.
pub(super) struct Reply<T>(Arc<Mutex<Shared<T>>>);

impl<T> Future for Reply<T> {
    type Output = Result<T, TargetError>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut shared = lock(&self.0);
        match shared.answer.take() {
            Some(answer) => Poll::Ready(answer),
            None => {
                shared.waker = Some(context.waker().clone());
                Poll::Pending
            }
        }
    }
}

fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

fn gone() -> TargetError {
    TargetError::Io("the folder's thread has stopped".into())
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use super::*;

    /// Goal: a folder that never answers is known by the time that it has taken, and nobody who lets go of it waits for it.
    #[tokio::test]
    async fn nobody_waits_for_a_thread_that_is_stuck() {
        let hands = Hands::start(Beat::default()).unwrap();
        assert_eq!(hands.ask(|| Ok(1)).await, Ok(1));
        let ((begin, begun), (let_go, held)) = (channel(), channel::<()>());
        let stuck = hands.ask(move || {
            begin.send(()).unwrap();
            held.recv().map_err(|_| gone())
        });
        begun.recv().unwrap();
        hands.beat.age();
        assert!(hands.busy_for() >= LET_GO);
        drop(hands);
        let_go.send(()).unwrap();
        assert_eq!(stuck.await, Ok(()), "whoever asked still hears of it");
    }

    #[tokio::test]
    async fn a_job_that_panics_ends_nothing() {
        let hands = Hands::start(Beat::default()).unwrap();
        let panics: Reply<u32> = hands.ask(|| panic!("on purpose"));
        assert_eq!(panics.await, Err(gone()));
        assert_eq!(hands.ask(|| Ok(5)).await, Ok(5));
    }
}
