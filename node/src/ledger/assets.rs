//! Assets and the stored files behind them.
//!
//! An asset is one photo of one account; a file is the bytes. The same bytes owned by two accounts are two
//! assets and one file.

use std::collections::HashMap;

use heirloom_identity::{AccountId, AssetId, ContentHash, Hashes, Sha1};
use heirloom_store::StoreError;
use heirloom_store::rusqlite::{self, Connection, OptionalExtension, Row, named_params};

use super::sources::{self, Source};
use super::{Ledger, bytes};

/// A stored original.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredFile {
    /// Both hashes of its bytes.
    pub hashes: Hashes,
    /// Size in bytes.
    pub bytes: u64,
    /// Sniffed from the content, like `image/jpeg`.
    pub mime: String,
    /// Below `library/`, with `/` between folders.
    pub path: String,
}

/// How an asset came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// `heirloom import`.
    Import,
    /// The page, a phone, a client.
    Upload,
    /// Found complete in the library after the program was killed between placing and recording it, or brought home from a
    /// newer state of this home.
    Recovered,
}

impl Origin {
    fn text(self) -> &'static str {
        match self {
            Self::Import => "import",
            Self::Upload => "upload",
            Self::Recovered => "recovered",
        }
    }
}

/// A row of the ledger: one photo of one account, as it arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Order of arrival: the local id of the timeline.
    pub seq: u32,
    /// The id, the same everywhere.
    pub asset: AssetId,
    /// The owner.
    pub account: AccountId,
    /// The bytes.
    pub file: StoredFile,
    /// The file's name as it came.
    pub given_name: String,
    /// The file's modified time as it came.
    pub modified_ms: i64,
    /// When it was acknowledged.
    pub arrived_ms: i64,
}

/// What is recorded when an original has its final name.
#[derive(Debug, Clone)]
pub struct NewEntry {
    /// The owner.
    pub account: AccountId,
    /// The bytes; the row is made unless the content is known.
    pub file: StoredFile,
    /// Whether the file takes the place of one that is known and lost, so that its path is the new one.
    pub relocated: bool,
    /// The file's name as it came.
    pub given_name: String,
    /// The file's modified time as it came.
    pub modified_ms: i64,
    /// Now.
    pub arrived_ms: i64,
    /// How it came.
    pub origin: Origin,
    /// The file it was read from, if it was imported from a folder.
    pub source: Option<Source>,
}

/// The outcome of [`Ledger::record`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Recorded {
    /// A new asset.
    Added(Entry),
    /// The account already has these bytes.
    Duplicate(Entry),
}

pub(super) const SELECT: &str = "SELECT a.seq, a.asset, a.account, a.given_name, a.modified_ms, a.arrived_ms,
    f.content, f.sha1, f.bytes, f.mime, f.path FROM assets a JOIN files f USING (content)";

impl Ledger {
    /// Records an arrival; returns after the fsync that makes it safe to acknowledge. May be called twice.
    ///
    /// # Errors
    /// When it could not be saved; then nothing of it was.
    pub fn record(&self, new: NewEntry) -> Result<Recorded, StoreError> {
        self.db.write(move |conn| record(conn, &new))
    }

    /// The account's asset with these bytes.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn by_content(
        &self,
        account: &AccountId,
        content: &ContentHash,
    ) -> Result<Option<Entry>, StoreError> {
        let asset = AssetId::derive(account, content);
        self.db.read(|conn| find(conn, &asset))
    }

    /// The stored file with these bytes, whoever owns them.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn file(&self, content: &ContentHash) -> Result<Option<StoredFile>, StoreError> {
        self.db.read(|conn| {
            let mut statement = conn.prepare_cached("SELECT * FROM files WHERE content = ?1")?;
            Ok(statement.query_row([content.as_bytes()], stored_file).optional()?)
        })
    }

    /// The account's assets among these SHA-1 sums.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn by_sha1(&self, account: &AccountId, sums: &[Sha1]) -> Result<HashMap<Sha1, Entry>, StoreError> {
        self.db.read(|conn| {
            let mut statement =
                conn.prepare_cached(&format!("{SELECT} WHERE f.sha1 = ?1 AND a.account = ?2"))?;
            let mut found = HashMap::new();
            for sum in sums {
                let known = statement.query_row((sum.as_bytes(), account.as_bytes()), entry).optional()?;
                found.extend(known.map(|known| (*sum, known)));
            }
            Ok(found)
        })
    }

    /// One asset.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn entry(&self, asset: &AssetId) -> Result<Option<Entry>, StoreError> {
        self.db.read(|conn| find(conn, asset))
    }

    /// One asset by its local id.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn entry_by_seq(&self, seq: u32) -> Result<Option<Entry>, StoreError> {
        self.db.read(|conn| {
            let mut statement = conn.prepare_cached(&format!("{SELECT} WHERE a.seq = ?1"))?;
            Ok(statement.query_row([seq], entry).optional()?)
        })
    }

    /// Up to `count` assets that arrived after `after`, in order of arrival.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn entries_after(&self, after: u32, count: u32) -> Result<Vec<Entry>, StoreError> {
        self.db.read(|conn| {
            let mut statement =
                conn.prepare_cached(&format!("{SELECT} WHERE a.seq > ?1 ORDER BY a.seq LIMIT ?2"))?;
            Ok(statement.query_map([after, count], entry)?.collect::<Result<_, _>>()?)
        })
    }

    /// How many assets there are, and the bytes of all stored files.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn totals(&self) -> Result<(u64, u64), StoreError> {
        self.db.read(|conn| {
            let (assets, bytes): (i64, i64) = conn.query_row(
                "SELECT (SELECT count(*) FROM assets), (SELECT coalesce(sum(bytes), 0) FROM files)",
                [],
                |row| Ok((row.get(0)?, row.get(1)?)),
            )?;
            Ok((assets.unsigned_abs(), bytes.unsigned_abs()))
        })
    }

    /// Whether a file is stored under exactly this path below `library/`.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn path_known(&self, path: &str) -> Result<bool, StoreError> {
        self.db.read(|conn| {
            let sql = "SELECT 1 FROM files WHERE path_folded = ?1 AND path = ?2";
            Ok(conn.prepare_cached(sql)?.exists([&path.to_lowercase(), path])?)
        })
    }

    /// Whether a path below `library/` is taken, compared without case.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn path_taken(&self, path: &str) -> Result<bool, StoreError> {
        self.db.read(|conn| {
            let mut statement = conn.prepare_cached("SELECT 1 FROM files WHERE path_folded = ?1")?;
            Ok(statement.exists([path.to_lowercase()])?)
        })
    }
}

