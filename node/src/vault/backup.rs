//! One run of the vault: whatever is new is packed, whatever is to be somewhere goes there, and what is there is signed.
//!
//! A run has one packer and a lane for each place that can be reached. The packer seals packs and lays them on the shelf;
//! the lanes take them from there, or write them again; a pack that was proved somewhere is listed, and a head that lists
//! it goes to every place that has what a restore begins with. Originals come in rounds, so that what arrived meanwhile
//! goes before what has waited for years, and a manifest is written after each.
//!
//! Nothing here has to be undone after a crash: everything that counts is in `vault.sqlite` when it happens, and what is
//! to be done is found again from there, from the ledger and from the disk.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Context;
use heirloom_identity::VaultHead;
use heirloom_vault::policy::{Policy, TargetId};
use heirloom_vault::store::HeadRow;
use heirloom_vault::{PackId, PackRef};
use serde::{Deserialize, Serialize};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::fetch::Reader;
pub use super::lane::Ended;
use super::lane::{Lane, is_near};
use super::packing::Packing;
use super::place::Placer;
use super::polite::{blocking, polite};
use super::publish::Published;
use super::{collect, compact, outbox, overdue, publish, refill, remembered, snapshot};
use crate::home::Home;
use crate::home::events::Event;

/// Originals that are packed before the manifest is written again.
const ROUND_BYTES: u64 = 1 << 30;
/// How long a run waits for packs that the manifest is to list to be proved, before it goes on without.
const PROVE_WAIT: Duration = Duration::from_mins(10);
/// How long a round waits after news for whatever belongs to it; and so many times as long as the last round took.
const SETTLE: Duration = Duration::from_secs(5);
const RESTS: u32 = 4;
const REST_MAX: Duration = Duration::from_mins(10);
/// How soon a lane that ended is begun again while others go on: at a wake, and without one.
const BACK_AFTER: Duration = Duration::from_secs(5);
const BACK_EVERY: Duration = Duration::from_mins(5);
/// Packs that are on their way at once, to all places in this network, and to all beyond: each is in memory.
const PACKS_AT_ONCE: usize = 6;
/// Rounds of one run; whatever is left then is the next run's.
const ROUNDS_MAX: u32 = 10_000;

/// What a run did.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RunReport {
    /// New packs.
    pub packs: u64,
    /// Their bytes.
    pub bytes: u64,
    /// The number of the head that was signed last, if one was.
    pub head: Option<u64>,
    /// What went where.
    pub places: Vec<PlaceReport>,
}

/// What a run did at one place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PlaceReport {
    /// The place.
    pub target: TargetId,
    /// Packs that it took and proved.
    pub packs: u64,
    /// Their bytes.
    pub bytes: u64,
    /// The head that it took, if it took one.
    pub head: Option<u64>,
    /// Why its lane ended.
    pub ended: Option<Ended>,
}

/// What the parts of a run share.
pub(super) struct Run {
    pub(super) home: Arc<Home>,
    pub(super) policy: Policy,
    /// Packs that lanes to places in this network may have in memory; and those to places beyond.
    pub(super) near_packs: Semaphore,
    pub(super) far_packs: Semaphore,
    reader: Mutex<Arc<Reader>>,
    placer: Mutex<Placer>,
    stop: CancellationToken,
    finishing: CancellationToken,
    /// Rises when there may be something new for a lane.
    changes: watch::Sender<u64>,
    /// Rises when a lane did something.
    news: watch::Sender<u64>,
    lanes: Mutex<BTreeMap<TargetId, LaneState>>,
    report: Mutex<RunReport>,
    /// There has to be another round: packs were dropped, or a place knows newer heads of this node than this home.
    sign_again: AtomicBool,
}

/// A lane, as the run sees it.
struct LaneState {
    report: PlaceReport,
    /// The changes that it had seen when it found nothing to do.
    idle_at: Option<u64>,
    /// When it ended.
    ended_at: Option<Instant>,
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
            Some(Ended::Failed) => self.ended_at.is_none_or(|at| at.elapsed() >= BACK_EVERY),
            Some(Ended::Done | Ended::Stopped) | None => false,
        }
    }
}

/// When lanes that ended are looked at again, while a run waits for those that go on.
struct BackTimer {
    looked: tokio::time::Instant,
    due: tokio::time::Instant,
}

impl BackTimer {
    /// They were looked at just now.
    fn begin() -> Self {
        let looked = tokio::time::Instant::now();
        Self { looked, due: looked + BACK_EVERY }
    }

    /// Something happened because of which one may go on; many such things may come one after the other.
    fn hurry(&mut self) {
        self.due = self.due.min(self.looked + BACK_AFTER);
    }

    async fn due(&self) {
        tokio::time::sleep_until(self.due).await;
    }
}

/// The lanes of a run, those that ended among them.
type Lanes = JoinSet<()>;

