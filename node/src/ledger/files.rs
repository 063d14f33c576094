//! Walks through stored files and assets in the orders that looking after copies needs.

use heirloom_identity::ContentHash;
use heirloom_store::StoreError;

use super::Ledger;
use super::assets::{Entry, SELECT, StoredFile, entry, stored_file};

impl Ledger {
    /// Up to `count` assets that arrived before `before`, newest first.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn entries_before(&self, before: u32, count: u32) -> Result<Vec<Entry>, StoreError> {
        self.db.read(|conn| {
            let sql = format!("{SELECT} WHERE a.seq < ?1 ORDER BY a.seq DESC LIMIT ?2");
            let mut statement = conn.prepare_cached(&sql)?;
            Ok(statement.query_map([before, count], entry)?.collect::<Result<_, _>>()?)
        })
    }

    /// Up to `count` stored files whose content hash comes after `after`, in the order of those hashes.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn files_after(&self, after: &ContentHash, count: u32) -> Result<Vec<StoredFile>, StoreError> {
        self.db.read(|conn| {
            let sql = "SELECT * FROM files WHERE content > ?1 ORDER BY content LIMIT ?2";
            let mut statement = conn.prepare_cached(sql)?;
            Ok(statement.query_map((after.as_bytes(), count), stored_file)?.collect::<Result<_, _>>()?)
        })
    }

    /// The assets with these bytes, whoever owns them, in order of arrival.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn assets_of(&self, content: &ContentHash) -> Result<Vec<Entry>, StoreError> {
        self.db.read(|conn| {
            let sql = format!("{SELECT} WHERE a.content = ?1 ORDER BY a.seq");
            let mut statement = conn.prepare_cached(&sql)?;
            Ok(statement.query_map([content.as_bytes()], entry)?.collect::<Result<_, _>>()?)
        })
    }

    /// The number of the newest asset; 0 when there is none.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn newest(&self) -> Result<u32, StoreError> {
        self.db.read(|conn| {
            Ok(conn.query_row("SELECT coalesce(max(seq), 0) FROM assets", [], |row| row.get(0))?)
        })
    }

    /// How many files are stored, and their bytes.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn file_totals(&self) -> Result<(u64, u64), StoreError> {
        self.db.read(|conn| {
            let sql = "SELECT count(*), coalesce(sum(bytes), 0) FROM files";
            let (files, bytes): (i64, i64) = conn.query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?)))?;
            Ok((files.unsigned_abs(), bytes.unsigned_abs()))
        })
    }
}
