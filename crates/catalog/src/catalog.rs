//! The handle: one open `catalog.sqlite` and the timeline's memory of it.

use std::path::Path;
use std::sync::Arc;

use heirloom_identity::AccountId;
use heirloom_store::rusqlite::{self, Connection, OptionalExtension, named_params};
use heirloom_store::{Database, Durability};

use crate::CatalogError;
use crate::schema::MIGRATIONS;
use crate::timeline::Memory;

/// An open catalog; cheap to clone, shared between threads. All methods block.
#[derive(Debug, Clone)]
pub struct Catalog {
    pub(crate) db: Database,
    pub(crate) memory: Arc<Memory>,
}

impl Catalog {
    /// Opens or creates the file at `path`.
    ///
    /// # Errors
    /// [`CatalogError::Store`] when the file cannot be opened, moved to the newest version, or was written by
    /// a newer program.
    pub fn open(path: &Path) -> Result<Self, CatalogError> {
        let db = Database::open(path, Durability::Normal, MIGRATIONS)?;
        Ok(Self { db, memory: Arc::default() })
    }

    /// The highest revision of any account: what a rebuilt catalog must start above.
    ///
    /// # Errors
    /// [`CatalogError::Store`].
    pub fn revision_high(&self) -> Result<u32, CatalogError> {
        self.db.read(|conn| {
            let sql = "SELECT MAX(COALESCE((SELECT MAX(rev) FROM accounts), 0), value) FROM counters
                       WHERE name = 'revision floor'";
            Ok(conn.query_row(sql, [], |row| row.get(0))?)
        })
    }

    /// Makes every revision at least `floor`, now and for accounts to come.
    ///
    /// A catalog that was rebuilt calls this with the old file's [`Catalog::revision_high`] plus one (or, when
    /// that file could not be read, any number that is surely higher) before it is fed, so that no page takes
    /// a new timeline for the one it knows.
    ///
    /// # Errors
    /// [`CatalogError::Store`].
    pub fn raise_revisions(&self, floor: u32) -> Result<(), CatalogError> {
        self.db.write(move |conn| {
            let floor = named_params! {":floor": floor};
            conn.prepare_cached(
                "UPDATE counters SET value = MAX(value, :floor) WHERE name = 'revision floor'",
            )?
            .execute(floor)?;
            conn.prepare_cached("UPDATE accounts SET rev = MAX(rev, :floor)")?.execute(floor)?;
            Ok(())
        })
    }
}

/// The row of an account; `None` while it owns nothing here.
pub(crate) fn owner_of(conn: &Connection, account: &AccountId) -> rusqlite::Result<Option<i64>> {
    conn.prepare_cached("SELECT id FROM accounts WHERE account = :account")?
        .query_row(named_params! {":account": account.as_bytes()}, |row| row.get(0))
        .optional()
}

/// The row of an account, made when it is the account's first photo.
pub(crate) fn owner_or_new(conn: &Connection, account: &AccountId) -> rusqlite::Result<i64> {
    if let Some(owner) = owner_of(conn, account)? {
        return Ok(owner);
    }
    conn.prepare_cached(
        "INSERT INTO accounts (account, rev)
         SELECT :account, value FROM counters WHERE name = 'revision floor'",
    )?
    .execute(named_params! {":account": account.as_bytes()})?;
    Ok(conn.last_insert_rowid())
}
