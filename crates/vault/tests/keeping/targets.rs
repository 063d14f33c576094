//! One set of tests for all that keep packs: a folder, a bucket of a real S3 server on loopback, a keeper.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use bytes::Bytes;
use heirloom_identity::{HouseholdId, VaultHead};
use heirloom_store::RealDisk;
use heirloom_vault::folder::Expected;
use heirloom_vault::keeper::Home as Side;
use heirloom_vault::proof::{self, Challenge};
use heirloom_vault::store::S3Place;
use heirloom_vault::target::{Clock, FolderTarget, S3Target};
use heirloom_vault::{Answer, BoxFuture, DeleteOutcome, PackId, Room, Target, TargetError, TargetState};
use hyper_util::rt::{TokioExecutor, TokioIo};
use s3s::auth::SimpleAuth;
use s3s::config::{S3Config, StaticConfigProvider};
use s3s::service::S3ServiceBuilder;
use tokio::task::JoinHandle;

use crate::world::{self, DAY_MS, Home, Household, QUOTA, pack, question};

const ACCESS_KEY: &str = "AKIAHEIRLOOMTEST";
const SECRET_KEY: &str = "not-for-anybody-else";

/// A clock that tests move.
#[derive(Clone, Default)]
struct Time(Arc<AtomicI64>);

impl Time {
    fn clock(&self) -> Clock {
        let time = Arc::clone(&self.0);
        Arc::new(move || time.load(Ordering::Relaxed))
    }

    fn pass(&self, ms: i64) {
        self.0.fetch_add(ms, Ordering::Relaxed);
    }
}

/// Asks about a group; what was answered, and whether it is a proof that holds.
async fn ask(target: &dyn Target, challenge: Challenge) -> (Answer, bool) {
    let (asked, answer) = match target.prove(vec![challenge]).await {
        Ok(mut answers) => answers.remove(0),
        // Said of all packs at once.
        Err(TargetError::DiskAbsent) => (challenge, Answer::DiskAbsent),
        Err(other) => panic!("{other}"),
    };
    assert_eq!(asked, challenge);
    let holds = matches!(&answer, Answer::Proof(proof) if proof::verify(&challenge, proof));
    (answer, holds)
}

/// What every target does.
async fn suite(target: &dyn Target, ward: &Household) {
    assert_eq!(target.list(None).await.unwrap(), []);
    assert_eq!(target.heads().await.unwrap(), Vec::<Vec<u8>>::new());
    // Many small packs, so that a twentieth of them is something.
    let mut packs: Vec<_> = (0..60).map(|number| pack(number, 1000)).collect();
    packs.extend([(pack(100, 40_000)), pack(101, 16_384), pack(102, 16_385)]);
    for (id, content) in &packs {
        target.put(*id, Bytes::copy_from_slice(content), Room::Common).await.unwrap();
    }
    let (id, content) = packs[60].clone();
    target.put(id, content.clone().into(), Room::Reserve).await.unwrap();
    let wrong = target.put(pack(1, 1000).0, content.clone().into(), Room::Common).await;
    assert!(matches!(wrong, Err(TargetError::Wrong(_))), "{wrong:?}");
    listing(target, &packs).await;
    reading(target, &id, &content).await;
    for (id, content) in &packs[60..] {
        for group in 0..proof::group_count(u32::try_from(content.len()).unwrap()) {
            assert!(ask(target, question(id, content.len(), group)).await.1);
        }
    }
    assert_eq!(ask(target, question(&pack(7777, 10).0, 10, 0)).await.0, Answer::Missing);
    assert_eq!(ask(target, question(&id, 39_999, 0)).await.0, Answer::Missing);
    deleting(target, &packs).await;
    heads(target, ward).await;
    target.put_kit(b"a kit record".to_vec()).await.unwrap();
    target.put_kit(b"a kit record".to_vec()).await.unwrap();
    assert_eq!(target.kits().await.unwrap(), [b"a kit record".to_vec()]);
    assert!(target.put_kit(vec![0; 20_000]).await.is_err());
    target.put_kit(ward.kit(1).encode()).await.unwrap();
    assert_eq!(target.kits().await.unwrap().len(), 2);
    let revocation = ward.node(3, 0).revoke(&ward.kit(1));
    target.put_kit(revocation.clone()).await.unwrap();
    assert!(target.put_kit(ward.kit(1).encode()).await.is_err(), "a revoked kit doesn't come back");
    let mut kits = target.kits().await.unwrap();
    kits.retain(|kit| *kit != revocation);
    assert_eq!(kits, [b"a kit record".to_vec()]);
}

