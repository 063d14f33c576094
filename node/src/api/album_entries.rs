//! The photos of an album, in its order, and what may be changed about one.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use heirloom_identity::{AccountId, AssetId, ContentHash};
use heirloom_spaces::{Album, AlbumEdit, MarkChange};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::ApiState;
use super::access::seen_album;
use super::albums::must_write;
use super::entry_json::{EntryJson, entries_json};
use super::error::{ApiError, ErrorBody};
use super::extract::{Json, Path, Query, blocking, present};
use super::households::DONE;
use super::limits::ENTRIES_PER_ANSWER_MAX;
use super::names::Names;
use super::session::SignedIn;
use crate::home::Home;
use crate::sharing::albums;
use crate::{clock, index};

pub(super) fn routes() -> OpenApiRouter<Arc<ApiState>> {
    OpenApiRouter::new().routes(routes!(get_entries)).routes(routes!(change_entry))
}

/// Which part of an album.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct EntriesQuery {
    /// The position of the first photo.
    #[serde(default)]
    pub from: u64,
    /// How many photos, at most 500.
    pub count: Option<u64>,
}

/// Photos of an album.
#[derive(Serialize, ToSchema)]
pub struct EntriesJson {
    /// How many there are.
    total: u64,
    /// Those asked for, in the album's order.
    entries: Vec<EntryJson>,
}

/// Lists photos of an album, in its order.
#[utoipa::path(get, path = "/albums/{id}/entries", tag = "albums",
    params(("id" = String, Path, description = "The album"), EntriesQuery),
    responses((status = 200, body = EntriesJson), (status = 401, body = ErrorBody), (status = 404, body = ErrorBody)))]
async fn get_entries(
    State(state): State<Arc<ApiState>>,
    signed_in: SignedIn,
    Path(id): Path<String>,
    Query(query): Query<EntriesQuery>,
) -> Result<Json<EntriesJson>, ApiError> {
    blocking(move || {
        let (home, account) = (&state.home, signed_in.account);
        let album = seen_album(home, &account, &id)?;
        let count = query.count.unwrap_or(ENTRIES_PER_ANSWER_MAX).min(ENTRIES_PER_ANSWER_MAX);
        let range = query.from..query.from.saturating_add(count);
        let entries = home.albums.entries(&album.space, range)?;
        let entries = entries_json(home, &Names::load(home)?, &account, &album, &entries)?;
        Ok(Json(EntriesJson { total: album.entries, entries }))
    })
    .await
}

/// Changes to a photo of an album. What is absent stays.
#[derive(Deserialize, ToSchema)]
pub struct EntryChange {
    /// What is written under it, for everybody; empty or null: nothing.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>, required = false)]
    pub caption: Option<Option<String>>,
    /// Where it stands in an album that is arranged by hand, for everybody.
    #[serde(default)]
    #[schema(nullable = false)]
    pub order: Option<PlaceChange>,
    /// Makes it a favourite of this account, or no longer one. Nothing is copied, and nobody else hears of it.
    #[serde(default)]
    #[schema(nullable = false)]
    pub favourite: Option<bool>,
}

/// Where a photo stands.
#[derive(Deserialize, ToSchema)]
pub struct PlaceChange {
    /// The content of the photo before it; null: at the beginning.
    #[schema(value_type = Option<String>)]
    pub after: Option<ContentHash>,
}

/// Changes what is written under a photo, where it stands, or whether it is a favourite.
#[utoipa::path(patch, path = "/albums/{id}/entries/{content}", tag = "albums",
    params(("id" = String, Path, description = "The album"),
        ("content" = String, Path, description = "The photo's content")),
    request_body = EntryChange,
    responses((status = 204), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody),
        (status = 403, body = ErrorBody), (status = 404, body = ErrorBody)))]
async fn change_entry(
    State(state): State<Arc<ApiState>>,
    signed_in: SignedIn,
    Path((id, content)): Path<(String, ContentHash)>,
    Json(change): Json<EntryChange>,
) -> Result<StatusCode, ApiError> {
    blocking(move || {
        let (home, account) = (&state.home, signed_in.account);
        let album = seen_album(home, &account, &id)?;
        home.albums.entry(&album.space, &content)?.ok_or_else(ApiError::not_found)?;
        let edits = edits(home, &album, &content, &change)?;
        if !edits.is_empty() {
            must_write(home)?;
            albums::edit(home, &album.space, account, edits)?;
        }
        if let Some(favourite) = change.favourite {
            mark(home, account, content, favourite)?;
        }
        Ok(DONE)
    })
    .await
}

fn edits(
    home: &Home,
    album: &Album,
    content: &ContentHash,
    change: &EntryChange,
) -> Result<Vec<AlbumEdit>, ApiError> {
    let mut edits = Vec::new();
    if let Some(caption) = &change.caption {
        let caption = caption.clone().filter(|text| !text.trim().is_empty());
        edits.push(AlbumEdit::Caption(*content, caption));
    }
    if let Some(order) = &change.order {
        let place = home.albums.place_after(&album.space, content, order.after.as_ref())?;
        let place = place.ok_or_else(|| {
            ApiError::bad_request("There is no place there any more.").hint("Put it somewhere else first.")
        })?;
        edits.push(AlbumEdit::Order(*content, place));
    }
    Ok(edits)
}

/// Marks the photo as this account knows it, whether the account owns it or not.
fn mark(home: &Home, account: AccountId, content: ContentHash, favourite: bool) -> Result<(), ApiError> {
    let asset = AssetId::derive(&account, &content);
    if home.ledger.entry(&asset)?.is_none() {
        // The month of its marks is that of this number, for ever.
        home.ledger.shared_photos(account, vec![content], clock::now_ms())?;
    }
    Ok(index::decide(home, account, &[asset], &[MarkChange::Favourite(favourite)])?)
}
