//! Room on a disk, and how much of it this home leaves free.

use std::path::Path;

use super::Home;

/// Bytes that may still be written to the disk of a folder, which may not be there yet; none where the system does not
/// say.
pub fn free_bytes(folder: &Path) -> Option<u64> {
    let there = folder.ancestors().find(|one| one.is_dir())?;
    let space = rustix::fs::statvfs(there).ok()?;
    Some(space.f_bavail.saturating_mul(space.f_frsize))
}

impl Home {
    /// Whether so many more bytes of other homes' fit on this home's disk: `usually` so many stay free, or as many as its
    /// people said. A system that does not say how much is free says so when a file is written.
    pub(crate) fn has_room_for_others(&self, bytes: u64, usually: u64) -> bool {
        self.has_room(bytes, self.config.leave_free_bytes().unwrap_or(usually))
    }

    /// The same for what the people here own or asked for: no more than usual stays free.
    pub(crate) fn has_room_for_own(&self, bytes: u64, usually: u64) -> bool {
        self.has_room(bytes, self.config.leave_free_bytes().map_or(usually, |said| said.min(usually)))
    }

    fn has_room(&self, bytes: u64, leave: u64) -> bool {
        free_bytes(self.layout.root()).is_none_or(|free| free >= leave.saturating_add(bytes))
    }
}
