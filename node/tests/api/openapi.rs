//! The description of the API is part of the project, so that a change of it is seen.

use std::path::Path;

use axum::http::StatusCode;

use crate::harness::Site;

#[test]
fn the_committed_description_is_the_one_the_handlers_make() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/openapi.json");
    let made = heirloom::api::openapi().to_pretty_json().unwrap() + "\n";
    if std::env::var_os("UPDATE_OPENAPI").is_some() {
        std::fs::write(&path, &made).unwrap();
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(made == committed, "docs/openapi.json is out of date; UPDATE_OPENAPI=1 writes it anew");
}

#[tokio::test]
async fn the_description_is_served() {
    let site = Site::new();
    let served = site.get("/api/openapi.json").send().await;
    assert_eq!(served.status, StatusCode::OK);
    let made: serde_json::Value = serde_json::from_str(&heirloom::api::openapi().to_json().unwrap()).unwrap();
    assert_eq!(served.json(), made);
    assert!(made["paths"]["/api/assets/{id}/thumbnail"]["get"].is_object());
}
