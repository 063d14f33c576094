//! A family of homes, each with its own `spaces.sqlite`, that exchange messages by hand.

use std::collections::{BTreeMap, VecDeque};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use heirloom_identity::{
    AccountId, Certificate, ContentHash, HouseholdId, NodeKeys, ReceiveKey, Role, Root, SpaceId,
};
use heirloom_spaces::{
    Album, AlbumEdit, AlbumKeys, Albums, Blob, Entry, EntryFacts, MIGRATIONS, News, Randomness, SyncMessage,
    SyncSession,
};
use heirloom_store::rusqlite::Connection;
use heirloom_store::{Database, Durability, StoreError};
use tempfile::TempDir;

/// A moment in 2026.
pub(crate) const NOW_MS: i64 = 1_784_000_000_000;
/// More messages than any exchange here takes.
const ROUNDS_MAX: usize = 20_000;

/// One home.
pub(crate) struct Home {
    folder: TempDir,
    seed: u8,
    generation: u8,
    pub(crate) albums: Albums,
    pub(crate) news: Arc<Mutex<Vec<News>>>,
    opened: AtomicU64,
}

impl Home {
    pub(crate) fn new(seed: u8) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let albums = open(&folder.path().join("spaces.sqlite"), seed, 1, 0);
        let home =
            Self { folder, seed, generation: 1, albums, news: Arc::default(), opened: AtomicU64::new(1) };
        home.listen();
        home
    }

    fn listen(&self) {
        let news = self.news.clone();
        self.albums.listen(Box::new(move |one| news.lock().unwrap().push(one.clone())));
    }

    pub(crate) fn id(&self) -> HouseholdId {
        Root::from_bytes([self.seed; 32]).authority().household()
    }

    pub(crate) fn account(&self) -> AccountId {
        account(self.seed)
    }

    pub(crate) fn receive(&self) -> ReceiveKey {
        receive(self.seed, self.generation)
    }

    pub(crate) fn keys(&self) -> AlbumKeys {
        keys(self.seed, self.generation)
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("spaces.sqlite")
    }

    /// Opens the database anew, as after a restart.
    pub(crate) fn restart(&mut self) {
        let opened = self.opened.fetch_add(1, Ordering::Relaxed);
        self.albums = open(&self.path(), self.seed, self.generation, opened);
        self.listen();
    }

    /// The same household on a new machine: new keys, and the same database.
    pub(crate) fn replace_node(&mut self) {
        self.generation += 1;
        self.restart();
    }

    /// A copy of the disk as it is now.
    pub(crate) fn copy_disk(&self) -> Vec<u8> {
        let copy = self.folder.path().join("copy.sqlite");
        let into = copy.to_string_lossy().into_owned();
        self.database()
            .write::<_, StoreError, _>(move |_| {
                drop(std::fs::remove_file(&into));
                Ok(())
            })
            .unwrap();
        let conn = Connection::open(self.path()).unwrap();
        conn.execute("VACUUM INTO ?1", [copy.to_string_lossy()]).unwrap();
        std::fs::read(copy).unwrap()
    }

    /// Puts an older disk back.
    pub(crate) fn restore_disk(&mut self, copy: &[u8]) {
        let scratch = self.folder.path().join("away.sqlite");
        self.albums = open(&scratch, self.seed, self.generation, 77);
        for extra in ["spaces.sqlite-wal", "spaces.sqlite-shm"] {
            drop(std::fs::remove_file(self.folder.path().join(extra)));
        }
        std::fs::write(self.path(), copy).unwrap();
        self.restart();
    }

    /// The database, beside the albums.
    pub(crate) fn database(&self) -> Database {
        Database::open(&self.path(), Durability::Normal, MIGRATIONS).unwrap()
    }

    pub(crate) fn count(&self, sql: &'static str) -> i64 {
        self.database()
            .read::<_, StoreError, _>(|conn: &Connection| Ok(conn.query_row(sql, [], |row| row.get(0))?))
            .unwrap()
    }

    pub(crate) fn album(&self, space: &SpaceId) -> Album {
        self.albums.album(space).unwrap().unwrap()
    }

    pub(crate) fn edit(&self, space: &SpaceId, edits: &[AlbumEdit]) {
        self.albums.edit(space, self.account(), edits, NOW_MS).unwrap();
    }

    pub(crate) fn add(&self, space: &SpaceId, names: &[&str]) {
        self.edit(space, &[AlbumEdit::Add(names.iter().map(|name| facts(name, self.account())).collect())]);
    }

    pub(crate) fn entries(&self, space: &SpaceId) -> Vec<Entry> {
        self.albums.entries(space, 0..10_000).unwrap()
    }

    /// File names in the album's order.
    pub(crate) fn names(&self, space: &SpaceId) -> Vec<String> {
        self.entries(space).into_iter().map(|entry| entry.facts.file_name).collect()
    }

    pub(crate) fn invite(&self, space: &SpaceId, other: &Self, role: Role) {
        let receive = other.receive().public();
        self.albums.invite(space, other.id(), receive, role, Vec::new(), NOW_MS).unwrap();
    }
}

