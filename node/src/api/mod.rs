//! The HTTP API: what the page and the phones ask.
//!
//! Owns everything between a request and a call into the node: who asks ([`session`]), what may be asked how
//! often ([`limits`]), how answers look (Immich 3.2.2 where Immich has an endpoint, ours beside it), and the
//! page itself ([`page`]). Leaves every decision to the rest of the node. Each resource has one file with its
//! handlers and routes; [`error`] is the one place where errors become status codes.
//!
//! Read first: [`router`], [`session::SignedIn`], then any resource.
//!
//! Life of a request: headers are judged ([`csrf`]), [`session::SignedIn`] finds whose it is, the handler
//! extracts, calls one function of the node (in [`extract::blocking`] when it writes or reads files), and
//! answers; compression and the safe headers of [`headers`] are added on the way out.

pub mod access;
pub mod activities;
pub mod album_entries;
pub mod album_files;
pub mod album_homes;
pub mod album_json;
pub mod albums;
pub mod asset_json;
pub mod assets;
pub mod auth;
pub mod buckets;
pub mod changes;
pub mod csrf;
pub mod dates;
pub mod entry_json;
pub mod error;
pub mod events;
pub mod extract;
pub mod form;
pub mod headers;
pub mod households;
pub mod limits;
pub mod login_limit;
pub mod names;
pub mod original;
pub mod page;
pub mod peers;
pub mod policy;
pub mod problems;
pub mod range;
pub mod receive;
pub mod server;
pub mod session;
pub mod setup;
pub mod setup_kit;
pub mod status;
pub mod thumbnail;
pub mod timeline;
pub mod upload;
pub mod users;
pub mod vault;
pub mod vault_homes;
pub mod vault_kits;
pub mod vault_newer;
pub mod vault_places;
pub mod vault_restore;

use std::sync::Arc;

use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Router, middleware};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::CompressionLayer;
use tower_http::timeout::RequestBodyTimeoutLayer;
use tower_http::trace::TraceLayer;
use utoipa::OpenApi as _;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{OpenApi, RefOr};
use utoipa_axum::router::OpenApiRouter;

use crate::home::Home;
use crate::setup::Setup;

/// What the handlers share.
pub struct ApiState {
    /// The household.
    pub home: Arc<Home>,
    /// Cancelled when the node stops; ends the event streams.
    pub stopping: CancellationToken,
    logins: login_limit::LoginLimits,
    password_checks: Arc<Semaphore>,
    uploads: Arc<Semaphore>,
    streams: Arc<events::Streams>,
    disks: Arc<vault_places::Disks>,
    page: page::Page,
    door: setup::Door,
}

impl ApiState {
    /// The state of a node that just started.
    pub fn new(home: Arc<Home>, stopping: CancellationToken) -> Self {
        let door = setup::Door::new(Setup::of_home(Arc::clone(&home)));
        Self {
            home,
            stopping,
            logins: login_limit::LoginLimits::new(),
            password_checks: Arc::new(Semaphore::new(limits::PASSWORD_CHECKS_MAX)),
            uploads: Arc::new(Semaphore::new(limits::UPLOADS_MAX)),
            streams: Arc::new(events::Streams::default()),
            disks: Arc::default(),
            page: page::Page::load(),
            door,
        }
    }
}

/// Everything that is answered over HTTP: the API, the well-known address and the page.
///
/// Serve it with `into_make_service_with_connect_info::<SocketAddr>()`, so that sign-ins can be limited by
/// address; without it (in tests) only emails are.
pub fn router(state: ApiState) -> Router {
    let (resources, described) = resources().split_for_parts();
    let described: axum::body::Bytes = serde_json::to_vec(&described).unwrap_or_default().into();
    let openapi = move || async move { ([(header::CONTENT_TYPE, "application/json")], described) };
    let resources = resources
        .route("/api/openapi.json", axum::routing::get(openapi))
        .route("/.well-known/immich", axum::routing::get(server::well_known))
        .fallback(page);
    dressed(resources).with_state(Arc::new(state))
}

