//! A folder of packs on any disk: in a keeper's home, on a USB disk, on a share of the network.
//!
//! Owns the names in the folder, the marker that says whose it is, and durable writing; knows no quota, no hold and no
//! key. A volume that isn't mounted looks like an empty folder: without its marker nothing is read as lost and nothing
//! is written ([`FolderError::Absent`]). A folder that somebody else's marker stands in, or another disk's than the one
//! that was expected, is not ours ([`FolderError::Other`]).
//!
//! Read first: [`PackFolder`], [`Marker`], [`FolderError`]. The layout is drawn in `docs/formats/vault-folder.md`.

mod clock;
mod fossils;
mod heads;
mod looks;
mod marker;
mod packs;
mod proving;
mod removal;
mod unreadable;
mod writing;

pub(crate) use clock::{CLOCK_NAME, OwnTime};
pub(crate) use fossils::{
    Fossil, fossil_name, outdated, parse_fossil_name, parse_superseded_name, superseded_name,
};
pub(crate) use heads::{head_name, kit_name};
pub use looks::{Looks, Seen};
pub use marker::{DiskId, MARKER_NAME, Marker};
pub use packs::marker_of;
pub use packs::{PackFolder, Volume};

use std::io;

use heirloom_identity::HouseholdId;
use thiserror::Error;

/// Why a folder of packs can't do what it was asked.
#[derive(Debug, Error)]
pub enum FolderError {
    /// The marker isn't there: the volume isn't mounted, or the folder was emptied. Nothing counts as lost.
    #[error("the disk with the vault isn't there")]
    Absent,
    /// Another household's folder, or another disk than the one that was used before.
    #[error("this folder belongs to the vault of another disk (household {})", .0.household)]
    Other(Box<Marker>),
    /// The folder is there, the pack isn't.
    #[error("the pack isn't here")]
    Missing,
    /// The bytes aren't what their name says, or the request makes no sense.
    #[error("{0}")]
    Wrong(&'static str),
    /// The disk is full.
    #[error("the disk is full")]
    Full,
    /// The system refused.
    #[error("{attempt}: {source}")]
    Io {
        /// What was tried.
        attempt: &'static str,
        /// What the system said.
        source: io::Error,
    },
}

impl FolderError {
    pub(crate) fn io(attempt: &'static str) -> impl Fn(io::Error) -> Self {
        move |source| match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::Full,
            _ => Self::Io { attempt, source },
        }
    }

    pub(crate) fn another(marker: Marker) -> Self {
        Self::Other(Box::new(marker))
    }

    /// Whether the folder as a whole is out of reach, so that nothing is known about any pack.
    #[must_use]
    pub fn is_away(&self) -> bool {
        matches!(self, Self::Absent | Self::Other(_))
    }
}

/// Whose folder is looked for: the household, and the disk if one is remembered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expected {
    /// Whose packs.
    pub household: HouseholdId,
    /// The disks that were used before, any of which is right; empty: whatever disk has this household's marker.
    pub disks: Vec<DiskId>,
}
