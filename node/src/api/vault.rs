//! Copies in other homes: how safe everything is, checking and copying now, the recovery phrase, where one photo is.
//!
//! Everybody who signs in sees how safe the photos are; changing anything about it is for admins. Agreements with other
//! homes are in [`vault_homes`](super::vault_homes), own disks and buckets in [`vault_places`](super::vault_places).

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use heirloom_vault::store::{OriginalState, Place, TargetRow};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use zeroize::Zeroizing;

use super::ApiState;
use super::access::own_entry;
use super::dates::iso;
use super::error::{ApiError, ErrorBody};
use super::extract::{Json, Path, blocking};
use super::households::DONE;
use super::names::Names;
use super::session::SignedIn;
use crate::clock;
use crate::home::Home;
use crate::home::phrase::{self, PhraseProblem};
use crate::restore::WordProblem;
use crate::vault::engine::Wish;
use crate::vault::own_places::bucket_name;
use crate::vault::status::{VaultStatus, status};

pub(super) fn routes() -> OpenApiRouter<Arc<ApiState>> {
    OpenApiRouter::new()
        .routes(routes!(get_vault))
        .routes(routes!(run))
        .routes(routes!(audit))
        .routes(routes!(drill))
        .routes(routes!(repair))
        .routes(routes!(check_phrase))
        .routes(routes!(alarm_seen))
        .routes(routes!(copies_of))
}

/// Says how safe everything is, and what that rests on.
#[utoipa::path(get, path = "/vault", tag = "vault",
    responses((status = 200, body = VaultStatus), (status = 401, body = ErrorBody)))]
async fn get_vault(
    State(state): State<Arc<ApiState>>,
    _signed_in: SignedIn,
) -> Result<Json<VaultStatus>, ApiError> {
    blocking(move || Ok(Json(status(&state.home)?))).await
}

/// Copies what is not where it should be yet, for admins; `vault` events say how it goes on.
#[utoipa::path(post, path = "/vault/run", tag = "vault",
    responses((status = 202), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody),
        (status = 409, description = "The vault is not on", body = ErrorBody)))]
async fn run(State(state): State<Arc<ApiState>>, signed_in: SignedIn) -> Result<StatusCode, ApiError> {
    wish(&state, &signed_in, Wish::Run)
}

/// Has every place prove that it still has what it took, for admins.
#[utoipa::path(post, path = "/vault/audit", tag = "vault",
    responses((status = 202), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody),
        (status = 409, description = "The vault is not on", body = ErrorBody)))]
async fn audit(State(state): State<Arc<ApiState>>, signed_in: SignedIn) -> Result<StatusCode, ApiError> {
    wish(&state, &signed_in, Wish::Audit)
}

/// Fetches some photos back and compares them, for admins.
#[utoipa::path(post, path = "/vault/drill", tag = "vault",
    responses((status = 202), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody),
        (status = 409, description = "The vault is not on", body = ErrorBody)))]
async fn drill(State(state): State<Arc<ApiState>>, signed_in: SignedIn) -> Result<StatusCode, ApiError> {
    wish(&state, &signed_in, Wish::Drill)
}

/// Reads every original here and brings back what is damaged or gone, for admins.
#[utoipa::path(post, path = "/vault/repair", tag = "vault",
    responses((status = 202), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody),
        (status = 409, description = "The vault is not on", body = ErrorBody)))]
async fn repair(State(state): State<Arc<ApiState>>, signed_in: SignedIn) -> Result<StatusCode, ApiError> {
    wish(&state, &signed_in, Wish::Repair)
}

fn wish(state: &ApiState, signed_in: &SignedIn, wish: Wish) -> Result<StatusCode, ApiError> {
    may_change(state, signed_in)?;
    must_be_on(&state.home)?;
    state.home.vault.engine.wish(wish);
    Ok(StatusCode::ACCEPTED)
}

/// What somebody typed.
#[derive(Deserialize, ToSchema)]
pub struct TypedPhrase {
    /// The 24 words.
    #[schema(value_type = String)]
    pub phrase: Zeroizing<String>,
}

/// Whether what was typed is this household's recovery phrase.
#[derive(Serialize, ToSchema)]
pub struct PhraseAnswer {
    /// Whether it is.
    right: bool,
    /// What is wrong, if something is.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    problem: Option<PhraseProblemJson>,
}

/// Why what was typed is not the phrase.
#[derive(Serialize, ToSchema)]
pub struct PhraseProblemJson {
    /// In words.
    message: String,
    /// The word to look at, if one is likely wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    word: Option<WordProblem>,
}

/// Checks that the sheet with the recovery phrase is right, for admins; turns the vault on in a home that is older than it.
#[utoipa::path(post, path = "/vault/phrase", tag = "vault", request_body = TypedPhrase,
    responses((status = 200, body = PhraseAnswer), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody),
        (status = 403, body = ErrorBody)))]
