//! The first-run page's requests: founding a household, restoring one, and how far that is.
//!
//! The same handlers answer before there is a home ([`router`]) and after ([`routes`] among the others), so that the page
//! which began a restore can follow it. After, nothing can be set up any more and no code is asked for. Leaves every
//! decision to [`Setup`].

use std::sync::Arc;

use axum::Router;
use axum::extract::{FromRef, Request, State};
use axum::http::{HeaderMap, StatusCode, Version, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use data_encoding::BASE64;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use zeroize::Zeroizing;

use super::ApiState;
use super::dates::iso;
use super::error::{ApiError, ErrorBody};
use super::extract::{Json, blocking};
use super::page::Page;
use crate::restore::{RelayAccess, Stage, WordProblem};
use crate::setup::{NewHousehold, Prepared, Setup, SetupError, SetupState};

/// The header in which the page sends the code that the terminal showed.
const CODE_HEADER: &str = "x-setup-code";

/// Where the handlers find what they work on, whichever router they stand in.
#[derive(Clone)]
pub struct Door {
    pub(super) setup: Arc<Setup>,
    page: Option<Arc<Page>>,
}

impl Door {
    /// The door of a folder or a home.
    pub fn new(setup: Arc<Setup>) -> Self {
        Self { setup, page: None }
    }
}

impl FromRef<Arc<ApiState>> for Door {
    fn from_ref(state: &Arc<ApiState>) -> Self {
        state.door.clone()
    }
}

/// The handlers, for a router that has a [`Door`].
pub(super) fn routes<S>() -> OpenApiRouter<S>
where
    S: Clone + Send + Sync + 'static,
    Door: FromRef<S>,
{
    OpenApiRouter::new()
        .routes(routes!(state))
        .routes(routes!(found))
        .routes(routes!(finish))
        .routes(routes!(restore, progress))
        .merge(super::setup_kit::routes())
}

/// Everything that is answered while there is no home: the page, and how to make one.
pub fn router(setup: Arc<Setup>) -> Router {
    let door = Door { setup, page: Some(Arc::new(Page::load())) };
    let (routes, _) = OpenApiRouter::new().nest("/api", routes::<Door>()).split_for_parts();
    let hosts = middleware::from_fn_with_state(door.clone(), known_host);
    super::dressed(routes.fallback(page).layer(hosts)).with_state(door)
}

/// What other servers add to requests that they pass on.
const PROXY_HEADERS: [&str; 6] =
    ["forwarded", "via", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip"];

/// Whether another server passed a request on. Some add nothing, but speak as no browser has for decades.
fn is_passed_on(request: &Request) -> bool {
    request.version() < Version::HTTP_11
        || PROXY_HEADERS.iter().any(|name| request.headers().contains_key(*name))
}

/// Turns away browsers that were led here under a name that anybody can choose, and whoever comes through another server
/// where no code is asked for.
async fn known_host(State(door): State<Door>, request: Request, next: Next) -> Response {
    let in_header = request.headers().get(header::HOST).and_then(|host| host.to_str().ok());
    let host = in_header.or_else(|| request.uri().authority().map(axum::http::uri::Authority::as_str));
    if is_passed_on(&request) && !door.setup.admits_proxies() {
        return ApiError::forbidden("This page is not shown through another server.")
            .hint("Open it on this computer; or start Heirloom with --listen and an address of your network: then it asks for a code.")
            .into_response();
    }
    if host.is_some_and(|host| door.setup.admits_host(host)) {
        return next.run(request).await;
    }
    ApiError::forbidden("This page is not shown under this name.")
        .hint("Open it under the address that the terminal shows.")
        .into_response()
}

async fn page(State(door): State<Door>, request: Request) -> Response {
    let path = request.uri().path();
    match door.page {
        Some(page) if path != "/api" && !path.starts_with("/api/") => {
            page.answer(request.method(), request.uri(), request.headers())
        }
        _ => ApiError::not_found().into_response(),
    }
}

pub(super) fn admitted(door: &Door, headers: &HeaderMap) -> Result<(), ApiError> {
    let given = headers.get(CODE_HEADER).and_then(|code| code.to_str().ok());
    if door.setup.admits(given) {
        return Ok(());
    }
    Err(ApiError::forbidden("This page needs the code that the terminal shows.")
        .hint("Open the whole address that stands in the terminal, with what follows the #."))
}

impl From<SetupError> for ApiError {
    fn from(error: SetupError) -> Self {
        match error {
            SetupError::Busy(words) => Self::new(StatusCode::CONFLICT, words),
            SetupError::Gone => Self::new(StatusCode::CONFLICT, SetupError::Gone.to_string()),
            SetupError::Input(words) => Self::bad_request(words),
            SetupError::Restore(problem) if problem.is_input() => Self::bad_request(problem.to_string()),
            SetupError::Restore(problem) => Self::new(StatusCode::CONFLICT, problem.to_string()),
            SetupError::Failed(error) => {
                // The person who sets up is the one who can mend it.
                Self::new(StatusCode::INTERNAL_SERVER_ERROR, format!("{error:#}")).cause(error)
            }
        }
    }
}

/// What the page is for.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SetupJson {
    /// `fresh`: nothing is here; `asking`: homes are asked for their parts of a recovery kit; `restoring`: a household is
    /// coming back; `ready`: it is a home.
    #[schema(pattern = "fresh|asking|restoring|ready")]
    state: &'static str,
    /// Whether requests need the code that the terminal shows, in the header `x-setup-code`.
    needs_code: bool,
}

/// Says what the page is for.
#[utoipa::path(get, path = "/setup", tag = "setup", security(()), responses((status = 200, body = SetupJson)))]
async fn state(State(door): State<Door>) -> Json<SetupJson> {
    let state = match door.setup.state() {
        SetupState::Fresh => "fresh",
        SetupState::Asking => "asking",
        SetupState::Restoring => "restoring",
        SetupState::Ready => "ready",
    };
    Json(SetupJson { state, needs_code: door.setup.code().is_some() })
}

/// A household that begins.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct FoundingJson {
    /// The household's name, like "The Smiths".
    name: String,
    /// The first person's email; they may manage accounts.
    email: String,
    /// What the first person is called; made from the email when empty.
    #[serde(default)]
    account_name: String,
    /// Their password.
    #[schema(value_type = String)]
    password: Zeroizing<String>,
}

