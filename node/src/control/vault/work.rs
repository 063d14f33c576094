//! What takes a while: copying, checking, practising, repairing; and whoever waits for it.
//!
//! With the node up it happens on the network's threads, and other homes take part. Alone, a command has no network: it
//! reaches the household's own folders and buckets, and says that the homes were left out.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use heirloom_vault::policy::{Policy, Standing};
use heirloom_vault::store::{Overview, Place, TargetRow};
use serde_json::{Value, json};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::super::Say;
use super::who;
use crate::home::Home;
use crate::random;
use crate::vault::audits::Scope;
use crate::vault::backup::PlaceReport;
use crate::vault::{audits, backup, drills, heal, own_places};

/// How often it is looked whether whoever waits is still there.
const LOOK: Duration = Duration::from_secs(1);
/// How much of the time may go into counting how far it is, as one part in so many.
const COUNT_ONE_IN: u32 = 20;
/// How long work that nobody waits for any more may take to come to a good end.
const GRACE: Duration = Duration::from_secs(30);

/// Waits for something of other homes or disks, on a thread that is none of the network's.
pub(super) fn wait<T>(home: &Home, work: impl Future<Output = T>) -> anyhow::Result<T> {
    if let Some(network) = home.network() {
        return Ok(network.block_on(work));
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    Ok(runtime.context("cannot start the program's threads")?.block_on(work))
}

/// Copies what is not where it should be yet.
pub(super) fn run(home: &Arc<Home>, say: &mut Say<'_>) -> anyhow::Result<()> {
    must_reach_something(home)?;
    let mut progress = Counting::default();
    let report = watch(
        home,
        say,
        |home| progress.line(home),
        |stop| async move { Box::pin(backup::run(home, &stop)).await },
    )?;
    let overview = overview(home)?;
    let places: anyhow::Result<Vec<Value>> =
        report.places.iter().map(|place| describe_place(home, place)).collect();
    say(json!({
        "done": true, "packs": report.packs, "bytes": report.bytes, "pending": overview.pending_packs,
        "complete_homes": overview.photos.complete_homes(), "places": places?,
        "homes_left_out": are_homes_left_out(home)?,
    }));
    Ok(())
}

fn describe_place(home: &Home, report: &PlaceReport) -> anyhow::Result<Value> {
    let row = home.vault.store.target(report.target)?;
    let (household, name) = match row.map(|row| row.place) {
        Some(Place::Household(household)) => (Some(household), who::name_of(home, &household)?),
        Some(Place::Folder(folder)) => (None, folder),
        Some(Place::S3(bucket)) => (None, own_places::bucket_name(&bucket)),
        None => (None, report.target.to_string()),
    };
    Ok(json!({
        "target": report.target, "household": household, "name": name, "packs": report.packs,
        "bytes": report.bytes, "ended": report.ended,
    }))
}

/// Has every place that can be reached prove that it has what it took.
pub(super) fn audit(home: &Arc<Home>, say: &mut Say<'_>) -> anyhow::Result<()> {
    must_reach_something(home)?;
    let seed = seed()?;
    let report = watch(
        home,
        say,
        |_| stage("checking"),
        |stop| async move { Box::pin(audits::run(home, Scope::Everything, seed, &stop)).await },
    )?;
    say(json!({
        "done": true, "asked": report.asked, "ok": report.ok, "wrong": report.wrong, "missing": report.missing,
        "unanswered": report.unanswered, "homes_left_out": are_homes_left_out(home)?,
    }));
    Ok(())
}

/// Fetches some photos back and compares them.
pub(super) fn drill(home: &Arc<Home>, say: &mut Say<'_>) -> anyhow::Result<()> {
    must_reach_something(home)?;
    let seed = seed()?;
    let report = watch(
        home,
        say,
        |_| stage("practising"),
        |stop| async move { Box::pin(drills::run(home, seed, &stop)).await },
    )?;
    say(json!({
        "done": true, "photos": report.photos, "bytes": report.bytes, "problems": report.problems,
        "unreachable": report.unreachable, "homes_left_out": are_homes_left_out(home)?,
    }));
    if report.problems > 0 {
        bail!(
            "{} photos did not come back as they should; those copies are sent again: try once more tomorrow",
            report.problems
        );
    }
    Ok(())
}

/// Reads every original here, and brings back what is damaged or gone.
pub(super) fn repair(home: &Arc<Home>, say: &mut Say<'_>) -> anyhow::Result<()> {
    must_reach_something(home)?;
    let report = watch(
        home,
        say,
        |_| stage("repairing"),
        |stop| async move { Box::pin(heal::repair(home, &stop)).await },
    )?;
    say(json!({
        "done": true, "healed": report.healed, "bytes": report.bytes, "left": report.left,
        "homes_left_out": are_homes_left_out(home)?,
    }));
    if report.left > 0 {
        bail!(
            "{} originals are damaged or gone, and no copy of them can be reached now; they come back by themselves when \
             one can",
            report.left
        );
    }
    Ok(())
}

/// Does something that takes a while, and says now and then how far it is. When nobody listens any more it is asked to
/// stop, which it does where nothing is lost by it.
fn watch<T, W>(
    home: &Arc<Home>,
    say: &mut Say<'_>,
    mut progress: impl FnMut(&Home) -> Value,
    work: impl FnOnce(CancellationToken) -> W,
) -> anyhow::Result<T>
where
    W: Future<Output = anyhow::Result<T>>,
{
    let stop = CancellationToken::new();
    wait(home, async {
        let mut work = pin!(work(stop.clone()));
        let mut gone: Option<Instant> = None;
        loop {
            if let Ok(done) = timeout(LOOK, &mut work).await {
                return done;
            }
            match gone {
                None if say(progress(home)) => {}
                None => {
                    stop.cancel();
                    gone = Some(Instant::now());
                }
                Some(since) if since.elapsed() < GRACE => {}
                Some(_) => bail!("nobody waits for it any more"),
            }
        }
    })?
}

fn stage(name: &str) -> Value {
    json!({ "stage": name })
}

/// How far copying is. Counting takes a moment in a large home, so it is done the less often the longer it takes.
#[derive(Default)]
struct Counting {
    total: u64,
    next: Option<Instant>,
    line: Option<Value>,
}

impl Counting {
    fn line(&mut self, home: &Home) -> Value {
        let now = Instant::now();
        if self.next.is_none_or(|next| now >= next)
            && let Ok(overview) = overview(home)
        {
            self.next = Some(now + now.elapsed() * COUNT_ONE_IN);
            self.total = self.total.max(overview.pending_packs);
            let done = self.total - overview.pending_packs;
            let bytes = overview.pending_bytes;
            self.line =
                Some(json!({"stage": "copying", "done": done, "total": self.total, "pending_bytes": bytes}));
        }
        self.line.clone().unwrap_or_else(|| stage("copying"))
    }
}

fn overview(home: &Home) -> anyhow::Result<Overview> {
    Ok(home.vault.store.overview(home.vault.engine.now(), &Policy::default())?)
}

fn seed() -> anyhow::Result<u64> {
    Ok(u64::from_le_bytes(random::bytes()?))
}

/// Says clearly when there is nothing that could be reached.
fn must_reach_something(home: &Home) -> anyhow::Result<()> {
    home.must_be_current()?;
    if home.keys.vault().is_none() {
        bail!(
            "copies are locked with a key that only the recovery phrase makes; type it once: `heirloom phrase verify`"
        );
    }
    let used = in_use(home)?;
    if used.is_empty() {
        bail!(
            "nobody keeps copies of this home yet; ask a home with `heirloom vault ask`, or use a disk with `heirloom \
             vault target add`"
        );
    }
    if home.network().is_none() && used.iter().all(|row| row.household().is_some()) {
        bail!(
            "other homes are reached only while this one is up; start it with `heirloom serve` (if it runs, its log says \
             why it is not connected)"
        );
    }
    Ok(())
}

/// Whether homes that keep copies could not be asked, because this home is not up.
fn are_homes_left_out(home: &Home) -> anyhow::Result<bool> {
    Ok(home.network().is_none() && in_use(home)?.iter().any(|row| row.household().is_some()))
}

/// Places that keep copies, or may at any moment: a home that was asked says yes when a person there does.
fn in_use(home: &Home) -> anyhow::Result<Vec<TargetRow>> {
    let mut rows = home.vault.store.targets()?;
    rows.retain(|row| row.standing != Standing::Refused);
    Ok(rows)
}
