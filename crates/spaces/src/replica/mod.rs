//! One album as this home holds it: operations, secrets, envelopes in their chains, documents.
//!
//! Everything here runs inside one database transaction at a time ([`Work`]). What is in memory is in the database too;
//! after an error it is thrown away and read again.

pub(crate) mod chains;
pub(crate) mod document;
pub(crate) mod index;
pub(crate) mod membership;
pub(crate) mod receive;
pub(crate) mod rows;
pub(crate) mod settle;
pub(crate) mod write;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use heirloom_identity::{
    Action, AlbumId, EnvelopeHash, EpochId, EpochSecret, HouseholdId, OperationId, Pseudonym, SpaceId,
    StreamId, StreamKey,
};
use heirloom_store::rusqlite::{Connection, OptionalExtension, named_params};

use crate::albums::{AlbumError, AlbumKeys, Changed, News, Randomness};
use crate::documents::{Home, Kind, Sort};
use crate::membership::{Inserted, Membership, Operations, evaluate};
use crate::replica::document::Document;

/// What one transaction works with.
pub(crate) struct Work<'a> {
    pub(crate) conn: &'a Connection,
    pub(crate) keys: &'a AlbumKeys,
    pub(crate) random: &'a Randomness,
    pub(crate) now_ms: i64,
    pub(crate) news: News,
}

impl Work<'_> {
    pub(crate) fn random<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        (self.random)(&mut bytes);
        bytes
    }

    pub(crate) fn changed(&mut self, what: Changed) {
        self.news.changed.insert(what);
    }

    /// A moment that somebody claims, as it may be shown: not in the future, not before the common era began.
    pub(crate) fn shown_ms(at_ms: i64, received_ms: i64) -> i64 {
        at_ms.clamp(0, received_ms.max(0))
    }
}

/// The stream that this home writes to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct OwnStream {
    pub(crate) row: i64,
    pub(crate) key: StreamKey,
    /// The number of its last envelope, 0 before the first.
    pub(crate) seq: u64,
    pub(crate) hash: EnvelopeHash,
}

/// An album.
pub(crate) struct Replica {
    pub(crate) row: i64,
    pub(crate) space: SpaceId,
    pub(crate) operations: Operations,
    pub(crate) membership: Arc<Membership>,
    /// Every household that some operation names, by the beginning of its id.
    pub(crate) ever: BTreeMap<Home, HouseholdId>,
    pub(crate) secrets: BTreeMap<EpochId, EpochSecret>,
    /// What this home writes as; `None`: a new incarnation begins before the next write.
    pub(crate) incarnation: Option<StreamId>,
    pub(crate) documents: BTreeMap<Kind, Document>,
}

impl Replica {
    /// The album as the database holds it.
    pub(crate) fn load(conn: &Connection, space: &SpaceId) -> Result<Option<Self>, AlbumError> {
        let found: Option<(i64, Option<[u8; 16]>)> = conn
            .prepare_cached("SELECT number, incarnation FROM albums WHERE space = :space")?
            .query_row(named_params! { ":space": space.as_bytes() }, |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        let Some((row, incarnation)) = found else { return Ok(None) };
        let mut operations = Operations::new(*space);
        for (operation, _) in rows::operations(conn, row)? {
            operations.insert(operation);
        }
        let mut replica = Self::of(row, operations);
        replica.incarnation = incarnation.map(StreamId::from_bytes);
        replica.secrets = rows::secrets(conn, row)?.into_iter().collect();
        Ok(Some(replica))
    }

    /// An album that isn't in the database yet, of these operations.
    pub(crate) fn of(row: i64, operations: Operations) -> Self {
        let mut replica = Self {
            row,
            space: operations.space(),
            membership: Arc::new(evaluate(&operations)),
            operations,
            ever: BTreeMap::new(),
            secrets: BTreeMap::new(),
            incarnation: None,
            documents: BTreeMap::new(),
        };
        replica.note_households();
        replica
    }

    /// Makes the album's row; the operations in memory are written too.
    pub(crate) fn create(&mut self, work: &Work<'_>) -> Result<(), AlbumError> {
        work.conn.execute(
            "INSERT INTO albums (space, pseudonym, album, title, description, sort, entries, bytes, created_ms, updated_ms)
             VALUES (:space, :pseudonym, :album, '', '', :sort, 0, 0, :created, :now)",
            named_params! {
                ":space": self.space.as_bytes(),
                ":pseudonym": self.space.pseudonym().as_bytes(),
                ":album": AlbumId::of(&self.space).as_bytes(),
                ":sort": Sort::default().as_str(),
                ":created": self.created_ms(work.now_ms),
                ":now": work.now_ms,
            },
        )?;
        self.row = work.conn.last_insert_rowid();
        for id in self.operations.ids().collect::<Vec<_>>() {
            if let Some(operation) = self.operations.get(&id) {
                rows::insert_operation(work.conn, self.row, operation, work.now_ms)?;
            }
        }
        Ok(())
    }

    fn created_ms(&self, now_ms: i64) -> i64 {
        let first = self.operations.ids().next().and_then(|id| self.operations.get(&id));
        first.map_or(now_ms, |operation| Work::shown_ms(operation.at_ms(), now_ms))
    }

    /// Takes in an operation, and gives the ids that came with it.
    pub(crate) fn insert(&mut self, operation: heirloom_identity::Operation) -> Inserted {
        self.operations.insert(operation)
    }

    pub(crate) fn note_households(&mut self) {
        let mut ever = BTreeSet::new();
        for id in self.operations.ids() {
            let Some(operation) = self.operations.get(&id) else { continue };
            match operation.action() {
                Action::Create { .. } => ever.insert(operation.author()),
                Action::Add { household, .. } => ever.insert(*household),
                _ => false,
            };
        }
        self.ever = ever.into_iter().map(|household| (Home::of(&household), household)).collect();
    }

    /// Whether some operation ever invited the household.
    pub(crate) fn was_ever(&self, household: &HouseholdId) -> bool {
        self.ever.get(&Home::of(household)) == Some(household)
    }

    pub(crate) fn pseudonym(&self) -> Pseudonym {
        self.space.pseudonym()
    }

    /// The epochs whose secrets this home lacks.
    pub(crate) fn epochs_missing(&self) -> Vec<EpochId> {
        let ids: BTreeSet<EpochId> = self.membership.epochs.iter().map(|epoch| epoch.id).collect();
        ids.into_iter().filter(|id| !self.secrets.contains_key(id)).collect()
    }

    /// With a removal or leaving, everything that it follows: what a household that went may be shown.
    pub(crate) fn up_to_removals(&self, household: &HouseholdId) -> BTreeSet<OperationId> {
        let removals = self.membership.removals.iter().filter(|removal| removal.household == *household);
        let mut shown = BTreeSet::new();
        let mut rest: Vec<OperationId> = removals.map(|removal| removal.operation).collect();
        while let Some(id) = rest.pop() {
            if shown.insert(id)
                && let Some(operation) = self.operations.get(&id)
            {
                rest.extend(operation.parents());
            }
        }
        shown
    }
}
