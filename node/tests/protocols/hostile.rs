//! Goal: a peer that does what no program of ours would do is told why and sent away, and nobody else notices.
//! Method: a bare network endpoint with the keys of a home that is paired, or with keys of its own.

use heirloom::home::keys::KeyFile;
use heirloom::protocols::book::TurnedAway;
use heirloom::protocols::hello::{HelloMessage, Introduction, MESSAGE_BYTES_MAX, VERSIONS};
use heirloom_identity::NodeId;
use heirloom_identity::{Card, Certificate, NodeKeys, Role, Root};
use heirloom_net::{
    CloseCode, Connection, Gate, Net, NetConfig, NodeAddress, Priority, Protocol, Reason, Refusal, StreamKind,
};
use std::sync::Arc;
use tokio::time::timeout;

use crate::family::{House, pair};
use crate::wait::PATIENCE;

/// Lets everybody in.
struct Open;

impl Gate for Open {
    fn admit(&self, _node: &NodeId, _protocol: Protocol) -> Result<(), Refusal> {
        Ok(())
    }
}

/// An endpoint that keeps to no rules.
struct Rogue {
    net: Net,
    certificate: Certificate,
    card: Card,
}

impl Rogue {
    /// With the keys of a home that is switched off.
    async fn with(keys: &KeyFile) -> Self {
        let card = Card::issue(
            keys.node.signer(),
            &keys.certificate,
            u64::MAX,
            keys.receive[0].public(),
            "Rogue",
            Vec::new(),
            0,
        );
        let net = bare(&keys.node).await;
        Self { net, certificate: keys.certificate.clone(), card: card.unwrap() }
    }

    async fn call(&self, house: &House) -> Connection {
        self.net.learn(&house.network.address());
        let node = house.home.keys.node.node();
        timeout(PATIENCE, self.net.connect(&node, Protocol::Home)).await.unwrap().unwrap()
    }

    fn introduction(&self) -> Introduction {
        Introduction {
            versions: VERSIONS,
            certificate: self.certificate.encode().to_vec(),
            card: self.card.encode(),
            address: self.net.address().encode(),
            yours: None,
        }
    }

    /// Says these bytes as a hello; returns the answer, if there is one.
    async fn say(&self, connection: &Connection, bytes: &[u8]) -> Option<HelloMessage> {
        let mut stream = connection.open(StreamKind::Hello, Priority::CONTROL).await.unwrap();
        stream.send(bytes).await.unwrap();
        let answer = timeout(PATIENCE, stream.recv(MESSAGE_BYTES_MAX)).await.unwrap();
        answer.ok().flatten().and_then(|bytes| HelloMessage::decode(&bytes))
    }
}

pub(crate) async fn bare(keys: &NodeKeys) -> Net {
    let config = NetConfig {
        secret: keys.endpoint_secret(),
        listen: vec!["127.0.0.1:0".parse().unwrap()],
        external: None,
        relays: Vec::new(),
        relay_roots: Vec::new(),
        mdns: false,
    };
    Net::start(config, Arc::new(Open)).await.unwrap()
}

async fn sent_away(connection: &Connection) -> CloseCode {
    match timeout(PATIENCE, connection.closed()).await.unwrap() {
        Reason::Peer { code, .. } => code,
        other => panic!("not sent away but {other}"),
    }
}

