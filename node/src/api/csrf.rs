//! Requests that change something must come from our own page, when it is a cookie that speaks for them.
//!
//! A browser sends cookies along with requests that another site made; it says so in `Sec-Fetch-Site`, or at
//! least in `Origin`. Native apps send neither and pass: nobody else can make them ask. A request with a
//! credential of its own in a header passes too, since another site can't set one without our leave.

use axum::extract::Request;
use axum::http::{HeaderMap, Method, Uri};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::error::ApiError;

/// Headers that no other site can make a browser send.
const OWN_HEADERS: [&str; 3] = ["x-immich-user-token", "x-immich-session-token", "x-api-key"];

/// Refuses changes that another site asks for.
pub async fn same_origin(request: Request, next: Next) -> Response {
    let safe = matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
    if safe || is_ours(request.headers(), request.uri()) {
        return next.run(request).await;
    }
    ApiError::forbidden("This request came from another website.")
        .hint("Open Heirloom itself and try there.")
        .into_response()
}

fn is_ours(headers: &HeaderMap, uri: &Uri) -> bool {
    if OWN_HEADERS.iter().any(|name| headers.contains_key(*name)) {
        return true;
    }
    let text = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or_default());
    // A browser adds `Basic` by itself, never `Bearer`.
    if text("authorization").is_some_and(|value| value.starts_with("Bearer ")) {
        return true;
    }
    if let Some(site) = text("sec-fetch-site") {
        return matches!(site, "same-origin" | "none");
    }
    let Some(origin) = text("origin") else { return true };
    let host = text("host").or_else(|| uri.authority().map(axum::http::uri::Authority::as_str));
    let origin_host = origin.parse::<Uri>().ok().and_then(|origin| Some(origin.authority()?.to_string()));
    origin_host.is_some_and(|origin| host.is_some_and(|host| host.eq_ignore_ascii_case(&origin)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_own_page_and_apps_pass() {
        let check = |pairs: &[(&'static str, &'static str)], expected: bool| {
            let headers = pairs.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
            let headers: HeaderMap = headers.collect();
            assert_eq!(is_ours(&headers, &Uri::from_static("/api/assets")), expected, "{pairs:?}");
        };
        let host = ("host", "home.lan:2283");
        check(&[host], true);
        check(&[host, ("sec-fetch-site", "same-origin")], true);
        check(&[host, ("sec-fetch-site", "none")], true);
        check(&[host, ("sec-fetch-site", "cross-site")], false);
        check(&[host, ("sec-fetch-site", "same-site")], false);
        check(&[host, ("sec-fetch-site", "cross-site"), ("origin", "http://home.lan:2283")], false);
        check(&[host, ("origin", "http://home.lan:2283")], true);
        check(&[host, ("origin", "http://HOME.lan:2283")], true);
        check(&[host, ("origin", "http://home.lan")], false);
        check(&[host, ("origin", "https://evil.example")], false);
        check(&[host, ("origin", "null")], false);
        check(&[("origin", "https://evil.example")], false);
        check(&[host, ("origin", "https://evil.example"), ("x-api-key", "k")], true);
        check(&[host, ("origin", "https://evil.example"), ("authorization", "Bearer t")], true);
        check(&[host, ("origin", "https://evil.example"), ("authorization", "Basic t")], false);
    }
}
