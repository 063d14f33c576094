//! Photos: what is known of one, what a person decides about one or many, and which files are here already.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use heirloom_identity::{AccountId, AssetId, Sha1};
use heirloom_spaces::MarkChange;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::ApiState;
use super::access::{markable, own_detail};
use super::asset_json::AssetJson;
use super::changes::Changes;
use super::error::{ApiError, ErrorBody};
use super::extract::{Json, Path, Query, blocking};
use super::limits::ASSETS_PER_REQUEST_MAX;
use super::session::SignedIn;
use crate::home::Home;
use crate::index;
use crate::ingest::keep::held_by_sha1;

pub(super) fn routes() -> OpenApiRouter<Arc<ApiState>> {
    OpenApiRouter::new()
        .routes(routes!(bulk_upload_check))
        .routes(routes!(statistics))
        .routes(routes!(get_asset, change_asset))
        .routes(routes!(change_assets))
}

/// Describes one photo.
#[utoipa::path(get, path = "/assets/{id}", tag = "assets",
    params(("id" = String, Path, description = "UUID or local id")),
    responses((status = 200, body = AssetJson), (status = 401, body = ErrorBody), (status = 404, body = ErrorBody)))]
async fn get_asset(
    State(state): State<Arc<ApiState>>,
    signed_in: SignedIn,
    Path(id): Path<String>,
) -> Result<Json<AssetJson>, ApiError> {
    Ok(Json(own_detail(&state.home, &signed_in.account, &id)?.into()))
}

/// Takes decisions about one photo: durable when answered.
#[utoipa::path(put, path = "/assets/{id}", tag = "assets",
    params(("id" = String, Path, description = "UUID or local id")), request_body = Changes,
    responses((status = 200, body = AssetJson), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody),
        (status = 404, body = ErrorBody)))]
async fn change_asset(
    State(state): State<Arc<ApiState>>,
    signed_in: SignedIn,
    Path(id): Path<String>,
    Json(changes): Json<Changes>,
) -> Result<Json<AssetJson>, ApiError> {
    let account = signed_in.account;
    let asset = markable(&state.home, &account, &id)?;
    let decisions = changes.decisions()?;
    blocking(move || {
        decide(&state.home, account, &[asset], &decisions)?;
        Ok(Json(own_detail(&state.home, &account, &id)?.into()))
    })
    .await
}

/// Changes to many photos.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct BulkChanges {
    /// UUIDs or local ids, at most 10,000.
    pub ids: Vec<String>,
    /// The same for each of them.
    #[serde(flatten)]
    pub changes: Changes,
    /// Not supported.
    #[serde(default)]
    #[schema(ignore)]
    pub date_time_relative: Option<f64>,
    /// Not supported.
    #[serde(default)]
    #[schema(ignore)]
    pub time_zone: Option<String>,
}

/// Takes the same decisions about many photos, all or none: durable when answered.
#[utoipa::path(put, path = "/assets", tag = "assets", request_body = BulkChanges,
    responses((status = 204), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody),
        (status = 404, body = ErrorBody)))]
async fn change_assets(
    State(state): State<Arc<ApiState>>,
    signed_in: SignedIn,
    Json(bulk): Json<BulkChanges>,
) -> Result<StatusCode, ApiError> {
    at_most(bulk.ids.len())?;
    if bulk.date_time_relative.is_some() || bulk.time_zone.is_some() {
        return Err(ApiError::bad_request("Dates of many photos cannot be shifted here yet.")
            .hint("Send dateTimeOriginal for each photo."));
    }
    let account = signed_in.account;
    let decisions = bulk.changes.decisions()?;
    blocking(move || {
        let asset = |id: &String| markable(&state.home, &account, id);
        let mut assets = bulk.ids.iter().map(asset).collect::<Result<Vec<AssetId>, _>>()?;
        assets.sort_unstable();
        assets.dedup();
        decide(&state.home, account, &assets, &decisions)?;
        Ok(StatusCode::NO_CONTENT)
    })
    .await
}

fn decide(
    home: &Home,
    account: AccountId,
    assets: &[AssetId],
    decisions: &[MarkChange],
) -> Result<(), ApiError> {
    if assets.is_empty() || decisions.is_empty() {
        return Ok(());
    }
    Ok(index::decide(home, account, assets, decisions)?)
}

