//! Albums: the handle that the rest of the program uses.
//!
//! Everything that changes an album runs on the database's writer thread, inside one transaction, with the album's
//! `Replica` in memory; reading what was projected needs neither. Listeners are told what
//! changed after the commit, outside of every lock.

mod error;
mod state;
mod types;

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use heirloom_identity::{
    AccountId, Action, AlbumId, CertificateId, ContentHash, CutEntry, HouseholdId, Operation, OperationId,
    Pseudonym, ReceivePublic, Role, SpaceId,
};
use heirloom_store::{Database, rusqlite::Connection};

use crate::membership::{Inserted, Membership, Operations, cut_for};
use crate::projection::read;
use crate::replica::{Replica, Work, rows};
use crate::sync::SyncSession;
pub(crate) use state::Standing;
use state::{Outcome, State};

pub use error::AlbumError;
pub use types::{
    Activity, Album, AlbumEdit, AlbumKeys, Changed, Comment, CommentId, CommentIdError, Ended, Entry,
    Happening, Holder, NEWS_ENTRIES_MAX, News, Part, Randomness, Reaction, TalkCounts,
};

/// How many albums a home takes part in at most.
pub const ALBUMS_MAX: usize = 2048;
/// Is told what changed.
type Listener = Box<dyn Fn(&News) + Send + Sync>;

/// The household's albums. A handle: cheap to clone, shared between threads.
///
/// Calls block for as long as the disk takes; asynchronous callers wrap them in `spawn_blocking`. None may be made from
/// inside a write of the same database.
#[derive(Clone)]
pub struct Albums {
    inner: Arc<Inner>,
}

struct Inner {
    db: Database,
    keys: AlbumKeys,
    random: Randomness,
    state: Arc<Mutex<State>>,
    standings: RwLock<BTreeMap<SpaceId, Arc<Standing>>>,
    listeners: RwLock<Vec<Listener>>,
}