fn open(path: &std::path::Path, seed: u8, generation: u8, opened: u64) -> Albums {
    // Full durability is for the program; hundreds of histories needn't wait for the disk.
    let db = Database::open(path, Durability::Normal, MIGRATIONS).unwrap();
    Albums::open(db, keys(seed, generation), randomness(u64::from(seed) << 32 | opened << 48)).unwrap()
}

/// Bytes that never repeat, the same in every run.
pub(crate) fn randomness(seed: u64) -> Randomness {
    let counter = AtomicU64::new(0);
    Arc::new(move |bytes: &mut [u8]| {
        let number = seed.wrapping_add(counter.fetch_add(1, Ordering::Relaxed));
        for (block, chunk) in (0_u64..).zip(bytes.chunks_mut(32)) {
            let hash = ContentHash::of(&[number.to_le_bytes(), block.to_le_bytes()].concat());
            chunk.copy_from_slice(&hash.as_bytes()[..chunk.len()]);
        }
    })
}

pub(crate) fn account(seed: u8) -> AccountId {
    AccountId::from_random([seed; 16])
}

pub(crate) fn receive(seed: u8, generation: u8) -> ReceiveKey {
    ReceiveKey::from_bytes(ContentHash::of(&[seed, generation, 9]).as_bytes())
}

pub(crate) fn keys(seed: u8, generation: u8) -> AlbumKeys {
    let mut secrets = [generation; NodeKeys::BYTES];
    secrets[0] = seed ^ 0xff;
    secrets[32] = seed;
    let node = NodeKeys::from_bytes(&secrets);
    let authority = Root::from_bytes([seed; 32]).authority();
    let certificate =
        Certificate::issue(&authority, u32::from(generation), node.node(), node.signer().id(), 0).unwrap();
    let receive = (1..=generation).rev().map(|generation| receive(seed, generation)).collect();
    AlbumKeys { certificate, signer: node.signer().clone(), receive }
}

pub(crate) fn content(name: &str) -> ContentHash {
    ContentHash::of(name.as_bytes())
}

/// A photo, whose date follows from its name.
pub(crate) fn facts(name: &str, owner: AccountId) -> EntryFacts {
    let seconds: i64 = name.bytes().map(i64::from).fold(0, |sum, byte| sum * 31 % 1_000_003 + byte);
    let picture = |kind: &str| Some(Blob { hash: content(&format!("{name} {kind}")), bytes: 9000 });
    EntryFacts {
        content: content(name),
        bytes: 1_000_000,
        mime: "image/jpeg".to_owned(),
        file_name: name.to_owned(),
        owner,
        added_at_ms: NOW_MS,
        taken_local_ms: Some(1_700_000_000_000 + seconds * 1000),
        offset_minutes: Some(120),
        width: 4000,
        height: 3000,
        duration_ms: None,
        thumbhash: vec![3; 25],
        colour: Some([10, 20, 30]),
        latitude: Some(45.5),
        longitude: Some(8.25),
        make: Some("Canon".to_owned()),
        model: None,
        thumbnail: picture("thumbnail"),
        preview: picture("preview"),
    }
}

/// Two homes that are connected.
pub(crate) struct Link {
    left: SyncSession,
    right: SyncSession,
    /// Messages under way, with whom they go to: true for the right one.
    pub(crate) under_way: VecDeque<(bool, Vec<u8>)>,
    pub(crate) bytes: usize,
}

impl Link {
    pub(crate) fn new(left: &Home, right: &Home) -> Self {
        let mut link = Self {
            left: left.albums.session(right.id()),
            right: right.albums.session(left.id()),
            under_way: VecDeque::new(),
            bytes: 0,
        };
        let (to_right, to_left) = (link.left.open().unwrap(), link.right.open().unwrap());
        link.send(true, to_right);
        link.send(false, to_left);
        link
    }

