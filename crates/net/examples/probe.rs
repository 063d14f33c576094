//! A home without photos, to try the network by hand and from tests: it prints lines of JSON and obeys lines of text.
//!
//! ```text
//! probe relay IP HTTPS_PORT QUIC_PORT ROOT_FILE      runs a relay; its certificate is written to ROOT_FILE
//! probe home SEED LISTEN [relay=URL quic=PORT root=FILE] [external=ADDR] [mdns]
//!     learn ADDRESS          remembers an address as another probe printed it
//!     connect NODE           connects and says how long it took
//!     send NODE BYTES RATE   sends bytes, at most RATE of them a second (0: as fast as it goes)
//!     path NODE              says how a node is reached
//! ```
//!
//! A home admits everybody and takes whatever is sent to it. It ends in order when its input ends.
#![expect(clippy::unwrap_used, reason = "a tool for tests ends at the first surprise")]

use std::io::Write as _;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use heirloom_identity::NodeId;
use heirloom_net::{
    Connection, Gate, Net, NetConfig, NetEvent, NodeAddress, Path, Protocol, Refusal, RelayConfig, StreamKind,
};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader};

#[path = "../tests/net/relay_server.rs"]
mod relay_server;
use relay_server::{Certificate, TestRelay};

const FRAME: usize = 64 << 10;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    match words[..] {
        ["relay", ip, https, quic, root] => {
            runtime.block_on(run_relay(ip, https.parse().unwrap(), quic.parse().unwrap(), root));
        }
        ["home", seed, listen, ref options @ ..] => {
            runtime.block_on(run_home(config(seed.parse().unwrap(), listen, options)));
        }
        _ => say(&json!({"event": "failed", "error": "usage: probe relay … | probe home …"})),
    }
}

fn say(line: &Value) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}").and_then(|()| out.flush()).unwrap_or_default();
}

async fn run_relay(ip: &str, https: u16, quic: u16, root: &str) {
    let at = SocketAddr::new(ip.parse().unwrap(), https);
    let certificate = Certificate::new(at.ip());
    let relay = TestRelay::start(at, quic, &certificate, None).await;
    std::fs::write(root, &certificate.root).unwrap();
    say(&json!({"event": "started", "url": relay.url, "quic": relay.quic_port}));
    let mut line = String::new();
    BufReader::new(tokio::io::stdin()).read_line(&mut line).await.unwrap_or_default();
    relay.server.shutdown().await.unwrap();
}

fn config(seed: u8, listen: &str, options: &[&str]) -> NetConfig {
    let value = |name: &str| options.iter().find_map(|word| word.strip_prefix(name)?.strip_prefix('='));
    let relay = value("relay").map(|url| {
        let quic_port = value("quic").map(|port| port.parse().unwrap());
        RelayConfig { quic_port, ..RelayConfig::new(url) }
    });
    NetConfig {
        secret: [seed; 32].into(),
        listen: listen.split(',').map(|address| address.parse().unwrap()).collect(),
        external: value("external").map(|address| address.parse::<SocketAddr>().unwrap()),
        relays: relay.into_iter().collect(),
        relay_roots: value("root").map(|file| std::fs::read(file).unwrap()).into_iter().collect(),
        mdns: options.contains(&"mdns"),
    }
}

struct Everybody;

impl Gate for Everybody {
    fn admit(&self, _: &NodeId, _: Protocol) -> Result<(), Refusal> {
        Ok(())
    }
}

async fn run_home(config: NetConfig) {
    let begun = Instant::now();
    let net = Net::start(config, Arc::new(Everybody)).await.unwrap();
    say(&json!({"event": "started", "node": net.node()}));
    tokio::spawn(report(net.clone(), begun));
    let accepting = net.clone();
    tokio::spawn(async move {
        while let Some((connection, _)) = accepting.accept().await {
            tokio::spawn(serve(connection));
        }
    });
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    while let Some(line) = lines.next_line().await.unwrap() {
        obey(&net, &line);
    }
    net.close().await;
}

