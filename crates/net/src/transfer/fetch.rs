//! Fetching a list of files from several nodes at once.
//!
//! One task looks at the part files that are there and fills the queue; one lane a provider empties it; one thread syncs
//! what is whole. All of them share a [`Shared`], and all have ended when [`fetch`] returns.

use std::future::Future;
use std::sync::mpsc::SyncSender;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::budget::Budget;
use super::decode::Event;
use super::finish;
use super::lane::{BUFFER_LEN, Lane};
use super::part::{Part, Wanted};
use super::pool::Pool;
use super::report::{ItemError, Progress, ProviderReport, Summary};
use super::streams::Provider;
use super::tree::FILE_BYTES_MAX;
use super::wire::TOKEN_BYTES_MAX;
use super::work::{Failed, Work};

/// How long a provider may send nothing: longer than QUIC needs to find another path.
pub const FETCH_STALL: Duration = Duration::from_secs(25);

/// A provider without work looks again after this time.
const LOOK_AGAIN: Duration = Duration::from_millis(500);

/// How a fetch goes about it.
#[derive(Clone)]
pub struct Fetching {
    /// Hears how it goes.
    pub progress: Arc<dyn Progress>,
    /// Bytes a second, shared with all other fetches that have the same budget.
    pub throttle: Arc<Budget>,
    /// Ends it early; what has come is kept.
    pub cancel: CancellationToken,
    /// How long a provider may send nothing: [`FETCH_STALL`] unless there is a reason.
    pub stall: Duration,
}

/// What the tasks of a fetch share.
pub(crate) struct Shared {
    work: Mutex<Work>,
    notify: Notify,
    proved: Mutex<Vec<u64>>,
    progress: Arc<dyn Progress>,
    whole: SyncSender<Arc<Part>>,
    pub(crate) throttle: Arc<Budget>,
    pub(crate) cancel: CancellationToken,
    pub(crate) stall: Duration,
    pub(crate) pool: Pool,
}

/// Fetches files from nodes that may have them; returns when each is whole and synced or has failed, or when cancelled.
///
/// Files above 8 MiB are split between providers, all others are given to whoever is free. A provider that fails, is
/// slow or lies loses its share to the others. Nothing is written that the root hash doesn't prove, and what a part file
/// already holds is not fetched again.
pub async fn fetch<P: Provider>(providers: Vec<P>, wanted: Vec<Wanted>, how: Fetching) -> Summary {
    let (whole, finished) = finish::queue();
    let shared = Arc::new(Shared {
        work: Mutex::new(Work::new(wanted.len(), providers.len())),
        notify: Notify::new(),
        proved: Mutex::new(vec![0; wanted.len()]),
        progress: how.progress,
        whole,
        throttle: how.throttle,
        cancel: how.cancel.child_token(),
        stall: how.stall,
        pool: Pool::new(BUFFER_LEN),
    });
    // If this future is dropped, everybody else ends too.
    let ends_with_us = shared.cancel.clone().drop_guard();
    let planner = tokio::task::spawn_blocking({
        let shared = Arc::clone(&shared);
        move || shared.plan(wanted)
    });
    let syncer = tokio::task::spawn_blocking({
        let shared = Arc::downgrade(&shared);
        move || {
            finish::run(&finished, &|part, outcome| {
                if let Some(shared) = shared.upgrade() {
                    let outcome = outcome.map_err(|error| ItemError::Disk(Arc::new(error)));
                    shared.settle(part.item, outcome);
                }
            });
        }
    });
    let reports = run_lanes(providers, &shared).await;
    let kept_bytes = planner.await.unwrap_or(0);
    // Files that are whole are still synced; with nobody left who writes, the rest has failed.
    shared.wait_for_syncs().await;
    shared.settle_rest();
    drop(ends_with_us);
    let outcomes = shared.work().take_outcomes();
    drop(shared);
    drop(syncer.await);
    Summary { outcomes, kept_bytes, providers: reports }
}

async fn run_lanes<P: Provider>(providers: Vec<P>, shared: &Arc<Shared>) -> Vec<ProviderReport> {
    let mut lanes = JoinSet::new();
    for (number, provider) in providers.into_iter().enumerate() {
        let lane = Lane { number, provider, shared: Arc::clone(shared) };
        lanes.spawn(async move { (number, lane.run().await) });
    }
    let mut reports = lanes.join_all().await;
    reports.sort_by_key(|(number, _)| *number);
    reports.into_iter().map(|(_, report)| report).collect()
}

