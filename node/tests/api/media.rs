//! Thumbnails, previews and originals.

use axum::http::{Method, StatusCode};
use heirloom_media::{Format, sniff};
use heirloom_testkit::photo;

use crate::harness::Site;

const DAY: &str = "2024:05:01 12:30:00";

#[tokio::test]
async fn pictures_are_sent_once_they_are_made() {
    let site = Site::new();
    let id = site.upload("a.png", &photo(1, Some(DAY))).await;
    let path = format!("/api/assets/{id}/thumbnail");
    let early = site.get(&path).by(&site.anna).send().await;
    insta::assert_snapshot!(early.shape(), @r#"
    404 {
      "hint": "The picture is not made yet; try again soon.",
      "message": "Not found"
    }
    "#);
    site.derive().await;
    for (query, format, kind) in [
        ("", Format::Webp, "image/webp"),
        ("?size=thumbnail", Format::Webp, "image/webp"),
        ("?size=preview&edited=true&c=abc", Format::Jpeg, "image/jpeg"),
        ("?size=fullsize", Format::Png, "image/png"),
    ] {
        let made = site
            .get(&format!("{path}{query}"))
            .by(&site.anna)
            .header("accept-encoding", "gzip, br")
            .send()
            .await;
        assert_eq!(made.status, StatusCode::OK, "{query}: {}", made.text());
        assert_eq!(sniff(&made.body), Some(format), "{query}");
        assert_eq!(made.header("content-type"), kind);
        assert_eq!(made.header("cache-control"), "private, max-age=86400");
        assert_eq!(
            made.header("content-security-policy"),
            "default-src 'none'; frame-ancestors 'none'; sandbox"
        );
        assert_eq!(made.header("x-content-type-options"), "nosniff");
        assert_eq!(made.header("content-encoding"), "");
    }
    let named = site.get(&format!("{path}?v=1")).by(&site.anna).send().await;
    assert_eq!(named.header("cache-control"), "private, max-age=31536000, immutable");
    let known = site.get(&path).by(&site.anna).header("if-none-match", named.header("etag")).send().await;
    assert_eq!((known.status, known.body.len()), (StatusCode::NOT_MODIFIED, 0));
    let bad = site.get(&format!("{path}?size=huge")).by(&site.anna).send().await;
    assert_eq!(bad.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn torn_and_missing_pictures_are_made_again() {
    let site = Site::new();
    let id = site.upload("a.png", &photo(1, Some(DAY))).await;
    site.derive().await;
    let content = site.home.ledger.entry(&id.parse().unwrap()).unwrap().unwrap().file.hashes.content;
    let places = site.home.derivatives(&content);
    let thumbnail = format!("/api/assets/{id}/thumbnail");
    let preview = format!("{thumbnail}?size=preview");
    for (file, path, tear) in [
        (&places.thumbnail, &thumbnail, true),
        (&places.thumbnail, &thumbnail, false),
        (&places.preview, &preview, true),
        (&places.preview, &preview, false),
    ] {
        let whole = std::fs::read(file).unwrap();
        if tear {
            std::fs::write(file, &whole[..whole.len() / 2]).unwrap();
        } else {
            std::fs::remove_file(file).unwrap();
        }
        for _ in 0..2 {
            let torn = site.get(path).by(&site.anna).send().await;
            assert_eq!(torn.status, StatusCode::NOT_FOUND);
            assert_eq!(torn.header("cache-control"), "no-store");
        }
        assert_eq!(site.home.catalog().counts().unwrap().waiting, 1);
        assert_eq!(site.home.catalog().problems(10).unwrap(), []);
        site.derive().await;
        let made = site.get(path).by(&site.anna).send().await;
        assert_eq!((made.status, made.body.to_vec()), (StatusCode::OK, whole));
    }
}

#[tokio::test]
async fn originals_come_back_byte_for_byte() {
    let site = Site::new();
    let bytes = photo(1, Some(DAY));
    let id = site.upload("Grüße \"1\".png", &bytes).await;
    let path = format!("/api/assets/{id}/original");
    let whole = site.get(&path).by(&site.anna).header("accept-encoding", "br, gzip").send().await;
    assert_eq!((whole.status, whole.body.to_vec()), (StatusCode::OK, bytes.clone()));
    assert_eq!(whole.header("content-length"), bytes.len().to_string());
    assert_eq!(whole.header("content-type"), "image/png");
    assert_eq!(whole.header("accept-ranges"), "bytes");
    assert_eq!(whole.header("x-content-type-options"), "nosniff");
    assert_eq!(
        whole.header("content-security-policy"),
        "default-src 'none'; frame-ancestors 'none'; sandbox"
    );
    assert!(whole.header("content-disposition").starts_with("attachment; filename=\"Gr__e"));
    let inline = site.get(&format!("{path}?inline=1")).by(&site.anna).send().await;
    assert!(inline.header("content-disposition").starts_with("inline; "));
    let head = site.ask(Method::HEAD, &path).by(&site.anna).send().await;
    assert_eq!((head.status, head.body.len()), (StatusCode::OK, 0));
    let known = site.get(&path).by(&site.anna).header("if-none-match", whole.header("etag")).send().await;
    assert_eq!(known.status, StatusCode::NOT_MODIFIED);
}

#[tokio::test]
async fn originals_come_in_parts() {
    let site = Site::new();
    let bytes = photo(1, Some(DAY));
    let id = site.upload("a.png", &bytes).await;
    let ask =
        |range: &str| site.get(&format!("/api/assets/{id}/original")).by(&site.anna).header("range", range);
    let part = ask("bytes=10-19").send().await;
    assert_eq!((part.status, part.body.to_vec()), (StatusCode::PARTIAL_CONTENT, bytes[10..20].to_vec()));
    assert_eq!(part.header("content-range"), format!("bytes 10-19/{}", bytes.len()));
    assert_eq!(part.header("content-length"), "10");
    let end = ask("bytes=-7").send().await;
    assert_eq!(end.body.to_vec(), bytes[bytes.len() - 7..]);
    let beyond = ask("bytes=999999-").send().await;
    assert_eq!(beyond.status, StatusCode::RANGE_NOT_SATISFIABLE);
    assert_eq!(beyond.header("content-range"), format!("bytes */{}", bytes.len()));
    let several = ask("bytes=0-1,4-5").send().await;
    assert_eq!((several.status, several.body.len()), (StatusCode::OK, bytes.len()));
    let same = ask("bytes=0-0").header("if-range", part.header("etag")).send().await;
    assert_eq!(same.status, StatusCode::PARTIAL_CONTENT);
    let changed = ask("bytes=0-0").header("if-range", "\"other\"").send().await;
    assert_eq!((changed.status, changed.body.len()), (StatusCode::OK, bytes.len()));
}

#[tokio::test]
async fn a_lost_or_cut_original_is_said() {
    let site = Site::new();
    let id = site.upload("a.png", &photo(1, Some(DAY))).await;
    let file = site.home.layout.library().join("anna/2024/2024-05/a.png");
    let path = format!("/api/assets/{id}/original");
    let whole = std::fs::read(&file).unwrap();
    std::fs::write(&file, &whole[..100]).unwrap();
    insta::assert_snapshot!(site.get(&path).by(&site.anna).send().await.shape(), @r#"
    500 {
      "hint": "Run `heirloom doctor --verify` at home; it says what to do.",
      "message": "The original in the library folder cannot be read as it was kept."
    }
    "#);
    std::fs::remove_file(&file).unwrap();
    insta::assert_snapshot!(site.get(&path).by(&site.anna).send().await.shape(), @r#"
    500 {
      "hint": "Run `heirloom doctor --verify` at home; it says what to do.",
      "message": "The original is missing from the library folder."
    }
    "#);
}
