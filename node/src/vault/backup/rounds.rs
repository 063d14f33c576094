//! The packer's part of a run: rounds of packing, each with a manifest of its own, and the lanes that carry what is packed.
//!
//! A round packs, waits until that is proved somewhere, signs a head, and waits for the lanes. One slow place keeps a run
//! going for days, so the places are looked at again in every wait: whoever came back has its lane at once.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context;
use heirloom_vault::policy::TargetId;
use heirloom_vault::{FileSnapshot, PackId, Target};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::{Ended, Run};
use crate::home::Home;
use crate::vault::fetch::Reader;
use crate::vault::lane::{Lane, is_near};
use crate::vault::packing::Packing;
use crate::vault::polite::{blocking, polite};
use crate::vault::publish::Published;
use crate::vault::{compact, overdue, publish, snapshot};

/// Originals that are packed before the manifest is written again.
const ROUND_BYTES: u64 = 1 << 30;
/// Rounds of one run; whatever is left then is the next run's.
const ROUNDS_MAX: u32 = 10_000;
/// How long a run waits for packs that the manifest is to list to be proved, before it goes on without.
const PROVE_WAIT: Duration = Duration::from_mins(10);
/// How long a round waits after news for whatever belongs to it; and so many times as long as the last round took.
const SETTLE: Duration = Duration::from_secs(5);
const RESTS: u32 = 4;
const REST_MAX: Duration = Duration::from_mins(10);
/// How soon a lane that ended is begun again while others go on: at a wake, and without one.
const BACK_AFTER: Duration = Duration::from_secs(5);
const BACK_EVERY: Duration = Duration::from_mins(5);

/// See the module's description.
pub(super) struct Rounds {
    run: Arc<Run>,
    /// The lanes, those that ended among them.
    tasks: JoinSet<()>,
}

/// A place that is to have a lane.
struct Waiting {
    id: TargetId,
    target: Arc<dyn Target>,
    is_near: bool,
}

/// What a round packed.
struct Packed {
    packing: Packing,
    files: Vec<FileSnapshot>,
    /// There are originals for another round.
    has_more: bool,
}

impl Rounds {
    pub(super) fn new(run: Arc<Run>) -> Self {
        Self { run, tasks: JoinSet::new() }
    }