impl Albums {
    /// Opens the albums in `spaces.sqlite`, which must have been opened with [`MIGRATIONS`](crate::MIGRATIONS) and
    /// [`Durability::Full`](heirloom_store::Durability::Full).
    ///
    /// # Errors
    /// [`AlbumError::KeyMismatch`], and those of the database.
    pub fn open(db: Database, keys: AlbumKeys, random: Randomness) -> Result<Self, AlbumError> {
        let (certified, found) = (*keys.certificate.signer(), keys.signer.id());
        if certified != found {
            return Err(AlbumError::KeyMismatch { certified, found });
        }
        let mut state = State::default();
        let household = keys.household();
        let standings = db.read(|conn| {
            let mut standings = BTreeMap::new();
            for row in read::albums(conn)? {
                let replica = state.replica(conn, &row.space)?;
                standings.insert(row.space, Arc::new(Standing::of(replica, &household, 0)));
            }
            Ok::<_, AlbumError>(standings)
        })?;
        let inner = Inner {
            db,
            keys,
            random,
            state: Arc::new(Mutex::new(state)),
            standings: RwLock::new(standings),
            listeners: RwLock::default(),
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// The household whose albums they are.
    pub fn household(&self) -> HouseholdId {
        self.inner.keys.household()
    }

    /// Every album, the one that changed last first; those that ended here too.
    ///
    /// # Errors
    /// [`AlbumError::Store`].
    pub fn list(&self) -> Result<Vec<Album>, AlbumError> {
        let rows = self.inner.db.read(read::albums)?;
        Ok(rows.into_iter().filter_map(|row| self.shown(row)).collect())
    }

    /// One album.
    ///
    /// # Errors
    /// [`AlbumError::Store`].
    pub fn album(&self, space: &SpaceId) -> Result<Option<Album>, AlbumError> {
        Ok(self.inner.db.read(|conn| read::album(conn, space))?.and_then(|row| self.shown(row)))
    }

    /// The space of the album with this id.
    ///
    /// # Errors
    /// [`AlbumError::Store`].
    pub fn by_id(&self, id: &AlbumId) -> Result<Option<SpaceId>, AlbumError> {
        self.inner.db.read(|conn| read::space_by(conn, id))
    }

    /// The space with this pseudonym, if this home has it.
    pub fn by_pseudonym(&self, pseudonym: &Pseudonym) -> Option<SpaceId> {
        let standings = self.inner.standings.read().unwrap_or_else(PoisonError::into_inner);
        standings.iter().find(|(_, standing)| standing.pseudonym == *pseudonym).map(|(space, _)| *space)
    }

    /// The homes in an album.
    pub fn membership(&self, space: &SpaceId) -> Option<Arc<Membership>> {
        self.standing(space).map(|standing| standing.membership.clone())
    }

    /// The entries at these positions of the album's order, at most 10,000 at once.
    ///
    /// # Errors
    /// [`AlbumError::Unknown`], [`AlbumError::Store`].
    pub fn entries(&self, space: &SpaceId, range: Range<u64>) -> Result<Vec<Entry>, AlbumError> {
        self.read(space, |conn, album| read::entries(conn, album, &range))
    }

    /// One entry.
    ///
    /// # Errors
    /// [`AlbumError::Unknown`], [`AlbumError::Store`].
    pub fn entry(&self, space: &SpaceId, content: &ContentHash) -> Result<Option<Entry>, AlbumError> {
        self.read(space, |conn, album| read::entry(conn, album.number, content))
    }

    /// The place of a photo that is moved right after another, or before all: for [`AlbumEdit::Order`]. `None` when the
    /// two around it stand at one place.
    ///
    /// # Errors
    /// [`AlbumError::Missing`], [`AlbumError::Unknown`], [`AlbumError::Store`].
    pub fn place_after(
        &self,
        space: &SpaceId,
        moving: &ContentHash,
        after: Option<&ContentHash>,
    ) -> Result<Option<String>, AlbumError> {
        self.read(space, |conn, album| read::place_after(conn, album.number, moving, after))
    }

    /// What was said about an entry, or about the album; the oldest first.
    ///
    /// # Errors
    /// [`AlbumError::Unknown`], [`AlbumError::Store`].
    pub fn comments(&self, space: &SpaceId, entry: Option<&ContentHash>) -> Result<Vec<Comment>, AlbumError> {
        self.read(space, |conn, album| read::comments(conn, album.number, entry))
    }

    /// Who reacted how to an entry, or to the album.
    ///
    /// # Errors
    /// [`AlbumError::Unknown`], [`AlbumError::Store`].
    pub fn reactions(
        &self,
        space: &SpaceId,
        entry: Option<&ContentHash>,
    ) -> Result<Vec<Reaction>, AlbumError> {
        self.read(space, |conn, album| read::reactions(conn, album.number, entry))
    }

    /// What was said about the album and any of its entries, the oldest first.
    ///
    /// # Errors
    /// [`AlbumError::Unknown`], [`AlbumError::Store`].
    pub fn all_comments(&self, space: &SpaceId) -> Result<Vec<Comment>, AlbumError> {
        self.read(space, |conn, album| read::all_comments(conn, album.number))
    }

    /// Who reacted how to the album and any of its entries.
    ///
    /// # Errors
    /// [`AlbumError::Unknown`], [`AlbumError::Store`].
    pub fn all_reactions(&self, space: &SpaceId) -> Result<Vec<Reaction>, AlbumError> {
        self.read(space, |conn, album| read::all_reactions(conn, album.number))
    }

    /// How many comments and which reactions entries have; those without any are left out.
    ///
    /// # Errors
    /// [`AlbumError::Unknown`], [`AlbumError::Store`].
    pub fn talk_counts(&self, space: &SpaceId, entries: &[ContentHash]) -> Result<TalkCounts, AlbumError> {
        self.read(space, |conn, album| read::talk_counts(conn, album.number, entries))
    }

    /// What happened, the newest first; at most 1,000 lines.
    ///
    /// # Errors
    /// [`AlbumError::Unknown`], [`AlbumError::Store`].
    pub fn activity(&self, space: &SpaceId, limit: usize) -> Result<Vec<Activity>, AlbumError> {
        self.read(space, |conn, album| read::activity(conn, album.number, limit))
    }

    /// What people in the album are called.
    ///
    /// # Errors
    /// [`AlbumError::Unknown`], [`AlbumError::Store`].
    pub fn names(&self, space: &SpaceId) -> Result<BTreeMap<(HouseholdId, AccountId), String>, AlbumError> {
        self.read(space, |conn, album| read::names(conn, album.number))
    }

    /// Every album that names a file as an original, preview or thumbnail, and who added it there.
    ///
    /// # Errors
    /// [`AlbumError::Store`].
    pub fn holders(&self, file: &ContentHash) -> Result<Vec<Holder>, AlbumError> {
        self.inner.db.read(|conn| read::holders(conn, file))
    }

    /// The albums that we and this household are members of now.
    ///
    /// # Errors
    /// Never; kept for stores that are asked.
    pub fn spaces_with(&self, peer: &HouseholdId) -> Result<Vec<SpaceId>, AlbumError> {
        let standings = self.inner.standings.read().unwrap_or_else(PoisonError::into_inner);
        let shared = standings.iter().filter(|(_, standing)| {
            standing.our_role().is_some() && standing.membership.members.contains_key(peer)
        });
        Ok(shared.map(|(space, _)| *space).collect())
    }

    /// Begins an album of our own. Durable before it returns, as everything below.
    ///
    /// # Errors
    /// [`AlbumError::Bounds`], [`AlbumError::Full`], [`AlbumError::Store`].
    pub fn create(&self, account: AccountId, title: &str, now_ms: i64) -> Result<SpaceId, AlbumError> {
        let (keys, title) = (&self.inner.keys, title.to_owned());
        let mut nonce = [0; 16];
        (self.inner.random)(&mut nonce);
        let receive = keys.receive.first().ok_or(AlbumError::Bounds("list of receive keys"))?.public();
        let action = Action::Create { nonce, receive };
        let create = Operation::sign(&keys.signer, &keys.certificate, None, Vec::new(), action, now_ms)?;
        let space = create.space();
        self.transact(space, None, now_ms, move |work, state| {
            let mut operations = Operations::new(space);
            if !matches!(operations.insert(create), Inserted::Added(_)) {
                return Err(AlbumError::Damaged("a new album refuses its own beginning"));
            }
            let replica = state.found(work, operations)?;
            crate::projection::activity::members(work, replica)?;
            replica.edit(work, account, &[AlbumEdit::Title(title)])?;
            work.changed(Changed::Members);
            Ok(())
        })?;
        Ok(space)
    }

    /// Makes decisions, all of them or none.
    ///
    /// # Errors
    /// Any [`AlbumError`].
    pub fn edit(
        &self,
        space: &SpaceId,
        account: AccountId,
        edits: &[AlbumEdit],
        now_ms: i64,
    ) -> Result<(), AlbumError> {
        let edits = edits.to_vec();
        self.change(*space, None, now_ms, move |work, replica| replica.edit(work, account, &edits))
    }

    /// Invites a household; without accounts everybody there.
    ///
    /// # Errors
    /// [`AlbumError::Refused`] and others.
    pub fn invite(
        &self,
        space: &SpaceId,
        household: HouseholdId,
        receive: ReceivePublic,
        role: Role,
        accounts: Vec<AccountId>,
        now_ms: i64,
    ) -> Result<(), AlbumError> {
        self.operate(space, Action::Add { household, role, receive, accounts }, now_ms)
    }

    /// Gives a household another role or other accounts.
    ///
    /// # Errors
    /// [`AlbumError::Refused`] and others.
    pub fn set_role(
        &self,
        space: &SpaceId,
        household: HouseholdId,
        role: Role,
        accounts: Vec<AccountId>,
        now_ms: i64,
    ) -> Result<(), AlbumError> {
        self.operate(space, Action::SetRole { household, role, accounts }, now_ms)
    }

    /// Removes a household. What it did and this home knows stays; nothing written from now on can be read by it.
    ///
    /// # Errors
    /// [`AlbumError::Refused`] and others.
    pub fn remove(&self, space: &SpaceId, household: HouseholdId, now_ms: i64) -> Result<(), AlbumError> {
        self.change(*space, None, now_ms, move |work, replica| {
            let cut = cut_for(&household, ends(work.conn, replica)?);
            replica.operate(work, Action::Remove { household, cut })
        })
    }

    /// Leaves the album.
    ///
    /// # Errors
    /// [`AlbumError::Refused`] and others.
    pub fn leave(&self, space: &SpaceId, now_ms: i64) -> Result<(), AlbumError> {
        self.change(*space, None, now_ms, move |work, replica| {
            let cut = cut_for(&work.keys.household(), ends(work.conn, replica)?);
            replica.operate(work, Action::Leave { cut })
        })
    }

    /// Makes another member the owner.
    ///
    /// # Errors
    /// [`AlbumError::Refused`] and others.
    pub fn transfer(&self, space: &SpaceId, household: HouseholdId, now_ms: i64) -> Result<(), AlbumError> {
        self.operate(space, Action::Transfer { household }, now_ms)
    }

    /// Tells the album that this household has a new node and a new receive key: the first of those it was opened with.
    ///
    /// # Errors
    /// [`AlbumError::Refused`] and others.
    pub fn renew(&self, space: &SpaceId, now_ms: i64) -> Result<(), AlbumError> {
        let key = self.inner.keys.receive.first().ok_or(AlbumError::Bounds("list of receive keys"))?;
        self.operate(space, Action::Renew { receive: key.public() }, now_ms)
    }

    /// Forgets an album that ended here, or that nobody else is a member of: all of it is gone from this home.
    ///
    /// # Errors
    /// [`AlbumError::Full`] while other homes are members, [`AlbumError::Unknown`], [`AlbumError::Store`].
    pub fn forget(&self, space: &SpaceId, now_ms: i64) -> Result<(), AlbumError> {
        let (space, ours) = (*space, self.household());
        self.transact(space, None, now_ms, move |work, state| {
            let replica = state.replica(work.conn, &space)?;
            let members = &replica.membership.members;
            if members.contains_key(&ours) && members.len() > 1 {
                return Err(AlbumError::Full("other homes"));
            }
            state::delete(work.conn, replica.row)?;
            state.replicas.remove(&space);
            work.news.changed.extend([Changed::Members, Changed::Entries]);
            Ok(())
        })?;
        self.inner.standings.write().unwrap_or_else(PoisonError::into_inner).remove(&space);
        Ok(())
    }

    /// A sync with a peer: one for each connection.
    pub fn session(&self, peer: HouseholdId) -> SyncSession {
        SyncSession::new(self.clone(), peer)
    }

    /// Tells this listener what changes, from any thread, after it is durable.
    pub fn listen(&self, listener: Box<dyn Fn(&News) + Send + Sync>) {
        self.inner.listeners.write().unwrap_or_else(PoisonError::into_inner).push(listener);
    }

    fn operate(&self, space: &SpaceId, action: Action, now_ms: i64) -> Result<(), AlbumError> {
        self.change(*space, None, now_ms, move |work, replica| replica.operate(work, action))
    }

    fn read<T>(
        &self,
        space: &SpaceId,
        work: impl FnOnce(&Connection, &read::AlbumRow) -> Result<T, AlbumError>,
    ) -> Result<T, AlbumError> {
        self.inner.db.read(|conn| {
            let album = read::album(conn, space)?.ok_or(AlbumError::Unknown(*space))?;
            work(conn, &album)
        })
    }

    fn shown(&self, row: read::AlbumRow) -> Option<Album> {
        let standing = self.standing(&row.space)?;
        Some(Album {
            id: AlbumId::of(&row.space),
            space: row.space,
            title: row.title,
            description: row.description,
            cover: row.cover,
            sort: row.sort,
            entries: row.entries,
            bytes: row.bytes,
            from_ms: row.from_ms,
            to_ms: row.to_ms,
            created_at_ms: row.created_ms,
            updated_at_ms: row.updated_ms,
            our_role: standing.our_role(),
            our_accounts: standing.our_accounts(),
            ended: standing.ended.clone(),
            membership: standing.membership.clone(),
        })
    }

    pub(crate) fn standing(&self, space: &SpaceId) -> Option<Arc<Standing>> {
        self.inner.standings.read().unwrap_or_else(PoisonError::into_inner).get(space).cloned()
    }

    pub(crate) fn standings(&self) -> Vec<(SpaceId, Arc<Standing>)> {
        let standings = self.inner.standings.read().unwrap_or_else(PoisonError::into_inner);
        standings.iter().map(|(space, standing)| (*space, standing.clone())).collect()
    }

    /// The certificate that this home writes with.
    pub(crate) fn certificate(&self) -> CertificateId {
        self.inner.keys.certificate.id()
    }

    pub(crate) fn random32(&self) -> [u8; 32] {
        let mut bytes = [0; 32];
        (self.inner.random)(&mut bytes);
        bytes
    }

    /// Looks at an album without changing it.
    pub(crate) fn look<T>(
        &self,
        space: &SpaceId,
        look: impl FnOnce(&Connection, &Replica) -> Result<T, AlbumError>,
    ) -> Result<T, AlbumError> {
        let mut state = self.inner.state.lock().unwrap_or_else(PoisonError::into_inner);
        self.inner.db.read(|conn| look(conn, state.replica(conn, space)?))
    }

    /// Reads beside everything else.
    pub(crate) fn rows<T>(
        &self,
        read: impl FnOnce(&Connection) -> Result<T, AlbumError>,
    ) -> Result<T, AlbumError> {
        self.inner.db.read(read)
    }

    /// Changes an album in one transaction.
    pub(crate) fn change<T: Send + 'static>(
        &self,
        space: SpaceId,
        from: Option<HouseholdId>,
        now_ms: i64,
        change: impl FnOnce(&mut Work<'_>, &mut Replica) -> Result<T, AlbumError> + Send + 'static,
    ) -> Result<T, AlbumError> {
        self.transact(space, from, now_ms, move |work, state| {
            let replica = state.replica(work.conn, &space)?;
            change(work, replica)
        })
    }

    /// Runs a transaction on the writer thread, and tells what changed after it is durable.
    pub(crate) fn transact<T: Send + 'static>(
        &self,
        space: SpaceId,
        from: Option<HouseholdId>,
        now_ms: i64,
        change: impl FnOnce(&mut Work<'_>, &mut State) -> Result<T, AlbumError> + Send + 'static,
    ) -> Result<T, AlbumError> {
        let state = self.inner.state.clone();
        let (keys, random) = (self.inner.keys.clone(), self.inner.random.clone());
        let outcome: Outcome<T> = self.inner.db.write(move |conn| {
            let mut state = state.lock().unwrap_or_else(|poisoned| {
                // A panic may have left an album half changed: all are read again.
                let mut state = poisoned.into_inner();
                *state = State::default();
                state
            });
            let mut work =
                Work { conn, keys: &keys, random: &random, now_ms, news: News::about(space, from) };
            state.run(&mut work, &space, change)
        })?;
        self.publish(space, &outcome);
        if !outcome.news.changed.is_empty() {
            let listeners = self.inner.listeners.read().unwrap_or_else(PoisonError::into_inner);
            listeners.iter().for_each(|listener| listener(&outcome.news));
        }
        Ok(outcome.value)
    }

    /// Shows how things stand, unless a later transaction did already.
    fn publish<T>(&self, space: SpaceId, outcome: &Outcome<T>) {
        let Some(standing) = &outcome.standing else { return };
        let mut standings = self.inner.standings.write().unwrap_or_else(PoisonError::into_inner);
        if standings.get(&space).is_none_or(|known| known.writes <= standing.writes) {
            standings.insert(space, standing.clone());
        }
    }
}

impl std::fmt::Debug for Albums {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Albums").field("household", &self.household()).finish_non_exhaustive()
    }
}

/// Where every branch of every stream ends, with the household that wrote it.
fn ends(conn: &Connection, replica: &Replica) -> Result<Vec<(HouseholdId, CutEntry)>, AlbumError> {
    let mut ends = Vec::new();
    for head in rows::heads(conn, replica.row)? {
        if let Some(certificate) = rows::certificate(conn, &head.stream.certificate)? {
            let entry = CutEntry { stream: head.stream, seq: head.seq, hash: head.hash };
            ends.push((*certificate.household(), entry));
        }
    }
    Ok(ends)
}

/// How a household's membership ended, if an operation says so.
pub(crate) fn ended(replica: &Replica, household: &HouseholdId) -> Option<Ended> {
    if replica.membership.members.contains_key(household) {
        return None;
    }
    let removals = replica.membership.removals.iter().filter(|removal| removal.household == *household);
    let last = removals.max_by_key(|removal| place(replica, &removal.operation))?;
    let at_ms = replica.operations.get(&last.operation).map_or(0, Operation::at_ms);
    Some(Ended { by: last.by, at_ms: at_ms.max(0), left: last.by == *household })
}

fn place(replica: &Replica, id: &OperationId) -> usize {
    replica.operations.ids().position(|other| other == *id).unwrap_or_default()
}
