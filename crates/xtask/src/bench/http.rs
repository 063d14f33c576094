//! The smallest HTTP client that a bench needs: one request, one connection, the body whole.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

/// A node's address and the token of a sign-in.
pub(crate) struct Client {
    /// `127.0.0.1:PORT`.
    host: String,
    token: String,
}

/// What a request brought.
pub(crate) struct Answer {
    pub(crate) body: Vec<u8>,
    pub(crate) took: Duration,
}

impl Client {
    /// Signs in at `http://HOST:PORT`.
    pub(crate) fn sign_in(address: &str, email: &str, password: &str) -> Result<Self> {
        let host = address.trim_start_matches("http://").to_owned();
        let mut client = Self { host, token: String::new() };
        let body = json!({"email": email, "password": password}).to_string();
        let answer = client.send("POST", "/api/auth/login", &body)?;
        let answer: Value = serde_json::from_slice(&answer.body).context("the sign-in answered no JSON")?;
        client.token = answer["accessToken"].as_str().context("the sign-in gave no token")?.to_owned();
        Ok(client)
    }

    /// The answer to a GET, timed from the connection to the last byte.
    pub(crate) fn get(&self, path: &str) -> Result<Answer> {
        self.send("GET", path, "")
    }

    /// `127.0.0.1:PORT`.
    pub(super) fn host(&self) -> &str {
        &self.host
    }

    /// The header that signs in, with its line's end; empty for a stranger.
    pub(super) fn authorization(&self) -> String {
        let token = &self.token;
        if token.is_empty() { String::new() } else { format!("Authorization: Bearer {token}\r\n") }
    }

    /// The answer to a request that must succeed.
    pub(super) fn send(&self, method: &str, path: &str, body: &str) -> Result<Answer> {
        let started = Instant::now();
        let mut stream = TcpStream::connect(&self.host).context("could not reach the node")?;
        let authorization = self.authorization();
        let request = format!(
            "{method} {path} HTTP/1.0\r\nHost: {}\r\n{authorization}Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            self.host,
            body.len(),
        );
        stream.write_all(request.as_bytes())?;
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes)?;
        let took = started.elapsed();
        let end =
            bytes.windows(4).position(|window| window == b"\r\n\r\n").context("an answer has a head")?;
        let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
        let first = head.lines().next().unwrap_or_default();
        if !first.split_whitespace().nth(1).is_some_and(|status| status.starts_with('2')) {
            bail!("{method} {path} answered {first:?}");
        }
        Ok(Answer { body: bytes.split_off(end + 4), took })
    }
}
