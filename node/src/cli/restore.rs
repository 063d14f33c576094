//! `heirloom restore`.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::watch;
use zeroize::Zeroizing;

use super::{Common, output};
use crate::home::Home;
use crate::home::layout::Layout;
use crate::protocols::start::read_certificates;
use crate::restore::kit::KitOrder;
use crate::restore::{self, Order, Progress, RelayAccess, Restoring, Stage, when};
use crate::serve::{bind, serve_on};

/// Time between two lines of progress.
const REPORT_EVERY: Duration = Duration::from_millis(500);

/// Time between two rounds of asking for parts of a kit.
const ASK_EVERY: Duration = Duration::from_secs(60);

/// Arguments of `heirloom restore`.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    pub(super) common: Common,
    /// A file with the 24 words of the recovery phrase, or - for standard input.
    #[arg(long, value_name = "FILE", required_unless_present = "kit")]
    phrase_file: Option<PathBuf>,
    /// Without the phrase: ask the homes that hold parts of a recovery kit, and name your home as it was called. Takes days;
    /// run the same command again to go on.
    #[arg(long, value_name = "NAME", conflicts_with = "phrase_file")]
    kit: Option<String>,
    /// A file with a part of the kit that was printed. May be given several times.
    #[arg(long, value_name = "FILE", requires = "kit")]
    paper: Vec<PathBuf>,
    /// An invitation of a home that keeps copies for you, a folder that such a home wrote, or a bucket, as
    /// s3://BUCKET/FOLDER?endpoint=https://…, whose keys are in the environment as AWS_ACCESS_KEY_ID and
    /// AWS_SECRET_ACCESS_KEY. May be given several times: the newest state wins, and all of them help.
    #[arg(long, value_name = "INVITATION|DIR|BUCKET", required = true)]
    from: Vec<String>,
    /// The address of a relay, like https://relay.example.org, where the one in an invitation leads nowhere or is missing. It
    /// is kept in the settings of the home that comes back.
    #[arg(long, value_name = "ADDRESS")]
    relay: Option<String>,
    /// A file with the token that the relay in an invitation asks for, if it asks; the first line counts.
    #[arg(long, value_name = "FILE")]
    relay_token_file: Option<PathBuf>,
    /// A file with certificates (PEM or DER) that relays are checked against, instead of the public ones. May be given
    /// several times.
    #[arg(long, value_name = "FILE")]
    relay_root: Vec<PathBuf>,
    /// Where the page listens meanwhile, so that photos can be looked at before all of them are here; port 0 takes any free
    /// one. The settings' address when absent.
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: Option<SocketAddr>,
    /// Where other homes reach this one (UDP). The settings' address when absent.
    #[arg(long, value_name = "ADDRESS:PORT")]
    p2p_listen: Option<SocketAddr>,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let began = Instant::now();
    let root = arguments.common.home();
    let layout = Layout::of(&root)?;
    let is_home = restore::place::finish(&layout)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("cannot start the program's threads")?;
    let order = if is_home {
        None
    } else {
        let phrase = runtime.block_on(phrase(&root, arguments))?;
        match Order::read(&root, &phrase, &arguments.from) {
            Ok(order) => Some(order.over(relays(arguments)?)),
            Err(problem) => {
                let relays = relays(arguments)?;
                let explained = restore::guess::explain(problem, &phrase, &arguments.from, &relays);
                return Err(runtime.block_on(explained).into());
            }
        }
    };
    runtime.block_on(async {
        let restoring = Arc::<Restoring>::default();
        if let Some(order) = order {
            let showing = tokio::spawn(show(restoring.watch(), arguments.common.json));
            let restored = restore::run(&order, &restoring).await;
            showing.abort();
            restored?;
            restore::kit::forget(&root)?;
            if let Some(file) = arguments.phrase_file.as_deref().filter(|_| !arguments.common.json) {
                output::forget_words(file);
            }
        }
        bring_photos(&root, arguments, &restoring, began).await
    })
}

/// What relays ask for.
fn relays(arguments: &Arguments) -> anyhow::Result<RelayAccess> {
    let token = arguments.relay_token_file.as_deref().map(output::read_secret).transpose()?;
    let mut roots = Vec::new();
    for file in &arguments.relay_root {
        roots.extend(read_certificates(file)?);
    }
    let token = token.map(|token| token.to_string()).unwrap_or_default();
    let access = RelayAccess::read(arguments.relay.as_deref().unwrap_or_default(), &token, Vec::new())?;
    Ok(RelayAccess { roots, ..access })
}

/// The phrase: from its file, or from the parts of a kit.
async fn phrase(root: &Path, arguments: &Arguments) -> anyhow::Result<Zeroizing<String>> {
    let name = match (&arguments.kit, &arguments.phrase_file) {
        (Some(name), _) => name,
        (None, Some(file)) => return output::read_phrase(file),
        (None, None) => anyhow::bail!("name the file with the recovery phrase"),
    };
    let papers: anyhow::Result<Vec<_>> =
        arguments.paper.iter().map(|file| output::read_phrase(file)).collect();
    let order = KitOrder::read(root, name, &arguments.from, &papers?)?.over(relays(arguments)?);
    let json = arguments.common.json;
    let tell = move |text: &str| {
        if json {
            output::json_line(&json!({ "message": text }));
        } else {
            output::line(text);
        }
    };
    tokio::select! {
        found = order.phrase(&tell, ASK_EVERY) => Ok(found?),
        () = super::serve::asked_to_stop()? => {
            anyhow::bail!("interrupted; the same command goes on where it was")
        }
    }
}

