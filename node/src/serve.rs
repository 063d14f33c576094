//! `heirloom serve`: everything that runs while a node is up, and the order in which it stops.
//!
//! Stopping: accept nothing new, let requests finish for [`GRACE`](crate::front::GRACE), end the event streams, end what the vault is doing, pause a restore, close the connections with
//! other homes, end the command socket, end the workers after the photo in hand, close the home. A second signal ends the program at once,
//! which is safe at any moment.

use std::future::Future;
use std::net::SocketAddr;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Context;
use axum::Router;
use axum::http::StatusCode;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::api::{ApiState, router};
use crate::control;
use crate::front::Front;
use crate::home::{Home, reconcile};
use crate::protocols::Network;
use crate::restore::Comeback;
use crate::restore::comeback::keep_again;
use crate::sharing::Downloads;
use crate::vault::worker::VaultWorker;
use crate::workers::Workers;

/// Where a node listens.
#[derive(Debug, Clone, Copy)]
pub struct Listen {
    /// For the page and the phones.
    pub http: SocketAddr,
    /// For other homes, if not as the settings say.
    pub p2p: Option<SocketAddr>,
}

/// Serves a home until `stop` resolves. `ready` is called with the address once the node answers.
///
/// # Errors
/// When the address is taken or the home cannot be served; says what to do.
pub async fn serve(
    home: Arc<Home>,
    listen: Listen,
    ready: impl FnOnce(SocketAddr),
    stop: impl Future<Output = ()>,
) -> anyhow::Result<()> {
    let listener = bind(listen.http).await?;
    serve_on(listener, home, listen.p2p, ready, stop).await
}

/// Takes the address that people and phones come to.
///
/// # Errors
/// When it is taken; says what to do.
pub async fn bind(address: SocketAddr) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address).await.with_context(|| {
        format!("cannot listen on {address}; is another program (or another node) using it? Try --listen with another port")
    })
}

/// Serves a home to those who come to `listener`, as [`serve`] does.
///
/// # Errors
/// When the home cannot be served; says what to do.
pub async fn serve_on(
    listener: TcpListener,
    home: Arc<Home>,
    p2p: Option<SocketAddr>,
    ready: impl FnOnce(SocketAddr),
    stop: impl Future<Output = ()>,
) -> anyhow::Result<()> {
    let front = Front::start(listener, not_yet())?;
    serve_behind(front, home, p2p, ready, stop).await
}

/// Serves a home behind a server that runs already, as [`serve`] does, and ends the server with it.
///
/// # Errors
/// When the home cannot be served; says what to do.
pub async fn serve_behind(
    mut front: Front,
    home: Arc<Home>,
    p2p: Option<SocketAddr>,
    ready: impl FnOnce(SocketAddr),
    stop: impl Future<Output = ()>,
) -> anyhow::Result<()> {
    // What can fail comes before what has to be stopped in order.
    let commands = Commands::start(&home)?;
    let workers = Workers::start(&home).context("cannot start the workers")?;
    if let Err(error) = keep_again(&home).await {
        tracing::error!("cannot go on keeping copies for other homes: {error:#}");
    }
    let network = open_network(&home, p2p).await;
    let downloads = Downloads::start(&home);
    let comeback = Comeback::start(&home);
    let vault = VaultWorker::start(&home);
    let adopting = adopt_in_background(&home);
    let stopping = CancellationToken::new();
    front.show(router(ApiState::new(Arc::clone(&home), stopping.clone())));
    ready(front.address());
    let failed = tokio::select! {
        () = stop => Ok(()),
        failed = front.failed() => failed,
    };
    stopping.cancel();
    front.stop().await;
    // First whoever may hold what the vault's own tasks wait for.
    comeback.stop().await;
    vault.stop().await;
    downloads.stop().await;
    if let Some(network) = network {
        network.stop().await;
    }
    let ended = tokio::task::spawn_blocking(move || {
        // Whoever waits for the workers stops waiting, so that no command holds up the end.
        home.work.close();
        drop(commands);
        drop(workers);
        if let Some(adopting) = adopting {
            // It reports its own errors.
            drop(adopting.join());
        }
        home.close();
    });
    ended.await.context("could not stop in order")?;
    failed
}

/// What is answered in the moment before the home is there.
fn not_yet() -> Router {
    Router::new().fallback(|| async { StatusCode::SERVICE_UNAVAILABLE })
}

/// Opens the way to other homes. Without one the node still serves its own people; `heirloom status` says so.
async fn open_network(home: &Arc<Home>, listen: Option<SocketAddr>) -> Option<Arc<Network>> {
    match Network::start(home, listen).await {
        Ok(network) => Some(network),
        Err(error) => {
            tracing::error!(
                error = format!("{error:#}"),
                "other homes cannot be reached; mend this and start again"
            );
            None
        }
    }
}

/// Looks for files that a killed run placed without recording; takes as long as listing the library takes.
fn adopt_in_background(home: &Arc<Home>) -> Option<std::thread::JoinHandle<()>> {
    let home = home.was_unclean.then(|| Arc::clone(home))?;
    Some(std::thread::spawn(move || {
        if let Err(error) = reconcile::adopt_orphans(&home) {
            tracing::error!(%error, "could not look through the library for unrecorded photos");
        }
    }))
}

/// The thread that answers commands; ends on drop.
struct Commands {
    stopping: Arc<AtomicBool>,
    path: std::path::PathBuf,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Commands {
    fn start(home: &Arc<Home>) -> anyhow::Result<Self> {
        let path = home.layout.socket();
        let listener = control::bind(&path)?;
        let stopping = Arc::new(AtomicBool::new(false));
        let (home, flag) = (Arc::clone(home), Arc::clone(&stopping));
        let thread = std::thread::Builder::new()
            .name("commands".to_owned())
            .spawn(move || control::serve(&home, &listener, &flag))
            .context("cannot start a thread")?;
        Ok(Self { stopping, path, thread: Some(thread) })
    }
}

impl Drop for Commands {
    fn drop(&mut self) {
        self.stopping.store(true, Ordering::SeqCst);
        // The connection wakes the thread from its wait.
        drop(control::knock(&self.path) as std::io::Result<UnixStream>);
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
        std::fs::remove_file(&self.path).unwrap_or_default();
    }
}
