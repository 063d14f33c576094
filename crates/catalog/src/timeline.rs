//! The timeline: months, the skeleton of a whole library, and the columns of one month.
//!
//! Order everywhere: newest month first; inside a month newest first by local capture time, then by local id,
//! highest first. Archived photos stand in no view. The binary and JSON layouts are drawn in
//! `docs/formats/timeline.md`.

pub(crate) mod buckets;
pub(crate) mod columns;
pub(crate) mod memory;
mod months;
mod skeleton;
#[cfg(test)]
mod vectors;

pub use buckets::{Bucket, BucketFilter, BucketPhoto};
pub use columns::{COLUMNS_PART_PHOTOS, Columns};
pub(crate) use memory::Memory;
pub use months::{Changes, MonthCount};

/// Bits of a photo's `flags`.
pub mod flags {
    /// It is a video.
    pub const VIDEO: u32 = 1;
    /// It is a still with a moment of film beside it.
    pub const LIVE: u32 = 2;
    /// It is a favourite.
    pub const FAVOURITE: u32 = 4;
    /// It was edited here.
    pub const EDITED: u32 = 8;
    /// It has a caption.
    pub const CAPTION: u32 = 16;
    /// Its derivation was set aside: there is no thumbnail.
    pub const FAILED: u32 = 32;
    /// Its derivation is still to be done: there is no thumbnail yet.
    pub const PENDING: u32 = 64;
    /// It is another home's, shown from an album.
    pub const SHARED: u32 = 128;
}

/// Which photos a timeline shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum View {
    /// All but archived ones.
    All,
    /// Favourites that are not archived.
    Favourites,
}

impl View {
    /// The view's name in addresses: `all` or `favourites`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Favourites => "favourites",
        }
    }

    /// The view with this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::All, Self::Favourites].into_iter().find(|view| view.name() == name)
    }

    /// What narrows a query over `assets` to this view, in words that let SQLite choose the view's index.
    fn condition(self) -> &'static str {
        match self {
            Self::All => "owner = :owner AND archived = 0",
            Self::Favourites => "owner = :owner AND archived = 0 AND favourite = 1",
        }
    }

    /// The index that answers for this view.
    fn index(self) -> &'static str {
        match self {
            Self::All => "assets_timeline",
            Self::Favourites => "assets_favourites",
        }
    }
}
