//! What of an album is not here: counted for people, listed for the downloads.
//!
//! Always found from the album and from what lies here, never from a list of its own, so it is right after every stop.
//!
//! The pictures of what others added are fetched even if they lie here for another reason: a home that named a file to
//! find out whether it is here would learn it from not being asked. Originals are too large for that, so there it learns
//! it; `docs/security.md` says so.

use std::collections::HashSet;
use std::time::Instant;

use heirloom_identity::{ContentHash, SpaceId};
use heirloom_spaces::{Album, AlbumError, Entry};
use heirloom_store::StoreError;

use super::pictures;
use crate::home::Home;
use crate::ledger::albums::Keep;
use crate::ledger::shared_files::FileKind;

/// Entries that are read from an album at once.
pub const SCAN_ENTRIES: u64 = 500;
/// Files that are listed as missing at once, for each kind; the rest is found by the next look.
const MISSING_LISTED_MAX: usize = 32_768;

/// A file of an album that is wanted here and is not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Missing {
    /// The album.
    pub space: SpaceId,
    /// The photo's original.
    pub content: ContentHash,
    /// Which of its files.
    pub kind: FileKind,
    /// The file's bytes.
    pub hash: ContentHash,
    /// How many there are.
    pub bytes: u64,
}

/// How many files are here, of how many.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// Files that are here.
    pub have: u64,
    /// Files that there are.
    pub of: u64,
}

/// How much of an album is here.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Progress {
    /// Small pictures.
    pub thumbnails: Tally,
    /// Large pictures.
    pub previews: Tally,
    /// Originals.
    pub originals: Tally,
    /// Bytes that are wanted here and are not.
    pub bytes_missing: u64,
}

/// Bytes that other homes' photos of an album take here, for each choice.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Space {
    /// Keeping everything.
    pub originals: u64,
    /// Keeping thumbnails and previews.
    pub previews: u64,
    /// Keeping thumbnails.
    pub demand: u64,
}

