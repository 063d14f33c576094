//! The first-run page's requests, over a real port.

mod kit;

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

use heirloom::serve::Listen;
use heirloom::setup::{can_set_up, serve_setup};
use serde_json::{Value, json};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::house::{House, PASSWORD, open, quick_folder};
use crate::known::Known;
use crate::wait::PATIENCE;

/// A program that serves a folder.
struct Program {
    address: SocketAddr,
    code: Option<String>,
    stop: oneshot::Sender<()>,
    task: JoinHandle<anyhow::Result<()>>,
}

impl Program {
    async fn start(root: PathBuf, listen: &str) -> Self {
        assert!(can_set_up(&root).unwrap());
        let (tell, told) = oneshot::channel();
        let (stop, stopped) = oneshot::channel::<()>();
        let listen = Listen { http: listen.parse().unwrap(), p2p: Some("127.0.0.1:0".parse().unwrap()) };
        let task = tokio::spawn(async move {
            let ready = |address, code: Option<&str>| drop(tell.send((address, code.map(str::to_owned))));
            serve_setup(&root, listen, ready, async move { drop(stopped.await) }).await
        });
        let (address, code) = told.await.unwrap();
        Self { address, code, stop, task }
    }

    async fn stop(self) {
        self.stop.send(()).unwrap();
        self.task.await.unwrap().unwrap();
    }

    /// Asks, and gives the status and the answer.
    async fn ask(
        &self,
        method: &str,
        path: &str,
        body: Option<Value>,
        headers: &[(&str, &str)],
    ) -> (u16, Value) {
        let port = self.address.port();
        let body = body.map(|body| body.to_string()).unwrap_or_default();
        let mut request = format!(
            "{method} /api{path} HTTP/1.1\r\nconnection: close\r\ncontent-type: application/json\r\n"
        );
        if !headers.iter().any(|(name, _)| *name == "host") {
            request.push_str(&format!("host: 127.0.0.1:{port}\r\n"));
        }
        for (name, value) in headers {
            request.push_str(&format!("{name}: {value}\r\n"));
        }
        request.push_str(&format!("content-length: {}\r\n\r\n{body}", body.len()));
        let answer = tokio::task::spawn_blocking(move || {
            let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
            stream.set_read_timeout(Some(Duration::from_secs(90))).unwrap();
            stream.write_all(request.as_bytes()).unwrap();
            let mut answer = String::new();
            stream.read_to_string(&mut answer).unwrap();
            answer
        });
        let answer = answer.await.unwrap();
        let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
        let body = answer.split_once("\r\n\r\n").unwrap().1;
        let json = body.find('{').map(|at| &body[at..=body.rfind('}').unwrap()]);
        (status, json.map_or(Value::Null, |json| serde_json::from_str(json).unwrap()))
    }

    async fn get(&self, path: &str) -> (u16, Value) {
        self.ask("GET", path, None, &[]).await
    }

    async fn post(&self, path: &str, body: Value) -> (u16, Value) {
        self.ask("POST", path, Some(body), &[]).await
    }

