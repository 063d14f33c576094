//! The vault's own task while the node is up: it runs when something is new, and looks after everything now and then.
//!
//! A loop for each part, so that none holds up another: copies go out, promises are checked (audits, custody), drills are
//! held, originals are looked after, wishes are fulfilled, newer states come home. Each does nothing that is not found again
//! from the databases and the disk, so a stop at any moment costs nothing.

use std::sync::Arc;
use std::time::Duration;

use heirloom_store::Fault;
use heirloom_vault::policy::{Policy, TargetId, drill};
use heirloom_vault::store::NewAlarm;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::backup::{self, RunReport};
use super::engine::Wish;
use super::lane::Ended;
use super::polite::{blocking, polite};
use super::{audits, drills, heal, newer, overdue, place};
use crate::home::Home;
use crate::protocols::vault::notices;

/// How long a run waits after a wake for whatever belongs to it.
const SETTLE: Duration = Duration::from_secs(5);
/// How often copies are looked at when nothing wakes the run.
const LOOK_EVERY: Duration = Duration::from_hours(1);
/// How soon a run that left something is tried again.
const AGAIN_AFTER: Duration = Duration::from_mins(5);
/// A run rests so many times as long as it took, so that reading large databases is never all that a home does.
const RESTS: u32 = 10;
const REST_MAX: Duration = Duration::from_mins(2);
/// How often promises are looked at: whom we reach, what is to be asked, what a ward's hold has come to.
const CHECK_EVERY: Duration = Duration::from_mins(10);
/// How often originals are looked at.
const SCRUB_EVERY: Duration = Duration::from_hours(1);
/// Bytes of originals that are read again in one go.
const SCRUB_BYTES: u64 = 8 << 30;
/// Bytes of other homes' packs that are read again in one go.
const KEEPER_SCRUB_BYTES: u64 = 1 << 30;
/// The alarm that copies cannot be made.
const ALARM_FAILED: &str = "backup-failed";
/// The alarm that the database of what is kept for others is damaged.
const ALARM_KEEPING: &str = "keeping-failed";
/// The moment at which there was first something to drill.
pub(super) const DRILL_SINCE: &str = "drill-since";

/// The running loops; [`VaultWorker::stop`] ends them.
pub struct VaultWorker {
    home: Arc<Home>,
    stop: CancellationToken,
    tasks: Vec<JoinHandle<()>>,
}

impl VaultWorker {
    /// Starts on the runtime of the caller.
    pub fn start(home: &Arc<Home>) -> Self {
        let stop = CancellationToken::new();
        let tasks = vec![
            tokio::spawn(copy(Arc::clone(home), stop.clone())),
            tokio::spawn(check(Arc::clone(home), stop.clone())),
            tokio::spawn(drill_now_and_then(Arc::clone(home), stop.clone())),
            tokio::spawn(look_after(Arc::clone(home), stop.clone())),
            tokio::spawn(fulfil(Arc::clone(home), stop.clone())),
            tokio::spawn(newer::keep_bringing(Arc::clone(home), stop.clone())),
        ];
        Self { home: Arc::clone(home), stop, tasks }
    }

    /// Ends everything that is under way; it is found again.
    pub async fn stop(self) {
        self.stop.cancel();
        self.home.vault.engine.stop.cancel();
        self.home.vault.engine.tasks.close();
        self.home.vault.engine.tasks.wait().await;
        for task in self.tasks {
            if let Err(error) = task.await {
                tracing::error!(%error, "a task of the vault ended badly");
            }
        }
    }
}

/// Whether the vault is on and this node is the household's.
fn is_on(home: &Home) -> bool {
    home.keys.vault().is_some() && !home.is_outranked()
}

/// Copies go out: after a wake, and now and then.
async fn copy(home: Arc<Home>, stop: CancellationToken) {
    let mut woken = home.vault.woken();
    home.vault.engine.look_at_all_pictures();
    let mut rest = SETTLE;
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(rest) => {}
            changed = woken.changed() => {
                if changed.is_err() {
                    return;
                }
                tokio::select! {
                    () = stop.cancelled() => return,
                    () = tokio::time::sleep(SETTLE) => {}
                }
            }
        }
        woken.borrow_and_update();
        if !is_on(&home) || !has_places(&home).await {
            rest = LOOK_EVERY;
            continue;
        }
        let begun = tokio::time::Instant::now();
        let ran = backup::run(&home, &stop).await;
        report("what is to be told of copies", note_run(&home, ran.as_ref().err()).await);
        rest = match ran {
            Ok(report) if is_unfinished(&report) => AGAIN_AFTER,
            Ok(_) => LOOK_EVERY,
            Err(error) => {
                tracing::error!("copies could not be made: {error:#}");
                AGAIN_AFTER
            }
        };
        let pause = begun.elapsed().saturating_mul(RESTS).min(REST_MAX);
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(if begun.elapsed() < SETTLE { Duration::ZERO } else { pause }) => {}
        }
    }
}

