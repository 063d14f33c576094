//! Which kind of picture some bytes are, told from their content and never from their name.

use serde::{Deserialize, Serialize};

/// A picture format that this version reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// JPEG, baseline, progressive or lossless, in grey, YCbCr, RGB, CMYK or YCCK.
    Jpeg,
    /// PNG, 1 to 16 bits a channel; of an animated one the still picture.
    Png,
    /// WebP, lossy or lossless; of an animated one the first frame.
    Webp,
    /// GIF, its first frame.
    Gif,
    /// HEIC, HEIF and HIF: HEVC pictures in an ISO container.
    Heic,
}

impl Format {
    /// Every format, in declaration order.
    pub const ALL: [Self; 5] = [Self::Jpeg, Self::Png, Self::Webp, Self::Gif, Self::Heic];

    /// Every extension that files of these formats carry, lower case, without the dot.
    ///
    /// For file choosers and for walking folders; whether a file really is a picture only [`sniff`] tells.
    pub const ALL_EXTENSIONS: [&'static str; 11] =
        ["jpg", "jpeg", "jpe", "jfif", "png", "webp", "gif", "heic", "heif", "hif", "mpo"];

    /// The MIME type, as sent in `Content-Type`.
    #[must_use]
    pub const fn mime(self) -> &'static str {
        match self {
            Self::Jpeg => "image/jpeg",
            Self::Png => "image/png",
            Self::Webp => "image/webp",
            Self::Gif => "image/gif",
            Self::Heic => "image/heic",
        }
    }

    /// The usual extension with its dot, lower case.
    #[must_use]
    pub const fn extension(self) -> &'static str {
        match self {
            Self::Jpeg => ".jpg",
            Self::Png => ".png",
            Self::Webp => ".webp",
            Self::Gif => ".gif",
            Self::Heic => ".heic",
        }
    }

    /// The extensions that files of this format carry, lower case, without the dot.
    #[must_use]
    pub const fn extensions(self) -> &'static [&'static str] {
        match self {
            Self::Jpeg => &["jpg", "jpeg", "jpe", "jfif", "mpo"],
            Self::Png => &["png"],
            Self::Webp => &["webp"],
            Self::Gif => &["gif"],
            Self::Heic => &["heic", "heif", "hif"],
        }
    }

    /// The name that people know, for messages.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Jpeg => "JPEG",
            Self::Png => "PNG",
            Self::Webp => "WebP",
            Self::Gif => "GIF",
            Self::Heic => "HEIC",
        }
    }
}

/// How many leading bytes [`sniff`] looks at; the first 64 of a file are as good as all of it for most.
pub(crate) const SNIFF_BYTES: usize = 512;

