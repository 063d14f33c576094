//! EXIF in a PNG where the `image` crate doesn't look: behind the pixels, or as text, the way that programs wrote it
//! before PNG had a place for it.

use std::io::Read;

use flate2::read::ZlibDecoder;

/// Texts that hold EXIF, as ImageMagick and its imitators name them.
const NAMES: [&[u8]; 2] = [b"Raw profile type exif\0", b"Raw profile type APP1\0"];

/// Unpacked, no honest EXIF block is larger.
const TEXT_BYTES_MAX: u64 = 1 << 20;

/// The EXIF block of a PNG that has none before its pixels.
pub(super) fn hidden_exif(bytes: &[u8]) -> Option<Vec<u8>> {
    Chunks { bytes, at: 8 }.find_map(|(kind, body)| match kind {
        b"eXIf" => Some(body.to_vec()),
        b"tEXt" => profile(named(body)?),
        b"zTXt" => {
            // The byte after the name is the method of packing; there is only one.
            let (_, packed) = named(body)?.split_first()?;
            let mut text = Vec::new();
            ZlibDecoder::new(packed).take(TEXT_BYTES_MAX).read_to_end(&mut text).ok()?;
            profile(&text)
        }
        _ => None,
    })
}

/// A text's content, if its name is one of [`NAMES`].
fn named(body: &[u8]) -> Option<&[u8]> {
    NAMES.iter().find_map(|name| body.strip_prefix(*name))
}

/// The bytes in such a text: a name, a length in decimal, then hexadecimal digits in lines.
fn profile(text: &[u8]) -> Option<Vec<u8>> {
    let text = std::str::from_utf8(text).ok()?;
    let mut words = text.split_ascii_whitespace();
    let (_name, length) = (words.next()?, words.next()?.parse::<usize>().ok()?);
    let digits: Vec<u8> = words.flat_map(str::bytes).map(digit).collect::<Option<_>>()?;
    let bytes: Vec<u8> = digits.as_chunks::<2>().0.iter().map(|[high, low]| high << 4 | low).collect();
    (bytes.len() >= length).then_some(bytes)
}

/// The value of a hexadecimal digit.
fn digit(character: u8) -> Option<u8> {
    char::from(character).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

/// The chunks of a PNG: kind and content.
struct Chunks<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Iterator for Chunks<'a> {
    type Item = (&'a [u8; 4], &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let (length, rest) = self.bytes.get(self.at..)?.split_first_chunk::<4>()?;
        let (kind, rest) = rest.split_first_chunk::<4>()?;
        let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
        let body = rest.get(..length)?;
        self.at += length + 12;
        Some((kind, body))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(chunks: &[(&[u8; 4], &[u8])]) -> Vec<u8> {
        let mut bytes = b"\x89PNG\r\n\x1a\n".to_vec();
        for (kind, body) in chunks {
            bytes.extend(u32::try_from(body.len()).unwrap().to_be_bytes());
            bytes.extend([kind.as_slice(), body, &[0; 4]].concat());
        }
        bytes
    }

    #[test]
    fn exif_is_found_behind_the_pixels_and_in_text() {
        assert_eq!(hidden_exif(&file(&[(b"IDAT", b"..."), (b"eXIf", b"II*\0")])), Some(b"II*\0".to_vec()));
        let text = b"Raw profile type exif\0\nexif\n       4\n49492a\n00\n";
        assert_eq!(hidden_exif(&file(&[(b"tEXt", text)])), Some(b"II*\0".to_vec()));
    }

    #[test]
    fn broken_texts_are_passed_over() {
        for text in [
            &b"Raw profile type exif\0"[..],
            b"Raw profile type exif\0\nexif\n9\n4949",
            b"Raw profile type exif\0\nexif\nx\n",
        ] {
            assert_eq!(hidden_exif(&file(&[(b"tEXt", text), (b"zTXt", text)])), None);
        }
        let cut = file(&[(b"eXIf", b"II*\0")]);
        assert_eq!(hidden_exif(&cut[..cut.len() - 6]), None);
    }
}
