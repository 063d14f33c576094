//! The originals, byte for byte, whole or in part.

use std::io::ErrorKind;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, anyhow};
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use heirloom_identity::{AccountId, ContentHash};
use heirloom_media::Format;
use heirloom_spaces::{Album, Entry as AlbumEntry};
use heirloom_vault::BlobKind;
use serde::Deserialize;
use tokio::io::{AsyncReadExt, AsyncSeekExt};
use tokio_util::io::ReaderStream;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::ApiState;
use super::access::{own_entry, seen_entry};
use super::album_files;
use super::error::{ApiError, ErrorBody};
use super::extract::{Path, Query, blocking};
use super::headers::{NO_CONTENT_POLICY, has_version};
use super::limits::FILE_PIECE_BYTES;
use super::range::{Part, asked};
use super::session::SignedIn;
use crate::ledger::assets::Entry;
use crate::vault::heal::{self, Unreachable};

pub(super) fn routes() -> OpenApiRouter<Arc<ApiState>> {
    OpenApiRouter::new().routes(routes!(get_original))
}

/// How the browser is to take it.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct OriginalQuery {
    /// `1`: draw it, if it is a picture, instead of saving it.
    pub inline: Option<String>,
}

impl OriginalQuery {
    /// What that means.
    pub fn delivery(&self) -> Delivery {
        let inline = self.inline.as_deref().is_some_and(|value| value == "1" || value == "true");
        if inline { Delivery::Inline } else { Delivery::Attachment }
    }
}

/// How the browser is to take it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivery {
    /// Save it.
    Attachment,
    /// Draw it, if it is a picture.
    Inline,
}

/// Sends the original.
#[utoipa::path(get, path = "/assets/{id}/original", tag = "assets",
    params(("id" = String, Path, description = "UUID or local id"), OriginalQuery),
    responses((status = 200, description = "The file", content_type = "application/octet-stream", body = Vec<u8>),
        (status = 206, description = "The part that Range asks for"), (status = 304),
        (status = 401, body = ErrorBody), (status = 404, body = ErrorBody), (status = 416, body = ErrorBody)))]
async fn get_original(
    State(state): State<Arc<ApiState>>,
    signed_in: SignedIn,
    Path(id): Path<String>,
    Query(query): Query<OriginalQuery>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    send(&state, &signed_in.account, &id, query.delivery(), &headers).await
}

/// A file that is sent.
pub struct SentFile {
    /// Where it lies.
    pub path: PathBuf,
    /// BLAKE3 of its bytes.
    pub content: ContentHash,
    /// How many it must have.
    pub bytes: u64,
    /// Its media type, as it says.
    pub mime: String,
    /// The name it came with.
    pub name: String,
}

/// Sends the original of a photo that `account` owns, or sees in an album.
///
/// # Errors
/// 404 when there is none of that name; 416 for a range that no byte is in; 500 when the file on the disk is
/// not what was kept; 503 when it is in another home that is off.
pub async fn send(
    state: &Arc<ApiState>,
    account: &AccountId,
    id: &str,
    delivery: Delivery,
    headers: &HeaderMap,
) -> Result<Response, ApiError> {
    let entry = match find(state, *account, id.to_owned()).await? {
        Found::Own(entry) => {
            bring_back(state, &entry).await?;
            *entry
        }
        Found::Album(album, entry) => {
            return album_files::original(state, album, *entry, delivery, headers).await;
        }
    };
    let file = SentFile {
        path: state.home.layout.original(&entry.file.path),
        content: entry.file.hashes.content,
        bytes: entry.file.bytes,
        mime: entry.file.mime,
        name: entry.given_name,
    };
    send_file(file, delivery, headers).await
}

/// Has an original that is not here brought back from a copy, and waits for it. One that has no copy is left to whoever
/// opens it to find missing.
async fn bring_back(state: &Arc<ApiState>, entry: &Entry) -> Result<(), ApiError> {
    let (at, file) = (Arc::clone(state), entry.file.clone());
    let is_away =
        blocking(move || Ok(at.home.keys.vault().is_some() && !at.home.has_original(&file))).await?;
    if !is_away {
        return Ok(());
    }
    match heal::demand(&state.home, entry.file.hashes.content, BlobKind::Original).await {
        Ok(()) | Err(Unreachable::NotKept) => Ok(()),
        Err(error) => Err(ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "The original is not here yet.")
            .hint(format!("It comes from a copy: {error}."))
            .cause(anyhow::Error::new(error))),
    }
}

/// Whose photo an id stands for.
enum Found {
    Own(Box<Entry>),
    Album(Arc<Album>, Box<AlbumEntry>),
}

async fn find(state: &Arc<ApiState>, account: AccountId, id: String) -> Result<Found, ApiError> {
    let state = Arc::clone(state);
    blocking(move || match own_entry(&state.home, &account, &id) {
        Ok(entry) => Ok(Found::Own(Box::new(entry))),
        Err(error) => {
            let (album, entry) = seen_entry(&state.home, &account, &id)?.ok_or(error)?;
            Ok(Found::Album(Arc::new(album), Box::new(entry)))
        }
    })
    .await
}

