//! Waiting for what must happen in homes, by their own news. Somebody who was not told, or was before it was so, looks again
//! now and then, and says so.

use std::fs::File;
use std::panic::Location;
use std::path::Path;
use std::sync::{Arc, mpsc};
use std::time::Duration;

use futures_util::future::{FutureExt, select_all};
use heirloom::home::Home;
use heirloom::home::events::Listener;
use heirloom::restore::Progress;
use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};

/// How long anything may take on a machine that is busy with much else: no test is about how quick something is.
pub(crate) const PATIENCE: Duration = Duration::from_secs(4 * 60);

/// How often somebody looks again whom nobody told anything. No test is quicker for it; a home that tells too early, or
/// nothing, is a fault of its page, and no reason to wait in vain here.
const LOOK_AGAIN: Duration = Duration::from_secs(2);

/// What homes tell: what changed in them, and how far a restore of them is.
struct News {
    events: Vec<Listener>,
    restores: Vec<watch::Receiver<Option<Progress>>>,
}

impl News {
    /// Listens from now on.
    fn of(homes: &[&Arc<Home>]) -> Self {
        Self {
            events: homes.iter().map(|home| home.events.listen()).collect(),
            restores: homes.iter().map(|home| home.restoring.watch()).collect(),
        }
    }

    /// Waits until one of them tells something.
    async fn next(&mut self) {
        // Whoever fell behind looks again like everybody else, and who is gone tells nothing more.
        let events = self.events.iter_mut().map(|home| async { drop(home.recv().await) }.boxed());
        let restores = self.restores.iter_mut().map(|home| async { drop(home.changed().await) }.boxed());
        select_all(events.chain(restores)).await;
    }
}

/// Waits until something is so; looks again at every news of these homes.
#[track_caller]
pub(crate) fn until<'a, T, Look: FnMut() -> Option<T> + 'a>(
    what: &'a str,
    homes: &[&Arc<Home>],
    mut look: Look,
) -> impl Future<Output = T> + use<'a, T, Look> {
    let (caller, mut news) = (Location::caller(), News::of(homes));
    async move {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(found) = look() {
                return found;
            }
            if timeout_at(deadline.min(Instant::now() + LOOK_AGAIN), news.next()).await.is_err() {
                if let Some(found) = look() {
                    eprintln!("{caller}: {what}: it is so, and nobody told");
                    return found;
                }
                assert!(Instant::now() < deadline, "{caller}: waiting for {what}: in vain");
            }
        }
    }
}

/// Waits until nobody has the home in this folder any more: its lock goes with the last handle, which a task that is
/// ending may still hold. Fine if there is none.
pub(crate) fn wait_until_closed(root: &Path) {
    let Ok(lock) = File::open(root.join("lock")) else { return };
    let (tell, told) = mpsc::channel();
    std::thread::spawn(move || {
        lock.lock().unwrap();
        drop(lock);
        tell.send(()).unwrap_or_default();
    });
    told.recv_timeout(PATIENCE).expect("something holds on to a home that is closed");
}
