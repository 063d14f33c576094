//! What is left to do once a restored home is open: keep for others again, tell albums of the new node, and bring pictures
//! and originals. It goes on at every start until all of it is done, and after every error once that may be over.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use heirloom_vault::policy::{Policy, TargetId};
use heirloom_vault::store::Place;
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::awaited;
use super::fetch::Fetcher;
use super::source::{self, Source};
use super::state::State;
use super::waited::Waited;
use super::{Restoring, Stage, blocking, pictures, renew};
use crate::clock;
use crate::home::Home;
use crate::vault::{heal, known_places};

/// How long to wait before places that were away are asked again, when nothing says that one came; it doubles.
const PAUSE: Duration = Duration::from_secs(15);
/// The longest such wait.
const PAUSE_MAX: Duration = Duration::from_secs(10 * 60);

/// The tasks that do it; each ends when it is done.
pub struct Comeback {
    stop: CancellationToken,
    tasks: TaskTracker,
}

impl Comeback {
    /// Goes on with what is left to do, if something is.
    pub fn start(home: &Arc<Home>) -> Self {
        let comeback = Self { stop: CancellationToken::new(), tasks: TaskTracker::new() };
        let at = Arc::clone(home);
        comeback.spawn("albums could not be told of this node", async move { renew::when_met(&at).await });
        match State::load(&home.layout) {
            Ok(Some(state)) => {
                home.restoring.begin(Stage::Pictures, 0, 0);
                let (at, stop) = (Arc::clone(home), comeback.stop.clone());
                comeback.spawn("the restore cannot go on now", async move {
                    work(&at, state, &stop).await;
                    Ok(())
                });
            }
            Ok(None) => {}
            Err(error) => tracing::error!("cannot go on with the restore: {error:#}"),
        }
        comeback.tasks.close();
        comeback
    }

    fn spawn(&self, failed: &'static str, work: impl Future<Output = anyhow::Result<()>> + Send + 'static) {
        let stop = self.stop.clone();
        self.tasks.spawn(async move {
            tokio::select! {
                done = work => {
                    if let Err(error) = done {
                        tracing::error!("{failed}: {error:#}");
                    }
                }
                () = stop.cancelled() => {}
            }
        });
    }

    /// Ends them; the next start goes on.
    pub async fn stop(self) {
        self.stop.cancel();
        self.tasks.wait().await;
    }
}

/// Works until everything is done. An error (a full disk, say) is told, and may be over later.
async fn work(home: &Arc<Home>, mut state: State, stop: &CancellationToken) {
    let (mut pause, mut began) = (PAUSE, Instant::now());
    while let Err(error) = steps(home, &mut state, stop).await {
        tracing::error!("the restore cannot go on now: {error:#}");
        home.restoring.say(format!("{error:#}; this goes on by itself when that is over"));
        // What went on for long and failed now has nothing to do with the errors before.
        pause = if began.elapsed() > PAUSE_MAX { PAUSE } else { (pause * 2).min(PAUSE_MAX) };
        tokio::time::sleep(pause).await;
        home.restoring.unsay();
        began = Instant::now();
    }
}

async fn steps(home: &Arc<Home>, state: &mut State, stop: &CancellationToken) -> anyhow::Result<()> {
    let restoring = Arc::clone(&home.restoring);
    let name = {
        let home = Arc::clone(home);
        blocking(move || home.name()).await?
    };
    restoring.found(&name, state.head_at_ms);
    open_folders(home, &state.folders);
    if !state.pictured {
        restoring.begin(Stage::Pictures, 0, 0);
        bring_pictures(home, &restoring, Waited::load(&home.layout), stop).await?;
        state.pictured = true;
        save(home, state).await?;
    }
    bring_originals(home, &restoring, Waited::load(&home.layout), stop).await?;
    let folder = home.layout.restoring();
    blocking(move || {
        std::fs::remove_dir_all(&folder).with_context(|| format!("cannot remove {}", folder.display()))
    })
    .await?;
    let (assets, bytes) = {
        let home = Arc::clone(home);
        blocking(move || Ok(home.ledger.totals()?)).await?
    };
    restoring.end(assets, bytes);
    tracing::info!(assets, bytes, "everything is restored");
    home.vault.changed(home);
    Ok(())
}

