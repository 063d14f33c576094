//! Signing in and out, what counts as signed in, and who may not try again.

use std::net::SocketAddr;

use axum::extract::ConnectInfo;
use axum::http::StatusCode;
use heirloom::ledger::sessions::AccessKey;
use serde_json::json;

use crate::harness::{EMAIL, PASSWORD, Site};

#[tokio::test]
async fn the_right_password_opens_a_session() {
    let site = Site::new();
    let login = json!({"email": "ANNA@example.org", "password": PASSWORD});
    let answer = site.post("/api/auth/login").json(&login).send().await;
    insta::assert_snapshot!(answer.shape(), @r#"
    201 {
      "accessToken": "[secret]",
      "isAdmin": true,
      "isOnboarded": true,
      "name": "Anna",
      "profileImagePath": "",
      "shouldChangePassword": false,
      "userEmail": "anna@example.org",
      "userId": "[id]"
    }
    "#);
    let token = answer.json()["accessToken"].as_str().unwrap().to_owned();
    let cookies: Vec<_> = answer.headers.get_all("set-cookie").iter().map(|c| c.to_str().unwrap()).collect();
    let flags = "HttpOnly; SameSite=Lax; Path=/; Max-Age=34560000";
    assert_eq!(
        cookies,
        [
            format!("immich_access_token={token}; {flags}"),
            format!("immich_auth_type=password; {flags}"),
            format!("immich_is_authenticated=true; {flags}"),
        ]
    );
    let secure = site.post("/api/auth/login").header("x-forwarded-proto", "https").json(&login).send().await;
    assert!(secure.headers.get_all("set-cookie").iter().all(|c| c.to_str().unwrap().ends_with("; Secure")));

    let valid = site.post("/api/auth/validateToken").cookie(&token).send().await;
    insta::assert_snapshot!(valid.shape(), @r#"
    200 {
      "authStatus": true
    }
    "#);
    let out = site.post("/api/auth/logout").cookie(&token).send().await;
    insta::assert_snapshot!(out.shape(), @r#"
    200 {
      "redirectUri": "/",
      "successful": true
    }
    "#);
    assert!(out.header("set-cookie").starts_with("immich_access_token=; "), "{}", out.header("set-cookie"));
    assert!(out.header("set-cookie").contains("Max-Age=0"));
    let over = site.post("/api/auth/validateToken").cookie(&token).send().await;
    insta::assert_snapshot!(over.shape(), @r#"
    401 {
      "hint": "Sign in and try again.",
      "message": "You are not signed in."
    }
    "#);
    let twice = site.post("/api/auth/logout").cookie(&token).send().await;
    assert_eq!(twice.status, StatusCode::OK);
}

#[tokio::test]
async fn wrong_passwords_and_unknown_emails_look_the_same() {
    let site = Site::new();
    let wrong = json!({"email": EMAIL, "password": "wrong horse"});
    let wrong = site.post("/api/auth/login").json(&wrong).send().await;
    let unknown = json!({"email": "nobody@example.org", "password": PASSWORD});
    let unknown = site.post("/api/auth/login").json(&unknown).send().await;
    insta::assert_snapshot!(wrong.shape(), @r#"
    401 {
      "message": "Incorrect email or password"
    }
    "#);
    assert_eq!(wrong.shape(), unknown.shape());
    assert!(wrong.headers.get("set-cookie").is_none());
    let long = json!({"email": "a".repeat(1000), "password": PASSWORD});
    assert_eq!(site.post("/api/auth/login").json(&long).send().await.status, StatusCode::UNAUTHORIZED);
    let broken = site.post("/api/auth/login").json(&json!({"email": 5})).send().await;
    assert_eq!(broken.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn guessing_is_limited_by_email_and_by_address() {
    let site = Site::new();
    // A password past the limit is refused without being hashed, so that this test is quick.
    let guess = |email: &str, from: [u8; 4]| {
        let guess = json!({"email": email, "password": "x".repeat(2000)});
        site.post("/api/auth/login").from(SocketAddr::from((from, 5000))).json(&guess).send()
    };
    for n in 0..10 {
        assert_eq!(guess(EMAIL, [10, 0, 0, n]).await.status, StatusCode::UNAUTHORIZED);
    }
    let limited = guess(EMAIL, [10, 0, 0, 99]).await;
    insta::assert_snapshot!(limited.shape(), @r#"
    429 {
      "hint": "Wait 15 minutes and try again.",
      "message": "Too many failed sign-ins."
    }
    "#);
    let wait: u32 = limited.header("retry-after").parse().unwrap();
    assert!((1..=900).contains(&wait), "{wait}");
    let right = json!({"email": EMAIL, "password": PASSWORD});
    let right = site.post("/api/auth/login").json(&right).send().await;
    assert_eq!(right.status, StatusCode::TOO_MANY_REQUESTS);

    for n in 0..30 {
        assert_eq!(guess(&format!("{n}@x"), [192, 0, 2, 1]).await.status, StatusCode::UNAUTHORIZED);
    }
    assert_eq!(guess("new@x", [192, 0, 2, 1]).await.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(guess("new@x", [192, 0, 2, 2]).await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn every_way_to_show_a_credential_works() {
    let site = Site::new();
    let key = "a-secret-key";
    let made = AccessKey { account: site.anna_id, name: "cli".to_owned(), created_ms: 0 };
    site.home.ledger.add_key(key, made).unwrap();
    let token = site.anna.clone();
    let me = |query: &str| site.get(&format!("/api/users/me{query}"));
    let good = [
        me("").by(&token),
        me("").cookie(&token),
        me("").header("x-immich-user-token", &token),
        me("").header("x-immich-session-token", &token),
        me(&format!("?sessionKey={token}")),
        me("").header("x-api-key", key),
        me(&format!("?apiKey={key}")),
        me("").header("x-api-key", "wrong").by(&token),
    ];
    for ask in good {
        assert_eq!(ask.send().await.status, StatusCode::OK);
    }
    let bad = [
        me(""),
        me("").by("wrong"),
        me("").by(key),
        me("").header("x-api-key", &token),
        me("?apiKey=wrong"),
        me("").header("x-api-key", key).by("wrong"),
    ];
    for ask in bad {
        assert_eq!(ask.send().await.status, StatusCode::UNAUTHORIZED);
    }
    let mine = site.get("/api/api-keys/me").header("x-api-key", key).send().await;
    insta::assert_snapshot!(mine.shape(), @r#"
    200 {
      "createdAt": "1970-01-01T00:00:00.000Z",
      "id": "[id]",
      "name": "cli",
      "permissions": [
        "all"
      ],
      "updatedAt": "1970-01-01T00:00:00.000Z"
    }
    "#);
    assert_eq!(site.get("/api/api-keys/me").by(&token).send().await.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn another_site_can_change_nothing() {
    let site = Site::new();
    let token = site.anna.clone();
    let ask = || site.put("/api/assets").json(&json!({"ids": []})).header("host", "home.lan");
    let evil = ask().cookie(&token).header("sec-fetch-site", "cross-site").send().await;
    insta::assert_snapshot!(evil.shape(), @r#"
    403 {
      "hint": "Open Heirloom itself and try there.",
      "message": "This request came from another website."
    }
    "#);
    let evil = ask().cookie(&token).header("origin", "https://evil.example").send().await;
    assert_eq!(evil.status, StatusCode::FORBIDDEN);
    let login = site.post("/api/auth/login").json(&json!({"email": EMAIL, "password": PASSWORD}));
    assert_eq!(login.header("sec-fetch-site", "cross-site").send().await.status, StatusCode::FORBIDDEN);
    for good in [
        ask().cookie(&token).header("sec-fetch-site", "same-origin"),
        ask().cookie(&token).header("origin", "http://home.lan"),
        ask().cookie(&token),
        ask().by(&token).header("origin", "https://elsewhere.example"),
    ] {
        assert_eq!(good.send().await.status, StatusCode::NO_CONTENT);
    }
}

impl crate::harness::Ask {
    fn from(self, address: SocketAddr) -> Self {
        self.extension(ConnectInfo(address))
    }
}
