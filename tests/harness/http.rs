//! A small HTTP/1.1 client: one connection per request, so that a killed node is noticed at once.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};

use serde_json::Value;

/// Asks one node, signed in or not.
#[derive(Clone)]
pub(crate) struct Client {
    address: SocketAddr,
    /// A header that signs in.
    credential: Option<(&'static str, String)>,
}

/// A complete answer.
#[derive(Debug)]
pub(crate) struct Answer {
    /// Like 200.
    pub(crate) status: u16,
    /// The status line and the headers.
    pub(crate) head: String,
    /// The body, whole.
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// The body as JSON.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|_| panic!("not JSON: {} {}", self.head, String::from_utf8_lossy(&self.body)))
    }
}

impl Client {
    /// A stranger.
    pub(crate) fn new(address: SocketAddr) -> Self {
        Self { address, credential: None }
    }

    /// Someone with an access key.
    pub(crate) fn with_key(address: SocketAddr, key: &str) -> Self {
        Self { address, credential: Some(("x-api-key", key.to_owned())) }
    }

    /// Signs in with email and password.
    pub(crate) fn sign_in(&mut self, email: &str, password: &str) -> io::Result<Answer> {
        let answer = self.send_json(
            "POST",
            "/api/auth/login",
            &serde_json::json!({"email": email, "password": password}),
        )?;
        if answer.status == 201 {
            let token = answer.json()["accessToken"].as_str().unwrap_or_default().to_owned();
            self.credential = Some(("authorization", format!("Bearer {token}")));
        }
        Ok(answer)
    }

    /// Gets a resource.
    pub(crate) fn get(&self, path: &str) -> io::Result<Answer> {
        self.send("GET", path, "text/plain", &[])
    }

    /// Sends JSON.
    pub(crate) fn send_json(&self, method: &str, path: &str, body: &Value) -> io::Result<Answer> {
        self.send(method, path, "application/json", body.to_string().as_bytes())
    }

    /// Uploads a file as the page and the phones do.
    pub(crate) fn upload(&self, name: &str, bytes: &[u8]) -> io::Result<Answer> {
        self.send("POST", "/api/assets", "multipart/form-data; boundary=heirloom-test", &form(name, bytes))
    }

    /// Begins an upload and goes away in the middle of it.
    pub(crate) fn upload_half(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let body = form(name, bytes);
        let mut stream =
            self.begin("POST", "/api/assets", "multipart/form-data; boundary=heirloom-test", body.len())?;
        stream.write_all(&body[..body.len() / 2])
    }

    fn send(&self, method: &str, path: &str, kind: &str, body: &[u8]) -> io::Result<Answer> {
        let mut stream = self.begin(method, path, kind, body.len())?;
        // A node that refuses early answers before it has read everything.
        let sent = stream.write_all(body);
        let mut bytes = Vec::new();
        let received = stream.read_to_end(&mut bytes);
        match parse(&bytes) {
            Some(answer) => Ok(answer),
            None => Err(sent.and(received.map(drop)).err().unwrap_or_else(cut_off)),
        }
    }

    /// Sends the head of a request and hands over the connection.
    pub(super) fn begin(&self, method: &str, path: &str, kind: &str, length: usize) -> io::Result<TcpStream> {
        let mut stream = TcpStream::connect(self.address)?;
        let credential = self.credential.as_ref().map(|(name, value)| format!("{name}: {value}\r\n"));
        let head = format!(
            "{method} {path} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n{}content-type: {kind}\r\ncontent-length: {length}\r\n\r\n",
            self.address,
            credential.unwrap_or_default()
        );
        stream.write_all(head.as_bytes())?;
        Ok(stream)
    }
}

fn cut_off() -> io::Error {
    io::Error::new(io::ErrorKind::UnexpectedEof, "the answer is cut off")
}

fn form(name: &str, bytes: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    let fields = [
        ("deviceAssetId", name),
        ("deviceId", "test"),
        ("fileCreatedAt", "2024-05-01T12:00:00.000Z"),
        ("fileModifiedAt", "2024-05-01T12:00:00.000Z"),
        ("isFavorite", "false"),
    ];
    for (field, value) in fields {
        let part =
            format!("--heirloom-test\r\ncontent-disposition: form-data; name=\"{field}\"\r\n\r\n{value}\r\n");
        body.extend(part.as_bytes());
    }
    let part = format!(
        "--heirloom-test\r\ncontent-disposition: form-data; name=\"assetData\"; filename=\"{name}\"\r\ncontent-type: application/octet-stream\r\n\r\n"
    );
    body.extend(part.as_bytes());
    body.extend(bytes);
    body.extend(b"\r\n--heirloom-test--\r\n");
    body
}

/// Takes a complete answer apart; `None` when it is cut off.
fn parse(bytes: &[u8]) -> Option<Answer> {
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n")?;
    let head = std::str::from_utf8(&bytes[..end]).ok()?.to_lowercase();
    let rest = &bytes[end + 4..];
    let status = head.split_whitespace().nth(1)?.parse().ok()?;
    let header = |name: &str| head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
    let body = match (header("content-length"), header("transfer-encoding")) {
        (Some(length), _) => rest.get(..length.trim().parse().ok()?)?.to_vec(),
        (None, Some("chunked")) => unchunk(rest)?,
        _ => rest.to_vec(),
    };
    Some(Answer { status, head, body })
}

fn unchunk(mut rest: &[u8]) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let end = rest.windows(2).position(|window| window == b"\r\n")?;
        let size = usize::from_str_radix(std::str::from_utf8(&rest[..end]).ok()?, 16).ok()?;
        if size == 0 {
            return Some(body);
        }
        body.extend(rest.get(end + 2..end + 2 + size)?);
        rest = rest.get(end + 4 + size..)?;
    }
}
