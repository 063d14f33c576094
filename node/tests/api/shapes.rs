//! The answers whose shape Immich's clients rely on.

use axum::http::StatusCode;
use heirloom_testkit::photo;
use serde_json::json;

use crate::harness::{Form, Site};

#[tokio::test]
async fn what_clients_ask_before_they_sign_in() {
    let site = Site::new();
    for path in [
        "/.well-known/immich",
        "/api/server/ping",
        "/api/server/version",
        "/api/server/features",
        "/api/server/config",
        "/api/server/media-types",
    ] {
        let answer = site.get(path).send().await;
        assert!(answer.header("content-type").contains("json"), "{path}");
        assert_eq!(answer.status, StatusCode::OK, "{path}");
    }
    insta::assert_snapshot!(site.get("/.well-known/immich").send().await.shape(), @r#"
    200 {
      "api": {
        "endpoint": "/api"
      }
    }
    "#);
    insta::assert_snapshot!(site.get("/api/server/ping").send().await.shape(), @r#"
    200 {
      "res": "pong"
    }
    "#);
    insta::assert_snapshot!(site.get("/api/server/version").send().await.shape(), @r#"
    200 {
      "major": 3,
      "minor": 2,
      "patch": 2,
      "prerelease": null
    }
    "#);
    insta::assert_snapshot!(site.get("/api/server/features").send().await.shape(), @r#"
    200 {
      "configFile": false,
      "duplicateDetection": false,
      "email": false,
      "facialRecognition": false,
      "importFaces": false,
      "map": false,
      "oauth": false,
      "oauthAutoLaunch": false,
      "ocr": false,
      "passwordLogin": true,
      "realtimeTranscoding": false,
      "reverseGeocoding": false,
      "search": false,
      "sidecar": false,
      "smartSearch": false,
      "trash": false
    }
    "#);
    insta::assert_snapshot!(site.get("/api/server/config").send().await.shape(), @r#"
    200 {
      "externalDomain": "",
      "isInitialized": true,
      "isOnboarded": true,
      "loginPageMessage": "",
      "maintenanceMode": false,
      "mapDarkStyleUrl": "",
      "mapLightStyleUrl": "",
      "minFaces": 3,
      "oauthButtonText": "",
      "publicUsers": false,
      "trashDays": 0,
      "userDeleteDelay": 0
    }
    "#);
    insta::assert_snapshot!(site.get("/api/server/media-types").send().await.shape(), @r#"
    200 {
      "image": [
        ".jpg",
        ".jpeg",
        ".jpe",
        ".jfif",
        ".png",
        ".webp",
        ".gif",
        ".heic",
        ".heif",
        ".hif",
        ".mpo"
      ],
      "sidecar": [],
      "video": []
    }
    "#);
    insta::assert_snapshot!(site.get("/api/server/about").send().await.shape(), @r#"
    401 {
      "hint": "Sign in and try again.",
      "message": "You are not signed in."
    }
    "#);
    insta::assert_snapshot!(site.get("/api/server/about").by(&site.anna).send().await.shape(), @r#"
    200 {
      "build": "heirloom 0.1.0",
      "licensed": false,
      "version": "v3.2.2",
      "versionUrl": ""
    }
    "#);
}

#[tokio::test]
async fn the_account() {
    let site = Site::new();
    insta::assert_snapshot!(site.get("/api/users/me").by(&site.anna).send().await.shape(), @r#"
    200 {
      "avatarColor": "primary",
      "clusterGroupId": "",
      "createdAt": "[now]",
      "deletedAt": null,
      "email": "anna@example.org",
      "id": "[id]",
      "isAdmin": true,
      "license": null,
      "name": "Anna",
      "oauthId": "",
      "profileChangedAt": "[now]",
      "profileImagePath": "",
      "quotaSizeInBytes": null,
      "quotaUsageInBytes": 0,
      "shouldChangePassword": false,
      "status": "active",
      "storageLabel": "anna",
      "updatedAt": "[now]"
    }
    "#);
    insta::assert_snapshot!(site.get("/api/users/me/preferences").by(&site.anna).send().await.shape(), @r#"
    200 {
      "albums": {
        "defaultAssetOrder": "desc"
      },
      "cast": {
        "gCastEnabled": false
      },
      "download": {
        "archiveSize": 4294967296,
        "includeEmbeddedVideos": false
      },
      "emailNotifications": {
        "albumInvite": false,
        "albumUpdate": false,
        "enabled": false
      },
      "folders": {
        "enabled": false,
        "sidebarWeb": false
      },
      "memories": {
        "duration": 5,
        "enabled": false,
        "sidebarWeb": false
      },
      "people": {
        "enabled": false,
        "minimumFaces": 3,
        "sidebarWeb": false
      },
      "purchase": {
        "hideBuyButtonUntil": "9999-12-31T23:59:59.999Z",
        "showSupportBadge": false
      },
      "ratings": {
        "enabled": true
      },
      "recentlyAdded": {
        "sidebarWeb": false
      },
      "sharedLinks": {
        "enabled": false,
        "sidebarWeb": false
      },
      "tags": {
        "enabled": false,
        "sidebarWeb": false
      }
    }
    "#);
}

#[tokio::test]
async fn a_photo_before_and_after_it_was_read() {
    let site = Site::new();
    let id = site.upload("IMG_1.png", &photo(1, Some("2024:05:01 12:30:00"))).await;
    let before = site.get(&format!("/api/assets/{id}")).by(&site.anna).send().await.json();
    assert_eq!(before["width"], json!(null));
    assert_eq!(before["thumbhash"], json!(null));
    assert_eq!(before["localDateTime"], json!("2024-03-02T10:00:00.000Z"));
    assert_eq!(before["exifInfo"]["dateTimeOriginal"], json!(null));
    site.derive().await;
    let after = site.get(&format!("/api/assets/{id}")).by(&site.anna).send().await;
    insta::assert_snapshot!(after.shape(), @r#"
    200 {
      "checksum": "0NLcYHLnuYivIGEDkCcIdAT/I6c=",
      "createdAt": "[now]",
      "duplicateId": null,
      "duration": null,
      "exifInfo": {
        "city": null,
        "country": null,
        "dateTimeOriginal": "2024-05-01T12:30:00.000Z",
        "description": "",
        "exifImageHeight": 16,
        "exifImageWidth": 24,
        "exposureTime": null,
        "fNumber": null,
        "fileSizeInByte": 1312,
        "focalLength": null,
        "iso": null,
        "latitude": null,
        "lensModel": null,
        "longitude": null,
        "make": null,
        "model": null,
        "modifyDate": "2024-03-02T10:00:00.000Z",
        "orientation": "1",
        "projectionType": null,
        "rating": null,
        "state": null,
        "timeZone": null
      },
      "fileCreatedAt": "2024-05-01T12:30:00.000Z",
      "fileModifiedAt": "2024-03-02T10:00:00.000Z",
      "hasMetadata": true,
      "height": 16,
      "id": "[id]",
      "isArchived": false,
      "isEdited": false,
      "isFavorite": false,
      "isOffline": false,
      "isTrashed": false,
      "libraryId": null,
      "livePhotoVideoId": null,
      "localDateTime": "2024-05-01T12:30:00.000Z",
      "originalFileName": "IMG_1.png",
      "originalMimeType": "image/png",
      "originalPath": "library/anna/2024/2024-05/IMG_1.png",
      "ownerId": "[id]",
      "people": [],
      "stack": null,
      "tags": [],
      "thumbhash": "3gcKNZpwd3dwd3d3d3d3d4CACPd3",
      "type": "IMAGE",
      "updatedAt": "[now]",
      "visibility": "timeline",
      "width": 24
    }
    "#);
    let local = site.get("/api/assets/1").by(&site.anna).send().await;
    assert_eq!(local.json(), after.json());
    insta::assert_snapshot!(site.get("/api/assets/statistics").by(&site.anna).send().await.shape(), @r#"
    200 {
      "images": 1,
      "total": 1,
      "videos": 0
    }
    "#);
    insta::assert_snapshot!(
        site.get("/api/assets/statistics?isTrashed=true").by(&site.anna).send().await.text(), @r#"{"images":0,"videos":0,"total":0}"#);
}

#[tokio::test]
async fn decisions_about_photos() {
    let site = Site::new();
    let id = site.upload("a.png", &photo(1, Some("2024:05:01 12:30:00"))).await;
    let other = site.upload("b.png", &photo(2, None)).await;
    site.derive().await;
    let path = format!("/api/assets/{id}");
    let change = json!({"isFavorite": true, "description": "By the sea", "rating": 4,
        "dateTimeOriginal": "2019-07-01T08:00:00+02:00", "latitude": 43.5, "longitude": 7.25});
    let changed = site.put(&path).by(&site.anna).json(&change).send().await;
    assert_eq!(changed.status, StatusCode::OK);
    let changed = changed.json();
    assert_eq!(changed["isFavorite"], json!(true));
    assert_eq!(changed["localDateTime"], json!("2019-07-01T08:00:00.000Z"));
    assert_eq!(changed["fileCreatedAt"], json!("2019-07-01T06:00:00.000Z"));
    let exif = &changed["exifInfo"];
    assert_eq!(
        [&exif["description"], &exif["rating"], &exif["timeZone"], &exif["latitude"], &exif["longitude"]],
        [&json!("By the sea"), &json!(4), &json!("UTC+2"), &json!(43.5), &json!(7.25)]
    );
    let back = json!({"description": null, "rating": null, "dateTimeOriginal": null, "latitude": null, "longitude": null});
    let back = site.put(&path).by(&site.anna).json(&back).send().await.json();
    assert_eq!(back["localDateTime"], json!("2024-05-01T12:30:00.000Z"));
    assert_eq!([&back["exifInfo"]["description"], &back["exifInfo"]["latitude"]], [&json!(""), &json!(null)]);

    let many = json!({"ids": [id, "2", other], "visibility": "archive", "isFavorite": false});
    let many = site.put("/api/assets").by(&site.anna).json(&many).send().await;
    assert_eq!((many.status, many.text().as_str()), (StatusCode::NO_CONTENT, ""));
    for id in [id.as_str(), "2"] {
        let asset = site.get(&format!("/api/assets/{id}")).by(&site.anna).send().await.json();
        assert_eq!([&asset["visibility"], &asset["isFavorite"]], [&json!("archive"), &json!(false)]);
    }
}

#[tokio::test]
async fn refused_decisions_change_nothing() {
    let site = Site::new();
    let id = site.upload("a.png", &photo(1, None)).await;
    let path = format!("/api/assets/{id}");
    let before = site.get(&path).by(&site.anna).send().await.json();
    let long = json!({"isFavorite": true, "description": "x".repeat(10_001)});
    insta::assert_snapshot!(site.put(&path).by(&site.anna).json(&long).send().await.shape(), @r#"
    400 {
      "message": "the caption has 10001 characters, at most 10,000 fit"
    }
    "#);
    for bad in [
        json!({"rating": 9}),
        json!({"rating": -1}),
        json!({"latitude": 1.0}),
        json!({"dateTimeOriginal": "soon"}),
        json!({"visibility": "locked"}),
        json!({"isFavorite": "yes"}),
    ] {
        let refused = site.put(&path).by(&site.anna).json(&bad).send().await;
        assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{bad}");
    }
    let unknown = json!({"ids": [id, "00000000-0000-8000-8000-000000000000"], "isFavorite": true});
    let unknown = site.put("/api/assets").by(&site.anna).json(&unknown).send().await;
    insta::assert_snapshot!(unknown.shape(), @r#"
    404 {
      "message": "Not found"
    }
    "#);
    let shifted = json!({"ids": [id], "dateTimeRelative": 60});
    assert_eq!(site.put("/api/assets").by(&site.anna).json(&shifted).send().await.status, 400);
    let huge = json!({"ids": [], "description": "x".repeat(5 << 20)});
    assert_eq!(site.put("/api/assets").by(&site.anna).json(&huge).send().await.status, 413);
    assert_eq!(site.get(&path).by(&site.anna).send().await.json(), before);
}

#[tokio::test]
async fn which_files_are_worth_sending() {
    let site = Site::new();
    let bytes = photo(1, None);
    let id = site.upload("a.png", &bytes).await;
    let (hex, base64) = sums(&bytes);
    let (new, _) = sums(b"something else");
    let ask = json!({"assets": [
        {"id": "/a.png", "checksum": hex}, {"id": "again", "checksum": base64}, {"id": "new", "checksum": new.to_uppercase()}]});
    let answer = site.post("/api/assets/bulk-upload-check").by(&site.anna).json(&ask).send().await;
    insta::assert_snapshot!(answer.shape(), @r#"
    200 {
      "results": [
        {
          "action": "reject",
          "assetId": "[id]",
          "id": "/a.png",
          "isTrashed": false,
          "reason": "duplicate"
        },
        {
          "action": "reject",
          "assetId": "[id]",
          "id": "again",
          "isTrashed": false,
          "reason": "duplicate"
        },
        {
          "action": "accept",
          "id": "new"
        }
      ]
    }
    "#);
    assert_eq!(answer.json()["results"][1]["assetId"], json!(id));
    let bad = json!({"assets": [{"id": "x", "checksum": "zz"}]});
    let bad = site.post("/api/assets/bulk-upload-check").by(&site.anna).json(&bad).send().await;
    insta::assert_snapshot!(bad.shape(), @r#"
    400 {
      "hint": "Send 40 hexadecimal digits or 28 of base64.",
      "message": "A checksum is no SHA-1."
    }
    "#);
}

#[tokio::test]
async fn the_node_in_numbers() {
    let site = Site::new();
    site.upload("a.png", &photo(1, None)).await;
    let status = site.get("/api/status").by(&site.anna).send().await;
    assert_eq!(status.status, StatusCode::OK);
    let own = serde_json::to_value(heirloom::status::status(&site.home).unwrap()).unwrap();
    assert_eq!(status.json(), own);
    assert_eq!(
        [&own["name"], &own["assets"], &own["jobs"]["waiting"]],
        [&json!("Smith"), &json!(1), &json!(1)]
    );
}

#[tokio::test]
async fn files_that_were_set_aside() {
    let site = Site::new();
    let mut damaged = photo(1, None);
    damaged.truncate(60);
    let form = Form::file("damaged.png", &damaged);
    let kept = site.post("/api/assets").by(&site.anna).form(&form).send().await;
    assert_eq!(kept.status, StatusCode::CREATED, "a damaged photo may be the only copy: {}", kept.text());
    site.derive().await;
    let problems = site.get("/api/problems").by(&site.anna).send().await.json();
    let problem = &problems[0];
    assert_eq!([&problem["kind"], &problem["name"]], [&json!("derive"), &json!("damaged.png")]);
    assert!(problem["reason"].as_str().unwrap().len() > 20, "{problem}");
    let id = kept.json()["id"].as_str().unwrap().to_owned();
    let thumbnail = site.get(&format!("/api/assets/{id}/thumbnail")).by(&site.anna).send().await;
    assert_eq!(thumbnail.status, StatusCode::NOT_FOUND);
    assert_eq!(thumbnail.json()["hint"], problem["reason"]);

    let retry = format!("/api/problems/{}/retry", problem["id"]);
    assert_eq!(site.post(&retry).by(&site.ben()).send().await.status, StatusCode::NOT_FOUND);
    assert_eq!(site.post(&retry).by(&site.anna).send().await.status, StatusCode::NO_CONTENT);
    assert_eq!(site.get("/api/problems").by(&site.anna).send().await.json(), json!([]));
    assert_eq!(site.post(&retry).by(&site.anna).send().await.status, StatusCode::NOT_FOUND);
    site.derive().await;
    let again = site.get("/api/problems").by(&site.anna).send().await.json();
    assert_eq!(again.as_array().unwrap().len(), 1);
}

/// The SHA-1 of bytes in both spellings.
pub(crate) fn sums(bytes: &[u8]) -> (String, String) {
    let mut hasher = heirloom_identity::Hasher::new();
    hasher.update(bytes);
    let sha1 = hasher.finish().sha1;
    (sha1.to_string(), sha1.to_base64())
}
