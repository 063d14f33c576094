//! Taking in a photo.
//!
//! The answer comes after the original is safe: fsynced under its final name, its row committed. An upload
//! that breaks off at any point leaves nothing. Read first: [`Form`], then [`crate::ingest::keep_draft`].

use std::sync::Arc;

use axum::extract::{DefaultBodyLimit, FromRequest, Multipart, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use heirloom_identity::{AccountId, AssetId, Sha1};
use heirloom_spaces::MarkChange;
use serde::Serialize;
use tokio::sync::OwnedSemaphorePermit;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::ApiState;
use super::assets::checksum;
use super::error::{ApiError, ErrorBody};
use super::extract::{Json, blocking};
use super::form::Form;
use super::limits::FORM_EXTRA_BYTES_MAX;
use super::receive::SharedBody;
use super::session::SignedIn;
use crate::home::Home;
use crate::ingest::keep::held_by_sha1;
use crate::ingest::{Incoming, Kept, keep_draft};
use crate::ledger::assets::Origin;
use crate::{clock, index};

/// Immich's header with the SHA-1 of the file that follows.
const CHECKSUM_HEADER: &str = "x-immich-checksum";

pub(super) fn routes() -> OpenApiRouter<Arc<ApiState>> {
    // The file is counted while it is received; the usual limit is for JSON.
    OpenApiRouter::new().routes(routes!(upload)).route_layer(DefaultBodyLimit::disable())
}

/// A file and what the client knows of it. Other parts are read and ignored.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
#[expect(dead_code, reason = "describes the form, which is read part by part")]
struct UploadForm {
    /// The file.
    #[schema(format = Binary, content_media_type = "application/octet-stream")]
    asset_data: String,
    /// When it was taken or made, ISO 8601 or milliseconds since the Unix epoch.
    file_created_at: Option<String>,
    /// When the file was last changed, ISO 8601 or milliseconds since the Unix epoch.
    file_modified_at: Option<String>,
    /// Its name, if not the part's own.
    filename: Option<String>,
    /// Whether it comes as a favourite.
    is_favorite: Option<bool>,
    /// `timeline` or `archive`.
    visibility: Option<String>,
}

/// What became of an upload.
#[derive(Serialize, ToSchema)]
pub struct UploadAnswer {
    /// The asset.
    id: String,
    /// `created`, or `duplicate` when the account had these bytes already.
    status: &'static str,
}

/// Takes in one photo; answers when it is safe.
#[utoipa::path(post, path = "/assets", tag = "assets",
    params(("x-immich-checksum" = Option<String>, Header, description = "SHA-1 of the file, hexadecimal or base64: a file that is here already is answered at once, one that differs is refused")),
    request_body(content = UploadForm, content_type = "multipart/form-data"),
    responses((status = 201, description = "Kept", body = UploadAnswer),
        (status = 200, description = "Was here already", body = UploadAnswer),
        (status = 400, body = ErrorBody), (status = 401, body = ErrorBody),
        (status = 403, description = "Another computer has taken the place of this one", body = ErrorBody),
        (status = 413, description = "Too large", body = ErrorBody),
        (status = 415, description = "No photo that this version reads", body = ErrorBody),
        (status = 507, description = "The disk is full", body = ErrorBody)))]
async fn upload(
    State(state): State<Arc<ApiState>>,
    signed_in: SignedIn,
    request: Request,
) -> Result<Response, ApiError> {
    let (parts, body) = request.into_parts();
    let body = SharedBody::new(body);
    let expected = match early(&state, &signed_in.account, &parts.headers) {
        Ok(Early::Go(expected)) => expected,
        Ok(Early::Known(asset)) => {
            linger(&parts.headers, body).await;
            return Ok(answer(&asset, "duplicate"));
        }
        Err(error) => {
            linger(&parts.headers, body).await;
            return Err(error);
        }
    };
    let request = Request::from_parts(parts, body.body());
    match receive(&state, signed_in.account, request, &body, expected).await {
        Ok(Kept::Added(entry)) => Ok(answer(&entry.asset, "created")),
        Ok(Kept::Duplicate(entry)) => Ok(answer(&entry.asset, "duplicate")),
        Err(error) => {
            body.linger().await;
            Err(error)
        }
    }
}

