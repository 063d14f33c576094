//! Goal: whoever has the phrase gets back what is kept, whoever has not gets nothing, and people hear of it.
//! Method: a keeper with packs of a home that is switched off, and machines with keys of their own that dial it.

use heirloom::protocols::vault::messages::{MESSAGE_BYTES_MAX, RecoveryMessage, VaultRequest};
use heirloom::protocols::vault::recover_client::RecoverConfig;
use heirloom::protocols::vault::{RecoverError, RecoverNet};
use heirloom_identity::{AuthorityKey, NodeKeys, Root};
use heirloom_net::{Connection, Priority, Protocol, StreamKind};
use heirloom_vault::{Room, Target, TargetError};
use tokio::time::timeout;

use crate::family::{Folder, House};
use crate::hostile::bare;
use crate::vault::{head, pack, ward_and_keeper};
use crate::wait::PATIENCE;

fn machine(seed: u8) -> NodeKeys {
    NodeKeys::from_bytes(&std::array::from_fn(|at| seed ^ u8::try_from(at).unwrap()))
}

async fn recovering(seed: u8, authority: AuthorityKey) -> RecoverNet {
    let config = RecoverConfig {
        listen: "127.0.0.1:0".parse().unwrap(),
        relays: Vec::new(),
        relay_roots: Vec::new(),
        mdns: false,
    };
    RecoverNet::start(&machine(seed), authority, config).await.unwrap()
}

fn stranger() -> AuthorityKey {
    Root::from_bytes([3; 32]).authority()
}

