//! The page: the files of `web/build`, part of this program, already compressed.
//!
//! Every address that is neither the API nor a file is the page itself, which finds its way from there. Files
//! under `_app/immutable/` carry their content's hash in their name and may be kept for ever. A debug build
//! reads the folder at run time, a release build carries it.

use std::borrow::Cow;

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use data_encoding::HEXLOWER;
use rust_embed::{EmbeddedFile, RustEmbed};

use super::error::ApiError;
use super::headers::has_version;
use super::policy;

/// The built page.
#[derive(RustEmbed)]
#[folder = "../web/build"]
#[allow_missing = true]
struct Built;

/// The page of every address.
const INDEX: &str = "index.html";
/// Said when the program was built without its page.
const NOT_BUILT: &str = "<!doctype html><title>Heirloom</title><h1>The page is not built</h1>\
    <p>This program was built without its web page. In the project's folder, \
    <code>cargo xtask run</code> builds both; the API under <code>/api</code> works meanwhile.</p>";

/// What is known of the page since the start.
#[derive(Debug)]
pub struct Page {
    policy: HeaderValue,
}

impl Page {
    /// Looks at the page's scripts once.
    pub fn load() -> Self {
        let html = Built::get(INDEX).map(|file| String::from_utf8_lossy(&file.data).into_owned());
        let policy = policy::of_page(&html.unwrap_or_default());
        Self {
            policy: HeaderValue::from_str(&policy).unwrap_or(HeaderValue::from_static("default-src 'none'")),
        }
    }

    /// Answers for an address outside of the API.
    pub fn answer(&self, method: &Method, uri: &Uri, headers: &HeaderMap) -> Response {
        if !matches!(*method, Method::GET | Method::HEAD) {
            let message = "This address can only be read.";
            return ApiError::new(StatusCode::METHOD_NOT_ALLOWED, message).into_response();
        }
        let path = uri.path().trim_start_matches('/');
        let wants_page = text(headers, header::ACCEPT).contains("text/html");
        if !path.is_empty() && Built::get(path).is_some() {
            self.file(path, headers)
        } else if path.is_empty() || (wants_page && !path.starts_with("_app/")) {
            self.file(INDEX, headers)
        } else {
            ApiError::not_found().into_response()
        }
    }

    fn file(&self, path: &str, headers: &HeaderMap) -> Response {
        let Some((file, encoding)) = best(path, &text(headers, header::ACCEPT_ENCODING)) else {
            let kind = [(header::CONTENT_TYPE, "text/html; charset=utf-8")];
            return (StatusCode::SERVICE_UNAVAILABLE, kind, NOT_BUILT).into_response();
        };
        let hash = HEXLOWER.encode(&file.metadata.sha256_hash()[..16]);
        let etag = format!("\"{hash}\"");
        let keep = if path.starts_with("_app/immutable/") {
            "public, max-age=31536000, immutable"
        } else {
            "no-cache"
        };
        let mut response = if has_version(headers, &etag) {
            StatusCode::NOT_MODIFIED.into_response()
        } else {
            Body::from(bytes(file)).into_response()
        };
        let set = response.headers_mut();
        set.insert(header::CACHE_CONTROL, HeaderValue::from_static(keep));
        set.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
        set.insert(header::CONTENT_TYPE, kind(path));
        set.extend(HeaderValue::from_str(&etag).map(|etag| (header::ETAG, etag)));
        set.extend(encoding.map(|name| (header::CONTENT_ENCODING, HeaderValue::from_static(name))));
        if path == INDEX {
            set.insert(header::CONTENT_SECURITY_POLICY, self.policy.clone());
            set.insert("permissions-policy", HeaderValue::from_static(policy::PERMISSIONS));
        }
        response
    }
}

/// The smallest form of a file that the browser takes, and its encoding.
fn best(path: &str, accepted: &str) -> Option<(EmbeddedFile, Option<&'static str>)> {
    for (name, ending) in [("br", "br"), ("gzip", "gz")] {
        if accepts(accepted, name)
            && let Some(file) = Built::get(&format!("{path}.{ending}"))
        {
            return Some((file, Some(name)));
        }
    }
    Some((Built::get(path)?, None))
}

fn accepts(accepted: &str, name: &str) -> bool {
    accepted.split(',').any(|one| {
        let (coding, weight) = one.split_once(';').unwrap_or((one, ""));
        let refused = weight.trim().strip_prefix("q=").is_some_and(|q| q.parse() == Ok(0.0_f32));
        coding.trim().eq_ignore_ascii_case(name) && !refused
    })
}

fn kind(path: &str) -> HeaderValue {
    let guess = match path.rsplit('.').next() {
        Some("webmanifest") => Cow::Borrowed("application/manifest+json"),
        _ => Cow::Owned(mime_guess::from_path(path).first_or_octet_stream().to_string()),
    };
    let textual = guess.starts_with("text/");
    let guess =
        if textual && !guess.contains("charset") { format!("{guess}; charset=utf-8") } else { guess.into() };
    HeaderValue::from_str(&guess).unwrap_or(HeaderValue::from_static("application/octet-stream"))
}

fn bytes(file: EmbeddedFile) -> Bytes {
    match file.data {
        Cow::Borrowed(bytes) => Bytes::from_static(bytes),
        Cow::Owned(bytes) => bytes.into(),
    }
}

fn text(headers: &HeaderMap, name: header::HeaderName) -> String {
    let values = headers.get_all(name).into_iter().filter_map(|value| value.to_str().ok());
    values.collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encodings_are_negotiated() {
        let check = |accepted: &str, name: &str, expected| {
            assert_eq!(accepts(accepted, name), expected, "{accepted}");
        };
        check("gzip, deflate, br", "br", true);
        check("gzip;q=1.0, br;q=0", "br", false);
        check("gzip;q=1.0, br;q=0", "gzip", true);
        check("brotli", "br", false);
        check("", "gzip", false);
    }

    #[test]
    fn kinds_of_files() {
        assert_eq!(kind("a/b.js"), "text/javascript; charset=utf-8");
        assert_eq!(kind("index.html"), "text/html; charset=utf-8");
        assert_eq!(kind("manifest.webmanifest"), "application/manifest+json");
        assert_eq!(kind("a.woff2"), "font/woff2");
        assert_eq!(kind("mark.svg"), "image/svg+xml");
    }
}
