//! Goal: a ward, or whoever has its keys, can cost its keeper little and reaches nothing that is not its own.
//! Method: bare streams on the connection of a home that is a ward.

use heirloom::protocols::vault::messages::{
    DATA_BYTES_MAX, MESSAGE_BYTES_MAX, VaultAnswer, VaultRefusal, VaultRequest,
};
use heirloom::protocols::vault::places::PUTS_PER_WARD_MAX;
use heirloom_net::{FramedStream, Priority, StreamKind};
use heirloom_vault::{PackId, Room, Target, TargetError};
use tokio::time::timeout;

use crate::family::{House, pair};
use crate::vault::{GB, agree, pack, ward_and_keeper};
use crate::wait::PATIENCE;

async fn open(from: &House, to: &House) -> FramedStream {
    let connection = from.network.connection(&to.household()).unwrap();
    connection.open(StreamKind::Vault, Priority::SYNC).await.unwrap()
}

/// Sends a frame and hears the answer, if there is one.
async fn say(stream: &mut FramedStream, frame: &[u8]) -> Option<VaultAnswer> {
    stream.send(frame).await.ok()?;
    hear(stream).await
}

async fn hear(stream: &mut FramedStream) -> Option<VaultAnswer> {
    let answer = timeout(PATIENCE, stream.recv(MESSAGE_BYTES_MAX)).await.expect("an answer or an end");
    VaultAnswer::decode(&answer.ok()??)
}

fn put(pack: PackId, bytes: usize) -> Vec<u8> {
    VaultRequest::Put { pack, bytes: u32::try_from(bytes).unwrap(), room: Room::Common }.encode()
}

fn no(why: VaultRefusal) -> Option<VaultAnswer> {
    Some(VaultAnswer::Refused(why))
}

#[tokio::test(flavor = "multi_thread")]
async fn what_makes_no_sense_is_refused_and_nothing_else_happens() {
    let (ward, keeper) = ward_and_keeper().await;
    for frame in [&b""[..], &[0xff; 100], &[99], &[2; 40], &[6, 0]] {
        let mut stream = open(&ward, &keeper).await;
        assert_eq!(say(&mut stream, frame).await, no(VaultRefusal::Malformed), "{frame:?}");
    }
    let mut stream = open(&ward, &keeper).await;
    assert_eq!(say(&mut stream, &vec![0; MESSAGE_BYTES_MAX + 1]).await, None, "too large to be read");
    ward.target(&keeper).state().await.unwrap();
    ward.down().await;
    keeper.down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pack_that_is_not_what_was_announced_is_not_kept() {
    let (ward, keeper) = ward_and_keeper().await;
    let (id, bytes) = pack(1, 262_144);
    // Other bytes.
    let mut stream = open(&ward, &keeper).await;
    assert_eq!(say(&mut stream, &put(id, bytes.len())).await, Some(VaultAnswer::Send));
    assert_eq!(say(&mut stream, &pack(2, 262_144).1).await, no(VaultRefusal::Wrong));
    // Fewer bytes.
    let mut stream = open(&ward, &keeper).await;
    assert_eq!(say(&mut stream, &put(id, bytes.len())).await, Some(VaultAnswer::Send));
    stream.send(&bytes[..100_000]).await.unwrap();
    let (sender, mut receiver) = stream.split();
    let finishing = tokio::spawn(sender.finish());
    let answer = timeout(PATIENCE, receiver.recv(MESSAGE_BYTES_MAX)).await.unwrap().unwrap().unwrap();
    assert_eq!(VaultAnswer::decode(&answer), no(VaultRefusal::Malformed));
    drop(finishing.await);
    // An empty frame, which would be a way to wait for ever.
    let mut stream = open(&ward, &keeper).await;
    assert_eq!(say(&mut stream, &put(id, bytes.len())).await, Some(VaultAnswer::Send));
    assert_eq!(say(&mut stream, &[]).await, no(VaultRefusal::Malformed));
    // More bytes than announced, and more in a frame than is read.
    let mut stream = open(&ward, &keeper).await;
    assert_eq!(say(&mut stream, &put(id, 65_536)).await, Some(VaultAnswer::Send));
    assert_eq!(say(&mut stream, &bytes[..65_537]).await, None);
    let (large, bytes) = pack(3, 2 << 20);
    let mut stream = open(&ward, &keeper).await;
    assert_eq!(say(&mut stream, &put(large, bytes.len())).await, Some(VaultAnswer::Send));
    assert_eq!(say(&mut stream, &bytes[..=DATA_BYTES_MAX]).await, None);
    assert!(ward.target(&keeper).list(None).await.unwrap().is_empty());
    ward.down().await;
    keeper.down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ward_that_announces_many_packs_gets_its_share_and_others_theirs() {
    let (ward, keeper) = ward_and_keeper().await;
    let other = House::new("Ben's").await;
    pair(&keeper, &other).await;
    agree(&other, &keeper, GB);
    let mut held = Vec::new();
    for seed in 0..6 {
        let mut stream = open(&ward, &keeper).await;
        let answer = say(&mut stream, &put(pack(seed, 1 << 20).0, 1 << 20)).await;
        let expected =
            if held.len() < PUTS_PER_WARD_MAX { Some(VaultAnswer::Send) } else { no(VaultRefusal::Busy) };
        assert_eq!(answer, expected, "{seed}");
        if answer == Some(VaultAnswer::Send) {
            held.push(stream);
        }
    }
    let (id, bytes) = pack(50, 1 << 20);
    other.target(&keeper).put(id, bytes, Room::Common).await.unwrap();
    // What is given up makes room at once.
    drop(held);
    let (id, bytes) = pack(51, 1 << 20);
    let target = ward.target(&keeper);
    // The keeper hears a moment later that it was given up; until then it says that it is busy.
    let kept = async {
        while let Err(busy) = target.put(id, bytes.clone(), Room::Common).await {
            assert_eq!(busy, TargetError::Busy);
        }
    };
    timeout(PATIENCE, kept).await.unwrap();
    drop(target);
    ward.down().await;
    other.down().await;
    keeper.down().await;
}

/// A notice that somebody sends who keeps nothing for this home is not shown to anybody.
#[tokio::test(flavor = "multi_thread")]
async fn only_keepers_can_alarm() {
    use heirloom::protocols::vault::messages::Notice;
    use heirloom_identity::NodeId;
    let (ward, keeper) = ward_and_keeper().await;
    let notice = Notice::Recovery { node: NodeId::from_bytes([1; 32]), at_ms: 1 };
    let frame = VaultRequest::Notice(notice).encode();
    let mut stream = open(&ward, &keeper).await;
    assert_eq!(say(&mut stream, &frame).await, Some(VaultAnswer::Done));
    assert!(keeper.alarms().is_empty(), "{:?}", keeper.alarms());
    let mut stream = open(&keeper, &ward).await;
    assert_eq!(say(&mut stream, &frame).await, Some(VaultAnswer::Done));
    assert_eq!(ward.alarms(), ["recovery"]);
    ward.down().await;
    keeper.down().await;
}