async fn listing(target: &dyn Target, packs: &[(PackId, Vec<u8>)]) {
    let mut expected: Vec<_> = packs.iter().map(|(id, content)| (*id, content.len() as u64)).collect();
    expected.sort_unstable();
    assert_eq!(target.list(None).await.unwrap(), expected);
    assert_eq!(target.list(Some(expected[30].0)).await.unwrap(), expected[31..]);
    assert_eq!(target.list(Some(expected[62].0)).await.unwrap(), []);
    let state = target.state().await.unwrap();
    assert_eq!((state.packs, state.held, state.asked), (63, 0, false));
    assert!(state.used >= expected.iter().map(|(_, bytes)| bytes).sum::<u64>());
}

async fn reading(target: &dyn Target, id: &PackId, content: &[u8]) {
    for range in [0..40_000_u64, 0..1, 39_999..40_000, 16_000..17_000, 5..5] {
        let part = target.get(*id, range.clone()).await.unwrap();
        let range = usize::try_from(range.start).unwrap()..usize::try_from(range.end).unwrap();
        assert_eq!(part, content[range]);
    }
    assert!(target.get(*id, 39_999..40_001).await.is_err());
    assert!(target.get(*id, 0..64 << 20).await.is_err());
    assert_eq!(target.get(pack(7777, 10).0, 0..10).await, Err(TargetError::Missing));
}

async fn deleting(target: &dyn Target, packs: &[(PackId, Vec<u8>)]) {
    let gone: Vec<_> = packs[..3].iter().map(|(id, _)| *id).collect();
    let outcome = target.delete(gone.clone()).await.unwrap();
    assert_eq!(outcome, DeleteOutcome { held: 3, waits_for_person: false });
    assert_eq!(target.list(None).await.unwrap().len(), 60);
    assert_eq!(ask(target, question(&gone[0], 1000, 0)).await.0, Answer::Missing);
    assert_eq!(target.get(gone[0], 0..1000).await.unwrap(), packs[0].1, "still there for whoever restores");
    let state = target.state().await.unwrap();
    assert_eq!((state.packs, state.held), (60, 3000));
    target.put(gone[0], packs[0].1.clone().into(), Room::Common).await.unwrap();
    assert!(ask(target, question(&gone[0], 1000, 0)).await.1);
    assert_eq!(target.list(None).await.unwrap().len(), 61);
    target.delete(vec![gone[1], pack(7777, 10).0]).await.unwrap();
}

async fn heads(target: &dyn Target, ward: &Household) {
    let chain = ward.node(1, 0).chain(4);
    for head in &chain[..3] {
        target.put_head(head.encode()).await.unwrap();
    }
    target.put_head(chain[2].encode()).await.unwrap();
    assert_eq!(target.put_head(chain[1].encode()).await, Err(TargetError::Older));
    assert!(matches!(target.put_head(vec![0; 50]).await, Err(TargetError::Wrong(_))));
    let stranger = Household::new(8).node(1, 0).head(1, None, 0);
    assert!(matches!(target.put_head(stranger.encode()).await, Err(TargetError::Wrong(_))));
    assert_eq!(target.heads().await.unwrap()[0], chain[2].encode());
    let restored = ward.node(2, 0).head(4, Some(&chain[2]), 5 * DAY_MS);
    target.put_head(restored.encode()).await.unwrap();
    assert_eq!(target.put_head(chain[3].encode()).await, Err(TargetError::Older));
    let heads = target.heads().await.unwrap();
    assert_eq!(heads[0], restored.encode());
    assert!(heads.contains(&chain[2].encode()), "the last before a restore is held");
}

fn folder(place: &Path, household: HouseholdId, time: &Time) -> FolderTarget {
    let expected = Expected { household, disks: Vec::new() };
    FolderTarget::new(place.to_owned(), expected, Arc::new(RealDisk), time.clock()).unwrap()
}