/// Opens the home and serves it until its photos are here.
async fn bring_photos(
    root: &Path,
    arguments: &Arguments,
    restoring: &Arc<Restoring>,
    began: Instant,
) -> anyhow::Result<()> {
    let at = root.to_owned();
    let home = tokio::task::spawn_blocking(move || Home::open(&at))
        .await
        .context("a thread ended unexpectedly")??;
    home.restoring.adopt(restoring);
    let json = arguments.common.json;
    let listener = listen(arguments.listen, home.config.listen).await?;
    let ready = move |address: SocketAddr| {
        let text = format!("listening on http://{address}");
        if json {
            output::json_line(&json!({ "listening": format!("http://{address}") }));
        } else {
            output::line(&text);
        }
    };
    let showing = tokio::spawn(show(home.restoring.watch(), json));
    let outcome = Arc::clone(&home.restoring);
    let stop = until_done(home.restoring.watch(), super::serve::asked_to_stop()?);
    let served = serve_on(listener, home, arguments.p2p_listen, ready, stop).await;
    showing.abort();
    served?;
    let progress = outcome.progress().context("nothing was being restored")?;
    match progress.stage {
        Stage::Done => {
            done(&progress, began, json);
            Ok(())
        }
        Stage::Failed => anyhow::bail!(progress.message.unwrap_or_default()),
        _ => anyhow::bail!(
            "interrupted; what is here stays, and the same command, or `heirloom serve --home {}`, goes on",
            root.display()
        ),
    }
}

/// The address that was asked for; else that of the settings, and any other port where that one is taken: whether the page
/// can be looked at meanwhile must not decide whether the photos come back.
async fn listen(asked: Option<SocketAddr>, configured: SocketAddr) -> anyhow::Result<TcpListener> {
    if let Some(asked) = asked {
        return bind(asked).await;
    }
    match bind(configured).await {
        Ok(listener) => Ok(listener),
        Err(_) => bind(SocketAddr::new(configured.ip(), 0)).await,
    }
}

/// Until everything is here, it failed, or somebody asks the program to end.
async fn until_done(
    mut progress: watch::Receiver<Option<Progress>>,
    asked_to_stop: impl Future<Output = ()>,
) {
    let is_over = |progress: &Option<Progress>| {
        progress.as_ref().is_some_and(|progress| matches!(progress.stage, Stage::Done | Stage::Failed))
    };
    tokio::select! {
        // An error means that the home is gone.
        _ = progress.wait_for(is_over) => {}
        () = asked_to_stop => {}
    }
}

fn done(progress: &Progress, began: Instant, json: bool) {
    let seconds = began.elapsed().as_secs_f64();
    if json {
        output::json_line(&json!({
            "done": true, "assets": progress.done, "bytes": progress.bytes, "seconds": seconds,
            "message": progress.message,
        }));
        return;
    }
    output::line(&format!(
        "Everything is here: {}, {}.",
        output::count(progress.done, "photo", "photos"),
        output::size(progress.bytes)
    ));
}

/// Tells how far it is, a line at a time.
async fn show(mut progress: watch::Receiver<Option<Progress>>, json: bool) {
    let bar = if json { indicatif::ProgressBar::hidden() } else { output::bar(Some(0), "Restoring") };
    let mut told: Option<Progress> = None;
    loop {
        let now = progress.borrow_and_update().clone();
        if let Some(now) = now.filter(|now| told.as_ref() != Some(now)) {
            let is_new = told
                .as_ref()
                .is_none_or(|told| told.message != now.message || told.head_at_ms != now.head_at_ms);
            if json {
                tell_script(&now);
            } else {
                tell_person(&now, is_new, &bar);
            }
            told = Some(now);
        }
        tokio::time::sleep(REPORT_EVERY).await;
        if progress.changed().await.is_err() {
            return;
        }
    }
}

fn tell_script(now: &Progress) {
    output::json_line(&json!({
        "stage": now.stage, "done": now.done, "total": now.total, "bytes": now.bytes,
        "total_bytes": now.total_bytes, "message": now.message, "head_at_ms": now.head_at_ms,
        "household": now.household,
    }));
}

fn tell_person(now: &Progress, is_new: bool, bar: &indicatif::ProgressBar) {
    if is_new {
        if let Some(message) = &now.message {
            bar.suspend(|| output::line(message));
        } else if let (Some(household), Some(at_ms)) = (&now.household, now.head_at_ms) {
            bar.suspend(|| output::line(&format!("Restoring {household} as it was on {}.", when(at_ms))));
        }
    }
    bar.set_message(match now.stage {
        Stage::Contact => "Looking for copies",
        Stage::Tables => "Names, albums, captions",
        Stage::Pictures => "Pictures",
        Stage::Originals => "Photos",
        Stage::Done => "Done",
        Stage::Failed => "Failed",
    });
    let by_bytes = matches!(now.stage, Stage::Tables | Stage::Originals);
    let (done, total) = if by_bytes { (now.bytes, now.total_bytes) } else { (now.done, now.total) };
    bar.set_length(total);
    bar.set_position(done);
}