async fn check_phrase(
    State(state): State<Arc<ApiState>>,
    signed_in: SignedIn,
    Json(typed): Json<TypedPhrase>,
) -> Result<Json<PhraseAnswer>, ApiError> {
    signed_in.must_be_admin(&state)?;
    blocking(move || match phrase::check(&state.home, &typed.phrase, clock::now_ms()) {
        Ok(_) => Ok(Json(PhraseAnswer { right: true, problem: None })),
        Err(PhraseProblem::Wrong { message, word }) => {
            Ok(Json(PhraseAnswer { right: false, problem: Some(PhraseProblemJson { message, word }) }))
        }
        Err(PhraseProblem::Failed(error)) => Err(error.into()),
    })
    .await
}

/// Says that somebody saw an alarm, for admins.
#[utoipa::path(post, path = "/vault/alarms/{id}/seen", tag = "vault",
    params(("id" = i64, Path, description = "The alarm")),
    responses((status = 204), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody),
        (status = 404, body = ErrorBody)))]
async fn alarm_seen(
    State(state): State<Arc<ApiState>>,
    signed_in: SignedIn,
    Path(id): Path<i64>,
) -> Result<StatusCode, ApiError> {
    signed_in.must_be_admin(&state)?;
    blocking(move || {
        let store = &state.home.vault.store;
        if !store.alarms()?.iter().any(|alarm| alarm.id == id) {
            return Err(ApiError::not_found());
        }
        store.alarm_seen(id)?;
        state.home.vault.changed(&state.home);
        Ok(DONE)
    })
    .await
}

/// Where one photo is.
#[derive(Serialize, ToSchema)]
pub struct AssetCopies {
    /// `here`, `damaged` or `missing`.
    original: &'static str,
    /// The places in which it is complete: original, thumbnail and preview, proved and listed.
    copies: Vec<AssetCopy>,
}

/// A place in which a photo is complete: another home, or a place of our own.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AssetCopy {
    /// The home.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    household: Option<String>,
    /// Or the own place's id.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    target: Option<String>,
    /// What people call it.
    name: String,
    /// When every part of the photo was last proved there: the oldest of these proofs.
    last_proven_at: String,
}

/// Says where one of the account's photos is.
#[utoipa::path(get, path = "/vault/assets/{id}", tag = "vault",
    params(("id" = String, Path, description = "UUID or local id")),
    responses((status = 200, body = AssetCopies), (status = 401, body = ErrorBody), (status = 404, body = ErrorBody)))]
async fn copies_of(
    State(state): State<Arc<ApiState>>,
    signed_in: SignedIn,
    Path(id): Path<String>,
) -> Result<Json<AssetCopies>, ApiError> {
    blocking(move || {
        let home = &state.home;
        let file = own_entry(home, &signed_in.account, &id)?.file;
        let content = file.hashes.content;
        let known = home.vault.store.picture_of(&content)?.map(|photo| photo.original);
        let original = match known {
            Some(OriginalState::Damaged) => "damaged",
            _ if home.has_original(&file) => "here",
            _ => "missing",
        };
        let (rows, names) = (home.vault.store.targets()?, Names::load(home)?);
        let copies = home.vault.store.copies_of(&content)?.into_iter().filter_map(|(id, proven_ms)| {
            rows.iter().find(|row| row.id == id).map(|row| copy_json(row, &names, proven_ms))
        });
        Ok(Json(AssetCopies { original, copies: copies.collect() }))
    })
    .await
}

fn copy_json(row: &TargetRow, names: &Names, proven_ms: i64) -> AssetCopy {
    let (household, name) = match &row.place {
        Place::Household(household) => (Some(household.to_string()), names.home(household)),
        Place::Folder(folder) => (None, folder.clone()),
        Place::S3(bucket) => (None, bucket_name(bucket)),
    };
    let target = household.is_none().then(|| row.id.to_string());
    AssetCopy { household, target, name, last_proven_at: iso(proven_ms) }
}

/// Lets admins change something, unless another node of the household took this one's place.
pub(super) fn may_change(state: &ApiState, signed_in: &SignedIn) -> Result<(), ApiError> {
    signed_in.must_be_admin(state)?;
    if state.home.is_outranked() {
        return Err(ApiError::forbidden("Another computer has taken the place of this one.")
            .hint("Look after the copies there."));
    }
    Ok(())
}

/// Refuses what needs the vault's keys while there are none.
pub(super) fn must_be_on(home: &Home) -> Result<(), ApiError> {
    if home.keys.vault().is_some() {
        return Ok(());
    }
    Err(ApiError::new(
        StatusCode::CONFLICT,
        "The copies of this home are not locked yet, so there can be none.",
    )
    .hint("Type the 24 words once, on the Safety page."))
}
