//! The pictures and originals of an album's photos, wherever they are: here, or fetched from another home now.

use std::path::PathBuf;
use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use heirloom_identity::{AccountId, ContentHash};
use heirloom_media::sniff;
use heirloom_spaces::{Album, Entry};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::ApiState;
use super::access::seen_album;
use super::error::{ApiError, ErrorBody};
use super::extract::{Path, Query, blocking};
use super::headers::{NO_CONTENT_POLICY, has_version};
use super::original::{Delivery, OriginalQuery, SentFile, send_file};
use super::session::SignedIn;
use super::thumbnail::{Size, ThumbnailQuery};
use crate::home::Home;
use crate::ledger::shared_files::FileKind;
use crate::sharing::demand::{self, Unreachable};
use crate::sharing::{facts, originals, pictures};
use crate::workers::cache::is_whole;

/// How long a client waits before it asks again for what is on its way, or for a home that is off.
const RETRY_SECS: u64 = 15;

pub(super) fn routes() -> OpenApiRouter<Arc<ApiState>> {
    OpenApiRouter::new().routes(routes!(get_thumbnail)).routes(routes!(get_original))
}

/// Sends a photo's thumbnail or preview; one that is in another home is fetched.
#[utoipa::path(get, path = "/albums/{id}/entries/{content}/thumbnail", tag = "albums",
    params(("id" = String, Path, description = "The album"),
        ("content" = String, Path, description = "The photo's content"), ThumbnailQuery),
    responses((status = 200, description = "image/webp or image/jpeg", content_type = "image/*", body = Vec<u8>),
        (status = 304), (status = 401, body = ErrorBody), (status = 404, body = ErrorBody),
        (status = 503, description = "It is in another home, which is off", body = ErrorBody)))]
async fn get_thumbnail(
    State(state): State<Arc<ApiState>>,
    signed_in: SignedIn,
    Path((id, content)): Path<(String, ContentHash)>,
    Query(query): Query<ThumbnailQuery>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let (album, entry) = find(&state, signed_in.account, id, content).await?;
    picture(&state, album, entry, query.size, &headers).await
}

/// Sends the original; one that is in another home is fetched.
#[utoipa::path(get, path = "/albums/{id}/entries/{content}/original", tag = "albums",
    params(("id" = String, Path, description = "The album"),
        ("content" = String, Path, description = "The photo's content"), OriginalQuery),
    responses((status = 200, description = "The file", content_type = "application/octet-stream", body = Vec<u8>),
        (status = 206, description = "The part that Range asks for"), (status = 304), (status = 401, body = ErrorBody),
        (status = 404, body = ErrorBody), (status = 416, body = ErrorBody),
        (status = 503, description = "It is in another home, which is off, or still on its way; see Retry-After", body = ErrorBody)))]
async fn get_original(
    State(state): State<Arc<ApiState>>,
    signed_in: SignedIn,
    Path((id, content)): Path<(String, ContentHash)>,
    Query(query): Query<OriginalQuery>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let (album, entry) = find(&state, signed_in.account, id, content).await?;
    original(&state, album, entry, query.delivery(), &headers).await
}

async fn find(
    state: &Arc<ApiState>,
    account: AccountId,
    id: String,
    content: ContentHash,
) -> Result<(Arc<Album>, Entry), ApiError> {
    let state = Arc::clone(state);
    blocking(move || {
        let album = seen_album(&state.home, &account, &id)?;
        let entry = state.home.albums.entry(&album.space, &content)?.ok_or_else(ApiError::not_found)?;
        Ok((Arc::new(album), entry))
    })
    .await
}

