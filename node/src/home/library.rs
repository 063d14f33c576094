//! The marker in `library/`, which tells a library that is there from an empty mount point.
//!
//! A disk that isn't mounted looks like an empty folder, and one upload would make it look like a library that lost nearly
//! everything. So the folder says by a file that it is this household's library. While that is missing although the ledger
//! knows photos, the library is *away*: nothing is put into it, nothing counts as lost. A library whose marker is gone, or
//! never was there, is known again by its photos. Drawn in `docs/formats/home-folder.md`.

use std::fs::File;
use std::io::Read;
use std::sync::{Mutex, PoisonError};

use heirloom_identity::HouseholdId;
use heirloom_store::StoreError;

use super::Home;
use super::layout::Layout;
use crate::restore::state::write_whole;

/// The marker's name in `library/`.
pub const MARKER_NAME: &str = "HEIRLOOM-LIBRARY";
/// What people are told who bring photos while the library is away.
pub const AWAY: &str = "the disk with your photos is not there (the library folder lacks its marker); connect it and \
                        try again, nothing was lost";
/// The first line of the marker.
const FIRST_LINE: &str = "Heirloom library, version 1";
/// A marker is never longer.
const MARKER_BYTES_MAX: u64 = 1024;
/// Photos that are looked for in a library without a marker.
const SAMPLE: u32 = 256;
/// How long a library that was away a moment ago is taken to be away still, unless its marker is back.
const LOOK_EVERY_MS: u64 = 60 * 1000;

/// When a library without a marker was last found to be away. Milliseconds since the Unix epoch, UTC.
#[derive(Debug, Default)]
pub(super) struct Looked(Mutex<Option<i64>>);

/// Says in the library whose it is, durably.
///
/// # Errors
/// What the system says.
pub fn mark(layout: &Layout, household: &HouseholdId) -> anyhow::Result<()> {
    let text = format!(
        "{FIRST_LINE}\nhousehold {household}\n\nThe photos of a household, as they came. Please keep this file: without it \
         Heirloom takes the disk for one that is not there.\n"
    );
    write_whole(&layout.library().join(MARKER_NAME), text.as_bytes())
}

/// Whether the library says that it is this household's.
pub fn is_marked(layout: &Layout, household: &HouseholdId) -> bool {
    let mut text = String::new();
    let file = File::open(layout.library().join(MARKER_NAME));
    let read = file.and_then(|file| file.take(MARKER_BYTES_MAX).read_to_string(&mut text));
    let mut lines = text.lines();
    read.is_ok()
        && lines.next() == Some(FIRST_LINE)
        && lines.next().and_then(|line| line.strip_prefix("household ")) == Some(&household.to_string())
}

/// Marks the library of a home that has no photos yet, and of one from before there were markers if most of its photos
/// are there: a few strays on an empty mount point are no library.
///
/// # Errors
/// When the ledger cannot be read.
pub(super) fn at_opening(home: &Home) -> anyhow::Result<()> {
    if is_marked(&home.layout, home.keys.certificate.household()) {
        return Ok(());
    }
    // Before there were markers, a restore may have begun without one.
    let is_coming = home.layout.restoring().exists();
    if is_coming || has_photos(home)? {
        try_mark(home);
    } else {
        tracing::error!("{AWAY}");
    }
    Ok(())
}

/// Whether at least half of the photos that are looked for are there; so in a home that has none yet. They may have been
/// changed in place.
fn has_photos(home: &Home) -> Result<bool, StoreError> {
    let mut sample = home.ledger.entries_after(0, SAMPLE / 2)?;
    sample.extend(home.ledger.entries_before(u32::MAX, SAMPLE / 2)?);
    let is_here = |path: &str| home.layout.original(path).is_file();
    let here = sample.iter().filter(|entry| is_here(&entry.file.path)).count();
    Ok(here * 2 >= sample.len())
}

/// Marks a library that is there. A disk that is full or read-only is no reason not to use its photos: it is tried again.
fn try_mark(home: &Home) {
    if let Err(error) = mark(&home.layout, home.keys.certificate.household()) {
        tracing::error!("the library could not be marked, which is tried again: {error:#}");
    }
}

impl Home {
    /// Whether there are photos, and the disk that holds them is not there.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn is_library_away(&self) -> Result<bool, StoreError> {
        if is_marked(&self.layout, self.keys.certificate.household()) {
            return Ok(false);
        }
        let (files, _) = self.ledger.file_totals()?;
        if files == 0 {
            return Ok(false);
        }
        let now_ms = self.vault.engine.now();
        let mut looked = self.library_looked.0.lock().unwrap_or_else(PoisonError::into_inner);
        if looked.is_some_and(|before_ms| now_ms.abs_diff(before_ms) < LOOK_EVERY_MS) {
            return Ok(true);
        }
        // One that never had a marker may be there now.
        let is_away = !has_photos(self)?;
        *looked = is_away.then_some(now_ms);
        if !is_away {
            try_mark(self);
        }
        Ok(is_away)
    }
}