/// Files that a client has.
#[derive(Deserialize, ToSchema)]
pub struct UploadCheck {
    /// At most 10,000.
    pub assets: Vec<UploadCheckItem>,
}

/// A file that a client has.
#[derive(Deserialize, ToSchema)]
pub struct UploadCheckItem {
    /// What the client calls it.
    pub id: String,
    /// SHA-1 of its bytes, hexadecimal or base64.
    pub checksum: String,
}

/// Which of them to send.
#[derive(Serialize, ToSchema)]
pub struct UploadCheckAnswer {
    /// In the order of the question.
    results: Vec<UploadCheckResult>,
}

/// Whether to send a file.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct UploadCheckResult {
    /// What the client calls it.
    id: String,
    /// `accept` or `reject`.
    action: &'static str,
    /// `duplicate` when it is here already.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    reason: Option<&'static str>,
    /// As what.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    asset_id: Option<String>,
    /// Always false.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    is_trashed: Option<bool>,
}

/// Says which files are worth sending.
#[utoipa::path(post, path = "/assets/bulk-upload-check", tag = "assets", request_body = UploadCheck,
    responses((status = 200, body = UploadCheckAnswer), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody)))]
async fn bulk_upload_check(
    State(state): State<Arc<ApiState>>,
    signed_in: SignedIn,
    Json(check): Json<UploadCheck>,
) -> Result<Json<UploadCheckAnswer>, ApiError> {
    at_most(check.assets.len())?;
    let sums = check.assets.iter().map(|item| checksum(&item.checksum)).collect::<Result<Vec<_>, _>>()?;
    blocking(move || {
        let known = held_by_sha1(&state.home, &signed_in.account, &sums)?;
        let results = check.assets.into_iter().zip(&sums);
        let results = results.map(|(item, sum)| check_result(item.id, known.get(sum))).collect();
        Ok(Json(UploadCheckAnswer { results }))
    })
    .await
}

fn check_result(id: String, known: Option<&AssetId>) -> UploadCheckResult {
    UploadCheckResult {
        id,
        action: if known.is_some() { "reject" } else { "accept" },
        reason: known.map(|_| "duplicate"),
        asset_id: known.map(ToString::to_string),
        is_trashed: known.map(|_| false),
    }
}

/// Reads a SHA-1 as clients write it.
///
/// # Errors
/// 400 when it is none.
pub fn checksum(text: &str) -> Result<Sha1, ApiError> {
    Sha1::from_client(text.trim()).map_err(|_| {
        ApiError::bad_request("A checksum is no SHA-1.").hint("Send 40 hexadecimal digits or 28 of base64.")
    })
}

fn at_most(count: usize) -> Result<(), ApiError> {
    if count <= ASSETS_PER_REQUEST_MAX {
        return Ok(());
    }
    let message =
        format!("A request may name at most {ASSETS_PER_REQUEST_MAX} photos; this one names {count}.");
    Err(ApiError::bad_request(message).hint("Split it."))
}

/// Which photos to count.
#[derive(Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub struct StatisticsQuery {
    /// Only those in the trash: there is none.
    pub is_trashed: Option<bool>,
}

/// How many photos and videos there are.
#[derive(Serialize, ToSchema)]
pub struct StatisticsAnswer {
    /// Photos.
    images: u64,
    /// Videos.
    videos: u64,
    /// Both.
    total: u64,
}

/// Counts the account's photos and videos, archived ones too.
#[utoipa::path(get, path = "/assets/statistics", tag = "assets", params(StatisticsQuery),
    responses((status = 200, body = StatisticsAnswer), (status = 401, body = ErrorBody)))]
async fn statistics(
    State(state): State<Arc<ApiState>>,
    signed_in: SignedIn,
    Query(query): Query<StatisticsQuery>,
) -> Result<Json<StatisticsAnswer>, ApiError> {
    if query.is_trashed == Some(true) {
        return Ok(Json(StatisticsAnswer { images: 0, videos: 0, total: 0 }));
    }
    let counted = state.home.catalog().statistics(&signed_in.account)?;
    let (images, videos) = (counted.images, counted.videos);
    Ok(Json(StatisticsAnswer { images, videos, total: images + videos }))
}
