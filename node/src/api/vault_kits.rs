//! Recovery kits: making, checking and ending this home's own, and answering whoever asks for a part that it holds.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use heirloom_identity::{HouseholdId, KitId, NodeId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use zeroize::Zeroizing;

use super::ApiState;
use super::error::{ApiError, ErrorBody, sentence};
use super::extract::{Json, Path, blocking};
use super::households::DONE;
use super::session::SignedIn;
use super::vault::{may_change, must_be_on};
use crate::clock;
use crate::home::phrase::PhraseProblem;
use crate::protocols::vault::kits;
use crate::vault::kits::owner::{self, KitProblem, Wanted};
use crate::vault::kits::{holder, reminders, status};

pub(super) fn routes() -> OpenApiRouter<Arc<ApiState>> {
    OpenApiRouter::new()
        .routes(routes!(make_kit))
        .routes(routes!(check_kit))
        .routes(routes!(revoke_kit))
        .routes(routes!(refuse_kit))
        .routes(routes!(answer_request))
        .routes(routes!(answer_reminder))
}

/// A kit that is to be made.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct NewKit {
    /// The 24 words.
    #[schema(value_type = String)]
    pub phrase: Zeroizing<String>,
    /// What people call it.
    #[serde(default)]
    pub name: String,
    /// Who gets the 3 or 5 parts: homes, or null for paper.
    #[schema(value_type = Vec<Option<String>>)]
    pub holders: Vec<Option<HouseholdId>>,
    /// How many days holders wait: 0, 1, 7, 15 or 30.
    pub delay_days: u32,
}

/// A kit that was made.
#[derive(Serialize, ToSchema)]
pub struct MadeKit {
    /// Its id.
    #[schema(value_type = String)]
    id: KitId,
    /// Its parts on paper; nobody can show them again.
    papers: Vec<PaperPart>,
}

/// A part on paper.
#[derive(Serialize, ToSchema)]
pub struct PaperPart {
    /// Its number.
    number: u8,
    /// Five lines of four groups.
    #[schema(value_type = String)]
    text: Zeroizing<String>,
}

/// Makes a kit, for admins. Every chosen home must be on. 409 says which is not, or what else is wrong with the choice.
#[utoipa::path(post, path = "/vault/kits", tag = "vault", request_body = NewKit,
    responses((status = 201, body = MadeKit), (status = 400, description = "Not the phrase", body = ErrorBody),
        (status = 401, body = ErrorBody), (status = 403, body = ErrorBody), (status = 409, body = ErrorBody)))]
async fn make_kit(
    State(state): State<Arc<ApiState>>,
    signed_in: SignedIn,
    Json(new): Json<NewKit>,
) -> Result<(StatusCode, Json<MadeKit>), ApiError> {
    may_change(&state, &signed_in)?;
    must_be_on(&state.home)?;
    let NewKit { phrase, name, holders, delay_days } = new;
    let wanted = Wanted { name, holders, delay_days };
    let made =
        owner::create(&state.home, phrase, wanted, clock::now_ms()).await.map_err(
            |problem| match problem {
                KitProblem::Phrase(PhraseProblem::Wrong { message, word }) => {
                    ApiError::wrong_phrase(&message, word)
                }
                KitProblem::Choice(message) => ApiError::new(StatusCode::CONFLICT, sentence(&message)),
                KitProblem::Phrase(PhraseProblem::Failed(error)) | KitProblem::Failed(error) => error.into(),
            },
        )?;
    let papers = made.papers.into_iter().map(|(number, text)| PaperPart { number, text }).collect();
    Ok((StatusCode::CREATED, Json(MadeKit { id: made.kit, papers })))
}

/// What checking a kit found.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CheckedKit {
    /// Whether every home was reached and has the right part.
    all_right: bool,
}

/// Has every home of a kit say whether its part is right, for admins; `GET /api/vault` says which are.
#[utoipa::path(post, path = "/vault/kits/{id}/check", tag = "vault", params(("id" = String, Path, description = "The kit")),
    responses((status = 200, body = CheckedKit), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody),
        (status = 404, body = ErrorBody)))]
async fn check_kit(
    State(state): State<Arc<ApiState>>,
    signed_in: SignedIn,
    Path(id): Path<KitId>,
) -> Result<Json<CheckedKit>, ApiError> {
    may_change(&state, &signed_in)?;
    must_exist(&state, id).await?;
    let (_, all_right) = owner::verify(&state.home, id, clock::now_ms()).await?;
    Ok(Json(CheckedKit { all_right }))
}

/// Ends a kit, for admins: homes destroy their parts. What is on paper stays.
#[utoipa::path(delete, path = "/vault/kits/{id}", tag = "vault", params(("id" = String, Path, description = "The kit")),
    responses((status = 204), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody),
        (status = 404, body = ErrorBody)))]
