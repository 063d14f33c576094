//! The same kind of history with real albums: [`Albums`] on SQLite files, real sync sessions, encoded messages. Slower by
//! far, so fewer of them are played. A connection delivers in order or breaks; what was under way is lost with it.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    fs,
    path::PathBuf,
};

use heirloom_identity::{
    AccountId, Certificate, ContentHash, HouseholdId, NodeKeys, ReceiveKey, Role, Root, SpaceId,
};
use heirloom_spaces::{
    AlbumEdit, AlbumError, AlbumKeys, Albums, EntryFacts, MIGRATIONS, SyncMessage, SyncSession,
};
use heirloom_store::{Database, Durability, rusqlite::Connection};
use tempfile::TempDir;

use super::chance::Chance;

/// A moment in 2026.
const NOW_MS: i64 = 1_784_000_000_000;
/// After the last fault everything has arrived everywhere within so many rounds.
const ROUNDS_MAX: usize = 12;
/// An exchange between two homes takes fewer messages.
const MESSAGES_MAX: usize = 5_000;

/// A home with its disk.
struct Home {
    folder: TempDir,
    number: u8,
    /// Counts openings, so that no randomness repeats.
    opened: u64,
    albums: Option<Albums>,
    skew_ms: i64,
    copy: Option<Vec<u8>>,
}

/// Two connected homes.
struct Link {
    sessions: [SyncSession; 2],
    /// Messages, with the side they go to.
    under_way: VecDeque<(usize, Vec<u8>)>,
}

/// A photo that an honest home added and was told is safe.
struct Added {
    by: usize,
    content: ContentHash,
    excused: bool,
}

/// Runs the history of a seed with real albums, and checks the promises after it; says how many photos were added.
///
/// # Errors
/// The broken promise.
pub(crate) fn run(seed: u64) -> Result<usize, String> {
    let mut family = Family::new(seed)?;
    let steps = 30 + family.chance.below(60);
    for _ in 0..steps {
        family.step()?;
    }
    family.heal()?;
    family.check()?;
    Ok(family.added.len())
}

struct Family {
    homes: Vec<Home>,
    space: SpaceId,
    links: BTreeMap<(usize, usize), Link>,
    added: Vec<Added>,
    chance: Chance,
    cut_off: BTreeSet<usize>,
}

impl Family {
    fn new(seed: u64) -> Result<Self, String> {
        let mut chance = Chance::new(seed);
        let count = 2 + chance.below(3);
        let homes: Result<Vec<Home>, String> =
            (1..).take(count + 1).map(|number| Home::new(number, &mut chance)).collect();
        let homes = homes?;
        let space = homes[0].albums()?.create(homes[0].account(), "Summer", NOW_MS).map_err(text)?;
        let mut family = Self {
            homes,
            space,
            links: BTreeMap::new(),
            added: Vec::new(),
            chance,
            cut_off: BTreeSet::new(),
        };
        for at in 1..family.homes.len() {
            let role = *family.chance.pick(&[Role::Viewer, Role::Contributor, Role::Admin]);
            family.invite(0, at, role)?;
        }
        family.heal()?;
        Ok(family)
    }

    fn step(&mut self) -> Result<(), String> {
        let at = self.chance.below(self.homes.len());
        match self.chance.below(100) {
            0..20 => self.connect(at)?,
            20..62 => self.deliver()?,
            62..88 => self.act(at)?,
            88..90 => drop(self.links.pop_first()),
            90..93 => {
                self.break_links(at);
                self.homes[at].restart()?;
            }
            93..95 => self.homes[at].copy = Some(self.homes[at].copy_disk()?),
            95..97 => self.put_back(at)?,
            _ => {
                let side: BTreeSet<usize> =
                    (0..self.homes.len()).filter(|_| self.chance.percent(40)).collect();
                self.cut_off = if self.cut_off.is_empty() { side } else { BTreeSet::new() };
                let cut_off = self.cut_off.clone();
                self.links.retain(|(left, right), _| cut_off.contains(left) == cut_off.contains(right));
            }
        }
        Ok(())
    }

    fn connect(&mut self, at: usize) -> Result<(), String> {
        let other = self.chance.below(self.homes.len());
        let pair = (at.min(other), at.max(other));
        let cut = self.cut_off.contains(&at) != self.cut_off.contains(&other);
        if at != other && !cut && !self.links.contains_key(&pair) {
            let link = self.link(pair)?;
            self.links.insert(pair, link);
        }
        Ok(())
    }