fn record(conn: &Connection, new: &NewEntry) -> Result<Recorded, StoreError> {
    let asset = AssetId::derive(&new.account, &new.file.hashes.content);
    if new.relocated {
        let path = (new.file.hashes.content.as_bytes(), &new.file.path, new.file.path.to_lowercase());
        conn.prepare_cached("UPDATE files SET path = ?2, path_folded = ?3 WHERE content = ?1")?
            .execute(path)?;
    }
    let known = find(conn, &asset)?;
    if known.is_none() {
        insert(conn, new, &asset)?;
    }
    if let Some(source) = &new.source {
        sources::remember(conn, &new.account, source, &asset)?;
    }
    match known {
        Some(entry) => Ok(Recorded::Duplicate(entry)),
        None => Ok(Recorded::Added(find(conn, &asset)?.ok_or(rusqlite::Error::QueryReturnedNoRows)?)),
    }
}

fn insert(conn: &Connection, new: &NewEntry, asset: &AssetId) -> rusqlite::Result<()> {
    let file = &new.file;
    conn.prepare_cached(
        "INSERT INTO files(content, sha1, bytes, mime, path, path_folded)
         VALUES (:content, :sha1, :bytes, :mime, :path, :folded) ON CONFLICT(content) DO NOTHING",
    )?
    .execute(named_params! {
        ":content": file.hashes.content.as_bytes(), ":sha1": file.hashes.sha1.as_bytes(),
        ":bytes": i64::try_from(file.bytes).unwrap_or(i64::MAX), ":mime": file.mime,
        ":path": file.path, ":folded": file.path.to_lowercase(),
    })?;
    conn.prepare_cached(
        "INSERT INTO assets(asset, account, content, given_name, modified_ms, arrived_ms, origin)
         VALUES (:asset, :account, :content, :given_name, :modified_ms, :arrived_ms, :origin)",
    )?
    .execute(named_params! {
        ":asset": asset.as_bytes(), ":account": new.account.as_bytes(),
        ":content": file.hashes.content.as_bytes(), ":given_name": new.given_name,
        ":modified_ms": new.modified_ms, ":arrived_ms": new.arrived_ms, ":origin": new.origin.text(),
    })?;
    Ok(())
}

fn find(conn: &Connection, asset: &AssetId) -> Result<Option<Entry>, StoreError> {
    let mut statement = conn.prepare_cached(&format!("{SELECT} WHERE a.asset = ?1"))?;
    Ok(statement.query_row([asset.as_bytes()], entry).optional()?)
}

pub(super) fn entry(row: &Row<'_>) -> rusqlite::Result<Entry> {
    Ok(Entry {
        seq: row.get("seq")?,
        asset: AssetId::from_bytes(bytes(row, "asset")?),
        account: AccountId::from_bytes(bytes(row, "account")?),
        file: stored_file(row)?,
        given_name: row.get("given_name")?,
        modified_ms: row.get("modified_ms")?,
        arrived_ms: row.get("arrived_ms")?,
    })
}

pub(super) fn stored_file(row: &Row<'_>) -> rusqlite::Result<StoredFile> {
    Ok(StoredFile {
        hashes: Hashes {
            content: ContentHash::from_bytes(bytes(row, "content")?),
            sha1: Sha1::from_bytes(bytes(row, "sha1")?),
        },
        bytes: row.get::<_, i64>("bytes")?.unsigned_abs(),
        mime: row.get("mime")?,
        path: row.get("path")?,
    })
}
