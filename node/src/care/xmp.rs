//! An XMP sidecar: what is known about a photo, for programs that have never heard of Heirloom.
//!
//! Fields: `dc:description`, `xmp:Rating`, `xmp:Label` (`Favourite`), `photoshop:DateCreated` and
//! `exif:DateTimeOriginal` (ISO 8601 with zone when known), `exif:GPSLatitude`/`Longitude` (XMP's
//! degrees-and-minutes form). Source: Adobe XMP specification, parts 1 and 2.

use std::fmt::Write;

use jiff::Timestamp;
use jiff::tz::{Offset, TimeZone};

/// What a sidecar says.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Sidecar<'a> {
    /// The caption.
    pub caption: Option<&'a str>,
    /// 1 to 5.
    pub rating: Option<u8>,
    /// Whether it is a favourite.
    pub favourite: bool,
    /// Local time of capture (milliseconds as if UTC), and minutes ahead of UTC if known.
    pub taken: Option<(i64, Option<i32>)>,
    /// Degrees north and east.
    pub place: Option<(f64, f64)>,
}

/// The sidecar as a file's text.
pub fn sidecar(known: &Sidecar<'_>) -> String {
    let mut attributes = String::new();
    let mut attribute = |name: &str, value: &str| {
        // Writing to a string cannot fail.
        write!(attributes, "\n   {name}=\"{}\"", escape(value)).unwrap_or_default();
    };
    if let Some(rating) = known.rating {
        attribute("xmp:Rating", &rating.to_string());
    }
    if known.favourite {
        attribute("xmp:Label", "Favourite");
    }
    if let Some(taken) = known.taken.and_then(|(local_ms, offset)| date(local_ms, offset)) {
        attribute("photoshop:DateCreated", &taken);
        attribute("exif:DateTimeOriginal", &taken);
    }
    if let Some((latitude, longitude)) = known.place {
        attribute("exif:GPSLatitude", &degrees(latitude, 'N', 'S'));
        attribute("exif:GPSLongitude", &degrees(longitude, 'E', 'W'));
    }
    let caption = known.caption.map(|caption| {
        let text = escape(caption);
        format!("\n   <dc:description><rdf:Alt><rdf:li xml:lang=\"x-default\">{text}</rdf:li></rdf:Alt></dc:description>")
    });
    format!(
        "<?xpacket begin=\"\u{feff}\" id=\"W5M0MpCehiHzreSzNTczkc9d\"?>
<x:xmpmeta xmlns:x=\"adobe:ns:meta/\">
 <rdf:RDF xmlns:rdf=\"http://www.w3.org/1999/02/22-rdf-syntax-ns#\">
  <rdf:Description rdf:about=\"\"
   xmlns:dc=\"http://purl.org/dc/elements/1.1/\"
   xmlns:xmp=\"http://ns.adobe.com/xap/1.0/\"
   xmlns:exif=\"http://ns.adobe.com/exif/1.0/\"
   xmlns:photoshop=\"http://ns.adobe.com/photoshop/1.0/\"{attributes}>{}
  </rdf:Description>
 </rdf:RDF>
</x:xmpmeta>
<?xpacket end=\"w\"?>
",
        caption.unwrap_or_default()
    )
}

fn date(local_ms: i64, offset_minutes: Option<i32>) -> Option<String> {
    let local = Timestamp::from_millisecond(local_ms).ok()?.to_zoned(TimeZone::UTC).datetime();
    let text = local.strftime("%Y-%m-%dT%H:%M:%S").to_string();
    let offset = offset_minutes.and_then(|minutes| Offset::from_seconds(minutes * 60).ok());
    let zone = offset.map(|offset| {
        let minutes = offset.seconds() / 60;
        let sign = if minutes < 0 { '-' } else { '+' };
        format!("{sign}{:02}:{:02}", minutes.abs() / 60, minutes.abs() % 60)
    });
    Some(text + zone.as_deref().unwrap_or(""))
}

/// XMP's form of an angle: whole degrees, a comma, minutes, and the side.
fn degrees(value: f64, positive: char, negative: char) -> String {
    let side = if value < 0.0 { negative } else { positive };
    let whole = value.abs().trunc();
    let minutes = (value.abs() - whole) * 60.0;
    format!("{whole:.0},{minutes:.6}{side}")
}

fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\n' | '\t' => escaped.push(c),
            // XML 1.0 knows no other control characters.
            c if c.is_control() => escaped.push(' '),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sidecar_says_what_is_known_and_nothing_else() {
        let known = Sidecar {
            caption: Some("Oma & <Opa>"),
            rating: Some(4),
            favourite: true,
            taken: Some((1_720_000_000_000, Some(120))),
            place: Some((-33.856_8, 151.215_3)),
        };
        let text = sidecar(&known);
        for part in [
            "Oma &amp; &lt;Opa&gt;",
            "xmp:Rating=\"4\"",
            "xmp:Label=\"Favourite\"",
            "exif:DateTimeOriginal=\"2024-07-03T09:46:40+02:00\"",
            "exif:GPSLatitude=\"33,51.408000S\"",
            "exif:GPSLongitude=\"151,12.918000E\"",
        ] {
            assert!(text.contains(part), "{part} in {text}");
        }
        let empty = sidecar(&Sidecar::default());
        assert!(!empty.contains("exif:GPS") && !empty.contains("dc:description>"), "{empty}");
    }
}
