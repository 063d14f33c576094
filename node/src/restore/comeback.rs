//! What is left to do once a restored home is open: keep for others again, tell albums of the new node, and bring pictures
//! and originals. It goes on at every start until all of it is done.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::fetch::Fetcher;
use super::source::Source;
use super::state::State;
use super::{Restoring, Stage, blocking, pictures, renew};
use crate::clock;
use crate::home::Home;
use crate::vault::heal;

/// How long to wait before places that were away are asked again, when nothing says that one came.
const PAUSE: Duration = Duration::from_secs(15);

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
                    let done = work(&at, state, &stop).await;
                    if let Err(error) = &done {
                        at.restoring.fail(format!("{error:#}"));
                    }
                    done
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

async fn work(home: &Arc<Home>, mut state: State, stop: &CancellationToken) -> anyhow::Result<()> {
    let restoring = Arc::clone(&home.restoring);
    let name = {
        let home = Arc::clone(home);
        blocking(move || home.name()).await?
    };
    restoring.found(&name, state.head_at_ms);
    keep_again(home, &state).await?;
    if !state.pictured {
        bring_pictures(home, &restoring, stop).await?;
        state.pictured = true;
        save(home, &state).await?;
    }
    bring_originals(home, &restoring, stop).await?;
    let folder = home.layout.restoring();
    blocking(move || {
        std::fs::remove_dir_all(&folder).with_context(|| format!("cannot remove {}", folder.display()))
    })
    .await?;
    let (assets, bytes) = {
        let home = Arc::clone(home);
        blocking(move || Ok(home.ledger.totals()?)).await?
    };
    restoring.begin(Stage::Done, assets, bytes);
    restoring.set(assets, assets, bytes, bytes);
    tracing::info!(assets, bytes, "everything is restored");
    home.vault.changed(home);
    Ok(())
}

/// Keeps copies for those homes again for which the old machine did. What it kept is gone; they send it again.
async fn keep_again(home: &Arc<Home>, state: &State) -> anyhow::Result<()> {
    let (home, we_keep) = (Arc::clone(home), state.we_keep.clone());
    blocking(move || {
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
    stop: &CancellationToken,
) -> anyhow::Result<()> {
    let mut woken = home.vault.woken();
    loop {
        let keyring = home.keys.vault().context("this home's vault has no keys")?.keyring.clone();
        let household = *home.keys.certificate.household();
        let fetcher = Fetcher::new(sources(home).await?, Arc::new(keyring), household);
        if pictures::bring(home, &fetcher, restoring, stop).await? {
            return Ok(());
        }
        restoring.say("a home or a disk with copies is away; this goes on as soon as it is back");
        pause(&mut woken).await;
    }
}

async fn bring_originals(
    home: &Arc<Home>,
    restoring: &Arc<Restoring>,
    stop: &CancellationToken,
) -> anyhow::Result<()> {
    let mut woken = home.vault.woken();
    restoring.begin(Stage::Originals, 0, 0);
    loop {
        let extra: Vec<_> = restoring.sources().iter().map(|source| Arc::clone(&source.target)).collect();
        let told = Arc::clone(restoring);
        let report = move |progress: heal::Progress| {
            told.set(progress.done, progress.total, progress.bytes, progress.total_bytes);
        };
        // Asked first: who goes away meanwhile may have had what was not found.
        let everybody_is_there = all_are_there(home).await?;
        let healed = heal::missing(home, &extra, &report, stop).await?;
        if healed.left == 0 {
            return Ok(());
        }
        if everybody_is_there {
            restoring.say(format!(
                "{} photos are in none of the copies; what is known of them stays, and they come back if a copy turns up",
                healed.left
            ));
            return Ok(());
        }
        restoring.say("a home or a disk with copies is away; this goes on as soon as it is back");
        pause(&mut woken).await;
    }
}

/// Whether every place that may have copies answers now.
async fn all_are_there(home: &Arc<Home>) -> anyhow::Result<bool> {
    for source in sources(home).await? {
        if source.target.state().await.is_err() {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Until somebody came, or it is time to look again.
async fn pause(woken: &mut tokio::sync::watch::Receiver<u64>) {
    if let Ok(Err(_)) = tokio::time::timeout(PAUSE, woken.changed()).await {
        // Nobody wakes any more: the home is being closed.
        tokio::time::sleep(PAUSE).await;
    }
}

/// Where packs can be read: what the restore was begun from, and every place that is known.
async fn sources(home: &Arc<Home>) -> anyhow::Result<Vec<Arc<Source>>> {
    let mut sources = home.restoring.sources();
    let at = Arc::clone(home);
    let known = blocking(move || at.vault.targets(&at)).await?;
    let name = |number: u32| format!("place {number}");
    sources.extend(known.into_iter().map(|(id, target)| Source::new(name(id.0), target)));
    Ok(sources)
}

async fn save(home: &Arc<Home>, state: &State) -> anyhow::Result<()> {
    let (home, state) = (Arc::clone(home), state.clone());
    blocking(move || state.save(&home.layout)).await
}
