//! A process that fetches is killed at any moment, again and again; in the end everything is there, and nothing that was
//! on the disk was sent twice.
//!
//! Both ends are real processes (`examples/transfer.rs`) and speak QUIC. The serving one is slowed down, so that moments
//! lie evenly over a fetch, and counts what it sends.

use std::fs;
use std::io::{BufRead, BufReader, Lines, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Output, Stdio};
use std::time::Duration;

use heirloom_identity::ContentHash;
use tempfile::TempDir;

use crate::support::data;

/// Bytes a second of the serving side.
const RATE: u64 = 24 << 20;

/// Sent and not written yet when a process dies: QUIC's window and a few buffers.
const IN_FLIGHT_MAX: u64 = 4 << 20;

/// The example, built beside this test; `cargo test` and the runner build it, `cargo test --test transfer` may not.
fn program() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let built = test.ancestors().nth(2).unwrap().join("examples/transfer");
    assert!(built.is_file(), "missing: cargo build -p heirloom-net --example transfer");
    built
}

struct Server {
    child: Child,
    stdin: ChildStdin,
    lines: Lines<BufReader<ChildStdout>>,
    node: String,
    address: String,
}

impl Server {
    fn start(folder: &Path) -> Self {
        let rate = RATE.to_string();
        let mut child = Command::new(program())
            .args([Path::new("serve"), &folder.join("files"), &folder.join("sidecars")])
            .args(["--rate", &rate])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            // The other end is killed all the time, which it says each time.
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let told = lines.next().unwrap().unwrap();
        let (node, address) = told.split_once(' ').unwrap();
        let (node, address) = (node.to_owned(), address.to_owned());
        Self { stdin: child.stdin.take().unwrap(), child, lines, node, address }
    }

    fn sent(&mut self) -> u64 {
        writeln!(self.stdin, "sent?").unwrap();
        self.lines.next().unwrap().unwrap().parse().unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself, which a test notices elsewhere.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// Files to be fetched, and the server that has them.
struct Scene {
    folder: TempDir,
    files: Vec<Vec<u8>>,
    server: Server,
}

impl Scene {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut files = vec![data(1, (16 << 20) + 5001), data(2, 2 << 20)];
        files.extend((3..30).map(|seed| data(seed, 30_000 + (seed as usize * 7919) % 200_000)));
        fs::create_dir(folder.path().join("files")).unwrap();
        let mut list = String::new();
        for (at, data) in files.iter().enumerate() {
            fs::write(folder.path().join("files").join(at.to_string()), data).unwrap();
            list.push_str(&format!("{} {} {at}\n", ContentHash::of(data), data.len()));
        }
        fs::write(folder.path().join("files.list"), list).unwrap();
        let server = Server::start(folder.path());
        Self { folder, files, server }
    }

    fn fetch(&self, to: &Path) -> Child {
        Command::new(program())
            .args(["fetch", &self.server.node, &self.server.address])
            .args([&self.folder.path().join("files.list"), to])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap()
    }

    fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.len() as u64).sum()
    }

    /// Fetches into a fresh folder, killing the process after each of these times; then lets it end.
    fn fetch_killed(&mut self, name: &str, kills: impl Iterator<Item = Duration>, garbage: bool) {
        let to = self.folder.path().join(name);
        let before = self.server.sent();
        let mut killed = 0;
        for (number, after) in kills.enumerate() {
            let mut child = self.fetch(&to);
            std::thread::sleep(after);
            if child.try_wait().unwrap().is_some() {
                break;
            }
            child.kill().unwrap();
            child.wait().unwrap();
            killed += 1;
            if garbage && number % 4 == 3 {
                spoil_largest(&to.join("parts"));
            }
        }
        let sent_so_far = self.server.sent();
        let output = self.fetch(&to).wait_with_output().unwrap();
        let told = told(&output);
        for (at, file) in self.files.iter().enumerate() {
            assert!(fs::read(to.join(at.to_string())).unwrap() == *file, "file {at} of {name}");
        }
        assert_eq!(fs::read_dir(to.join("parts")).unwrap().count(), 0, "no part is left");
        let sent = self.server.sent();
        let (fetched, last) = (told["fetched"].as_u64().unwrap(), sent - sent_so_far);
        // The server notices a kill late, so some of what it sends to the dead is counted with the last fetch.
        let to_the_dead = if killed > 0 { IN_FLIGHT_MAX } else { 0 };
        let most = fetched + fetched / 100 + (64 << 10) + to_the_dead;
        assert!(last <= most, "the last one: {last} sent, {fetched} needed");
        // Proofs, what was under way at each kill, and what was spoiled.
        let spoiled = if garbage { killed / 4 * (64 << 10) } else { 0 };
        let most = self.bytes() + self.bytes() / 100 + killed * IN_FLIGHT_MAX + spoiled;
        assert!(sent - before <= most, "{} sent of {} with {killed} kills", sent - before, self.bytes());
        fs::remove_dir_all(to).unwrap();
    }
}

fn told(output: &Output) -> serde_json::Value {
    let text = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text} {errors}");
    serde_json::from_str(&text).unwrap()
}

/// Writes 20 kB of garbage into the middle of the largest part.
fn spoil_largest(parts: &Path) {
    let parts = fs::read_dir(parts).into_iter().flatten().flatten().map(|part| part.path());
    let Some(largest) = parts.max_by_key(|part| part.metadata().map_or(0, |found| found.len())) else {
        return;
    };
    let file = fs::OpenOptions::new().write(true).open(largest).unwrap();
    file.write_all_at(&data(77, 20_000), 1_500_000).unwrap();
}

/// Times spread over a fetch and a little beyond, without a pattern.
fn moments(seed: u64) -> impl Iterator<Item = Duration> {
    let mut state = seed | 1;
    std::iter::repeat_with(move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        Duration::from_millis(40 + (state >> 33) % 500)
    })
}

#[test]
fn a_fetch_survives_being_killed() {
    let mut scene = Scene::new();
    scene.fetch_killed("some", moments(1).take(3), false);
}

#[test]
fn crash_a_fetch_is_killed_again_and_again() {
    let mut scene = Scene::new();
    for round in 0..25 {
        scene.fetch_killed(&format!("round-{round}"), moments(round + 2).take(8), round % 2 == 1);
    }
}
