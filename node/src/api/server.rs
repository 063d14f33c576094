//! What this server is and can, in the words of Immich 3.2.2, so that its clients find their way.

use std::sync::Arc;

use axum::extract::State;
use data_encoding::HEXLOWER;
use heirloom_media::Format;
use serde::Serialize;
use sha2::{Digest, Sha256};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::ApiState;
use super::dates::iso;
use super::error::{ApiError, ErrorBody};
use super::extract::Json;
use super::session::{Credential, SignedIn};

/// The Immich release whose interface this is.
pub const IMMICH_VERSION: [u32; 3] = [3, 2, 2];

pub(super) fn routes() -> OpenApiRouter<Arc<ApiState>> {
    OpenApiRouter::new()
        .routes(routes!(ping))
        .routes(routes!(version))
        .routes(routes!(features))
        .routes(routes!(config))
        .routes(routes!(about))
        .routes(routes!(media_types))
        .routes(routes!(my_key))
}

/// Where the API is.
#[derive(Serialize)]
pub(super) struct WellKnown {
    api: WellKnownApi,
}

#[derive(Serialize)]
struct WellKnownApi {
    endpoint: &'static str,
}

/// `/.well-known/immich`: where clients look first.
pub(super) async fn well_known() -> Json<WellKnown> {
    Json(WellKnown { api: WellKnownApi { endpoint: "/api" } })
}

/// A sign of life.
#[derive(Serialize, ToSchema)]
pub struct Pong {
    /// Always `pong`.
    res: &'static str,
}

/// Answers.
#[utoipa::path(get, path = "/server/ping", tag = "server", security(()), responses((status = 200, body = Pong)))]
async fn ping() -> Json<Pong> {
    Json(Pong { res: "pong" })
}

/// The Immich release whose interface this is.
#[derive(Serialize, ToSchema)]
pub struct Version {
    /// First number.
    major: u32,
    /// Second number.
    minor: u32,
    /// Third number.
    patch: u32,
    /// Always null.
    prerelease: Option<u32>,
}

/// Says which Immich release's interface this is.
#[utoipa::path(get, path = "/server/version", tag = "server", security(()), responses((status = 200, body = Version)))]
async fn version() -> Json<Version> {
    let [major, minor, patch] = IMMICH_VERSION;
    Json(Version { major, minor, patch, prerelease: None })
}

/// What is switched on; `false` hides a part of a client.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[expect(clippy::struct_excessive_bools, reason = "Immich's interface is a list of switches")]
#[expect(missing_docs, reason = "the switches are Immich's and named for what they switch")]
pub struct Features {
    pub config_file: bool,
    pub duplicate_detection: bool,
    pub email: bool,
    pub facial_recognition: bool,
    pub import_faces: bool,
    pub map: bool,
    pub oauth: bool,
    pub oauth_auto_launch: bool,
    pub ocr: bool,
    pub password_login: bool,
    pub realtime_transcoding: bool,
    pub reverse_geocoding: bool,
    pub search: bool,
    pub sidecar: bool,
    pub smart_search: bool,
    pub trash: bool,
}

/// Says what is switched on.
#[utoipa::path(get, path = "/server/features", tag = "server", security(()), responses((status = 200, body = Features)))]
async fn features() -> Json<Features> {
    Json(Features {
        config_file: false,
        duplicate_detection: false,
        email: false,
        facial_recognition: false,
        import_faces: false,
        map: false,
        oauth: false,
        oauth_auto_launch: false,
        ocr: false,
        password_login: true,
        realtime_transcoding: false,
        reverse_geocoding: false,
        search: false,
        sidecar: false,
        smart_search: false,
        trash: false,
    })
}

/// Settings that clients ask for before anyone is signed in.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the settings are Immich's and named for what they set")]
pub struct Config {
    pub external_domain: &'static str,
    pub is_initialized: bool,
    pub is_onboarded: bool,
    pub login_page_message: &'static str,
    pub maintenance_mode: bool,
    pub map_dark_style_url: &'static str,
    pub map_light_style_url: &'static str,
    pub min_faces: u32,
    pub oauth_button_text: &'static str,
    pub public_users: bool,
    pub trash_days: u32,
    pub user_delete_delay: u32,
}

/// Settings that clients ask for before anyone is signed in.
#[utoipa::path(get, path = "/server/config", tag = "server", security(()), responses((status = 200, body = Config)))]
async fn config() -> Json<Config> {
    Json(Config {
        external_domain: "",
        is_initialized: true,
        is_onboarded: true,
        login_page_message: "",
        maintenance_mode: false,
        map_dark_style_url: "",
        map_light_style_url: "",
        min_faces: 3,
        oauth_button_text: "",
        public_users: false,
        trash_days: 0,
        user_delete_delay: 0,
    })
}

/// What runs here.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct About {
    /// The Immich release whose interface this is.
    version: String,
    /// Always empty.
    version_url: &'static str,
    /// Always false.
    licensed: bool,
    /// The program and its own version.
    build: &'static str,
}

/// Says what runs here.
#[utoipa::path(get, path = "/server/about", tag = "server", responses(
    (status = 200, body = About), (status = 401, body = ErrorBody),
))]
async fn about(_signed_in: SignedIn) -> Json<About> {
    let [major, minor, patch] = IMMICH_VERSION;
    let build = concat!("heirloom ", env!("CARGO_PKG_VERSION"));
    Json(About { version: format!("v{major}.{minor}.{patch}"), version_url: "", licensed: false, build })
}

/// Endings of file names that are worth sending, with their dot.
#[derive(Serialize, ToSchema)]
pub struct MediaTypes {
    /// Pictures.
    image: Vec<String>,
    /// Videos: none yet.
    video: Vec<String>,
    /// Files beside pictures: none yet.
    sidecar: Vec<String>,
}

/// Lists the endings of files that are worth sending.
#[utoipa::path(get, path = "/server/media-types", tag = "server", security(()), responses((status = 200, body = MediaTypes)))]
async fn media_types() -> Json<MediaTypes> {
    let image = Format::ALL_EXTENSIONS.iter().map(|ending| format!(".{ending}")).collect();
    Json(MediaTypes { image, video: Vec::new(), sidecar: Vec::new() })
}

/// An access key, without its secret.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct MyKey {
    /// Stands for the key.
    id: String,
    /// What the person called it.
    name: String,
    /// What it may do: `all`.
    permissions: Vec<&'static str>,
    /// When it was made.
    created_at: String,
    /// The same.
    updated_at: String,
}

/// Describes the access key that came with the request.
#[utoipa::path(get, path = "/api-keys/me", tag = "server", responses(
    (status = 200, body = MyKey), (status = 401, body = ErrorBody),
    (status = 403, description = "Signed in, but not with a key", body = ErrorBody),
))]
async fn my_key(State(_state): State<Arc<ApiState>>, signed_in: SignedIn) -> Result<Json<MyKey>, ApiError> {
    let Credential::Key(key) = signed_in.by else {
        return Err(ApiError::forbidden("This request was not made with an access key."));
    };
    let named = format!("{}/{}/{}", key.account, key.created_ms, key.name);
    let digest = HEXLOWER.encode(&Sha256::digest(named.as_bytes())[..16]);
    let id = [&digest[..8], &digest[8..12], &digest[12..16], &digest[16..20], &digest[20..]].join("-");
    let created = iso(key.created_ms);
    let updated_at = created.clone();
    Ok(Json(MyKey { id, name: key.name, permissions: vec!["all"], created_at: created, updated_at }))
}
