//! Nodes on the loopback, gates, and strangers who speak iroh but not our protocol.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use heirloom_identity::NodeId;
use heirloom_net::{Connection, Gate, Net, NetConfig, Protocol, Refusal, RelayConfig};
use iroh::address_lookup::memory::MemoryLookup;
use iroh::endpoint::presets;
use iroh::{Endpoint, EndpointAddr, EndpointId, RelayMode, SecretKey};

/// The patience of a test with anything that has to happen.
pub(crate) const SOON: Duration = Duration::from_secs(2 * 60);

/// Admits everybody.
pub(crate) struct Everybody;

impl Gate for Everybody {
    fn admit(&self, _: &NodeId, _: Protocol) -> Result<(), Refusal> {
        Ok(())
    }
}

/// Admits everybody to pairing and nobody else.
pub(crate) struct Strangers;

impl Gate for Strangers {
    fn admit(&self, _: &NodeId, protocol: Protocol) -> Result<(), Refusal> {
        match protocol {
            Protocol::Pair => Ok(()),
            Protocol::Home | Protocol::Recover => {
                Err(Refusal { code: 7, reason: "we have not met".to_owned() })
            }
        }
    }
}

pub(crate) fn config(seed: u8) -> NetConfig {
    NetConfig {
        secret: [seed; 32].into(),
        listen: vec!["127.0.0.1:0".parse().unwrap()],
        external: None,
        relays: Vec::new(),
        relay_roots: Vec::new(),
        mdns: false,
    }
}

pub(crate) async fn node(seed: u8) -> Net {
    Net::start(config(seed), Arc::new(Everybody)).await.unwrap()
}

pub(crate) async fn behind(seed: u8, gate: impl Gate + 'static) -> Net {
    Net::start(config(seed), Arc::new(gate)).await.unwrap()
}

/// Two nodes that know each other's address.
pub(crate) async fn two() -> (Net, Net) {
    let (a, b) = (node(1).await, node(2).await);
    acquaint(&a, &b);
    (a, b)
}

pub(crate) fn acquaint(a: &Net, b: &Net) {
    a.learn(&b.address());
    b.learn(&a.address());
}

/// One dials, the other accepts.
pub(crate) async fn meet(from: &Net, to: &Net, protocol: Protocol) -> (Connection, Connection) {
    let id = to.node();
    let (dialled, accepted) = soon(async { tokio::join!(from.connect(&id, protocol), to.accept()) }).await;
    (dialled.unwrap(), accepted.unwrap().0)
}

/// Two nodes and their connection, dialled by the first.
pub(crate) async fn connected() -> (Net, Connection, Net, Connection) {
    let (a, b) = two().await;
    let (dialled, accepted) = meet(&a, &b, Protocol::Home).await;
    (a, dialled, b, accepted)
}

pub(crate) async fn soon<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(SOON, what).await.expect("it should have happened by now")
}

/// One address that this node listens on.
pub(crate) fn socket(net: &Net) -> SocketAddr {
    net.listening()[0]
}

/// Somebody who speaks iroh and says whatever a test wants.
pub(crate) async fn stranger(seed: u8, alpn: &[u8]) -> Endpoint {
    Endpoint::builder(presets::Minimal)
        .secret_key(SecretKey::from_bytes(&[seed; 32]))
        .relay_mode(RelayMode::Disabled)
        .alpns(vec![alpn.to_vec()])
        .address_lookup(MemoryLookup::new())
        .clear_ip_transports()
        .bind_addr("127.0.0.1:0")
        .unwrap()
        .bind()
        .await
        .unwrap()
}

/// The address of one of our nodes, for a stranger.
pub(crate) fn iroh_address(net: &Net) -> EndpointAddr {
    let id = EndpointId::from_bytes(net.node().as_bytes()).unwrap();
    EndpointAddr::new(id).with_ip_addr(socket(net))
}

/// A stranger's connection, greeted as ours are.
pub(crate) async fn greeted(
    stranger: &Endpoint,
    net: &Net,
    protocol: Protocol,
) -> iroh::endpoint::Connection {
    let quic = stranger.connect(iroh_address(net), protocol.alpn()).await.unwrap();
    let (mut send, mut recv) = quic.open_bi().await.unwrap();
    let mut greeting = [0; 17];
    (greeting[0], greeting[9]) = (1, 1);
    send.write_all(&greeting).await.unwrap();
    send.finish().unwrap();
    let answer = recv.read_to_end(17).await.unwrap();
    assert_eq!((answer.len(), answer[0]), (17, 1));
    quic
}

pub(crate) fn relay(relay: &crate::relay_server::TestRelay) -> RelayConfig {
    RelayConfig { quic_port: Some(relay.quic_port), ..RelayConfig::new(&relay.url) }
}