#[tokio::test]
async fn a_folder_keeps_packs() {
    let (scratch, ward, time) = (tempfile::tempdir().unwrap(), Household::new(9), Time::default());
    let place = scratch.path().join("vault");
    let target = folder(&place, ward.id(), &time);
    assert_eq!(target.list(None).await, Err(TargetError::DiskAbsent));
    let disk = FolderTarget::create(&place, &ward.id(), [3; 16], Arc::new(RealDisk)).unwrap();
    assert_eq!(FolderTarget::create(&place, &ward.id(), [4; 16], Arc::new(RealDisk)).unwrap(), disk);
    let other = FolderTarget::create(&place, &Household::new(8).id(), [4; 16], Arc::new(RealDisk));
    assert!(matches!(other, Err(TargetError::Refused(_))));
    suite(&target, &ward).await;
    fossils(&target, &time, &place.join("fossils")).await;
    pacing(&target, &time, &place).await;
    superseding(&target, &time, &ward).await;
    // The disk goes, and comes back.
    let away = scratch.path().join("away");
    std::fs::rename(&place, &away).unwrap();
    std::fs::create_dir(&place).unwrap();
    let (id, content) = pack(60, 1000);
    assert_eq!(target.put(id, content.into(), Room::Common).await, Err(TargetError::DiskAbsent));
    assert_eq!(ask(&target, question(&id, 1000, 0)).await.0, Answer::DiskAbsent);
    assert_eq!(std::fs::read_dir(&place).unwrap().count(), 0);
    std::fs::remove_dir(&place).unwrap();
    std::fs::rename(&away, &place).unwrap();
    assert_eq!(target.list(None).await.unwrap().len(), 61);
}

/// What was deleted 30 days ago is removed, and nothing before that.
async fn fossils(target: &dyn Target, time: &Time, place: &Path) {
    // The clock was ahead once: that counts as a day at most.
    for jump in [400, -400] {
        time.pass(jump * DAY_MS);
        assert_eq!(target.tidy().await.unwrap(), 0);
    }
    for _ in 1..29 {
        time.pass(DAY_MS);
        assert_eq!(target.tidy().await.unwrap(), 0);
    }
    time.pass(DAY_MS - 1);
    assert_eq!(target.tidy().await.unwrap(), 0);
    let held = target.state().await.unwrap().held;
    time.pass(1);
    let removed = target.tidy().await.unwrap();
    assert_eq!(removed * 1000, held);
    assert_eq!(target.state().await.unwrap().held, 0);
    let is_pack = |entry: std::fs::DirEntry| entry.path().extension().is_some_and(|is| is == "pack");
    assert!(!std::fs::read_dir(place).unwrap().flatten().any(is_pack));
    assert_eq!(target.get(pack(1, 1000).0, 0..10).await, Err(TargetError::Missing));
}

/// Goal: neither this program nor an old copy of this home empties a place of its own at once, and an interrupted deletion
/// is one deletion. Method: 8 GB of packs that are only sizes, wishes of more and less than a twentieth; then a fossil that
/// an interrupted deletion left, and a pack that comes back and goes again.
async fn pacing(target: &dyn Target, time: &Time, place: &Path) {
    let large: Vec<_> = (0..256_u32).map(|number| PackId::of(&number.to_le_bytes())).collect();
    for id in &large {
        let shard = place.join(format!("packs/{:02x}", id.as_bytes()[0]));
        std::fs::create_dir_all(&shard).unwrap();
        let file = std::fs::File::create(shard.join(format!("{id}.pack"))).unwrap();
        file.set_len(32 << 20).unwrap();
    }
    let small = pack(59, 1000);
    let twentieth = target.state().await.unwrap().deletable.unwrap();
    assert!((400 << 20..420 << 20).contains(&twentieth), "{twentieth}");
    let all: Vec<_> = target.list(None).await.unwrap().into_iter().map(|(id, _)| id).collect();
    for wish in [all.clone(), large.clone(), large[..14].to_vec()] {
        let refused = target.delete(wish).await;
        assert!(matches!(refused, Err(TargetError::Refused(_))), "{refused:?}");
    }
    assert_eq!(target.list(None).await.unwrap().len(), all.len(), "nothing of it was deleted");
    // As if the program had ended between the two steps of a deletion, a while ago.
    let fossils = place.join("fossils");
    std::fs::write(fossils.join(format!("{}-5.pack", small.0)), &small.1).unwrap();
    target.delete(vec![small.0]).await.unwrap();
    let of_small = || {
        let names = std::fs::read_dir(&fossils).unwrap().flatten().map(|entry| entry.file_name());
        let names = names.map(|name| name.into_string().unwrap());
        names.filter(|name| name.starts_with(&small.0.to_string())).collect::<Vec<_>>()
    };
    assert_eq!(of_small().len(), 1);
    let first = of_small();
    assert_eq!(target.state().await.unwrap().deletable.unwrap() + 1000, twentieth);
    target.put(small.0, small.1.clone().into(), Room::Common).await.unwrap();
    assert_eq!(target.state().await.unwrap().deletable.unwrap(), twentieth, "what came back did not go");
    time.pass(2 * DAY_MS);
    target.delete(vec![small.0]).await.unwrap();
    assert_eq!(of_small().len(), 1);
    assert_ne!(of_small(), first, "the last deletion counts");
    target.put(small.0, small.1.clone().into(), Room::Common).await.unwrap();
    for id in &large {
        std::fs::remove_file(place.join(format!("packs/{:02x}/{id}.pack", id.as_bytes()[0]))).unwrap();
    }
}

