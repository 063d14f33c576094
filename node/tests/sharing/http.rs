//! What the page asks of a home that has a network.

use std::sync::Arc;

use axum::body::{Body, to_bytes};
use axum::http::{Method, Request};
use heirloom::api::{ApiState, router};
use heirloom::ledger::invitations::INVITATIONS_OPEN_MAX;
use heirloom::{clock, random};
use heirloom_identity::Role;
use serde_json::Value;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use crate::family::{Place, two};

/// Asks as the home's first account; the status and the answer.
async fn ask(place: &Place, method: Method, path: &str, body: &str) -> (u16, Value) {
    let token = random::token().unwrap();
    place.home.ledger.add_session(&token, place.account, String::new(), clock::now_ms()).unwrap();
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header("authorization", format!("Bearer {}", token.as_str()))
        .header("content-type", "application/json");
    let app = router(ApiState::new(Arc::clone(&place.home), CancellationToken::new()));
    let answer = app.oneshot(request.body(Body::from(body.to_owned())).unwrap()).await.unwrap();
    let status = answer.status().as_u16();
    let bytes = to_bytes(answer.into_body(), usize::MAX).await.unwrap();
    (status, serde_json::from_slice(&bytes).unwrap_or_default())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_home_that_is_removed_is_out_of_the_albums_and_is_told() {
    let (anna, ben) = two().await;
    let space = anna.album("Sea");
    anna.share(&space, &ben, Role::Contributor);
    ben.has_album(&space).await;
    let path = format!("/api/peers/{}", ben.household());
    assert_eq!(ask(&anna, Method::DELETE, &path, "").await.0, 204);
    let album = anna.home.albums.album(&space).unwrap().unwrap();
    assert!(!album.membership.members.contains_key(&ben.household()));
    let ended = ben.home.albums.album(&space).unwrap().unwrap();
    assert_eq!(ended.our_role, None, "it heard of it before the connection ended");
    let refusal = || ben.home.ledger.peer(&anna.household()).unwrap().unwrap().refusal;
    ben.until("Ben's page can say why", || refusal().is_some()).await;
    let (_, peers) = ask(&ben, Method::GET, "/api/peers", "").await;
    assert!(peers[0]["refusal"].as_str().unwrap().starts_with("not paired"), "{peers}");
    for method in [Method::DELETE, Method::PATCH] {
        assert_eq!(
            ask(&anna, method.clone(), &path, "{}").await.0,
            404,
            "{method} of a home that is no more"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn invitations_have_an_end() {
    let anna = Place::found("Anna").await;
    let unknown = format!("/api/peers/invitations/{}", "ab".repeat(32));
    assert_eq!(ask(&anna, Method::DELETE, &unknown, "").await.0, 404);
    assert_eq!(ask(&anna, Method::DELETE, "/api/peers/invitations/x", "").await.0, 404);
    let mut id = String::new();
    for _ in 0..INVITATIONS_OPEN_MAX {
        let (status, made) = ask(&anna, Method::POST, "/api/peers/invitations", "").await;
        assert_eq!(status, 201, "{made}");
        made["id"].as_str().unwrap().clone_into(&mut id);
    }
    let (status, refused) = ask(&anna, Method::POST, "/api/peers/invitations", "").await;
    assert_eq!(status, 409, "{refused}");
    assert_eq!(ask(&anna, Method::DELETE, &format!("/api/peers/invitations/{id}"), "").await.0, 204);
    assert_eq!(ask(&anna, Method::POST, "/api/peers/invitations", "").await.0, 201);
}