/// What the headers alone decide.
enum Early {
    /// The file is here.
    Known(AssetId),
    /// It must come; with this checksum, if one was named.
    Go(Option<Sha1>),
}

fn early(state: &ApiState, account: &AccountId, headers: &HeaderMap) -> Result<Early, ApiError> {
    let text = |name| headers.get(name).and_then(|value: &header::HeaderValue| value.to_str().ok());
    let expected = text(header::HeaderName::from_static(CHECKSUM_HEADER)).map(checksum).transpose()?;
    if let Some(sum) = expected {
        let known = held_by_sha1(&state.home, account, &[sum])?;
        if let Some(asset) = known.get(&sum) {
            return Ok(Early::Known(*asset));
        }
    }
    if state.home.is_outranked() {
        // A photo that came here would be in no copy, ever.
        return Err(ApiError::forbidden("Another computer has taken the place of this one.")
            .hint("Add your photos there."));
    }
    let limit = state.home.config.upload_bytes_max;
    let announced = text(header::CONTENT_LENGTH).and_then(|bytes| bytes.parse::<u64>().ok());
    if announced.is_some_and(|bytes| bytes > limit.saturating_add(FORM_EXTRA_BYTES_MAX)) {
        return Err(ApiError::too_large(limit));
    }
    Ok(Early::Go(expected))
}

/// A client that waits for leave to send (`Expect: 100-continue`) needs no lingering.
async fn linger(headers: &HeaderMap, body: SharedBody) {
    if !headers.contains_key(header::EXPECT) {
        body.linger().await;
    }
}

async fn receive(
    state: &Arc<ApiState>,
    account: AccountId,
    request: Request,
    body: &SharedBody,
    expected: Option<Sha1>,
) -> Result<Kept, ApiError> {
    let turn = Arc::clone(&state.uploads).acquire_owned().await.map_err(ApiError::internal)?;
    let multipart = Multipart::from_request(request, &()).await?;
    let form = Form::read(&state.home, multipart, body).await?;
    if expected.is_some_and(|sum| sum != form.draft.hashes.sha1) {
        return Err(ApiError::bad_request("The file that arrived is not the one that was announced.")
            .hint("It was changed or damaged on its way; send it again."));
    }
    let home = Arc::clone(&state.home);
    blocking(move || keep(&home, account, form, turn)).await
}

/// Keeps the file even when the client is gone by now: it was received whole.
fn keep(home: &Home, account: AccountId, form: Form, turn: OwnedSemaphorePermit) -> Result<Kept, ApiError> {
    let Form { draft, name, dated_ms, favourite, archived } = form;
    let modified_ms = dated_ms.unwrap_or_else(clock::now_ms);
    let incoming = Incoming { account, given_name: name, modified_ms, origin: Origin::Upload, source: None };
    let kept = keep_draft(home, incoming, draft)?;
    if let Kept::Added(entry) = &kept {
        let marks = [(favourite, MarkChange::Favourite(true)), (archived, MarkChange::Archived(true))];
        let marks: Vec<_> = marks.into_iter().filter(|(wanted, _)| *wanted).map(|(_, mark)| mark).collect();
        if !marks.is_empty()
            && let Err(error) = index::decide(home, account, &[entry.asset], &marks)
        {
            // The photo itself is safe, and a failure would make the client send it again.
            tracing::error!(%error, "an uploaded photo was kept, but not its marks");
        }
    }
    drop(turn);
    Ok(kept)
}

fn answer(asset: &AssetId, status: &'static str) -> Response {
    let code = if status == "created" { StatusCode::CREATED } else { StatusCode::OK };
    (code, Json(UploadAnswer { id: asset.to_string(), status })).into_response()
}
