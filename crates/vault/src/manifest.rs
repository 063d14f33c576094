//! The manifest: which packs there are and what they hold, and what a home consists of besides its photos.
//!
//! A signed head points at a [`Root`], the root lists [`Segment`]s, and a segment lists packs with their entries. Segments
//! are a log: every backup adds one for what is new, and now and then some are merged into one. A pack is written once
//! and dropped once, so merging is a union in which dropped packs stay dropped, and its order and grouping make no
//! difference. Root and segments are blobs in packs like everything else. Drawn in `docs/formats/vault-manifest.md`.
//!
//! Read first: [`Segment`], [`Index`], [`Root`].

mod located;
mod lookup;
mod root;
mod segment;
mod wire;

use thiserror::Error;

pub use self::located::{POINTER_BYTES_MAX, Pointer};
pub use self::lookup::Index;
pub use self::root::{Agreement, FileSnapshot, ROOT_BYTES_MAX, Root};
pub use self::segment::{
    SEGMENT_BYTES_MAX, SEGMENT_DROPPED_MAX, SEGMENT_ENTRIES_MAX, SEGMENT_PACKS_MAX, Segment, merge_due,
};

/// The version that this code writes and reads, of roots, segments and pointers.
const VERSION: u8 = 1;

/// Why bytes are no part of a manifest, or something can't be one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum ManifestError {
    /// Written by a version that this program doesn't know.
    #[error(
        "the manifest has version {0}, this program reads version 1; a newer program may have written it"
    )]
    Version(u8),
    /// Nothing, cut off, followed by something, or not the one spelling that the same content has.
    #[error("this part of the manifest is malformed")]
    Malformed,
    /// More than a manifest may have.
    #[error("the manifest has {found} {what}, at most {max} are allowed")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// How many there are.
        found: usize,
        /// How many are allowed.
        max: usize,
    },
}

/// That there are at most `max`.
fn bounded(what: &'static str, found: usize, max: usize) -> Result<(), ManifestError> {
    if found > max { Err(ManifestError::TooMany { what, found, max }) } else { Ok(()) }
}
