//! The derivatives of a picture: preview, thumbnail, thumbhash and colour.
//!
//! One decode serves all: the preview is shrunk from the decoded pixels, the thumbnail from the preview, the
//! thumbhash and the colour from the thumbnail. Sizes, formats and their reasons stand in
//! `docs/formats/derivatives.md`.

pub(crate) mod colour;
mod encode;
mod glance;
pub(crate) mod shrink;
mod turn;

use serde::{Deserialize, Serialize};

pub(crate) use self::turn::Turn;
use crate::decode::{Pixels, decode};
use crate::header::Header;
use crate::{Failure, Limits, Warning};

/// The longer side of a preview in pixels; smaller pictures keep their size.
pub const PREVIEW_LONG_SIDE: u32 = 1920;
/// The shorter side of a thumbnail in pixels; smaller pictures keep their size.
pub const THUMBNAIL_SHORT_SIDE: u32 = 250;

/// What is shown in a picture's place: all of it upright, in sRGB, on white where the picture is transparent.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Derived {
    /// The preview's width in pixels. (The picture's own size stands in its metadata.)
    pub width: u32,
    /// The preview's height in pixels.
    pub height: u32,
    /// The thumbnail: WebP, quality 80, short side [`THUMBNAIL_SHORT_SIDE`].
    pub thumbnail: Vec<u8>,
    /// The preview: JPEG, quality 80, 4:2:0, long side [`PREVIEW_LONG_SIDE`].
    pub preview: Vec<u8>,
    /// The thumbhash, at most 25 bytes.
    pub thumbhash: Vec<u8>,
    /// The dominant colour: red, green, blue.
    pub colour: [u8; 3],
}

impl std::fmt::Debug for Derived {
    /// Says how large the files are; their bytes would fill pages.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut shown = formatter.debug_struct("Derived");
        shown.field("width", &self.width).field("height", &self.height);
        shown.field("thumbnail_bytes", &self.thumbnail.len()).field("preview_bytes", &self.preview.len());
        shown.field("thumbhash", &self.thumbhash).field("colour", &self.colour).finish()
    }
}

/// Decodes a picture and makes all its derivatives.
///
/// `orientation` is the EXIF one that remains to be applied.
pub(crate) fn derive(
    bytes: &[u8],
    header: &Header,
    orientation: u8,
    limits: &Limits,
    warnings: &mut Vec<Warning>,
) -> Result<Derived, Failure> {
    let picture = decode(bytes, header, PREVIEW_LONG_SIDE, limits, warnings)?;
    let preview = shrink::to_long_side(picture.pixels, PREVIEW_LONG_SIDE);
    let preview = if picture.is_srgb { preview } else { colour::to_srgb(preview, &header.colour, warnings) };
    let turn = picture.turn.then(Turn::from_orientation(orientation));
    let preview = turn.apply(preview);
    let thumbnail = shrink::to_short_side(&preview, THUMBNAIL_SHORT_SIDE);
    let glance = glance::Glance::of(thumbnail.as_ref().unwrap_or(&preview));
    Ok(Derived {
        width: preview.width,
        height: preview.height,
        thumbnail: encode::webp(thumbnail.as_ref().unwrap_or(&preview))?,
        preview: encode::jpeg(&preview)?,
        thumbhash: glance.thumbhash,
        colour: glance.colour,
    })
}