    fn link(&self, (left, right): (usize, usize)) -> Result<Link, String> {
        let session = |one: usize, other: usize| -> Result<SyncSession, String> {
            Ok(self.homes[one].albums()?.session(self.homes[other].id()))
        };
        let mut link =
            Link { sessions: [session(left, right)?, session(right, left)?], under_way: VecDeque::new() };
        for side in 0..2 {
            let messages = link.sessions[side].open().map_err(text)?;
            link.send(1 - side, messages);
        }
        Ok(link)
    }

    fn deliver(&mut self) -> Result<(), String> {
        let busy: Vec<(usize, usize)> =
            self.links.iter().filter(|(_, link)| !link.under_way.is_empty()).map(|(pair, _)| *pair).collect();
        if busy.is_empty() {
            return Ok(());
        }
        let pair = *self.chance.pick(&busy);
        let count = 1 + self.chance.below(4);
        for _ in 0..count {
            self.links.get_mut(&pair).map_or(Ok(()), |link| link.deliver(NOW_MS))?;
        }
        Ok(())
    }

    fn break_links(&mut self, at: usize) {
        self.links.retain(|(left, right), _| *left != at && *right != at);
    }

    fn put_back(&mut self, at: usize) -> Result<(), String> {
        let Some(copy) = self.homes[at].copy.take() else { return Ok(()) };
        self.break_links(at);
        self.homes[at].restore(&copy)?;
        let albums = self.homes[at].albums()?.clone();
        for added in self.added.iter_mut().filter(|added| added.by == at) {
            added.excused |= !matches!(albums.entry(&self.space, &added.content), Ok(Some(_)));
        }
        Ok(())
    }

    fn invite(&self, by: usize, other: usize, role: Role) -> Result<bool, String> {
        let (home, invited) = (&self.homes[by], &self.homes[other]);
        let receive = invited.receive().public();
        done(home.albums()?.invite(&self.space, invited.id(), receive, role, Vec::new(), home.now_ms()))
    }

    fn act(&mut self, at: usize) -> Result<(), String> {
        let other = self.chance.below(self.homes.len());
        let role = *self.chance.pick(&[Role::Viewer, Role::Contributor, Role::Admin]);
        let (albums, space) = (self.homes[at].albums()?.clone(), self.space);
        let (now_ms, household) = (self.homes[at].now_ms(), self.homes[other].id());
        match self.chance.below(16) {
            0..3 => drop(self.invite(at, other, role)?),
            3 => drop(done(albums.set_role(&space, household, role, Vec::new(), now_ms))?),
            4..6 => drop(done(albums.remove(&space, household, now_ms))?),
            6 if self.chance.percent(30) => drop(done(albums.leave(&space, now_ms))?),
            7 if self.chance.percent(40) => drop(done(albums.transfer(&space, household, now_ms))?),
            8 if self.chance.percent(40) => drop(done(albums.renew(&space, now_ms))?),
            _ => self.edit(at, &albums)?,
        }
        self.push(at)
    }

    fn edit(&mut self, at: usize, albums: &Albums) -> Result<(), String> {
        let (account, now_ms) = (self.homes[at].account(), self.homes[at].now_ms());
        let entries = albums.entries(&self.space, 0..100).unwrap_or_default();
        let entry = (!entries.is_empty()).then(|| self.chance.pick(&entries).facts.content);
        let word = format!("{}", self.chance.next());
        let edit = match (self.chance.below(6), entry) {
            (0, Some(content)) => AlbumEdit::Caption(content, Some(word)),
            (1, entry) => AlbumEdit::Comment { entry, text: word },
            (2, entry) => AlbumEdit::React { entry, emoji: Some("♥".to_owned()) },
            (3, _) => AlbumEdit::Title(word),
            _ => {
                let facts = facts(&word, account);
                let content = facts.content;
                if done(albums.edit(&self.space, account, &[AlbumEdit::Add(vec![facts])], now_ms))? {
                    self.added.push(Added { by: at, content, excused: false });
                }
                return Ok(());
            }
        };
        done(albums.edit(&self.space, account, &[edit], now_ms)).map(drop)
    }

