//! The marker in `library/`, which tells a library that is there from an empty mount point.
//!
//! A disk that isn't mounted looks like an empty folder, and one upload would make it look like a library that lost nearly
//! everything. So the folder says by a file that it is this household's library. While that is missing although the ledger
//! knows photos, the library is *away*: nothing is put into it, nothing counts as lost. Drawn in
//! `docs/formats/home-folder.md`.

use std::fs::File;
use std::io::Read;

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
/// When the ledger cannot be read or the marker not be written.
pub(super) fn at_opening(home: &Home) -> anyhow::Result<()> {
    let household = home.keys.certificate.household();
    if is_marked(&home.layout, household) {
        return Ok(());
    }
    let mut sample = home.ledger.entries_after(0, SAMPLE / 2)?;
    sample.extend(home.ledger.entries_before(u32::MAX, SAMPLE / 2)?);
    let here = sample.iter().filter(|entry| home.has_original(&entry.file)).count();
    // Before there were markers, a restore may have begun without one.
    let is_coming = home.layout.restoring().exists();
    if is_coming || here * 2 >= sample.len() {
        return mark(&home.layout, household);
    }
    tracing::error!("{AWAY}");
    Ok(())
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
        Ok(files > 0)
    }
}
