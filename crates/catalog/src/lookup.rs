//! Small questions: how much is here, and is this file here already?

use heirloom_identity::{AccountId, AssetId, Sha1};
use heirloom_store::rusqlite::{OptionalExtension, named_params};

use crate::catalog::owner_of;
use crate::{Catalog, CatalogError};

pub(crate) const BY_SHA1_SQL: &str =
    "SELECT asset_id, id FROM assets WHERE owner = :owner AND sha1 = :sha1 LIMIT 1";

/// What one account owns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Statistics {
    /// Stills.
    pub images: u64,
    /// Videos.
    pub videos: u64,
    /// Sizes of the originals together.
    pub bytes: u64,
}

/// What the household owns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Totals {
    /// Photos and videos.
    pub assets: u64,
    /// Sizes of the originals together.
    pub bytes: u64,
    /// Accounts that own something.
    pub accounts: u64,
}

/// How much of the ledger was fed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Fed {
    /// Rows taken.
    pub assets: u64,
    /// The highest local id; 0 when empty. Together with the count it shows whether rows are missing below.
    pub last_local_id: u32,
}

/// A photo found by a hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Known {
    /// The asset.
    pub asset: AssetId,
    /// Its local id.
    pub local_id: u32,
}

impl Catalog {
    /// What one account owns; archived photos count.
    ///
    /// # Errors
    /// [`CatalogError::Store`].
    pub fn statistics(&self, account: &AccountId) -> Result<Statistics, CatalogError> {
        self.db.read(|conn| {
            let found = conn
                .prepare_cached("SELECT images, videos, bytes FROM accounts WHERE account = :account")?
                .query_row(named_params! {":account": account.as_bytes()}, |row| {
                    Ok(Statistics {
                        images: unsigned(row.get(0)?),
                        videos: unsigned(row.get(1)?),
                        bytes: unsigned(row.get(2)?),
                    })
                })
                .optional()?;
            Ok(found.unwrap_or_default())
        })
    }

    /// What all accounts own together; a file that two accounts own counts twice.
    ///
    /// # Errors
    /// [`CatalogError::Store`].
    pub fn totals(&self) -> Result<Totals, CatalogError> {
        self.db.read(|conn| {
            let sql =
                "SELECT COALESCE(SUM(images + videos), 0), COALESCE(SUM(bytes), 0), COUNT(*) FROM accounts";
            Ok(conn.prepare_cached(sql)?.query_row([], |row| {
                Ok(Totals {
                    assets: unsigned(row.get(0)?),
                    bytes: unsigned(row.get(1)?),
                    accounts: unsigned(row.get(2)?),
                })
            })?)
        })
    }

    /// How much of the ledger is here: what a starting node compares with the ledger, since a power cut may
    /// have undone the catalog's last commits.
    ///
    /// # Errors
    /// [`CatalogError::Store`].
    pub fn fed(&self) -> Result<Fed, CatalogError> {
        self.db.read(|conn| {
            let sql = "SELECT (SELECT COALESCE(SUM(images + videos), 0) FROM accounts),
                              (SELECT COALESCE(MAX(id), 0) FROM assets WHERE shared = 0)";
            Ok(conn
                .prepare_cached(sql)?
                .query_row([], |row| Ok(Fed { assets: unsigned(row.get(0)?), last_local_id: row.get(1)? }))?)
        })
    }

    /// Which of these originals the account has: an answer for each, in the same order.
    ///
    /// # Errors
    /// [`CatalogError::Store`].
    pub fn by_sha1(&self, account: &AccountId, sha1s: &[Sha1]) -> Result<Vec<Option<Known>>, CatalogError> {
        self.db.read(|conn| {
            let Some(owner) = owner_of(conn, account)? else { return Ok(vec![None; sha1s.len()]) };
            let mut select = conn.prepare_cached(BY_SHA1_SQL)?;
            let mut answers = Vec::with_capacity(sha1s.len());
            for sha1 in sha1s {
                let found = select
                    .query_row(named_params! {":owner": owner, ":sha1": sha1.as_bytes()}, |row| {
                        Ok(Known { asset: AssetId::from_bytes(row.get(0)?), local_id: row.get(1)? })
                    });
                answers.push(found.optional()?);
            }
            Ok(answers)
        })
    }
}

/// Counts are never negative: triggers and sizes only add.
fn unsigned(value: i64) -> u64 {
    u64::try_from(value).unwrap_or(0)
}
