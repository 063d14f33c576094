//! Work that takes the processor: sealing packs, hashing originals. It runs on threads of its own, few at a time, at a low
//! priority, so that people come first.

use std::sync::OnceLock;

use anyhow::Context;
use tokio::sync::{Semaphore, oneshot};

/// Pieces of work at the same time; each has at most a pack or a photo in memory.
const AT_ONCE_MAX: usize = 2;

/// Runs work on a polite thread and returns what came of it. The thread ends with the work; whoever asked waits for it.
///
/// # Errors
/// When the system gives no thread, or the work panicked.
pub async fn polite<T: Send + 'static>(
    work: impl FnOnce() -> anyhow::Result<T> + Send + 'static,
) -> anyhow::Result<T> {
    static TURNS: OnceLock<Semaphore> = OnceLock::new();
    let turns = TURNS.get_or_init(|| Semaphore::new(AT_ONCE_MAX));
    let turn = turns.acquire().await.context("the vault's threads are gone")?;
    let (tell, told) = oneshot::channel();
    let run = move || {
        crate::workers::be_polite();
        // Whoever asked may be gone.
        drop(tell.send(work()));
    };
    let thread = std::thread::Builder::new().name("vault".to_owned()).spawn(run);
    let thread = thread.context("the system gives no thread")?;
    let done = told.await;
    drop(turn);
    if done.is_err() {
        // The thread has ended already; only its panic is of interest, and it was printed where it happened.
        drop(thread.join());
    }
    done.context("a thread of the vault panicked")?
}

/// Runs what waits for the disk or a database, and is short, on a thread for that.
///
/// # Errors
/// What the work returned; or that it panicked.
pub async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> anyhow::Result<T> + Send + 'static,
) -> anyhow::Result<T> {
    tokio::task::spawn_blocking(work).await.context("a thread of the vault panicked")?
}