    /// Whoever is connected hears of it at once.
    fn push(&mut self, at: usize) -> Result<(), String> {
        let space = self.space;
        for ((left, right), link) in &mut self.links {
            if let Some(side) = [*left, *right].iter().position(|home| *home == at) {
                let messages = link.sessions[side].push(&space).map_err(text)?;
                link.send(1 - side, messages);
            }
        }
        Ok(())
    }

    fn heal(&mut self) -> Result<(), String> {
        self.links.clear();
        self.cut_off.clear();
        for _ in 0..ROUNDS_MAX {
            let before = self.shown()?;
            for left in 0..self.homes.len() {
                for right in left + 1..self.homes.len() {
                    let mut link = self.link((left, right))?;
                    link.run()?;
                }
            }
            if self.shown()? == before {
                return Ok(());
            }
        }
        Err(format!("homes still have something to tell each other after {ROUNDS_MAX} rounds"))
    }

    fn shown(&self) -> Result<Vec<String>, String> {
        self.homes.iter().map(|home| home.shown(&self.space)).collect()
    }

    /// Homes that are members for each other show the same, and nothing that a member added is lost.
    fn check(&self) -> Result<(), String> {
        let shown = self.shown()?;
        let membership =
            |at: usize| -> Result<_, String> { Ok(self.homes[at].albums()?.membership(&self.space)) };
        for left in 0..self.homes.len() {
            for right in left + 1..self.homes.len() {
                let (Some(one), Some(other)) = (membership(left)?, membership(right)?) else { continue };
                let ids = [self.homes[left].id(), self.homes[right].id()];
                let both = ids.iter().all(|id| one.role(id).is_some() && other.role(id).is_some());
                if both && shown[left] != shown[right] {
                    return Err(format!("two members differ:\n{}\n{}", shown[left], shown[right]));
                }
            }
        }
        for added in self.added.iter().filter(|added| !added.excused) {
            let home = &self.homes[added.by];
            let Some(now) = membership(added.by)? else { continue };
            let was_out = now.removals.iter().any(|removal| removal.household == home.id());
            let doubtful = !now.ineffective.is_empty();
            let entry = home.albums()?.entry(&self.space, &added.content).map_err(text)?;
            if now.role(&home.id()).is_some() && !was_out && !doubtful && entry.is_none() {
                return Err(format!("photo {} of member {} is lost", added.content, home.id()));
            }
        }
        Ok(())
    }
}

impl Link {
    fn send(&mut self, to: usize, messages: Vec<SyncMessage>) {
        self.under_way.extend(messages.into_iter().map(|message| (to, message.encode())));
    }

    fn deliver(&mut self, now_ms: i64) -> Result<(), String> {
        let Some((to, bytes)) = self.under_way.pop_front() else { return Ok(()) };
        let message = SyncMessage::decode(&bytes).map_err(text)?;
        let replies = self.sessions[to].receive(message, now_ms).map_err(text)?;
        self.send(1 - to, replies);
        Ok(())
    }

    fn run(&mut self) -> Result<(), String> {
        for _ in 0..MESSAGES_MAX {
            if self.under_way.is_empty() {
                return Ok(());
            }
            self.deliver(NOW_MS)?;
        }
        Err("an exchange doesn't end".to_owned())
    }
}

impl Home {
    fn new(number: u8, chance: &mut Chance) -> Result<Self, String> {
        let folder = tempfile::tempdir().map_err(text)?;
        let skew_ms = i64::try_from(chance.next() % 400_000_000_000).unwrap_or(0) - 200_000_000_000;
        let mut home = Self { folder, number, opened: chance.next(), albums: None, skew_ms, copy: None };
        home.restart()?;
        Ok(home)
    }

    fn albums(&self) -> Result<&Albums, String> {
        self.albums.as_ref().ok_or_else(|| "the home is being put back".to_owned())
    }

    fn id(&self) -> HouseholdId {
        Root::from_bytes([self.number; 32]).authority().household()
    }

    fn account(&self) -> AccountId {
        AccountId::from_random([self.number; 16])
    }

    fn receive(&self) -> ReceiveKey {
        ReceiveKey::from_bytes(&[self.number; 32])
    }

    fn now_ms(&self) -> i64 {
        NOW_MS + self.skew_ms
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("spaces.sqlite")
    }

