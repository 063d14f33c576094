//! The pictures of the grid and the viewer.
//!
//! They live in the cache, which nobody fsyncs and anybody may delete, so each is looked at before it is sent.
//! One that is missing or torn is made again: the answer is 404 until then.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use heirloom_catalog::{AssetDetail, State as Derived};
use heirloom_identity::AccountId;
use heirloom_spaces::{Album, Entry};
use heirloom_vault::BlobKind;
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::ApiState;
use super::access::{own_detail, seen_entry};
use super::album_files;
use super::error::{ApiError, ErrorBody};
use super::extract::{Path, Query, blocking};
use super::headers::{NO_CONTENT_POLICY, has_version};
use super::original::{self, Delivery};
use super::session::SignedIn;
use crate::clock;
use crate::home::Home;
use crate::vault::heal;
use crate::workers::cache::is_whole;

/// Formats that every browser draws by itself.
const WEB_SAFE: [&str; 4] = ["image/jpeg", "image/png", "image/webp", "image/gif"];

pub(super) fn routes() -> OpenApiRouter<Arc<ApiState>> {
    OpenApiRouter::new().routes(routes!(get_thumbnail))
}

/// Which picture.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Size {
    /// WebP, short side 250.
    #[default]
    Thumbnail,
    /// JPEG, long side 1920.
    Preview,
    /// The original where every browser draws it, else the preview.
    Fullsize,
}

/// Which picture, and how long it may be kept.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ThumbnailQuery {
    /// Which picture.
    #[serde(default)]
    #[param(inline)]
    pub size: Size,
    /// The generation of the picture: with it, the answer may be kept for ever.
    pub v: Option<String>,
}

/// Sends a photo's thumbnail or preview; 404 until it is made.
#[utoipa::path(get, path = "/assets/{id}/thumbnail", tag = "assets",
    params(("id" = String, Path, description = "UUID or local id"), ThumbnailQuery),
    responses((status = 200, description = "image/webp or image/jpeg", content_type = "image/*", body = Vec<u8>),
        (status = 304), (status = 401, body = ErrorBody), (status = 404, body = ErrorBody)))]
async fn get_thumbnail(
    State(state): State<Arc<ApiState>>,
    signed_in: SignedIn,
    Path(id): Path<String>,
    Query(query): Query<ThumbnailQuery>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let detail = match find(&state, signed_in.account, id.clone()).await? {
        Found::Own(detail) => *detail,
        Found::Album(album, entry) => {
            return album_files::picture(&state, album, *entry, query.size, &headers).await;
        }
    };
    if query.size == Size::Fullsize && WEB_SAFE.contains(&detail.mime.as_str()) {
        return original::send(&state, &signed_in.account, &id, Delivery::Inline, &headers).await;
    }
    if detail.version == 0 {
        return Err(not_made(&detail));
    }
    let (size, mime) = match query.size {
        Size::Thumbnail => ("thumbnail", "image/webp"),
        Size::Preview | Size::Fullsize => ("preview", "image/jpeg"),
    };
    let etag = format!("\"{}-{}-{size}\"", &detail.content.to_string()[..32], detail.version);
    let keep =
        if query.v.is_some() { "private, max-age=31536000, immutable" } else { "private, max-age=86400" };
    if has_version(&headers, &etag) {
        return Ok((
            StatusCode::NOT_MODIFIED,
            [(header::ETAG, etag), (header::CACHE_CONTROL, keep.to_owned())],
        )
            .into_response());
    }
    let bytes = picture(&state, detail, query.size).await?;
    let mut response = bytes.into_response();
    let fields = [
        (header::CONTENT_TYPE, mime),
        (header::CACHE_CONTROL, keep),
        (header::CONTENT_SECURITY_POLICY, NO_CONTENT_POLICY),
        (header::ETAG, &etag),
    ];
    for (name, value) in fields {
        response.headers_mut().insert(name, HeaderValue::from_str(value).map_err(ApiError::internal)?);
    }
    Ok(response)
}

/// Whose photo an id stands for.
enum Found {
    Own(Box<AssetDetail>),
    /// A photo of an album: in the timeline, or on the album's cover.
    Album(Arc<Album>, Box<Entry>),
}

async fn find(state: &Arc<ApiState>, account: AccountId, id: String) -> Result<Found, ApiError> {
    let state = Arc::clone(state);
    blocking(move || match own_detail(&state.home, &account, &id) {
        Ok(detail) if !detail.shared => Ok(Found::Own(Box::new(detail))),
        other => {
            let found = seen_entry(&state.home, &account, &id)?;
            let (album, entry) = found.ok_or_else(|| other.err().unwrap_or_else(ApiError::not_found))?;
            Ok(Found::Album(Arc::new(album), Box::new(entry)))
        }
    })
    .await
}

/// The picture from the cache. One that is missing or torn is made again from the original; if that is not here either, in
/// a home that is being restored, the picture is fetched from a copy.
async fn picture(state: &Arc<ApiState>, detail: AssetDetail, size: Size) -> Result<Vec<u8>, ApiError> {
    let (at, looked) = (Arc::clone(state), detail.clone());
    let found = blocking(move || {
        let bytes = read(&at.home, &looked, size)?;
        let is_made_here = bytes.is_some() || has_original(&at.home, &looked);
        Ok((bytes, is_made_here))
    });
    let (bytes, is_made_here) = found.await?;
    if let Some(bytes) = bytes {
        return Ok(bytes);
    }
    let kind = if size == Size::Thumbnail { BlobKind::Thumbnail } else { BlobKind::Preview };
    let came = !is_made_here && heal::demand(&state.home, detail.content, kind).await.is_ok();
    let at = Arc::clone(state);
    blocking(move || match if came { read(&at.home, &detail, size)? } else { None } {
        Some(bytes) => Ok(bytes),
        None => {
            make_again(&at.home, detail.local_id)?;
            Err(ApiError::not_found().hint("The picture is being made again; try again soon."))
        }
    })
    .await
}

fn has_original(home: &Home, detail: &AssetDetail) -> bool {
    home.ledger.file(&detail.content).ok().flatten().is_some_and(|file| home.has_original(&file))
}

fn read(home: &Home, detail: &AssetDetail, size: Size) -> Result<Option<Vec<u8>>, ApiError> {
    let places = home.derivatives(&detail.content);
    let path = if size == Size::Thumbnail { places.thumbnail } else { places.preview };
    match std::fs::read(&path) {
        Ok(bytes) => Ok(is_whole(&bytes).then_some(bytes)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(ApiError::internal(
            anyhow::Error::new(error).context(format!("cannot read {}", path.display())),
        )),
    }
}

/// Queues the photo's derivation again.
fn make_again(home: &Home, local_id: u32) -> Result<(), ApiError> {
    tracing::info!(local_id, "a picture is missing from the cache or torn, and is made again");
    home.catalog().derive_again(local_id, clock::now_ms())?;
    home.work.wake();
    Ok(())
}

fn not_made(detail: &AssetDetail) -> ApiError {
    match (&detail.state, &detail.failure) {
        (Derived::Failed, Some(reason)) => ApiError::not_found().hint(reason.clone()),
        _ => ApiError::not_found().hint("The picture is not made yet; try again soon."),
    }
}