/// Adds what every answer has, whoever it is for.
fn dressed<S: Clone + Send + Sync + 'static>(routes: Router<S>) -> Router<S> {
    routes
        .method_not_allowed_fallback(method_not_allowed)
        .layer(DefaultBodyLimit::max(limits::JSON_BYTES_MAX))
        .layer(RequestBodyTimeoutLayer::new(limits::BODY_IDLE))
        .layer(middleware::from_fn(csrf::same_origin))
        .layer(CompressionLayer::new())
        .layer(middleware::map_response(headers::add_safe))
        .layer(CatchPanicLayer::custom(|_| panicked()))
        .layer(TraceLayer::new_for_http().make_span_with(span))
}

/// The description of the API, made from its handlers.
pub fn openapi() -> OpenApi {
    resources().into_openapi()
}

fn resources() -> OpenApiRouter<Arc<ApiState>> {
    let mut described = Description::openapi();
    let components = described.components.get_or_insert_default();
    let session = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build();
    let key = ApiKey::Header(ApiKeyValue::new("x-api-key"));
    let cookie = ApiKey::Cookie(ApiKeyValue::new(session::TOKEN_COOKIE));
    components.add_security_scheme("bearer", SecurityScheme::Http(session));
    components.add_security_scheme("cookie", SecurityScheme::ApiKey(cookie));
    components.add_security_scheme("key", SecurityScheme::ApiKey(key));
    let resources = OpenApiRouter::new()
        .merge(server::routes())
        .merge(auth::routes())
        .merge(users::routes())
        .merge(upload::routes())
        .merge(assets::routes())
        .merge(thumbnail::routes())
        .merge(original::routes())
        .merge(timeline::routes())
        .merge(buckets::routes())
        .merge(events::routes())
        .merge(status::routes())
        .merge(setup::routes())
        .merge(problems::routes())
        .merge(households::routes())
        .merge(peers::routes())
        .merge(albums::routes())
        .merge(album_homes::routes())
        .merge(album_entries::routes())
        .merge(album_files::routes())
        .merge(activities::routes())
        .merge(vault::routes())
        .merge(vault_homes::routes())
        .merge(vault_kits::routes())
        .merge(vault_newer::routes())
        .merge(vault_places::routes())
        .merge(vault_restore::routes());
    let mut resources = OpenApiRouter::with_openapi(described).nest("/api", resources);
    describe_answers(resources.get_openapi_mut());
    resources
}

/// Gives every answer without words of its own those of its status; the format asks for some.
fn describe_answers(described: &mut OpenApi) {
    let paths = described.paths.paths.values_mut();
    let operations = paths
        .flat_map(|path| [&mut path.get, &mut path.put, &mut path.post, &mut path.patch, &mut path.delete]);
    for (status, answer) in operations.flatten().flat_map(|operation| &mut operation.responses.responses) {
        let reason =
            status.parse().ok().and_then(|status| StatusCode::from_u16(status).ok()?.canonical_reason());
        if let (RefOr::T(answer), Some(reason)) = (answer, reason)
            && answer.description.is_empty()
        {
            reason.clone_into(&mut answer.description);
        }
    }
}

/// What stands above the handlers.
#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "Heirloom",
        description = "The HTTP API of a Heirloom node. Where Immich 3.2.2 has an endpoint, path and shape are the same.",
        license(name = "AGPL-3.0-or-later", identifier = "AGPL-3.0-or-later"),
    ),
    security(("bearer" = []), ("cookie" = []), ("key" = []))
)]
struct Description;

async fn page(State(state): State<Arc<ApiState>>, request: Request) -> Response {
    let path = request.uri().path();
    if path == "/api" || path.starts_with("/api/") {
        return error::ApiError::not_found().into_response();
    }
    state.page.answer(request.method(), request.uri(), request.headers())
}

async fn method_not_allowed() -> error::ApiError {
    error::ApiError::new(StatusCode::METHOD_NOT_ALLOWED, "This address cannot be used that way.")
}

fn panicked() -> Response {
    error::ApiError::internal(anyhow::anyhow!("a handler panicked")).into_response()
}

/// Names a request by method and path; queries can hold secrets and stay out of the log.
fn span<B>(request: &axum::http::Request<B>) -> tracing::Span {
    tracing::debug_span!("request", method = %request.method(), path = request.uri().path())
}
