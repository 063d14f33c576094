//! The header of a HEIC: its `meta` box, which names the items, their sizes and how to turn them.

use heic::{HeicError, ImageInfo, ProbeError};

use super::{Colour, Header};
use crate::failure::plain;
use crate::{Failure, Format};

/// The code point of H.273 for "unspecified".
const UNSPECIFIED: u16 = 2;

/// Reads the header of a HEIC; width and height are those after the container's own turning.
pub(crate) fn read(bytes: &[u8]) -> Result<Header, Failure> {
    let info = ImageInfo::from_bytes(bytes).map_err(|error| refused(bytes, &error))?;
    let mut header = Header::bare(Format::Heic, info.width, info.height);
    if info.width == 0 || info.height == 0 {
        return Err(broken(bytes, "it has no picture"));
    }
    header.turned_by_container = true;
    header.exif = info.exif;
    header.xmp = info.xmp;
    header.colour = match info.icc_profile {
        Some(profile) => Colour::Icc(profile),
        None if info.color_primaries == UNSPECIFIED => Colour::Srgb,
        None => Colour::Cicp { primaries: info.color_primaries, transfer: info.transfer_characteristics },
    };
    Ok(header)
}

/// The failure that stands for a container that could not be read.
fn refused(bytes: &[u8], error: &ProbeError) -> Failure {
    match error {
        ProbeError::Corrupt(error) => failure(bytes, error.error()),
        other => broken(bytes, &other.to_string()),
    }
}

/// The failure that stands for one of the decoder's errors.
pub(crate) fn failure(bytes: &[u8], error: &HeicError) -> Failure {
    match error {
        HeicError::Unsupported(reason) | HeicError::UnsupportedCodec(reason) => {
            Failure::Unsupported { format: Format::Heic, reason: plain(reason) }
        }
        other => broken(bytes, &other.to_string()),
    }
}

/// Damaged, or truncated if a box reaches past the end of the file.
fn broken(bytes: &[u8], reason: &str) -> Failure {
    let (format, reason) = (Format::Heic, plain(reason));
    if ends_early(bytes) {
        Failure::Truncated { format, reason }
    } else {
        Failure::Damaged { format, reason }
    }
}

/// Whether a top-level box claims more bytes than the file has.
pub(crate) fn ends_early(bytes: &[u8]) -> bool {
    let mut at = 0;
    while at < bytes.len() {
        let Some(head) = bytes.get(at..at + 8) else { return true };
        let short = u32::from_be_bytes([head[0], head[1], head[2], head[3]]);
        let size = match short {
            0 => return false,
            1 => match bytes.get(at + 8..at + 16).and_then(|long| long.try_into().ok()) {
                Some(long) => usize::try_from(u64::from_be_bytes(long)).unwrap_or(usize::MAX),
                None => return true,
            },
            _ => usize::try_from(short).unwrap_or(usize::MAX),
        };
        at = at.saturating_add(size.max(8));
    }
    at > bytes.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_box_past_the_end_means_a_cut_file() {
        let whole = b"\0\0\0\x10ftypheic\0\0\0\0\0\0\0\x0amdatxx";
        assert!(!ends_early(whole));
        for length in [3, 12, 20, 25] {
            assert!(ends_early(&whole[..length]), "{length}");
        }
        assert_eq!(read(&whole[..25]).unwrap_err().kind(), "truncated");
        assert_eq!(read(whole).unwrap_err().kind(), "damaged");
    }
}
