//! Import sources: which files of which folders were already read, so that they are not opened again.

use std::collections::HashMap;

use heirloom_identity::{AccountId, AssetId};
use heirloom_store::StoreError;
use heirloom_store::rusqlite::Connection;

use super::{Ledger, bytes};

/// A file in a folder that was imported, as it looked then.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// Absolute path of the folder, as the system's bytes.
    pub folder: Vec<u8>,
    /// File name, as the system's bytes.
    pub name: Vec<u8>,
    /// Size in bytes.
    pub bytes: u64,
    /// Modified time in nanoseconds since the Unix epoch.
    pub modified_ns: i64,
}

/// What is known of one file of a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    /// Its size then.
    pub bytes: u64,
    /// Its modified time then, nanoseconds since the Unix epoch.
    pub modified_ns: i64,
    /// What it became.
    pub asset: AssetId,
    /// Where its original lies, below `library/`.
    pub path: String,
}

impl Ledger {
    /// All files of a folder that were read before for this account, by name.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn known_sources(
        &self,
        account: &AccountId,
        folder: &[u8],
    ) -> Result<HashMap<Vec<u8>, Known>, StoreError> {
        self.db.read(|conn| {
            let mut statement = conn.prepare_cached(
                "SELECT s.name, s.bytes, s.modified_ns, s.asset, f.path
                 FROM sources s JOIN assets a USING (asset) JOIN files f USING (content)
                 WHERE s.account = ?1 AND s.folder = ?2",
            )?;
            let rows = statement.query_map((account.as_bytes(), folder), |row| {
                let known = Known {
                    bytes: row.get::<_, i64>("bytes")?.unsigned_abs(),
                    modified_ns: row.get("modified_ns")?,
                    asset: AssetId::from_bytes(bytes(row, "asset")?),
                    path: row.get("path")?,
                };
                Ok((row.get("name")?, known))
            })?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }

    /// Remembers that a file was read and what it became, durably.
    ///
    /// # Errors
    /// When it could not be saved.
    pub fn remember_source(
        &self,
        account: AccountId,
        source: Source,
        asset: AssetId,
    ) -> Result<(), StoreError> {
        self.db.write(move |conn| Ok(remember(conn, &account, &source, &asset)?))
    }
}

pub(super) fn remember(
    conn: &Connection,
    account: &AccountId,
    source: &Source,
    asset: &AssetId,
) -> heirloom_store::rusqlite::Result<()> {
    conn.prepare_cached("INSERT OR REPLACE INTO sources VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?.execute((
        account.as_bytes(),
        &source.folder,
        &source.name,
        i64::try_from(source.bytes).unwrap_or(i64::MAX),
        source.modified_ns,
        asset.as_bytes(),
    ))?;
    Ok(())
}
