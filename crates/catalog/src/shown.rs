//! What a person sees of a photo: a person's marks, over the file's metadata, over the file's date.
//!
//! Pure: the same facts and marks give the same result in whatever order they came, which is why a rebuilt
//! catalog equals the old one.

use crate::calendar::{LOCAL_MS_MAX, LOCAL_MS_MIN, month_of};
use crate::detail::{DatedBy, State};
use crate::timeline::flags;
use crate::{Derivation, Kind, Marks};

/// Width over height of a photo whose real one is not known yet.
const ASPECT_PLACEHOLDER: f64 = 1.5;
/// The colour of a photo whose real one is not known yet: a middle grey.
const COLOUR_PLACEHOLDER: [u8; 3] = [0x80, 0x80, 0x80];
/// Width over height that the grid can draw, at both ends of the byte.
const ASPECT_MIN: f64 = 0.2;
const ASPECT_MAX: f64 = 5.0;

/// What is known of a photo without its marks.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Facts {
    pub(crate) kind: Kind,
    pub(crate) modified_ms: i64,
    pub(crate) state: State,
    pub(crate) version: u32,
    pub(crate) duration_ms: u32,
    pub(crate) aspect: u8,
    pub(crate) colour565: u16,
    pub(crate) taken: Option<(i64, Option<i32>)>,
    pub(crate) place: Option<(f64, f64)>,
    pub(crate) caption: Option<String>,
    pub(crate) rating: Option<u8>,
    /// Whether it is another home's, shown from an album.
    pub(crate) shared: bool,
}

impl Facts {
    /// A photo of which only the file is known: a grey box.
    pub(crate) fn arrived(kind: Kind, modified_ms: i64) -> Self {
        Self { state: State::Pending, ..Self::derived(kind, modified_ms, &Derivation::default()) }
    }

    /// A photo whose file was read.
    pub(crate) fn derived(kind: Kind, modified_ms: i64, derivation: &Derivation) -> Self {
        Self {
            kind,
            modified_ms,
            state: State::Derived,
            version: derivation.version,
            duration_ms: derivation.duration_ms.unwrap_or(0),
            aspect: aspect_byte(derivation.width, derivation.height),
            colour565: colour565(derivation.colour),
            taken: derivation.taken_local_ms.map(|local_ms| (local_ms, derivation.offset_minutes)),
            place: derivation.latitude.zip(derivation.longitude),
            caption: derivation.description.clone(),
            rating: derivation.rating,
            shared: false,
        }
    }
}

/// What is shown.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Shown {
    pub(crate) taken_local_ms: i64,
    pub(crate) offset_minutes: Option<i32>,
    pub(crate) dated_by: DatedBy,
    pub(crate) month: i32,
    pub(crate) place: Option<(f64, f64)>,
    pub(crate) caption: Option<String>,
    pub(crate) rating: Option<u8>,
    pub(crate) favourite: bool,
    pub(crate) archived: bool,
    pub(crate) flags: u32,
}

impl Shown {
    pub(crate) fn of(facts: &Facts, marks: &Marks) -> Self {
        let (taken, dated_by) = match (marks.taken, facts.taken) {
            (Some(taken), _) => (taken, DatedBy::Person),
            (None, Some(taken)) => (taken, DatedBy::Metadata),
            (None, None) => ((facts.modified_ms, None), DatedBy::File),
        };
        let taken_local_ms = taken.0.clamp(LOCAL_MS_MIN, LOCAL_MS_MAX);
        let caption = marks.caption.as_ref().or(facts.caption.as_ref());
        let caption = caption.map(|text| text.trim()).filter(|text| !text.is_empty());
        Self {
            taken_local_ms,
            offset_minutes: taken.1,
            dated_by,
            month: month_of(taken_local_ms),
            place: marks.place.filter(on_earth).or(facts.place.filter(on_earth)),
            caption: caption.map(str::to_owned),
            rating: marks.rating.or(facts.rating).filter(|rating| (1..=5).contains(rating)),
            favourite: marks.favourite,
            archived: marks.archived,
            flags: flags_of(facts, marks.favourite, caption.is_some()),
        }
    }
}

