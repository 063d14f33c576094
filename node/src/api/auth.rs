//! Signing in and out.
//!
//! A session is a random token, kept here only as its hash. Browsers hold it in an `HttpOnly` cookie, apps
//! wherever they like. How often a password may be guessed is bounded ([`super::login_limit`]), and so is how
//! many are checked at once, because each check costs much memory on purpose.

use std::sync::Arc;

use axum::extract::{DefaultBodyLimit, FromRequestParts, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use heirloom_identity::AccountId;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use zeroize::Zeroizing;

use super::ApiState;
use super::error::{ApiError, ErrorBody};
use super::extract::{Json, blocking};
use super::limits::{DEVICE_CHARS_MAX, EMAIL_BYTES_MAX, SIGN_IN_BYTES_MAX};
use super::login_limit::{Attempt, client_address};
use super::session::{Credential, SignedIn, TOKEN_COOKIE};
use crate::ledger::sessions::SESSION_MS;
use crate::{clock, password, random};

pub(super) fn routes() -> OpenApiRouter<Arc<ApiState>> {
    let routes = OpenApiRouter::new().routes(routes!(login)).routes(routes!(logout));
    routes.routes(routes!(validate_token)).layer(DefaultBodyLimit::max(SIGN_IN_BYTES_MAX))
}

/// What a person types.
#[derive(Deserialize, ToSchema)]
pub struct Login {
    /// The account's email, compared without case.
    pub email: String,
    /// Its password.
    #[schema(value_type = String)]
    pub password: Zeroizing<String>,
}

/// A new session.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct LoginAnswer {
    /// The session's token: a secret.
    #[schema(value_type = String)]
    access_token: Zeroizing<String>,
    /// The account.
    user_id: String,
    /// Its email.
    user_email: String,
    /// Its name.
    name: String,
    /// Always empty.
    profile_image_path: String,
    /// Whether it may manage accounts.
    is_admin: bool,
    /// Always false.
    should_change_password: bool,
    /// Always true.
    is_onboarded: bool,
}

/// Signs in with email and password.
#[utoipa::path(post, path = "/auth/login", tag = "auth", request_body = Login, security(()), responses(
    (status = 201, description = "Signed in; the token is in three cookies too", body = LoginAnswer),
    (status = 401, description = "Wrong email or password", body = ErrorBody),
    (status = 429, description = "Too many failures; see Retry-After", body = ErrorBody),
))]
async fn login(
    State(state): State<Arc<ApiState>>,
    client: Client,
    Json(login): Json<Login>,
) -> Result<Response, ApiError> {
    let wrong = || ApiError::new(StatusCode::UNAUTHORIZED, "Incorrect email or password");
    if login.email.len() > EMAIL_BYTES_MAX {
        return Err(wrong());
    }
    let attempt = Attempt::new(&login.email, client.address);
    if let Err(wait) = state.logins.begin(&attempt, clock::now_ms()) {
        let minutes = wait.secs.div_ceil(60);
        return Err(ApiError::too_many("Too many failed sign-ins.", wait.secs)
            .hint(format!("Wait {minutes} minutes and try again.")));
    }
    let account = check_password(&state, login).await?.ok_or_else(wrong)?;
    state.logins.succeeded(&attempt);
    let account = state.home.ledger.account(&account)?.ok_or_else(wrong)?;
    let token = start_session(&state, account.id, client.device).await?;
    let cookies = session_cookies(&token, SESSION_MS / 1000, client.https)?;
    let answer = LoginAnswer {
        access_token: token,
        user_id: account.id.to_string(),
        user_email: account.email,
        name: account.name,
        profile_image_path: String::new(),
        is_admin: account.admin,
        should_change_password: false,
        is_onboarded: true,
    };
    Ok((StatusCode::CREATED, cookies, Json(answer)).into_response())
}

/// What came of signing out.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct LogoutAnswer {
    /// Always true.
    successful: bool,
    /// Where a browser goes next.
    redirect_uri: String,
}

