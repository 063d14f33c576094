//! Writing what is kept for another home to a disk, which somebody then carries there: the way back for a household whose
//! connection, or whose patience, does not reach.

use std::path::{Path, PathBuf};

use heirloom_identity::HouseholdId;
use heirloom_vault::KeeperError;
use heirloom_vault::folder::{MARKER_NAME, Marker};
use heirloom_vault::keeper::Copied;
use indicatif::DecimalBytes;

use super::own_places::{PlaceError, usable_folder};
use crate::home::Home;
use crate::home::room::free_bytes;
use crate::random;

/// What a disk needs beside the packs, for outboards, heads and the file system, as one part in so many.
const BESIDE_ONE_IN: u64 = 64;
/// The longest marker that is read.
const MARKER_BYTES_MAX: u64 = 1024;

/// Why copies are not on a disk.
#[derive(Debug, thiserror::Error)]
pub enum CarryError {
    /// Nothing is kept for that household.
    #[error("this home keeps no copies for that one")]
    NotAWard,
    /// The folder cannot be used.
    #[error(transparent)]
    Place(#[from] PlaceError),
    /// The disk with the copies is not there.
    #[error("the disk with that home's copies is not there; plug it in and try again")]
    DiskAbsent,
    /// The new disk has too little room.
    #[error("the disk has {} free, and the copies take {}; use a larger disk", DecimalBytes(*.free), DecimalBytes(*.needed))]
    NoRoom {
        /// What is needed.
        needed: u64,
        /// What there is.
        free: u64,
    },
    /// It was full before the end.
    #[error("the disk is full; make room, or use a larger one, and begin again: what is on it stays")]
    Full,
    /// Nobody waited for the end.
    #[error("it was stopped; begin again and it goes on where it was")]
    Stopped,
    /// Something failed.
    #[error(transparent)]
    Keeper(KeeperError),
}

impl From<KeeperError> for CarryError {
    fn from(error: KeeperError) -> Self {
        match error {
            KeeperError::NotAWard => Self::NotAWard,
            KeeperError::DiskAbsent => Self::DiskAbsent,
            KeeperError::Full { .. } => Self::Full,
            KeeperError::Busy => Self::Stopped,
            KeeperError::Wrong(why) => Self::Place(PlaceError::Unfit(why.to_owned())),
            other => Self::Keeper(other),
        }
    }
}

/// Looks whether copies can be written there before it is begun; says the folder as it is to be written to. Blocks.
///
/// # Errors
/// See [`CarryError`].
pub fn look(home: &Home, ward: &HouseholdId, folder: &Path) -> Result<PathBuf, CarryError> {
    let kept = home.vault.keeper.ward(ward)?;
    let folder = usable_folder(home, folder)?;
    let has_some = match marker_of(&folder) {
        Some(marker) if marker.household != *ward => {
            let why = "the copies of another household are in that folder; name another";
            return Err(PlaceError::Unfit(why.to_owned()).into());
        }
        marker => marker.is_some(),
    };
    let needed = kept.used.saturating_sub(kept.held);
    let needed = needed.saturating_add(needed / BESIDE_ONE_IN);
    // A disk that holds some of it already needs less than that, and finds out for itself.
    match free_bytes(&folder) {
        Some(free) if free < needed && !has_some => Err(CarryError::NoRoom { needed, free }),
        _ => Ok(folder),
    }
}

/// Writes everything that is kept for a ward. Every pack is checked when it is read, and is durable before the next; what
/// is on the disk already is read and compared instead, so that beginning again goes on, and checks. Blocks; `progress`
/// says whether to go on.
///
/// # Errors
/// See [`CarryError`]; what was written stays.
pub fn write(
    home: &Home,
    ward: &HouseholdId,
    folder: &Path,
    progress: &mut dyn FnMut(&Copied) -> bool,
) -> Result<Copied, CarryError> {
    let random = random::bytes().map_err(PlaceError::Here)?;
    Ok(home.vault.keeper.write_copy(ward, folder, random, progress)?)
}

/// What a disk with some ward's copies says about itself.
fn marker_of(folder: &Path) -> Option<Marker> {
    use std::io::Read;
    let mut text = String::new();
    let file = std::fs::File::open(folder.join(MARKER_NAME)).ok()?;
    file.take(MARKER_BYTES_MAX).read_to_string(&mut text).ok()?;
    Marker::from_text(&text)
}
