//! Files that were set aside, and trying them again.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use heirloom_catalog::{JobKind, Problem};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::ApiState;
use super::error::{ApiError, ErrorBody};
use super::extract::{Json, Path, blocking};
use super::limits::PROBLEMS_MAX;
use super::session::SignedIn;
use crate::home::events::Event;
use crate::{clock, index};

pub(super) fn routes() -> OpenApiRouter<Arc<ApiState>> {
    OpenApiRouter::new().routes(routes!(problems)).routes(routes!(retry))
}

/// A file that was set aside.
#[derive(Serialize, ToSchema)]
pub struct ProblemJson {
    /// Names it for trying again.
    id: i64,
    /// What could not be done: `derive` is reading the file and making its pictures.
    kind: &'static str,
    /// The photo.
    asset: String,
    /// The name it came with.
    name: String,
    /// Why.
    reason: String,
    /// What to do.
    advice: &'static str,
    /// Since when, milliseconds since the Unix epoch, UTC.
    at_ms: i64,
}

/// Lists the account's files that were set aside, newest first.
#[utoipa::path(get, path = "/problems", tag = "node",
    responses((status = 200, body = Vec<ProblemJson>), (status = 401, body = ErrorBody)))]
async fn problems(
    State(state): State<Arc<ApiState>>,
    signed_in: SignedIn,
) -> Result<Json<Vec<ProblemJson>>, ApiError> {
    blocking(move || {
        let own = state.home.catalog().problems_of(&signed_in.account, PROBLEMS_MAX)?;
        Ok(Json(own.into_iter().map(ProblemJson::from).collect()))
    })
    .await
}

/// Tries a file again.
#[utoipa::path(post, path = "/problems/{id}/retry", tag = "node", params(("id" = i64, Path, description = "The problem")),
    responses((status = 204), (status = 401, body = ErrorBody), (status = 404, body = ErrorBody)))]
async fn retry(
    State(state): State<Arc<ApiState>>,
    signed_in: SignedIn,
    Path(id): Path<i64>,
) -> Result<StatusCode, ApiError> {
    blocking(move || {
        let problem = state.home.catalog().problem(id)?.ok_or_else(ApiError::not_found)?;
        let entry = state.home.ledger.entry(&problem.asset)?;
        if entry.is_none_or(|entry| entry.account != signed_in.account) {
            return Err(ApiError::not_found());
        }
        if !state.home.catalog().retry(id, clock::now_ms())? {
            return Err(ApiError::not_found());
        }
        state.home.work.wake();
        index::timeline_changed(&state.home, signed_in.account, &[problem.asset]);
        state.home.events.tell(Event::Jobs);
        Ok(StatusCode::NO_CONTENT)
    })
    .await
}

impl From<Problem> for ProblemJson {
    fn from(problem: Problem) -> Self {
        let advice = match problem.kind {
            JobKind::Derive => {
                "The original is safe and can be downloaded. If you have a better copy, add that one; or try again after an update."
            }
        };
        Self {
            id: problem.id,
            kind: problem.kind.name(),
            asset: problem.asset.to_string(),
            name: problem.name,
            reason: problem.reason,
            advice,
            at_ms: problem.at_ms,
        }
    }
}
