//! The first-run page's requests of somebody who has no recovery phrase: asking homes for their parts of a recovery kit,
//! and how that stands. Leaves every decision to [`Setup`](crate::setup::Setup).

use axum::extract::{FromRef, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use zeroize::Zeroizing;

use super::dates::iso;
use super::error::{ApiError, ErrorBody};
use super::extract::{Json, Path};
use super::households::DONE;
use super::setup::{Door, RelayJson, RestoreRefused, admitted, begin, lines};
use crate::clock;
use crate::restore::kit::{Entry, EntryKind, HolderNow, Note};
use crate::restore::states::StateNow;
use crate::setup::AskingNow;

/// Parts on paper that one request may bring.
const PAPERS_MAX: usize = 8;

/// The handlers, for a router that has a [`Door`].
pub(super) fn routes<S>() -> OpenApiRouter<S>
where
    S: Clone + Send + Sync + 'static,
    Door: FromRef<S>,
{
    OpenApiRouter::new()
        .routes(routes!(ask_for_parts, asked_parts, give_up_parts))
        .routes(routes!(take_out))
        .routes(routes!(choose_state))
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
    /// The relay, if homes are reached over one that asks for something. Nothing when it was said before.
    #[serde(default)]
    relay: RelayJson,
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
    begin(move || {
        let KitOrderJson { name, from, papers, relay } = asked;
        let papers = papers.into_iter().filter(|paper| !paper.trim().is_empty()).collect();
        let note = Note::new(name.trim().to_owned(), lines(&from), papers, clock::now_ms());
        door.setup.ask(note.over(&relay.read()?))
    })
    .await
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
    /// Disks and buckets that were named.
    places: Vec<KitPlaceJson>,
    /// Parts that were typed from paper.
    papers: Vec<KitPaperJson>,
    /// Parts that are here, the typed ones among them.
    have: usize,
    /// Parts that are needed; nothing until one of them told.
    needed: Option<u8>,
    /// The states that can be restored, the one to restore first at the top; nothing before there are enough parts. Nothing
    /// is restored before `/setup/kit/state` says which.
    states: Option<Vec<KitStateJson>>,
    /// Whether one of them was chosen: it begins in a moment.
    chosen: bool,
    /// Homes and disks that did not say which states they have. They may have a newer one.
    silent: Vec<String>,
    /// What else a person should know.
    message: Option<String>,
    /// Whether it ended, for what the message says, and goes on only when it is asked again.
    over: bool,
}

/// A home that is asked for its part.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct KitHomeJson {
    /// Means its link in `/setup/kit/entries/{id}`.
    id: String,
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

/// A disk or a bucket that was named.
#[derive(Serialize, ToSchema)]
pub struct KitPlaceJson {
    /// Means it in `/setup/kit/entries/{id}`.
    id: String,
    /// As it was named.
    place: String,
    /// Whether it can be read now.
    there: bool,
}

/// A part that was typed from paper.
#[derive(Serialize, ToSchema)]
pub struct KitPaperJson {
    /// Means it in `/setup/kit/entries/{id}`.
    id: String,
    /// Which part it is, from 1.
    part: u8,
}

/// A state that can be restored.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct KitStateJson {
    /// Means it in `/setup/kit/state`.
    id: String,
    /// When it was made.
    made_at: String,
    /// The homes and disks that have it.
    places: Vec<String>,
}

impl From<AskingNow> for KitAskingJson {
    fn from(now: AskingNow) -> Self {
        let AskingNow { name, began_ms, standing, entries, states, is_chosen, is_over } = now;
        let (mut homes, mut places, mut papers) = (Vec::new(), Vec::new(), Vec::new());
        let mut holders = standing.holders.into_iter();
        for Entry { id, kind, name } in entries {
            match kind {
                EntryKind::Home => {
                    let holder = holders.next().unwrap_or_else(|| HolderNow::unasked(&name));
                    let HolderNow { name, state, words, hours_left, why: _ } = holder;
                    homes.push(KitHomeJson { id, name, state: state.text(), words, hours_left });
                }
                EntryKind::Place { is_there } => {
                    places.push(KitPlaceJson { id, place: name, there: is_there });
                }
                EntryKind::Paper(part) => papers.push(KitPaperJson { id, part }),
            }
        }
        let missing = places.iter().filter(|place| !place.there).map(|place| place.place.clone());
        let silent = states.iter().flat_map(|states| states.silent.iter().cloned()).chain(missing).collect();
        let states = states.map(|states| states.best_first.into_iter().map(KitStateJson::from).collect());
        Self {
            name,
            asked_at: iso(began_ms),
            homes,
            places,
            papers,
            have: standing.have,
            needed: standing.needed,
            states,
            chosen: is_chosen,
            silent,
            message: standing.message,
            over: is_over,
        }
    }
}

impl From<StateNow> for KitStateJson {
    fn from(state: StateNow) -> Self {
        Self { id: state.id, made_at: iso(state.made_at_ms), places: state.places }
    }
}

/// Tells how the asking for parts stands.
#[utoipa::path(get, path = "/setup/kit", tag = "setup", security(()),
    responses((status = 200, body = KitAskingJson), (status = 403, body = ErrorBody), (status = 404, body = ErrorBody)))]
async fn asked_parts(State(door): State<Door>, headers: HeaderMap) -> Result<Json<KitAskingJson>, ApiError> {
    admitted(&door, &headers)?;
    let now = door.setup.asking().ok_or_else(ApiError::not_found)?;
    Ok(Json(now.into()))
}

/// Gives the asking up. Homes that are asked again see another computer, and the delay begins anew.
#[utoipa::path(delete, path = "/setup/kit", tag = "setup", security(()),
    responses((status = 204), (status = 403, body = ErrorBody), (status = 409, body = ErrorBody)))]
async fn give_up_parts(State(door): State<Door>, headers: HeaderMap) -> Result<StatusCode, ApiError> {
    admitted(&door, &headers)?;
    door.setup.give_up_asking().await?;
    Ok(DONE)
}

/// Takes out a link, a disk or a part on paper that was named, and goes on with the others.
#[utoipa::path(delete, path = "/setup/kit/entries/{id}", tag = "setup", security(()),
    params(("id" = String, Path, description = "What is taken out")),
    responses((status = 202), (status = 400, description = "It is the only link", body = RestoreRefused),
        (status = 403, body = ErrorBody), (status = 409, body = ErrorBody)))]
async fn take_out(
    State(door): State<Door>,
    headers: HeaderMap,
    Path(id): Path<String>,
) -> Result<Response, ApiError> {
    admitted(&door, &headers)?;
    begin(move || door.setup.take_out(&id)).await
}

/// Which state is restored.
#[derive(Deserialize, ToSchema)]
pub struct KitChoiceJson {
    /// Nothing that is newer than this one; the newest when absent.
    #[serde(default)]
    state: Option<String>,
}

/// Begins to restore, once there are enough parts; `GET /setup/restore` tells how far it is.
#[utoipa::path(post, path = "/setup/kit/state", tag = "setup", security(()), request_body = KitChoiceJson,
    responses((status = 202), (status = 403, body = ErrorBody), (status = 409, body = ErrorBody)))]
async fn choose_state(
    State(door): State<Door>,
    headers: HeaderMap,
    Json(chosen): Json<KitChoiceJson>,
) -> Result<StatusCode, ApiError> {
    admitted(&door, &headers)?;
    door.setup.choose(chosen.state)?;
    Ok(StatusCode::ACCEPTED)
}
