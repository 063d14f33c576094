//! The few properties taken from an XMP packet where EXIF is silent.
//!
//! The packet is searched for its well-known names rather than parsed as XML: writers agree on the two spellings
//! (`name="value"` and `<name>value</name>`), and a malformed packet then costs nothing.

use super::date::parse;
use super::fields::tidy;
use crate::Taken;

/// Packets longer than this hold a maker's data, not words.
const PACKET_BYTES_MAX: usize = 1 << 20;

/// Date properties, the most trustworthy first.
const DATES: [&str; 3] = ["exif:DateTimeOriginal", "photoshop:DateCreated", "xmp:CreateDate"];

/// An XMP packet.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Packet<'a>(&'a str);

impl<'a> Packet<'a> {
    /// Takes a packet's bytes; one that isn't UTF-8 is taken as far as it is.
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        let bytes = &bytes[..bytes.len().min(PACKET_BYTES_MAX)];
        Self(match std::str::from_utf8(bytes) {
            Ok(text) => text,
            Err(error) => std::str::from_utf8(&bytes[..error.valid_up_to()]).unwrap_or_default(),
        })
    }

    /// The value of a simple property, in either spelling.
    fn property(self, name: &str) -> Option<&'a str> {
        self.0.match_indices(name).find_map(|(at, _)| {
            let rest = &self.0[at + name.len()..];
            if let Some(value) = rest.strip_prefix("=\"") {
                return value.split('"').next();
            }
            let value = rest.strip_prefix('>').filter(|_| self.0[..at].ends_with('<'))?;
            value.split('<').next()
        })
    }

    /// When the picture was taken.
    pub(crate) fn taken(self) -> Option<Taken> {
        DATES.iter().find_map(|name| {
            let date = parse(self.property(name)?)?;
            let local_ms = date.seconds * 1000 + date.milliseconds;
            Some(Taken { local_ms, offset_minutes: date.offset_minutes })
        })
    }

    /// The EXIF orientation.
    pub(crate) fn orientation(self) -> Option<u32> {
        self.property("tiff:Orientation")?.trim().parse().ok()
    }

    /// Stars, 1..=5; a rejected picture's -1 is none.
    pub(crate) fn rating(self) -> Option<u8> {
        let stars: f32 = self.property("xmp:Rating")?.trim().parse().ok()?;
        (1_u8..=5).find(|number| (f32::from(*number) - stars).abs() < 0.5)
    }

    /// The caption in its default language.
    pub(crate) fn description(self) -> Option<String> {
        let (_, rest) = self.0.split_once("<dc:description>")?;
        let (list, _) = rest.split_once("</dc:description>")?;
        let (_, item) = list.split_once("<rdf:li")?;
        let (_, text) = item.split_once('>')?;
        let text = text.split("</rdf:li>").next()?;
        tidy(&unescaped(text)).filter(|text| super::camera::is_meant(text))
    }
}

/// Text with XML's five named entities and numeric references to characters resolved.
fn unescaped(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('&') {
        plain.push_str(before);
        let reference = after.split_once(';').filter(|(name, _)| name.len() <= 8);
        if let Some((name, tail)) = reference
            && let Some(character) = entity(name)
        {
            plain.push(character);
            rest = tail;
        } else {
            plain.push('&');
            rest = after;
        }
    }
    plain.push_str(rest);
    plain
}

/// The character that an entity stands for.
fn entity(name: &str) -> Option<char> {
    match name {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        _ => {
            let number = name.strip_prefix('#')?;
            let code = match number.strip_prefix('x') {
                Some(hexadecimal) => u32::from_str_radix(hexadecimal, 16).ok()?,
                None => number.parse().ok()?,
            };
            char::from_u32(code)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PACKET: &str = r#"<rdf:Description xmp:CreateDate="2011-02-03T04:05:06+01:00" xmp:Rating="4">
        <photoshop:DateCreated>2010-01-02T03:04:05</photoshop:DateCreated>
        <dc:description><rdf:Alt><rdf:li xml:lang="x-default">Grandma &amp; me &#x2764;</rdf:li></rdf:Alt></dc:description>"#;

    #[test]
    fn both_spellings_are_found() {
        let packet = Packet::new(PACKET.as_bytes());
        assert_eq!(packet.rating(), Some(4));
        assert_eq!(packet.description().as_deref(), Some("Grandma & me ❤"));
        let taken = packet.taken().unwrap();
        assert_eq!((taken.local_ms, taken.offset_minutes), (1_262_401_445_000, None));
    }

    #[test]
    fn damaged_packets_say_nothing() {
        for text in ["", "xmp:Rating", "xmp:Rating=\"", "<dc:description>", "xmp:Rating=\"-1\"", "&#x;&"] {
            let packet = Packet::new(text.as_bytes());
            assert_eq!((packet.rating(), packet.description(), packet.taken()), (None, None, None), "{text}");
        }
        assert_eq!(unescaped("a & b &nope; &#x41;"), "a & b &nope; A");
        let cut = Packet::new(b"xmp:Rating=\"5\"\xFF\xFF");
        assert_eq!(cut.rating(), Some(5));
    }
}
