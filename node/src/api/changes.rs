//! What a client asks to change about photos, turned into decisions.

use heirloom_spaces::{MarkChange, PlaceMark};
use serde::Deserialize;
use utoipa::ToSchema;

use super::dates;
use super::error::ApiError;
use super::extract::present;

/// Changes to one photo or many. What is absent stays; `null` takes an earlier decision back, so that what the
/// file says shows again.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Changes {
    /// Makes it a favourite, or no longer one.
    #[schema(nullable = false)]
    pub is_favorite: Option<bool>,
    /// The caption, at most 10,000 characters; empty clears it.
    #[serde(deserialize_with = "present")]
    #[schema(value_type = Option<String>, required = false)]
    pub description: Option<Option<String>>,
    /// 1 to 5; `null` or 0 clears it.
    #[serde(deserialize_with = "present")]
    #[schema(value_type = Option<u8>, required = false)]
    pub rating: Option<Option<u8>>,
    /// When it was taken, ISO 8601; with a zone if that is known.
    #[serde(deserialize_with = "present")]
    #[schema(value_type = Option<String>, required = false)]
    pub date_time_original: Option<Option<String>>,
    /// Degrees north; comes with `longitude`.
    #[serde(deserialize_with = "present")]
    #[schema(value_type = Option<f64>, required = false)]
    pub latitude: Option<Option<f64>>,
    /// Degrees east; comes with `latitude`.
    #[serde(deserialize_with = "present")]
    #[schema(value_type = Option<f64>, required = false)]
    pub longitude: Option<Option<f64>>,
    /// `timeline` or `archive`.
    #[schema(nullable = false)]
    pub visibility: Option<String>,
}

impl Changes {
    /// The decisions, each within its bounds.
    ///
    /// # Errors
    /// 400 that says which value cannot be taken.
    pub fn decisions(self) -> Result<Vec<MarkChange>, ApiError> {
        let taken =
            self.date_time_original.map(|text| text.map(|text| date(&text)).transpose()).transpose()?;
        let place = place(self.latitude, self.longitude)?;
        let archived = self.visibility.map(|word| archived(&word)).transpose()?;
        let decisions: Vec<MarkChange> = [
            self.is_favorite.map(MarkChange::Favourite),
            self.description.map(MarkChange::Caption),
            self.rating.map(|stars| MarkChange::Rating(Some(stars.unwrap_or(0)))),
            taken.map(MarkChange::Taken),
            place.map(MarkChange::Place),
            archived.map(MarkChange::Archived),
        ]
        .into_iter()
        .flatten()
        .collect();
        decisions.iter().try_for_each(MarkChange::check)?;
        Ok(decisions)
    }
}

/// Reads a visibility; says whether it means put away.
///
/// # Errors
/// 400 for the two that this node doesn't have.
pub fn archived(word: &str) -> Result<bool, ApiError> {
    match word {
        "timeline" => Ok(false),
        "archive" => Ok(true),
        _ => Err(ApiError::bad_request(format!("This node does not know the visibility {word:?}."))
            .hint("Use \"timeline\" or \"archive\".")),
    }
}

fn date(text: &str) -> Result<heirloom_spaces::TakenMark, ApiError> {
    dates::taken(text).ok_or_else(|| {
        ApiError::bad_request("dateTimeOriginal is no date.").hint("Write it like 2024-05-01T12:00:00+02:00.")
    })
}

/// The place, when either half is there.
#[expect(clippy::option_option, reason = "absent, null and a value mean three things")]
fn place(
    latitude: Option<Option<f64>>,
    longitude: Option<Option<f64>>,
) -> Result<Option<Option<PlaceMark>>, ApiError> {
    match (latitude, longitude) {
        (None, None) => Ok(None),
        (Some(None), Some(None)) => Ok(Some(None)),
        (Some(Some(latitude)), Some(Some(longitude))) => Ok(Some(Some(PlaceMark { latitude, longitude }))),
        _ => Err(ApiError::bad_request("latitude and longitude come together.")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Result<Vec<MarkChange>, ApiError> {
        serde_json::from_str::<Changes>(json).unwrap().decisions()
    }

    #[test]
    fn absent_null_and_values_differ() {
        assert_eq!(read("{}").unwrap(), []);
        let nulls =
            r#"{"description":null,"rating":null,"dateTimeOriginal":null,"latitude":null,"longitude":null}"#;
        let taken_back = [
            MarkChange::Caption(None),
            MarkChange::Rating(Some(0)),
            MarkChange::Taken(None),
            MarkChange::Place(None),
        ];
        assert_eq!(read(nulls).unwrap(), taken_back);
        let values = r#"{"isFavorite":true,"description":"","rating":4,"latitude":1.5,"longitude":-2,"visibility":"archive"}"#;
        let place = PlaceMark { latitude: 1.5, longitude: -2.0 };
        let said = [
            MarkChange::Favourite(true),
            MarkChange::Caption(Some(String::new())),
            MarkChange::Rating(Some(4)),
            MarkChange::Place(Some(place)),
            MarkChange::Archived(true),
        ];
        assert_eq!(read(values).unwrap(), said);
    }

    #[test]
    fn what_is_out_of_bounds_is_refused() {
        let long = format!(r#"{{"description":"{}"}}"#, "é".repeat(10_001));
        for json in [
            r#"{"rating":6}"#,
            r#"{"latitude":1}"#,
            r#"{"latitude":91,"longitude":0}"#,
            r#"{"dateTimeOriginal":"soon"}"#,
            r#"{"visibility":"locked"}"#,
            &long,
        ] {
            assert_eq!(read(json).unwrap_err().status(), 400, "{json}");
        }
        assert!(read(&format!(r#"{{"description":"{}"}}"#, "é".repeat(10_000))).is_ok());
    }
}
