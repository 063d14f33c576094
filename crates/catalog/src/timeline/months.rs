//! Months with their counts, and which of them changed.

use heirloom_identity::AccountId;
use heirloom_store::rusqlite::{self, Connection, OptionalExtension, named_params};

use super::View;
use crate::catalog::owner_of;
use crate::{Catalog, CatalogError};

/// A month of a view.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MonthCount {
    /// The month, `yyyymm`.
    pub month: i32,
    /// Photos in it, in this view.
    pub count: u32,
    /// The revision of its last change in any view.
    pub rev: u32,
}

/// What changed in an account's timeline.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Changes {
    /// The account's revision now.
    pub rev: u32,
    /// Months (`yyyymm`) that changed, newest first.
    pub months: Vec<i32>,
}

impl Catalog {
    /// The months of a view that hold photos, newest first.
    ///
    /// # Errors
    /// [`CatalogError::Store`].
    pub fn months(&self, account: &AccountId, view: View) -> Result<Vec<MonthCount>, CatalogError> {
        self.db.read(|conn| {
            let Some(owner) = owner_of(conn, account)? else { return Ok(Vec::new()) };
            let mut months = all_months(conn, owner, view)?;
            months.retain(|month| month.count > 0);
            Ok(months)
        })
    }

    /// The revision of an account's timeline; rises with every change of it, 0 before its first photo.
    ///
    /// # Errors
    /// [`CatalogError::Store`].
    pub fn revision(&self, account: &AccountId) -> Result<u32, CatalogError> {
        self.db.read(|conn| Ok(revision_of(conn, account)?))
    }

    /// The revision of one month, the same for every view; `None` when no photo ever stood in it.
    ///
    /// # Errors
    /// [`CatalogError::Store`].
    pub fn month_revision(&self, account: &AccountId, month: i32) -> Result<Option<u32>, CatalogError> {
        self.db.read(|conn| {
            let Some(owner) = owner_of(conn, account)? else { return Ok(None) };
            Ok(conn
                .prepare_cached("SELECT rev FROM months WHERE owner = :owner AND month = :month")?
                .query_row(named_params! {":owner": owner, ":month": month}, |row| row.get(0))
                .optional()?)
        })
    }

    /// The months that changed after revision `since`.
    ///
    /// # Errors
    /// [`CatalogError::Store`].
    pub fn changed_since(&self, account: &AccountId, since: u32) -> Result<Changes, CatalogError> {
        self.db.read(|conn| {
            let Some(owner) = owner_of(conn, account)? else { return Ok(Changes::default()) };
            let snapshot = conn.unchecked_transaction()?;
            let months = all_months(&snapshot, owner, View::All)?;
            Ok(Changes {
                rev: revision_of(&snapshot, account)?,
                months: months.iter().filter(|month| month.rev > since).map(|month| month.month).collect(),
            })
        })
    }
}

/// Every month that ever held a photo, newest first.
pub(super) fn all_months(conn: &Connection, owner: i64, view: View) -> rusqlite::Result<Vec<MonthCount>> {
    let mut select = conn.prepare_cached(match view {
        View::All => "SELECT month, photos, rev FROM months WHERE owner = :owner ORDER BY month DESC",
        View::Favourites => {
            "SELECT month, favourites, rev FROM months WHERE owner = :owner ORDER BY month DESC"
        }
    })?;
    let rows = select.query_map(named_params! {":owner": owner}, |row| {
        Ok(MonthCount { month: row.get(0)?, count: row.get(1)?, rev: row.get(2)? })
    })?;
    rows.collect()
}

pub(super) fn revision_of(conn: &Connection, account: &AccountId) -> rusqlite::Result<u32> {
    let found = conn
        .prepare_cached("SELECT rev FROM accounts WHERE account = :account")?
        .query_row(named_params! {":account": account.as_bytes()}, |row| row.get(0))
        .optional()?;
    Ok(found.unwrap_or(0))
}
