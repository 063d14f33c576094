//! What homes keep for each other: asking, agreeing, ending it, and what people say to large deletions.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use heirloom_identity::HouseholdId;
use heirloom_vault::{KeeperError, TargetError};
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::ApiState;
use super::error::{ApiError, ErrorBody};
use super::extract::{Json, Path, blocking};
use super::households::DONE;
use super::session::SignedIn;
use super::vault::{may_change, must_be_on};
use crate::ledger::peers::PeerState;
use crate::protocols::vault::agreements::{self, QUOTA_MIN};
use crate::vault::amount::AMOUNT_MAX;

pub(super) fn routes() -> OpenApiRouter<Arc<ApiState>> {
    OpenApiRouter::new()
        .routes(routes!(ask))
        .routes(routes!(keep))
        .routes(routes!(leave_keeper))
        .routes(routes!(answer_at_keeper))
        .routes(routes!(drop_ward))
        .routes(routes!(answer_here))
}

/// Another home and an amount of space.
#[derive(Deserialize, ToSchema)]
pub struct Space {
    /// The home's id.
    #[schema(value_type = String)]
    pub household: HouseholdId,
    /// At least 64 MiB, at most a petabyte.
    pub bytes: u64,
}

/// Asks another home to keep copies, or for another amount, for admins; a person there decides.
#[utoipa::path(post, path = "/vault/ask", tag = "vault", request_body = Space,
    responses((status = 204), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody),
        (status = 403, body = ErrorBody), (status = 404, description = "No such home is paired", body = ErrorBody),
        (status = 409, description = "The vault is not on", body = ErrorBody)))]
async fn ask(
    State(state): State<Arc<ApiState>>,
    signed_in: SignedIn,
    Json(space): Json<Space>,
) -> Result<StatusCode, ApiError> {
    may_change(&state, &signed_in)?;
    must_make_sense(space.bytes)?;
    must_be_paired(&state, space.household).await?;
    must_be_on(&state.home)?;
    agreements::ask(&state.home, space.household, space.bytes).await.map_err(in_words)?;
    Ok(DONE)
}

/// Keeps copies for another home, or changes how much, for admins.
#[utoipa::path(post, path = "/vault/keep", tag = "vault", request_body = Space,
    responses((status = 204), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody),
        (status = 403, body = ErrorBody), (status = 404, description = "No such home is paired", body = ErrorBody)))]
async fn keep(
    State(state): State<Arc<ApiState>>,
    signed_in: SignedIn,
    Json(space): Json<Space>,
) -> Result<StatusCode, ApiError> {
    may_change(&state, &signed_in)?;
    must_make_sense(space.bytes)?;
    must_be_paired(&state, space.household).await?;
    agreements::keep(&state.home, space.household, space.bytes).await.map_err(in_words)?;
    Ok(DONE)
}

/// No longer has another home keep copies, or takes the wish back, for admins. What is there stays until enough others
/// have it, and 30 days longer.
#[utoipa::path(delete, path = "/vault/keepers/{household}", tag = "vault",
    params(("household" = String, Path, description = "The home's id")),
    responses((status = 204), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody),
        (status = 404, body = ErrorBody)))]
async fn leave_keeper(
    State(state): State<Arc<ApiState>>,
    signed_in: SignedIn,
    Path(household): Path<HouseholdId>,
) -> Result<StatusCode, ApiError> {
    may_change(&state, &signed_in)?;
    must_be_keeper(&state, household).await?;
    agreements::end_keeper(&state.home, household).await.map_err(in_words)?;
    Ok(DONE)
}

/// No longer keeps copies for another home, or declines its wish, for admins. What is here is held for 30 days.
#[utoipa::path(delete, path = "/vault/wards/{household}", tag = "vault",
    params(("household" = String, Path, description = "The home's id")),
    responses((status = 204), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody),
        (status = 404, body = ErrorBody)))]
async fn drop_ward(
    State(state): State<Arc<ApiState>>,
    signed_in: SignedIn,
    Path(household): Path<HouseholdId>,
) -> Result<StatusCode, ApiError> {
    may_change(&state, &signed_in)?;
    let at = Arc::clone(&state);
    blocking(move || {
        let vault = &at.home.vault;
        let asked = vault.store.asks()?.iter().any(|ask| ask.household == household);
        if asked { Ok(()) } else { Ok(vault.keeper.ward(&household).map(drop)?) }
    })
    .await?;
    agreements::end_ward(&state.home, household).await.map_err(in_words)?;
    Ok(DONE)
}

