//! A photo as Immich's clients read it.

use data_encoding::BASE64;
use heirloom_catalog::{AssetDetail, DatedBy, Kind};
use serde::Serialize;
use utoipa::ToSchema;

use super::dates::{iso, zone};

/// Everything about one photo, in the shape of Immich's `AssetResponseDto`.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[expect(clippy::struct_excessive_bools, reason = "Immich's interface has them")]
pub struct AssetJson {
    /// The asset.
    id: String,
    /// Its owner.
    owner_id: String,
    /// `IMAGE` or `VIDEO`.
    #[serde(rename = "type")]
    kind: &'static str,
    /// Where the original lies, relative to the home.
    original_path: String,
    /// The name it came with.
    original_file_name: String,
    /// Its media type.
    original_mime_type: String,
    /// SHA-1 of the original, base64.
    checksum: String,
    /// The thumbhash, base64.
    thumbhash: Option<String>,
    /// When it was taken, UTC.
    file_created_at: String,
    /// The file's modified time, UTC.
    file_modified_at: String,
    /// When it was taken, by a clock on the wall there, written as if it were UTC.
    local_date_time: String,
    /// When it came, UTC.
    created_at: String,
    /// The same.
    updated_at: String,
    /// Whether it is a favourite.
    is_favorite: bool,
    /// Whether it is put away.
    is_archived: bool,
    /// Always false.
    is_trashed: bool,
    /// Always false.
    is_offline: bool,
    /// Always false.
    is_edited: bool,
    /// `timeline` or `archive`.
    visibility: &'static str,
    /// How long it plays, milliseconds; null for a still.
    duration: Option<u32>,
    /// Always true.
    has_metadata: bool,
    /// Pixels across, upright; null while unknown.
    width: Option<u32>,
    /// Pixels down, upright; null while unknown.
    height: Option<u32>,
    /// What the file and the person say about how it was taken.
    exif_info: ExifJson,
    /// Always null.
    live_photo_video_id: Option<String>,
    /// Always null.
    duplicate_id: Option<String>,
    /// Always null.
    library_id: Option<String>,
    /// Always null.
    stack: Option<String>,
    /// Always empty.
    people: Vec<String>,
    /// Always empty.
    tags: Vec<String>,
}

/// How a photo was taken, in the shape of Immich's `ExifResponseDto`.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ExifJson {
    /// The camera's maker.
    make: Option<String>,
    /// The camera.
    model: Option<String>,
    /// The lens.
    lens_model: Option<String>,
    /// The aperture as an f-number.
    f_number: Option<f64>,
    /// The focal length in millimetres.
    focal_length: Option<f64>,
    /// The sensitivity.
    iso: Option<u32>,
    /// How long the shutter was open, in seconds: `1/250` or `2.5`.
    exposure_time: Option<String>,
    /// When it was taken, UTC; null when neither the file nor a person says.
    date_time_original: Option<String>,
    /// The zone of that, such as `UTC+2`.
    time_zone: Option<String>,
    /// The file's modified time.
    modify_date: String,
    /// Degrees north.
    latitude: Option<f64>,
    /// Degrees east.
    longitude: Option<f64>,
    /// The caption; empty without one.
    description: String,
    /// 1 to 5.
    rating: Option<u8>,
    /// The original's size.
    file_size_in_byte: u64,
    /// Pixels across, upright.
    exif_image_width: Option<u32>,
    /// Pixels down, upright.
    exif_image_height: Option<u32>,
    /// Always `1`: sizes are given upright.
    orientation: &'static str,
    /// Always null.
    projection_type: Option<String>,
    /// Always null.
    city: Option<String>,
    /// Always null.
    state: Option<String>,
    /// Always null.
    country: Option<String>,
}

impl From<AssetDetail> for AssetJson {
    fn from(detail: AssetDetail) -> Self {
        let arrived = iso(detail.arrived_ms);
        Self {
            id: detail.asset.to_string(),
            owner_id: detail.account.to_string(),
            kind: if detail.kind == Kind::Video { "VIDEO" } else { "IMAGE" },
            original_path: detail.library_path.clone(),
            original_file_name: detail.file_name.clone(),
            original_mime_type: detail.mime.clone(),
            checksum: detail.sha1.to_base64(),
            thumbhash: detail.thumbhash.as_ref().map(|hash| BASE64.encode(hash)),
            file_created_at: iso(detail.taken_utc_ms()),
            file_modified_at: iso(detail.modified_ms),
            local_date_time: iso(detail.taken_local_ms),
            created_at: arrived.clone(),
            updated_at: arrived,
            is_favorite: detail.favourite,
            is_archived: detail.archived,
            is_trashed: false,
            is_offline: false,
            is_edited: false,
            visibility: visibility(detail.archived),
            duration: (detail.kind == Kind::Video).then_some(detail.duration_ms),
            has_metadata: true,
            width: detail.width,
            height: detail.height,
            live_photo_video_id: None,
            duplicate_id: None,
            library_id: None,
            stack: None,
            people: Vec::new(),
            tags: Vec::new(),
            exif_info: detail.into(),
        }
    }
}

impl From<AssetDetail> for ExifJson {
    fn from(detail: AssetDetail) -> Self {
        let dated = detail.dated_by != DatedBy::File;
        Self {
            date_time_original: dated.then(|| iso(detail.taken_utc_ms())),
            time_zone: detail.offset_minutes.filter(|_| dated).map(zone),
            modify_date: iso(detail.modified_ms),
            make: detail.make,
            model: detail.model,
            lens_model: detail.lens,
            f_number: detail.f_number,
            focal_length: detail.focal_length_mm,
            iso: detail.iso,
            exposure_time: detail.exposure_seconds.and_then(exposure),
            latitude: detail.latitude,
            longitude: detail.longitude,
            description: detail.caption.unwrap_or_default(),
            rating: detail.rating,
            file_size_in_byte: detail.bytes,
            exif_image_width: detail.width,
            exif_image_height: detail.height,
            orientation: "1",
            projection_type: None,
            city: None,
            state: None,
            country: None,
        }
    }
}

/// The word for whether a photo is put away.
pub fn visibility(archived: bool) -> &'static str {
    if archived { "archive" } else { "timeline" }
}

/// An exposure as photographers write it; none for what no shutter does.
fn exposure(seconds: f64) -> Option<String> {
    if !seconds.is_finite() || seconds <= 0.0 {
        return None;
    }
    let inverse = 1.0 / seconds;
    if seconds < 0.3 || (seconds < 1.0 && (inverse - inverse.round()).abs() < 0.01) {
        return Some(format!("1/{inverse:.0}"));
    }
    let text = format!("{seconds:.1}");
    Some(text.strip_suffix(".0").map_or_else(|| text.clone(), str::to_owned))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exposures_as_photographers_write_them() {
        let check = |seconds, text: Option<&str>| assert_eq!(exposure(seconds).as_deref(), text, "{seconds}");
        check(0.004, Some("1/250"));
        check(1.0 / 8000.0, Some("1/8000"));
        check(0.5, Some("1/2"));
        check(0.6, Some("0.6"));
        check(1.0, Some("1"));
        check(2.5, Some("2.5"));
        check(30.0, Some("30"));
        check(0.0, None);
        check(f64::NAN, None);
        check(f64::INFINITY, None);
    }
}
