//! The headers of PNG, WebP and GIF, as the `image` crate reads them.

use std::io::Cursor;

use image::codecs::gif::GifDecoder;
use image::codecs::png::PngDecoder;
use image::codecs::webp::WebPDecoder;
use image::error::ImageError;
use image::{ImageDecoder, ImageResult};

use super::{Colour, Header, png};
use crate::failure::plain;
use crate::{Failure, Format};

/// The `image` crate's decoder for a format, its header already read.
pub(crate) fn open(bytes: &[u8], format: Format) -> ImageResult<Box<dyn ImageDecoder + '_>> {
    let cursor = Cursor::new(bytes);
    Ok(match format {
        Format::Webp => Box::new(WebPDecoder::new(cursor)?),
        Format::Gif => Box::new(GifDecoder::new(cursor)?),
        Format::Png | Format::Jpeg | Format::Heic => Box::new(PngDecoder::new(cursor)?),
    })
}

/// Reads the header of a PNG, WebP or GIF.
pub(crate) fn read(bytes: &[u8], format: Format) -> Result<Header, Failure> {
    let mut decoder = open(bytes, format).map_err(|error| failure(bytes, format, &error))?;
    let (width, height) = decoder.dimensions();
    if width == 0 || height == 0 {
        return Err(Failure::Damaged { format, reason: "it has no picture".to_owned() });
    }
    let mut header = Header::bare(format, width, height);
    header.exif = decoder.exif_metadata().ok().flatten().map(without_name);
    if format == Format::Png && header.exif.is_none() {
        header.exif = png::hidden_exif(bytes).map(without_name);
    }
    header.xmp = decoder.xmp_metadata().ok().flatten();
    if let Ok(Some(profile)) = decoder.icc_profile() {
        header.colour = Colour::Icc(profile);
    }
    Ok(header)
}

/// Some programs write JPEG's `Exif\0\0` before the TIFF header; it's dropped.
fn without_name(exif: Vec<u8>) -> Vec<u8> {
    exif.strip_prefix(b"Exif\0\0").map(<[u8]>::to_vec).unwrap_or(exif)
}

/// The failure that stands for one of the decoder's errors.
pub(crate) fn failure(bytes: &[u8], format: Format, error: &ImageError) -> Failure {
    let reason = plain(error);
    match error {
        ImageError::IoError(io) if io.kind() == std::io::ErrorKind::UnexpectedEof => {
            Failure::Truncated { format, reason: "more was expected".to_owned() }
        }
        _ if format == Format::Webp && ends_early(bytes) => Failure::Truncated { format, reason },
        ImageError::Unsupported(_) => Failure::Unsupported { format, reason },
        _ if reason.contains("end of file") || reason.contains("unexpected EOF") => {
            Failure::Truncated { format, reason }
        }
        _ => Failure::Damaged { format, reason },
    }
}

/// Whether a WebP claims more bytes than the file has.
fn ends_early(bytes: &[u8]) -> bool {
    let size = bytes.get(4..8).and_then(|size| size.try_into().ok()).map_or(0, u32::from_le_bytes);
    usize::try_from(size).is_ok_and(|size| size.saturating_add(8) > bytes.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_png_cut_in_its_header_is_truncated() {
        let cut = b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR\0\0";
        assert_eq!(read(cut, Format::Png).unwrap_err().kind(), "truncated");
    }
}