/// Packs and places everything that can be packed and placed now, and returns when that is proved. A place that cannot be
/// reached holds up nothing.
///
/// # Errors
/// When the vault is not on, this node was replaced, or a database or the disk fails. What was done stays done.
pub async fn run(home: &Arc<Home>, stop: &CancellationToken) -> anyhow::Result<RunReport> {
    let _only = home.vault.engine.running.lock().await;
    home.must_be_current()?;
    home.keys.vault().context("the vault is not on; type the recovery phrase once to turn it on")?;
    if !refill::refill(home, stop).await? {
        return Ok(RunReport::default());
    }
    // Before the ledger is packed: a change after that would be a reason to sign another head.
    let at = Arc::clone(home);
    blocking(move || remembered::note(&at)).await?;
    let run = Arc::new(Run::begin(home, stop.clone()).await?);
    let mut lanes = JoinSet::new();
    let packed = run.pack_and_publish(&mut lanes).await;
    run.finishing.cancel();
    while let Some(ended) = lanes.join_next().await {
        ended.context("a lane panicked")?;
    }
    let report = run.report();
    packed?;
    run.tidy().await?;
    home.events.tell(Event::Vault);
    Ok(report)
}

impl Run {
    async fn begin(home: &Arc<Home>, stop: CancellationToken) -> anyhow::Result<Self> {
        let policy = Policy::default();
        let reader = Reader::of(home, &[]).await?;
        let at = Arc::clone(home);
        let placer = blocking(move || Placer::new(&at, policy));
        Ok(Self {
            home: Arc::clone(home),
            policy,
            near_packs: Semaphore::new(PACKS_AT_ONCE),
            far_packs: Semaphore::new(PACKS_AT_ONCE),
            reader: Mutex::new(Arc::new(reader)),
            placer: Mutex::new(placer.await?),
            finishing: CancellationToken::new(),
            stop,
            changes: watch::Sender::new(0),
            news: watch::Sender::new(0),
            lanes: Mutex::default(),
            report: Mutex::default(),
            sign_again: AtomicBool::new(false),
        })
    }

    /// Looks at the places again and starts a lane for each that has none, or whose lane ended because it could not be
    /// reached then: one slow place keeps a run going for days, and the others must not wait for it.
    async fn start_lanes(self: &Arc<Self>, lanes: &mut Lanes) -> anyhow::Result<()> {
        let reader = Arc::new(Reader::of(&self.home, &[]).await?);
        *self.reader.lock().unwrap_or_else(PoisonError::into_inner) = Arc::clone(&reader);
        let run = Arc::clone(self);
        let places = blocking(move || {
            run.look_at_places()?;
            let mut places = Vec::new();
            for source in reader.sources() {
                if let Some(id) = source.id.filter(|id| run.lacks_lane(*id)) {
                    places.push((!is_near(&run, id)?, id, Arc::clone(&source.target)));
                }
            }
            Ok(places)
        });
        let mut places = places.await?;
        // What is near comes first, and is done first.
        places.sort_by_key(|(is_far, id, _)| (*is_far, *id));
        for (is_far, id, target) in places {
            self.lanes().entry(id).or_insert_with(|| LaneState::new(id)).begin();
            let run = Arc::clone(self);
            lanes.spawn(async move {
                let taking = run.home.vault.engine.shelf.taking();
                let lane = Lane::new(Arc::clone(&run), id, target, !is_far).run();
                let ended = tokio::select! {
                    () = run.stopped() => Ok(Ended::Stopped),
                    ended = lane => ended,
                };
                drop(taking);
                let ended = ended.unwrap_or_else(|error| {
                    tracing::error!("a lane of the vault failed: {error:#}");
                    Ended::Failed
                });
                run.lane_ended(id, ended);
            });
        }
        Ok(())
    }

    /// Whether a place is to have a lane and has none.
    fn lacks_lane(&self, id: TargetId) -> bool {
        self.lanes().get(&id).is_none_or(LaneState::may_begin_again)
    }

