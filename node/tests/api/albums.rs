//! Albums as clients see them, in a home that is alone.

use axum::http::{Method, StatusCode};
use heirloom_media::{Format, sniff};
use heirloom_testkit::photo;
use serde_json::{Value, json};

use crate::harness::{Answer, Ask, Site};

const DAY: &str = "2024:05:01 12:30:00";
const HEX: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// A home with an album of two photos.
async fn site_with_album() -> (Site, String, [String; 2]) {
    let site = Site::new();
    let first = site.upload("a.png", &photo(1, Some(DAY))).await;
    let second = site.upload("b.png", &photo(2, Some("2024:05:02 12:30:00"))).await;
    site.derive().await;
    let new = json!({"albumName": "Sea", "description": "By the sea", "assetIds": [first]});
    let made = ask(&site, Method::POST, "/api/albums").json(&new).send().await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.text());
    let id = made.json()["id"].as_str().unwrap().to_owned();
    (site, id, [first, second])
}

fn ask(site: &Site, method: Method, path: &str) -> Ask {
    site.ask(method, path).by(&site.anna)
}

async fn entries(site: &Site, id: &str) -> Vec<Value> {
    let answer = site.get(&format!("/api/albums/{id}/entries")).by(&site.anna).send().await.json();
    answer["entries"].as_array().unwrap().clone()
}

fn status(answer: &Answer) -> u16 {
    answer.status.as_u16()
}

