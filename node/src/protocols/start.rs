//! Starting and stopping the network, and what runs beside it meanwhile.

use std::net::{Ipv6Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use data_encoding::BASE64;
use heirloom_net::{Net, NetConfig, NetEvent, Protocol, RelayConfig};
use tokio::sync::broadcast::error::RecvError;

use super::book::Book;
use super::hello::HelloMessage;
use super::network::Network;
use super::pairing::inviter;
use super::vault::{meeting, recovery};
use super::{dialer, link};
use crate::home::Home;
use crate::ledger::peers::PeerState;

/// The setting that holds the UDP port of the last run, so that homes which know it find this one again.
const SETTING_PORT: &str = "p2p_port";
/// How often invitations are looked through and the card is compared with the truth.
const ROUND: Duration = Duration::from_secs(30);
/// Rounds after which it is noted that connected homes are still there.
const ROUNDS_PER_SEEN: u32 = 10;
/// Rounds after which keepers of one household compare its heads.
const ROUNDS_PER_HEADS: u32 = 120;
/// Bytes of a file with certificates.
const ROOTS_BYTES_MAX: u64 = 1 << 20;
/// How long everything may take to end.
const STOP_TIMEOUT: Duration = Duration::from_secs(10);

impl Network {
    /// Opens the network and begins to keep in touch with every home that is paired.
    ///
    /// # Errors
    /// When the port is taken or a setting makes no sense; says which.
    pub async fn start(home: &Arc<Home>, listen: Option<SocketAddr>) -> anyhow::Result<Arc<Self>> {
        let book = {
            let home = Arc::clone(home);
            tokio::task::spawn_blocking(move || Book::read(&home.ledger))
        };
        let book = Arc::new(book.await.context("a thread ended unexpectedly")??);
        book.set_keeps(keeps_anything(home).await?);
        let net = open(home, &book, listen.unwrap_or(home.config.p2p_listen)).await?;
        let network = Arc::new(Self::new(Arc::clone(home), net, book));
        network.remember_port().await;
        let invitations = network.blocking(|home| Ok(home.ledger.invitations()?)).await?;
        network.show_open_invitations(&invitations);
        for peer in network.book.peers() {
            if peer.state == PeerState::Paired && !home.is_outranked() {
                network.learn(&peer);
                dialer::start(&network, peer.household);
            }
        }
        for task in [accept as fn(Arc<Self>) -> Task, follow, announce, rounds] {
            let stopping = network.stopping.clone();
            let task = task(Arc::clone(&network));
            network.tasks.spawn(async move {
                tokio::select! { () = task => {}, () = stopping.cancelled() => {} }
            });
        }
        home.set_network(Some(Arc::clone(&network)));
        Ok(network)
    }

    /// Ends everything in order: connections are closed with a word, tasks are waited for.
    pub async fn stop(&self) {
        self.home.set_network(None);
        self.stopping.cancel();
        self.tasks.close();
        if tokio::time::timeout(STOP_TIMEOUT, self.tasks.wait()).await.is_err() {
            tracing::warn!("some work between homes did not end in time");
        }
        self.net.close().await;
    }

    async fn remember_port(&self) {
        let port = self.net.listening().iter().find(|address| address.is_ipv4()).map(SocketAddr::port);
        let Some(port) = port.filter(|_| self.home.config.p2p_listen.port() == 0) else { return };
        let saved =
            self.blocking(move |home| Ok(home.ledger.set_setting(SETTING_PORT, &port.to_string())?));
        if let Err(error) = saved.await {
            tracing::warn!(%error, "could not remember the port; others may have to look for this home");
        }
    }
}

type Task = std::pin::Pin<Box<dyn Future<Output = ()> + Send>>;

/// Serves those who come.
fn accept(network: Arc<Network>) -> Task {
    Box::pin(async move {
        while let Some((connection, protocol)) = network.net.accept().await {
            let served = Arc::clone(&network);
            match protocol {
                Protocol::Home if connection.claim() => {
                    network.tasks.spawn(async move { link::serve(&served, connection).await });
                }
                Protocol::Home => {}
                Protocol::Recover => {
                    network.tasks.spawn(async move { recovery::serve_connection(&served, connection).await });
                }
                Protocol::Pair => {
                    network.tasks.spawn(async move {
                        let Ok(place) = served.guests.try_acquire() else { return };
                        tokio::select! {
                            () = inviter::receive_guest(&served, connection) => {}
                            () = served.stopping.cancelled() => {}
                        }
                        drop(place);
                    });
                }
            }
        }
    })
}

/// Tries homes that were just seen, and tells pages when the way to one changes.
fn follow(network: Arc<Network>) -> Task {
    Box::pin(async move {
        let mut events = network.net.events();
        loop {
            match events.recv().await {
                Ok(NetEvent::Found(node)) => {
                    if let Some(peer) = network.book.by_node(&node) {
                        network.wake_dialer(&peer.household);
                    }
                }
                Ok(NetEvent::Path(..)) => network.tell_peers(),
                Ok(NetEvent::Connected(_) | NetEvent::Disconnected(..)) => {}
                Err(RecvError::Lagged(_)) => network.wake_dialers(),
                Err(RecvError::Closed) => return,
            }
        }
    })
}

/// Tells connected homes when this one can be found elsewhere, and looks for the others from there.
fn announce(network: Arc<Network>) -> Task {
    Box::pin(async move {
        let mut addresses = network.net.address_changes();
        while addresses.changed().await.is_ok() {
            let address = addresses.borrow_and_update().encode();
            network.tell_homes(&HelloMessage::Address(address));
            network.wake_dialers();
        }
    })
}

/// What is done now and then.
fn rounds(network: Arc<Network>) -> Task {
    Box::pin(async move {
        let mut told = network.card().await.map(|card| card.number()).unwrap_or_default();
        for round in 1_u32.. {
            tokio::select! {
                () = tokio::time::sleep(ROUND) => {}
                () = network.card_changed.notified() => {}
            }
            network.expire_invitations();
            match network.card().await {
                Ok(card) if card.number() != told => {
                    told = card.number();
                    network.tell_homes(&HelloMessage::Card(card.encode()));
                    network.tell_peers();
                }
                Ok(_) => {}
                Err(error) => tracing::warn!(%error, "could not say what changed about this home"),
            }
            if round.is_multiple_of(ROUNDS_PER_HEADS) {
                meeting::compare_all_heads(&network).await;
            }
            if round.is_multiple_of(ROUNDS_PER_SEEN) {
                for (household, _) in network.linked() {
                    network.seen(household).await.unwrap_or_default();
                }
            }
        }
    })
}

/// Whether anything is kept here for another home.
async fn keeps_anything(home: &Arc<Home>) -> anyhow::Result<bool> {
    let keeper = Arc::clone(&home.vault.keeper);
    let wards = tokio::task::spawn_blocking(move || keeper.wards()).await;
    let holds = home.ledger.shares()?;
    Ok(!holds.is_empty() || !wards.context("a thread ended unexpectedly")??.is_empty())
}

/// Opens the endpoint, at the port of the last run if the person left the choice to the program.
async fn open(home: &Arc<Home>, book: &Arc<Book>, listen: SocketAddr) -> anyhow::Result<Net> {
    let before = home.ledger.setting(SETTING_PORT)?.and_then(|port| port.parse().ok());
    if let Some(port) = before.filter(|_| listen.port() == 0) {
        match Net::start(settings(home, SocketAddr::new(listen.ip(), port))?, Arc::clone(book) as _).await {
            Ok(net) => return Ok(net),
            Err(error) => tracing::info!(%error, port, "the port of the last run is taken; trying another"),
        }
    }
    Ok(Net::start(settings(home, listen)?, Arc::clone(book) as _).await?)
}

fn settings(home: &Home, listen: SocketAddr) -> anyhow::Result<NetConfig> {
    let config = &home.config;
    let mut all = vec![listen];
    if listen.is_ipv4() && listen.ip().is_unspecified() {
        all.push(SocketAddr::from((Ipv6Addr::UNSPECIFIED, listen.port())));
    }
    let relay = |relay: &crate::home::config::RelaySetting| RelayConfig {
        url: relay.url.clone(),
        token: relay.token.clone(),
        quic_port: relay.quic_port,
    };
    let mut relay_roots = Vec::new();
    for file in &config.relay_roots {
        relay_roots.extend(read_certificates(file)?);
    }
    Ok(NetConfig {
        secret: home.keys.node.endpoint_secret(),
        listen: all,
        external: config.p2p_external,
        relays: config.relays.iter().map(relay).collect(),
        relay_roots,
        mdns: config.mdns,
    })
}

/// The certificates of a file, which is PEM or one certificate in DER.
///
/// # Errors
/// When it cannot be read, or is no such file.
pub(crate) fn read_certificates(path: &Path) -> anyhow::Result<Vec<Vec<u8>>> {
    let attempt = || format!("cannot read the certificates in {}", path.display());
    let size = std::fs::metadata(path).with_context(attempt)?.len();
    if size > ROOTS_BYTES_MAX {
        bail!("{} has {size} bytes; that is no file of certificates", path.display());
    }
    let bytes = std::fs::read(path).with_context(attempt)?;
    certificates_in(bytes).with_context(|| format!("{} is damaged, or holds no certificate", path.display()))
}

/// The certificates in the bytes of such a file.
pub(crate) fn certificates_in(bytes: Vec<u8>) -> Option<Vec<Vec<u8>>> {
    let Some(text) = std::str::from_utf8(&bytes).ok().filter(|text| text.contains("-----BEGIN")) else {
        return Some(vec![bytes]);
    };
    let found: Option<Vec<Vec<u8>>> = text
        .split("-----BEGIN CERTIFICATE-----")
        .skip(1)
        .map(|rest| {
            let body: String = rest.split("-----END").next()?.split_whitespace().collect();
            BASE64.decode(body.as_bytes()).ok()
        })
        .collect();
    found.filter(|found| !found.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn certificates_are_read_in_both_forms() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("roots");
        let check = |bytes: &[u8], expected: Option<usize>| {
            std::fs::write(&path, bytes).unwrap();
            assert_eq!(read_certificates(&path).ok().map(|found| found.len()), expected);
        };
        let one = "-----BEGIN CERTIFICATE-----\nAAEC\nAwQF\n-----END CERTIFICATE-----\n";
        check(one.repeat(2).as_bytes(), Some(2));
        check(b"\x30\x82", Some(1));
        check(b"-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n", None);
        check(b"-----BEGIN PRIVATE KEY-----\nAAEC\n-----END PRIVATE KEY-----\n", None);
        assert_eq!(read_certificates(&folder.path().join("none")).ok(), None);
    }
}
