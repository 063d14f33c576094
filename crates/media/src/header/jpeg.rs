//! The header of a JPEG: its marker segments up to the first scan.
//!
//! Read by hand rather than by libjpeg, because one pass finds the size, EXIF, XMP and the ICC profile together and
//! because a damaged segment should cost only itself.

use super::{Colour, Header};
use crate::{Failure, Format};

/// Markers that matter here (ITU-T T.81, table B.1).
const SOI: u8 = 0xD8;
const EOI: u8 = 0xD9;
const SOS: u8 = 0xDA;
const APP1: u8 = 0xE1;
const APP2: u8 = 0xE2;
const APP14: u8 = 0xEE;
const COM: u8 = 0xFE;

/// One marker segment.
pub(crate) struct Segment<'a> {
    /// The marker's second byte.
    pub(crate) marker: u8,
    /// Where the marker's first byte stands in the file.
    pub(crate) at: usize,
    /// The content after the length field.
    pub(crate) body: &'a [u8],
}

/// The marker segments of a JPEG in order, up to and including the first SOS or a cut.
pub(crate) struct Segments<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Segments<'a> {
    /// Starts after the SOI marker.
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 2 }
    }
}

impl<'a> Iterator for Segments<'a> {
    type Item = Segment<'a>;

    fn next(&mut self) -> Option<Segment<'a>> {
        loop {
            // Skips what stands between segments, as libjpeg does: fill bytes and stray data.
            let rest = self.bytes.get(self.at..)?;
            let start = self.at + rest.iter().position(|byte| *byte == 0xFF)?;
            let marker = *self.bytes.get(start + 1)?;
            if matches!(marker, 0x00 | 0x01 | 0xFF | 0xD0..=0xD7 | SOI) {
                self.at = start + if marker == 0xFF { 1 } else { 2 };
                continue;
            }
            if marker == EOI {
                return None;
            }
            let length = self.bytes.get(start + 2..start + 4)?;
            let length = usize::from(u16::from_be_bytes([length[0], length[1]])).max(2);
            let body = self.bytes.get(start + 4..start + 2 + length)?;
            self.at = if marker == SOS { self.bytes.len() } else { start + 2 + length };
            return Some(Segment { marker, at: start, body });
        }
    }
}

/// Reads the header of a JPEG.
pub(crate) fn read(bytes: &[u8]) -> Result<Header, Failure> {
    let mut header = Header::bare(Format::Jpeg, 0, 0);
    let mut profile: Vec<(u8, &[u8])> = Vec::new();
    for segment in Segments::new(bytes) {
        match segment.marker {
            0xC0..=0xCF if header.width == 0 && !matches!(segment.marker, 0xC4 | 0xC8 | 0xCC) => {
                (header.width, header.height) = frame_size(segment.body).unwrap_or((0, 0));
            }
            APP1 => read_app1(segment.body, &mut header),
            APP2 => {
                if let Some([number, _count, chunk @ ..]) = segment.body.strip_prefix(b"ICC_PROFILE\0") {
                    profile.push((*number, chunk));
                }
            }
            _ => {}
        }
    }
    if header.width == 0 || header.height == 0 {
        return Err(without_size(bytes));
    }
    header.colour = joined(profile);
    Ok(header)
}

/// The width and height in a frame header.
fn frame_size(body: &[u8]) -> Option<(u32, u32)> {
    let [_precision, h1, h0, w1, w0, ..] = body else { return None };
    Some((u32::from(u16::from_be_bytes([*w1, *w0])), u32::from(u16::from_be_bytes([*h1, *h0]))))
}

/// Why a file without a frame header has none.
fn without_size(bytes: &[u8]) -> Failure {
    let format = Format::Jpeg;
    let reason = "it has no picture header".to_owned();
    let reached_scan = Segments::new(bytes).any(|segment| segment.marker == SOS);
    let complete = reached_scan || bytes.ends_with(&[0xFF, EOI]);
    if complete { Failure::Damaged { format, reason } } else { Failure::Truncated { format, reason } }
}