/// Three homes in one album; the third one's keys are in a rogue's hands.
async fn two_homes_and_a_rogue() -> (House, House, Rogue, heirloom_identity::SpaceId) {
    let (smiths, nonna) = (House::new("The Smiths").await, House::new("Nonna").await);
    let bens = House::new("Ben's").await;
    pair(&smiths, &nonna).await;
    pair(&smiths, &bens).await;
    let album = smiths.create("Summer");
    smiths.share(&album, &nonna, Role::Contributor);
    smiths.share(&album, &bens, Role::Contributor);
    nonna.until("the album", || nonna.title(&album)).await;
    let id = bens.household();
    let folder = bens.down().await;
    smiths.misses(id).await;
    let keys = KeyFile::load(&folder.root().join("keys.toml"), None).unwrap();
    (smiths, nonna, Rogue::with(&keys).await, album)
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_says_no_hello_is_sent_away() {
    let (smiths, nonna, rogue, album) = two_homes_and_a_rogue().await;
    let malformed = TurnedAway::Malformed.close_code();
    for bytes in [&b""[..], &[0; 100], &[9; 9], &HelloMessage::Card(vec![1]).encode()] {
        let connection = rogue.call(&smiths).await;
        assert_eq!(rogue.say(&connection, bytes).await, None);
        assert_eq!(sent_away(&connection).await, malformed);
    }
    // A hello that is none in one of its parts is answered with the reason.
    let spoiled: [fn(&mut Introduction); 4] = [
        |said| said.certificate[50] ^= 1,
        |said| said.card[200] ^= 1,
        |said| said.card.clear(),
        |said| said.versions = (9, 12),
    ];
    for spoil in spoiled {
        let mut said = rogue.introduction();
        spoil(&mut said);
        let connection = rogue.call(&smiths).await;
        let answer = rogue.say(&connection, &HelloMessage::Hello(said.clone()).encode()).await;
        let expected = if said.versions == VERSIONS { TurnedAway::Malformed } else { TurnedAway::Version };
        assert!(
            matches!(answer, Some(HelloMessage::Refused { code, .. }) if code == expected as u16),
            "{answer:?}"
        );
        assert_eq!(sent_away(&connection).await, expected.close_code());
    }
    nonna.add(&album, 1);
    smiths.holds(&album, 1).await;
    rogue.net.close().await;
    nonna.down().await;
    smiths.down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_learns_nothing() {
    let smiths = House::new("The Smiths").await;
    let keys = KeyFile::make(&Root::from_bytes([3; 32]), 1).unwrap();
    let rogue = Rogue::with(&keys).await;
    let connection = rogue.call(&smiths).await;
    let answer = rogue.say(&connection, &HelloMessage::Hello(rogue.introduction()).encode()).await;
    let Some(HelloMessage::Refused { code, certificate, .. }) = answer else { panic!("{answer:?}") };
    assert_eq!((code, certificate), (TurnedAway::NotPaired as u16, None));
    assert_eq!(sent_away(&connection).await, TurnedAway::NotPaired.close_code());
    // Nobody is invited, so the other door is closed too.
    let address: NodeAddress = smiths.network.address();
    let refused = rogue.net.connect(&address.node, Protocol::Pair).await.unwrap_err();
    assert!(refused.to_string().contains("no invitation"), "{refused}");
    rogue.net.close().await;
    smiths.down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_peer_that_sends_nonsense_stays_out_for_a_while() {
    let (smiths, nonna, rogue, album) = two_homes_and_a_rogue().await;
    let connection = rogue.call(&smiths).await;
    let welcome = rogue.say(&connection, &HelloMessage::Hello(rogue.introduction()).encode()).await;
    assert!(matches!(welcome, Some(HelloMessage::Welcome(_))), "{welcome:?}");
    let mut stream = connection.open(StreamKind::Sync, Priority::SYNC).await.unwrap();
    stream.send(&[0xff; 1000]).await.unwrap();
    assert_eq!(sent_away(&connection).await, TurnedAway::Misbehaved.close_code());
    let node = smiths.home.keys.node.node();
    let refused = rogue.net.connect(&node, Protocol::Home).await.unwrap_err();
    assert!(refused.to_string().contains("make no sense"), "{refused}");
    // The others noticed nothing.
    assert!(smiths.network.connection(&nonna.household()).is_some());
    nonna.add(&album, 1);
    smiths.holds(&album, 1).await;
    rogue.net.close().await;
    nonna.down().await;
    smiths.down().await;
}
