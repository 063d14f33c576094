//! Albums: those an account sees, making one, changing it, putting photos in and taking them out.
//!
//! Paths and shapes are Immich's where Immich has them. An album that an account does not see looks like one that does
//! not exist. What a home may do in an album is its role; which of its people do it is the home's own affair.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use heirloom_identity::{AccountId, AssetId, ContentHash, Role};
use heirloom_spaces::{Album, AlbumEdit, Sort};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::ApiState;
use super::access::{own_entry, resolve_entry, seen_album};
use super::album_json::{AlbumJson, SortJson, album_json, seen_albums};
use super::error::{ApiError, ErrorBody};
use super::extract::{Json, Path, Query, blocking, present};
use super::households::DONE;
use super::limits::ALBUM_ASSETS_PER_REQUEST_MAX;
use super::names::Names;
use super::session::SignedIn;
use crate::home::Home;
use crate::home::events::{AlbumPart, Event};
use crate::ledger::albums::Keep;
use crate::sharing::{self, Outcome, missing, timeline};

pub(super) fn routes() -> OpenApiRouter<Arc<ApiState>> {
    OpenApiRouter::new()
        .routes(routes!(list_albums, create_album))
        .routes(routes!(get_album, change_album, delete_album))
        .routes(routes!(add_assets, remove_assets))
        .routes(routes!(get_space))
}

/// Which albums.
#[derive(Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub struct AlbumsQuery {
    /// Only those that somebody else sees too, or only others.
    pub shared: Option<bool>,
    /// Only those that hold this photo.
    pub asset_id: Option<String>,
}

/// Lists the albums that the account sees, the one that changed last first.
#[utoipa::path(get, path = "/albums", tag = "albums", params(AlbumsQuery),
    responses((status = 200, body = Vec<AlbumJson>), (status = 401, body = ErrorBody)))]
async fn list_albums(
    State(state): State<Arc<ApiState>>,
    signed_in: SignedIn,
    Query(query): Query<AlbumsQuery>,
) -> Result<Json<Vec<AlbumJson>>, ApiError> {
    blocking(move || {
        let (home, account) = (&state.home, signed_in.account);
        let names = Names::load(home)?;
        let mut described = Vec::new();
        for album in seen_albums(home, &account)? {
            if let Some(asset) = &query.asset_id
                && !holds(home, &account, &album, asset)?
            {
                continue;
            }
            let album = album_json(home, &names, &account, &album)?;
            if query.shared.is_none_or(|shared| shared == album.is_shared()) {
                described.push(album);
            }
        }
        Ok(Json(described))
    })
    .await
}

fn holds(home: &Home, account: &AccountId, album: &Album, asset: &str) -> Result<bool, ApiError> {
    let content = resolve_entry(home, account, album, asset)?;
    Ok(match content {
        Some(content) => home.albums.entry(&album.space, &content)?.is_some(),
        None => false,
    })
}

/// A new album.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct NewAlbum {
    /// Its title.
    pub album_name: String,
    /// What is written under the title.
    #[serde(default)]
    #[schema(nullable = false)]
    pub description: Option<String>,
    /// Own photos that go into it at once: UUIDs or local ids.
    #[serde(default)]
    #[schema(nullable = false)]
    pub asset_ids: Option<Vec<String>>,
}

/// Makes an album that only this account sees at first.
#[utoipa::path(post, path = "/albums", tag = "albums", request_body = NewAlbum,
    responses((status = 201, body = AlbumJson), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody)))]
async fn create_album(
    State(state): State<Arc<ApiState>>,
    signed_in: SignedIn,
    Json(new): Json<NewAlbum>,
) -> Result<(StatusCode, Json<AlbumJson>), ApiError> {
    let assets = new.asset_ids.unwrap_or_default();
    at_most(assets.len())?;
    blocking(move || {
        let (home, account) = (&state.home, signed_in.account);
        must_write(home)?;
        let found = assets.iter().map(|id| own_entry(home, &account, id).map(|entry| entry.asset));
        let found: Vec<AssetId> = found.collect::<Result<_, _>>()?;
        let space = sharing::create_album(home, account, &title(&new.album_name))?;
        if let Some(description) = new.description.filter(|text| !text.is_empty()) {
            sharing::albums::edit(home, &space, account, vec![AlbumEdit::Description(description)])?;
        }
        sharing::add_assets(home, &space, account, &found)?;
        let album = home.albums.album(&space)?.ok_or_else(ApiError::not_found)?;
        let album = album_json(home, &Names::load(home)?, &account, &album)?;
        Ok((StatusCode::CREATED, Json(album)))
    })
    .await
}