/// What a person says to a deletion that waits.
#[derive(Deserialize, ToSchema)]
pub struct DeletionAnswer {
    /// Whether it may happen. It does when a person in each of the two homes says so.
    pub allow: bool,
}

/// Says whether another home may delete much of what is kept for it here, for admins.
#[utoipa::path(post, path = "/vault/wards/{household}/deletion", tag = "vault",
    params(("household" = String, Path, description = "The home's id")), request_body = DeletionAnswer,
    responses((status = 204), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody),
        (status = 404, body = ErrorBody), (status = 409, description = "Nothing waits", body = ErrorBody)))]
async fn answer_here(
    State(state): State<Arc<ApiState>>,
    signed_in: SignedIn,
    Path(household): Path<HouseholdId>,
    Json(answer): Json<DeletionAnswer>,
) -> Result<StatusCode, ApiError> {
    may_change(&state, &signed_in)?;
    let at = Arc::clone(&state);
    blocking(move || {
        let waits = at.home.vault.keeper.ward(&household)?.ask.is_some();
        let nothing = || ApiError::new(StatusCode::CONFLICT, "No deletion of that home waits for an answer.");
        if waits { Ok(()) } else { Err(nothing()) }
    })
    .await?;
    agreements::answer_ward(&state.home, household, answer.allow).await.map_err(in_words)?;
    Ok(DONE)
}

/// Says whether much of what another home keeps for this one may be deleted there, for admins.
#[utoipa::path(post, path = "/vault/keepers/{household}/deletion", tag = "vault",
    params(("household" = String, Path, description = "The home's id")), request_body = DeletionAnswer,
    responses((status = 204), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody),
        (status = 404, body = ErrorBody), (status = 503, description = "It is off", body = ErrorBody)))]
async fn answer_at_keeper(
    State(state): State<Arc<ApiState>>,
    signed_in: SignedIn,
    Path(household): Path<HouseholdId>,
    Json(answer): Json<DeletionAnswer>,
) -> Result<StatusCode, ApiError> {
    may_change(&state, &signed_in)?;
    must_be_keeper(&state, household).await?;
    agreements::answer_keeper(&state.home, household, answer.allow).await.map_err(in_words)?;
    Ok(DONE)
}

fn must_make_sense(bytes: u64) -> Result<(), ApiError> {
    if (QUOTA_MIN..=AMOUNT_MAX).contains(&bytes) {
        return Ok(());
    }
    let message =
        if bytes < QUOTA_MIN { "That is too little space." } else { "No home has that much space." };
    Err(ApiError::bad_request(message).hint("Name between 64 MB and 1000 TB."))
}

async fn must_be_paired(state: &Arc<ApiState>, household: HouseholdId) -> Result<(), ApiError> {
    let state = Arc::clone(state);
    blocking(move || {
        let paired = state.home.ledger.peer(&household)?.filter(|peer| peer.state == PeerState::Paired);
        paired.map(drop).ok_or_else(ApiError::not_found)
    })
    .await
}

async fn must_be_keeper(state: &Arc<ApiState>, household: HouseholdId) -> Result<(), ApiError> {
    let state = Arc::clone(state);
    let known = blocking(move || Ok(state.home.vault.store.target_of(&household)?)).await?;
    known.map(drop).ok_or_else(ApiError::not_found)
}

/// What went wrong between two homes is written for people and goes to them as it is; what failed here does not.
fn in_words(error: anyhow::Error) -> ApiError {
    let error = match error.downcast::<KeeperError>() {
        Ok(error) => return error.into(),
        Err(other) => other,
    };
    let error = match error.downcast::<TargetError>() {
        Ok(error) => return error.into(),
        Err(other) => other,
    };
    let is_own = error.chain().any(|cause| {
        cause.is::<heirloom_store::StoreError>()
            || cause.is::<std::io::Error>()
            || cause.is::<tokio::task::JoinError>()
    });
    if is_own { error.into() } else { ApiError::bad_request(error.to_string()).cause(error) }
}
