//! Background work: a small pool of polite threads that make thumbnails, one photo at a time.
//!
//! The list of what is to be done is the catalog's job table, so it survives everything. [`Work`] only wakes
//! the threads and hands them bytes that are in memory anyway. Threads run at a lower priority than those
//! that answer people. Read first: [`Workers::start`], [`derive::derive_one`].

pub mod cache;
pub mod derive;

use std::collections::HashMap;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::bail;
use heirloom_catalog::{Job, JobCounts, JobKind};
use heirloom_identity::ContentHash;

use crate::clock;
use crate::home::Home;
use crate::home::events::Event;

/// Bytes of originals that may wait in memory for their thumbnail.
const HANDED_BYTES_MAX: usize = 256 << 20;
/// How long an idle worker sleeps before it looks for jobs whose time for a second try has come.
const IDLE_LOOK: Duration = Duration::from_secs(5);
/// How long an import waits for room in memory before it goes on without.
const ROOM_WAIT: Duration = Duration::from_secs(10);
/// Niceness of worker threads: people come first.
const NICENESS: i32 = 10;

/// What those who bring work and those who do it share.
#[derive(Debug, Default)]
pub struct Work {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    handed: HashMap<ContentHash, Vec<u8>>,
    bytes: usize,
    /// Threads that are running.
    workers: usize,
    /// Rises with every wake, so that a wake between a look and a sleep is not missed.
    wakes: u64,
    closed: bool,
    /// Nobody took any bytes while someone waited for room: the workers are busy with something else.
    stalled: bool,
    /// Jobs whose outcome the catalog did not take (a full disk), and what it said.
    unrecorded: Vec<(Job, String)>,
}

impl Work {
    /// Leaves an original's bytes for the worker that makes its thumbnail. When too much is waiting already
    /// it waits a little for room; if the workers are busy with something else the bytes are dropped, since
    /// they are on the disk.
    pub fn hand_over(&self, content: ContentHash, bytes: Vec<u8>) {
        let full = |state: &mut State| {
            let has_room = state.bytes == 0 || state.bytes + bytes.len() <= HANDED_BYTES_MAX;
            state.workers > 0 && !state.closed && !state.stalled && !has_room
        };
        let waited = self.changed.wait_timeout_while(self.lock(), ROOM_WAIT, full);
        let (mut state, wait) = waited.unwrap_or_else(PoisonError::into_inner);
        state.stalled |= wait.timed_out();
        if state.workers == 0 || state.closed || state.bytes + bytes.len() > HANDED_BYTES_MAX.max(bytes.len())
        {
            return;
        }
        state.bytes += bytes.len();
        if let Some(before) = state.handed.insert(content, bytes) {
            state.bytes -= before.len();
        }
    }

    /// Takes the bytes that were left for a content.
    pub fn take(&self, content: &ContentHash) -> Option<Vec<u8>> {
        let mut state = self.lock();
        let bytes = state.handed.remove(content)?;
        state.bytes -= bytes.len();
        state.stalled = false;
        self.changed.notify_all();
        Some(bytes)
    }

    /// Tells idle workers that there are jobs.
    pub fn wake(&self) {
        self.lock().wakes += 1;
        self.changed.notify_all();
    }

    /// Keeps a job whose outcome could not be recorded until it can be put back.
    fn keep_unrecorded(&self, job: &Job, reason: String) {
        self.lock().unrecorded.push((job.clone(), reason));
    }

    fn take_unrecorded(&self) -> Vec<(Job, String)> {
        std::mem::take(&mut self.lock().unrecorded)
    }

    /// What kept a job's outcome from being recorded, if there is such a job.
    fn trouble(&self) -> Option<String> {
        self.lock().unrecorded.first().map(|(_, reason)| reason.clone())
    }

    /// Ends the workers after the photo in hand, and every wait.
    pub fn close(&self) {
        self.lock().closed = true;
        self.changed.notify_all();
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wakes(&self) -> u64 {
        self.lock().wakes
    }

    fn is_closed(&self) -> bool {
        self.lock().closed
    }

    /// Sleeps until there was a wake after `seen`, the work is closed, or it is time for another look.
    fn sleep(&self, seen: u64) {
        let state = self.lock();
        let idle = |state: &mut State| state.wakes == seen && !state.closed;
        drop(self.changed.wait_timeout_while(state, IDLE_LOOK, idle));
    }
}

/// The running pool; dropping it ends and joins the threads.
pub struct Workers {
    home: Arc<Home>,
    threads: Vec<JoinHandle<()>>,
}

impl Workers {
    /// Starts as many threads as the settings say.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start(home: &Arc<Home>) -> std::io::Result<Self> {
        let mut threads = Vec::new();
        for number in 0..home.config.worker_count() {
            let home = Arc::clone(home);
            home.work.lock().workers += 1;
            let name = format!("worker {number}");
            threads.push(std::thread::Builder::new().name(name).spawn(move || run(&home))?);
        }
        Ok(Self { home: Arc::clone(home), threads })
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        self.home.work.close();
        for thread in self.threads.drain(..) {
            // A worker catches the panics of its jobs; nothing is left to do for one that died otherwise.
            drop(thread.join());
        }
    }
}

/// Returns when no job is waiting or running; `look` is told the numbers meanwhile and may answer `false` to
/// stop waiting.
///
/// # Errors
/// When the catalog cannot be read, or cannot be written, so that waiting has no end.
pub fn wait_until_idle(home: &Home, look: &mut dyn FnMut(JobCounts) -> bool) -> anyhow::Result<()> {
    loop {
        let seen = home.work.wakes();
        let counts = home.catalog().counts()?;
        if !look(counts) || counts.waiting + counts.running == 0 || home.work.is_closed() {
            return Ok(());
        }
        if let Some(reason) = home.work.trouble() {
            bail!("the photos are safe, but their thumbnails cannot be made now: {reason}");
        }
        home.work.sleep(seen);
    }
}

fn run(home: &Arc<Home>) {
    be_polite();
    loop {
        let seen = home.work.wakes();
        if home.work.is_closed() {
            break;
        }
        // Held over the whole job, so that a rebuild never swaps the catalog under it.
        let settled = home.changes.read().unwrap_or_else(PoisonError::into_inner);
        match home.catalog().claim(clock::now_ms(), &[JobKind::Derive]) {
            Ok(Some(job)) => {
                derive::derive_one(home, &job);
                drop(settled);
                home.work.wake();
                home.events.tell(Event::Jobs);
            }
            Ok(None) => {
                derive::put_back(home);
                drop(settled);
                home.work.sleep(seen);
            }
            Err(error) => {
                tracing::error!(%error, "cannot read the list of jobs; trying again");
                drop(settled);
                home.work.sleep(seen);
            }
        }
    }
    home.work.lock().workers -= 1;
    home.work.changed.notify_all();
}

/// Lowers the priority of the calling thread; on Linux niceness is a thread's own.
pub(crate) fn be_polite() {
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::setpriority_process(None, NICENESS) {
        tracing::debug!(%error, "workers run at normal priority");
    }
    #[cfg(not(target_os = "linux"))]
    let _ = NICENESS;
}
