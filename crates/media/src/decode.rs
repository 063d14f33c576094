//! Pixels out of bytes, no more of them than the preview needs.
//!
//! Each format's decoder shrinks while it decodes where it can (JPEG in its DCT, HEIC strip by strip), so a large
//! photo never stands in memory at full size. What comes out is RGB in the file's own colours, not yet upright.

mod heic;
mod jpeg;
mod raster;

use crate::derive::Turn;
use crate::header::Header;
use crate::{Failure, Format, Limits, Warning};

/// Pixels: 8-bit RGB, row-major, without padding.
#[derive(Clone, Debug)]
pub(crate) struct Pixels {
    /// Pixels in a row.
    pub(crate) width: u32,
    /// Rows.
    pub(crate) height: u32,
    /// `width * height * 3` bytes.
    pub(crate) rgb: Vec<u8>,
}

/// A decoded picture.
#[derive(Clone, Debug)]
pub(crate) struct Picture {
    /// Its pixels, perhaps fewer than the file has, but no side smaller than the preview's.
    pub(crate) pixels: Pixels,
    /// Whether the decoder already turned the colours into sRGB.
    pub(crate) is_srgb: bool,
    /// How the container wants it turned; nothing for formats where EXIF says so.
    pub(crate) turn: Turn,
}

impl Pixels {
    /// Pixels all of one colour.
    pub(crate) fn filled(width: u32, height: u32, value: u8) -> Self {
        let bytes = u64::from(width) * u64::from(height) * 3;
        let bytes = usize::try_from(bytes).expect("the limits keep pictures within the address space");
        Self { width, height, rgb: vec![value; bytes] }
    }

    /// Bytes in a row.
    pub(crate) fn row_bytes(&self) -> usize {
        usize::try_from(self.width).expect("a width fits") * 3
    }
}

/// Decodes a picture; its long side stays at least `long_side` where it was that long.
pub(crate) fn decode(
    bytes: &[u8],
    header: &Header,
    long_side: u32,
    limits: &Limits,
    warnings: &mut Vec<Warning>,
) -> Result<Picture, Failure> {
    match header.format {
        Format::Jpeg => jpeg::decode(bytes, header, long_side, limits, warnings),
        Format::Heic => heic::decode(bytes, header, long_side, limits, warnings),
        Format::Png | Format::Webp | Format::Gif => {
            raster::decode(bytes, header, long_side, limits, warnings)
        }
    }
}