/// Why an album could not be looked through.
#[derive(Debug, thiserror::Error)]
pub enum LookError {
    /// The album failed.
    #[error(transparent)]
    Album(#[from] AlbumError),
    /// The ledger failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What a look through an album found.
#[derive(Debug, Default)]
pub struct Found {
    /// What is here.
    pub progress: Progress,
    /// Thumbnails that are missing.
    pub thumbnails: Vec<Missing>,
    /// Previews that are missing and wanted.
    pub previews: Vec<Missing>,
    /// Originals that are missing and wanted.
    pub originals: Vec<Missing>,
}

/// Looks through an album for what is missing under the household's choice.
///
/// # Errors
/// See [`LookError`].
pub fn look(home: &Home, album: &Album) -> Result<Found, LookError> {
    let look = Look {
        home,
        space: album.space,
        keep: home.ledger.keep(&album.space)?,
        received: home.ledger.all_received(&album.space)?,
    };
    let mut found = Found::default();
    each_entry(home, album, |entry| look.at(entry, &mut found))?;
    Ok(found)
}

/// Counts what is here; from the last count if the album is as it was, or if counting takes long.
///
/// # Errors
/// See [`LookError`].
pub fn progress(home: &Home, album: &Album) -> Result<Progress, LookError> {
    if let Some(known) = home.sharing.progress(&album.space) {
        return Ok(known);
    }
    let (touches, since) = (home.sharing.touches(&album.space), Instant::now());
    let progress = look(home, album)?.progress;
    home.sharing.note_progress(album.space, progress, touches, since);
    Ok(progress)
}

/// Sums what other homes' photos of an album take here, for each choice.
///
/// # Errors
/// See [`LookError`].
pub fn space(home: &Home, album: &Album) -> Result<Space, LookError> {
    let mut space = Space::default();
    each_entry(home, album, |entry| {
        if is_ours(home, entry)? {
            return Ok(());
        }
        let facts = &entry.facts;
        let bytes = |blob: Option<heirloom_spaces::Blob>| blob.map_or(0, |blob| u64::from(blob.bytes));
        let (thumbnail, preview) = (bytes(facts.thumbnail), bytes(facts.preview));
        space.demand = space.demand.saturating_add(thumbnail);
        space.previews = space.previews.saturating_add(thumbnail + preview);
        space.originals = space.originals.saturating_add(facts.bytes.saturating_add(thumbnail + preview));
        Ok(())
    })?;
    Ok(space)
}

/// Shows every entry of an album, in its order.
///
/// # Errors
/// What `show` answers, or when the album cannot be read.
pub fn each_entry(
    home: &Home,
    album: &Album,
    mut show: impl FnMut(&Entry) -> Result<(), LookError>,
) -> Result<(), LookError> {
    let mut from = 0;
    loop {
        let entries = home.albums.entries(&album.space, from..from + SCAN_ENTRIES)?;
        for entry in &entries {
            show(entry)?;
        }
        let count = u64::try_from(entries.len()).unwrap_or(0);
        if count < SCAN_ENTRIES {
            return Ok(());
        }
        from += count;
    }
}

/// Whether the household has the photo among its own, so that its original is not fetched.
pub fn is_ours(home: &Home, entry: &Entry) -> Result<bool, StoreError> {
    Ok(home.ledger.file(&entry.facts.content)?.is_some_and(|file| home.has_original(&file)))
}

struct Look<'a> {
    home: &'a Home,
    space: SpaceId,
    keep: Keep,
    received: HashSet<(ContentHash, FileKind)>,
}

impl Look<'_> {
    fn at(&self, entry: &Entry, found: &mut Found) -> Result<(), LookError> {
        let ours = is_ours(self.home, entry)?;
        let added = ours && self.is_added_by_us(entry)?;
        for missing in files(self.space, entry) {
            let is_here = match missing.kind {
                FileKind::Original => ours || self.is_here(&missing)?,
                FileKind::Thumbnail | FileKind::Preview => added || self.came(&missing),
            };
            let (tally, list, wanted) = match missing.kind {
                FileKind::Thumbnail => (&mut found.progress.thumbnails, &mut found.thumbnails, true),
                FileKind::Preview => {
                    (&mut found.progress.previews, &mut found.previews, self.keep >= Keep::Previews)
                }
                FileKind::Original => {
                    (&mut found.progress.originals, &mut found.originals, self.keep >= Keep::Originals)
                }
            };
            tally.of += 1;
            if is_here {
                tally.have += 1;
            } else if wanted {
                found.progress.bytes_missing = found.progress.bytes_missing.saturating_add(missing.bytes);
                if list.len() < MISSING_LISTED_MAX {
                    list.push(missing);
                }
            }
        }
        Ok(())
    }

    fn is_added_by_us(&self, entry: &Entry) -> Result<bool, AlbumError> {
        let us = self.home.keys.certificate.household();
        Ok(entry.by == *us || super::add::has_added(self.home, &self.space, &entry.facts.content)?)
    }

    /// Whether the file came through this album.
    fn came(&self, file: &Missing) -> bool {
        self.received.contains(&(file.hash, file.kind))
    }

    fn is_here(&self, original: &Missing) -> Result<bool, StoreError> {
        Ok(self.came(original) || super::originals::here(self.home, &original.hash)?.is_some())
    }
}

/// The files of an entry that may be fetched: those whose size is fair.
pub fn files(space: SpaceId, entry: &Entry) -> impl Iterator<Item = Missing> {
    let facts = &entry.facts;
    let content = facts.content;
    let picture = move |kind, blob: Option<heirloom_spaces::Blob>| {
        let blob = blob.filter(|blob| pictures::is_fair(kind, blob.bytes))?;
        Some(Missing { space, content, kind, hash: blob.hash, bytes: blob.bytes.into() })
    };
    let original = Missing { space, content, kind: FileKind::Original, hash: content, bytes: facts.bytes };
    let pictures = [picture(FileKind::Thumbnail, facts.thumbnail), picture(FileKind::Preview, facts.preview)];
    pictures.into_iter().flatten().chain([original])
}
