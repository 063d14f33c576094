//! What a file's header says, found without decoding a pixel: size, colour profile, EXIF and XMP blocks.
//!
//! Everything later relies on it: the limits are checked against [`Header::pixels`] before anything is decoded.

pub(crate) mod heic;
pub(crate) mod jpeg;
mod png;
pub(crate) mod raster;

use crate::format::{looks_like, sniff};
use crate::{Failure, Format, Limits};

/// The facts in a file's header.
#[derive(Clone, Debug)]
pub(crate) struct Header {
    /// The format.
    pub(crate) format: Format,
    /// Width in pixels: as stored, except for HEIC, whose container already says how to turn it.
    pub(crate) width: u32,
    /// Height in pixels, in the same sense.
    pub(crate) height: u32,
    /// Whether the container turns the picture, so that the EXIF orientation must not.
    pub(crate) turned_by_container: bool,
    /// The EXIF block, from its TIFF header on.
    pub(crate) exif: Option<Vec<u8>>,
    /// The XMP packet.
    pub(crate) xmp: Option<Vec<u8>>,
    /// What the pixel values mean.
    pub(crate) colour: Colour,
}

/// What the pixel values of a picture mean.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Colour {
    /// sRGB, said or assumed.
    Srgb,
    /// As an ICC profile says.
    Icc(Vec<u8>),
    /// As two code points of ITU-T H.273 say.
    Cicp { primaries: u16, transfer: u16 },
}

impl Header {
    /// Sniffs a file and reads its header.
    pub(crate) fn read(bytes: &[u8]) -> Result<Self, Failure> {
        if bytes.is_empty() {
            return Err(Failure::Empty);
        }
        match sniff(bytes) {
            Some(Format::Jpeg) => jpeg::read(bytes),
            Some(Format::Heic) => heic::read(bytes),
            Some(format @ (Format::Png | Format::Webp | Format::Gif)) => raster::read(bytes, format),
            None => Err(Failure::UnknownFormat { looks_like: looks_like(bytes).map(str::to_owned) }),
        }
    }

    /// A header that says nothing but the size.
    pub(crate) fn bare(format: Format, width: u32, height: u32) -> Self {
        Self {
            format,
            width,
            height,
            turned_by_container: false,
            exif: None,
            xmp: None,
            colour: Colour::Srgb,
        }
    }

    /// Width times height.
    pub(crate) fn pixels(&self) -> u64 {
        u64::from(self.width) * u64::from(self.height)
    }

    /// Refuses a picture over the limits; `bytes_per_pixel` is what decoding it takes in memory.
    pub(crate) fn check(&self, limits: &Limits, bytes_per_pixel: u64) -> Result<(), Failure> {
        let (pixels, limit) = (self.pixels(), limits.pixels_max);
        if pixels > limit {
            return Err(Failure::TooLarge { pixels, limit });
        }
        let needed = pixels * bytes_per_pixel;
        if needed > limits.memory_max {
            return Err(Failure::TooHeavy { what: "memory".to_owned(), needed, limit: limits.memory_max });
        }
        Ok(())
    }
}
