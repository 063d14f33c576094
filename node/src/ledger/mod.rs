//! The ledger, `home.sqlite`: what only the moment of arrival knows, and who may sign in.
//!
//! Owns accounts, sessions, access keys, the assets with their owner, given name, time and place of arrival,
//! the stored files behind them, the import sources already read, the homes this one is paired with and the
//! invitations to it. Every write is fsynced before it returns ([`Durability::Full`]), because nothing here can be
//! derived again. Titles, favourites and other decisions are in `heirloom-spaces`; thumbnails and dates are in
//! `heirloom-catalog`.
//!
//! Read first: [`assets`], then [`schema`].

pub mod accounts;
pub mod albums;
pub mod assets;
pub mod files;
pub mod invitations;
pub mod kits;
pub mod peers;
pub mod schema;
pub mod sessions;
pub mod shared_files;
pub mod shared_photos;
pub mod shares;
pub mod sources;

use std::path::Path;

use heirloom_store::rusqlite::{Connection, OptionalExtension, Row, types::FromSqlError};
use heirloom_store::{Database, Durability, StoreError};

use crate::home::events::{Event, Events};

/// A handle to `home.sqlite`; cheap to clone.
#[derive(Debug, Clone)]
pub struct Ledger {
    db: Database,
    events: Events,
}

impl Ledger {
    /// Opens or creates the ledger.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let db = Database::open(path, Durability::Full, schema::MIGRATIONS)?;
        Ok(Self { db, events: Events::new() })
    }

    /// The same for a home with pages, which are told what changes of recovery kits.
    #[must_use]
    pub fn telling(self, events: Events) -> Self {
        Self { events, ..self }
    }

    /// Changes something of recovery kits, which pages show with the copies.
    fn write_kits<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let done = self.db.write(work)?;
        self.events.tell(Event::Vault);
        Ok(done)
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
        self.db.write(move |conn| {
            conn.prepare_cached("INSERT OR REPLACE INTO settings(key, value) VALUES (?1, ?2)")?
                .execute([key, value])?;
            Ok(())
        })
    }

    /// Asks SQLite whether the file is sound; an empty list means it is.
    ///
    /// # Errors
    /// When the database cannot be read at all.
    pub fn damage(&self) -> Result<Vec<String>, StoreError> {
        self.db.read(|conn| {
            let mut statement = conn.prepare("PRAGMA quick_check")?;
            let lines =
                statement.query_map([], |row| row.get::<_, String>(0))?.collect::<Result<Vec<_>, _>>()?;
            Ok(lines.into_iter().filter(|line| line != "ok").collect())
        })
    }
}

/// Reads a column of a fixed number of bytes that may be absent.
fn optional_bytes<const N: usize>(
    row: &Row<'_>,
    column: &str,
) -> heirloom_store::rusqlite::Result<Option<[u8; N]>> {
    let value: Option<Vec<u8>> = row.get(column)?;
    value.map(|_| bytes(row, column)).transpose()
}

/// Reads a fixed-size byte column; a wrong size means a damaged file and is an error, never a panic.
fn bytes<const N: usize>(row: &Row<'_>, column: &str) -> heirloom_store::rusqlite::Result<[u8; N]> {
    let index = row.as_ref().column_index(column)?;
    let value = row.get_ref(index)?.as_blob().ok().and_then(|blob| blob.try_into().ok());
    value.ok_or_else(|| FromSqlError::InvalidType.into_error(index, column))
}

/// A column whose bytes mean nothing: a damaged file is an error, never a panic.
fn damaged(
    column: &str,
    reason: impl Into<Box<dyn std::error::Error + Send + Sync>>,
) -> heirloom_store::rusqlite::Error {
    use heirloom_store::rusqlite::{Error, types::Type};
    let reason = format!("column {column}: {}", reason.into());
    Error::FromSqlConversionFailure(0, Type::Blob, reason.into())
}

trait IntoColumnError {
    fn into_error(self, index: usize, column: &str) -> heirloom_store::rusqlite::Error;
}

impl IntoColumnError for FromSqlError {
    fn into_error(self, index: usize, column: &str) -> heirloom_store::rusqlite::Error {
        use heirloom_store::rusqlite::{Error, types::Type};
        let reason = format!("column {column}: {self}");
        Error::FromSqlConversionFailure(index, Type::Blob, reason.into())
    }
}
