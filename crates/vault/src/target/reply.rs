//! A thread that does a folder's work, and the futures that wait for it.
//!
//! Disks block, and whoever awaits a target must not. The thread belongs to the target and ends with it.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::thread::JoinHandle;

use super::TargetError;

/// Calls that may wait; a further one hears that the target is busy.
const WAITING_MAX: usize = 64;

type Job = Box<dyn FnOnce() + Send>;

/// See the module.
pub(super) struct Hands {
    queue: Option<SyncSender<Job>>,
    thread: Option<JoinHandle<()>>,
}

impl Hands {
    pub(super) fn start() -> std::io::Result<Self> {
        let (queue, jobs): (_, Receiver<Job>) = sync_channel(WAITING_MAX);
        // A job that panics is answered by its promise; the next ones are done all the same.
        let work = move || jobs.into_iter().for_each(|job| drop(catch_unwind(AssertUnwindSafe(job))));
        let thread = std::thread::Builder::new().name("vault folder".into()).spawn(work)?;
        Ok(Self { queue: Some(queue), thread: Some(thread) })
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
        if let Some(thread) = self.thread.take() {
            // A job that panicked was answered by its promise.
            drop(thread.join());
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

fn lock<T>(shared: &Mutex<Shared<T>>) -> MutexGuard<'_, Shared<T>> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

fn gone() -> TargetError {
    TargetError::Io("the folder's thread has stopped".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_job_that_panics_ends_nothing() {
        let hands = Hands::start().unwrap();
        let panics: Reply<u32> = hands.ask(|| panic!("on purpose"));
        assert_eq!(panics.await, Err(gone()));
        assert_eq!(hands.ask(|| Ok(5)).await, Ok(5));
    }
}