/// Goal: a superseded head is held for 30 days of the place's own time, whatever heads say of when they were made. Method:
/// one that was made by a clock in 1970 comes between two others.
async fn superseding(target: &dyn Target, time: &Time, ward: &Household) {
    let days = async |days: u32| {
        for _ in 0..days {
            time.pass(DAY_MS);
            target.tidy().await.unwrap();
        }
    };
    let node = ward.node(3, 0);
    let good = node.head(5, None, 100 * DAY_MS);
    let mut last = good.clone();
    let put = async |last: &mut VaultHead, made_ms| {
        *last = node.head(last.number() + 1, Some(last), made_ms);
        target.put_head(last.encode()).await.unwrap();
        target.heads().await.unwrap().contains(&good.encode())
    };
    target.put_head(good.encode()).await.unwrap();
    days(2).await;
    assert!(put(&mut last, 0).await);
    days(2).await;
    assert!(put(&mut last, 101 * DAY_MS).await);
    days(27).await;
    assert!(put(&mut last, 102 * DAY_MS).await, "29 days");
    days(2).await;
    assert!(!put(&mut last, 103 * DAY_MS).await, "31 days");
}

/// A keeper as its ward reaches it, without a network between.
struct Kept(Home, HouseholdId);

impl Kept {
    fn now<T>(&self, answer: Result<T, heirloom_vault::KeeperError>) -> BoxFuture<'_, Result<T, TargetError>>
    where
        T: Send + 'static,
    {
        Box::pin(std::future::ready(answer.map_err(TargetError::from)))
    }
}

impl Target for Kept {
    fn put(&self, pack: PackId, bytes: Bytes, room: Room) -> BoxFuture<'_, Result<(), TargetError>> {
        self.now(self.0.keeper.put(&self.1, &pack, &bytes, room))
    }
    fn get(&self, pack: PackId, range: Range<u64>) -> BoxFuture<'_, Result<Bytes, TargetError>> {
        self.now(self.0.keeper.read(&self.1, &pack, range).map(Bytes::from))
    }
    fn list(&self, after: Option<PackId>) -> BoxFuture<'_, Result<Vec<(PackId, u64)>, TargetError>> {
        self.now(self.0.keeper.list(&self.1, after.as_ref(), 4096))
    }
    fn prove(&self, asked: Vec<Challenge>) -> BoxFuture<'_, Result<Vec<(Challenge, Answer)>, TargetError>> {
        let answers = self.0.keeper.prove(&self.1, &asked);
        self.now(answers.map(|answers| asked.into_iter().zip(answers).collect()))
    }
    fn delete(&self, packs: Vec<PackId>) -> BoxFuture<'_, Result<DeleteOutcome, TargetError>> {
        self.now(self.0.keeper.delete(&self.1, &packs))
    }
    fn answer_deletion(&self, allow: bool) -> BoxFuture<'_, Result<DeleteOutcome, TargetError>> {
        self.now(self.0.keeper.answer_deletion(&self.1, Side::Ward, allow))
    }
    fn put_head(&self, head: Vec<u8>) -> BoxFuture<'_, Result<(), TargetError>> {
        self.now(self.0.keeper.put_head(&self.1, &head))
    }
    fn heads(&self) -> BoxFuture<'_, Result<Vec<Vec<u8>>, TargetError>> {
        self.now(self.0.keeper.heads(&self.1))
    }
    fn put_kit(&self, kit: Vec<u8>) -> BoxFuture<'_, Result<(), TargetError>> {
        self.now(self.0.keeper.put_kit(&self.1, &kit))
    }
    fn kits(&self) -> BoxFuture<'_, Result<Vec<Vec<u8>>, TargetError>> {
        self.now(self.0.keeper.kits(&self.1))
    }
    fn state(&self) -> BoxFuture<'_, Result<TargetState, TargetError>> {
        self.now(self.0.keeper.state(&self.1))
    }
}