fn flags_of(facts: &Facts, favourite: bool, caption: bool) -> u32 {
    let bit = |set: bool, flag: u32| if set { flag } else { 0 };
    bit(facts.kind == Kind::Video, flags::VIDEO)
        | bit(favourite, flags::FAVOURITE)
        | bit(caption, flags::CAPTION)
        | bit(facts.state == State::Failed, flags::FAILED)
        | bit(facts.state == State::Pending, flags::PENDING)
        | bit(facts.shared, flags::SHARED)
}

/// Whether a place is one; cameras write NaN and 999 degrees.
fn on_earth(place: &(f64, f64)) -> bool {
    (-90.0..=90.0).contains(&place.0) && (-180.0..=180.0).contains(&place.1)
}

/// The byte that stands for width over height: 0 is 1:5, 255 is 5:1, equal steps of the logarithm between.
fn aspect_byte(width: u32, height: u32) -> u8 {
    let ratio =
        if width == 0 || height == 0 { ASPECT_PLACEHOLDER } else { f64::from(width) / f64::from(height) };
    let share = (ratio.ln() - ASPECT_MIN.ln()) / (ASPECT_MAX.ln() - ASPECT_MIN.ln());
    #[expect(clippy::cast_possible_truncation, reason = "clamped to 0..=255 and rounded just before")]
    #[expect(clippy::cast_sign_loss, reason = "clamped to 0..=255 just before")]
    let byte = (share * 255.0).round().clamp(0.0, 255.0) as u8;
    byte
}

/// A colour with 5 bits of red, 6 of green and 5 of blue, red highest.
fn colour565(colour: Option<[u8; 3]>) -> u16 {
    let [red, green, blue] = colour.unwrap_or(COLOUR_PLACEHOLDER).map(u16::from);
    (red >> 3) << 11 | (green >> 2) << 5 | blue >> 3
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn aspects() {
        for (width, height, byte) in
            [(1, 5, 0), (5, 1, 255), (1, 1, 128), (3, 2, 160), (0, 0, 160), (100, 1, 255), (1, 100, 0)]
        {
            assert_eq!(aspect_byte(width, height), byte, "{width}:{height}");
        }
    }

    #[test]
    fn colours() {
        assert_eq!(colour565(Some([255, 255, 255])), 0xffff);
        assert_eq!(colour565(Some([255, 0, 0])), 0xf800);
        assert_eq!(colour565(Some([0, 255, 0])), 0x07e0);
        assert_eq!(colour565(Some([0, 0, 255])), 0x001f);
        assert_eq!(colour565(None), 0x8410);
    }

    #[test]
    fn marks_over_metadata_over_the_file() {
        let file = Facts::arrived(Kind::Image, 1_000);
        let meta = Derivation {
            taken_local_ms: Some(2_000),
            offset_minutes: Some(60),
            latitude: Some(1.0),
            longitude: Some(2.0),
            description: Some(" by the sea ".to_owned()),
            rating: Some(3),
            ..Derivation::default()
        };
        let meta = Facts::derived(Kind::Image, 1_000, &meta);
        let person = Marks {
            taken: Some((3_000, None)),
            place: Some((5.0, 6.0)),
            caption: Some(String::new()),
            rating: Some(0),
            ..Marks::default()
        };
        let shown = Shown::of(&file, &Marks::default());
        assert_eq!((shown.taken_local_ms, shown.dated_by), (1_000, DatedBy::File));
        let shown = Shown::of(&meta, &Marks::default());
        assert_eq!((shown.taken_local_ms, shown.offset_minutes), (2_000, Some(60)));
        assert_eq!((shown.place, shown.caption.as_deref()), (Some((1.0, 2.0)), Some("by the sea")));
        assert_eq!((shown.rating, shown.flags), (Some(3), flags::CAPTION));
        let shown = Shown::of(&meta, &person);
        assert_eq!((shown.taken_local_ms, shown.offset_minutes), (3_000, None));
        assert_eq!((shown.place, shown.caption, shown.rating), (Some((5.0, 6.0)), None, None));
        assert_eq!((shown.dated_by, shown.flags), (DatedBy::Person, 0));
    }

    #[test]
    fn impossible_places_are_dropped() {
        let mut facts = Facts::arrived(Kind::Image, 0);
        for place in [(f64::NAN, 0.0), (91.0, 0.0), (0.0, f64::INFINITY), (0.0, -180.5)] {
            facts.place = Some(place);
            assert_eq!(Shown::of(&facts, &Marks::default()).place, None, "{place:?}");
        }
    }
}
