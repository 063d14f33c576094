//! The ward's side of `vault.sqlite`: what is packed, where copies stand, what was proved, and what people are to hear.
//!
//! Owns every table of `001_ward.sql`. It decides nothing ([`crate::policy`] does) and moves no bytes (the node's engine
//! does). What it holds of packs and entries is also in the manifest, so a lost file is made again
//! ([`VaultStore::load_manifest`]); what it holds of proofs is asked for again.
//!
//! Durable when a call returns: a pack that is not recorded here was never made, and a copy that is not recorded as
//! proven is not one.
//!
//! A photo is *complete* at a place when every pack that holds a piece of its original, thumbnail or preview was proved
//! there within the time asked for, and a head that lists these packs is there too: without it nobody would find them.
//!
//! Read first: [`VaultStore`], then `packs`, `copies`, `photos`, `overview`. The tables are described in [`schema`].
//!
//! Calls block; asynchronous callers wrap them in `spawn_blocking`.

mod alarms;
mod audits;
mod copies;
mod heads;
mod history;
mod manifest;
mod overview;
mod packs;
mod photos;
mod pieces;
pub mod schema;
mod target_rows;
mod targets;
mod use_of_packs;

#[cfg(test)]
mod tests;

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use heirloom_store::rusqlite::types::Type;
use heirloom_store::rusqlite::{self, Connection, OptionalExtension, Row};
use heirloom_store::{Database, Durability, StoreError};

use crate::opening;

pub use alarms::{Alarm, NewAlarm};
pub use audits::{AuditDay, OutcomeCounts};
pub use copies::Placed;
pub use heads::HeadRow;
pub use history::{Drill, Heal};
pub use overview::{Overview, TargetCounts};
pub use photos::{OriginalState, PhotoNow, Picture};
pub use target_rows::{ASKS_MAX, Ask, Place, Reported, S3Place, TARGETS_MAX, TargetRow, TargetsError};

/// A handle to the ward's tables; cheap to clone.
#[derive(Debug, Clone)]
pub struct VaultStore {
    db: Database,
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    /// Counts commits, so that what was counted before one is known to be old.
    writes: AtomicU64,
    counted: Mutex<Option<overview::Counted>>,
    /// Held by whoever counts: who asks meanwhile waits for what is found, and counts nothing again.
    counting: Mutex<()>,
}

/// Opens or creates a `vault.sqlite` that was never without a `keeper.sqlite` beside it, for [`VaultStore::new`]; see
/// [`opening`] for one of before.
///
/// # Errors
/// See [`StoreError`]; also when the keeper's tables are still in it, which would be dropped.
pub fn open_database(path: &Path) -> Result<Database, StoreError> {
    if opening::has_keeper(path)? {
        let why = "the keeper's tables were not moved to keeper.sqlite yet; start Heirloom once";
        return Err(StoreError::Migrate {
            path: path.to_owned(),
            number: opening::MOVED,
            name: "the keeper's side has a file of its own",
            source: rusqlite::Error::ToSqlConversionFailure(why.into()),
        });
    }
    Database::open(path, Durability::Full, crate::MIGRATIONS)
}

impl VaultStore {
    /// Takes an open `vault.sqlite`.
    #[must_use]
    pub fn new(db: Database) -> Self {
        let shared = Arc::<Shared>::default();
        let counted = Arc::clone(&shared);
        // Before anybody else is told, who may then ask for what was counted.
        db.on_commit(move || {
            counted.writes.fetch_add(1, Ordering::AcqRel);
        });
        Self { db, shared }
    }

    /// The database.
    #[must_use]
    pub fn database(&self) -> &Database {
        &self.db
    }

    /// The value of a setting.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn setting(&self, key: &str) -> Result<Option<String>, StoreError> {
        self.db.read(|conn| {
            let mut statement = conn.prepare_cached("SELECT value FROM settings WHERE key = ?1")?;
            Ok(statement.query_row([key], |row| row.get(0)).optional()?)
        })
    }

    /// Sets a setting, durably.
    ///
    /// # Errors
    /// When it could not be saved.
    pub fn set_setting(&self, key: &str, value: &str) -> Result<(), StoreError> {
        let (key, value) = (key.to_owned(), value.to_owned());
        self.write(move |conn| {
            conn.prepare_cached("INSERT OR REPLACE INTO settings(key, value) VALUES (?1, ?2)")?
                .execute([key, value])?;
            Ok(())
        })
    }

    /// When something last happened, as [`VaultStore::set_moment`] noted it. Milliseconds since the Unix epoch, UTC.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn moment(&self, what: &str) -> Result<Option<i64>, StoreError> {
        Ok(self.setting(what)?.and_then(|text| text.parse().ok()))
    }

    /// Notes when something happened: the phrase was verified, a run ended.
    ///
    /// # Errors
    /// When it could not be saved.
    pub fn set_moment(&self, what: &str, at_ms: i64) -> Result<(), StoreError> {
        self.set_setting(what, &at_ms.to_string())
    }

    fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.db.write(work)
    }

    fn writes(&self) -> u64 {
        self.shared.writes.load(Ordering::Acquire)
    }
}

/// Reads a column of a fixed number of bytes; a wrong size means a damaged file and is an error, never a panic.
fn bytes<const N: usize>(row: &Row<'_>, column: usize) -> rusqlite::Result<[u8; N]> {
    let value = row.get_ref(column)?.as_blob().ok().and_then(|blob| blob.try_into().ok());
    value.ok_or_else(|| impossible(column, "bytes of another length"))
}

/// Reads such a column that may be empty.
fn optional_bytes<const N: usize>(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<[u8; N]>> {
    match row.get_ref(column)? {
        rusqlite::types::ValueRef::Null => Ok(None),
        _ => bytes(row, column).map(Some),
    }
}

/// Reads a count or a size.
fn unsigned(row: &Row<'_>, column: usize) -> rusqlite::Result<u64> {
    row.get::<_, i64>(column).map(i64::unsigned_abs)
}

/// Reads a count or a size that may be unknown.
fn optional_unsigned(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<u64>> {
    row.get::<_, Option<i64>>(column).map(|value| value.map(i64::unsigned_abs))
}

/// A count or a size as SQLite holds it.
fn signed(value: impl TryInto<i64>) -> i64 {
    value.try_into().unwrap_or(i64::MAX)
}

/// A column whose value this program would not write.
fn impossible(column: usize, what: &str) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(column, Type::Null, format!("column {column}: {what}").into())
}

/// Stores an enum as numbers; another number in the file is an error.
macro_rules! stored_as_number {
    ($name:ty { $($variant:ident = $number:literal),+ $(,)? }) => {
        impl heirloom_store::rusqlite::types::ToSql for $name {
            fn to_sql(
                &self,
            ) -> heirloom_store::rusqlite::Result<heirloom_store::rusqlite::types::ToSqlOutput<'_>> {
                let number: i64 = match self { $(Self::$variant => $number),+ };
                Ok(number.into())
            }
        }

        impl heirloom_store::rusqlite::types::FromSql for $name {
            fn column_result(
                value: heirloom_store::rusqlite::types::ValueRef<'_>,
            ) -> heirloom_store::rusqlite::types::FromSqlResult<Self> {
                match value.as_i64()? {
                    $($number => Ok(Self::$variant),)+
                    other => Err(heirloom_store::rusqlite::types::FromSqlError::OutOfRange(other)),
                }
            }
        }
    };
}

use stored_as_number;

stored_as_number!(crate::policy::CopyState { Pending = 0, Sent = 1, Proven = 2, Lost = 3, Leaving = 4 });