/// Brands of an ISO container that hold HEVC still pictures, alone or as a short burst.
const HEIC_BRANDS: [&[u8; 4]; 8] = [b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"];

/// Names the format of a file from its first bytes; `None` for anything this version doesn't read.
///
/// At most the first 512 bytes are looked at. A file cut right after its signature still has a format.
#[must_use]
pub fn sniff(bytes: &[u8]) -> Option<Format> {
    if bytes.starts_with(&[0xFF, 0xD8, 0xFF]) {
        return Some(Format::Jpeg);
    }
    if bytes.starts_with(b"\x89PNG\r\n\x1a\n") {
        return Some(Format::Png);
    }
    if bytes.starts_with(b"GIF87a") || bytes.starts_with(b"GIF89a") {
        return Some(Format::Gif);
    }
    if bytes.starts_with(b"RIFF") && bytes.get(8..12) == Some(b"WEBP") {
        return Some(Format::Webp);
    }
    let brands = iso_brands(bytes);
    let is_heic = |brand: &&[u8]| HEIC_BRANDS.iter().any(|known| known.as_slice() == *brand);
    if brands.iter().any(is_heic) {
        return Some(Format::Heic);
    }
    // `mif1` alone says only "a still picture"; without an AV1 or JPEG XL brand beside it, it's HEVC nearly always.
    let generic = |brand: &&[u8]| matches!(*brand, b"mif1" | b"msf1" | b"mif2");
    let other = |brand: &&[u8]| matches!(*brand, b"avif" | b"avis" | b"avio" | b"jxl ");
    (brands.iter().any(generic) && !brands.iter().any(other)).then_some(Format::Heic)
}

/// The brands in an ISO container's `ftyp` box, the major one first; empty for anything else.
fn iso_brands(bytes: &[u8]) -> Vec<&[u8]> {
    let head = &bytes[..bytes.len().min(SNIFF_BYTES)];
    if head.get(4..8) != Some(b"ftyp") {
        return Vec::new();
    }
    let size = u32::from_be_bytes([head[0], head[1], head[2], head[3]]);
    let end = usize::try_from(size).unwrap_or(usize::MAX).clamp(8, head.len());
    // The four bytes after the major brand are a version, which can look like no brand.
    let brands = head[8..end].chunks_exact(4).enumerate();
    brands.filter(|(index, _)| *index != 1).map(|(_, brand)| brand).collect()
}

/// What a file that [`sniff`] doesn't know most likely is, in words for a message.
pub(crate) fn looks_like(bytes: &[u8]) -> Option<&'static str> {
    let brands = iso_brands(bytes);
    let has = |wanted: &[u8]| brands.contains(&wanted);
    if has(b"avif") || has(b"avis") {
        return Some("an AVIF picture");
    }
    if has(b"crx ") {
        return Some("a Canon raw picture");
    }
    if !brands.is_empty() {
        return Some("a video");
    }
    let known: [(&[u8], &str); 12] = [
        (b"II*\0", "a TIFF or raw picture"),
        (b"MM\0*", "a TIFF or raw picture"),
        (b"\xFF\x0A", "a JPEG XL picture"),
        (b"\0\0\0\x0CJXL ", "a JPEG XL picture"),
        (b"8BPS", "a Photoshop document"),
        (b"%PDF", "a PDF document"),
        (b"PK\x03\x04", "a zip archive"),
        (b"BM", "a BMP picture"),
        (b"FUJIFILMCCD-RAW", "a Fujifilm raw picture"),
        (b"\x1A\x45\xDF\xA3", "a video"),
        (b"<svg", "an SVG drawing"),
        (b"<!DOCTYPE", "a web page"),
    ];
    known.iter().find(|(magic, _)| bytes.starts_with(magic)).map(|(_, name)| *name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(bytes: &[u8], expected: Option<Format>) {
        assert_eq!(sniff(bytes), expected, "{bytes:?}");
    }

    #[test]
    fn content_names_the_format() {
        check(&[0xFF, 0xD8, 0xFF, 0xE1], Some(Format::Jpeg));
        check(b"\x89PNG\r\n\x1a\n", Some(Format::Png));
        check(b"GIF89a", Some(Format::Gif));
        check(b"RIFF\x10\0\0\0WEBPVP8 ", Some(Format::Webp));
        check(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", Some(Format::Heic));
        check(b"\0\0\0\x18ftypmif1\0\0\0\0mif1heic", Some(Format::Heic));
        check(b"\0\0\0\x14ftypmsf1\0\0\0\0hevc", Some(Format::Heic));
        check(b"\0\0\0\x14ftypmif1\0\0\0\0mif1", Some(Format::Heic));
    }

    #[test]
    fn other_content_has_no_format() {
        for bytes in [&b""[..], b"GIF", b"RIFF\x10\0\0\0WAVE", b"\xFF\xD8", b"hello, world", b"\0\0\0\x18fty"]
        {
            check(bytes, None);
        }
        check(b"\0\0\0\x18ftypavif\0\0\0\0mif1avif", None);
        check(b"\0\0\0\x18ftypisom\0\0\0\0isomavc1", None);
        // A box size larger than the file, and one smaller than its own header.
        check(b"\xFF\xFF\xFF\xFFftypheic", Some(Format::Heic));
        check(b"\0\0\0\x01ftypheic", None);
    }

    #[test]
    fn unknown_content_is_guessed_for_the_message() {
        assert_eq!(looks_like(b"\0\0\0\x18ftypavif\0\0\0\0mif1avif"), Some("an AVIF picture"));
        assert_eq!(looks_like(b"\0\0\0\x18ftypisom\0\0\0\0isomavc1"), Some("a video"));
        assert_eq!(looks_like(b"II*\0rest"), Some("a TIFF or raw picture"));
        assert_eq!(looks_like(b"nothing known"), None);
    }
}
