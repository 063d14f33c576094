//! Photos of other homes in an account's timeline: shown from an album by choice, gone again by choice.
//!
//! Their local ids come from a range of their own, and the account's own photo of the same bytes always goes before
//! the shared one, so nothing is seen twice.

use std::collections::HashSet;

use heirloom_identity::{AccountId, AssetId, ContentHash};
use heirloom_store::rusqlite::{self, Connection, named_params};

use crate::catalog::owner_of;
use crate::rows::{add, load_by_asset, save_derivation};
use crate::shown::Facts;
use crate::{Arrival, Catalog, CatalogError, Derivation};

/// The query behind [`Catalog::shared_of`].
pub(crate) const SHARED_SQL: &str = "SELECT id, content FROM assets WHERE shared = 1 AND owner = :owner";

impl Catalog {
    /// Shows photos of other homes in the timelines of the accounts that `Arrival::account` names; says how many
    /// were new. All or nothing. Photos that are here already, owned or shared, are left alone.
    ///
    /// # Errors
    /// [`CatalogError::OutOfStep`] when a local id already stands for something else.
    pub fn insert_shared(&self, batch: Vec<(Arrival, Derivation)>) -> Result<usize, CatalogError> {
        self.db.write(move |conn| {
            let mut added = 0;
            for (arrival, derivation) in &batch {
                if load_by_asset(conn, &arrival.asset)?.is_some() {
                    continue;
                }
                let facts = Facts::derived(arrival.kind, arrival.modified_ms, derivation);
                if add(conn, arrival, &Facts { shared: true, ..facts })? {
                    save_derivation(conn, arrival.local_id, derivation)?;
                    added += 1;
                }
            }
            Ok(added)
        })
    }

    /// Takes photos of other homes out of the timeline, by their local ids; says how many were there. What the
    /// household owns is never touched.
    ///
    /// # Errors
    /// [`CatalogError::Store`].
    pub fn remove_shared(&self, local_ids: &[u32]) -> Result<usize, CatalogError> {
        let local_ids = local_ids.to_vec();
        self.db.write(move |conn| {
            let mut delete = conn.prepare_cached("DELETE FROM assets WHERE id = :id AND shared = 1")?;
            let mut removed = 0;
            for local_id in local_ids {
                removed += delete.execute(named_params! {":id": local_id})?;
            }
            Ok(removed)
        })
    }

    /// The photos of other homes in an account's timeline: their local ids and contents.
    ///
    /// # Errors
    /// [`CatalogError::Store`].
    pub fn shared_of(&self, account: &AccountId) -> Result<Vec<(u32, ContentHash)>, CatalogError> {
        self.db.read(|conn| {
            let Some(owner) = owner_of(conn, account)? else { return Ok(Vec::new()) };
            let mut select = conn.prepare_cached(SHARED_SQL)?;
            let rows = select.query_map(named_params! {":owner": owner}, |row| {
                Ok((row.get(0)?, ContentHash::from_bytes(row.get(1)?)))
            })?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }

    /// Which of these assets are marked as favourites, whether they are in a timeline or not.
    ///
    /// # Errors
    /// [`CatalogError::Store`].
    pub fn favourites(&self, assets: &[AssetId]) -> Result<HashSet<AssetId>, CatalogError> {
        self.db.read(|conn| {
            let mut select =
                conn.prepare_cached("SELECT 1 FROM marks WHERE asset_id = :asset AND favourite = 1")?;
            let mut found = HashSet::new();
            for asset in assets {
                if select.exists(named_params! {":asset": asset.as_bytes()})? {
                    found.insert(*asset);
                }
            }
            Ok(found)
        })
    }
}

/// Takes the shared photo of these bytes out, because the account now owns them.
pub(crate) fn make_way(conn: &Connection, asset: &AssetId) -> rusqlite::Result<()> {
    conn.prepare_cached("DELETE FROM assets WHERE asset_id = :asset AND shared = 1")?
        .execute(named_params! {":asset": asset.as_bytes()})?;
    Ok(())
}