impl Shared {
    pub(crate) fn work(&self) -> MutexGuard<'_, Work> {
        self.work.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Completes at the next change after this call: there is more to do, or nothing at all any more.
    pub(crate) fn changed(&self) -> impl Future<Output = ()> {
        let mut notified = Box::pin(self.notify.notified());
        notified.as_mut().enable();
        notified
    }

    /// Waits until there may be something to do for a lane; false when there never will be.
    pub(crate) async fn wait_for_work(&self, lane: usize) -> bool {
        loop {
            let changed = self.changed();
            {
                let work = self.work();
                if work.is_settled() || self.cancel.is_cancelled() {
                    return false;
                }
                if work.has_work(lane) {
                    return true;
                }
            }
            tokio::select! {
                () = changed => {}
                () = self.cancel.cancelled() => {}
                // A lane that was quick enough a moment ago may have become slow.
                () = tokio::time::sleep(LOOK_AGAIN) => {}
            }
        }
    }

    /// Takes note of what a decoder says.
    pub(crate) fn event(&self, lane: usize, event: Event, report: &mut ProviderReport) {
        match event {
            Event::Wrote { item, bytes } => {
                report.proved_bytes += bytes;
                self.count(item, bytes);
            }
            Event::Done(id) => self.work().done(lane, id),
            Event::NotHere(id) => {
                let failed = self.work().not_here(lane, id);
                self.tell(failed);
            }
            Event::BrokenOff(id) => {
                let failed = self.work().broken_off(lane, id);
                self.tell(failed);
            }
            Event::Disk { item, error } => self.settle(item, Err(ItemError::Disk(Arc::new(error)))),
        }
    }

    /// All bytes of an item are written: it waits to be synced. Blocks when many do.
    pub(crate) fn whole(&self, part: Arc<Part>) {
        self.work().whole(part.item);
        // The other end is there as long as we are.
        drop(self.whole.send(part));
    }

    /// A stream has ended: what it did not give is there for the others.
    pub(crate) fn give_back(&self, lane: usize) {
        self.work().give_back(lane);
        self.notify.notify_waiters();
    }

    /// A provider is not asked any more.
    pub(crate) fn lose(&self, lane: usize) {
        let failed = self.work().lose(lane);
        self.tell(failed);
    }

    fn settle(&self, item: usize, outcome: Result<(), ItemError>) {
        if self.work().settle(item, outcome.clone()) {
            self.progress.done(item, outcome);
        }
        self.notify.notify_waiters();
    }

    /// Reports items that failed, and wakes lanes for what went back into the queue.
    fn tell(&self, failed: impl IntoIterator<Item = Failed>) {
        for (item, error) in failed {
            self.progress.done(item, Err(error));
        }
        self.notify.notify_waiters();
    }

    fn count(&self, item: usize, bytes: u64) {
        let mut proved = self.proved.lock().unwrap_or_else(PoisonError::into_inner);
        proved[item] += bytes;
        let total = proved[item];
        drop(proved);
        self.progress.bytes(item, total);
    }

    /// Looks at the part files and fills the queue; returns how many bytes were there already. Blocks.
    fn plan(&self, wanted: Vec<Wanted>) -> u64 {
        let mut kept = 0;
        for (item, wanted) in wanted.into_iter().enumerate() {
            if self.cancel.is_cancelled() {
                break;
            }
            if wanted.bytes > FILE_BYTES_MAX || wanted.token.len() > TOKEN_BYTES_MAX {
                self.settle(item, Err(ItemError::Refused));
                continue;
            }
            match Part::prepare(item, wanted, &|| self.cancel.is_cancelled()) {
                Err(error) => self.settle(item, Err(ItemError::Disk(Arc::new(error)))),
                Ok(part) => kept += self.plan_part(Arc::new(part)),
            }
        }
        self.notify.notify_waiters();
        kept
    }

    fn plan_part(&self, part: Arc<Part>) -> u64 {
        let missing = part.missing();
        let kept = part.wanted.bytes - missing.bytes(part.wanted.bytes);
        if kept > 0 {
            self.count(part.item, kept);
        }
        if missing.is_empty() {
            self.whole(part);
        } else {
            let failed = self.work().add(&part);
            self.tell(failed);
        }
        kept
    }

    /// Waits until every whole file has its outcome.
    async fn wait_for_syncs(&self) {
        loop {
            let changed = self.changed();
            if !self.work().is_syncing() {
                return;
            }
            changed.await;
        }
    }

    fn settle_rest(&self) {
        let error = if self.cancel.is_cancelled() { ItemError::Cancelled } else { ItemError::Unreachable };
        let items = self.work().settle_rest(&error);
        for item in items {
            self.progress.done(item, Err(error.clone()));
        }
    }
}
