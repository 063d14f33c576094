//! Newer states of this home at other homes and disks: what there is, and whether it is to come home.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use zeroize::Zeroizing;

use super::ApiState;
use super::dates::iso;
use super::error::{ApiError, ErrorBody, sentence};
use super::extract::{Json, Path, blocking};
use super::session::SignedIn;
use super::vault::{may_change, must_be_on};
use crate::home::phrase::PhraseProblem;
use crate::vault::newer::{self, Answer, AnswerProblem, Doing, Why};

pub(super) fn routes() -> OpenApiRouter<Arc<ApiState>> {
    OpenApiRouter::new().routes(routes!(newer_states)).routes(routes!(answer_newer))
}

/// Newer states of this home.
#[derive(Serialize, ToSchema)]
pub struct NewerStates {
    /// Every one that is remembered; those that a person is asked about have the state `asks`.
    states: Vec<NewerState>,
}

/// A state of this home that a place has and this computer did not know.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct NewerState {
    /// Its id.
    id: String,
    /// The home or disk that has it, as people call it.
    place: String,
    /// When it was made, by the clock of whoever made it.
    made_at: String,
    /// Who made it: `before` (the computer before this one), `after` (the same, after it was replaced), `beside` (another
    /// restored computer), `setBack` (this one, before it was set back, or a thief of its keys), `stranger` (somebody with
    /// this computer's keys while it was on).
    why: Why,
    /// What becomes of it: `asks`, `bringing`, `waiting` (for a home or disk with the rest), `brought`, `left`.
    state: Doing,
    /// Whether the 24 words are needed to open it.
    needs_phrase: bool,
    /// Photos of it that came.
    brought: u64,
    /// Photos of it that were not here.
    total: u64,
    /// Photos of it that nobody who was reached has.
    missing: u64,
    /// Why it does not go on.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    note: Option<String>,
}

impl From<newer::State> for NewerState {
    fn from(state: newer::State) -> Self {
        Self {
            id: state.id,
            place: state.place,
            made_at: iso(state.made_ms),
            why: state.why,
            state: state.doing,
            needs_phrase: state.needs_phrase,
            brought: state.brought,
            total: state.total,
            missing: state.missing,
            note: state.note.map(|note| sentence(&note)),
        }
    }
}

/// Says which newer states of this home other homes and disks have, and how far it is to bring them.
#[utoipa::path(get, path = "/vault/newer", tag = "vault",
    responses((status = 200, body = NewerStates), (status = 401, body = ErrorBody)))]
async fn newer_states(
    State(state): State<Arc<ApiState>>,
    _signed_in: SignedIn,
) -> Result<Json<NewerStates>, ApiError> {
    blocking(move || {
        let states = newer::list(&state.home)?.into_iter().map(NewerState::from).collect();
        Ok(Json(NewerStates { states }))
    })
    .await
}

/// What a person says about a newer state.
#[derive(Deserialize, ToSchema)]
pub struct NewerAnswer {
    /// Whether it is theirs and is to come home.
    bring: bool,
    /// The 24 words, where `needsPhrase` says so.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    phrase: Option<Zeroizing<String>>,
}

/// Brings a newer state home, or leaves it, for admins; `vault` events say how it goes on.
#[utoipa::path(post, path = "/vault/newer/{id}", tag = "vault", request_body = NewerAnswer,
    params(("id" = String, Path, description = "The state")),
    responses((status = 202), (status = 400, description = "Not the phrase", body = ErrorBody),
        (status = 401, body = ErrorBody), (status = 403, body = ErrorBody), (status = 404, body = ErrorBody),
        (status = 409, description = "The 24 words are needed", body = ErrorBody)))]
async fn answer_newer(
    State(state): State<Arc<ApiState>>,
    signed_in: SignedIn,
    Path(id): Path<String>,
    Json(said): Json<NewerAnswer>,
) -> Result<StatusCode, ApiError> {
    may_change(&state, &signed_in)?;
    must_be_on(&state.home)?;
    let answer = if said.bring { Answer::Bring(said.phrase) } else { Answer::Leave };
    match newer::answer(&state.home, &id, answer).await {
        Ok(()) => Ok(StatusCode::ACCEPTED),
        Err(AnswerProblem::Unknown) => Err(ApiError::not_found()),
        Err(problem @ AnswerProblem::NeedsPhrase) => {
            Err(ApiError::new(StatusCode::CONFLICT, sentence(&problem.to_string())))
        }
        Err(AnswerProblem::Phrase(PhraseProblem::Wrong { message, word })) => {
            Err(ApiError::wrong_phrase(&message, word))
        }
        Err(AnswerProblem::Phrase(PhraseProblem::Failed(error)) | AnswerProblem::Failed(error)) => {
            Err(error.into())
        }
    }
}
