//! Own photos into an album.
//!
//! An entry names the photo's thumbnail and preview by their hashes, so a photo whose pictures are not made yet waits:
//! it is remembered in the ledger, and goes in when they are. A crash at any moment loses nothing of that.

use std::collections::HashSet;

use heirloom_catalog::CatalogError;
use heirloom_identity::{AccountId, AssetId, ContentHash, Role, SpaceId};
use heirloom_spaces::{AlbumEdit, AlbumError, EntryFacts, Holder, Part};
use heirloom_store::StoreError;

use super::facts::{self, Known};
use super::lock;
use crate::clock;
use crate::home::Home;
use crate::ledger::assets::Entry;
use crate::ledger::shared_photos::Pending;

/// Photos that one change of an album adds; more are split.
pub const ENTRIES_PER_EDIT_MAX: usize = 500;

/// What became of a photo that was to go into an album.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It is in the album now.
    Added,
    /// It goes into the album as soon as its pictures are made.
    Waiting,
    /// The household had added it before.
    Duplicate,
    /// The account has no such photo.
    NotFound,
}

/// Why photos were not added.
#[derive(Debug, thiserror::Error)]
pub enum AddError {
    /// The album refused them.
    #[error(transparent)]
    Album(#[from] AlbumError),
    /// The ledger failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The catalog failed.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
}

/// Puts photos of an account into an album; an outcome for each, in order. Durable when it returns.
///
/// # Errors
/// See [`AddError`]; photos before the one that failed may have been added.
pub fn add_assets(
    home: &Home,
    space: &SpaceId,
    account: AccountId,
    assets: &[AssetId],
) -> Result<Vec<Outcome>, AddError> {
    let mut outcomes = Vec::with_capacity(assets.len());
    let mut seen = HashSet::new();
    for chunk in assets.chunks(ENTRIES_PER_EDIT_MAX) {
        let mut ready: Vec<EntryFacts> = Vec::new();
        let mut waiting = Vec::new();
        for asset in chunk {
            let outcome = match home.ledger.entry(asset)?.filter(|entry| entry.account == account) {
                None => Outcome::NotFound,
                Some(_) if !seen.insert(*asset) => Outcome::Duplicate,
                Some(entry) if has_added(home, space, &entry.file.hashes.content)? => Outcome::Duplicate,
                Some(entry) => match facts::of(home, &entry)? {
                    Known::Ready(facts) => {
                        ready.push(*facts);
                        Outcome::Added
                    }
                    Known::NotYet => {
                        waiting.push(Pending { space: *space, account, asset: *asset });
                        Outcome::Waiting
                    }
                },
            };
            outcomes.push(outcome);
        }
        put_in(home, space, account, ready, waiting)?;
    }
    Ok(outcomes)
}

/// Whether this household has added a photo to an album.
///
/// # Errors
/// When the album cannot be read.
pub fn has_added(home: &Home, space: &SpaceId, content: &ContentHash) -> Result<bool, AlbumError> {
    let us = *home.keys.certificate.household();
    let holders = home.albums.holders(content)?;
    let original = |holder: &&Holder| holder.part == Part::Original && holder.space == *space;
    Ok(holders.iter().filter(original).any(|holder| holder.by == us))
}

fn put_in(
    home: &Home,
    space: &SpaceId,
    account: AccountId,
    ready: Vec<EntryFacts>,
    waiting: Vec<Pending>,
) -> Result<(), AddError> {
    let now_ms = clock::now_ms();
    if !ready.is_empty() {
        let edits = [vec![AlbumEdit::Add(ready)], own_name(home, space, account)].concat();
        home.albums.edit(space, account, &edits, now_ms)?;
    }
    if !waiting.is_empty() {
        // The album is asked now, so that who may not add hears of it and not their photos, later, in the log.
        check_may_add(home, space)?;
        let assets: Vec<AssetId> = waiting.iter().map(|pending| pending.asset).collect();
        home.ledger.add_pending(waiting, now_ms)?;
        lock(&home.sharing.pending).extend(assets.iter().copied());
        // Their pictures may have been made between the look at them and the note of it.
        for asset in assets {
            made(home, &asset);
        }
    }
    Ok(())
}

/// Checks that this home may add photos to an album.
///
/// # Errors
/// [`AlbumError::Ended`] or [`AlbumError::Role`] when it may not.
pub fn check_may_add(home: &Home, space: &SpaceId) -> Result<(), AlbumError> {
    let album = home.albums.album(space)?.ok_or(AlbumError::Unknown(*space))?;
    match album.our_role {
        None => Err(AlbumError::Ended),
        Some(has) if has < Role::Contributor => Err(AlbumError::Role { needs: Role::Contributor, has }),
        Some(_) => Ok(()),
    }
}

/// The edit that tells an album what its members may call this account, unless it knows.
pub fn own_name(home: &Home, space: &SpaceId, account: AccountId) -> Vec<AlbumEdit> {
    let Ok(Some(known)) = home.ledger.account(&account) else { return Vec::new() };
    let us = *home.keys.certificate.household();
    let told = home.albums.names(space).ok().and_then(|names| names.get(&(us, account)).cloned());
    if told.as_deref() == Some(known.name.as_str()) {
        return Vec::new();
    }
    vec![AlbumEdit::Name { name: known.name }]
}

/// Fills the set of photos that wait from the ledger.
pub(super) fn load_pending(home: &Home) -> Result<(), StoreError> {
    let pending = home.ledger.pending(None)?;
    lock(&home.sharing.pending).extend(pending.iter().map(|pending| pending.asset));
    Ok(())
}

/// Puts a photo into the albums that wait for it, now that its pictures are made (or cannot be). Whoever made them
/// calls this; for other photos it costs a look at a set.
pub fn made(home: &Home, asset: &AssetId) {
    if !lock(&home.sharing.pending).contains(asset) {
        return;
    }
    if let Err(error) = put_in_pending(home, asset) {
        tracing::error!(%error, "a photo is not in its album yet; it goes there after the next start");
    }
}

/// Puts every photo that waits and need not into its album: what to call after a start.
pub(super) fn catch_up(home: &Home) {
    let waiting: Vec<AssetId> = lock(&home.sharing.pending).iter().copied().collect();
    for asset in waiting {
        made(home, &asset);
    }
}

fn put_in_pending(home: &Home, asset: &AssetId) -> Result<(), AddError> {
    let rows = home.ledger.pending(Some(asset))?;
    let Some(entry) = home.ledger.entry(asset)? else { return end(home, rows) };
    let Known::Ready(facts) = facts::of(home, &entry)? else { return Ok(()) };
    for row in rows {
        let outcome = add_one(home, &row, &entry, &facts);
        match outcome {
            Err(AddError::Album(error)) if !matches!(error, AlbumError::Store(_)) => {
                tracing::warn!(%error, "a photo that waited does not go into its album");
            }
            other => other?,
        }
        end(home, vec![row])?;
    }
    Ok(())
}

fn add_one(home: &Home, row: &Pending, entry: &Entry, facts: &EntryFacts) -> Result<(), AddError> {
    if has_added(home, &row.space, &entry.file.hashes.content)? {
        return Ok(());
    }
    let add = vec![AlbumEdit::Add(vec![facts.clone()])];
    let edits = [add, own_name(home, &row.space, row.account)].concat();
    Ok(home.albums.edit(&row.space, row.account, &edits, clock::now_ms())?)
}

fn end(home: &Home, rows: Vec<Pending>) -> Result<(), AddError> {
    let assets: Vec<AssetId> = rows.iter().map(|row| row.asset).collect();
    home.ledger.end_pending(rows)?;
    for asset in assets {
        if home.ledger.pending(Some(&asset))?.is_empty() {
            lock(&home.sharing.pending).remove(&asset);
        }
    }
    Ok(())
}
