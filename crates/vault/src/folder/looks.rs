//! Whether a folder with copies is there: looked at with a limit, since a share of the network may take for ever to say so.
//!
//! Each look has a thread of its own. One that is stuck stays until the share answers, and no other look at that folder is
//! begun meanwhile: there is at most one stuck thread for each folder, and [`STUCK_MAX`] in all.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::mpsc::sync_channel;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How long a folder is given by somebody who waits for a page.
const LOOK_TIME: Duration = Duration::from_secs(5);
/// Looks that may be under way.
const STUCK_MAX: usize = 16;

/// What a look at a folder came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seen {
    /// It is there.
    There,
    /// It is not: its disk is not plugged in.
    Gone,
    /// It does not answer.
    Silent,
}

/// The looks that are under way, since when.
#[derive(Default)]
pub struct Looks(Arc<Shared>);

#[derive(Default)]
struct Shared {
    under_way: Mutex<HashMap<PathBuf, Instant>>,
    ended: Condvar,
}

impl Shared {
    fn under_way(&self) -> MutexGuard<'_, HashMap<PathBuf, Instant>> {
        self.under_way.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Takes a look off the list when it has ended, however it did.
struct UnderWay(Arc<Shared>, PathBuf);

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.under_way().remove(&self.1);
        self.0.ended.notify_all();
    }
}

impl Looks {
    /// Has `look` say whether a folder is there. Blocks for a few seconds at most, and not at all while an earlier look at it
    /// is stuck.
    pub fn at(&self, folder: &Path, look: impl FnOnce(&Path) -> bool + Send + 'static) -> Seen {
        self.seen_within(LOOK_TIME, folder, look)
    }

    fn seen_within(
        &self,
        limit: Duration,
        folder: &Path,
        look: impl FnOnce(&Path) -> bool + Send + 'static,
    ) -> Seen {
        match self.within(limit, folder, look) {
            Some(true) => Seen::There,
            Some(false) => Seen::Gone,
            None => Seen::Silent,
        }
    }

    /// What `look` found in a folder; nothing when it does not answer within the limit, or an earlier look has not.
    pub fn within<T: Send + 'static>(
        &self,
        limit: Duration,
        folder: &Path,
        look: impl FnOnce(&Path) -> T + Send + 'static,
    ) -> Option<T> {
        let turn = self.turn(limit, folder)?;
        let (tell, told) = sync_channel(1);
        let run = move || {
            let found = look(&turn.1);
            drop(turn);
            // Whoever asked may be gone.
            drop(tell.send(found));
        };
        std::thread::Builder::new().name("look at folder".to_owned()).spawn(run).ok()?;
        told.recv_timeout(limit).ok()
    }

    /// Waits until no other look at the folder is under way, and says that one is; none when the other one is stuck.
    fn turn(&self, limit: Duration, folder: &Path) -> Option<UnderWay> {
        let begun = Instant::now();
        let mut under_way = self.0.under_way();
        loop {
            let before = match under_way.get(folder) {
                None if under_way.len() < STUCK_MAX => break,
                None => begun,
                Some(before) => *before,
            };
            let left = limit.checked_sub(before.elapsed()).filter(|left| !left.is_zero())?;
            let waited = self.0.ended.wait_timeout(under_way, left);
            under_way = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        under_way.insert(folder.to_owned(), Instant::now());
        Some(UnderWay(Arc::clone(&self.0), folder.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::sync::mpsc::channel;

    use super::*;

    /// Goal: a folder that never answers is said not to, costs one thread however often it is looked at, and no other folder
    /// waits for it; when it answers at last it is there again. Method: looks that wait until they are let go.
    #[test]
    fn a_folder_that_never_answers_costs_one_thread() {
        let (looks, begun) = (Looks::default(), Arc::new(AtomicU32::new(0)));
        let (let_go, wait) = channel::<()>();
        let stuck = Arc::clone(&begun);
        let seen = looks.seen_within(Duration::from_millis(20), Path::new("/hung"), move |_| {
            stuck.fetch_add(1, Ordering::SeqCst);
            wait.recv().is_err()
        });
        assert_eq!(seen, Seen::Silent);
        for _ in 0..50 {
            let counts = Arc::clone(&begun);
            let again = move |_: &Path| counts.fetch_add(1, Ordering::SeqCst) < u32::MAX;
            assert_eq!(looks.seen_within(Duration::from_millis(20), Path::new("/hung"), again), Seen::Silent);
            assert_eq!(looks.at(Path::new("/well"), |_| true), Seen::There);
            assert_eq!(looks.at(Path::new("/gone"), |_| false), Seen::Gone);
        }
        assert_eq!(begun.load(Ordering::SeqCst), 1, "looks at the folder that hangs");
        drop(let_go);
        // The look that was stuck is waited for, and then this one is made.
        assert_eq!(looks.seen_within(Duration::from_hours(1), Path::new("/hung"), |_| true), Seen::There);
    }

    /// Goal: however many folders hang, no more threads than a limit do.
    #[test]
    fn many_folders_that_hang_cost_no_more_threads_than_the_limit() {
        let (looks, begun) = (Looks::default(), Arc::new(AtomicU32::new(0)));
        let hold = Arc::new(Mutex::new(()));
        let held = hold.lock().unwrap();
        for folder in 0..2 * STUCK_MAX {
            let (begun, hold) = (Arc::clone(&begun), Arc::clone(&hold));
            let look = move |_: &Path| {
                begun.fetch_add(1, Ordering::SeqCst);
                hold.lock().is_ok()
            };
            let seen = looks.seen_within(Duration::from_millis(5), Path::new(&folder.to_string()), look);
            assert_eq!(seen, Seen::Silent);
        }
        assert!(begun.load(Ordering::SeqCst) <= u32::try_from(STUCK_MAX).unwrap());
        drop(held);
        assert_eq!(looks.seen_within(Duration::from_hours(1), Path::new("one more"), |_| true), Seen::There);
    }
}
