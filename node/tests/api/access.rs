//! What belongs to somebody else looks like what isn't there.

use axum::http::{Method, StatusCode};
use heirloom_testkit::photo;
use serde_json::json;

use crate::harness::Site;

#[tokio::test]
async fn anothers_photos_look_like_none() {
    let site = Site::new();
    let id = site.upload("a.png", &photo(1, Some("2024:05:01 12:30:00"))).await;
    site.derive().await;
    let ben = site.ben();
    let unknown = "00000000-0000-8000-8000-000000000000";
    for (hers, none) in [(id.as_str(), unknown), ("1", "99"), (id.as_str(), "nonsense")] {
        for (method, ending) in [
            (Method::GET, ""),
            (Method::PUT, ""),
            (Method::GET, "/thumbnail"),
            (Method::GET, "/thumbnail?size=preview"),
            (Method::GET, "/thumbnail?size=fullsize"),
            (Method::GET, "/original"),
        ] {
            let ask = async |id: &str| {
                let path = format!("/api/assets/{id}{ending}");
                let answer =
                    site.ask(method.clone(), &path).by(&ben).json(&json!({"isFavorite": true})).send().await;
                (answer.status, answer.json(), answer.headers)
            };
            let (hers, none) = (ask(hers).await, ask(none).await);
            assert_eq!(hers, none, "{method} {ending}");
            assert_eq!((hers.0, hers.1), (StatusCode::NOT_FOUND, json!({"message": "Not found"})));
        }
    }
    let bulk = json!({"ids": [id], "isFavorite": true});
    assert_eq!(site.put("/api/assets").by(&ben).json(&bulk).send().await.status, StatusCode::NOT_FOUND);
    let hers = site.get(&format!("/api/assets/{id}")).by(&site.anna).send().await.json();
    assert_eq!(hers["isFavorite"], json!(false));
}

#[tokio::test]
async fn anothers_timeline_is_empty() {
    let site = Site::new();
    site.upload("a.png", &photo(1, Some("2024:05:01 12:30:00"))).await;
    site.derive().await;
    let ben = site.ben();
    let skeleton = site.get("/api/timeline/all/skeleton").by(&ben).send().await;
    assert_eq!(skeleton.body[8..12], [0; 4]);
    let columns = site.get("/api/timeline/all/columns/2024-05").by(&ben).send().await;
    assert_eq!(columns.status, StatusCode::NOT_FOUND);
    assert_eq!(site.get("/api/timeline/buckets").by(&ben).send().await.json(), json!([]));
    let bucket = site.get("/api/timeline/bucket?timeBucket=2024-05-01").by(&ben).send().await.json();
    assert_eq!(bucket["id"], json!([]));
    let hers = format!("/api/timeline/buckets?userId={}", site.anna_id);
    assert_eq!(site.get(&hers).by(&ben).send().await.json(), json!([]));
    let total = site.get("/api/assets/statistics").by(&ben).send().await.json();
    assert_eq!(total["total"], json!(0));
    let sum = json!({"assets": [{"id": "x", "checksum": crate::shapes::sums(&photo(1, Some("2024:05:01 12:30:00"))).0}]});
    let check = site.post("/api/assets/bulk-upload-check").by(&ben).json(&sum).send().await.json();
    assert_eq!(check["results"][0]["action"], json!("accept"));
}

#[tokio::test]
async fn strangers_see_nothing() {
    let site = Site::new();
    site.upload("a.png", &photo(1, None)).await;
    for path in [
        "users/me",
        "users/me/preferences",
        "api-keys/me",
        "server/about",
        "assets/1",
        "assets/1/thumbnail",
        "assets/1/original",
        "assets/statistics",
        "timeline/all/skeleton",
        "timeline/all/columns/2024-05",
        "timeline/buckets",
        "timeline/bucket?timeBucket=2024-05-01",
        "events",
        "status",
        "problems",
        "albums",
        "activities?albumId=1",
        "households/self",
        "peers",
    ] {
        let answer = site.get(&format!("/api/{path}")).send().await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{path}");
        assert_eq!(answer.json()["message"], json!("You are not signed in."), "{path}");
    }
}

#[tokio::test]
async fn unknown_addresses_are_said_in_json() {
    let site = Site::new();
    let unknown = site.get("/api/nothing").header("accept", "text/html").send().await;
    assert_eq!((unknown.status, unknown.json()), (StatusCode::NOT_FOUND, json!({"message": "Not found"})));
    let wrong = site.ask(Method::DELETE, "/api/server/ping").send().await;
    assert_eq!(wrong.status, StatusCode::METHOD_NOT_ALLOWED);
    assert!(wrong.json()["message"].is_string());
}
