//! One entry's facts, packed: what a home needs to show a photo of another home before it has any of its bytes.
//!
//! ```text
//! version 1 │ present u16 │ owner 16 │ bytes u64 │ added_at_ms i64 │ width u32 │ height u32
//! │ file_name: length u8, UTF-8 │ mime: length u8, ASCII │ thumbhash: length u8, bytes │ what is present, in this order:
//! taken_local_ms i64 │ offset_minutes i16 │ duration_ms u32 │ colour 3 │ place: latitude i32, longitude i32 in 1e-7° │
//! make: length u8, UTF-8 │ model: length u8, UTF-8 │ thumbnail: hash 32, bytes u32 │ preview: hash 32, bytes u32
//! ```
//!
//! The content hash stands in the key. A value that isn't this, or is past a bound, is as good as absent.

use heirloom_identity::{
    AccountId, ContentHash,
    wire::{Reader, Writer},
};

/// The version that this code writes and reads.
const VERSION: u8 = 1;
/// How long a file's name may be, in bytes.
pub const FILE_NAME_BYTES_MAX: usize = 255;
/// How long a media type may be, in bytes.
pub const MIME_BYTES_MAX: usize = 64;
/// How long a thumbhash may be, in bytes.
pub const THUMBHASH_BYTES_MAX: usize = 64;
/// How long a camera's make or model may be, in bytes.
pub const CAMERA_BYTES_MAX: usize = 64;
/// How large a picture's side may be, in pixels.
pub const SIDE_PIXELS_MAX: u32 = 1_000_000;
/// How large an original may be: 16 TiB.
pub const ORIGINAL_BYTES_MAX: u64 = 1 << 44;
/// How large a thumbnail or preview may be: 16 MiB.
pub const DERIVATIVE_BYTES_MAX: u32 = 1 << 24;
/// The farthest moment that is shown: the year 9999, either way.
pub(crate) const MOMENT_MS_MAX: i64 = 253_402_300_799_999;

/// A file that was made from an original.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Blob {
    /// Names its bytes.
    pub hash: ContentHash,
    /// How many there are.
    pub bytes: u32,
}

/// What is known of one photo or video in an album.
#[derive(Debug, Clone, PartialEq)]
pub struct EntryFacts {
    /// Names the original's bytes.
    pub content: ContentHash,
    /// How many there are.
    pub bytes: u64,
    /// Its media type.
    pub mime: String,
    /// Its name where it came from.
    pub file_name: String,
    /// Whose photo it is, in the household that added it.
    pub owner: AccountId,
    /// When it was added to the album, by its adder's clock: milliseconds since the Unix epoch, UTC.
    pub added_at_ms: i64,
    /// What a clock on the wall showed when it was taken, in milliseconds since 1970-01-01 00:00 on that clock.
    pub taken_local_ms: Option<i64>,
    /// How far that clock was ahead of UTC.
    pub offset_minutes: Option<i32>,
    /// In pixels, as shown.
    pub width: u32,
    /// In pixels, as shown.
    pub height: u32,
    /// Of a video.
    pub duration_ms: Option<u32>,
    /// At most [`THUMBHASH_BYTES_MAX`].
    pub thumbhash: Vec<u8>,
    /// The dominant colour: red, green, blue.
    pub colour: Option<[u8; 3]>,
    /// Degrees north. Kept to 1e-7°; only together with the longitude.
    pub latitude: Option<f64>,
    /// Degrees east.
    pub longitude: Option<f64>,
    /// Who made the camera.
    pub make: Option<String>,
    /// Which camera.
    pub model: Option<String>,
    /// The small picture.
    pub thumbnail: Option<Blob>,
    /// The large picture.
    pub preview: Option<Blob>,
}