#[tokio::test]
async fn a_keeper_keeps_packs() {
    let (home, ward) = (Home::new(), Household::new(9));
    home.keeper.agree(&ward.id(), QUOTA, 5, [3; 16]).unwrap();
    suite(&Kept(home, ward.id()), &ward).await;
}

/// A real S3 server, in this process, on loopback.
struct Server {
    scratch: tempfile::TempDir,
    endpoint: String,
    task: JoinHandle<()>,
}

impl Server {
    async fn start() -> Self {
        Self::start_with(S3Config::default()).await
    }

    async fn start_with(config: S3Config) -> Self {
        let scratch = tempfile::tempdir().unwrap();
        std::fs::create_dir(scratch.path().join("photos")).unwrap();
        let mut service = S3ServiceBuilder::new(s3s_fs::FileSystem::new(scratch.path()).unwrap());
        service.set_auth(SimpleAuth::from_single(ACCESS_KEY, SECRET_KEY));
        service.set_config(Arc::new(StaticConfigProvider::new(Arc::new(config))));
        let service = service.build();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let task = tokio::spawn(async move {
            let mut connections = tokio::task::JoinSet::new();
            let http = Arc::new(hyper_util::server::conn::auto::Builder::new(TokioExecutor::new()));
            while let Ok((socket, _)) = listener.accept().await {
                let (service, http) = (service.clone(), Arc::clone(&http));
                connections.spawn(async move {
                    http.serve_connection(TokioIo::new(socket), service).await.unwrap_or_default();
                });
            }
        });
        Self { scratch, endpoint, task }
    }

    fn place(&self) -> S3Place {
        S3Place {
            endpoint: self.endpoint.clone(),
            bucket: "photos".into(),
            prefix: "family/smith".into(),
            region: String::new(),
            access_key: ACCESS_KEY.into(),
            secret_key: SECRET_KEY.into(),
        }
    }