/// The recovery phrase, shown this once.
#[derive(Serialize, ToSchema)]
pub struct PhraseJson {
    /// Its 24 words.
    phrase: Vec<&'static str>,
    /// What `/setup/finish` must be told.
    token: String,
}

/// Which household is meant.
#[derive(Deserialize, ToSchema)]
pub struct FinishJson {
    /// What `/setup/found` gave beside the words.
    #[serde(default)]
    token: String,
}

/// Prepares a new household and gives its recovery phrase. Nothing counts before `/setup/finish`; asked again, it begins
/// again with another phrase.
#[utoipa::path(post, path = "/setup/found", tag = "setup", security(()), request_body = FoundingJson,
    responses((status = 200, body = PhraseJson), (status = 400, body = ErrorBody), (status = 403, body = ErrorBody),
        (status = 409, body = ErrorBody)))]
async fn found(
    State(door): State<Door>,
    headers: HeaderMap,
    Json(asked): Json<FoundingJson>,
) -> Result<Json<PhraseJson>, ApiError> {
    admitted(&door, &headers)?;
    let FoundingJson { name, email, account_name, password } = asked;
    let new = NewHousehold { name, email, account_name, password };
    blocking(move || {
        let Prepared { words, token } = door.setup.found(&new)?;
        Ok(Json(PhraseJson { phrase: words, token }))
    })
    .await
}

/// Makes the prepared household this home, after its phrase was written down; answers when one can sign in.
#[utoipa::path(post, path = "/setup/finish", tag = "setup", security(()), request_body = FinishJson,
    responses((status = 204), (status = 403, body = ErrorBody), (status = 409, body = ErrorBody)))]
