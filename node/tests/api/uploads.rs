//! Photos that come in, and everything that can go wrong on their way.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::body::{Body, Bytes};
use axum::http::StatusCode;
use heirloom_store::{Disk, DraftFile, RealDisk};
use heirloom_testkit::photo;
use serde_json::json;

use crate::harness::{Form, Site};
use crate::shapes::sums;

#[tokio::test]
async fn a_photo_is_kept_once() {
    let site = Site::new();
    let bytes = photo(1, Some("2024:05:01 12:30:00"));
    let form = Form::file("IMG 1.png", &bytes);
    let created = site.post("/api/assets").by(&site.anna).form(&form).send().await;
    insta::assert_snapshot!(created.shape(), @r#"
    201 {
      "id": "[id]",
      "status": "created"
    }
    "#);
    let again = site.post("/api/assets").by(&site.anna).form(&form).send().await;
    insta::assert_snapshot!(again.shape(), @r#"
    200 {
      "id": "[id]",
      "status": "duplicate"
    }
    "#);
    assert_eq!(created.json()["id"], again.json()["id"]);
    let kept = site.home.layout.library().join("anna/2024/2024-05/IMG 1.png");
    assert_eq!(std::fs::read(kept).unwrap(), bytes);
    assert_eq!(site.inbox(), 0);
    assert_eq!(site.home.ledger.totals().unwrap(), (1, u64::try_from(bytes.len()).unwrap()));
}

#[tokio::test]
async fn a_replaced_computer_takes_nothing_more_and_says_so() {
    let site = Site::new();
    let old = Form::file("old.png", &photo(1, None));
    assert_eq!(site.post("/api/assets").by(&site.anna).form(&old).send().await.status, StatusCode::CREATED);
    let site = site.replaced();
    let new = Form::file("new.png", &photo(2, None));
    let refused = site.post("/api/assets").by(&site.anna).form(&new).send().await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    assert_eq!(refused.json()["message"], "Another computer has taken the place of this one.");
    assert_eq!((site.home.ledger.totals().unwrap().0, site.inbox()), (1, 0));
    let vault = site.get("/api/vault").by(&site.anna).send().await.json();
    assert_eq!([&vault["replaced"], &vault["level"]], [&json!(true), &json!("attention")]);
    assert_eq!(vault["reasons"].as_array().unwrap().len(), 1, "{vault}");
    for path in ["run", "audit", "drill", "repair"] {
        let answer = site.post(&format!("/api/vault/{path}")).by(&site.anna).send().await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{path}");
    }
}

#[tokio::test]
async fn two_accounts_share_the_bytes_and_not_the_asset() {
    let site = Site::new();
    let form = Form::file("a.png", &photo(1, None));
    let hers = site.post("/api/assets").by(&site.anna).form(&form).send().await;
    let his = site.post("/api/assets").by(&site.ben()).form(&form).send().await;
    assert_eq!((hers.status, his.status), (StatusCode::CREATED, StatusCode::CREATED));
    assert_ne!(hers.json()["id"], his.json()["id"]);
}

#[tokio::test]
async fn parts_may_come_after_the_file() {
    let site = Site::new();
    let form = Form::new()
        .text("deviceAssetId", "phone-1")
        .asset("from-the-os.tmp", &photo(1, None))
        .text("filename", "IMG_2.png")
        .text("fileModifiedAt", "1600000000000")
        .text("fileCreatedAt", "2020-01-02T03:04:05+01:00")
        .text("isFavorite", "true")
        .text("visibility", "archive")
        .binary("sidecarData", "IMG_2.xmp", b"<x/>");
    let kept = site.post("/api/assets").by(&site.anna).form(&form).send().await;
    assert_eq!(kept.status, StatusCode::CREATED, "{}", kept.text());
    let asset = site.get("/api/assets/1").by(&site.anna).send().await.json();
    assert_eq!(
        [&asset["originalFileName"], &asset["fileModifiedAt"], &asset["isFavorite"], &asset["visibility"]],
        [&json!("IMG_2.png"), &json!("2020-01-02T02:04:05.000Z"), &json!(true), &json!("archive")]
    );
}

#[tokio::test]
async fn a_checksum_saves_the_way() {
    let site = Site::new();
    let bytes = photo(1, None);
    let id = site.upload("a.png", &bytes).await;
    let (hex, base64) = sums(&bytes);
    for sum in [&hex, &base64] {
        let early = site.post("/api/assets").by(&site.anna).header("x-immich-checksum", sum);
        let early = early.header("content-type", "multipart/form-data; boundary=x").send().await;
        assert_eq!((early.status, early.json()["id"].clone()), (StatusCode::OK, json!(id)));
    }
    let other = Form::file("b.png", &photo(2, None));
    let (right, _) = sums(&photo(2, None));
    let (wrong, _) = sums(&photo(3, None));
    let damaged =
        site.post("/api/assets").by(&site.anna).header("x-immich-checksum", &wrong).form(&other).send().await;
    insta::assert_snapshot!(damaged.shape(), @r#"
    400 {
      "hint": "It was changed or damaged on its way; send it again.",
      "message": "The file that arrived is not the one that was announced."
    }
    "#);
    assert_eq!(site.inbox(), 0);
    let good =
        site.post("/api/assets").by(&site.anna).header("x-immich-checksum", &right).form(&other).send().await;
    assert_eq!(good.status, StatusCode::CREATED);
    let nonsense = site.post("/api/assets").by(&site.anna).header("x-immich-checksum", "?").form(&other);
    assert_eq!(nonsense.send().await.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_file_past_the_limit_is_refused() {
    let site = Site::with("upload_bytes_max = 1500", Arc::new(RealDisk));
    assert!(photo(1, None).len() < 1500);
    site.upload("small.png", &photo(1, None)).await;
    let mut large = photo(2, None);
    large.resize(2000, 0);
    let refused = site.post("/api/assets").by(&site.anna).form(&Form::file("large.png", &large)).send().await;
    insta::assert_snapshot!(refused.shape(), @r#"
    413 {
      "hint": "This node accepts files of up to 1500 bytes (`upload_bytes_max` in config.toml).",
      "message": "file too large"
    }
    "#);
    let announced = site.post("/api/assets").by(&site.anna).header("content-length", "99999999");
    assert_eq!(announced.send().await.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(site.inbox(), 0);
}

#[tokio::test]
async fn what_is_no_photo_is_refused() {
    let site = Site::new();
    let check = async |name: &str, bytes: &[u8]| {
        let answer = site.post("/api/assets").by(&site.anna).form(&Form::file(name, bytes)).send().await;
        assert_eq!(site.inbox(), 0);
        answer.shape()
    };
    insta::assert_snapshot!(check("empty.jpg", b"").await, @r#"
    400 {
      "message": "The file is empty: it has no bytes. It was probably damaged while it was copied; copy it again from where it came from."
    }
    "#);
    insta::assert_snapshot!(check("note.jpg", b"Dear diary").await, @r#"
    415 {
      "message": "This is not a picture that Heirloom can show. Open it with another program, or convert it to JPEG."
    }
    "#);
    insta::assert_snapshot!(check("page.png", &b"<!doctype html>".repeat(1000)).await, @r#"
    415 {
      "message": "This is not a picture that Heirloom can show. Open it with another program, or convert it to JPEG."
    }
    "#);
    insta::assert_snapshot!(check("clip.mp4", &[&b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom"[..], &[0; 4096]].concat()).await, @r#"
    415 {
      "message": "This is not a picture that Heirloom can show: it looks like a video. Open it with another program, or convert it to JPEG."
    }
    "#);
}

#[tokio::test]
async fn broken_forms_leave_nothing() {
    let site = Site::new();
    let bytes = photo(1, None);
    let mut cut = Form::file("a.png", &bytes);
    cut.cut = true;
    let cut = site.post("/api/assets").by(&site.anna).form(&cut).send().await;
    insta::assert_snapshot!(cut.shape(), @r#"
    400 {
      "hint": "Send the file again.",
      "message": "The upload broke off or is malformed; nothing of it was kept."
    }
    "#);
    let twice = Form::file("a.png", &bytes).asset("b.png", &bytes);
    let twice = site.post("/api/assets").by(&site.anna).form(&twice).send().await;
    insta::assert_snapshot!(twice.shape(), @r#"
    400 {
      "message": "The form holds more than one file (assetData)."
    }
    "#);
    let none =
        site.post("/api/assets").by(&site.anna).form(&Form::new().text("isFavorite", "true")).send().await;
    insta::assert_snapshot!(none.shape(), @r#"
    400 {
      "message": "The form holds no file (assetData)."
    }
    "#);
    let undated = Form::new().asset("a.png", &bytes).text("fileCreatedAt", "yesterday");
    let undated = site.post("/api/assets").by(&site.anna).form(&undated).send().await;
    insta::assert_snapshot!(undated.shape(), @r#"
    400 {
      "message": "fileCreatedAt is no date."
    }
    "#);
    let locked = Form::new().asset("a.png", &bytes).text("visibility", "locked");
    let locked = site.post("/api/assets").by(&site.anna).form(&locked).send().await;
    assert_eq!(locked.status, StatusCode::BAD_REQUEST);
    let heavy = Form::file("a.png", &bytes).binary("sidecarData", "a.xmp", &vec![b' '; 2 << 20]);
    let heavy = site.post("/api/assets").by(&site.anna).form(&heavy).send().await;
    assert_eq!(heavy.status, StatusCode::BAD_REQUEST);
    let plain = site.post("/api/assets").by(&site.anna).json(&json!({})).send().await;
    assert_eq!(plain.status, StatusCode::BAD_REQUEST);
    let stranger = site.post("/api/assets").form(&Form::file("a.png", &bytes)).send().await;
    assert_eq!(stranger.status, StatusCode::UNAUTHORIZED);
    assert_eq!((site.inbox(), site.home.ledger.totals().unwrap()), (0, (0, 0)));
}

#[tokio::test]
async fn a_client_that_hangs_up_leaves_nothing() {
    let site = Site::new();
    let form = Form::file("a.png", &photo(1, None));
    let half = Bytes::from(form.bytes()[..600].to_vec());
    let stream = [Ok(half), Err(io::Error::from(io::ErrorKind::ConnectionReset))];
    let body = Body::from_stream(tokio_stream::iter(stream));
    let ask = site.post("/api/assets").by(&site.anna).header("content-type", &form.kind()).body(body);
    assert_eq!(ask.send().await.status, StatusCode::BAD_REQUEST);
    assert_eq!((site.inbox(), site.home.ledger.totals().unwrap()), (0, (0, 0)));
}

#[tokio::test]
async fn a_full_disk_is_said_and_forgotten() {
    let disk = Arc::new(FillingDisk::default());
    let site = Site::with("", Arc::clone(&disk) as Arc<dyn Disk>);
    let form = Form::file("a.png", &photo(1, None));
    disk.full.store(true, Ordering::SeqCst);
    let full = site.post("/api/assets").by(&site.anna).form(&form).send().await;
    insta::assert_snapshot!(full.shape(), @r#"
    507 {
      "hint": "Free some space and try again; nothing was lost.",
      "message": "The disk at home is full."
    }
    "#);
    assert_eq!(site.inbox(), 0);
    disk.full.store(false, Ordering::SeqCst);
    let kept = site.post("/api/assets").by(&site.anna).form(&form).send().await;
    assert_eq!(kept.status, StatusCode::CREATED);
}

#[tokio::test]
async fn many_uploads_at_once_all_arrive() {
    let site = Site::new();
    assert_eq!(upload_twice_each(&site, |n| format!("{n}.png")).await, 20);
    assert_eq!((site.inbox(), site.home.ledger.totals().unwrap().0), (0, 20));
}

#[tokio::test]
async fn photos_of_one_name_at_once_all_arrive() {
    let site = Site::new();
    assert_eq!(upload_twice_each(&site, |_| "same.png".to_owned()).await, 20);
    assert_eq!((site.inbox(), site.home.ledger.totals().unwrap().0), (0, 20));
}

/// Uploads twenty photos twice, all at once; says how many were new.
async fn upload_twice_each(site: &Site, name: impl Fn(u32) -> String) -> usize {
    let asks = (0..40).map(|n| n % 20).map(|n| {
        let form = Form::file(&name(n), &photo(n, None));
        tokio::spawn(site.post("/api/assets").by(&site.anna).form(&form).send())
    });
    let mut created = 0;
    for ask in asks.collect::<Vec<_>>() {
        let answer = ask.await.unwrap();
        created += usize::from(answer.status == StatusCode::CREATED);
    }
    created
}

/// A disk that can be full.
#[derive(Default)]
struct FillingDisk {
    full: AtomicBool,
}

impl FillingDisk {
    fn room(&self) -> io::Result<()> {
        if self.full.load(Ordering::SeqCst) { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
    }
}

impl Disk for FillingDisk {
    fn create_new(&self, path: &Path) -> io::Result<Box<dyn DraftFile>> {
        self.room()?;
        RealDisk.create_new(path)
    }

    fn rename_new(&self, from: &Path, to: &Path) -> io::Result<()> {
        RealDisk.rename_new(from, to)
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        RealDisk.sync_dir(path)
    }

    fn create_dir(&self, path: &Path) -> io::Result<()> {
        RealDisk.create_dir(path)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        RealDisk.remove(path)
    }
}