/// Immich lets an album have no title; ours has a word.
fn title(name: &str) -> String {
    let name = name.trim();
    if name.is_empty() { "Untitled".to_owned() } else { name.to_owned() }
}

/// Describes one album.
#[utoipa::path(get, path = "/albums/{id}", tag = "albums", params(("id" = String, Path, description = "The album")),
    responses((status = 200, body = AlbumJson), (status = 401, body = ErrorBody), (status = 404, body = ErrorBody)))]
async fn get_album(
    State(state): State<Arc<ApiState>>,
    signed_in: SignedIn,
    Path(id): Path<String>,
) -> Result<Json<AlbumJson>, ApiError> {
    blocking(move || answer(&state.home, &signed_in.account, &id)).await
}

/// An album as it is now.
pub(super) fn answer(home: &Home, account: &AccountId, id: &str) -> Result<Json<AlbumJson>, ApiError> {
    let album = seen_album(home, account, id)?;
    Ok(Json(album_json(home, &Names::load(home)?, account, &album)?))
}

/// Changes to an album. What is absent stays.
#[derive(Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct AlbumChange {
    /// Its title, for everybody.
    #[schema(nullable = false)]
    pub album_name: Option<String>,
    /// What is written under the title, for everybody.
    #[schema(nullable = false)]
    pub description: Option<String>,
    /// The photo on its cover, for everybody: an entry's id or content; null: the first photo.
    #[serde(deserialize_with = "present")]
    #[schema(value_type = Option<String>, required = false)]
    pub album_thumbnail_asset_id: Option<Option<String>>,
    /// `asc` or `desc`: by date, for everybody.
    #[schema(nullable = false)]
    pub order: Option<String>,
    /// How it is arranged, for everybody.
    #[schema(nullable = false)]
    pub sort: Option<SortJson>,
    /// What this home keeps of other homes' photos.
    #[schema(nullable = false)]
    pub keep: Option<Keep>,
    /// Whether its photos stand in this account's timeline.
    #[schema(nullable = false)]
    pub in_timeline: Option<bool>,
}

/// Changes an album: what everybody sees, if this home's role allows, and what is this home's own choice.
#[utoipa::path(patch, path = "/albums/{id}", tag = "albums", params(("id" = String, Path, description = "The album")),
    request_body = AlbumChange,
    responses((status = 200, body = AlbumJson), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody),
        (status = 403, body = ErrorBody), (status = 404, body = ErrorBody)))]
async fn change_album(
    State(state): State<Arc<ApiState>>,
    signed_in: SignedIn,
    Path(id): Path<String>,
    Json(change): Json<AlbumChange>,
) -> Result<Json<AlbumJson>, ApiError> {
    blocking(move || {
        let (home, account) = (&state.home, signed_in.account);
        let album = seen_album(home, &account, &id)?;
        let edits = edits(home, &account, &album, &change)?;
        if !edits.is_empty() {
            must_write(home)?;
            sharing::albums::edit(home, &album.space, account, edits)?;
        }
        if let Some(keep) = change.keep {
            choose_keep(home, &album, keep)?;
        }
        if let Some(in_timeline) = change.in_timeline {
            timeline::choose(home, album.space, account, in_timeline)?;
        }
        answer(home, &account, &id)
    })
    .await
}