    fn send(&mut self, to_right: bool, messages: Vec<SyncMessage>) {
        for message in messages {
            let bytes = message.encode();
            assert!(bytes.len() <= heirloom_spaces::sync::MESSAGE_BYTES_MAX);
            self.bytes += bytes.len();
            self.under_way.push_back((to_right, bytes));
        }
    }

    pub(crate) fn deliver(&mut self, to_right: bool, bytes: &[u8]) {
        let message = SyncMessage::decode(bytes).unwrap();
        let session = if to_right { &mut self.right } else { &mut self.left };
        let replies = session.receive(message, NOW_MS).unwrap();
        self.send(!to_right, replies);
    }

    /// Delivers until nothing is under way.
    pub(crate) fn run(&mut self) {
        for _ in 0..ROUNDS_MAX {
            let Some((to_right, bytes)) = self.under_way.pop_front() else { return };
            self.deliver(to_right, &bytes);
        }
        panic!("the exchange doesn't end");
    }

    /// Lets one side say what the other lacks of an album now, as a node does when it has news.
    pub(crate) fn push_from(&mut self, right: bool, space: &SpaceId) {
        let session = if right { &mut self.right } else { &mut self.left };
        let messages = session.push(space).unwrap();
        self.send(!right, messages);
    }

    /// Lets both offer everything again, as a node does now and then.
    pub(crate) fn offer_again(&mut self) {
        let (to_right, to_left) = (self.left.offer_again().unwrap(), self.right.offer_again().unwrap());
        self.send(true, to_right);
        self.send(false, to_left);
    }

    pub(crate) fn push(&mut self, space: &SpaceId) {
        let (to_right, to_left) = (self.left.push(space).unwrap(), self.right.push(space).unwrap());
        self.send(true, to_right);
        self.send(false, to_left);
        self.run();
    }

    pub(crate) fn problems(&mut self) -> usize {
        self.left.problems().len() + self.right.problems().len()
    }
}

/// Connects two homes until both have what they may have, and expects nothing to be refused.
pub(crate) fn sync(left: &Home, right: &Home) {
    let mut link = Link::new(left, right);
    link.run();
    assert_eq!(link.problems(), 0, "nothing was refused");
}

/// Connects every two homes, often enough for everything to get everywhere.
pub(crate) fn sync_all(homes: &[&Home]) {
    for _ in 0..2 {
        for (index, left) in homes.iter().enumerate() {
            for right in &homes[index + 1..] {
                sync(left, right);
            }
        }
    }
}

/// An album of the first home that the others are contributors of.
pub(crate) fn shared(homes: &[&Home]) -> SpaceId {
    let space = homes[0].albums.create(homes[0].account(), "Summer", NOW_MS).unwrap();
    for other in &homes[1..] {
        homes[0].invite(&space, other, Role::Contributor);
    }
    sync_all(homes);
    space
}

/// What an album shows, but for row numbers and times that depend on when something came.
pub(crate) fn shown(home: &Home, space: &SpaceId) -> String {
    let album = home.album(space);
    let entries: Vec<String> = home
        .entries(space)
        .into_iter()
        .map(|entry| format!("{} {} {:?} {:?}", entry.facts.file_name, entry.by, entry.caption, entry.order))
        .collect();
    let talk: BTreeMap<_, _> = home
        .entries(space)
        .iter()
        .map(|entry| Some(entry.facts.content))
        .chain([None])
        .map(|target| {
            let comments = home.albums.comments(space, target.as_ref()).unwrap();
            (target, (comments, home.albums.reactions(space, target.as_ref()).unwrap()))
        })
        .collect();
    format!(
        "{:?} {:?} {:?} {:?} {} {} {:?} {:?} {entries:#?} {talk:?} {:?} {:?}",
        album.title,
        album.description,
        album.cover,
        album.sort,
        album.entries,
        album.bytes,
        album.from_ms,
        album.to_ms,
        home.albums.names(space).unwrap(),
        album.membership.digest,
    )
}

/// Whether these homes show the same.
pub(crate) fn assert_equal(homes: &[&Home], space: &SpaceId) {
    let first = shown(homes[0], space);
    for other in &homes[1..] {
        assert_eq!(shown(other, space), first);
    }
}
