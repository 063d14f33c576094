//! The page around the API, built or not.

use std::path::Path;

use axum::http::{Method, StatusCode};

use crate::harness::Site;

fn is_built() -> bool {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../web/build/index.html").exists()
}

#[tokio::test]
async fn every_address_is_the_page() {
    let site = Site::new();
    let expected = if is_built() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    for path in ["/", "/photo/17", "/favourites"] {
        let page = site.get(path).header("accept", "text/html,*/*").send().await;
        assert_eq!(page.status, expected, "{path}");
        assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
        assert_eq!(page.header("x-content-type-options"), "nosniff");
        assert_eq!(page.header("referrer-policy"), "no-referrer");
        assert_eq!(page.header("x-frame-options"), "DENY");
    }
    let missing = site.get("/_app/immutable/gone.js").header("accept", "text/html,*/*").send().await;
    assert_eq!(missing.status, StatusCode::NOT_FOUND);
    let missing = site.get("/picture.png").header("accept", "image/*").send().await;
    assert_eq!(missing.status, StatusCode::NOT_FOUND);
    let outside = site.get("/../Cargo.toml").header("accept", "*/*").send().await;
    assert_eq!(outside.status, StatusCode::NOT_FOUND);
    assert_eq!(site.ask(Method::POST, "/").send().await.status, StatusCode::METHOD_NOT_ALLOWED);
}

#[tokio::test]
async fn the_built_page_is_safe_and_kept() {
    if !is_built() {
        return;
    }
    let site = Site::new();
    let page = site.get("/").send().await;
    let policy = page.header("content-security-policy");
    for part in [
        "default-src 'none'; script-src 'self' 'sha256-",
        "connect-src 'self'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
    ] {
        assert!(policy.contains(part), "{policy}");
    }
    assert!(!policy.contains("script-src 'self' 'unsafe"), "{policy}");
    assert!(page.header("permissions-policy").contains("camera=()"));
    assert_eq!(page.header("cache-control"), "no-cache");
    let known = site.get("/").header("if-none-match", page.header("etag")).send().await;
    assert_eq!(known.status, StatusCode::NOT_MODIFIED);
    let brotli = site.get("/").header("accept-encoding", "gzip, br").send().await;
    assert_eq!((brotli.header("content-encoding"), brotli.header("vary")), ("br", "accept-encoding"));
    assert!(brotli.body.len() < page.body.len());

    let html = page.text();
    let script = html.split('"').find(|text| text.starts_with("/_app/immutable/")).unwrap();
    let script = site.get(script).send().await;
    assert_eq!(script.status, StatusCode::OK);
    assert_eq!(script.header("cache-control"), "public, max-age=31536000, immutable");
    assert_eq!(script.header("content-type"), "text/javascript; charset=utf-8");
}