/// Sends a picture of an entry.
///
/// # Errors
/// 404 when there is none, 503 when it cannot be had now.
pub(super) async fn picture(
    state: &Arc<ApiState>,
    album: Arc<Album>,
    entry: Entry,
    size: Size,
    headers: &HeaderMap,
) -> Result<Response, ApiError> {
    let (kind, blob) = match size {
        Size::Thumbnail => (FileKind::Thumbnail, entry.facts.thumbnail),
        Size::Preview | Size::Fullsize => (FileKind::Preview, entry.facts.preview),
    };
    let blob = blob.ok_or_else(|| ApiError::not_found().hint("No picture could be made of it."))?;
    let etag = format!("\"{}\"", &blob.hash.to_string()[..32]);
    // The hash names the picture, but another one may stand in the entry later.
    let keep = "private, max-age=86400";
    if has_version(headers, &etag) {
        let fields = [(header::ETAG, etag), (header::CACHE_CONTROL, keep.to_owned())];
        return Ok((StatusCode::NOT_MODIFIED, fields).into_response());
    }
    let (home, wanted) = (Arc::clone(&state.home), entry.clone());
    let here = blocking(move || Ok(picture_here(&home, &wanted, kind, &blob.hash))).await?;
    let bytes = match here {
        Some(bytes) => bytes,
        None => fetched_picture(state, &album, &entry, kind).await?,
    };
    let mime = sniff(&bytes).map_or("application/octet-stream", heirloom_media::Format::mime);
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

/// A picture that lies here: the one the entry names, or this home's own of the same photo.
fn picture_here(home: &Home, entry: &Entry, kind: FileKind, hash: &ContentHash) -> Option<Vec<u8>> {
    let whole = |path: PathBuf| std::fs::read(path).ok().filter(|bytes| is_whole(bytes));
    if let Some(bytes) = whole(pictures::place(home, hash)) {
        return Some(bytes);
    }
    let content = &entry.facts.content;
    home.ledger.file(content).ok().flatten()?;
    let places = home.derivatives(content);
    let own = if kind == FileKind::Thumbnail { places.thumbnail } else { places.preview };
    let named = || facts::own_picture(home, content, hash).and_then(whole);
    named().or_else(|| whole(own))
}

async fn fetched_picture(
    state: &Arc<ApiState>,
    album: &Arc<Album>,
    entry: &Entry,
    kind: FileKind,
) -> Result<Vec<u8>, ApiError> {
    let path = demand::file(&state.home, album, entry, kind).await.map_err(unreachable)?;
    blocking(move || std::fs::read(path).map_err(ApiError::internal)).await
}

/// Sends the original of an entry.
///
/// # Errors
/// 503 when it cannot be had now.
pub(super) async fn original(
    state: &Arc<ApiState>,
    album: Arc<Album>,
    entry: Entry,
    delivery: Delivery,
    headers: &HeaderMap,
) -> Result<Response, ApiError> {
    let content = entry.facts.content;
    let home = Arc::clone(&state.home);
    let here = blocking(move || Ok(originals::here(&home, &content)?)).await?;
    let path = match here {
        Some(here) => here.path,
        None => match demand::held(&state.home, &content) {
            Some(path) => path,
            None => {
                let fetched = demand::file(&state.home, &album, &entry, FileKind::Original).await;
                fetched.map_err(unreachable)?
            }
        },
    };
    let file = SentFile {
        path,
        content,
        bytes: entry.facts.bytes,
        mime: entry.facts.mime.clone(),
        name: entry.facts.file_name.clone(),
    };
    send_file(file, delivery, headers).await
}

/// Why a file of another home cannot be had now, for a person.
fn unreachable(why: Unreachable) -> ApiError {
    let busy = |message: &'static str, hint: String| ApiError::unavailable(message, RETRY_SECS).hint(hint);
    match why {
        Unreachable::NoSuch => ApiError::not_found().hint("No picture of it can be had."),
        Unreachable::Off => busy(
            "The home that has this photo is off.",
            "It comes as soon as that home can be reached again.".to_owned(),
        ),
        Unreachable::TakesLong => {
            busy("This photo is still on its way.", "Try again in a moment.".to_owned())
        }
        Unreachable::Not(reason) => {
            busy("The other homes could not send this photo.", format!("What they said: {reason}."))
        }
        Unreachable::NoRoom(reason) => {
            busy("This home cannot take the photo now.", format!("Why: {reason}."))
        }
    }
}