    fn object(&self, name: &str) -> PathBuf {
        self.scratch.path().join("photos/family/smith").join(name)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

#[tokio::test]
async fn a_bucket_keeps_packs() {
    let (server, ward, time) = (Server::start().await, Household::new(9), Time::default());
    let target = S3Target::new(&server.place(), ward.id(), false, time.clock()).unwrap();
    let (id, content) = pack(1, 1000);
    assert_eq!(target.put(id, content.clone().into(), Room::Common).await, Err(TargetError::DiskAbsent));
    assert_eq!(target.list(None).await, Err(TargetError::DiskAbsent));
    let disk = target.prepare([3; 16]).await.unwrap();
    assert_eq!(target.prepare([4; 16]).await.unwrap(), disk);
    let other = S3Target::new(&server.place(), Household::new(8).id(), false, time.clock()).unwrap();
    assert!(matches!(other.prepare([4; 16]).await, Err(TargetError::Refused(_))));
    assert_eq!(other.list(None).await, Err(TargetError::DiskAbsent));
    suite(&target, &ward).await;
    fossils(&target, &time, &server.object("fossils")).await;
    pacing(&target, &time, &server.object("")).await;
    superseding(&target, &time, &ward).await;
    // The same names as in a folder.
    let name = pack(100, 40_000).0.to_string();
    let object = server.object(&format!("packs/{}/{name}.pack", &name[..2]));
    assert_eq!(std::fs::read(&object).unwrap(), pack(100, 40_000).1);
    let challenge = question(&pack(100, 40_000).0, 40_000, 1);
    let beside = object.with_extension("obao");
    std::fs::remove_file(&beside).unwrap();
    assert!(ask(&target, challenge).await.1, "the outboard is derived");
    assert!(beside.exists());
    world::flip(&object);
    assert_eq!(ask(&target, challenge).await.0, Answer::Missing, "a store proves nothing by itself");
    std::fs::remove_file(&object).unwrap();
    assert_eq!(ask(&target, challenge).await.0, Answer::Missing);
    std::fs::remove_file(server.object("HEIRLOOM-VAULT")).unwrap();
    assert_eq!(ask(&target, challenge).await.0, Answer::DiskAbsent, "another bucket is no loss");
}

#[tokio::test]
async fn a_bucket_that_refuses_or_is_gone_says_so_without_secrets() {
    let (server, ward, time) = (Server::start().await, Household::new(9), Time::default());
    let mut place = server.place();
    place.secret_key = "a-wrong-secret".into();
    let target = S3Target::new(&place, ward.id(), false, time.clock()).unwrap();
    let refused = target.prepare([3; 16]).await.unwrap_err();
    let text = format!("{refused} {refused:?} {target:?} {place:?}");
    assert!(matches!(refused, TargetError::Refused(_)), "{text}");
    assert!(!text.contains("a-wrong-secret") && !text.contains(ACCESS_KEY), "{text}");
    assert!(text.contains("secret key isn't the one"), "{text}");
    // A clock that is wrong, for a store that allows no difference at all.
    let mut strict = S3Config::default();
    strict.presigned_url_max_skew_time_secs = 0;
    let strict = Server::start_with(strict).await;
    let skewed = S3Target::new(&strict.place(), ward.id(), false, time.clock()).unwrap();
    let skewed = skewed.prepare([3; 16]).await.unwrap_err().to_string();
    assert!(skewed.contains("this computer's clock is wrong"), "{skewed}");
    // What else a person may have typed.
    let right = server.place();
    let https = server.endpoint.replace("http://", "https://");
    for (place, expected) in [
        (S3Place { access_key: "AKIASOMEBODYELSE".into(), ..right.clone() }, "doesn't know this access key"),
        (S3Place { bucket: "fotos".into(), ..right.clone() }, "no bucket of that name"),
        (S3Place { endpoint: https, ..right.clone() }, "nothing speaks https at that address"),
    ] {
        let target = S3Target::new(&place, ward.id(), false, time.clock()).unwrap();
        // Not `prepare`: this server makes a bucket that somebody writes to.
        let refused = target.list(None).await;
        let is_said = matches!(&refused, Err(TargetError::Refused(why)) if why.contains(expected));
        assert!(is_said, "{expected}: {refused:?}");
    }
    place.endpoint = "http://127.0.0.1:1".into();
    let nobody = S3Target::new(&place, ward.id(), false, time.clock()).unwrap();
    assert_eq!(nobody.list(None).await, Err(TargetError::Offline));
    assert_eq!(nobody.prove(vec![question(&pack(1, 9).0, 9, 0)]).await, Err(TargetError::Offline));
    for endpoint in ["http://s3.example.org", "https://user:pass@s3.example.org", "s3.example.org"] {
        let wrong = S3Target::new(
            &S3Place { endpoint: endpoint.into(), ..place.clone() },
            ward.id(),
            false,
            time.clock(),
        );
        assert!(matches!(wrong, Err(TargetError::Wrong(_))), "{endpoint}");
    }
}

/// Goal: a bucket takes no more than a person said, and what is there stays. Method: a limit of 100,000 bytes, packs until it
/// is full, then a smaller and no limit.
#[tokio::test]
async fn a_bucket_keeps_within_its_limit() {
    let (server, ward, time) = (Server::start().await, Household::new(9), Time::default());
    let open =
        |limit| S3Target::new(&server.place(), ward.id(), false, time.clock()).unwrap().limited_to(limit);
    let target = open(Some(100_000));
    target.prepare([3; 16]).await.unwrap();
    let put = async |target: &S3Target, number: u32, room| {
        let (id, content) = pack(number, 10_000);
        target.put(id, content.into(), room).await
    };
    for number in 0..9 {
        put(&target, number, Room::Common).await.unwrap();
    }
    let state = target.state().await.unwrap();
    assert_eq!((state.quota, state.used, state.free), (Some(100_000), 90_000, Some(5000)));
    // Somebody who counts anew, and somebody who counted before.
    for target in [&open(Some(100_000)), &target] {
        let full = put(target, 10, Room::Common).await;
        assert_eq!(full, Err(TargetError::Full { quota: 100_000, used: 90_000 }));
    }
    put(&target, 11, Room::Reserve).await.unwrap();
    assert!(matches!(put(&target, 12, Room::Reserve).await, Err(TargetError::Full { .. })));
    let smaller = open(Some(50_000));
    assert_eq!(smaller.state().await.unwrap().free, Some(0));
    assert_eq!(smaller.list(None).await.unwrap().len(), 10);
    smaller.put_head(ward.node(1, 0).head(1, None, 0).encode()).await.unwrap();
    put(&open(None), 12, Room::Common).await.unwrap();
}
