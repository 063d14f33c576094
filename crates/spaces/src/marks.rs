//! What a person decided about one photo, and how each decision is spelled in its document.
//!
//! `None` means that nobody decided: the catalog then uses what the file itself says. A decision for *nothing* is a
//! value of its own, an empty caption or a rating of 0, so that what a file says doesn't come back after it was
//! cleared. The spelling is drawn in `docs/formats/library-documents.md`.

use std::{fmt, str::FromStr};

use automerge::ScalarValue;
use heirloom_identity::AssetId;
use thiserror::Error;

use crate::Month;

/// How long a caption may be, in characters.
pub const CAPTION_CHARS_MAX: usize = 10_000;
/// The best rating.
pub const RATING_MAX: u8 = 5;
/// How far a zone may be from UTC: 18 hours.
pub const OFFSET_MINUTES_MAX: i32 = 18 * 60;

/// Why a decision can't be kept.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum MarkError {
    /// Too long.
    #[error("the caption has {chars} characters, at most 10,000 fit")]
    CaptionTooLong {
        /// Its length in characters.
        chars: usize,
    },
    /// Not a rating.
    #[error("{0} is not a rating; ratings go from 0 (none) to 5")]
    Rating(u8),
    /// Not a zone.
    #[error("{0} minutes is not an offset from UTC; offsets go from -1080 to 1080")]
    Offset(i32),
    /// Not a place on Earth.
    #[error(
        "{latitude}, {longitude} is not a place; latitudes go from -90 to 90, longitudes from -180 to 180"
    )]
    Place {
        /// Degrees north.
        latitude: f64,
        /// Degrees east.
        longitude: f64,
    },
}

/// When a photo was taken, corrected by hand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TakenMark {
    /// What a clock on the wall showed, in milliseconds since 1970-01-01 00:00 on that clock.
    pub local_ms: i64,
    /// How far that clock was ahead of UTC, in minutes, if known.
    pub offset_minutes: Option<i32>,
}

/// Where a photo was taken, corrected by hand.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PlaceMark {
    /// Degrees north, WGS 84, -90 to 90.
    pub latitude: f64,
    /// Degrees east, WGS 84, -180 to 180.
    pub longitude: f64,
}

/// Everything that was decided about one asset.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Marks {
    /// Whether it is a favourite.
    pub favourite: bool,
    /// What stands under it; empty when the caption was cleared.
    pub caption: Option<String>,
    /// 1 to 5 stars; 0 when the rating was cleared.
    pub rating: Option<u8>,
    /// Whether it is put away from the timeline.
    pub archived: bool,
    /// The corrected time.
    pub taken: Option<TakenMark>,
    /// The corrected place.
    pub place: Option<PlaceMark>,
}

/// One decision. `None` takes an earlier one back.
#[derive(Debug, Clone, PartialEq)]
pub enum MarkChange {
    /// Makes it a favourite, or no longer one.
    Favourite(bool),
    /// At most [`CAPTION_CHARS_MAX`] characters; empty clears the caption.
    Caption(Option<String>),
    /// At most [`RATING_MAX`]; 0 clears the rating.
    Rating(Option<u8>),
    /// Puts it away from the timeline, or back.
    Archived(bool),
    /// Corrects the time.
    Taken(Option<TakenMark>),
    /// Corrects the place.
    Place(Option<PlaceMark>),
}

/// One decision about one asset.
#[derive(Debug, Clone, PartialEq)]
pub struct Edit {
    /// The photo or video.
    pub asset: AssetId,
    /// The month in which it was added to the library: says which document holds its marks, so it must always be
    /// the same for one asset.
    pub added: Month,
    /// The decision.
    pub change: MarkChange,
}

/// A field of [`Marks`], as the second half of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Field {
    Favourite,
    Caption,
    Rating,
    Archived,
    Taken,
    Place,
}

impl Field {
    pub(crate) const ALL: [Self; 6] =
        [Self::Favourite, Self::Caption, Self::Rating, Self::Archived, Self::Taken, Self::Place];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Favourite => "favourite",
            Self::Caption => "caption",
            Self::Rating => "rating",
            Self::Archived => "archived",
            Self::Taken => "taken",
            Self::Place => "place",
        }
    }

    /// The key in a document.
    pub(crate) fn key(self, asset: &AssetId) -> String {
        format!("{asset}/{}", self.name())
    }

    /// The asset and field that a key means, or `None` when a newer program wrote it.
    pub(crate) fn of_key(key: &str) -> Option<(AssetId, Self)> {
        let (asset, name) = key.split_once('/')?;
        let field = Self::ALL.into_iter().find(|field| field.name() == name)?;
        Some((asset.parse().ok()?, field))
    }
}

