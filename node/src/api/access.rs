//! The one rule of access: an account sees its own photos, and the albums that it takes part in. Anybody else's look
//! like those that don't exist.

use heirloom_catalog::{AssetDetail, AssetRef};
use heirloom_identity::{AccountId, AlbumId, AssetId, ContentHash};
use heirloom_spaces::{Album, Entry as AlbumEntry};

use super::error::ApiError;
use crate::home::Home;
use crate::ledger::assets::Entry;
use crate::ledger::shared_photos::SharedPhoto;
use crate::sharing;
use crate::sharing::missing::SCAN_ENTRIES;

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

/// An album that `account` sees.
///
/// # Errors
/// 404 when there is none of this id, or it does not see it.
pub fn seen_album(home: &Home, account: &AccountId, id: &str) -> Result<Album, ApiError> {
    let id: AlbumId = id.parse().map_err(|_| ApiError::not_found())?;
    let album = sharing::album_of(home, &id)?;
    if sharing::sees(home, account, &album)? { Ok(album) } else { Err(ApiError::not_found()) }
}

/// The photo of an album that an id stands for: its content, the account's own asset, or an entry's id for this
/// account. It may have been taken out of the album since.
///
/// # Errors
/// When something cannot be read.
pub fn resolve_entry(
    home: &Home,
    account: &AccountId,
    album: &Album,
    id: &str,
) -> Result<Option<ContentHash>, ApiError> {
    if let Ok(content) = id.parse::<ContentHash>() {
        return Ok(Some(content));
    }
    if let Ok(entry) = own_entry(home, account, id) {
        return Ok(Some(entry.file.hashes.content));
    }
    let Ok(asset) = asset_ref(id) else { return Ok(None) };
    if let Some(photo) = shared_photo(home, account, &asset)? {
        return Ok(Some(photo.content));
    }
    match asset {
        AssetRef::Uuid(asset) => search(home, account, album, &asset),
        AssetRef::Local(_) => Ok(None),
    }
}

/// Looks through an album for the photo that this account knows by an id: ids are derived from contents, and only
/// this way back.
fn search(
    home: &Home,
    account: &AccountId,
    album: &Album,
    asset: &AssetId,
) -> Result<Option<ContentHash>, ApiError> {
    let mut from = 0;
    loop {
        let entries = home.albums.entries(&album.space, from..from + SCAN_ENTRIES)?;
        let mut contents = entries.iter().map(|entry| entry.facts.content);
        if let Some(found) = contents.find(|content| AssetId::derive(account, content) == *asset) {
            return Ok(Some(found));
        }
        let count = u64::try_from(entries.len()).unwrap_or(0);
        if count < SCAN_ENTRIES {
            return Ok(None);
        }
        from += count;
    }
}

/// A photo of an album that has a number for this account.
fn shared_photo(home: &Home, account: &AccountId, asset: &AssetRef) -> Result<Option<SharedPhoto>, ApiError> {
    let found = match asset {
        AssetRef::Uuid(asset) => home.ledger.shared_photo(asset)?,
        AssetRef::Local(number) => home.ledger.shared_photo_by_number(*number)?,
    };
    Ok(found.filter(|photo| photo.account == *account))
}

/// A photo of an album that the account sees, by its id or number for this account, and one such album; `None` for
/// anything else.
///
/// # Errors
/// When something cannot be read.
pub fn seen_entry(
    home: &Home,
    account: &AccountId,
    id: &str,
) -> Result<Option<(Album, AlbumEntry)>, ApiError> {
    let Ok(asset) = asset_ref(id) else { return Ok(None) };
    let Some(photo) = shared_photo(home, account, &asset)? else { return Ok(None) };
    for holder in home.albums.holders(&photo.content)? {
        let Some(album) = home.albums.album(&holder.space)? else { continue };
        if !sharing::sees(home, account, &album)? {
            continue;
        }
        if let Some(entry) = home.albums.entry(&album.space, &photo.content)? {
            return Ok(Some((album, entry)));
        }
    }
    Ok(None)
}

/// The id of a photo that the account may mark: its own, or one of an album that it sees.
///
/// # Errors
/// 404 when there is none of this account.
pub fn markable(home: &Home, account: &AccountId, id: &str) -> Result<AssetId, ApiError> {
    match own_entry(home, account, id) {
        Ok(entry) => Ok(entry.asset),
        Err(error) => match seen_entry(home, account, id)? {
            Some((_, entry)) => Ok(AssetId::derive(account, &entry.facts.content)),
            None => Err(error),
        },
    }
}