/// Why facts can't stand in an album.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the entry's {0} is out of bounds")]
pub struct EntryError(pub &'static str);

const TAKEN: u16 = 1;
const OFFSET: u16 = 1 << 1;
const DURATION: u16 = 1 << 2;
const COLOUR: u16 = 1 << 3;
const PLACE: u16 = 1 << 4;
const MAKE: u16 = 1 << 5;
const MODEL: u16 = 1 << 6;
const THUMBNAIL: u16 = 1 << 7;
const PREVIEW: u16 = 1 << 8;
const KNOWN: u16 = (1 << 9) - 1;

impl EntryFacts {
    /// Whether everything is within its bounds.
    ///
    /// # Errors
    /// [`EntryError`] names the first field that isn't.
    pub fn check(&self) -> Result<(), EntryError> {
        let good = |good: bool, field| if good { Ok(()) } else { Err(EntryError(field)) };
        let moment = |ms: i64| (-MOMENT_MS_MAX..=MOMENT_MS_MAX).contains(&ms);
        let camera = |text: &Option<String>| text.as_ref().is_none_or(|text| text.len() <= CAMERA_BYTES_MAX);
        let blob = |blob: &Option<Blob>| blob.is_none_or(|blob| blob.bytes <= DERIVATIVE_BYTES_MAX);
        let degrees = |value: Option<f64>, max: f64| value.is_none_or(|value| value.abs() <= max);
        good(self.bytes <= ORIGINAL_BYTES_MAX, "size")?;
        good(self.mime.len() <= MIME_BYTES_MAX && self.mime.is_ascii(), "media type")?;
        good((1..=FILE_NAME_BYTES_MAX).contains(&self.file_name.len()), "file name")?;
        good(moment(self.added_at_ms), "time of adding")?;
        good(self.taken_local_ms.is_none_or(moment), "time of taking")?;
        good(self.offset_minutes.is_none_or(|m| m.abs() <= crate::marks::OFFSET_MINUTES_MAX), "zone")?;
        good(self.width <= SIDE_PIXELS_MAX && self.height <= SIDE_PIXELS_MAX, "number of pixels")?;
        good(self.thumbhash.len() <= THUMBHASH_BYTES_MAX, "thumbhash")?;
        good(degrees(self.latitude, 90.0) && degrees(self.longitude, 180.0), "place")?;
        good(self.latitude.is_some() == self.longitude.is_some(), "place")?;
        good(camera(&self.make) && camera(&self.model), "camera")?;
        good(blob(&self.thumbnail) && blob(&self.preview), "size of a picture")
    }

    /// The packed value. The facts must be within their bounds.
    pub(crate) fn pack(&self) -> Vec<u8> {
        let mut present = 0;
        let mut rest = Writer::new();
        let mut put = |flag: u16, is: bool| {
            present |= if is { flag } else { 0 };
            is
        };
        if let (Some(ms), true) = (self.taken_local_ms, put(TAKEN, self.taken_local_ms.is_some())) {
            rest.i64(ms);
        }
        if let Some(minutes) = self.offset_minutes.and_then(|minutes| i16::try_from(minutes).ok()) {
            put(OFFSET, true);
            rest.bytes(&minutes.to_le_bytes());
        }
        if let Some(ms) = self.duration_ms {
            put(DURATION, true);
            rest.u32(ms);
        }
        if let Some(colour) = self.colour {
            put(COLOUR, true);
            rest.bytes(&colour);
        }
        if let (Some(latitude), Some(longitude)) = (self.latitude, self.longitude) {
            put(PLACE, true);
            rest.bytes(&fixed(latitude).to_le_bytes()).bytes(&fixed(longitude).to_le_bytes());
        }
        for (flag, text) in [(MAKE, &self.make), (MODEL, &self.model)] {
            if let Some(text) = text {
                put(flag, true);
                write_short(&mut rest, text.as_bytes());
            }
        }
        for (flag, blob) in [(THUMBNAIL, self.thumbnail), (PREVIEW, self.preview)] {
            if let Some(blob) = blob {
                put(flag, true);
                rest.bytes(blob.hash.as_bytes()).u32(blob.bytes);
            }
        }
        let mut to = Writer::new();
        to.u8(VERSION).u16(present).bytes(self.owner.as_bytes()).u64(self.bytes);
        to.i64(self.added_at_ms).u32(self.width).u32(self.height);
        for text in [self.file_name.as_bytes(), self.mime.as_bytes(), &self.thumbhash] {
            write_short(&mut to, text);
        }
        to.bytes(rest.as_bytes());
        to.into_bytes()
    }

    /// Reads a packed value of the entry with this content.
    pub(crate) fn unpack(content: ContentHash, bytes: &[u8]) -> Option<Self> {
        let mut from = Reader(bytes);
        if from.u8()? != VERSION {
            return None;
        }
        let present = from.u16()?;
        if present & !KNOWN != 0 {
            return None;
        }
        let has = |flag: u16| present & flag != 0;
        let owner = AccountId::from_bytes(from.array()?);
        let (bytes, added_at_ms) = (from.u64()?, from.i64()?);
        let (width, height) = (from.u32()?, from.u32()?);
        let (file_name, mime) = (read_text(&mut from)?, read_text(&mut from)?);
        let thumbhash = read_short(&mut from)?.to_vec();
        let taken_local_ms = if has(TAKEN) { Some(from.i64()?) } else { None };
        let offset = if has(OFFSET) { Some(i16::from_le_bytes(from.array()?)) } else { None };
        let duration_ms = if has(DURATION) { Some(from.u32()?) } else { None };
        let colour = if has(COLOUR) { Some(from.array()?) } else { None };
        let place = if has(PLACE) { Some((degrees(&mut from)?, degrees(&mut from)?)) } else { None };
        let make = if has(MAKE) { Some(read_text(&mut from)?) } else { None };
        let model = if has(MODEL) { Some(read_text(&mut from)?) } else { None };
        let thumbnail = if has(THUMBNAIL) { Some(read_blob(&mut from)?) } else { None };
        let preview = if has(PREVIEW) { Some(read_blob(&mut from)?) } else { None };
        let facts = Self {
            content,
            bytes,
            mime,
            file_name,
            owner,
            added_at_ms,
            taken_local_ms,
            offset_minutes: offset.map(i32::from),
            width,
            height,
            duration_ms,
            thumbhash,
            colour,
            latitude: place.map(|(latitude, _)| latitude),
            longitude: place.map(|(_, longitude)| longitude),
            make,
            model,
            thumbnail,
            preview,
        };
        (from.is_empty() && facts.check().is_ok()).then_some(facts)
    }

    /// What arranges it by date.
    pub(crate) fn date_ms(&self) -> i64 {
        self.taken_local_ms.unwrap_or(self.added_at_ms)
    }
}

#[expect(clippy::cast_possible_truncation, reason = "at most 1.8e9 after the bounds were checked")]
fn fixed(degrees: f64) -> i32 {
    (degrees * 1e7).round() as i32
}

fn degrees(from: &mut Reader<'_>) -> Option<f64> {
    Some(f64::from(i32::from_le_bytes(from.array()?)) / 1e7)
}

fn write_short(to: &mut Writer, bytes: &[u8]) {
    to.u8(u8::try_from(bytes.len()).expect("checked: at most 255 bytes")).bytes(bytes);
}

fn read_short<'a>(from: &mut Reader<'a>) -> Option<&'a [u8]> {
    let length = from.u8()?;
    from.take(usize::from(length))
}

