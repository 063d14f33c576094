//! Newer states of this home over HTTP: what is shown, and who answers how. What comes home is tried in
//! `node/tests/restore/newer.rs`.

use data_encoding::BASE64;
use serde_json::{Value, json};

use crate::harness::Site;

/// Goal: everybody sees a newer state, admins answer, the words are asked for where they are needed. Method: a state stands
/// in the books as if a relative had shown it.
#[tokio::test]
async fn a_newer_state_is_shown_and_answered() {
    let site = Site::new();
    let (anna, ben) = (site.anna.clone(), site.ben());
    let states = async || site.get("/api/vault/newer").by(&ben).send().await.json();
    assert_eq!(states().await, json!({"states": []}));
    let wrapped = BASE64.encode(&site.home.keys.vault().unwrap().wrapped);
    let books = json!([{
        "id": "00ff", "why": "beside", "doing": "asks", "needs_phrase": true, "number": 3, "made_ms": 0, "base_ms": 0,
        "place": "Ben", "done": 0, "brought": 0, "total": 0, "missing": 0, "note": null, "wrapped": wrapped, "keys": null,
    }]);
    let store = &site.home.vault.store;
    store.set_setting("newer-states", &books.to_string()).unwrap();
    let shown = json!({
        "id": "00ff", "place": "Ben", "madeAt": "1970-01-01T00:00:00.000Z", "why": "beside", "state": "asks",
        "needsPhrase": true, "brought": 0, "total": 0, "missing": 0,
    });
    assert_eq!(states().await, json!({"states": [shown]}));

    let answer = async |who: &str, id: &str, said: Value| {
        let asked = site.post(&format!("/api/vault/newer/{id}")).by(who).json(&said).send().await;
        asked.status.as_u16()
    };
    assert_eq!(answer(&ben, "00ff", json!({"bring": false})).await, 403);
    assert_eq!(answer(&anna, "none", json!({"bring": false})).await, 404);
    assert_eq!(answer(&anna, "00ff", json!({"bring": true})).await, 409);
    assert_eq!(answer(&anna, "00ff", json!({"bring": true, "phrase": "no words"})).await, 400);
    assert_eq!(states().await["states"][0]["state"], "asks");
    assert_eq!(answer(&anna, "00ff", json!({"bring": false})).await, 202);
    assert_eq!(states().await["states"][0]["state"], "left");
    let words = site.phrase.clone();
    assert_eq!(answer(&anna, "00ff", json!({"bring": true, "phrase": words})).await, 202);
    assert_eq!(states().await["states"][0]["state"], "bringing");
}