    /// Asks again and again, as the page does, until the answer is so.
    async fn ask_until(&self, path: &str, is_so: impl Fn(u16, &Value) -> bool) -> Value {
        let asking = async {
            loop {
                let (status, answer) = self.get(path).await;
                if is_so(status, &answer) {
                    return answer;
                }
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        };
        timeout(PATIENCE, asking).await.unwrap()
    }

    /// Follows a restore until it has come to this stage.
    async fn restored(&self, stage: &str) -> Value {
        self.ask_until("/setup/restore", |status, progress| {
            assert_eq!(status, 200, "{progress}");
            assert!(progress["stage"] != "failed" || stage == "failed", "{progress}");
            progress["stage"] == stage
        })
        .await
    }
}

fn founding() -> Value {
    json!({ "name": "The Smiths", "email": "anna@example.org", "accountName": "Anna Smith", "password": PASSWORD })
}

/// Goal: a new household is founded on the page, and the same program goes on as its home. Method: every request of the
/// page in its order, with mistakes in between.
#[tokio::test(flavor = "multi_thread")]
async fn a_household_is_founded_on_the_page() {
    let folder = quick_folder();
    let root = folder.path().join("home");
    let program = Program::start(root.clone(), "127.0.0.1:0").await;
    assert_eq!(program.code, None);
    assert_eq!(program.get("/setup").await, (200, json!({ "state": "fresh", "needsCode": false })));
    assert_eq!(program.get("/users/me").await.0, 404);
    assert_eq!(program.get("/setup/restore").await.0, 404);
    assert_eq!(program.post("/setup/finish", json!({})).await.0, 409, "nothing is there to finish");
    let mut weak = founding();
    weak["password"] = "short".into();
    assert_eq!(program.post("/setup/found", weak).await.0, 400);
    let mut nobody = founding();
    nobody["email"] = "anna".into();
    assert_eq!(program.post("/setup/found", nobody).await.0, 400);

    let (status, first) = program.post("/setup/found", founding()).await;
    assert_eq!(status, 200, "{first}");
    // The page was loaded again: other words, and those before are worth nothing.
    let (_, second) = program.post("/setup/found", founding()).await;
    assert_ne!(first["phrase"], second["phrase"]);
    let words: Vec<String> = serde_json::from_value(second["phrase"].clone()).unwrap();
    assert_eq!(words.len(), 24);
    assert!(!root.join("config.toml").exists(), "nothing counts before somebody has the words");
    assert_eq!(program.get("/setup").await.1["state"], "fresh");
    let finish = |token: &Value| program.post("/setup/finish", json!({ "token": token }));
    assert_eq!(finish(&first["token"]).await.0, 409, "these words open nothing");
    assert_eq!(program.post("/setup/finish", json!({})).await.0, 409);
    let mut weak = founding();
    weak["password"] = "short".into();
    assert_eq!(program.post("/setup/found", weak).await.0, 400);
    let slip = json!({ "phrase": "none", "from": folder.path().to_str().unwrap() });
    assert_eq!(program.post("/setup/restore", slip).await.0, 400);
    for header in [("x-forwarded-for", "203.0.113.7"), ("via", "1.1 proxy")] {
        let body = json!({ "token": second["token"] });
        assert_eq!(program.ask("POST", "/setup/finish", Some(body), &[header]).await.0, 403, "no proxy");
    }
    assert_eq!(finish(&second["token"]).await.0, 204, "slips elsewhere took nothing away");

    let ready = json!({ "state": "ready", "needsCode": false });
    assert_eq!(program.get("/setup").await, (200, ready));
    assert_eq!(program.get("/users/me").await.0, 401);
    let login = json!({ "email": "anna@example.org", "password": PASSWORD });
    let (status, session) = program.post("/auth/login", login).await;
    assert_eq!((status, &session["name"]), (201, &json!("Anna Smith")), "{session}");
    assert_eq!(program.post("/setup/found", founding()).await.0, 409);
    assert_eq!(program.post("/setup/restore", json!({ "phrase": "a", "from": "b" })).await.0, 409);
    program.stop().await;
    let home = open(&root);
    assert!(heirloom::home::phrase::check(&home, &words.join(" "), 1).is_ok());
    assert!(!can_set_up(&root).unwrap());
}

/// Goal: a household comes back on the page, after a slip of the pen, and can be followed to its end. Method: a wrong
/// word, then the right ones; the progress is asked for until all is there, across the change from setup to home.
#[tokio::test(flavor = "multi_thread")]
async fn a_household_is_restored_on_the_page() {
    let (house, disk, before) = House::burnt(|_| ()).await;
    let words = house.phrase.words();
    let root = house.beside("new");
    let program = Program::start(root.clone(), "127.0.0.1:0").await;
    let from = disk.to_str().unwrap();
    let wrong = words.join(" ").replacen(words[9], "zzzzzz", 1);
    let (status, said) = program.post("/setup/restore", json!({ "phrase": wrong, "from": from })).await;
    assert_eq!(status, 400, "{said}");
    let position = said["word"]["position"].as_u64().unwrap();
    assert_eq!(said["word"]["likely"], words[usize::try_from(position).unwrap() - 1]);
    assert_eq!(program.get("/setup").await.1["state"], "fresh");

    let asked = json!({ "phrase": words.join(" "), "from": format!("\n {from} \n") });
    assert_eq!(program.post("/setup/restore", asked.clone()).await.0, 202);
    assert_eq!(program.post("/setup/restore", asked).await.0, 409, "one at a time");
    let progress = program.restored("done").await;
    assert_eq!((&progress["done"], &progress["total"]), (&json!(6), &json!(6)), "{progress}");
    assert!(progress["headAt"].is_string());
    assert_eq!(program.get("/setup").await.1["state"], "ready");
    let login = json!({ "email": "anna@example.org", "password": PASSWORD });
    assert_eq!(program.post("/auth/login", login).await.0, 201);
    program.stop().await;
    assert_eq!(before, Known::of(&open(&root)));
}

/// Goal: a restore that fails is said on the page and can be tried again. Method: a folder whose packs are gone.
#[tokio::test(flavor = "multi_thread")]
async fn a_restore_that_fails_can_be_tried_again() {
    let (house, disk, _) = House::burnt(|_| ()).await;
    let gone = house.beside("gone");
    crate::folder::copy(&disk, &gone);
    std::fs::remove_dir_all(gone.join("packs")).unwrap();
    let program = Program::start(house.beside("new"), "127.0.0.1:0").await;
    let asked = |from: &Path| json!({ "phrase": house.words(), "from": from.to_str().unwrap() });
    assert_eq!(program.post("/setup/restore", asked(&gone)).await.0, 202);
    let failed = program.restored("failed").await;
    assert!(failed["message"].as_str().unwrap().contains("not complete"), "{failed}");
    assert_eq!(program.get("/setup").await.1["state"], "fresh");
    assert_eq!(program.post("/setup/restore", asked(&disk)).await.0, 202);
    program.restored("done").await;
    program.stop().await;
}

/// Goal: nobody on the network makes a new home theirs, and no web site leads a browser to it. Method: without the code,
/// with a wrong one, and under a name that a stranger chose.
#[tokio::test(flavor = "multi_thread")]
async fn strangers_set_nothing_up() {
    let folder = quick_folder();
    let program = Program::start(folder.path().join("home"), "0.0.0.0:0").await;
    let code = program.code.clone().unwrap();
    assert_eq!(program.get("/setup").await, (200, json!({ "state": "fresh", "needsCode": true })));
    assert_eq!(program.post("/setup/found", founding()).await.0, 403);
    let wrong =
        program.ask("POST", "/setup/found", Some(founding()), &[("x-setup-code", "AAAAAAAAAAAAAAAA")]);
    assert_eq!(wrong.await.0, 403);
    for (method, path) in [("POST", "/setup/finish"), ("POST", "/setup/restore"), ("GET", "/setup/restore")] {
        let body = (method == "POST").then(|| json!({ "phrase": "", "from": "" }));
        assert_eq!(program.ask(method, path, body, &[]).await.0, 403, "{path}");
    }
    let host = [("x-setup-code", code.as_str()), ("host", "smiths.evil.example")];
    assert_eq!(program.ask("GET", "/setup", None, &host).await.0, 403);
    assert_eq!(program.ask("POST", "/setup/found", Some(founding()), &host).await.0, 403);
    let other_site = [("x-setup-code", code.as_str()), ("origin", "http://evil.example")];
    assert_eq!(program.ask("POST", "/setup/found", Some(founding()), &other_site).await.0, 403);
    let right = program.ask("POST", "/setup/found", Some(founding()), &[("x-setup-code", &code)]).await;
    assert_eq!(right.0, 200, "{}", right.1);
    program.stop().await;
}

/// Goal: only a folder with nothing in it is set up. Method: folders of every kind.
#[test]
fn only_an_empty_folder_is_set_up() {
    let folder = quick_folder();
    let at = |name: &str| folder.path().join(name);
    assert!(can_set_up(&at("none")).unwrap());
    std::fs::create_dir(at("empty")).unwrap();
    assert!(can_set_up(&at("empty")).unwrap());
    std::fs::create_dir(at("full")).unwrap();
    std::fs::write(at("full").join("notes.txt"), "").unwrap();
    assert!(!can_set_up(&at("full")).unwrap());
    // A home that lost its settings holds photos.
    std::fs::create_dir_all(at("lost").join("library/anna")).unwrap();
    assert!(!can_set_up(&at("lost")).unwrap());
    let house = House::found("Anna");
    assert!(!can_set_up(house.home.layout.root()).unwrap());
}
