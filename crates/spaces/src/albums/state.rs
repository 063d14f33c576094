//! The albums in memory. Whatever is here is in the database too, and is thrown away whenever the two may differ.

use std::collections::HashMap;
use std::sync::Arc;

use heirloom_identity::{AccountId, HouseholdId, Pseudonym, Role, SpaceId};
use heirloom_store::rusqlite::{Connection, named_params};

use crate::albums::{ALBUMS_MAX, AlbumError, Ended, News, ended};
use crate::membership::{Membership, Operations};
use crate::replica::{Replica, Work};

/// How many albums keep their documents in memory.
const DOCUMENTS_OF_ALBUMS_MAX: usize = 3;

/// How an album stands, for everybody who only reads.
#[derive(Debug)]
pub(crate) struct Standing {
    pub(crate) pseudonym: Pseudonym,
    pub(crate) membership: Arc<Membership>,
    pub(crate) ended: Option<Ended>,
    ours: HouseholdId,
    /// Counts transactions, so that an older standing never replaces a newer one.
    pub(crate) writes: i64,
}

impl Standing {
    pub(crate) fn of(replica: &Replica, ours: &HouseholdId, writes: i64) -> Self {
        Self {
            pseudonym: replica.pseudonym(),
            membership: replica.membership.clone(),
            ended: ended(replica, ours),
            ours: *ours,
            writes,
        }
    }

    pub(crate) fn our_role(&self) -> Option<Role> {
        self.membership.role(&self.ours)
    }

    pub(crate) fn our_accounts(&self) -> Vec<AccountId> {
        self.membership.members.get(&self.ours).map(|member| member.accounts.clone()).unwrap_or_default()
    }
}

/// What a transaction gives back.
pub(crate) struct Outcome<T> {
    pub(crate) value: T,
    pub(crate) news: News,
    /// How the album stands now; `None` when it is gone.
    pub(crate) standing: Option<Arc<Standing>>,
}

/// The albums in memory.
#[derive(Default)]
pub(crate) struct State {
    pub(crate) replicas: HashMap<SpaceId, Replica>,
    /// The number of the last transaction that this memory knows of.
    writes: i64,
    /// The albums whose documents are loaded, the last used last.
    recent: Vec<SpaceId>,
}

impl State {
    /// The album, read from the database if it isn't in memory.
    pub(crate) fn replica(&mut self, conn: &Connection, space: &SpaceId) -> Result<&mut Replica, AlbumError> {
        if !self.replicas.contains_key(space) {
            let replica = Replica::load(conn, space)?.ok_or(AlbumError::Unknown(*space))?;
            self.replicas.insert(*space, replica);
        }
        self.replicas.get_mut(space).ok_or(AlbumError::Unknown(*space))
    }

    /// Makes a new album of these operations.
    pub(crate) fn found(
        &mut self,
        work: &Work<'_>,
        operations: Operations,
    ) -> Result<&mut Replica, AlbumError> {
        let count: i64 = work.conn.query_row("SELECT count(*) FROM albums", [], |row| row.get(0))?;
        if usize::try_from(count).unwrap_or(usize::MAX) >= ALBUMS_MAX {
            return Err(AlbumError::Full("albums"));
        }
        let mut replica = Replica::of(0, operations);
        replica.create(work)?;
        let space = replica.space;
        Ok(self.replicas.entry(space).insert_entry(replica).into_mut())
    }

    /// Runs one transaction's work.
    pub(crate) fn run<T>(
        &mut self,
        work: &mut Work<'_>,
        space: &SpaceId,
        change: impl FnOnce(&mut Work<'_>, &mut Self) -> Result<T, AlbumError>,
    ) -> Result<Outcome<T>, AlbumError> {
        let writes: i64 = work.conn.query_row("SELECT writes FROM album_clock", [], |row| row.get(0))?;
        if writes != self.writes {
            // A transaction that this memory took part in never became durable.
            self.replicas.clear();
            self.recent.clear();
        }
        let result = change(work, self);
        match result {
            Ok(value) => {
                self.writes = writes + 1;
                work.conn
                    .prepare_cached("UPDATE album_clock SET writes = :writes")?
                    .execute(named_params! { ":writes": self.writes })?;
                self.used(space);
                let ours = work.keys.household();
                let standing = self.replicas.get(space);
                let standing = standing.map(|replica| Arc::new(Standing::of(replica, &ours, writes + 1)));
                let about = News::about(*space, work.news.from);
                Ok(Outcome { value, news: std::mem::replace(&mut work.news, about), standing })
            }
            Err(error) => {
                self.replicas.remove(space);
                Err(error)
            }
        }
    }

    /// Keeps few documents in memory.
    fn used(&mut self, space: &SpaceId) {
        self.recent.retain(|other| other != space);
        self.recent.push(*space);
        if self.recent.len() > DOCUMENTS_OF_ALBUMS_MAX {
            let oldest = self.recent.remove(0);
            if let Some(replica) = self.replicas.get_mut(&oldest) {
                replica.documents.clear();
            }
        }
    }
}

/// Deletes every row of an album.
pub(crate) fn delete(conn: &Connection, album: i64) -> Result<(), AlbumError> {
    for table in [
        "album_activity",
        "album_names",
        "album_reactions",
        "album_comments",
        "album_entries",
        "album_documents",
        "album_pending",
        "album_envelopes",
        "album_streams",
        "album_secrets",
        "album_operations",
    ] {
        conn.execute(
            &format!("DELETE FROM {table} WHERE album = :album"),
            named_params! { ":album": album },
        )?;
    }
    conn.execute("DELETE FROM albums WHERE number = :album", named_params! { ":album": album })?;
    Ok(())
}