fn edits(
    home: &Home,
    account: &AccountId,
    album: &Album,
    change: &AlbumChange,
) -> Result<Vec<AlbumEdit>, ApiError> {
    let cover = match &change.album_thumbnail_asset_id {
        Some(Some(id)) => {
            let content = resolve_entry(home, account, album, id)?;
            Some(Some(content.ok_or_else(|| ApiError::bad_request("This photo is not in the album."))?))
        }
        Some(None) => Some(None),
        None => None,
    };
    let order = match change.order.as_deref() {
        Some("asc") => Some(Sort::Date),
        Some("desc") => Some(Sort::DateDescending),
        Some(_) => return Err(ApiError::bad_request("order is asc or desc.")),
        None => None,
    };
    let sort = change.sort.map(Sort::from).or(order);
    let edits = [
        change.album_name.as_deref().map(|name| AlbumEdit::Title(title(name))),
        change.description.clone().map(AlbumEdit::Description),
        cover.map(AlbumEdit::Cover),
        sort.map(AlbumEdit::Sort),
    ];
    Ok(edits.into_iter().flatten().collect())
}

fn choose_keep(home: &Home, album: &Album, keep: Keep) -> Result<(), ApiError> {
    home.ledger.set_keep(album.space, keep)?;
    home.sharing.touched(&album.space);
    home.sharing.wake();
    home.events.tell(Event::Album { space: album.space, changed: vec![AlbumPart::About] });
    Ok(())
}

/// Leaves an album; one that ended, or that nobody else is in, is forgotten. Photos stay where they are.
#[utoipa::path(delete, path = "/albums/{id}", tag = "albums", params(("id" = String, Path, description = "The album")),
    responses((status = 204), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody),
        (status = 404, body = ErrorBody)))]
async fn delete_album(
    State(state): State<Arc<ApiState>>,
    signed_in: SignedIn,
    Path(id): Path<String>,
) -> Result<StatusCode, ApiError> {
    blocking(move || {
        let home = &state.home;
        let album = seen_album(home, &signed_in.account, &id)?;
        must_write(home)?;
        sharing::albums::end(home, signed_in.account, &album)?;
        Ok(DONE)
    })
    .await
}

/// Photos that go into an album or out of it.
#[derive(Deserialize, ToSchema)]
pub struct AlbumAssets {
    /// UUIDs or local ids; to take photos out, their contents too. At most 65,000.
    pub ids: Vec<String>,
}

/// What became of one photo, in the shape of Immich's `BulkIdResponseDto`.
#[derive(Debug, Serialize, ToSchema)]
pub struct BulkIdJson {
    /// The photo, as it was asked for.
    id: String,
    /// Whether it was done; a photo whose pictures are still to be made follows by itself.
    success: bool,
    /// `duplicate`, `not_found` or `no_permission`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    error: Option<&'static str>,
}

impl BulkIdJson {
    fn of(id: String, error: Option<&'static str>) -> Self {
        Self { id, success: error.is_none(), error }
    }
}

/// Puts own photos into an album: durable when answered.
#[utoipa::path(put, path = "/albums/{id}/assets", tag = "albums",
    params(("id" = String, Path, description = "The album")), request_body = AlbumAssets,
    responses((status = 200, body = Vec<BulkIdJson>), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody),
        (status = 403, body = ErrorBody), (status = 404, body = ErrorBody)))]
async fn add_assets(
    State(state): State<Arc<ApiState>>,
    signed_in: SignedIn,
    Path(id): Path<String>,
    Json(assets): Json<AlbumAssets>,
) -> Result<Json<Vec<BulkIdJson>>, ApiError> {
    at_most(assets.ids.len())?;
    blocking(move || {
        let (home, account) = (&state.home, signed_in.account);
        let album = seen_album(home, &account, &id)?;
        must_write(home)?;
        let known: Vec<Option<AssetId>> =
            assets.ids.iter().map(|id| own_entry(home, &account, id).ok().map(|entry| entry.asset)).collect();
        let found: Vec<AssetId> = known.iter().flatten().copied().collect();
        let mut outcomes = sharing::add_assets(home, &album.space, account, &found)?.into_iter();
        let answers = assets.ids.into_iter().zip(known).map(|(id, asset)| {
            let outcome = asset.and_then(|_| outcomes.next()).unwrap_or(Outcome::NotFound);
            BulkIdJson::of(
                id,
                match outcome {
                    Outcome::Added | Outcome::Waiting => None,
                    Outcome::Duplicate => Some("duplicate"),
                    Outcome::NotFound => Some("not_found"),
                },
            )
        });
        Ok(Json(answers.collect()))
    })
    .await
}

