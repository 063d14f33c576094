//! Who asks: a session's token or an access key, wherever a client puts it.
//!
//! In order of precedence, as Immich's clients expect: a session's token in `x-immich-user-token`,
//! `x-immich-session-token`, `?sessionKey=`, `Authorization: Bearer` or the cookie `immich_access_token`; then
//! an access key in `x-api-key` or `?apiKey=`. The first that is there decides.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use heirloom_identity::AccountId;
use serde::Deserialize;
use zeroize::Zeroizing;

use super::ApiState;
use super::error::ApiError;
use crate::clock;
use crate::ledger::accounts::Account;
use crate::ledger::sessions::AccessKey;

/// The cookie that holds a session's token.
pub const TOKEN_COOKIE: &str = "immich_access_token";

/// A request from someone who may ask.
#[derive(Debug)]
pub struct SignedIn {
    /// Whose photos the request is about.
    pub account: AccountId,
    /// What proved it.
    pub by: Credential,
}

/// What proved who asks.
#[derive(Debug)]
pub enum Credential {
    /// A session, with its token.
    Session(Zeroizing<String>),
    /// An access key.
    Key(AccessKey),
}

impl SignedIn {
    /// Everything about the account.
    ///
    /// # Errors
    /// 401 when the account is gone.
    pub fn load(&self, state: &ApiState) -> Result<Account, ApiError> {
        state.home.ledger.account(&self.account)?.ok_or_else(ApiError::signed_out)
    }

    /// Checks that the account may manage the household.
    ///
    /// # Errors
    /// 403 when it may not.
    pub fn must_be_admin(&self, state: &ApiState) -> Result<(), ApiError> {
        if self.load(state)?.admin {
            return Ok(());
        }
        Err(ApiError::forbidden("Only an admin of this home may do that.").hint("Ask who set up this home."))
    }
}

impl FromRequestParts<Arc<ApiState>> for SignedIn {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &Arc<ApiState>) -> Result<Self, ApiError> {
        let query = QueryKeys::of(parts);
        let ledger = &state.home.ledger;
        if let Some(token) = session_token(&parts.headers, query.session_key) {
            let account = ledger.session(&token, clock::now_ms())?.ok_or_else(ApiError::signed_out)?;
            return Ok(Self { account, by: Credential::Session(token) });
        }
        let secret =
            header_text(&parts.headers, "x-api-key").map(secret).or(query.api_key.map(Zeroizing::new));
        let secret = secret.ok_or_else(ApiError::signed_out)?;
        let key = ledger.key(&secret)?.ok_or_else(ApiError::signed_out)?;
        Ok(Self { account: key.account, by: Credential::Key(key) })
    }
}

/// Secrets in the address, for clients that can set no header.
#[derive(Default, Deserialize)]
struct QueryKeys {
    #[serde(rename = "sessionKey")]
    session_key: Option<String>,
    #[serde(rename = "apiKey")]
    api_key: Option<String>,
}

impl QueryKeys {
    fn of(parts: &Parts) -> Self {
        let named = |query: &str| query.contains("sessionKey=") || query.contains("apiKey=");
        if !parts.uri.query().is_some_and(named) {
            return Self::default();
        }
        axum::extract::Query::try_from_uri(&parts.uri).map_or_else(|_| Self::default(), |query| query.0)
    }
}

fn session_token(headers: &HeaderMap, query: Option<String>) -> Option<Zeroizing<String>> {
    let named = ["x-immich-user-token", "x-immich-session-token"];
    let in_header = named.iter().find_map(|name| header_text(headers, name)).map(secret);
    in_header
        .or_else(|| query.map(Zeroizing::new))
        .or_else(|| bearer(headers).map(secret))
        .or_else(|| cookie(headers, TOKEN_COOKIE).map(secret))
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = header_text(headers, header::AUTHORIZATION.as_str())?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// The value of a cookie; the first of that name.
fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let lines = headers.get_all(header::COOKIE).into_iter().filter_map(|line| line.to_str().ok());
    let pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.into_iter().find(|(key, _)| *key == name).map(|(_, value)| value)
}

fn secret(text: &str) -> Zeroizing<String> {
    Zeroizing::new(text.to_owned())
}

fn header_text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(pairs: &[(&'static str, &str)], query: Option<&str>) -> Option<String> {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, value.parse().unwrap());
        }
        session_token(&headers, query.map(str::to_owned)).map(|token| token.to_string())
    }

    #[test]
    fn the_first_credential_decides() {
        let cookies = ("cookie", "a=b; immich_access_token=C; x=y");
        let bearer = ("authorization", "bearer B");
        let check = |pairs: &[_], query, expected: Option<&str>| {
            assert_eq!(token(pairs, query).as_deref(), expected, "{pairs:?}");
        };
        check(&[], None, None);
        check(&[cookies], None, Some("C"));
        check(&[cookies, bearer], None, Some("B"));
        check(&[cookies, bearer], Some("Q"), Some("Q"));
        check(&[cookies, ("x-immich-session-token", "S")], Some("Q"), Some("S"));
        check(&[("x-immich-session-token", "S"), ("x-immich-user-token", "U")], None, Some("U"));
        check(&[("authorization", "Basic B")], None, None);
        check(&[("cookie", "notimmich_access_token=C")], None, None);
        check(&[("cookie", "a=b"), cookies], None, Some("C"));
    }
}
