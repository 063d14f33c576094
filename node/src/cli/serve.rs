//! `heirloom serve`.

use std::net::SocketAddr;

use anyhow::Context;
use serde_json::json;
use tokio::signal::unix::{SignalKind, signal};

use super::{Common, output};
use crate::home::Home;
use crate::serve::{Listen, serve};

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
    let home = Home::open(&arguments.common.home())?;
    let listen = arguments.listen.unwrap_or(home.config.listen);
    let (p2p, json) = (arguments.p2p_listen, arguments.common.json);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("cannot start the program's threads")?;
    let ready = move |address: SocketAddr| {
        if json {
            output::json_line(&json!({ "listening": format!("http://{address}") }));
        } else {
            output::line(&format!("listening on http://{address}"));
        }
    };
    runtime.block_on(async {
        let mut terminate = signal(SignalKind::terminate()).context("cannot listen for signals")?;
        let mut interrupt = signal(SignalKind::interrupt()).context("cannot listen for signals")?;
        let stop = async move {
            tokio::select! { _ = terminate.recv() => {}, _ = interrupt.recv() => {} }
            tokio::spawn(async move {
                tokio::select! { _ = terminate.recv() => {}, _ = interrupt.recv() => {} }
                // Asked twice: nothing acknowledged depends on an orderly end.
                std::process::exit(130);
            });
        };
        let at = Listen { http: listen, p2p };
        serve(home, at, ready, stop).await
    })
}