async fn revoke_kit(
    State(state): State<Arc<ApiState>>,
    signed_in: SignedIn,
    Path(id): Path<KitId>,
) -> Result<StatusCode, ApiError> {
    may_change(&state, &signed_in)?;
    must_exist(&state, id).await?;
    owner::revoke(&state.home, id, clock::now_ms()).await?;
    Ok(DONE)
}

/// Says to the homes of a kit that it is none of us who ask for its parts. Everybody who signs in may: it takes one to
/// notice a thief.
#[utoipa::path(post, path = "/vault/kits/{id}/refuse", tag = "vault", params(("id" = String, Path, description = "The kit")),
    responses((status = 204), (status = 401, body = ErrorBody), (status = 404, body = ErrorBody)))]
async fn refuse_kit(
    State(state): State<Arc<ApiState>>,
    _signed_in: SignedIn,
    Path(id): Path<KitId>,
) -> Result<StatusCode, ApiError> {
    must_exist(&state, id).await?;
    owner::refuse(&state.home, id).await?;
    Ok(DONE)
}

async fn must_exist(state: &Arc<ApiState>, id: KitId) -> Result<(), ApiError> {
    let at = Arc::clone(state);
    let kits = blocking(move || Ok(status::kits(&at.home)?)).await?;
    let is_there = kits.iter().any(|kit| kit.id == id && kit.state != "ending");
    if is_there {
        Ok(())
    } else {
        Err(ApiError::new(StatusCode::NOT_FOUND, "There is no such kit any more.")
            .hint("Load the page again; perhaps somebody ended it."))
    }
}

/// What a person says to whoever asks.
#[derive(Deserialize, ToSchema)]
pub struct KitAnswerJson {
    /// Whether it is really they.
    pub allow: bool,
    /// Whose part is meant, where it is not clear.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub kit: Option<KitId>,
}

/// Answers whoever asks this home for a part of another home's kit, for admins. The part is given when the delay is over.
#[utoipa::path(post, path = "/vault/kit-requests/{id}", tag = "vault", request_body = KitAnswerJson,
    params(("id" = String, Path, description = "The request")),
    responses((status = 204), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody),
        (status = 409, description = "Nobody asks so, or it was answered", body = ErrorBody)))]
async fn answer_request(
    State(state): State<Arc<ApiState>>,
    signed_in: SignedIn,
    Path(id): Path<NodeId>,
    Json(answer): Json<KitAnswerJson>,
) -> Result<StatusCode, ApiError> {
    may_change(&state, &signed_in)?;
    let at = Arc::clone(&state);
    let news = blocking(move || {
        holder::answer(&at.home, &id, answer.allow, answer.kit, clock::now_ms())
            .map_err(|error| ApiError::new(StatusCode::CONFLICT, sentence(&error)))
    })
    .await?;
    if let (Some(news), Some(network)) = (news, state.home.network()) {
        kits::tell(&network, news).await;
    }
    Ok(DONE)
}

/// What a person says to a reminder.
#[derive(Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub enum ReminderAnswer {
    /// Not now; it comes again in a month.
    Later,
    /// The papers of this kit are where they should be.
    There,
}

/// See [`ReminderAnswer`].
#[derive(Deserialize, ToSchema)]
pub struct ReminderAnswerJson {
    /// What they say.
    pub answer: ReminderAnswer,
}

/// Answers a yearly reminder, for admins. The phrase and the parts at homes are answered by checking them.
#[utoipa::path(post, path = "/vault/reminders/{about}", tag = "vault", request_body = ReminderAnswerJson,
    params(("about" = String, Path, description = "`phrase`, or the id of a kit")),
    responses((status = 204), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody),
        (status = 404, body = ErrorBody)))]
async fn answer_reminder(
    State(state): State<Arc<ApiState>>,
    signed_in: SignedIn,
    Path(about): Path<String>,
    Json(said): Json<ReminderAnswerJson>,
) -> Result<StatusCode, ApiError> {
    may_change(&state, &signed_in)?;
    let kit = about.parse::<KitId>().ok();
    match kit {
        Some(kit) => must_exist(&state, kit).await?,
        None if about == reminders::PHRASE && said.answer == ReminderAnswer::Later => {}
        None => return Err(ApiError::not_found()),
    }
    let at = Arc::clone(&state);
    blocking(move || {
        let now_ms = at.home.vault.engine.now();
        match (kit, said.answer) {
            (Some(kit), ReminderAnswer::There) => reminders::papers_are_there(&at.home, &kit, now_ms)?,
            (None, ReminderAnswer::There) | (_, ReminderAnswer::Later) => {
                reminders::put_off(&at.home, &about, now_ms)?;
            }
        }
        Ok(())
    })
    .await?;
    Ok(DONE)
}
