//! What a file says about itself: when, where and with what it was taken.

use std::panic::{AssertUnwindSafe, catch_unwind};

use serde::{Deserialize, Serialize};

use crate::header::{Colour, Header};
use crate::read::read;
use crate::request::panic_message;
use crate::{Failure, Format, Warning};

/// The metadata of one picture; what a file doesn't say, or says absurdly, is absent.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Metadata {
    /// Width in pixels of the upright picture.
    pub width: u32,
    /// Height in pixels of the upright picture.
    pub height: u32,
    /// How the stored pixels must be turned to stand upright, 1..=8 as in EXIF.
    ///
    /// Always 1 for HEIC, whose container does the turning. `width` and `height` are already turned.
    pub orientation: u8,
    /// When the picture was taken.
    pub taken: Option<Taken>,
    /// Where it was taken.
    pub position: Option<Position>,
    /// The camera's maker.
    pub make: Option<String>,
    /// The camera's model.
    pub model: Option<String>,
    /// The lens.
    pub lens: Option<String>,
    /// The aperture, 2.8 for f/2.8.
    pub f_number: Option<f64>,
    /// The focal length in millimetres, of the lens itself.
    pub focal_length_mm: Option<f64>,
    /// The exposure time in seconds.
    pub exposure_seconds: Option<f64>,
    /// The sensitivity.
    pub iso: Option<u32>,
    /// The caption, at most 4,000 characters.
    pub description: Option<String>,
    /// Stars, 1..=5.
    pub rating: Option<u8>,
    /// The colour profile's own name, such as `Display P3`; absent for unmarked pictures.
    pub colour_profile: Option<String>,
}

/// When a picture was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Taken {
    /// The wall clock where it was taken, as milliseconds since 1970-01-01 00:00 as if that clock showed UTC.
    ///
    /// Years 1826 (the first photograph) to 2200.
    pub local_ms: i64,
    /// How far that clock was ahead of UTC, in minutes, if the file says or its GPS time tells.
    pub offset_minutes: Option<i32>,
}

impl Taken {
    /// The instant in milliseconds since the Unix epoch, UTC; without an offset the wall clock is taken as UTC.
    #[must_use]
    pub fn utc_ms(&self) -> i64 {
        self.local_ms - i64::from(self.offset_minutes.unwrap_or(0)) * 60_000
    }
}

/// Where a picture was taken (WGS 84).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Position {
    /// Degrees north, -90..=90.
    pub latitude: f64,
    /// Degrees east, -180..=180. Never with latitude 0 at 0: cameras write that when they don't know.
    pub longitude: f64,
    /// Metres above sea level.
    pub altitude_m: Option<f64>,
}

/// Reads the metadata of a whole file, from its header only.
///
/// # Errors
/// [`Failure::Empty`], [`Failure::UnknownFormat`], or, where not even the size is readable, [`Failure::Truncated`] or
/// [`Failure::Damaged`]. Unreadable EXIF is a warning. A panic in a reader is [`Failure::Crashed`].
pub fn metadata(bytes: &[u8]) -> Result<(Format, Metadata, Vec<Warning>), Failure> {
    let work = || {
        let header = Header::read(bytes)?;
        let mut warnings = Vec::new();
        let metadata = describe(&header, true, &mut warnings);
        Ok((header.format, metadata, warnings))
    };
    catch_unwind(AssertUnwindSafe(work))
        .unwrap_or_else(|panic| Err(Failure::Crashed { reason: panic_message(panic.as_ref()) }))
}

/// The metadata that follows from a header; only size, orientation and profile unless `in_full`.
pub(crate) fn describe(header: &Header, in_full: bool, warnings: &mut Vec<Warning>) -> Metadata {
    let mut metadata = read(header.exif.as_deref(), header.xmp.as_deref(), warnings);
    if !in_full {
        metadata = Metadata { orientation: metadata.orientation, ..Metadata::default() };
    }
    if header.turned_by_container || !(1..=8).contains(&metadata.orientation) {
        metadata.orientation = 1;
    }
    let is_sideways = metadata.orientation >= 5;
    let (width, height) = (header.width, header.height);
    (metadata.width, metadata.height) = if is_sideways { (height, width) } else { (width, height) };
    metadata.colour_profile = match &header.colour {
        Colour::Srgb => None,
        colour => crate::derive::colour::name(colour),
    };
    metadata
}