/// Takes EXIF or XMP from an APP1 segment; the first of each counts.
fn read_app1(body: &[u8], header: &mut Header) {
    if let Some(tiff) = body.strip_prefix(b"Exif\0") {
        // The byte after the name is padding, of any value.
        if header.exif.is_none() && tiff.len() > 1 {
            header.exif = Some(tiff[1..].to_vec());
        }
    } else if let Some(packet) = body.strip_prefix(b"http://ns.adobe.com/xap/1.0/\0")
        && header.xmp.is_none()
    {
        header.xmp = Some(packet.to_vec());
    }
}

/// Joins the numbered pieces of an ICC profile.
fn joined(mut pieces: Vec<(u8, &[u8])>) -> Colour {
    if pieces.is_empty() {
        return Colour::Srgb;
    }
    pieces.sort_by_key(|(number, _)| *number);
    Colour::Icc(pieces.into_iter().flat_map(|(_, piece)| piece.iter().copied()).collect())
}

/// A copy without metadata segments and stray bytes before the first scan.
///
/// libjpeg reports such bytes as a warning, which its caller can't tell from a failure to read the header.
pub(crate) fn tidied(bytes: &[u8]) -> Vec<u8> {
    let mut tidy = vec![0xFF, SOI];
    for segment in Segments::new(bytes) {
        let end = segment.at + 4 + segment.body.len();
        match segment.marker {
            SOS => tidy.extend_from_slice(&bytes[segment.at..]),
            APP14 => tidy.extend_from_slice(&bytes[segment.at..end]),
            0xE0..=0xEF | COM => {}
            _ => tidy.extend_from_slice(&bytes[segment.at..end]),
        }
    }
    tidy
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A JPEG header with the given segments between SOI and EOI.
    fn file(segments: &[(u8, &[u8])]) -> Vec<u8> {
        let mut bytes = vec![0xFF, SOI];
        for (marker, body) in segments {
            bytes.extend([0xFF, *marker]);
            bytes.extend(u16::try_from(body.len() + 2).unwrap().to_be_bytes());
            bytes.extend(*body);
        }
        bytes.extend([0xFF, EOI]);
        bytes
    }

    const FRAME: &[u8] = &[8, 0, 30, 0, 40, 1, 1, 0x11, 0];

    #[test]
    fn one_pass_finds_size_exif_xmp_and_profile() {
        let bytes = file(&[
            (APP1, b"Exif\0\0II*\0"),
            (APP1, b"http://ns.adobe.com/xap/1.0/\0<x/>"),
            (APP2, b"ICC_PROFILE\0\x02\x02second"),
            (APP2, b"ICC_PROFILE\0\x01\x02first "),
            (0xC0, FRAME),
        ]);
        let header = read(&bytes).unwrap();
        assert_eq!((header.width, header.height), (40, 30));
        assert_eq!(header.exif.as_deref(), Some(&b"II*\0"[..]));
        assert_eq!(header.xmp.as_deref(), Some(&b"<x/>"[..]));
        assert_eq!(header.colour, Colour::Icc(b"first second".to_vec()));
    }

    #[test]
    fn stray_bytes_and_fill_bytes_are_passed_over() {
        let mut bytes = vec![0xFF, SOI, 1, 2, 3, 0xFF, 0xFF];
        bytes.extend(&file(&[(0xC2, FRAME)])[2..]);
        assert_eq!(read(&bytes).unwrap().width, 40);
        assert_eq!(tidied(&bytes), file(&[(0xC2, FRAME)])[..2 + 2 + 2 + FRAME.len()]);
    }

    #[test]
    fn a_file_cut_before_its_frame_is_truncated() {
        let bytes = file(&[(APP1, b"Exif\0\0II*\0"), (0xC0, FRAME)]);
        for length in 3..20 {
            assert_eq!(read(&bytes[..length]).unwrap_err().kind(), "truncated", "{length}");
        }
        assert_eq!(read(&file(&[])).unwrap_err().kind(), "damaged");
    }
}