/// Sends a file, or the part of it that is asked for.
///
/// # Errors
/// 416 for a range that no byte is in; 500 when the file on the disk is not what was kept.
pub async fn send_file(
    file: SentFile,
    delivery: Delivery,
    headers: &HeaderMap,
) -> Result<Response, ApiError> {
    let etag = format!("\"{}\"", file.content);
    let mut response = if has_version(headers, &etag) {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        match asked(headers, file.bytes, &etag) {
            Part::Whole => body(&file, 0, file.bytes).await?.into_response(),
            Part::Bytes { first, last } => {
                let body = body(&file, first, last - first + 1).await?;
                let range = format!("bytes {first}-{last}/{}", file.bytes);
                (StatusCode::PARTIAL_CONTENT, [(header::CONTENT_RANGE, range)], body).into_response()
            }
            Part::Nothing => {
                let range = [(header::CONTENT_RANGE, format!("bytes */{}", file.bytes))];
                let error = ApiError::new(StatusCode::RANGE_NOT_SATISFIABLE, "The file ends before that.");
                return Ok((range, error).into_response());
            }
        }
    };
    describe(response.headers_mut(), &file, &etag, delivery)?;
    Ok(response)
}

/// The bytes from `first` on, read while they are sent.
async fn body(sent: &SentFile, first: u64, bytes: u64) -> Result<Response, ApiError> {
    let path = &sent.path;
    let opened = tokio::fs::File::open(path).await;
    let mut file = opened.with_context(|| format!("cannot open {}", path.display())).map_err(damaged)?;
    let found = file.metadata().await.map_err(damaged)?.len();
    if found != sent.bytes {
        let said = sent.bytes;
        return Err(damaged(anyhow!("{} has {found} bytes instead of {said}", path.display())));
    }
    if first > 0 {
        file.seek(std::io::SeekFrom::Start(first)).await.map_err(damaged)?;
    }
    let stream = ReaderStream::with_capacity(file.take(bytes), FILE_PIECE_BYTES);
    Ok(([(header::CONTENT_LENGTH, bytes)], Body::from_stream(stream)).into_response())
}

/// A file that is not what was kept: the person must hear of it.
fn damaged(cause: impl Into<anyhow::Error>) -> ApiError {
    let cause = cause.into();
    let missing =
        cause.downcast_ref::<std::io::Error>().is_some_and(|error| error.kind() == ErrorKind::NotFound);
    let message = if missing {
        "The original is missing from the library folder."
    } else {
        "The original in the library folder cannot be read as it was kept."
    };
    ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, message)
        .hint("Run `heirloom doctor --verify` at home; it says what to do.")
        .cause(cause)
}

fn describe(
    headers: &mut HeaderMap,
    file: &SentFile,
    etag: &str,
    delivery: Delivery,
) -> Result<(), ApiError> {
    let known = Format::ALL.iter().any(|format| format.mime() == file.mime);
    let kind = if known { file.mime.as_str() } else { "application/octet-stream" };
    let inline = known && delivery == Delivery::Inline;
    let fields = [
        (header::CONTENT_TYPE, kind),
        (header::CONTENT_DISPOSITION, &disposition(inline, &file.name)),
        (header::ETAG, etag),
        (header::ACCEPT_RANGES, "bytes"),
        (header::CACHE_CONTROL, "private, max-age=86400"),
        (header::CONTENT_SECURITY_POLICY, NO_CONTENT_POLICY),
    ];
    for (name, value) in fields {
        headers.insert(name, HeaderValue::from_str(value).map_err(ApiError::internal)?);
    }
    Ok(())
}

/// `Content-Disposition` (RFC 6266): the name in ASCII for old clients, and in full (RFC 8187).
fn disposition(inline: bool, name: &str) -> String {
    let kind = if inline { "inline" } else { "attachment" };
    let plain = |c: char| {
        if c.is_ascii_graphic() && !matches!(c, '"' | '\\' | '%' | '/') || c == ' ' { c } else { '_' }
    };
    let ascii: String = name.chars().map(plain).collect();
    let mut full = String::with_capacity(name.len());
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || b"!#$&+-.^_`|~".contains(&byte) {
            full.push(char::from(byte));
        } else {
            full.push_str(&format!("%{byte:02X}"));
        }
    }
    format!("{kind}; filename=\"{ascii}\"; filename*=UTF-8''{full}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_survive_the_header() {
        let check = |name: &str, expected: &str| assert_eq!(disposition(false, name), expected);
        check("IMG_1.HEIC", "attachment; filename=\"IMG_1.HEIC\"; filename*=UTF-8''IMG_1.HEIC");
        check("a b.jpg", "attachment; filename=\"a b.jpg\"; filename*=UTF-8''a%20b.jpg");
        check("Fußball.jpg", "attachment; filename=\"Fu_ball.jpg\"; filename*=UTF-8''Fu%C3%9Fball.jpg");
        check("\"\r\nX: y", "attachment; filename=\"___X: y\"; filename*=UTF-8''%22%0D%0AX%3A%20y");
    }
}
