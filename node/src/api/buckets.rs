//! The timeline as Immich's clients ask for it: months, and everything about the photos of one.

use std::sync::Arc;

use axum::extract::State;
use data_encoding::BASE64;
use heirloom_catalog::calendar::{month_from_text, month_text};
use heirloom_catalog::{BucketFilter, BucketPhoto, Kind};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::ApiState;
use super::asset_json::visibility;
use super::changes::archived;
use super::dates::iso;
use super::error::{ApiError, ErrorBody};
use super::extract::{Json, Query, blocking};
use super::session::SignedIn;

pub(super) fn routes() -> OpenApiRouter<Arc<ApiState>> {
    OpenApiRouter::new().routes(routes!(buckets)).routes(routes!(bucket))
}

/// Which photos.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", default)]
#[into_params(parameter_in = Query)]
pub struct BucketQuery {
    /// The month, as its first day; only for one month.
    pub time_bucket: Option<String>,
    /// Only favourites, or only others.
    pub is_favorite: Option<bool>,
    /// Only those in the trash: there is none.
    pub is_trashed: Option<bool>,
    /// `timeline` or `archive`; both when absent.
    pub visibility: Option<String>,
    /// `asc` for oldest first.
    pub order: Option<String>,
    /// Only those of an album: there is none yet.
    pub album_id: Option<String>,
    /// Only those with a person: there is none yet.
    pub person_id: Option<String>,
    /// Only those with a tag: there is none yet.
    pub tag_id: Option<String>,
    /// Only those of an account: others see nothing here.
    pub user_id: Option<String>,
    /// Adds places.
    pub with_coordinates: Option<bool>,
}

impl BucketQuery {
    fn filter(&self) -> Result<BucketFilter, ApiError> {
        let archived = self.visibility.as_deref().map(archived).transpose()?;
        Ok(BucketFilter { favourite: self.is_favorite, archived })
    }

    /// Whether it asks for photos that this node has none of.
    fn is_hopeless(&self, account: &str) -> bool {
        let named = self.album_id.is_some() || self.person_id.is_some() || self.tag_id.is_some();
        let foreign = self.user_id.as_deref().is_some_and(|user| user != account);
        named || foreign || self.is_trashed == Some(true)
    }

    fn is_ascending(&self) -> bool {
        self.order.as_deref() == Some("asc")
    }
}

/// A month.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TimeBucket {
    /// Its first day.
    time_bucket: String,
    /// Photos in it.
    count: u32,
}

/// Lists the months that hold photos, newest first.
#[utoipa::path(get, path = "/timeline/buckets", tag = "timeline", params(BucketQuery),
    responses((status = 200, body = Vec<TimeBucket>), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody)))]
async fn buckets(
    State(state): State<Arc<ApiState>>,
    signed_in: SignedIn,
    Query(query): Query<BucketQuery>,
) -> Result<Json<Vec<TimeBucket>>, ApiError> {
    let filter = query.filter()?;
    if query.is_hopeless(&signed_in.account.to_string()) {
        return Ok(Json(Vec::new()));
    }
    let found = blocking(move || Ok(state.home.catalog().buckets(&signed_in.account, filter)?)).await?;
    let first_day = |month| format!("{}-01", month_text(month));
    let buckets = found.into_iter();
    let buckets = buckets.map(|found| TimeBucket { time_bucket: first_day(found.month), count: found.count });
    let mut buckets: Vec<_> = buckets.collect();
    if query.is_ascending() {
        buckets.reverse();
    }
    Ok(Json(buckets))
}

/// The photos of one month, one array for each property, all of the same length.
#[derive(Debug, Default, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TimeBucketAssets {
    /// Assets.
    id: Vec<String>,
    /// Their owners.
    owner_id: Vec<String>,
    /// Width over height, upright.
    ratio: Vec<f64>,
    /// Whether it is a favourite.
    is_favorite: Vec<bool>,
    /// `timeline` or `archive`.
    visibility: Vec<&'static str>,
    /// Always false.
    is_trashed: Vec<bool>,
    /// Whether it stands still.
    is_image: Vec<bool>,
    /// Base64.
    thumbhash: Vec<Option<String>>,
    /// When it was taken, UTC.
    file_created_at: Vec<String>,
    /// When it came, UTC.
    created_at: Vec<String>,
    /// Hours that the clock there was ahead of UTC.
    local_offset_hours: Vec<f64>,
    /// How long it plays, milliseconds; null for a still.
    duration: Vec<Option<u32>>,
    /// Always null.
    projection_type: Vec<Option<String>>,
    /// Always null.
    live_photo_video_id: Vec<Option<String>>,
    /// Always null.
    city: Vec<Option<String>>,
    /// Always null.
    country: Vec<Option<String>>,
    /// Degrees north, when asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    latitude: Option<Vec<Option<f64>>>,
    /// Degrees east, when asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    longitude: Option<Vec<Option<f64>>>,
}

/// Sends what is known of the photos of one month.
#[utoipa::path(get, path = "/timeline/bucket", tag = "timeline", params(BucketQuery),
    responses((status = 200, body = TimeBucketAssets), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody)))]
async fn bucket(
    State(state): State<Arc<ApiState>>,
    signed_in: SignedIn,
    Query(query): Query<BucketQuery>,
) -> Result<Json<TimeBucketAssets>, ApiError> {
    let filter = query.filter()?;
    let month = query.time_bucket.as_deref().and_then(|text| month_from_text(text.get(..7)?));
    let month = month
        .ok_or_else(|| ApiError::bad_request("timeBucket is no month.").hint("Write it like 2024-05-01."))?;
    let account = signed_in.account;
    let owner = account.to_string();
    if query.is_hopeless(&owner) {
        return Ok(Json(TimeBucketAssets::default()));
    }
    let found = blocking(move || Ok(state.home.catalog().bucket(&account, month, filter)?));
    let mut photos = found.await?;
    if query.is_ascending() {
        photos.reverse();
    }
    Ok(Json(columns(&photos, &owner, query.with_coordinates == Some(true))))
}

fn columns(photos: &[BucketPhoto], owner: &str, with_places: bool) -> TimeBucketAssets {
    fn each<T>(photos: &[BucketPhoto], value: impl Fn(&BucketPhoto) -> T) -> Vec<T> {
        photos.iter().map(value).collect()
    }
    TimeBucketAssets {
        id: each(photos, |photo| photo.asset.to_string()),
        owner_id: each(photos, |_| owner.to_owned()),
        ratio: each(photos, BucketPhoto::ratio),
        is_favorite: each(photos, |photo| photo.favourite),
        visibility: each(photos, |photo| visibility(photo.archived)),
        is_trashed: each(photos, |_| false),
        is_image: each(photos, |photo| photo.kind == Kind::Image),
        thumbhash: each(photos, |photo| photo.thumbhash.as_ref().map(|hash| BASE64.encode(hash))),
        file_created_at: each(photos, |photo| iso(photo.taken_utc_ms())),
        created_at: each(photos, |photo| iso(photo.arrived_ms)),
        local_offset_hours: each(photos, |photo| f64::from(photo.offset_minutes.unwrap_or(0)) / 60.0),
        duration: each(photos, |photo| (photo.kind == Kind::Video).then_some(photo.duration_ms)),
        projection_type: each(photos, |_| None),
        live_photo_video_id: each(photos, |_| None),
        city: each(photos, |_| None),
        country: each(photos, |_| None),
        latitude: with_places.then(|| each(photos, |photo| photo.latitude)),
        longitude: with_places.then(|| each(photos, |photo| photo.longitude)),
    }
}