impl MarkChange {
    /// Whether the value is within its bounds.
    ///
    /// # Errors
    /// The [`MarkError`] that says which bound it is past.
    pub fn check(&self) -> Result<(), MarkError> {
        match self {
            Self::Caption(Some(text)) => check_caption(text),
            Self::Rating(Some(stars)) if *stars > RATING_MAX => Err(MarkError::Rating(*stars)),
            Self::Taken(Some(taken)) => taken.check(),
            Self::Place(Some(place)) => place.check(),
            Self::Favourite(_)
            | Self::Archived(_)
            | Self::Caption(None)
            | Self::Rating(_)
            | Self::Taken(None)
            | Self::Place(None) => Ok(()),
        }
    }

    /// Whether there is a value: `false` and `None` say what is so anyway.
    pub(crate) fn says_something(&self) -> bool {
        self.value().is_some_and(|value| value != ScalarValue::Boolean(false))
    }

    pub(crate) fn field(&self) -> Field {
        match self {
            Self::Favourite(_) => Field::Favourite,
            Self::Caption(_) => Field::Caption,
            Self::Rating(_) => Field::Rating,
            Self::Archived(_) => Field::Archived,
            Self::Taken(_) => Field::Taken,
            Self::Place(_) => Field::Place,
        }
    }

    /// The value in a document, or `None` when the key is deleted.
    pub(crate) fn value(&self) -> Option<ScalarValue> {
        match self {
            Self::Favourite(yes) | Self::Archived(yes) => Some(ScalarValue::Boolean(*yes)),
            Self::Caption(text) => text.as_deref().map(ScalarValue::from),
            Self::Rating(stars) => stars.map(|stars| ScalarValue::Int(i64::from(stars))),
            Self::Taken(taken) => taken.map(|taken| ScalarValue::from(taken.to_string())),
            Self::Place(place) => place.map(|place| ScalarValue::from(place.to_string())),
        }
    }
}

impl Marks {
    /// Takes over one value of a document. A value that doesn't fit its field is as good as absent.
    pub(crate) fn read(&mut self, field: Field, value: &ScalarValue) {
        let text = match value {
            ScalarValue::Str(text) => Some(text.as_str()),
            _ => None,
        };
        match field {
            Field::Favourite => self.favourite = matches!(value, ScalarValue::Boolean(true)),
            Field::Archived => self.archived = matches!(value, ScalarValue::Boolean(true)),
            Field::Caption => {
                self.caption = text.filter(|text| check_caption(text).is_ok()).map(str::to_owned);
            }
            Field::Rating => self.rating = read_rating(value),
            Field::Taken => self.taken = text.and_then(|text| text.parse().ok()),
            Field::Place => self.place = text.and_then(|text| text.parse().ok()),
        }
    }
}

impl TakenMark {
    fn check(&self) -> Result<(), MarkError> {
        match self.offset_minutes {
            Some(offset) if offset.abs() > OFFSET_MINUTES_MAX => Err(MarkError::Offset(offset)),
            _ => Ok(()),
        }
    }
}

impl fmt::Display for TakenMark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{};", self.local_ms)?;
        self.offset_minutes.map_or(Ok(()), |minutes| minutes.fmt(f))
    }
}

/// A text that isn't spelled as a mark.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the text is not a mark")]
pub struct MarkTextError;

impl FromStr for TakenMark {
    type Err = MarkTextError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (local, offset) = text.split_once(';').ok_or(MarkTextError)?;
        let offset_minutes = match offset {
            "" => None,
            minutes => Some(minutes.parse().map_err(|_| MarkTextError)?),
        };
        let taken = Self { local_ms: local.parse().map_err(|_| MarkTextError)?, offset_minutes };
        taken.check().map(|()| taken).map_err(|_| MarkTextError)
    }
}

impl PlaceMark {
    fn check(&self) -> Result<(), MarkError> {
        let Self { latitude, longitude } = *self;
        if (-90.0..=90.0).contains(&latitude) && (-180.0..=180.0).contains(&longitude) {
            Ok(())
        } else {
            Err(MarkError::Place { latitude, longitude })
        }
    }
}

impl fmt::Display for PlaceMark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{};{}", self.latitude, self.longitude)
    }
}

impl FromStr for PlaceMark {
    type Err = MarkTextError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (latitude, longitude) = text.split_once(';').ok_or(MarkTextError)?;
        let degrees = |text: &str| text.parse::<f64>().map_err(|_| MarkTextError);
        let place = Self { latitude: degrees(latitude)?, longitude: degrees(longitude)? };
        place.check().map(|()| place).map_err(|_| MarkTextError)
    }
}

fn check_caption(text: &str) -> Result<(), MarkError> {
    // A text has at most as many characters as bytes, so most captions needn't be counted.
    if text.len() <= CAPTION_CHARS_MAX {
        return Ok(());
    }
    match text.chars().count() {
        chars if chars > CAPTION_CHARS_MAX => Err(MarkError::CaptionTooLong { chars }),
        _ => Ok(()),
    }
}

fn read_rating(value: &ScalarValue) -> Option<u8> {
    let ScalarValue::Int(stars) = value else { return None };
    u8::try_from(*stars).ok().filter(|stars| *stars <= RATING_MAX)
}
