//! The one rule of access: an account sees its own photos. Anybody else's look like those that don't exist.

use heirloom_catalog::{AssetDetail, AssetRef};
use heirloom_identity::AccountId;

use super::error::ApiError;
use crate::home::Home;
use crate::ledger::assets::Entry;

/// The catalog's view of a photo that `account` owns; `id` is a UUID or a local id.
///
/// # Errors
/// 404 when there is none of this account.
pub fn own_detail(home: &Home, account: &AccountId, id: &str) -> Result<AssetDetail, ApiError> {
    let found = home.catalog().asset(&asset_ref(id)?)?;
    found.filter(|detail| detail.account == *account).ok_or_else(ApiError::not_found)
}

/// The ledger's row of a photo that `account` owns; `id` is a UUID or a local id.
///
/// # Errors
/// 404 when there is none of this account.
pub fn own_entry(home: &Home, account: &AccountId, id: &str) -> Result<Entry, ApiError> {
    let found = match asset_ref(id)? {
        AssetRef::Uuid(asset) => home.ledger.entry(&asset)?,
        AssetRef::Local(local) => home.ledger.entry_by_seq(local)?,
    };
    found.filter(|entry| entry.account == *account).ok_or_else(ApiError::not_found)
}

fn asset_ref(id: &str) -> Result<AssetRef, ApiError> {
    id.parse().map_err(|_| ApiError::not_found())
}
