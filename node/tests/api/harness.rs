//! A scratch home, and a client that needs no network.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::http::{HeaderMap, Method, Request, StatusCode};
use data_encoding::HEXLOWER;
use heirloom::api::{ApiState, router};
use heirloom::home::Home;
use heirloom::home::create::{Founding, create};
use heirloom::home::events::Event;
use heirloom::ledger::accounts::NewAccount;
use heirloom::workers::derive::derive_one;
use heirloom::{clock, random};
use heirloom_catalog::JobKind;
use heirloom_identity::{AccountId, Certificate, NodeKeys, Phrase};
use heirloom_media::InProcess;
use heirloom_store::{Disk, RealDisk};
use serde_json::Value;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

/// Whom the home was made for.
pub(crate) const EMAIL: &str = "anna@example.org";
/// Her password.
pub(crate) const PASSWORD: &str = "correct horse battery";

/// A home and its router.
pub(crate) struct Site {
    pub(crate) home: Arc<Home>,
    pub(crate) app: Router,
    pub(crate) stopping: CancellationToken,
    /// Anna's session.
    pub(crate) anna: String,
    pub(crate) anna_id: AccountId,
    /// The recovery phrase.
    pub(crate) phrase: String,
    folder: TempDir,
}

impl Site {
    /// A new home with default settings.
    pub(crate) fn new() -> Self {
        Self::with("", Arc::new(RealDisk))
    }

    /// A new home with these lines in `config.toml`, on this disk.
    pub(crate) fn with(settings: &str, disk: Arc<dyn Disk>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("home");
        let founding = Founding {
            name: "Smith",
            email: EMAIL,
            password: PASSWORD,
            passphrase: None,
            now_ms: 1_700_000_000_000,
        };
        let founded = create(&root, &founding).unwrap();
        let (anna_id, phrase) = (founded.account, founded.phrase.text().to_string());
        let config = root.join("config.toml");
        let text = std::fs::read_to_string(&config).unwrap();
        std::fs::write(&config, format!("{text}\nleave_free_mb = 16\n{settings}\n")).unwrap();
        let home = Home::open_with(&root, disk, Arc::new(InProcess)).unwrap();
        let stopping = CancellationToken::new();
        let app = router(ApiState::new(Arc::clone(&home), stopping.clone()));
        let anna = session(&home, anna_id);
        Self { home, app, stopping, anna, anna_id, phrase, folder }
    }

    /// The same home, after another computer has taken its place.
    pub(crate) fn replaced(self) -> Self {
        let Self { home, app, stopping, anna, anna_id, phrase, folder } = self;
        let authority = Phrase::parse(&phrase).unwrap().root().authority();
        let mut secrets = [7; 64];
        secrets[0] = 9;
        let node = NodeKeys::from_bytes(&secrets);
        let newer = Certificate::issue(&authority, 2, node.node(), node.signer().id(), 5).unwrap();
        home.ledger.set_setting("outranked_by", &HEXLOWER.encode(&newer.encode())).unwrap();
        home.close();
        drop((home, app));
        let home =
            Home::open_with(&folder.path().join("home"), Arc::new(RealDisk), Arc::new(InProcess)).unwrap();
        let app = router(ApiState::new(Arc::clone(&home), stopping.clone()));
        Self { home, app, stopping, anna, anna_id, phrase, folder }
    }

    /// A second account; returns its session.
    pub(crate) fn ben(&self) -> String {
        let id = AccountId::from_random(random::bytes().unwrap());
        let new = NewAccount {
            id,
            email: "ben@example.org".to_owned(),
            name: "Ben".to_owned(),
            password: String::new(),
            admin: false,
            created_ms: 1_700_000_000_001,
        };
        self.home.ledger.add_account(new).unwrap();
        session(&self.home, id)
    }

    /// Makes all thumbnails that are waiting.
    pub(crate) async fn derive(&self) {
        let home = Arc::clone(&self.home);
        let work = move || {
            while let Some(job) = home.catalog().claim(clock::now_ms(), &[JobKind::Derive]).unwrap() {
                derive_one(&home, &job);
                home.events.tell(Event::Jobs);
            }
        };
        tokio::task::spawn_blocking(work).await.unwrap();
    }

    /// A place beside the home.
    pub(crate) fn beside(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().canonicalize().unwrap().join(name)
    }

    /// Files in the inbox.
    pub(crate) fn inbox(&self) -> usize {
        std::fs::read_dir(self.home.layout.inbox()).unwrap().count()
    }

    pub(crate) fn get(&self, path: &str) -> Ask {
        self.ask(Method::GET, path)
    }

    pub(crate) fn post(&self, path: &str) -> Ask {
        self.ask(Method::POST, path)
    }

    pub(crate) fn put(&self, path: &str) -> Ask {
        self.ask(Method::PUT, path)
    }

    pub(crate) fn ask(&self, method: Method, path: &str) -> Ask {
        let request = Request::builder().method(method).uri(path);
        Ask { app: self.app.clone(), request, body: Body::empty() }
    }

    /// Uploads a file as Anna; returns its id.
    pub(crate) async fn upload(&self, name: &str, bytes: &[u8]) -> String {
        let answer = self.post("/api/assets").by(&self.anna).form(&Form::file(name, bytes)).send().await;
        assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text());
        answer.json()["id"].as_str().unwrap().to_owned()
    }
}