/// Ends the session, if there is one, and removes its cookies.
#[utoipa::path(post, path = "/auth/logout", tag = "auth", responses((status = 200, body = LogoutAnswer)))]
async fn logout(
    State(state): State<Arc<ApiState>>,
    client: Client,
    signed_in: Result<SignedIn, ApiError>,
) -> Result<Response, ApiError> {
    if let Ok(SignedIn { by: Credential::Session(token), .. }) = signed_in {
        let ended = Arc::clone(&state);
        blocking(move || Ok(ended.home.ledger.end_session(&token)?)).await?;
    }
    let cookies = session_cookies("", 0, client.https)?;
    let answer = LogoutAnswer { successful: true, redirect_uri: "/".to_owned() };
    Ok((cookies, Json(answer)).into_response())
}

/// Whether the request is signed in.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TokenAnswer {
    /// Always true.
    auth_status: bool,
}

/// Says whether the token that came with the request is good.
#[utoipa::path(post, path = "/auth/validateToken", tag = "auth", responses(
    (status = 200, body = TokenAnswer), (status = 401, body = ErrorBody),
))]
async fn validate_token(_signed_in: SignedIn) -> Json<TokenAnswer> {
    Json(TokenAnswer { auth_status: true })
}

/// What is known of the machine that asks.
struct Client {
    address: Option<std::net::IpAddr>,
    device: String,
    https: bool,
}

impl<S: Sync> FromRequestParts<S> for Client {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        Ok(Self {
            address: client_address(parts),
            device: device(&parts.headers),
            https: text(&parts.headers, "x-forwarded-proto").eq_ignore_ascii_case("https"),
        })
    }
}

/// A device as it describes itself: `Pixel 8 (Android)`, or its user agent.
fn device(headers: &HeaderMap) -> String {
    let described = match (text(headers, "devicemodel"), text(headers, "devicetype")) {
        ("", "") => text(headers, header::USER_AGENT.as_str()).to_owned(),
        (model, "") => model.to_owned(),
        ("", kind) => kind.to_owned(),
        (model, kind) => format!("{model} ({kind})"),
    };
    described.chars().filter(|c| !c.is_control()).take(DEVICE_CHARS_MAX).collect()
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

/// Whose password it is, checked on a thread that may take its time.
async fn check_password(state: &Arc<ApiState>, login: Login) -> Result<Option<AccountId>, ApiError> {
    let turn = Arc::clone(&state.password_checks).acquire_owned().await.map_err(ApiError::internal)?;
    let state = Arc::clone(state);
    blocking(move || {
        // Held by the work itself: a client that hangs up does not make room for another.
        let _turn = turn;
        let known = state.home.ledger.password_of(&login.email)?;
        let stored = known.as_ref().map(|(_, stored)| stored.as_str());
        let right = password::verify(&login.password, stored);
        Ok(known.filter(|_| right).map(|(account, _)| account))
    })
    .await
}

async fn start_session(
    state: &Arc<ApiState>,
    account: AccountId,
    device: String,
) -> Result<Zeroizing<String>, ApiError> {
    let state = Arc::clone(state);
    blocking(move || {
        let token = random::token()?;
        state.home.ledger.add_session(&token, account, device, clock::now_ms())?;
        Ok(token)
    })
    .await
}

/// The three cookies that Immich's clients know; with an age of 0 they are removed.
fn session_cookies(token: &str, age_secs: i64, https: bool) -> Result<HeaderMap, ApiError> {
    let (kind, signed_in) = if token.is_empty() { ("", "") } else { ("password", "true") };
    let secure = if https { "; Secure" } else { "" };
    let mut headers = HeaderMap::new();
    for (name, value) in
        [(TOKEN_COOKIE, token), ("immich_auth_type", kind), ("immich_is_authenticated", signed_in)]
    {
        let cookie = format!("{name}={value}; HttpOnly; SameSite=Lax; Path=/; Max-Age={age_secs}{secure}");
        let mut cookie = HeaderValue::from_str(&cookie).map_err(ApiError::internal)?;
        cookie.set_sensitive(true);
        headers.append(header::SET_COOKIE, cookie);
    }
    Ok(headers)
}