    pub(super) fn reader(&self) -> Arc<Reader> {
        Arc::clone(&self.reader.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The packer's part: rounds until nothing is left to pack and the lanes have nothing left to send.
    async fn pack_and_publish(self: &Arc<Self>, lanes: &mut Lanes) -> anyhow::Result<()> {
        let mut packing = Packing::new(Arc::clone(self))?;
        for _ in 0..ROUNDS_MAX {
            // What wakes the run from here on is for the next round.
            let mut woken = self.home.vault.woken();
            self.start_lanes(lanes).await?;
            let (mut news, begun) = (self.news.subscribe(), Instant::now());
            let round = polite(move || {
                packing.note_arrivals()?;
                packing.pictures()?;
                let more = packing.originals(ROUND_BYTES)?;
                compact::merge(&mut packing)?;
                let files = snapshot::take(&mut packing)?;
                Ok((packing, files, more))
            });
            let (packed, files, more) = round.await?;
            packing = packed;
            if self.is_stopping() {
                return Ok(());
            }
            self.wait_for_proofs(packing.take_sealed(), woken.clone(), lanes).await?;
            let placed = self.placed();
            let (run, at) = (Arc::clone(self), Arc::clone(&self.home));
            let (packed, head) = polite(move || {
                let head = publish::publish(&at, &mut packing, &files, run.now())?;
                overdue::note_published(&at, &head)?;
                compact::drop_useless(&at, run.now())?;
                Ok((packing, head))
            })
            .await?;
            packing = packed;
            packing.take_sealed();
            if let Published::Head(head) = &head {
                self.lock_report().head = Some(head.number);
                self.tell_lanes();
            }
            self.home.events.tell(Event::Vault);
            if more {
                continue;
            }
            if !self.wait_until_idle(&mut news, &mut woken, begun.elapsed(), lanes).await? {
                continue;
            }
            // What was not proved in time for the manifest may be by now.
            let at = Arc::clone(&self.home);
            let may_publish = match head {
                Published::NotYet => self.placed() > placed,
                Published::Head(_) | Published::Same => blocking(move || publish::is_behind(&at)).await?,
            };
            if self.is_stopping() || !may_publish {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Waits until packs of this round are proved somewhere, as long as there is a lane that may do it. Somebody who comes
    /// back meanwhile may be quicker than whoever is waited for.
    async fn wait_for_proofs(
        self: &Arc<Self>,
        sealed: Vec<PackId>,
        mut woken: watch::Receiver<u64>,
        lanes: &mut Lanes,
    ) -> anyhow::Result<()> {
        let (deadline, mut back) = (tokio::time::Instant::now() + PROVE_WAIT, BackTimer::begin());
        let mut news = self.news.subscribe();
        let mut waiting = sealed;
        loop {
            news.borrow_and_update();
            let (home, asked) = (Arc::clone(&self.home), std::mem::take(&mut waiting));
            waiting = blocking(move || {
                let mut waiting = Vec::new();
                for pack in asked {
                    if home.vault.store.holders(&pack)?.is_empty() && home.vault.store.pack(&pack)?.is_some()
                    {
                        waiting.push(pack);
                    }
                }
                Ok(waiting)
            })
            .await?;
            if waiting.is_empty() || self.is_stopping() || self.all_idle() {
                return Ok(());
            }
            tokio::select! {
                () = self.stop.cancelled() => return Ok(()),
                () = tokio::time::sleep_until(deadline) => return Ok(()),
                changed = news.changed() => changed.context("the run is gone")?,
                changed = woken.changed() => {
                    changed.context("the home is gone")?;
                    back.hurry();
                }
                () = back.due() => {
                    back = BackTimer::begin();
                    self.start_lanes(lanes).await?;
                }
            }
        }
    }

    /// Waits until no lane has anything to do; `false` when there is something new to pack before that.
    async fn wait_until_idle(
        self: &Arc<Self>,
        news: &mut watch::Receiver<u64>,
        woken: &mut watch::Receiver<u64>,
        round: Duration,
        lanes: &mut Lanes,
    ) -> anyhow::Result<bool> {
        let mut back = BackTimer::begin();
        loop {
            news.borrow_and_update();
            if self.sign_again.swap(false, Ordering::AcqRel) {
                return Ok(false);
            }
            if self.is_stopping() || self.all_idle() {
                return Ok(true);
            }
            tokio::select! {
                () = self.stop.cancelled() => return Ok(true),
                changed = news.changed() => changed.context("the run is gone")?,
                () = back.due() => {
                    back = BackTimer::begin();
                    self.start_lanes(lanes).await?;
                }
                changed = woken.changed() => {
                    changed.context("the home is gone")?;
                    // Whatever comes together is packed together, and large databases are not copied all the time.
                    let rest = SETTLE.max(round.saturating_mul(RESTS)).min(REST_MAX);
                    tokio::select! {
                        () = self.stop.cancelled() => return Ok(true),
                        () = tokio::time::sleep(rest) => return Ok(false),
                    }
                }
            }
        }
    }

    /// What is no longer needed anywhere goes, here and there.
    async fn tidy(self: &Arc<Self>) -> anyhow::Result<()> {
        let home = Arc::clone(&self.home);
        blocking(move || {
            let here = outbox::list(&home)?;
            let wanted = home.vault.store.awaited_of(&here)?;
            outbox::tidy(&home, &wanted.into_iter().collect())?;
            Ok(())
        })
        .await?;
        if self.is_stopping() {
            return Ok(());
        }
        collect::collect(&self.home, &self.reader(), &self.stop).await
    }

    /// Gives a pack its places.
    pub(super) fn place(&self, pack: &PackRef, shelf: u8) -> anyhow::Result<Vec<TargetId>> {
        self.placer.lock().unwrap_or_else(PoisonError::into_inner).place_one(&self.home, pack, shelf)
    }

    /// Whether one of these places has a lane.
    pub(super) fn is_taken_by(&self, places: &[TargetId]) -> bool {
        let lanes = self.lanes();
        places.iter().any(|id| lanes.get(id).is_some_and(|lane| lane.report.ended.is_none()))
    }

    pub(super) fn now(&self) -> i64 {
        self.home.vault.engine.now()
    }

    pub(super) fn is_stopping(&self) -> bool {
        self.stop.is_cancelled()
    }

    /// Whether what leaves this network may leave it now.
    pub(super) fn is_hour(&self) -> bool {
        super::schedule::is_hour(&self.home, self.now())
    }

    pub(super) async fn stopped(&self) {
        self.stop.cancelled().await;
    }

    pub(super) async fn finished(&self) {
        self.finishing.cancelled().await;
    }

    pub(super) fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    /// Has the lanes look again.
    pub(super) fn tell_lanes(&self) {
        self.changes.send_modify(|changes| *changes += 1);
    }

    fn tell_packer(&self) {
        self.news.send_modify(|news| *news += 1);
    }

    pub(super) fn lane_is_idle(&self, id: TargetId, seen: u64) {
        if let Some(lane) = self.lanes().get_mut(&id) {
            lane.idle_at = Some(seen);
        }
        self.tell_packer();
    }

    fn lane_ended(&self, id: TargetId, ended: Ended) {
        if let Some(lane) = self.lanes().get_mut(&id) {
            lane.report.ended.get_or_insert(ended);
            lane.ended_at = Some(Instant::now());
        }
        self.tell_packer();
    }

    /// Whether every lane has ended or found nothing to do after the last change.
    fn all_idle(&self) -> bool {
        let changes = *self.changes.borrow();
        self.lanes().values().all(|lane| lane.report.ended.is_some() || lane.idle_at == Some(changes))
    }

    pub(super) fn count_sealed(&self, pack: &PackRef) {
        let mut report = self.lock_report();
        report.packs += 1;
        report.bytes += u64::from(pack.bytes);
    }

    pub(super) fn count_placed(&self, id: TargetId, bytes: u32) {
        if let Some(lane) = self.lanes().get_mut(&id) {
            lane.report.packs += 1;
            lane.report.bytes += u64::from(bytes);
        }
        self.tell_packer();
    }

    pub(super) fn count_head(&self, id: TargetId, number: u64) {
        if let Some(lane) = self.lanes().get_mut(&id) {
            lane.report.head = Some(number);
        }
        self.tell_packer();
    }

    /// Packs were dropped: what was in them is packed anew.
    pub(super) fn pack_again(&self) {
        self.sign_again.store(true, Ordering::Release);
        self.tell_packer();
    }

    /// A place has a head in this node's name that its own books do not know. The next one gets a higher number, and names
    /// the last that this home remembers: so keepers see two chains, hold both, and tell their people.
    pub(super) fn count_on_from(&self, head: &VaultHead) {
        let store = &self.home.vault.store;
        let count_on = || {
            // A home that remembers none has nothing to set against it.
            let ours = store.last_head()?.map_or(*head.hash().as_bytes(), |last| last.hash);
            let row =
                HeadRow { number: head.number(), hash: ours, at_ms: head.made_at_ms(), head: head.encode() };
            store.count_on(&row)
        };
        match count_on() {
            // Nothing of it is the vault's files, so that a new one is signed.
            Ok(()) => self.sign_again.store(true, Ordering::Release),
            Err(error) => tracing::error!(%error, "cannot note a head that a place has"),
        }
        if let Err(error) = store.set_files(&[]) {
            tracing::error!(%error, "cannot forget what the last manifest said");
        }
    }

    /// Packs that were placed so far.
    fn placed(&self) -> u64 {
        self.lanes().values().map(|lane| lane.report.packs).sum()
    }

    /// Looks at the places again, because one of them has room now that had none.
    pub(super) fn look_at_places(&self) -> anyhow::Result<()> {
        let mut placer = Placer::new(&self.home, self.policy)?;
        placer.place_all(&self.home)?;
        *self.placer.lock().unwrap_or_else(PoisonError::into_inner) = placer;
        self.tell_lanes();
        Ok(())
    }

    fn report(&self) -> RunReport {
        let mut report = self.lock_report().clone();
        report.places = self.lanes().values().map(|lane| lane.report.clone()).collect();
        report
    }

    fn lanes(&self) -> MutexGuard<'_, BTreeMap<TargetId, LaneState>> {
        self.lanes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock_report(&self) -> MutexGuard<'_, RunReport> {
        self.report.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