/// Tells people when copies cannot be made at all, until they can.
async fn note_run(home: &Arc<Home>, failed: Option<&anyhow::Error>) -> anyhow::Result<()> {
    if failed.is_some_and(is_damage) {
        // The next start looks at every page, and makes the database anew.
        home.look_again();
    }
    let (at, failed) = (Arc::clone(home), failed.map(|error| format!("{error:#}")));
    blocking(move || {
        let store = &at.vault.store;
        let Some(failed) = failed else { return Ok(store.lower(ALARM_FAILED, None)?) };
        let text = "No copies can be made at the moment.".to_owned();
        let advice = format!(
            "What was copied before is still safe; what is new is not copied yet. It is tried again every few minutes. If \
             this computer's disk is full, make room on it. If it goes on, start Heirloom again; if that does not help, ask \
             for help and tell what went wrong: \u{201c}{failed}\u{201d}."
        );
        let alarm = NewAlarm { kind: ALARM_FAILED, household: None, text, advice };
        Ok(store.raise(&alarm, at.vault.engine.now())?)
    })
    .await
}

/// Whether a database turned out to be damaged, or a part of it cannot be read: the next start finds out.
fn is_damage(error: &anyhow::Error) -> bool {
    matches!(Fault::of(error.as_ref()), Fault::Damage | Fault::Reading)
}

async fn has_places(home: &Arc<Home>) -> bool {
    let at = Arc::clone(home);
    let targets = blocking(move || Ok(!at.vault.targets(&at)?.is_empty())).await;
    targets.unwrap_or_else(|error| {
        tracing::error!("the places for copies cannot be read: {error:#}");
        false
    })
}

/// Whether something was left that may work soon.
fn is_unfinished(report: &RunReport) -> bool {
    report.places.iter().any(|place| matches!(place.ended, Some(Ended::Failed | Ended::Resting)))
}

/// Promises are checked: those of others to us, and ours to others.
async fn check(home: Arc<Home>, stop: CancellationToken) {
    let mut last = home.vault.engine.now();
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(CHECK_EVERY) => {}
        }
        let now_ms = home.vault.engine.now();
        let passed =
            now_ms.saturating_sub(last).clamp(0, i64::try_from(2 * CHECK_EVERY.as_millis()).unwrap_or(0));
        last = now_ms;
        check_promises(&home, passed, &stop).await;
    }
}

/// One look at promises after so much time with this home on: those of this home to others, and those of others to it.
pub async fn check_promises(home: &Arc<Home>, passed_ms: i64, stop: &CancellationToken) {
    report("what is kept for others", keep_promises(home, passed_ms).await);
    if is_on(home) {
        report("the time that places were away", note_time(home, passed_ms).await);
        report("what others keep", ask_due(home, stop).await);
    }
}

fn report(what: &str, outcome: anyhow::Result<()>) {
    if let Err(error) = outcome {
        tracing::error!("{what} could not be looked after: {error:#}");
    }
}

/// This home as a keeper: its running time, what a hold has come to, packs read again. What goes wrong with one of these,
/// perhaps with the disk of one ward, keeps no other from being done.
///
/// # Errors
/// The first of what went wrong.
pub async fn keep_promises(home: &Arc<Home>, passed_ms: i64) -> anyhow::Result<()> {
    let at = Arc::clone(home);
    let (bad, kept) = polite(move || {
        let (keeper, now_ms) = (&at.vault.keeper, at.vault.engine.now());
        let scrubbed = || -> anyhow::Result<_> { Ok(keeper.scrub_step(KEEPER_SCRUB_BYTES)?.bad) };
        let mut bad = Vec::new();
        let steps = [
            keeper.tick(passed_ms).map_err(anyhow::Error::from),
            keeper.note_growth(now_ms).map_err(anyhow::Error::from),
            super::kits::holder::count_time(&at, now_ms),
            keeper.collect().map(drop).map_err(anyhow::Error::from),
            super::remembered::note(&at),
            scrubbed().map(|found| bad = found),
        ];
        Ok((bad, first_of(steps)))
    })
    .await?;
    if let Some(network) = home.network() {
        if !bad.is_empty() {
            notices::scrubbed(&network, &bad).await;
        }
        notices::pass_on(&network).await;
    }
    note_keeping(home, kept.as_ref().err().is_some_and(is_damage)).await?;
    kept
}

/// The first of several errors; the others are logged.
fn first_of(steps: impl IntoIterator<Item = anyhow::Result<()>>) -> anyhow::Result<()> {
    let mut errors = steps.into_iter().filter_map(Result::err);
    let Some(first) = errors.next() else { return Ok(()) };
    // Damage of a database is what people are told of.
    let mut rest: Vec<_> = errors.collect();
    let damage = rest.iter().position(is_damage).filter(|_| !is_damage(&first));
    let first = match damage {
        Some(at) => std::mem::replace(&mut rest[at], first),
        None => first,
    };
    rest.iter()
        .for_each(|error| tracing::error!("what is kept for others could not be looked after: {error:#}"));
    Err(first)
}

