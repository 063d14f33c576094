//! Through a relay: iroh's own server runs inside of the test.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use heirloom_net::{Net, NetConfig, NodeAddress, PathKind, Protocol, RelayConfig, RelayState, StreamKind};

use crate::relay_server::{Certificate, TestRelay};
use crate::support::{Everybody, config, meet, relay, soon};

const LOCAL: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

async fn a_relay(token: Option<&str>) -> (TestRelay, Certificate) {
    let certificate = Certificate::new(LOCAL.ip());
    (TestRelay::start(LOCAL, 0, &certificate, token).await, certificate)
}

async fn at_relay(seed: u8, listen: &str, (server, certificate): &(TestRelay, Certificate)) -> Net {
    let config = NetConfig {
        listen: vec![listen.parse().unwrap()],
        relays: vec![relay(server)],
        relay_roots: vec![certificate.root.clone()],
        ..config(seed)
    };
    Net::start(config, Arc::new(Everybody)).await.unwrap()
}

async fn online(net: &Net) -> String {
    let mut states = net.relay_changes();
    let state =
        soon(states.wait_for(|state| matches!(state, RelayState::Connected { .. }))).await.unwrap().clone();
    let RelayState::Connected { url } = state else { unreachable!("it was just looked at") };
    url
}

#[tokio::test]
async fn nodes_without_a_direct_way_meet_at_the_relay() {
    let server = a_relay(None).await;
    // One speaks version 4 only and the other version 6 only, so no packet goes from one to the other.
    let a = at_relay(1, "127.0.0.1:0", &server).await;
    let b = at_relay(2, "[::1]:0", &server).await;
    let url = online(&b).await;
    online(&a).await;
    assert_eq!(url.trim_end_matches('/'), server.0.url);
    let mut addresses = b.address_changes();
    let address = soon(addresses.wait_for(|address| address.relay.is_some())).await.unwrap().clone();
    assert_eq!(address.relay, Some(url));
    a.learn(&NodeAddress { direct: Vec::new(), ..address });
    let (dialled, accepted) = meet(&a, &b, Protocol::Home).await;
    let mut stream = dialled.open(StreamKind::Sync, StreamKind::Sync.priority()).await.unwrap();
    stream.send(b"hello").await.unwrap();
    let (_, mut received) = soon(accepted.accept()).await.unwrap();
    assert_eq!(soon(received.recv(100)).await.unwrap().unwrap(), "hello");
    assert_eq!(a.path(&b.node()).kind, PathKind::Relay);
    assert!(a.path(&b.node()).rtt.is_some());
}

#[tokio::test]
async fn a_direct_way_is_found_where_there_is_one() {
    let server = a_relay(None).await;
    let a = at_relay(1, "127.0.0.1:0", &server).await;
    let b = at_relay(2, "127.0.0.1:0", &server).await;
    let url = online(&b).await;
    online(&a).await;
    a.learn(&NodeAddress { node: b.node(), relay: Some(url), direct: Vec::new() });
    let mut events = a.events();
    let (_dialled, _accepted) = meet(&a, &b, Protocol::Home).await;
    soon(async {
        while a.path(&b.node()).kind != PathKind::Direct {
            events.recv().await.unwrap();
        }
    })
    .await;
}

#[tokio::test]
async fn a_relay_that_does_not_want_us_says_so() {
    let (server, certificate) = a_relay(Some("sesame")).await;
    let with = |seed, token: Option<&str>| NetConfig {
        relays: vec![RelayConfig { token: token.map(str::to_owned), ..relay(&server) }],
        relay_roots: vec![certificate.root.clone()],
        ..config(seed)
    };
    for (seed, token) in [(1, None), (2, Some("open"))] {
        let net = Net::start(with(seed, token), Arc::new(Everybody)).await.unwrap();
        let mut states = net.relay_changes();
        let denied = states.wait_for(|state| matches!(state, RelayState::Denied { .. }));
        let RelayState::Denied { reason, .. } = soon(denied).await.unwrap().clone() else { unreachable!() };
        assert_eq!(reason, "that token is not known here");
        net.close().await;
    }
    let net = Net::start(with(3, Some("sesame")), Arc::new(Everybody)).await.unwrap();
    online(&net).await;
}

#[tokio::test]
async fn a_node_comes_back_to_a_relay_that_restarted() {
    let server = a_relay(None).await;
    let a = at_relay(1, "127.0.0.1:0", &server).await;
    let url = online(&a).await;
    let mut states = a.relay_changes();
    let (server, certificate) = server;
    let https = server.server.https_addr().unwrap();
    server.server.shutdown().await.unwrap();
    soon(states.wait_for(|state| !matches!(state, RelayState::Connected { .. }))).await.unwrap();
    let server = TestRelay::start(https, server.quic_port, &certificate, None).await;
    assert_eq!(online(&a).await, url);
    drop(server);
}
