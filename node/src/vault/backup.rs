//! One run of the vault: whatever is new is packed, whatever is to be somewhere goes there, and what is there is signed.
//!
//! A run has one packer and a lane for each place that can be reached. The packer seals packs and lays them on the shelf;
//! the lanes take them from there, or write them again; a pack that was proved somewhere is listed, and a head that lists
//! it goes to every place that has what a restore begins with. Originals come in rounds, so that what arrived meanwhile
//! goes before what has waited for years, and a manifest is written after each.
//!
//! Nothing here has to be undone after a crash: everything that counts is in `vault.sqlite` when it happens, and what is
//! to be done is found again from there, from the ledger and from the disk.

mod lanes;
mod rounds;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::Context;
use heirloom_identity::VaultHead;
use heirloom_vault::PackRef;
use heirloom_vault::policy::{Policy, TargetId};
use heirloom_vault::store::HeadRow;
use serde::{Deserialize, Serialize};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use self::lanes::RunLanes;
use self::rounds::Rounds;
use super::fetch::Reader;
pub use super::lane::Ended;
use super::place::Placer;
use super::polite::blocking;
use super::{collect, outbox, refill, remembered};
use crate::home::Home;

/// Packs that are on their way at once, to all places in this network, and to all beyond: each is in memory.
const PACKS_AT_ONCE: usize = 6;

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
    pub(super) lanes: RunLanes,
    reader: Mutex<Arc<Reader>>,
    placer: Mutex<Placer>,
    stop: CancellationToken,
    finishing: CancellationToken,
    /// Without what the lanes count.
    report: Mutex<RunReport>,
    /// There has to be another round: packs were dropped, or a place knows newer heads of this node than this home.
    sign_again: AtomicBool,
}

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
    let mut rounds = Rounds::new(Arc::clone(&run));
    let packed = rounds.pack_and_publish().await;
    run.finishing.cancel();
    rounds.join().await?;
    let report = run.report();
    packed?;
    run.tidy().await?;
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
            lanes: RunLanes::new(),
            reader: Mutex::new(Arc::new(reader)),
            placer: Mutex::new(placer.await?),
            stop,
            finishing: CancellationToken::new(),
            report: Mutex::default(),
            sign_again: AtomicBool::new(false),
        })
    }

    /// What is no longer needed anywhere goes, here and there.
    async fn tidy(&self) -> anyhow::Result<()> {
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

    pub(super) fn now(&self) -> i64 {
        self.home.vault.engine.now()
    }

    pub(super) fn is_stopping(&self) -> bool {
        self.stop.is_cancelled()
    }

    pub(super) async fn stopped(&self) {
        self.stop.cancelled().await;
    }

    /// Returns when there is nothing left to pack, so that a lane which has nothing to send may end.
    pub(super) async fn finished(&self) {
        self.finishing.cancelled().await;
    }

    /// Whether what leaves this network may leave it now.
    pub(super) fn is_hour(&self) -> bool {
        super::schedule::is_hour(&self.home, self.now())
    }

    pub(super) fn reader(&self) -> Arc<Reader> {
        Arc::clone(&self.reader.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn set_reader(&self, reader: Arc<Reader>) {
        *self.reader.lock().unwrap_or_else(PoisonError::into_inner) = reader;
    }

    /// Gives a pack its places.
    pub(super) fn place(&self, pack: &PackRef, shelf: u8) -> anyhow::Result<Vec<TargetId>> {
        self.placer.lock().unwrap_or_else(PoisonError::into_inner).place_one(&self.home, pack, shelf)
    }

    /// Looks at the places again: one may be there, or have room, that was not or had none.
    pub(super) fn look_at_places(&self) -> anyhow::Result<()> {
        let mut placer = Placer::new(&self.home, self.policy)?;
        placer.place_all(&self.home)?;
        *self.placer.lock().unwrap_or_else(PoisonError::into_inner) = placer;
        self.lanes.tell();
        Ok(())
    }

    /// Packs were dropped: what was in them is packed anew.
    pub(super) fn pack_again(&self) {
        self.sign_again.store(true, Ordering::Release);
        self.lanes.tell_packer();
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

    /// Whether there has to be another round; asked once for each reason.
    fn takes_another_round(&self) -> bool {
        self.sign_again.swap(false, Ordering::AcqRel)
    }

    pub(super) fn count_sealed(&self, pack: &PackRef) {
        let mut report = self.lock_report();
        report.packs += 1;
        report.bytes += u64::from(pack.bytes);
    }

    /// A head was signed, for the lanes to take along.
    fn count_head(&self, number: u64) {
        self.lock_report().head = Some(number);
        self.lanes.tell();
    }

    fn report(&self) -> RunReport {
        RunReport { places: self.lanes.reports(), ..self.lock_report().clone() }
    }

    fn lock_report(&self) -> MutexGuard<'_, RunReport> {
        self.report.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
