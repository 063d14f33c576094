//! Between what is true (ledger, decisions) and what is derived (catalog): feeding the one into the other,
//! and telling open pages.

use std::collections::BTreeSet;
use std::sync::PoisonError;

use heirloom_catalog::{Arrival, AssetRef, CatalogError, Kind, Marks};
use heirloom_identity::{AccountId, AssetId};
use heirloom_spaces::{Edit, LibraryError, MarkChange, Month};

use crate::clock;
use crate::home::Home;
use crate::home::events::Event;
use crate::ledger::assets::Entry;

/// Why a decision was not taken.
#[derive(Debug, thiserror::Error)]
pub enum DecideError {
    /// One of the photos is not here, or is somebody else's.
    #[error("there is no photo {0} in your library")]
    NoSuchAsset(AssetId),
    /// The decision is out of bounds or could not be saved.
    #[error(transparent)]
    Library(#[from] LibraryError),
    /// The catalog failed; the decision is saved and the catalog catches up at the next start.
    #[error("your change is saved, but the index did not take it: {0}")]
    Catalog(#[from] CatalogError),
    /// The ledger failed.
    #[error(transparent)]
    Store(#[from] heirloom_store::StoreError),
}

/// Shows new assets in the catalog, wakes the workers and tells the owners' pages.
///
/// # Errors
/// When the catalog fails; the assets are safe and the next start shows them.
pub fn arrived(home: &Home, entries: &[Entry]) -> Result<(), CatalogError> {
    let arrivals: Vec<Arrival> = entries.iter().map(arrival).collect();
    let guard = home.changes.read().unwrap_or_else(PoisonError::into_inner);
    home.catalog().insert(&arrivals)?;
    drop(guard);
    home.work.wake();
    let accounts: BTreeSet<AccountId> = entries.iter().map(|entry| entry.account).collect();
    for account in accounts {
        let own = entries.iter().filter(|entry| entry.account == account).map(|entry| entry.asset);
        timeline_changed(home, account, &own.collect::<Vec<_>>());
    }
    home.events.tell(Event::Jobs);
    Ok(())
}

/// Takes decisions about photos of one account: durable in the library space, then shown in the catalog, then
/// told to open pages. All or nothing.
///
/// # Errors
/// See [`DecideError`].
pub fn decide(
    home: &Home,
    account: AccountId,
    assets: &[AssetId],
    changes: &[MarkChange],
) -> Result<(), DecideError> {
    let mut edits = Vec::with_capacity(assets.len() * changes.len());
    for asset in assets {
        let added = month_of_marks(home, account, asset)?.ok_or(DecideError::NoSuchAsset(*asset))?;
        edits.extend(changes.iter().map(|change| Edit { asset: *asset, added, change: change.clone() }));
    }
    let guard = home.changes.read().unwrap_or_else(PoisonError::into_inner);
    let before = months_of(home, assets);
    let marks = home.library.edit(&edits, clock::now_ms())?;
    let marks: Vec<_> = marks.iter().map(|(asset, marks)| (*asset, to_catalog(marks))).collect();
    home.catalog().marked(&marks).inspect_err(|_| home.look_again())?;
    home.vault.wake();
    drop(guard);
    let mut months = months_of(home, assets);
    months.extend(before);
    tell_timeline(home, account, months);
    for asset in assets {
        if let Ok(Some(detail)) = home.catalog().asset(&AssetRef::Uuid(*asset)) {
            home.events.tell(Event::Asset { account, asset: *asset, local_id: detail.local_id });
        }
    }
    Ok(())
}

/// Takes decisions from another copy of this library, where nobody here decided yet: durable, then shown in the catalog. The
/// months of the assets are for the caller to know ([`added_month`]).
///
/// # Errors
/// See [`DecideError`].
pub(crate) fn fill_in(home: &Home, account: AccountId, edits: &[Edit]) -> Result<(), DecideError> {
    let guard = home.changes.read().unwrap_or_else(PoisonError::into_inner);
    let marks = home.library.fill_in(edits, clock::now_ms())?;
    if marks.is_empty() {
        return Ok(());
    }
    let assets: Vec<AssetId> = marks.iter().map(|(asset, _)| *asset).collect();
    let before = months_of(home, &assets);
    let marks: Vec<_> = marks.iter().map(|(asset, marks)| (*asset, to_catalog(marks))).collect();
    home.catalog().marked(&marks).inspect_err(|_| home.look_again())?;
    home.vault.wake();
    drop(guard);
    let mut months = months_of(home, &assets);
    months.extend(before);
    tell_timeline(home, account, months);
    Ok(())
}

/// Tells an account's pages that these photos look different now.
pub fn timeline_changed(home: &Home, account: AccountId, assets: &[AssetId]) {
    tell_timeline(home, account, months_of(home, assets));
}

/// Like [`timeline_changed`], for photos that may have left another month.
pub fn timeline_changed_from(home: &Home, account: AccountId, assets: &[AssetId], before: Option<i32>) {
    let mut months = months_of(home, assets);
    months.extend(before);
    tell_timeline(home, account, months);
}

/// The month document that holds an account's marks of a photo: that of its arrival, or for a photo of an album that
/// when it got its number here.
fn month_of_marks(
    home: &Home,
    account: AccountId,
    asset: &AssetId,
) -> Result<Option<Month>, heirloom_store::StoreError> {
    if let Some(entry) = home.ledger.entry(asset)? {
        return Ok(Some(entry).filter(|entry| entry.account == account).map(|entry| added_month(&entry)));
    }
    let photo = home.ledger.shared_photo(asset)?.filter(|photo| photo.account == account);
    Ok(photo.map(|photo| month_at(photo.since_ms)))
}

/// The months in which these photos stand, by their local ids.
pub fn months_of_numbers(home: &Home, local_ids: &[u32]) -> BTreeSet<i32> {
    let catalog = home.catalog();
    let detail = |local_id: &u32| catalog.asset(&AssetRef::Local(*local_id)).ok().flatten();
    local_ids.iter().filter_map(detail).map(|detail| detail.month).collect()
}

fn months_of(home: &Home, assets: &[AssetId]) -> BTreeSet<i32> {
    let catalog = home.catalog();
    let detail = |asset: &AssetId| catalog.asset(&AssetRef::Uuid(*asset)).ok().flatten();
    assets.iter().filter_map(detail).map(|detail| detail.month).collect()
}

/// Tells an account's pages which months changed.
pub fn tell_timeline(home: &Home, account: AccountId, months: BTreeSet<i32>) {
    // Without a revision there is nothing a page could compare; it looks again when it reconnects.
    if let Ok(rev) = home.catalog().revision(&account) {
        home.events.tell(Event::Timeline { account, rev, months: months.into_iter().collect() });
    }
}

/// The month document that holds an asset's marks: that of its arrival, which never changes.
pub fn added_month(entry: &Entry) -> Month {
    month_at(entry.arrived_ms)
}

fn month_at(ms: i64) -> Month {
    Month::from_number(clock::month_of(ms))
        .unwrap_or_else(|_| Month::new(1970, 1).expect("the epoch is a month"))
}

/// A ledger row as the catalog takes it.
pub fn arrival(entry: &Entry) -> Arrival {
    Arrival {
        local_id: entry.seq,
        asset: entry.asset,
        account: entry.account,
        content: entry.file.hashes.content,
        sha1: entry.file.hashes.sha1,
        file_name: entry.given_name.clone(),
        library_path: format!("library/{}", entry.file.path),
        bytes: entry.file.bytes,
        arrived_ms: entry.arrived_ms,
        added_month: clock::month_of(entry.arrived_ms),
        modified_ms: entry.modified_ms,
        mime: entry.file.mime.clone(),
        kind: if entry.file.mime.starts_with("video/") { Kind::Video } else { Kind::Image },
    }
}

/// Decisions as the catalog takes them.
pub fn to_catalog(marks: &heirloom_spaces::Marks) -> Marks {
    Marks {
        favourite: marks.favourite,
        caption: marks.caption.clone(),
        rating: marks.rating,
        archived: marks.archived,
        taken: marks.taken.map(|taken| (taken.local_ms, taken.offset_minutes)),
        place: marks.place.map(|place| (place.latitude, place.longitude)),
    }
}