    /// Packs and publishes until nothing is left to pack and the lanes have nothing left to send.
    ///
    /// # Errors
    /// When a database or the disk fails.
    pub(super) async fn pack_and_publish(&mut self) -> anyhow::Result<()> {
        let mut packing = Packing::new(Arc::clone(&self.run))?;
        for _ in 0..ROUNDS_MAX {
            // What wakes the run from here on is for the next round.
            let mut woken = self.run.home.vault.woken();
            self.start_lanes().await?;
            let (mut news, begun) = (self.run.lanes.news(), Instant::now());
            let packed = polite(move || pack(packing)).await?;
            packing = packed.packing;
            if self.run.is_stopping() {
                return Ok(());
            }
            self.wait_for_proofs(packing.take_sealed(), woken.clone()).await?;
            let placed = self.run.lanes.packs_placed();
            let (published, head) = self.publish(packing, packed.files).await?;
            packing = published;
            if packed.has_more {
                continue;
            }
            if !self.wait_until_idle(&mut news, &mut woken, begun.elapsed()).await? {
                continue;
            }
            if self.run.is_stopping() || !self.may_publish(&head, placed).await? {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Waits for every lane to end.
    ///
    /// # Errors
    /// When one panicked.
    pub(super) async fn join(mut self) -> anyhow::Result<()> {
        while let Some(ended) = self.tasks.join_next().await {
            ended.context("a lane panicked")?;
        }
        Ok(())
    }

    /// Looks at the places again and starts a lane for each that has none, or whose lane ended because it could not be
    /// reached then.
    async fn start_lanes(&mut self) -> anyhow::Result<()> {
        let reader = Arc::new(Reader::of(&self.run.home, &[]).await?);
        self.run.set_reader(Arc::clone(&reader));
        let run = Arc::clone(&self.run);
        let mut waiting = blocking(move || {
            run.look_at_places()?;
            let mut waiting = Vec::new();
            for source in reader.sources() {
                if let Some(id) = source.id.filter(|id| run.lanes.lacks(*id)) {
                    waiting.push(Waiting {
                        id,
                        target: Arc::clone(&source.target),
                        is_near: is_near(&run, id)?,
                    });
                }
            }
            Ok(waiting)
        })
        .await?;
        // What is near comes first, and is done first.
        waiting.sort_by_key(|place| (!place.is_near, place.id));
        for Waiting { id, target, is_near } in waiting {
            self.run.lanes.begin(id);
            let lane = Lane::new(Arc::clone(&self.run), id, target, is_near);
            self.tasks.spawn(lane_task(Arc::clone(&self.run), id, lane));
        }
        Ok(())
    }

    /// Signs a head for what was packed and proved.
    async fn publish(
        &self,
        mut packing: Packing,
        files: Vec<FileSnapshot>,
    ) -> anyhow::Result<(Packing, Published)> {
        let run = Arc::clone(&self.run);
        let (mut packing, head) = polite(move || {
            let head = publish::publish(&run.home, &mut packing, &files, run.now())?;
            overdue::note_published(&run.home, &head)?;
            compact::drop_useless(&run.home, run.now())?;
            Ok((packing, head))
        })
        .await?;
        packing.take_sealed();
        if let Published::Head(head) = &head {
            self.run.count_head(head.number);
        }
        Ok((packing, head))
    }

    /// Whether what was not proved in time for the last manifest may be by now. `placed` is how many packs had been placed
    /// when that was written.
    async fn may_publish(&self, head: &Published, placed: u64) -> anyhow::Result<bool> {
        match head {
            Published::NotYet => Ok(self.run.lanes.packs_placed() > placed),
            Published::Head(_) | Published::Same => {
                let home = Arc::clone(&self.run.home);
                blocking(move || publish::is_behind(&home)).await
            }
        }
    }

    /// Waits until packs of this round are proved somewhere, as long as there is a lane that may do it. Somebody who comes
    /// back meanwhile may be quicker than whoever is waited for.
    async fn wait_for_proofs(
        &mut self,
        mut unproven: Vec<PackId>,
        mut woken: watch::Receiver<u64>,
    ) -> anyhow::Result<()> {
        let (deadline, mut back) = (tokio::time::Instant::now() + PROVE_WAIT, BackTimer::begin());
        let mut news = self.run.lanes.news();
        loop {
            news.borrow_and_update();
            let home = Arc::clone(&self.run.home);
            unproven = blocking(move || still_unproven(&home, unproven)).await?;
            if unproven.is_empty() || self.run.is_stopping() || self.run.lanes.are_idle() {
                return Ok(());
            }
            tokio::select! {
                () = self.run.stopped() => return Ok(()),
                () = tokio::time::sleep_until(deadline) => return Ok(()),
                changed = news.changed() => changed.context("the run is gone")?,
                changed = woken.changed() => {
                    changed.context("the home is gone")?;
                    back.hurry();
                }
                () = back.due() => {
                    back = BackTimer::begin();
                    self.start_lanes().await?;
                }
            }
        }
    }

    /// Waits until no lane has anything to do; `false` when there is something new to pack before that. `round` is how long
    /// the last round took.
    async fn wait_until_idle(
        &mut self,
        news: &mut watch::Receiver<u64>,
        woken: &mut watch::Receiver<u64>,
        round: Duration,
    ) -> anyhow::Result<bool> {
        let mut back = BackTimer::begin();
        loop {
            news.borrow_and_update();
            if self.run.takes_another_round() {
                return Ok(false);
            }
            if self.run.is_stopping() || self.run.lanes.are_idle() {
                return Ok(true);
            }
            tokio::select! {
                () = self.run.stopped() => return Ok(true),
                changed = news.changed() => changed.context("the run is gone")?,
                () = back.due() => {
                    back = BackTimer::begin();
                    self.start_lanes().await?;
                }
                changed = woken.changed() => {
                    changed.context("the home is gone")?;
                    // Whatever comes together is packed together, and large databases are not copied all the time.
                    let rest = SETTLE.max(round.saturating_mul(RESTS)).min(REST_MAX);
                    tokio::select! {
                        () = self.run.stopped() => return Ok(true),
                        () = tokio::time::sleep(rest) => return Ok(false),
                    }
                }
            }
        }
    }
}

fn pack(mut packing: Packing) -> anyhow::Result<Packed> {
    packing.note_arrivals()?;
    packing.pictures()?;
    let has_more = packing.originals(ROUND_BYTES)?;
    compact::merge(&mut packing)?;
    let files = snapshot::take(&mut packing)?;
    Ok(Packed { packing, files, has_more })
}

/// Of these packs, those that nobody has proved and that somebody still wants.
fn still_unproven(home: &Home, packs: Vec<PackId>) -> anyhow::Result<Vec<PackId>> {
    let store = &home.vault.store;
    let mut unproven = Vec::new();
    for pack in packs {
        if store.holders(&pack)?.is_empty() && store.pack(&pack)?.is_some() {
            unproven.push(pack);
        }
    }
    Ok(unproven)
}

/// Runs a lane until it ends or the run is stopped, and notes why.
async fn lane_task(run: Arc<Run>, id: TargetId, lane: Lane) {
    let taking = run.home.vault.engine.shelf.taking();
    let ended = tokio::select! {
        () = run.stopped() => Ok(Ended::Stopped),
        ended = lane.run() => ended,
    };
    drop(taking);
    let ended = ended.unwrap_or_else(|error| {
        tracing::error!("a lane of the vault failed: {error:#}");
        Ended::Failed
    });
    run.lanes.end(id, ended);
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