/// Takes photos out of an album: this home's own, and as an admin those of others. Originals stay where they are.
#[utoipa::path(delete, path = "/albums/{id}/assets", tag = "albums",
    params(("id" = String, Path, description = "The album")), request_body = AlbumAssets,
    responses((status = 200, body = Vec<BulkIdJson>), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody),
        (status = 403, body = ErrorBody), (status = 404, body = ErrorBody)))]
async fn remove_assets(
    State(state): State<Arc<ApiState>>,
    signed_in: SignedIn,
    Path(id): Path<String>,
    Json(assets): Json<AlbumAssets>,
) -> Result<Json<Vec<BulkIdJson>>, ApiError> {
    at_most(assets.ids.len())?;
    blocking(move || {
        let (home, account) = (&state.home, signed_in.account);
        let album = seen_album(home, &account, &id)?;
        must_write(home)?;
        let mut contents: Vec<ContentHash> = Vec::new();
        let mut answers = Vec::with_capacity(assets.ids.len());
        for id in assets.ids {
            let error = match removable(home, &account, &album, &id)? {
                Ok(content) => {
                    contents.push(content);
                    None
                }
                Err(error) => Some(error),
            };
            answers.push(BulkIdJson::of(id, error));
        }
        for chunk in contents.chunks(sharing::add::ENTRIES_PER_EDIT_MAX) {
            let edit = vec![AlbumEdit::RemoveEntries(chunk.to_vec())];
            sharing::albums::edit(home, &album.space, account, edit)?;
        }
        Ok(Json(answers))
    })
    .await
}

/// The photo that an id stands for, if this home may take it out; otherwise the word for why not.
fn removable(
    home: &Home,
    account: &AccountId,
    album: &Album,
    id: &str,
) -> Result<Result<ContentHash, &'static str>, ApiError> {
    let content = resolve_entry(home, account, album, id)?;
    let entry = match &content {
        Some(content) => home.albums.entry(&album.space, content)?,
        None => None,
    };
    let (Some(content), Some(entry)) = (content, entry) else { return Ok(Err("not_found")) };
    let ours = entry.by == *home.keys.certificate.household()
        || sharing::add::has_added(home, &album.space, &content)?;
    let may = match album.our_role {
        Some(role) => role >= Role::Admin || ours && role >= Role::Contributor,
        None => false,
    };
    Ok(if may { Ok(content) } else { Err("no_permission") })
}

/// Bytes that other homes' photos of an album take here.
#[derive(Serialize, ToSchema)]
pub struct SpaceJson {
    /// Keeping everything.
    originals: u64,
    /// Keeping thumbnails and previews.
    previews: u64,
    /// Keeping thumbnails.
    demand: u64,
}

/// Says what each choice of what to keep would take.
#[utoipa::path(get, path = "/albums/{id}/space", tag = "albums",
    params(("id" = String, Path, description = "The album")),
    responses((status = 200, body = SpaceJson), (status = 401, body = ErrorBody), (status = 404, body = ErrorBody)))]
async fn get_space(
    State(state): State<Arc<ApiState>>,
    signed_in: SignedIn,
    Path(id): Path<String>,
) -> Result<Json<SpaceJson>, ApiError> {
    blocking(move || {
        let album = seen_album(&state.home, &signed_in.account, &id)?;
        let space = missing::space(&state.home, &album)?;
        Ok(Json(SpaceJson { originals: space.originals, previews: space.previews, demand: space.demand }))
    })
    .await
}

/// Refuses changes when another node of the household took this one's place.
pub(super) fn must_write(home: &Home) -> Result<(), ApiError> {
    if home.is_outranked() {
        return Err(ApiError::forbidden("Another computer has taken the place of this one.")
            .hint("Change albums there."));
    }
    Ok(())
}

fn at_most(count: usize) -> Result<(), ApiError> {
    if count <= ALBUM_ASSETS_PER_REQUEST_MAX {
        return Ok(());
    }
    let message =
        format!("A request may name at most {ALBUM_ASSETS_PER_REQUEST_MAX} photos; this one names {count}.");
    Err(ApiError::bad_request(message).hint("Split it."))
}
