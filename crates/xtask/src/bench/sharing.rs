//! Sharing: how soon another home sees an edit, and what the first sync of a very large album takes.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use super::Measured;
use super::http::Client;
use crate::daemon::{self, Scratch, Serving};
use crate::{folders, shell};

/// Edits whose way is timed.
const EDITS: usize = 100;
/// Edits that only warm up.
const WARM_UP: usize = 10;
/// Entries of the large album.
const LARGE_ALBUM: &str = "100000";
/// How long one edit may take before the bench gives up.
const PATIENCE: Duration = Duration::from_secs(30);

/// Measures both.
pub(super) fn measure() -> Result<Measured> {
    shell::run(&mut shell::cargo(&["build", "--release", "--package", "heirloom", "--quiet"]))?;
    let program = folders::target().join("release/heirloom");
    let mut seen = edits(&program)?;
    seen.sort_unstable();
    let at = |percent: usize| seen[(seen.len() - 1) * percent / 100];
    let large = large_album()?;
    let ms = |duration: Duration| format!("{:.0} ms", duration.as_secs_f64() * 1e3);
    let mut rows = vec![
        vec!["an edit seen in another home's page, median".to_owned(), ms(at(50))],
        vec!["the same, 95th of 100".to_owned(), ms(at(95))],
    ];
    rows.extend(large.iter().map(|line| vec!["album of 100,000 entries".to_owned(), line.clone()]));
    let json = json!({
        "edit_p50_ms": at(50).as_secs_f64() * 1e3,
        "edit_p95_ms": at(95).as_secs_f64() * 1e3,
        "large_album": large,
    });
    Ok(Measured {
        title: format!("Sharing between two homes on this machine, {EDITS} edits"),
        head: vec!["what", "figure"],
        rows,
        json,
    })
}

/// From sending an edit in one home to its event in a page that is open in the other.
fn edits(program: &Path) -> Result<Vec<Duration>> {
    let here = House::open(program, "bench/sharing-here")?;
    let there = House::open(program, "bench/sharing-there")?;
    let album = share(program, &here, &there)?;
    let mut news = there.client.listen("/api/events")?;
    let path = format!("/api/albums/{album}");
    let title = |client: &Client| -> Option<String> {
        let answer = client.get(&path).ok()?;
        let album: Value = serde_json::from_slice(&answer.body).ok()?;
        album["albumName"].as_str().map(str::to_owned)
    };
    wait(&mut news, || title(&there.client).is_some())?;
    let mut seen = Vec::with_capacity(EDITS);
    for number in 0..WARM_UP + EDITS {
        let wanted = format!("Title {number}");
        let started = Instant::now();
        here.client.send("PATCH", &path, &json!({"albumName": wanted}).to_string())?;
        wait(&mut news, || title(&there.client).as_deref() == Some(&wanted))?;
        if number >= WARM_UP {
            seen.push(started.elapsed());
        }
    }
    here.node.stop()?;
    there.node.stop()?;
    Ok(seen)
}

/// Reads events until `seen`; each look costs a request, as it does for a page.
fn wait(news: &mut BufReader<TcpStream>, seen: impl Fn() -> bool) -> Result<()> {
    let until = Instant::now() + PATIENCE;
    while !seen() {
        loop {
            let mut line = String::new();
            if news.read_line(&mut line).context("the stream of events stands still")? == 0 {
                bail!("the node ended its stream of events");
            }
            if line.starts_with("event:") || line.starts_with(':') {
                break;
            }
        }
        if Instant::now() > until {
            bail!("the other home did not see an edit within {} s", PATIENCE.as_secs());
        }
    }
    Ok(())
}

/// Pairs the homes and shares an album; its id.
fn share(program: &Path, here: &House, there: &House) -> Result<String> {
    let invited = answer(program, here, &["peer", "invite", "--auto-confirm"], &[])?;
    let link = invited["link"].as_str().context("an invitation has a link")?;
    answer(program, there, &["peer", "accept"], &[link])?;
    let album = answer(program, here, &["album", "create"], &["Summer"])?;
    let album = album["id"].as_str().context("an album has an id")?.to_owned();
    let other = answer(program, there, &["status"], &[])?;
    let other = other["household"].as_str().context("status names the household")?;
    answer(program, here, &["album", "share"], &[&album, other, "--role", "contributor"])?;
    Ok(album)
}

/// The last line of a command's JSON; `Null` when it says nothing.
fn answer(program: &Path, house: &House, verb: &[&str], rest: &[&str]) -> Result<Value> {
    let mut command = shell::command(program, verb);
    command.arg("--json").arg("--home").arg(&house.scratch.home).args(rest);
    let said = shell::read(&mut command)?;
    said.lines().last().map_or(Ok(Value::Null), |line| Ok(serde_json::from_str(line)?))
}

/// What `albums_speed` says, a line each.
fn large_album() -> Result<Vec<String>> {
    let mut command = shell::cargo(&["run", "--release", "--quiet", "--package", "heirloom-spaces"]);
    command.args(["--example", "albums_speed", "--", LARGE_ALBUM]);
    Ok(shell::read(&mut command)?.lines().map(str::to_owned).collect())
}

/// A scratch home that is being served, and someone signed in there.
struct House {
    scratch: Scratch,
    node: Serving,
    client: Client,
}

impl House {
    fn open(program: &Path, name: &str) -> Result<Self> {
        let scratch = daemon::scratch(program, name, name)?;
        fs::write(scratch.home.join("config.toml"), "mdns = false\np2p_listen = \"127.0.0.1:0\"\n")?;
        let node = daemon::serve(program, &scratch.home, &scratch.home.with_extension("log"))?;
        let client = Client::sign_in(&node.address, daemon::EMAIL, &scratch.password)?;
        Ok(Self { scratch, node, client })
    }
}

impl Client {
    /// Opens a stream of events.
    fn listen(&self, path: &str) -> Result<BufReader<TcpStream>> {
        let mut stream = TcpStream::connect(self.host())?;
        stream.set_read_timeout(Some(PATIENCE))?;
        write!(stream, "GET {path} HTTP/1.1\r\nHost: {}\r\n{}\r\n", self.host(), self.authorization())?;
        Ok(BufReader::new(stream))
    }
}
