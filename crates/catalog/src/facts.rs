//! What the catalog is fed with about a file: its arrival, and what was derived from it.

use heirloom_identity::{AccountId, AssetId, ContentHash, Sha1};
use serde::{Deserialize, Serialize};

use crate::stored::stored_as_number;

/// Whether an asset moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A still.
    Image,
    /// A video.
    Video,
}

stored_as_number!(Kind { Image = 0, Video = 1 });

/// What only the moment of arrival knows: a row of the ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arrival {
    /// The row number in the ledger; what grids call a photo by.
    pub local_id: u32,
    /// The asset.
    pub asset: AssetId,
    /// Who owns it.
    pub account: AccountId,
    /// BLAKE3 of the original.
    pub content: ContentHash,
    /// SHA-1 of the original, for clients that ask by it.
    pub sha1: Sha1,
    /// The name it came with, such as `IMG_0042.HEIC`.
    pub file_name: String,
    /// Where the original lies, relative to the home, with `/` between names.
    pub library_path: String,
    /// The original's size.
    pub bytes: u64,
    /// When it came, milliseconds since the Unix epoch, UTC.
    pub arrived_ms: i64,
    /// The month (`yyyymm`) of arrival under which its marks are kept; never changes.
    pub added_month: i32,
    /// The file's modified time, milliseconds since the Unix epoch, UTC; the capture date of last resort.
    pub modified_ms: i64,
    /// The original's media type, by content.
    pub mime: String,
    /// Whether it moves.
    pub kind: Kind,
}

/// What the file itself says, and what was made from its pixels.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Derivation {
    /// Pixels across, upright; 0 when unknown.
    pub width: u32,
    /// Pixels down, upright; 0 when unknown.
    pub height: u32,
    /// How long it plays; `None` for a still.
    pub duration_ms: Option<u32>,
    /// When it was taken, local milliseconds.
    pub taken_local_ms: Option<i64>,
    /// Minutes that the local clock was ahead of UTC.
    pub offset_minutes: Option<i32>,
    /// Degrees north.
    pub latitude: Option<f64>,
    /// Degrees east.
    pub longitude: Option<f64>,
    /// The camera's maker.
    pub make: Option<String>,
    /// The camera.
    pub model: Option<String>,
    /// The lens.
    pub lens: Option<String>,
    /// The aperture as an f-number.
    pub f_number: Option<f64>,
    /// The focal length as built, not as 35 mm equivalent.
    pub focal_length_mm: Option<f64>,
    /// How long the shutter was open.
    pub exposure_seconds: Option<f64>,
    /// The sensitivity.
    pub iso: Option<u32>,
    /// The description embedded in the file.
    pub description: Option<String>,
    /// The rating embedded in the file, 1 to 5; 0 means none.
    pub rating: Option<u8>,
    /// A thumbhash, at most 255 bytes; a longer one is dropped.
    pub thumbhash: Option<Vec<u8>>,
    /// The dominant colour, RGB.
    pub colour: Option<[u8; 3]>,
    /// Which generation of the derivation this is, from 1; a higher one gets new addresses for its pictures.
    pub version: u32,
    /// What was odd about the file, in words.
    pub warnings: Vec<String>,
}
