//! The timeline, in our words and in Immich's.

use axum::http::StatusCode;
use heirloom_testkit::photo;
use serde_json::json;

use crate::harness::Site;

async fn site_with_photos() -> Site {
    let site = Site::new();
    site.upload("a.png", &photo(1, Some("2024:05:01 12:30:00"))).await;
    site.upload("b.png", &photo(2, Some("2024:05:03 09:00:00"))).await;
    site.upload("c.png", &photo(3, Some("2024:06:01 00:00:00"))).await;
    site.derive().await;
    site
}

#[tokio::test]
async fn the_skeleton_says_what_changed() {
    let site = site_with_photos().await;
    let full = site.get("/api/timeline/all/skeleton").by(&site.anna).send().await;
    assert_eq!((full.status, full.header("content-type")), (StatusCode::OK, "application/octet-stream"));
    assert_eq!(&full.body[..4], b"HTL1");
    assert_eq!(full.body[8..16], [3, 0, 0, 0, 2, 0, 0, 0]);
    assert_eq!(full.header("cache-control"), "private, no-cache");
    let rev = u32::from_le_bytes(full.body[4..8].try_into().unwrap());
    assert!(full.header("etag").starts_with(&format!("\"{rev}-")), "{}", full.header("etag"));
    let same =
        site.get("/api/timeline/all/skeleton").by(&site.anna).header("if-none-match", full.header("etag"));
    assert_eq!(same.send().await.status, StatusCode::NOT_MODIFIED);
    let partial = format!("/api/timeline/all/skeleton?since={rev}");
    let nothing = site.get(&partial).by(&site.anna).send().await;
    assert_eq!(nothing.body[8..16], [0, 0, 0, 0, 0, 0, 1, 0]);

    let favourite = json!({"isFavorite": true});
    assert_eq!(site.put("/api/assets/3").by(&site.anna).json(&favourite).send().await.status, StatusCode::OK);
    let june = site.get(&partial).by(&site.anna).send().await;
    assert_eq!(june.body[8..20], [1, 0, 0, 0, 1, 0, 1, 0, 0xe8, 0x07, 6, 1]);
    let favourites = site.get("/api/timeline/favourites/skeleton").by(&site.anna).send().await;
    assert_eq!(favourites.body[8..12], [1, 0, 0, 0]);
    assert_eq!(site.get("/api/timeline/other/skeleton").by(&site.anna).send().await.status, 404);
    let same =
        site.get("/api/timeline/all/skeleton").by(&site.anna).header("if-none-match", full.header("etag"));
    assert_eq!(same.send().await.status, StatusCode::OK);
}

#[tokio::test]
async fn columns_describe_a_month() {
    let site = site_with_photos().await;
    let path = "/api/timeline/all/columns/2024-05";
    let columns = site.get(path).by(&site.anna).send().await;
    let etag = columns.header("etag").to_owned();
    let found = columns.json();
    assert_eq!(
        [&found["month"], &found["part"], &found["parts"], &found["count"], &found["id"], &found["at"]],
        [&json!("2024-05"), &json!(0), &json!(1), &json!(2), &json!([2, -1]), &json!([205_200, -160_200])]
    );
    assert_eq!(
        [&found["flags"], &found["v"], &found["owners"]],
        [&json!([0, 0]), &json!([1, 1]), &json!([site.anna_id])]
    );
    assert_eq!(found.get("h"), None);
    let hashed = site.get(&format!("{path}?hash=1")).by(&site.anna).send().await.json();
    assert!(hashed["h"].as_str().unwrap().len() > 20);
    let same = site.get(path).by(&site.anna).header("if-none-match", &etag).send().await;
    assert_eq!(same.status, StatusCode::NOT_MODIFIED);
    for none in ["2024-05.1", "2024-07", "2024-13", "x", "2024-05.x"] {
        let none = site.get(&format!("/api/timeline/all/columns/{none}")).by(&site.anna).send().await;
        assert_eq!(none.status, StatusCode::NOT_FOUND);
    }
}

#[tokio::test]
async fn buckets_as_immich_has_them() {
    let site = site_with_photos().await;
    let get = async |path: &str| site.get(&format!("/api/timeline/{path}")).by(&site.anna).send().await;
    insta::assert_snapshot!(get("buckets?visibility=timeline&withPartners=true&withStacked=true").await.shape(), @r#"
    200 [
      {
        "count": 1,
        "timeBucket": "2024-06-01"
      },
      {
        "count": 2,
        "timeBucket": "2024-05-01"
      }
    ]
    "#);
    let ascending = get("buckets?order=asc").await.json();
    assert_eq!(ascending[0]["timeBucket"], json!("2024-05-01"));
    insta::assert_snapshot!(get("bucket?timeBucket=2024-06-01&withCoordinates=true").await.shape(), @r#"
    200 {
      "city": [
        null
      ],
      "country": [
        null
      ],
      "createdAt": [
        "[now]"
      ],
      "duration": [
        null
      ],
      "fileCreatedAt": [
        "2024-06-01T00:00:00.000Z"
      ],
      "id": [
        "[id]"
      ],
      "isFavorite": [
        false
      ],
      "isImage": [
        true
      ],
      "isTrashed": [
        false
      ],
      "latitude": [
        null
      ],
      "livePhotoVideoId": [
        null
      ],
      "localOffsetHours": [
        0.0
      ],
      "longitude": [
        null
      ],
      "ownerId": [
        "[id]"
      ],
      "projectionType": [
        null
      ],
      "ratio": [
        1.5
      ],
      "thumbhash": [
        "3gcKNZpwd3dwd3d3d3d3d4CACPh3"
      ],
      "visibility": [
        "timeline"
      ]
    }
    "#);
    assert_eq!(
        get("bucket?timeBucket=2024-05-01T00:00:00.000Z").await.json()["id"].as_array().unwrap().len(),
        2
    );
    for empty in ["isTrashed=true", "isFavorite=true", "visibility=archive", "albumId=x"] {
        assert_eq!(get(&format!("buckets?{empty}")).await.json(), json!([]), "{empty}");
        let bucket = get(&format!("bucket?timeBucket=2024-05-01&{empty}")).await.json();
        assert_eq!(bucket["id"], json!([]), "{empty}");
    }
    for bad in ["bucket", "bucket?timeBucket=May", "buckets?visibility=hidden", "buckets?isFavorite=perhaps"]
    {
        assert_eq!(get(bad).await.status, StatusCode::BAD_REQUEST, "{bad}");
    }
}

#[tokio::test]
async fn text_is_compressed() {
    let site = site_with_photos().await;
    for (accepted, used) in [("br", "br"), ("gzip", "gzip"), ("identity", "")] {
        let buckets = site.get("/api/timeline/bucket?timeBucket=2024-05-01").by(&site.anna);
        let buckets = buckets.header("accept-encoding", accepted).send().await;
        assert_eq!(buckets.header("content-encoding"), used);
    }
}
