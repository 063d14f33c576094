//! This home and others, as the page asks about them; no network runs here.

use axum::http::Method;
use serde_json::json;

use crate::harness::Site;

#[tokio::test]
async fn the_household_introduces_itself() {
    let site = Site::new();
    let ben = site.ben();
    let own = site.get("/api/households/self").by(&ben).send().await.json();
    assert_eq!(own["name"], json!("Smith"));
    assert_eq!(own["household"].as_str().unwrap().len(), 64);
    let mut names: Vec<&str> =
        own["people"].as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap()).collect();
    names.sort_unstable();
    assert_eq!(names, ["Anna", "Ben"]);
    let rename =
        site.put("/api/households/self").by(&site.anna).json(&json!({"name": " The Smiths "})).send().await;
    assert_eq!(rename.json()["name"], json!("The Smiths"));
    let empty = site.put("/api/households/self").by(&site.anna).json(&json!({"name": " "})).send().await;
    assert_eq!(empty.status.as_u16(), 400);
}

#[tokio::test]
async fn only_admins_let_homes_in() {
    let site = Site::new();
    let ben = site.ben();
    let home = "ab".repeat(32);
    let body = json!({"link": "x", "name": "x"});
    for (method, path) in [
        (Method::PUT, "/api/households/self".to_owned()),
        (Method::POST, "/api/peers/invitations".to_owned()),
        (Method::DELETE, format!("/api/peers/invitations/{home}")),
        (Method::POST, "/api/peers/accept".to_owned()),
        (Method::GET, "/api/peers/pairings".to_owned()),
        (Method::POST, format!("/api/peers/pairings/{home}/confirm")),
        (Method::POST, format!("/api/peers/pairings/{home}/deny")),
        (Method::PATCH, format!("/api/peers/{home}")),
        (Method::DELETE, format!("/api/peers/{home}")),
    ] {
        let refused = site.ask(method.clone(), &path).by(&ben).json(&body).send().await;
        assert_eq!(refused.status.as_u16(), 403, "{method} {path}");
        let stranger = site.ask(method.clone(), &path).json(&body).send().await;
        assert_eq!(stranger.status.as_u16(), 401, "{method} {path}");
    }
    assert_eq!(site.get("/api/peers").by(&ben).send().await.json(), json!([]));
    assert_eq!(site.get("/api/peers").send().await.status.as_u16(), 401);
}

#[tokio::test]
async fn without_a_network_nothing_is_promised() {
    let site = Site::new();
    let refused = site.post("/api/peers/invitations").by(&site.anna).send().await;
    insta::assert_snapshot!(refused.shape(), @r#"
    503 {
      "hint": "Its log says why. Restart it, and try again.",
      "message": "This node is not connected to other homes."
    }
    "#);
    assert_eq!(site.get("/api/peers/pairings").by(&site.anna).send().await.json(), json!([]));
}
