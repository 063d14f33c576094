//! Our own timeline: the skeleton of a whole library in one small file, and the columns of a month.
//!
//! The layouts are drawn in `docs/formats/timeline.md`.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use heirloom_catalog::View;
use heirloom_catalog::calendar::month_from_text;
use heirloom_identity::AccountId;
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::ApiState;
use super::error::{ApiError, ErrorBody};
use super::extract::{Json, Path, Query, blocking};
use super::headers::has_version;
use super::session::SignedIn;

/// Where the revision lies in a skeleton.
const REV_AT: std::ops::Range<usize> = 4..8;

pub(super) fn routes() -> OpenApiRouter<Arc<ApiState>> {
    OpenApiRouter::new().routes(routes!(skeleton)).routes(routes!(columns))
}

/// What the page has already.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct SkeletonQuery {
    /// A revision: only the months that changed after it are sent.
    pub since: Option<u32>,
}

/// Sends the skeleton of a view: months, days, shapes and colours of all its photos.
#[utoipa::path(get, path = "/timeline/{view}/skeleton", tag = "timeline",
    params(("view" = String, Path, description = "all or favourites"), SkeletonQuery),
    responses((status = 200, description = "See docs/formats/timeline.md", content_type = "application/octet-stream", body = Vec<u8>),
        (status = 304), (status = 401, body = ErrorBody), (status = 404, body = ErrorBody)))]
async fn skeleton(
    State(state): State<Arc<ApiState>>,
    signed_in: SignedIn,
    Path(view): Path<String>,
    Query(query): Query<SkeletonQuery>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let view = View::from_name(&view).ok_or_else(ApiError::not_found)?;
    let account = signed_in.account;
    if has_version(&headers, &etag(state.home.catalog().revision(&account)?, &account)) {
        return Ok(unchanged());
    }
    let bytes = blocking(move || Ok(state.home.catalog().skeleton(&account, view, query.since)?)).await?;
    let rev = bytes.get(REV_AT).and_then(|rev| rev.try_into().ok()).map_or(0, u32::from_le_bytes);
    let kind = "application/octet-stream".to_owned();
    Ok((versioned(etag(rev, &account)), [(header::CONTENT_TYPE, kind)], bytes).into_response())
}

/// What else to send.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ColumnsQuery {
    /// `1`: thumbhashes too.
    pub hash: Option<String>,
}

/// Sends the columns of one part (at most 2,000 photos) of one month.
#[utoipa::path(get, path = "/timeline/{view}/columns/{part}", tag = "timeline",
    params(("view" = String, Path, description = "all or favourites"),
        ("part" = String, Path, description = "yyyy-mm, or yyyy-mm.N for part N, from 0"), ColumnsQuery),
    responses((status = 200, description = "See docs/formats/timeline.md", content_type = "application/json", body = Object),
        (status = 304), (status = 401, body = ErrorBody), (status = 404, body = ErrorBody)))]
async fn columns(
    State(state): State<Arc<ApiState>>,
    signed_in: SignedIn,
    Path((view, part)): Path<(String, String)>,
    Query(query): Query<ColumnsQuery>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let view = View::from_name(&view).ok_or_else(ApiError::not_found)?;
    let (month, part) = month_and_part(&part).ok_or_else(ApiError::not_found)?;
    let account = signed_in.account;
    let rev = state.home.catalog().month_revision(&account, month)?.ok_or_else(ApiError::not_found)?;
    if has_version(&headers, &etag(rev, &account)) {
        return Ok(unchanged());
    }
    let with_hash = query.hash.is_some_and(|value| value == "1" || value == "true");
    let found = blocking(move || Ok(state.home.catalog().columns(&account, view, month, part, with_hash)?));
    let columns = found.await?.ok_or_else(ApiError::not_found)?;
    Ok((versioned(etag(columns.rev, &account)), Json(columns)).into_response())
}

/// A revision as a version tag; revisions of two accounts mean different things.
fn etag(rev: u32, account: &AccountId) -> String {
    let account = account.to_string();
    format!("\"{rev}-{}\"", account.get(..8).unwrap_or(&account))
}

fn versioned(etag: String) -> [(header::HeaderName, String); 2] {
    [(header::ETAG, etag), (header::CACHE_CONTROL, "private, no-cache".to_owned())]
}

fn unchanged() -> Response {
    (StatusCode::NOT_MODIFIED, [(header::CACHE_CONTROL, "private, no-cache")]).into_response()
}

fn month_and_part(text: &str) -> Option<(i32, u32)> {
    let (month, part) = match text.split_once('.') {
        Some((month, part)) => (month, part.parse().ok()?),
        None => (text, 0),
    };
    Some((month_from_text(month)?, part))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_months() {
        assert_eq!(month_and_part("2024-05"), Some((202_405, 0)));
        assert_eq!(month_and_part("2024-05.12"), Some((202_405, 12)));
        for text in ["", "2024", "2024-13", "2024-05.", "2024-05.-1", "2024-05.1.2"] {
            assert_eq!(month_and_part(text), None, "{text}");
        }
    }
}