fn read_text(from: &mut Reader<'_>) -> Option<String> {
    std::str::from_utf8(read_short(from)?).ok().map(str::to_owned)
}

fn read_blob(from: &mut Reader<'_>) -> Option<Blob> {
    Some(Blob { hash: ContentHash::from_bytes(from.array()?), bytes: from.u32()? })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn full() -> EntryFacts {
        let blob = |name: &[u8]| Some(Blob { hash: ContentHash::of(name), bytes: 12_345 });
        EntryFacts {
            content: ContentHash::of(b"photo"),
            bytes: 4_000_000,
            mime: "image/heic".to_owned(),
            file_name: "IMG_0042.HEIC".to_owned(),
            owner: AccountId::from_random([1; 16]),
            added_at_ms: 1_784_000_000_000,
            taken_local_ms: Some(-5),
            offset_minutes: Some(-570),
            width: 4032,
            height: 3024,
            duration_ms: Some(0),
            thumbhash: vec![7; 25],
            colour: Some([1, 2, 3]),
            latitude: Some(-33.856_784_4),
            longitude: Some(151.215_296_7),
            make: Some("Apple".to_owned()),
            model: Some("iPhone".to_owned()),
            thumbnail: blob(b"t"),
            preview: blob(b"p"),
        }
    }

    fn plain() -> EntryFacts {
        let none = full();
        EntryFacts {
            taken_local_ms: None,
            offset_minutes: None,
            duration_ms: None,
            colour: None,
            latitude: None,
            longitude: None,
            make: None,
            model: None,
            thumbnail: None,
            preview: None,
            thumbhash: Vec::new(),
            ..none
        }
    }

    #[test]
    fn facts_come_back_and_cut_ones_do_not() {
        for facts in [full(), plain()] {
            let packed = facts.pack();
            assert_eq!(EntryFacts::unpack(facts.content, &packed), Some(facts.clone()));
            for end in 0..packed.len() {
                assert_eq!(EntryFacts::unpack(facts.content, &packed[..end]), None);
            }
            assert_eq!(EntryFacts::unpack(facts.content, &[&packed[..], &[0]].concat()), None);
        }
    }

    #[test]
    fn bounds_hold() {
        let check = |facts: EntryFacts, field| assert_eq!(facts.check(), Err(EntryError(field)));
        check(EntryFacts { file_name: "x".repeat(256), ..plain() }, "file name");
        check(EntryFacts { file_name: String::new(), ..plain() }, "file name");
        check(EntryFacts { latitude: Some(f64::NAN), longitude: Some(0.0), ..plain() }, "place");
        check(EntryFacts { latitude: Some(1.0), ..plain() }, "place");
        check(EntryFacts { bytes: u64::MAX, ..plain() }, "size");
        check(EntryFacts { taken_local_ms: Some(i64::MIN), ..plain() }, "time of taking");
        check(EntryFacts { offset_minutes: Some(i32::MIN + 1), ..plain() }, "zone");
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_are_answered(mut bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            if let Some(first) = bytes.first_mut() { *first = VERSION; }
            if let Some(facts) = EntryFacts::unpack(ContentHash::of(b"x"), &bytes) {
                prop_assert!(facts.check().is_ok());
            }
        }
    }
}