/// After a start of the program, the folders that the restore was begun from are read from again: one that was lent is none
/// of this home's places. A disk that is not there now may come.
fn open_folders(home: &Home, folders: &[PathBuf]) {
    if !home.restoring.sources().is_empty() {
        return;
    }
    let household = *home.keys.certificate.household();
    let open = |folder: &PathBuf| {
        let target = source::open_folder(folder, household).ok()?;
        Some(Source::new(folder.display().to_string(), target))
    };
    home.restoring.keep_sources(folders.iter().filter_map(open).collect());
}

/// Keeps copies for those homes again for which the old machine did. What it kept is gone; they send it again. To be done
/// before other homes are let in: who asks meanwhile would hear that nothing is kept for it any more.
///
/// # Errors
/// When the restore's note or the database cannot be read.
pub async fn keep_again(home: &Arc<Home>) -> anyhow::Result<()> {
    let home = Arc::clone(home);
    blocking(move || {
        let Some(State { we_keep, .. }) = State::load(&home.layout)? else { return Ok(()) };
        let known = home.vault.keeper.wards().context("cannot tell for whom this home keeps copies")?;
        for (household, quota) in we_keep {
            let Ok(household) = household.parse() else { continue };
            if known.iter().any(|ward| ward.household == household) {
                continue;
            }
            let random = crate::random::bytes()?;
            if let Err(error) = home.vault.keeper.agree(&household, quota, clock::now_ms(), random) {
                tracing::warn!(%household, %error, "could not go on keeping copies for a home");
            }
        }
        Ok(())
    })
    .await
}

async fn bring_pictures(
    home: &Arc<Home>,
    restoring: &Restoring,
    mut waited: Waited,
    stop: &CancellationToken,
) -> anyhow::Result<()> {
    let mut rest = Rest::new(home);
    loop {
        let keyring = home.keys.vault().context("this home's vault has no keys")?.keyring.clone();
        let household = *home.keys.certificate.household();
        let fetcher = Fetcher::new(sources(home).await?, Arc::new(keyring), household);
        let at = Arc::clone(home);
        let fetcher = fetcher.looking_besides(move |blob, without| {
            at.vault.store.locate_without(blob, without).unwrap_or_else(|error| {
                tracing::error!(%error, "cannot look for other packs");
                None
            })
        });
        let is_done = pictures::bring(home, &fetcher, restoring, stop).await?;
        end_if_stopped(stop).await;
        waited = blocking(move || waited.and_until(clock::now_ms())).await?;
        let away = Away::of(home, waited.total_ms()).await?;
        // After so long, and without places that do not come back, they are made from the originals instead.
        if is_done || waited.total_ms() >= Policy::default().replace_ms || away.nobody_else_comes() {
            return Ok(());
        }
        rest.until_somebody_comes(restoring, away).await;
    }
}

async fn bring_originals(
    home: &Arc<Home>,
    restoring: &Arc<Restoring>,
    mut waited: Waited,
    stop: &CancellationToken,
) -> anyhow::Result<()> {
    let mut rest = Rest::new(home);
    restoring.begin(Stage::Originals, 0, 0);
    loop {
        let extra: Vec<_> = restoring.sources().iter().map(|source| Arc::clone(&source.target)).collect();
        let told = Arc::clone(restoring);
        let report = move |progress: heal::Progress| {
            told.set(progress.done, progress.total, progress.bytes, progress.total_bytes);
        };
        // Asked first: who goes away meanwhile may have had what was not found.
        waited = blocking(move || waited.and_until(clock::now_ms())).await?;
        let away = Away::of(home, waited.total_ms()).await?;
        let healed = heal::missing(home, &extra, &report, stop).await?;
        end_if_stopped(stop).await;
        if healed.left == 0 {
            return Ok(());
        }
        if away.awaits.is_empty() {
            restoring.say(format!(
                "{} photos are in none of the copies; what is known of them stays, and they come back if a copy turns up",
                healed.left
            ));
            return Ok(());
        }
        if healed.healed > 0 {
            rest.pause = PAUSE;
        }
        rest.until_somebody_comes(restoring, away).await;
    }
}

/// What was stopped in the middle has not found out that nothing is left: it goes no further, and its task ends here.
async fn end_if_stopped(stop: &CancellationToken) {
    if stop.is_cancelled() {
        std::future::pending::<()>().await;
    }
}