/// Signs an account in without its password.
pub(crate) fn session(home: &Home, account: AccountId) -> String {
    let token = random::token().unwrap();
    home.ledger.add_session(&token, account, String::new(), clock::now_ms()).unwrap();
    token.to_string()
}

/// A request in the making.
pub(crate) struct Ask {
    app: Router,
    request: axum::http::request::Builder,
    body: Body,
}

impl Ask {
    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.request = self.request.header(name, value);
        self
    }

    /// Adds what a server would know of the connection.
    pub(crate) fn extension(mut self, value: impl Clone + Send + Sync + 'static) -> Self {
        self.request = self.request.extension(value);
        self
    }

    /// Signs in with a bearer token.
    pub(crate) fn by(self, token: &str) -> Self {
        self.header("authorization", &format!("Bearer {token}"))
    }

    /// Signs in as a browser does.
    pub(crate) fn cookie(self, token: &str) -> Self {
        self.header("cookie", &format!("immich_access_token={token}"))
    }

    pub(crate) fn json(mut self, value: &Value) -> Self {
        self.body = Body::from(value.to_string());
        self.header("content-type", "application/json")
    }

    pub(crate) fn form(mut self, form: &Form) -> Self {
        self.body = Body::from(form.bytes());
        self.header("content-type", &form.kind())
    }

    pub(crate) fn body(mut self, body: Body) -> Self {
        self.body = body;
        self
    }

    /// Sends it and returns the answer's head, its body still to be read.
    pub(crate) async fn open(self) -> axum::response::Response {
        self.app.oneshot(self.request.body(self.body).unwrap()).await.unwrap()
    }

    pub(crate) async fn send(self) -> Answer {
        let response = self.open().await;
        let (parts, body) = response.into_parts();
        let body = to_bytes(body, usize::MAX).await.unwrap();
        Answer { status: parts.status, headers: parts.headers, body }
    }
}

/// What came back.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Answer {
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The body for a snapshot: ids and times that differ each run are named, not shown.
    pub(crate) fn shape(&self) -> String {
        let mut value = self.json();
        redact(&mut value);
        format!("{} {}", self.status.as_u16(), serde_json::to_string_pretty(&value).unwrap())
    }
}

fn redact(value: &mut Value) {
    match value {
        Value::String(text) => {
            // A comment is named by its album and itself.
            let first = text.split('~').next().unwrap_or_default();
            if first.parse::<AccountId>().is_ok() {
                "[id]".clone_into(text);
            } else if text.len() == 24
                && text.starts_with("20")
                && text.ends_with('Z')
                && !text.starts_with("2024")
            {
                "[now]".clone_into(text);
            } else if text.len() >= 43 && text.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c))
            {
                "[secret]".clone_into(text);
            }
        }
        Value::Array(items) => items.iter_mut().for_each(redact),
        Value::Object(fields) => fields.values_mut().for_each(redact),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// A multipart form, part by part.
#[derive(Clone)]
pub(crate) struct Form {
    boundary: String,
    bytes: Vec<u8>,
    /// Whether the form is cut off before its last line.
    pub(crate) cut: bool,
}

impl Form {
    pub(crate) fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let boundary = format!("----form{}", COUNT.fetch_add(1, Ordering::Relaxed));
        Self { boundary, bytes: Vec::new(), cut: false }
    }

    /// What `@immich/cli` sends before the file, and the file.
    pub(crate) fn file(name: &str, bytes: &[u8]) -> Self {
        Self::new()
            .text("fileCreatedAt", "2024-03-02T10:00:00.000Z")
            .text("fileModifiedAt", "2024-03-02T10:00:00.000Z")
            .text("fileSize", &bytes.len().to_string())
            .text("isFavorite", "false")
            .asset(name, bytes)
    }

    pub(crate) fn text(mut self, name: &str, value: &str) -> Self {
        let part = format!(
            "--{}\r\ncontent-disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n",
            self.boundary
        );
        self.bytes.extend_from_slice(part.as_bytes());
        self
    }

    pub(crate) fn asset(self, file_name: &str, bytes: &[u8]) -> Self {
        self.binary("assetData", file_name, bytes)
    }

    pub(crate) fn binary(mut self, name: &str, file_name: &str, bytes: &[u8]) -> Self {
        let head = format!(
            "--{}\r\ncontent-disposition: form-data; name=\"{name}\"; filename=\"{file_name}\"\r\n\
             content-type: application/octet-stream\r\n\r\n",
            self.boundary
        );
        self.bytes.extend_from_slice(head.as_bytes());
        self.bytes.extend_from_slice(bytes);
        self.bytes.extend_from_slice(b"\r\n");
        self
    }

    pub(crate) fn kind(&self) -> String {
        format!("multipart/form-data; boundary={}", self.boundary)
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut bytes = self.bytes.clone();
        if self.cut {
            bytes.truncate(bytes.len().saturating_sub(20));
        } else {
            bytes.extend_from_slice(format!("--{}--\r\n", self.boundary).as_bytes());
        }
        bytes
    }
}
