//! `heirloom serve`.

use std::net::SocketAddr;

use anyhow::Context;
use serde_json::json;
use tokio::signal::unix::{SignalKind, signal};

use super::{Common, output};
use crate::home::Home;
use crate::home::config::Config;
use crate::serve::{Listen, serve};
use crate::setup;

/// Arguments of `heirloom serve`.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    pub(super) common: Common,
    /// Where to listen; port 0 takes any free one. The settings' address when absent.
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: Option<SocketAddr>,
    /// Where other homes reach this one (UDP); port 0 takes the port of the last run or any free one. The settings'
    /// address when absent.
    #[arg(long, value_name = "ADDRESS:PORT")]
    p2p_listen: Option<SocketAddr>,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let root = arguments.common.home();
    let (p2p, json) = (arguments.p2p_listen, arguments.common.json);
    let is_new = setup::can_set_up(&root)?;
    let home = if is_new { None } else { Some(Home::open(&root)?) };
    let configured = match &home {
        Some(home) => home.config.listen,
        None => Config::of_environment()?.listen,
    };
    let at = Listen { http: arguments.listen.unwrap_or(configured), p2p };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("cannot start the program's threads")?;
    runtime.block_on(async {
        let stop = asked_to_stop()?;
        match home {
            Some(home) => serve(home, at, |address| say(address, None, json), stop).await,
            None => {
                let ready = |address, code: Option<&str>| say(address, Some(code), json);
                setup::serve_setup(&root, at, ready, stop).await
            }
        }
    })
}

/// Says where the page is; `setup` holds the code that the page asks for while there is no home.
fn say(address: SocketAddr, setup: Option<Option<&str>>, json: bool) {
    let mut url = format!("http://{address}");
    if let Some(Some(code)) = setup {
        url.push_str("/#code=");
        url.push_str(code);
    }
    if json {
        output::json_line(&json!({ "listening": url, "setup": setup.is_some() }));
    } else {
        output::line(&format!("listening on {url}"));
    }
}

/// Begins to listen for signals; resolves when somebody asks the program to end. Asked twice, it ends at once.
///
/// # Errors
/// When the system lets nobody listen.
pub(super) fn asked_to_stop() -> anyhow::Result<impl Future<Output = ()>> {
    let mut terminate = signal(SignalKind::terminate()).context("cannot listen for signals")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot listen for signals")?;
    Ok(async move {
        tokio::select! { _ = terminate.recv() => {}, _ = interrupt.recv() => {} }
        tokio::spawn(async move {
            tokio::select! { _ = terminate.recv() => {}, _ = interrupt.recv() => {} }
            // Nothing acknowledged depends on an orderly end.
            std::process::exit(130);
        });
    })
}