/// A keeper with one pack and one head of a home that is gone.
async fn lost() -> (Folder, House, (heirloom_vault::PackId, bytes::Bytes), Vec<u8>) {
    let (ward, keeper) = ward_and_keeper().await;
    let (id, bytes) = pack(1, 4_194_304);
    let head = head(&ward);
    ward.target(&keeper).put(id, bytes.clone(), Room::Common).await.unwrap();
    ward.target(&keeper).put_head(head.clone()).await.unwrap();
    ward.target(&keeper).put_kit(vec![4; 500]).await.unwrap();
    let household = ward.household();
    let folder = ward.down().await;
    keeper.misses(household).await;
    (folder, keeper, (id, bytes), head)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_phrase_gives_back_what_is_kept() {
    let (folder, keeper, (id, bytes), head) = lost().await;
    let net = recovering(1, folder.authority()).await;
    let client = net.connect(&keeper.network.address()).await.unwrap();
    assert_eq!(client.name(), "Nonna");
    assert_eq!(client.keeper(), Some(&keeper.home.keys.certificate));
    assert_eq!(client.known().map(|known| *known.household()), Some(net.household()));
    assert_eq!(client.known().map(heirloom_identity::Certificate::generation), Some(1));
    assert_eq!(client.heads().await.unwrap(), [head]);
    assert_eq!(client.kits().await.unwrap(), [vec![4; 500]]);
    assert_eq!(client.list(None).await.unwrap(), [(id, 4_194_304)]);
    assert_eq!(client.state().await.unwrap().packs, 1);
    assert!(client.get(id, 0..4_194_304).await.unwrap() == bytes);
    assert_eq!(client.get(id, 7..9).await.unwrap(), bytes[7..9]);
    // Several at once, more than a stranger's streams.
    let parts = (0..20_u64).map(|part| client.get(id, part * 100_000..(part + 1) * 100_000));
    let parts: Vec<_> = futures_util::future::join_all(parts).await.into_iter().map(Result::unwrap).collect();
    assert!(parts.concat() == bytes[..2_000_000]);
    // It only reads.
    let refused = client.put(id, bytes.clone(), Room::Common).await;
    assert!(matches!(refused, Err(TargetError::Refused(_))), "{refused:?}");
    assert!(matches!(client.delete(vec![id]).await, Err(TargetError::Refused(_))));

    keeper.alarmed("recovery_here").await;
    // The household's node hears of it when it is met.
    let ward = folder.up().await;
    ward.alarmed("recovery").await;
    net.close().await;
    ward.down().await;
    keeper.down().await;
}

/// Goal: people hear once of a restore, not at each of its connections, and of another machine's all the same.
/// Method: a machine connects, people see the alarm, it connects again; then another one comes.
#[tokio::test(flavor = "multi_thread")]
async fn a_restore_is_told_once() {
    let (folder, keeper, ..) = lost().await;
    let unseen = || {
        let alarms = keeper.home.vault.store.alarms().unwrap();
        alarms.into_iter().filter(|alarm| alarm.kind == "recovery_here" && !alarm.seen).map(|alarm| alarm.id)
    };
    let net = recovering(1, folder.authority()).await;
    for is_first in [true, false, false] {
        let client = net.connect(&keeper.network.address()).await.unwrap();
        // Answered after the alarm was recorded.
        client.heads().await.unwrap();
        let alarms: Vec<_> = unseen().collect();
        assert_eq!(alarms.len(), usize::from(is_first));
        alarms.into_iter().for_each(|alarm| keeper.home.vault.store.alarm_seen(alarm).unwrap());
    }
    net.close().await;
    let other = recovering(2, folder.authority()).await;
    let client = other.connect(&keeper.network.address()).await.unwrap();
    client.heads().await.unwrap();
    assert_eq!(unseen().count(), 1, "another machine is another restore");
    other.close().await;
    keeper.down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_else_gets_anything() {
    let (folder, keeper, ..) = lost().await;
    let address = keeper.network.address();
    // Right proof, but of a household that nobody keeps for here.
    let net = recovering(2, stranger()).await;
    assert_eq!(net.connect(&address).await.map(drop), Err(RecoverError::NothingKept));
    net.close().await;
    assert!(keeper.alarms().is_empty(), "{:?}", keeper.alarms());

    // Wrong proofs: of another household's authority, of no length, of another challenge. All look the same, for a
    // household that is kept for and for one that is not. (Ten attempts a minute are allowed from one address.)
    let rogue = bare(&machine(5)).await;
    rogue.learn(&address);
    let unknown = Root::from_bytes([9; 32]).authority().household();
    for household in [folder.authority().household(), unknown] {
        let signed = |challenge: &[u8; 32]| {
            use heirloom_identity::RecoveryProof;
            RecoveryProof::sign(&stranger(), &address.node, &rogue.node(), challenge).to_vec()
        };
        for proof in [Vec::new(), vec![0; 64], signed(&[0; 32])] {
            let connection = call(&rogue, &address.node).await;
            let refused = prove(&connection, household, |_| proof.clone()).await;
            assert_eq!(refused, Some(RecoveryMessage::Refused(refusal())));
        }
        let connection = call(&rogue, &address.node).await;
        let refused = prove(&connection, household, signed).await;
        assert_eq!(refused, Some(RecoveryMessage::Refused(refusal())));
    }
    rogue.close().await;
    keeper.down().await;
}

fn refusal() -> heirloom::protocols::vault::messages::RecoveryRefusal {
    heirloom::protocols::vault::messages::RecoveryRefusal::Proof
}

async fn call(rogue: &heirloom_net::Net, node: &heirloom_identity::NodeId) -> Connection {
    timeout(PATIENCE, rogue.connect(node, Protocol::Recover)).await.unwrap().unwrap()
}

/// Says hello for a household and answers the challenge; what comes back.
async fn prove(
    connection: &Connection,
    household: heirloom_identity::HouseholdId,
    proof: impl Fn(&[u8; 32]) -> Vec<u8>,
) -> Option<RecoveryMessage> {
    let mut stream = connection.open(StreamKind::Recovery, Priority::CONTROL).await.unwrap();
    stream.send(&RecoveryMessage::Hello { version: 1, household }.encode()).await.unwrap();
    let frame = timeout(PATIENCE, stream.recv(MESSAGE_BYTES_MAX)).await.unwrap().unwrap()?;
    let Some(RecoveryMessage::Challenge(challenge)) = RecoveryMessage::decode(&frame) else { panic!() };
    stream.send(&RecoveryMessage::Proof(proof(&challenge)).encode()).await.unwrap();
    let frame = timeout(PATIENCE, stream.recv(MESSAGE_BYTES_MAX)).await.unwrap().unwrap()?;
    RecoveryMessage::decode(&frame)
}

#[tokio::test(flavor = "multi_thread")]
async fn who_does_not_keep_to_the_steps_is_sent_away() {
    let (folder, keeper, (id, _), _) = lost().await;
    let address = keeper.network.address();
    let rogue = bare(&machine(6)).await;
    rogue.learn(&address);
    let household = folder.authority().household();
    let ask = RecoveryMessage::Ask(VaultRequest::Get { pack: id, from: 0, to: 10 });
    let hello = RecoveryMessage::Hello { version: 9, household };
    for first in [ask.encode(), hello.encode(), Vec::new(), vec![0xff; 2000]] {
        let connection = call(&rogue, &address.node).await;
        let mut stream = connection.open(StreamKind::Recovery, Priority::CONTROL).await.unwrap();
        stream.send(&first).await.unwrap();
        let frame = timeout(PATIENCE, stream.recv(MESSAGE_BYTES_MAX)).await.unwrap().unwrap().unwrap();
        let answer = RecoveryMessage::decode(&frame);
        assert!(matches!(answer, Some(RecoveryMessage::Refused(_))), "{answer:?}");
        timeout(PATIENCE, connection.closed()).await.unwrap();
    }
    // A second stream before the proof is not answered, and a request for a change not even after it.
    let connection = call(&rogue, &address.node).await;
    let authority = folder.authority();
    let welcome = prove(&connection, household, |challenge| {
        heirloom_identity::RecoveryProof::sign(&authority, &address.node, &rogue.node(), challenge).to_vec()
    });
    assert!(matches!(welcome.await, Some(RecoveryMessage::Welcome(_))));
    let delete = RecoveryMessage::Ask(VaultRequest::Delete(vec![id])).encode();
    let mut stream = connection.open(StreamKind::Recovery, Priority::CONTROL).await.unwrap();
    stream.send(&delete).await.unwrap();
    let frame = timeout(PATIENCE, stream.recv(MESSAGE_BYTES_MAX)).await.unwrap().unwrap().unwrap();
    use heirloom::protocols::vault::messages::{VaultAnswer, VaultRefusal};
    assert_eq!(VaultAnswer::decode(&frame), Some(VaultAnswer::Refused(VaultRefusal::Malformed)));
    assert_eq!(keeper.home.vault.keeper.list(&household, None, 10).unwrap().len(), 1);
    rogue.close().await;
    keeper.down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_home_that_keeps_nothing_has_no_such_door() {
    let house = House::new("The Smiths").await;
    let net = recovering(3, stranger()).await;
    assert_eq!(net.connect(&house.network.address()).await.map(drop), Err(RecoverError::NothingKept));
    net.close().await;
    house.down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn few_recover_at_once_and_a_keeper_that_restarts_is_found_again() {
    let (folder, keeper, (id, bytes), _) = lost().await;
    let address = keeper.network.address();
    let mut clients = Vec::new();
    let busy = loop {
        let net = recovering(u8::try_from(100 + clients.len()).unwrap(), folder.authority()).await;
        match net.connect(&address).await {
            Ok(client) => clients.push((net, client)),
            Err(error) => break error,
        }
        assert!(clients.len() < 9);
    };
    assert_eq!((busy, clients.len()), (RecoverError::Busy, 4));
    let (net, client) = clients.pop().unwrap();
    for (net, _) in clients {
        net.close().await;
    }
    assert!(client.get(id, 0..4_194_304).await.unwrap() == bytes);
    let keeper = keeper.down().await.up().await;
    assert!(client.get(id, 5..4_194_304).await.unwrap() == bytes[5..]);
    net.close().await;
    keeper.down().await;
}