async fn finish(
    State(door): State<Door>,
    headers: HeaderMap,
    Json(asked): Json<FinishJson>,
) -> Result<StatusCode, ApiError> {
    admitted(&door, &headers)?;
    door.setup.finish(&asked.token).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// A household that is to come back.
#[derive(Deserialize, ToSchema)]
pub struct RestoreJson {
    /// The 24 words.
    #[schema(value_type = String)]
    phrase: Zeroizing<String>,
    /// Invitations of homes that keep copies, or folders that they wrote; one in a line.
    from: String,
    /// The relay, if homes are reached over one that asks for something.
    #[serde(default)]
    relay: RelayJson,
}

/// A relay that helps homes find each other, as somebody typed it; what is empty was not meant.
#[derive(Deserialize, Default, ToSchema)]
#[serde(default)]
pub struct RelayJson {
    /// Its address, like `https://relay.example.org`; tried where that of an invitation leads nowhere.
    address: String,
    /// What it asks for before it carries anything.
    #[schema(value_type = String)]
    token: Zeroizing<String>,
    /// The file with its certificate (PEM or DER), in base 64.
    certificate: String,
}

impl RelayJson {
    /// The longest such file that is read.
    const CERTIFICATE_BYTES_MAX: usize = 1 << 20;

    pub(super) fn read(&self) -> Result<RelayAccess, SetupError> {
        let bytes = BASE64.decode(self.certificate.as_bytes()).ok();
        let bytes = bytes.filter(|bytes| bytes.len() <= Self::CERTIFICATE_BYTES_MAX).ok_or_else(|| {
            SetupError::Input(
                "The file with the relay's certificate is too long, or did not arrive whole.".to_owned(),
            )
        })?;
        Ok(RelayAccess::read(&self.address, &self.token, bytes)?)
    }
}

/// Why a restore cannot begin.
#[derive(Serialize, ToSchema)]
pub struct RestoreRefused {
    /// In words for a person.
    message: String,
    /// The word to look at, when one is probably wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    word: Option<WordProblem>,
}

/// Begins something that goes on by itself, on a thread for that: its tasks need this thread's runtime, the reading of
/// folders may wait for a disk. Answers that it has begun, or what to look at in what was typed.
pub(super) async fn begin(
    work: impl FnOnce() -> Result<(), SetupError> + Send + 'static,
) -> Result<Response, ApiError> {
    match tokio::task::spawn_blocking(work).await.map_err(ApiError::internal)? {
        Ok(()) => Ok(StatusCode::ACCEPTED.into_response()),
        Err(SetupError::Restore(problem)) if problem.is_input() => {
            let refused = RestoreRefused { message: problem.to_string(), word: problem.word() };
            Ok((StatusCode::BAD_REQUEST, Json(refused)).into_response())
        }
        Err(error) => Err(error.into()),
    }
}

/// What stands on lines of its own.
pub(super) fn lines(text: &str) -> Vec<String> {
    text.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect()
}

/// Begins to restore a household; `GET` on the same address tells how far it is.
#[utoipa::path(post, path = "/setup/restore", tag = "setup", security(()), request_body = RestoreJson,
    responses((status = 202), (status = 400, body = RestoreRefused), (status = 403, body = ErrorBody),
        (status = 409, body = ErrorBody)))]
async fn restore(
    State(door): State<Door>,
    headers: HeaderMap,
    Json(asked): Json<RestoreJson>,
) -> Result<Response, ApiError> {
    admitted(&door, &headers)?;
    begin(move || door.setup.restore(&asked.phrase, &lines(&asked.from), asked.relay.read()?)).await
}

/// How far a restore is.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RestoreProgressJson {
    /// What is being done.
    stage: Stage,
    /// Things of this stage that are here.
    done: u64,
    /// Things of this stage.
    total: u64,
    /// Bytes of this stage that are here.
    bytes: u64,
    /// Bytes of this stage.
    total_bytes: u64,
    /// What a person should know: why it failed, or what was left aside. It may name other homes, so it is told only
    /// while nobody can sign in yet.
    message: Option<String>,
    /// When the state that is restored was made.
    head_at: Option<String>,
    /// The household's name, while nobody can sign in yet.
    household: Option<String>,
}

/// Tells how far a restore is.
#[utoipa::path(get, path = "/setup/restore", tag = "setup", security(()),
    responses((status = 200, body = RestoreProgressJson), (status = 403, body = ErrorBody),
        (status = 404, body = ErrorBody)))]
async fn progress(
    State(door): State<Door>,
    headers: HeaderMap,
) -> Result<Json<RestoreProgressJson>, ApiError> {
    admitted(&door, &headers)?;
    let progress = door.setup.progress().ok_or_else(ApiError::not_found)?;
    let is_home = door.setup.state() == SetupState::Ready || door.page.is_none();
    Ok(Json(RestoreProgressJson {
        stage: progress.stage,
        done: progress.done,
        total: progress.total,
        bytes: progress.bytes,
        total_bytes: progress.total_bytes,
        message: progress.message.filter(|_| !is_home),
        head_at: progress.head_at_ms.map(iso),
        household: progress.household.filter(|_| !is_home),
    }))
}
