//! The lanes of a run, as the run sees them: what each did, why it ended, whether it has anything left to do.
//!
//! The packer and the lanes hear of each other only here: what a lane did is *news* for the packer, and what the packer has
//! for the lanes is a *change*. A lane that found nothing to do says up to which change it looked, so nothing that came
//! meanwhile is missed.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use heirloom_vault::policy::TargetId;
use tokio::sync::watch;

use super::{Ended, PlaceReport};

/// How long a lane that failed is left alone.
const AFTER_FAILURE: Duration = Duration::from_mins(5);

/// See the module's description.
pub(in crate::vault) struct RunLanes {
    lanes: Mutex<BTreeMap<TargetId, LaneState>>,
    /// Rises when there may be something new for a lane.
    changes: watch::Sender<u64>,
    /// Rises when a lane did something.
    news: watch::Sender<u64>,
}

struct LaneState {
    report: PlaceReport,
    /// The changes that it had seen when it found nothing to do.
    idle_at: Option<u64>,
    /// When it ended.
    ended_at: Option<Instant>,
}

impl RunLanes {
    pub(super) fn new() -> Self {
        Self { lanes: Mutex::default(), changes: watch::Sender::new(0), news: watch::Sender::new(0) }
    }

    /// Whether a place has no lane, or one that ended for a reason that may have passed.
    pub(super) fn lacks(&self, id: TargetId) -> bool {
        self.lock().get(&id).is_none_or(LaneState::may_begin_again)
    }

    pub(super) fn begin(&self, id: TargetId) {
        self.lock().entry(id).or_insert_with(|| LaneState::new(id)).begin();
    }

    /// A lane found nothing to do, having seen the changes up to `seen`.
    pub(in crate::vault) fn idle(&self, id: TargetId, seen: u64) {
        self.note(id, |lane| lane.idle_at = Some(seen));
    }

    pub(in crate::vault) fn placed(&self, id: TargetId, bytes: u32) {
        self.note(id, |lane| {
            lane.report.packs += 1;
            lane.report.bytes += u64::from(bytes);
        });
    }

    pub(in crate::vault) fn took_head(&self, id: TargetId, number: u64) {
        self.note(id, |lane| lane.report.head = Some(number));
    }

    pub(super) fn end(&self, id: TargetId, ended: Ended) {
        self.note(id, |lane| {
            lane.report.ended.get_or_insert(ended);
            lane.ended_at = Some(Instant::now());
        });
    }

    fn note(&self, id: TargetId, what: impl FnOnce(&mut LaneState)) {
        if let Some(lane) = self.lock().get_mut(&id) {
            what(lane);
        }
        self.tell_packer();
    }

    /// Whether one of these places has a lane.
    pub(in crate::vault) fn takes(&self, places: &[TargetId]) -> bool {
        let lanes = self.lock();
        places.iter().any(|id| lanes.get(id).is_some_and(|lane| lane.report.ended.is_none()))
    }

    /// Whether every lane has ended or found nothing to do after the last change.
    pub(super) fn are_idle(&self) -> bool {
        let changes = *self.changes.borrow();
        self.lock().values().all(|lane| lane.report.ended.is_some() || lane.idle_at == Some(changes))
    }

    /// Packs that were placed so far.
    pub(super) fn packs_placed(&self) -> u64 {
        self.lock().values().map(|lane| lane.report.packs).sum()
    }

    pub(super) fn reports(&self) -> Vec<PlaceReport> {
        self.lock().values().map(|lane| lane.report.clone()).collect()
    }

    pub(in crate::vault) fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    pub(super) fn news(&self) -> watch::Receiver<u64> {
        self.news.subscribe()
    }

    /// Has the lanes look again.
    pub(in crate::vault) fn tell(&self) {
        self.changes.send_modify(|changes| *changes += 1);
    }

    /// Has the packer look again.
    pub(super) fn tell_packer(&self) {
        self.news.send_modify(|news| *news += 1);
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<TargetId, LaneState>> {
        self.lanes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl LaneState {
    fn new(id: TargetId) -> Self {
        let report = PlaceReport { target: id, packs: 0, bytes: 0, head: None, ended: None };
        Self { report, idle_at: None, ended_at: None }
    }

    fn begin(&mut self) {
        (self.report.ended, self.idle_at, self.ended_at) = (None, None, None);
    }

    /// Whether it ended for a reason that may have passed.
    fn may_begin_again(&self) -> bool {
        match self.report.ended {
            Some(Ended::Offline | Ended::DiskAbsent | Ended::Resting | Ended::Full | Ended::Refused) => true,
            // Not at once: whatever went wrong there is likely to go wrong again.
            Some(Ended::Failed) => self.ended_at.is_none_or(|at| at.elapsed() >= AFTER_FAILURE),
            Some(Ended::Done | Ended::Stopped) | None => false,
        }
    }
}