/// Places that may have copies and do not answer now.
struct Away {
    /// Those that are waited for, as people call them.
    awaits: Vec<String>,
    /// Whether somebody said of others that they do not come back.
    is_without: bool,
}

impl Away {
    /// Asks all of them. One that was away for so long that its copies are made elsewhere is not waited for, and neither is
    /// one of which somebody said so; what comes when it is back is mended like any other loss. `waited_ms` is how long the
    /// restore waits.
    async fn of(home: &Arc<Home>, waited_ms: i64) -> anyhow::Result<Self> {
        let policy = Policy::default();
        let at = Arc::clone(home);
        let (gone, left_out) = blocking(move || {
            let rows = at.vault.store.targets()?.into_iter();
            let gone = rows.filter(|row| row.away_ms >= policy.replace_ms).map(|row| row.id);
            Ok((gone.collect::<Vec<TargetId>>(), awaited::left_out(&at.layout)?))
        })
        .await?;
        let known = places(home).await?.into_iter().filter(|(id, _)| !gone.contains(id));
        let mut places: Vec<Arc<Source>> = known.map(|(_, source)| source).collect();
        if waited_ms < policy.replace_ms {
            places.extend(home.restoring.sources());
        }
        let mut away = Self { awaits: Vec::new(), is_without: false };
        for place in places {
            if awaited::is_left_out(&left_out, &place.name) {
                away.is_without = true;
            } else if !away.awaits.contains(&place.name) && place.target.state().await.is_err() {
                away.awaits.push(place.name.clone());
            }
        }
        Ok(away)
    }

    /// Whether nothing is waited for, because of what somebody said.
    fn nobody_else_comes(&self) -> bool {
        self.awaits.is_empty() && self.is_without
    }
}

/// Waiting for places that are away.
struct Rest {
    woken: watch::Receiver<u64>,
    pause: Duration,
}

impl Rest {
    fn new(home: &Home) -> Self {
        Self { woken: home.vault.woken(), pause: PAUSE }
    }

    /// Until somebody came, or it is time to look again, which is later each time that nobody did.
    async fn until_somebody_comes(&mut self, restoring: &Restoring, away: Away) {
        restoring.wait_for(
            "a home or a disk with copies is away; this goes on as soon as it is back",
            away.awaits,
        );
        match tokio::time::timeout(self.pause, self.woken.changed()).await {
            Ok(Ok(())) => self.pause = PAUSE,
            // Nobody wakes any more: the home is being closed.
            Ok(Err(_)) => tokio::time::sleep(PAUSE).await,
            Err(_) => self.pause = (self.pause * 2).min(PAUSE_MAX),
        }
        restoring.unsay();
    }
}

/// Where packs can be read: what the restore was begun from, and every place that is known.
async fn sources(home: &Arc<Home>) -> anyhow::Result<Vec<Arc<Source>>> {
    let mut sources = home.restoring.sources();
    sources.extend(places(home).await?.into_iter().map(|(_, source)| source));
    Ok(sources)
}

/// Every place that is known, as people call it.
async fn places(home: &Arc<Home>) -> anyhow::Result<Vec<(TargetId, Arc<Source>)>> {
    let at = Arc::clone(home);
    let (known, names) = blocking(move || {
        let peers = at
            .ledger
            .peers()?
            .into_iter()
            .map(|peer| (peer.household, peer.name()))
            .collect::<HashMap<_, _>>();
        let rows = at.vault.store.targets()?.into_iter();
        let names = rows.map(|row| {
            let name = match &row.place {
                Place::Household(household) => peers.get(household).cloned(),
                other => known_places::name_of(other),
            };
            (row.id, name)
        });
        Ok((at.vault.targets(&at)?, names.collect::<HashMap<_, _>>()))
    })
    .await?;
    let source = |(id, target): (TargetId, _)| {
        let name = names.get(&id).cloned().flatten().unwrap_or_else(|| format!("place {}", id.0));
        (id, Source::new(name, target))
    };
    Ok(known.into_iter().map(source).collect())
}

async fn save(home: &Arc<Home>, state: &State) -> anyhow::Result<()> {
    let (home, state) = (Arc::clone(home), state.clone());
    blocking(move || state.save(&home.layout)).await
}