    /// The process dies and starts again.
    fn restart(&mut self) -> Result<(), String> {
        self.albums = None;
        self.opened += 1;
        // What a power cut does to the files is tested elsewhere; here a committed transaction stays.
        let db = Database::open(&self.path(), Durability::Normal, MIGRATIONS).map_err(text)?;
        let seed = (u64::from(self.number) << 56) ^ self.opened;
        let counter = std::sync::Mutex::new(Chance::new(seed));
        let random = move |bytes: &mut [u8]| {
            if let Ok(mut chance) = counter.lock() {
                chance.fill(bytes);
            }
        };
        let albums = Albums::open(db, self.keys()?, std::sync::Arc::new(random)).map_err(text)?;
        self.albums = Some(albums);
        Ok(())
    }

    fn keys(&self) -> Result<AlbumKeys, String> {
        let mut secrets = [self.number; NodeKeys::BYTES];
        secrets[0] ^= 0x55;
        let node = NodeKeys::from_bytes(&secrets);
        let authority = Root::from_bytes([self.number; 32]).authority();
        let certificate =
            Certificate::issue(&authority, 1, node.node(), node.signer().id(), 0).map_err(text)?;
        Ok(AlbumKeys { certificate, signer: node.signer().clone(), receive: vec![self.receive()] })
    }

    fn copy_disk(&self) -> Result<Vec<u8>, String> {
        let copy = self.folder.path().join("copy.sqlite");
        drop(fs::remove_file(&copy));
        let conn = Connection::open(self.path()).map_err(text)?;
        conn.execute("VACUUM INTO ?1", [copy.to_string_lossy()]).map_err(text)?;
        fs::read(copy).map_err(text)
    }

    fn restore(&mut self, copy: &[u8]) -> Result<(), String> {
        self.albums = None;
        for file in ["spaces.sqlite-wal", "spaces.sqlite-shm"] {
            drop(fs::remove_file(self.folder.path().join(file)));
        }
        fs::write(self.path(), copy).map_err(text)?;
        self.restart()
    }

    /// What the album shows, but for what depends on when something came.
    fn shown(&self, space: &SpaceId) -> Result<String, String> {
        let albums = self.albums()?;
        let Some(album) = albums.album(space).map_err(text)? else { return Ok(String::new()) };
        let mut shown = format!("{} {:?}\n", album.title, ContentHash::from_bytes(album.membership.digest));
        for entry in albums.entries(space, 0..1000).map_err(text)? {
            let content = entry.facts.content;
            let comments = albums.comments(space, Some(&content)).map_err(text)?;
            let comments: BTreeSet<String> = comments.into_iter().map(|comment| comment.text).collect();
            let reactions = albums.reactions(space, Some(&content)).map_err(text)?;
            let by: BTreeSet<HouseholdId> = reactions.into_iter().map(|reaction| reaction.by).collect();
            shown += &format!("{content} {} {:?} {comments:?} {by:?}\n", entry.by, entry.caption);
        }
        let comments = albums.comments(space, None).map_err(text)?;
        let comments: BTreeSet<String> = comments.into_iter().map(|comment| comment.text).collect();
        Ok(format!("{shown}{comments:?}"))
    }
}

/// Whether something was done; what a home may not do is no failure.
fn done(result: Result<(), AlbumError>) -> Result<bool, String> {
    match result {
        Ok(()) => Ok(true),
        Err(
            AlbumError::Unknown(_)
            | AlbumError::Ended
            | AlbumError::Role { .. }
            | AlbumError::Refused(_)
            | AlbumError::Missing(_),
        ) => Ok(false),
        Err(error) => Err(text(error)),
    }
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

fn facts(name: &str, owner: AccountId) -> EntryFacts {
    EntryFacts {
        content: ContentHash::of(name.as_bytes()),
        bytes: 1_000_000,
        mime: "image/jpeg".to_owned(),
        file_name: name.to_owned(),
        owner,
        added_at_ms: NOW_MS,
        taken_local_ms: None,
        offset_minutes: None,
        width: 4000,
        height: 3000,
        duration_ms: None,
        thumbhash: Vec::new(),
        colour: None,
        latitude: None,
        longitude: None,
        make: None,
        model: None,
        thumbnail: None,
        preview: None,
    }
}
