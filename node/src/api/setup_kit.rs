//! The first-run page's requests of somebody who has no recovery phrase: asking homes for their parts of a recovery kit,
//! and how that stands. Leaves every decision to [`Setup`](crate::setup::Setup).

use axum::extract::{FromRef, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use zeroize::Zeroizing;

use super::dates::iso;
use super::error::{ApiError, ErrorBody};
use super::extract::Json;
use super::households::DONE;
use super::setup::{Door, RestoreRefused, admitted, lines};
use crate::clock;
use crate::restore::kit::{HolderNow, Note};
use crate::setup::SetupError;

/// Parts on paper that one request may bring.
const PAPERS_MAX: usize = 8;

/// The handlers, for a router that has a [`Door`].
pub(super) fn routes<S>() -> OpenApiRouter<S>
where
    S: Clone + Send + Sync + 'static,
    Door: FromRef<S>,
{
    OpenApiRouter::new().routes(routes!(ask_for_parts, asked_parts, give_up_parts))
}

/// What somebody has who lost everything, and the sheet with the words, too.
#[derive(Deserialize, ToSchema)]
pub struct KitOrderJson {
    /// How their home was called. Nothing when it was said before.
    #[serde(default)]
    name: String,
    /// Invitations of homes that hold parts or keep copies, or folders that they wrote; one in a line.
    #[serde(default)]
    from: String,
    /// Parts on paper, as they stand there.
    #[serde(default)]
    #[schema(value_type = Vec<String>)]
    papers: Vec<Zeroizing<String>>,
}

/// Asks homes for their parts of a recovery kit, and restores when there are enough: after days, by itself. Asked again, it
/// adds to what was named before; with nothing it tries again.
#[utoipa::path(post, path = "/setup/kit", tag = "setup", security(()), request_body = KitOrderJson,
    responses((status = 202), (status = 400, body = RestoreRefused), (status = 403, body = ErrorBody),
        (status = 409, body = ErrorBody)))]
async fn ask_for_parts(
    State(door): State<Door>,
    headers: HeaderMap,
    Json(asked): Json<KitOrderJson>,
) -> Result<Response, ApiError> {
    admitted(&door, &headers)?;
    if asked.papers.len() > PAPERS_MAX {
        return Err(ApiError::bad_request("These are too many parts: a kit has 5 at most."));
    }
    let papers = asked.papers.into_iter().filter(|paper| !paper.trim().is_empty()).collect();
    let note = Note::new(asked.name.trim().to_owned(), lines(&asked.from), papers, clock::now_ms());
    // The task that asks needs this thread's runtime, the reading of folders may wait for a disk.
    let begun = tokio::task::spawn_blocking(move || door.setup.ask(note)).await;
    match begun.map_err(ApiError::internal)? {
        Ok(()) => Ok(StatusCode::ACCEPTED.into_response()),
        Err(SetupError::Restore(problem)) if problem.is_input() => {
            Ok((StatusCode::BAD_REQUEST, Json(RestoreRefused::of(&problem))).into_response())
        }
        Err(error) => Err(error.into()),
    }
}

/// How the asking for parts stands.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct KitAskingJson {
    /// How the home was called.
    name: String,
    /// When it was asked first.
    asked_at: String,
    /// The homes that are asked.
    homes: Vec<KitHomeJson>,
    /// Parts that were typed from paper.
    papers: usize,
    /// Parts that are here, the typed ones among them.
    have: usize,
    /// Parts that are needed; nothing until one of them told.
    needed: Option<u8>,
    /// What else a person should know.
    message: Option<String>,
    /// Whether it ended, for what the message says, and goes on only when it is asked again.
    over: bool,
}

/// A home that is asked for its part.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct KitHomeJson {
    /// What it calls itself; may be empty.
    name: String,
    /// `asking`, `asked`, `waits`, `given`, `refused`, `expired` (its invitation is not taken any more) or `away`.
    #[schema(pattern = "asking|asked|waits|given|refused|expired|away")]
    state: &'static str,
    /// The six words that people on both sides compare.
    words: Option<String>,
    /// How much of the delay was left when it last said so.
    hours_left: Option<u64>,
}

impl From<HolderNow> for KitHomeJson {
    fn from(holder: HolderNow) -> Self {
        let HolderNow { name, state, words, hours_left, why: _ } = holder;
        Self { name, state: state.text(), words, hours_left }
    }
}

/// Tells how the asking for parts stands.
#[utoipa::path(get, path = "/setup/kit", tag = "setup", security(()),
    responses((status = 200, body = KitAskingJson), (status = 403, body = ErrorBody), (status = 404, body = ErrorBody)))]
async fn asked_parts(State(door): State<Door>, headers: HeaderMap) -> Result<Json<KitAskingJson>, ApiError> {
    admitted(&door, &headers)?;
    let now = door.setup.asking().ok_or_else(ApiError::not_found)?;
    Ok(Json(KitAskingJson {
        name: now.name,
        asked_at: iso(now.began_ms),
        homes: now.standing.holders.into_iter().map(KitHomeJson::from).collect(),
        papers: now.standing.papers,
        have: now.standing.have,
        needed: now.standing.needed,
        message: now.standing.message,
        over: now.is_over,
    }))
}

/// Gives the asking up. Homes that are asked again see another computer, and the delay begins anew.
#[utoipa::path(delete, path = "/setup/kit", tag = "setup", security(()),
    responses((status = 204), (status = 403, body = ErrorBody), (status = 409, body = ErrorBody)))]
async fn give_up_parts(State(door): State<Door>, headers: HeaderMap) -> Result<StatusCode, ApiError> {
    admitted(&door, &headers)?;
    door.setup.give_up_asking().await?;
    Ok(DONE)
}