/// Prints whatever changes.
async fn report(net: Net, begun: Instant) {
    let (mut events, mut addresses, mut relays) = (net.events(), net.address_changes(), net.relay_changes());
    addresses.mark_changed();
    loop {
        let line = tokio::select! {
            event = events.recv() => match event {
                Ok(NetEvent::Connected(node)) => json!({"event": "up", "node": node}),
                Ok(NetEvent::Path(node, path)) => path_line(&node, path),
                Ok(NetEvent::Disconnected(node, reason)) => {
                    json!({"event": "down", "node": node, "reason": reason.to_string()})
                }
                Ok(NetEvent::Found(node)) => json!({"event": "found", "node": node}),
                Err(_) => return,
            },
            Ok(()) = addresses.changed() => {
                json!({"event": "address", "address": *addresses.borrow_and_update()})
            }
            Ok(()) = relays.changed() => {
                json!({"event": "relay", "state": format!("{:?}", *relays.borrow_and_update())})
            }
        };
        let mut line = line;
        line["at_ms"] = json!(millis(begun));
        say(&line);
    }
}

fn path_line(node: &NodeId, path: Path) -> Value {
    let kind = format!("{:?}", path.kind).to_lowercase();
    json!({"event": "path", "node": node, "path": kind, "rtt_ms": path.rtt.map(|rtt| rtt.as_secs_f64() * 1e3)})
}

fn millis(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX)
}

fn obey(net: &Net, line: &str) {
    let (verb, rest) = line.split_once(' ').unwrap_or((line, ""));
    let words: Vec<&str> = rest.split(' ').collect();
    let net = net.clone();
    match (verb, &words[..]) {
        ("learn", _) => net.learn(&serde_json::from_str::<NodeAddress>(rest).unwrap()),
        ("path", [node]) => say(&path_line(&node.parse().unwrap(), net.path(&node.parse().unwrap()))),
        ("connect", [node]) => drop(tokio::spawn(connect(net, node.parse().unwrap()))),
        ("send", [node, bytes, rate]) => {
            let (node, bytes, rate) = (node.parse().unwrap(), bytes.parse().unwrap(), rate.parse().unwrap());
            drop(tokio::spawn(send(net, node, bytes, rate)));
        }
        _ => say(&json!({"event": "failed", "error": format!("what is {line:?}?")})),
    }
}

async fn connect(net: Net, node: NodeId) {
    let begun = Instant::now();
    match net.connect(&node, Protocol::Home).await {
        Ok(connection) => {
            say(&json!({"event": "connected", "node": node, "ms": millis(begun)}));
            serve(connection).await;
        }
        Err(error) => say(&json!({"event": "failed", "error": error.to_string()})),
    }
}

/// Takes what is sent, once per connection, whoever made it.
async fn serve(connection: Connection) {
    if !connection.claim() {
        return;
    }
    while let Some((_, mut stream)) = connection.accept().await {
        tokio::spawn(async move {
            let (begun, mut hasher, mut bytes) = (Instant::now(), blake3::Hasher::new(), 0);
            let end = loop {
                match stream.recv(FRAME).await {
                    Ok(Some(frame)) => {
                        hasher.update(&frame);
                        bytes += frame.len();
                    }
                    Ok(None) => break None,
                    Err(error) => break Some(error.to_string()),
                }
            };
            let hash = hasher.finalize().to_hex();
            let line = json!({"event": "received", "bytes": bytes, "hash": hash.as_str(), "ms": millis(begun),
                "error": end});
            say(&line);
        });
    }
}

/// Sends bytes that nobody could have guessed to be the next.
async fn send(net: Net, node: NodeId, bytes: usize, rate: usize) {
    let begun = Instant::now();
    let mut source = blake3::Hasher::new_derive_key("heirloom probe").finalize_xof();
    let mut hasher = blake3::Hasher::new();
    let sending = async {
        let connection = net.connect(&node, Protocol::Home).await.map_err(|error| error.to_string())?;
        let kind = StreamKind::Content;
        let mut stream = connection.open(kind, kind.priority()).await.map_err(|error| error.to_string())?;
        let mut sent = 0;
        while sent < bytes {
            let mut frame = vec![0; FRAME.min(bytes - sent)];
            source.fill(&mut frame);
            hasher.update(&frame);
            stream.send(&frame).await.map_err(|error| error.to_string())?;
            sent += frame.len();
            if let Some(due) = (sent * 1000).checked_div(rate) {
                let due = Duration::from_millis(u64::try_from(due).unwrap());
                tokio::time::sleep(due.saturating_sub(begun.elapsed())).await;
            }
        }
        stream.finish().await.map_err(|error| error.to_string())
    };
    let outcome: Result<(), String> = sending.await;
    say(&json!({"event": "sent", "bytes": bytes, "hash": hasher.finalize().to_hex().as_str(),
        "ms": millis(begun), "error": outcome.err()}));
}
