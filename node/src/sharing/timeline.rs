//! Photos of albums in the main timeline of those accounts that want to see them there.
//!
//! The catalog holds a row for each of them that the account doesn't own itself. The rows follow the albums: what is
//! added is shown, what is removed goes, and a catalog that was rebuilt is filled again.

use std::collections::{HashMap, HashSet};

use heirloom_catalog::{Arrival, CatalogError, Derivation, Kind};
use heirloom_identity::{AccountId, ContentHash, Sha1, SpaceId};
use heirloom_spaces::{Album, Changed, Entry, News};
use heirloom_store::StoreError;

use super::lock;
use super::missing::{LookError, each_entry};
use crate::home::Home;
use crate::ledger::albums::AlbumAccount;
use crate::ledger::shared_photos::SharedPhoto;
use crate::workers::derive::DERIVATION_VERSION;
use crate::{clock, index};

/// Photos that are shown in one step.
const BATCH: usize = 500;

/// What changed in albums and is not in the timelines yet.
#[derive(Debug, Default)]
pub struct ToFollow {
    /// Accounts whose timelines are compared with their albums.
    accounts: HashSet<AccountId>,
    /// Photos that came into albums.
    added: Vec<(SpaceId, Vec<ContentHash>)>,
}

/// Why a timeline could not follow.
#[derive(Debug, thiserror::Error)]
pub enum FollowError {
    /// The album could not be read.
    #[error(transparent)]
    Look(#[from] LookError),
    /// The ledger failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The catalog failed.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
}

/// Shows an album's photos in an account's timeline, or takes them out; done when it returns.
///
/// # Errors
/// See [`FollowError`]; the choice is kept when it could be saved, and the timeline follows at the next start.
pub fn choose(home: &Home, space: SpaceId, account: AccountId, in_timeline: bool) -> Result<(), FollowError> {
    let stands = home.ledger.album_account(&space, &account)?;
    if stands.in_timeline == in_timeline {
        return Ok(());
    }
    home.ledger.set_album_account(space, account, AlbumAccount { in_timeline, ..stands })?;
    compare(home, account)
}

/// Notes what an album says changed; [`follow`] does the work.
pub(super) fn note(home: &Home, news: &News) {
    let Ok(shown) = home.ledger.albums_in_timeline() else { return };
    let accounts = shown.into_iter().filter(|(space, _)| *space == news.space).map(|(_, account)| account);
    let accounts: Vec<AccountId> = accounts.collect();
    if accounts.is_empty() {
        return;
    }
    let mut to_follow = lock(&home.sharing.timeline);
    if news.many || news.entries_added.is_empty() || news.changed.contains(&Changed::Members) {
        to_follow.accounts.extend(accounts);
    } else {
        to_follow.added.push((news.space, news.entries_added.clone()));
    }
}

/// Has every timeline compared with its albums: after a start.
pub(super) fn note_all(home: &Home) -> Result<(), StoreError> {
    let shown = home.ledger.albums_in_timeline()?;
    lock(&home.sharing.timeline).accounts.extend(shown.into_iter().map(|(_, account)| account));
    Ok(())
}

/// Brings the timelines in step with what was noted. What fails is compared the next time.
///
/// # Errors
/// See [`FollowError`].
pub fn follow(home: &Home) -> Result<(), FollowError> {
    let ToFollow { mut accounts, added } = std::mem::take(&mut *lock(&home.sharing.timeline));
    let shown = match home.ledger.albums_in_timeline() {
        Ok(shown) => shown,
        Err(error) => {
            let mut to_follow = lock(&home.sharing.timeline);
            to_follow.accounts.extend(accounts);
            to_follow.added.extend(added);
            return Err(error.into());
        }
    };
    let mut failed = Ok(());
    for (space, contents) in added {
        for (_, account) in shown.iter().filter(|(shown, _)| *shown == space) {
            if accounts.contains(account) {
                continue;
            }
            match show_some(home, &space, *account, &contents) {
                Ok(true) => {}
                // Closed to the account: whatever is shown of it goes.
                Ok(false) => drop(accounts.insert(*account)),
                Err(error) => {
                    lock(&home.sharing.timeline).accounts.insert(*account);
                    failed = Err(error);
                }
            }
        }
    }
    for account in accounts {
        if let Err(error) = compare(home, account) {
            lock(&home.sharing.timeline).accounts.insert(account);
            failed = Err(error);
        }
    }
    failed
}

/// Fills a new catalog with the photos of albums: what a rebuild calls.
///
/// # Errors
/// See [`FollowError`].
pub fn fill(home: &Home) -> Result<(), FollowError> {
    note_all(home)?;
    follow(home)
}

/// Shows photos of an album; `false` when the account does not see it any more.
fn show_some(
    home: &Home,
    space: &SpaceId,
    account: AccountId,
    contents: &[ContentHash],
) -> Result<bool, FollowError> {
    let album = home.albums.album(space).map_err(LookError::from)?;
    let Some(album) = album else { return Ok(false) };
    if !super::sees(home, &account, &album)? {
        return Ok(false);
    }
    let mut entries = Vec::new();
    for content in contents {
        entries.extend(home.albums.entry(space, content).map_err(LookError::from)?);
    }
    for batch in entries.chunks(BATCH) {
        show(home, account, batch)?;
    }
    Ok(true)
}

/// Compares an account's timeline with its albums, and mends it.
fn compare(home: &Home, account: AccountId) -> Result<(), FollowError> {
    let mut shown: HashMap<ContentHash, u32> = home
        .catalog()
        .shared_of(&account)?
        .into_iter()
        .map(|(local_id, content)| (content, local_id))
        .collect();
    let mut wanted: HashSet<ContentHash> = HashSet::new();
    let mut batch: Vec<Entry> = Vec::new();
    for album in albums_of(home, &account)? {
        each_entry(home, &album, |entry| {
            let content = entry.facts.content;
            if wanted.insert(content) && shown.remove(&content).is_none() {
                batch.push(entry.clone());
            }
            Ok(())
        })?;
    }
    for entries in batch.chunks(BATCH) {
        show(home, account, entries)?;
    }
    let surplus: Vec<u32> = shown.into_values().collect();
    hide(home, account, &surplus)
}

fn albums_of(home: &Home, account: &AccountId) -> Result<Vec<Album>, FollowError> {
    let mut albums = Vec::new();
    for (space, shown) in home.ledger.albums_in_timeline()? {
        if shown == *account {
            let album = home.albums.album(&space).map_err(LookError::from)?;
            if let Some(album) = album
                && super::sees(home, account, &album)?
            {
                albums.push(album);
            }
        }
    }
    Ok(albums)
}

fn show(home: &Home, account: AccountId, entries: &[Entry]) -> Result<(), FollowError> {
    let mut others = Vec::new();
    for entry in entries {
        if home.ledger.by_content(&account, &entry.facts.content)?.is_none() {
            others.push(entry);
        }
    }
    let contents = others.iter().map(|entry| entry.facts.content).collect();
    let photos = home.ledger.shared_photos(account, contents, clock::now_ms())?;
    let rows = others.iter().zip(&photos).map(|(entry, photo)| (arrival(entry, photo), derivation(entry)));
    if home.catalog().insert_shared(rows.collect())? > 0 {
        let assets: Vec<_> = photos.iter().map(|photo| photo.asset).collect();
        index::timeline_changed(home, account, &assets);
    }
    Ok(())
}

fn hide(home: &Home, account: AccountId, local_ids: &[u32]) -> Result<(), FollowError> {
    if local_ids.is_empty() {
        return Ok(());
    }
    let months = index::months_of_numbers(home, local_ids);
    home.catalog().remove_shared(local_ids)?;
    index::tell_timeline(home, account, months);
    Ok(())
}

fn arrival(entry: &Entry, photo: &SharedPhoto) -> Arrival {
    let facts = &entry.facts;
    Arrival {
        local_id: photo.local_id,
        asset: photo.asset,
        account: photo.account,
        content: facts.content,
        // Nobody here has hashed these bytes that way; no client can have them under this name.
        sha1: Sha1::from_bytes([0; 20]),
        file_name: facts.file_name.clone(),
        library_path: String::new(),
        bytes: facts.bytes,
        arrived_ms: photo.since_ms,
        added_month: clock::month_of(photo.since_ms),
        modified_ms: facts.added_at_ms,
        mime: facts.mime.clone(),
        kind: if facts.duration_ms.is_some() { Kind::Video } else { Kind::Image },
    }
}

fn derivation(entry: &Entry) -> Derivation {
    let facts = &entry.facts;
    Derivation {
        width: facts.width,
        height: facts.height,
        duration_ms: facts.duration_ms,
        taken_local_ms: facts.taken_local_ms,
        offset_minutes: facts.offset_minutes,
        latitude: facts.latitude,
        longitude: facts.longitude,
        make: facts.make.clone(),
        model: facts.model.clone(),
        description: entry.caption.clone(),
        thumbhash: Some(facts.thumbhash.clone()).filter(|hash| !hash.is_empty()),
        colour: facts.colour,
        version: DERIVATION_VERSION,
        ..Derivation::default()
    }
}