#[tokio::test]
async fn an_album_in_immichs_shape() {
    let (site, id, _) = site_with_album().await;
    let one = site.get(&format!("/api/albums/{id}")).by(&site.anna).send().await;
    insta::assert_snapshot!(one.shape(), @r#"
    200 {
      "albumName": "Sea",
      "albumThumbnailAssetId": "[id]",
      "albumUsers": [
        {
          "role": "owner",
          "user": {
            "avatarColor": "primary",
            "email": "anna@example.org",
            "id": "[id]",
            "name": "Anna",
            "profileChangedAt": "[now]",
            "profileImagePath": ""
          }
        }
      ],
      "assetCount": 1,
      "bytes": 1312,
      "createdAt": "[now]",
      "description": "By the sea",
      "endDate": "2024-05-01T12:30:00.000Z",
      "ended": null,
      "hasSharedLink": false,
      "homes": [
        {
          "accounts": [
            "[id]"
          ],
          "household": "[secret]",
          "name": "Smith",
          "role": "owner"
        }
      ],
      "id": "[id]",
      "inTimeline": false,
      "isActivityEnabled": true,
      "keep": "originals",
      "lastModifiedAssetTimestamp": "[now]",
      "order": "asc",
      "ownerId": "[id]",
      "progress": {
        "bytesMissing": 0,
        "originals": [
          1,
          1
        ],
        "previews": [
          1,
          1
        ],
        "thumbnails": [
          1,
          1
        ]
      },
      "role": "owner",
      "shared": false,
      "sort": "date",
      "space": "[secret]",
      "startDate": "2024-05-01T12:30:00.000Z",
      "updatedAt": "[now]"
    }
    "#);
    let all = site.get("/api/albums").by(&site.anna).send().await.json();
    assert_eq!(all, json!([one.json()]));
    for (query, count) in [("shared=true", 0), ("shared=false", 1)] {
        let some = site.get(&format!("/api/albums?{query}")).by(&site.anna).send().await.json();
        assert_eq!(some.as_array().unwrap().len(), count, "{query}");
    }
}

#[tokio::test]
async fn what_immichs_command_line_does() {
    let (site, id, [first, second]) = site_with_album().await;
    let listed = site.get("/api/albums").by(&site.anna).send().await.json();
    assert_eq!((&listed[0]["id"], &listed[0]["albumName"]), (&json!(id), &json!("Sea")));
    let made = ask(&site, Method::POST, "/api/albums").json(&json!({"albumName": "Hills"})).send().await;
    assert_eq!((status(&made), &made.json()["albumName"]), (201, &json!("Hills")));
    let ids = json!({"ids": [first, second, second, "00000000-0000-8000-8000-000000000000", "1"]});
    let added = ask(&site, Method::PUT, &format!("/api/albums/{id}/assets")).json(&ids).send().await;
    let outcomes: Vec<Value> =
        added.json().as_array().unwrap().iter().map(|one| json!([one["success"], one["error"]])).collect();
    let (good, twice) = (json!([true, null]), json!([false, "duplicate"]));
    assert_eq!(outcomes, [twice.clone(), good, twice.clone(), json!([false, "not_found"]), twice]);
    assert_eq!(entries(&site, &id).await.len(), 2);
}

#[tokio::test]
async fn a_photo_of_an_album() {
    let (site, id, [first, _]) = site_with_album().await;
    let listed = site.get(&format!("/api/albums/{id}/entries")).by(&site.anna).send().await;
    insta::assert_snapshot!(listed.shape(), @r##"
    200 {
      "entries": [
        {
          "addedAt": "[now]",
          "by": {
            "account": "[id]",
            "household": "[secret]",
            "name": "Anna"
          },
          "caption": null,
          "colour": "#111280",
          "comments": 0,
          "content": "[secret]",
          "durationMs": null,
          "favourite": false,
          "fileName": "a.png",
          "height": 16,
          "id": "[id]",
          "liked": false,
          "mine": true,
          "original": "here",
          "ratio": 1.5,
          "reactions": {},
          "takenAt": "2024-05-01T12:30:00.000Z",
          "thumb": true,
          "thumbhash": "3gcKNZpwd3dwd3d3d3d3d4CACPd3",
          "width": 24
        }
      ],
      "total": 1
    }
    "##);
    let entry = entries(&site, &id).await.remove(0);
    assert_eq!(entry["id"], json!(first));
    let path = format!("/api/albums/{id}/entries/{}", entry["content"].as_str().unwrap());
    for (size, format) in [("thumbnail", Format::Webp), ("preview", Format::Jpeg)] {
        let picture = site.get(&format!("{path}/thumbnail?size={size}")).by(&site.anna).send().await;
        assert_eq!(sniff(&picture.body), Some(format), "{size}: {}", picture.text());
        assert_eq!(picture.header("x-content-type-options"), "nosniff");
        let known = site.get(&format!("{path}/thumbnail?size={size}")).by(&site.anna);
        let known = known.header("if-none-match", picture.header("etag")).send().await;
        assert_eq!((status(&known), known.body.len()), (304, 0));
    }
    let original = site.get(&format!("{path}/original")).by(&site.anna).send().await;
    assert_eq!(original.body, photo(1, Some(DAY)));
    assert!(original.header("content-disposition").starts_with("attachment; filename=\"a.png\""));
    let part = site.get(&format!("{path}/original")).by(&site.anna).header("range", "bytes=1-3").send().await;
    assert_eq!((status(&part), &part.body[..]), (206, &b"PNG"[..]));
    let none = site.get(&format!("/api/albums/{id}/entries/{HEX}/original")).by(&site.anna).send().await;
    assert_eq!(status(&none), 404);
}

#[tokio::test]
async fn an_album_changes_for_everybody() {
    let (site, id, [first, second]) = site_with_album().await;
    let path = format!("/api/albums/{id}");
    ask(&site, Method::PUT, &format!("{path}/assets")).json(&json!({"ids": [second]})).send().await;
    let change = json!({"albumName": "Ocean", "description": "", "albumThumbnailAssetId": second,
        "sort": "hand", "keep": "demand"});
    let changed = ask(&site, Method::PATCH, &path).json(&change).send().await;
    assert_eq!(status(&changed), 200, "{}", changed.text());
    let album = changed.json();
    assert_eq!((&album["albumName"], &album["description"]), (&json!("Ocean"), &json!("")));
    assert_eq!((&album["sort"], &album["keep"]), (&json!("hand"), &json!("demand")));
    assert_eq!(album["albumThumbnailAssetId"], json!(second));

    let before = entries(&site, &id).await;
    let content = |place: usize| before[place]["content"].clone();
    let moved = json!({"order": {"after": content(1)}, "caption": "  First, now last  "});
    let entry = format!("{path}/entries/{}", content(0).as_str().unwrap());
    assert_eq!(status(&ask(&site, Method::PATCH, &entry).json(&moved).send().await), 204);
    let after = entries(&site, &id).await;
    assert_eq!((&after[0]["content"], &after[1]["content"]), (&content(1), &content(0)));
    assert!(after[1]["caption"].as_str().unwrap().contains("First, now last"));
    let back = json!({"order": {"after": null}, "caption": null});
    ask(&site, Method::PATCH, &entry).json(&back).send().await;
    let again = entries(&site, &id).await;
    assert_eq!((&again[0]["content"], &again[0]["caption"]), (&content(0), &json!(null)));

    let out = ask(&site, Method::DELETE, &format!("{path}/assets"))
        .json(&json!({"ids": [first, HEX]}))
        .send()
        .await;
    assert_eq!(
        out.json(),
        json!([{"id": first, "success": true}, {"id": HEX, "success": false, "error": "not_found"}])
    );
    assert_eq!(entries(&site, &id).await.len(), 1);
    let kept = site.get(&format!("/api/assets/{first}")).by(&site.anna).send().await;
    assert_eq!(status(&kept), 200, "the photo itself stays");
    assert_eq!(status(&ask(&site, Method::DELETE, &path).send().await), 204);
    assert_eq!(site.get("/api/albums").by(&site.anna).send().await.json(), json!([]));
    assert_eq!(status(&site.get(&path).by(&site.anna).send().await), 404);
}

#[tokio::test]
async fn a_favourite_is_the_accounts_own() {
    let (site, id, [first, _]) = site_with_album().await;
    let content = entries(&site, &id).await[0]["content"].as_str().unwrap().to_owned();
    let path = format!("/api/albums/{id}/entries/{content}");
    assert_eq!(status(&ask(&site, Method::PATCH, &path).json(&json!({"favourite": true})).send().await), 204);
    assert_eq!(entries(&site, &id).await[0]["favourite"], json!(true));
    let asset = site.get(&format!("/api/assets/{first}")).by(&site.anna).send().await.json();
    assert_eq!(asset["isFavorite"], json!(true));
}

#[tokio::test]
async fn an_album_is_its_makers_until_it_is_opened() {
    let (site, id, _) = site_with_album().await;
    let ben = site.ben();
    let ben_id = site.get("/api/users/me").by(&ben).send().await.json()["id"].clone();
    let path = format!("/api/albums/{id}");
    let content = entries(&site, &id).await[0]["content"].as_str().unwrap().to_owned();
    let body = json!({"albumId": id, "type": "like", "ids": [], "household": HEX, "role": "viewer"});
    for (method, path) in [
        (Method::GET, path.clone()),
        (Method::PATCH, path.clone()),
        (Method::DELETE, path.clone()),
        (Method::PUT, format!("{path}/assets")),
        (Method::DELETE, format!("{path}/assets")),
        (Method::GET, format!("{path}/entries")),
        (Method::GET, format!("{path}/space")),
        (Method::GET, format!("{path}/activity")),
        (Method::PATCH, format!("{path}/entries/{content}")),
        (Method::GET, format!("{path}/entries/{content}/thumbnail")),
        (Method::GET, format!("{path}/entries/{content}/original")),
        (Method::PUT, format!("{path}/homes/self")),
        (Method::DELETE, format!("{path}/homes/self")),
        (Method::POST, format!("{path}/owner")),
        (Method::POST, "/api/activities".to_owned()),
        (Method::GET, format!("/api/activities?albumId={id}")),
        (Method::DELETE, format!("/api/activities/{id}~{}", "0f".repeat(16))),
    ] {
        let hidden = site.ask(method.clone(), &path).by(&ben).json(&body).send().await;
        assert_eq!(
            (status(&hidden), hidden.json()),
            (404, json!({"message": "Not found"})),
            "{method} {path}"
        );
        let stranger = site.ask(method.clone(), &path).json(&body).send().await;
        assert_eq!(status(&stranger), 401, "{method} {path}");
    }
    assert_eq!(site.get("/api/albums").by(&ben).send().await.json(), json!([]));

    let opened = ask(&site, Method::PUT, &format!("{path}/homes/self")).json(&json!({"accounts": [ben_id]}));
    assert_eq!(opened.send().await.json()["shared"], json!(true));
    let seen = site.get(&path).by(&ben).send().await;
    assert_eq!((status(&seen), &seen.json()["albumName"]), (200, &json!("Sea")));
    let picture = site.get(&format!("{path}/entries/{content}/thumbnail")).by(&ben).send().await;
    assert_eq!(status(&picture), 200);
    let asset = entries(&site, &id).await[0]["id"].as_str().unwrap().to_owned();
    let others = site.get(&format!("/api/assets/{asset}")).by(&ben).send().await;
    assert_eq!(status(&others), 404, "the photo is still not his");
    // Whom it was opened to takes it off his own list only, and cannot lock out who made it.
    let closing = site.put(&format!("{path}/homes/self")).by(&ben).json(&json!({"accounts": []}));
    assert_eq!(status(&closing.send().await), 200);
    assert_eq!(status(&site.get(&path).by(&site.anna).send().await), 200);
    assert_eq!(status(&site.ask(Method::DELETE, &path).by(&ben).send().await), 204);
    assert_eq!(status(&site.get(&path).by(&ben).send().await), 404);
    assert_eq!(status(&site.get(&path).by(&site.anna).send().await), 200);
    let again = ask(&site, Method::PUT, &format!("{path}/homes/self")).json(&json!({"accounts": [ben_id]}));
    assert_eq!(status(&again.send().await), 200);
    let closed = ask(&site, Method::PUT, &format!("{path}/homes/self")).json(&json!({"accounts": []}));
    assert_eq!(status(&closed.send().await), 200);
    assert_eq!(status(&site.get(&path).by(&ben).send().await), 404);
}

#[tokio::test]
async fn comments_and_hearts() {
    let (site, id, [first, _]) = site_with_album().await;
    let say = |body: Value| ask(&site, Method::POST, "/api/activities").json(&body).send();
    let said = say(json!({"albumId": id, "assetId": first, "type": "comment", "comment": "Nice"})).await;
    insta::assert_snapshot!(said.shape(), @r#"
    201 {
      "assetId": "[id]",
      "comment": "Nice",
      "createdAt": "[now]",
      "id": "[id]",
      "type": "comment",
      "user": {
        "avatarColor": "primary",
        "email": "anna@example.org",
        "id": "[id]",
        "name": "Anna",
        "profileChangedAt": "[now]",
        "profileImagePath": ""
      }
    }
    "#);
    let like = json!({"albumId": id, "assetId": first, "type": "like"});
    let (given, again) = (say(like.clone()).await, say(like).await);
    assert_eq!((status(&given), status(&again)), (201, 200));
    assert_eq!(given.json()["id"], again.json()["id"]);
    say(json!({"albumId": id, "type": "comment", "comment": "All of it"})).await;
    let entry = entries(&site, &id).await.remove(0);
    assert_eq!((&entry["comments"], &entry["liked"]), (&json!(1), &json!(true)));
    let list = async |query: &str| {
        let path = format!("/api/activities?albumId={id}{query}");
        site.get(&path).by(&site.anna).send().await.json().as_array().unwrap().len()
    };
    assert_eq!(list("").await, 3);
    assert_eq!(list("&type=like").await, 1);
    assert_eq!(list("&level=album").await, 1);
    assert_eq!(list(&format!("&assetId={first}")).await, 2);
    let counts = site.get(&format!("/api/activities/statistics?albumId={id}")).by(&site.anna).send().await;
    assert_eq!(counts.json(), json!({"comments": 2, "likes": 1}));
    for remark in [said.json(), given.json()] {
        let path = format!("/api/activities/{}", remark["id"].as_str().unwrap());
        assert_eq!(status(&ask(&site, Method::DELETE, &path).send().await), 204);
    }
    assert_eq!(list("").await, 1);
    for bad in [
        json!({"albumId": id, "type": "comment"}),
        json!({"albumId": id, "type": "comment", "comment": "  "}),
        json!({"albumId": id, "type": "comment", "comment": "x".repeat(4001)}),
        json!({"albumId": id, "type": "wave"}),
    ] {
        let refused = say(bad.clone()).await;
        assert_eq!(status(&refused), 400, "{bad} {}", refused.text());
    }
    let lately = site.get(&format!("/api/albums/{id}/activity?limit=10")).by(&site.anna).send().await.json();
    let what: Vec<&str> =
        lately.as_array().unwrap().iter().map(|line| line["what"].as_str().unwrap()).collect();
    assert!(what.contains(&"added") && what.contains(&"commented"), "{what:?}");
}

#[tokio::test]
async fn bad_requests_are_said_in_words() {
    let (site, id, _) = site_with_album().await;
    let path = format!("/api/albums/{id}");
    for change in [
        json!({"albumName": "x".repeat(201)}),
        json!({"description": "x".repeat(10_001)}),
        json!({"order": "sideways"}),
        json!({"sort": "sideways"}),
        json!({"keep": "some"}),
        json!({"albumThumbnailAssetId": "nonsense"}),
    ] {
        let refused = ask(&site, Method::PATCH, &path).json(&change).send().await;
        assert_eq!(status(&refused), 400, "{change} {}", refused.text());
        assert!(refused.json()["message"].is_string());
    }
    let home = format!("{path}/homes/{HEX}");
    let stranger = ask(&site, Method::PUT, &home).json(&json!({"role": "viewer"})).send().await;
    assert_eq!(
        (status(&stranger), &stranger.json()["message"]),
        (400, &json!("That home is not connected with this one; connect them first, on the Family page."))
    );
    let owner = ask(&site, Method::PUT, &home).json(&json!({"role": "owner"})).send().await;
    assert_eq!(status(&owner), 400);
    let other_site =
        site.ask(Method::DELETE, &path).cookie(&site.anna).header("sec-fetch-site", "cross-site");
    assert_eq!(status(&other_site.send().await), 403);
    let many: Vec<String> = (0..65_001).map(|n| n.to_string()).collect();
    let refused = ask(&site, Method::PUT, &format!("{path}/assets")).json(&json!({"ids": many})).send().await;
    assert_eq!(status(&refused), 400);
}

#[tokio::test]
async fn pages_hear_of_albums_they_see() {
    let (site, id, [_, second]) = site_with_album().await;
    let mut page = crate::events::Page::open(&site, &site.anna).await;
    let ben = site.ben();
    let mut bens = crate::events::Page::open(&site, &ben).await;
    ask(&site, Method::PUT, &format!("/api/albums/{id}/assets")).json(&json!({"ids": [second]})).send().await;
    let news = page.next("album").await;
    assert_eq!(news["id"], json!(id));
    assert!(news["changed"].as_array().unwrap().contains(&json!("entries")), "{news}");
    let say = json!({"albumId": id, "type": "comment", "comment": "Hi"});
    ask(&site, Method::POST, "/api/activities").json(&say).send().await;
    assert!(page.next("album").await["changed"].to_string().contains("talk"));
    site.upload("c.png", &photo(3, None)).await;
    bens.next("jobs").await;
    assert!(!bens.passed.iter().any(|event| event.starts_with("event: album\n")), "{:?}", bens.passed);
}