/// Tells people when the database of what is kept for others is damaged, until it is not.
async fn note_keeping(home: &Arc<Home>, is_damaged: bool) -> anyhow::Result<()> {
    if is_damaged {
        // The next start looks at every page, and makes the database anew.
        home.look_again();
    }
    let at = Arc::clone(home);
    blocking(move || {
        let store = &at.vault.store;
        if !is_damaged {
            return Ok(store.lower(ALARM_KEEPING, None)?);
        }
        let text = "What this home knows about the copies that it keeps for other homes is damaged.".to_owned();
        let advice = "Start Heirloom again: it finds all of it out anew from the copies themselves. Until then those homes may \
                      not get at the copies that lie here. If it happens again, this computer's disk may be failing.";
        let alarm =
            NewAlarm { kind: ALARM_KEEPING, household: None, text, advice: advice.to_owned() };
        Ok(store.raise(&alarm, at.vault.engine.now())?)
    })
    .await
}

/// Counts for how long places were not reached while this home was on.
async fn note_time(home: &Arc<Home>, passed_ms: i64) -> anyhow::Result<()> {
    let at = Arc::clone(home);
    blocking(move || {
        let (store, now_ms) = (&at.vault.store, at.vault.engine.now());
        let network = at.network();
        let is_connected = |household: &heirloom_identity::HouseholdId| {
            network.as_ref().is_some_and(|network| network.connection(household).is_some())
        };
        let rows = store.targets()?;
        let reached: Vec<TargetId> = rows
            .iter()
            .filter(|row| row.household().is_some_and(|household| is_connected(&household)))
            .map(|row| row.id)
            .collect();
        let anybody = at.ledger.peers()?.iter().any(|peer| is_connected(&peer.household));
        store.time_passed(passed_ms, &reached, anybody)?;
        overdue::note_time(&at, passed_ms)?;
        let (photos, bytes) = at.ledger.file_totals()?;
        Ok(store.note_growth(photos, bytes, now_ms)?)
    })
    .await
}

/// Audits that are due.
async fn ask_due(home: &Arc<Home>, stop: &CancellationToken) -> anyhow::Result<()> {
    let seed = u64::from_le_bytes(crate::random::bytes()?);
    audits::run(home, audits::Scope::Due, seed, stop).await.map(drop)
}

/// Drills, each week one: by themselves, since over a slow line one takes hours.
async fn drill_now_and_then(home: Arc<Home>, stop: CancellationToken) {
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(CHECK_EVERY) => {}
        }
        if is_on(&home) {
            report("a drill", drill_due(&home, &stop).await);
        }
    }
}

async fn drill_due(home: &Arc<Home>, stop: &CancellationToken) -> anyhow::Result<()> {
    let at = Arc::clone(home);
    let is_due = blocking(move || {
        let (store, now_ms) = (&at.vault.store, at.vault.engine.now());
        if store.drill_candidates()?.is_empty() {
            return Ok(false);
        }
        let last = store.drills(1)?.first().map(|drill| drill.at_ms);
        let since = match (last, store.moment(DRILL_SINCE)?) {
            (Some(last), _) | (None, Some(last)) => last,
            (None, None) => {
                store.set_moment(DRILL_SINCE, now_ms)?;
                now_ms
            }
        };
        Ok(drill::is_due(since, now_ms, &Policy::default()))
    });
    if is_due.await? {
        drills::run(home, u64::from_le_bytes(crate::random::bytes()?), stop).await?;
    }
    Ok(())
}

/// Originals are looked after.
async fn look_after(home: Arc<Home>, stop: CancellationToken) {
    loop {
        let suspects = home.vault.engine.suspected();
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(SCRUB_EVERY) => {}
            () = suspects => {}
        }
        if place::is_restoring(&home) || home.is_outranked() {
            continue;
        }
        report("originals", heal::scrub(&home, SCRUB_BYTES, &stop).await.map(drop));
        if is_on(&home) {
            report("missing originals", heal::mend(&home, &stop).await.map(drop));
        }
    }
}

/// What people ask for.
async fn fulfil(home: Arc<Home>, stop: CancellationToken) {
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = home.vault.engine.wished() => {}
        }
        for wish in home.vault.engine.take_wishes() {
            if !is_on(&home) {
                continue;
            }
            let seed = crate::random::bytes().map(u64::from_le_bytes).unwrap_or_default();
            match wish {
                Wish::Run => home.vault.wake(),
                Wish::Audit => {
                    let audited = audits::run(&home, audits::Scope::Everything, seed, &stop).await;
                    report("what others keep", audited.map(drop));
                }
                Wish::Drill => report("a drill", drills::run(&home, seed, &stop).await.map(drop)),
                // A restore is bringing everything that is missing already.
                Wish::Repair if place::is_restoring(&home) => {}
                Wish::Repair => report("originals", heal::repair(&home, &stop).await.map(drop)),
            }
        }
    }
}
