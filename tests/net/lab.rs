//! The laboratory: namespaces, and the probes that run in them.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

/// The patience with anything that has to happen. A first try to meet directly may fail on a busy machine; the network
/// stack tries again every minute, so a minute would be just too short.
const PATIENCE: Duration = Duration::from_secs(200);
/// The exit status that says: not here.
const SKIPPED: i32 = 77;

/// Networks of namespaces; removed when dropped.
pub(crate) struct Lab {
    prefix: String,
    folder: TempDir,
}

impl Lab {
    /// Builds them; `None`, with a line that says why, where that is not possible.
    pub(crate) fn up(nat_a: &str, nat_b: &str) -> Option<Self> {
        // A process runs one test, or one test at a time per thread: process and thread make the name unique.
        let thread = format!("{:?}", std::thread::current().id());
        let thread: String = thread.chars().filter(char::is_ascii_digit).collect();
        let lab = Self {
            prefix: format!("heirloom-{}-{thread}", std::process::id()),
            folder: tempfile::tempdir().unwrap(),
        };
        let output = lab.script(&["up", nat_a, nat_b]).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        if output.status.code() == Some(SKIPPED) {
            println!("SKIPPED: {}", said.trim());
            return None;
        }
        assert!(output.status.success(), "{said}");
        Some(lab)
    }

    fn script(&self, arguments: &[&str]) -> Command {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("net/natlab.sh");
        let mut command = Command::new("bash");
        command.arg(script).args(arguments).env("NATLAB_PREFIX", &self.prefix);
        command
    }

    /// Does something to the networks.
    pub(crate) fn run(&self, arguments: &[&str]) {
        let output = self.script(arguments).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    fn root(&self) -> PathBuf {
        self.folder.path().join("root.der")
    }

    /// Starts the relay.
    pub(crate) fn relay(&self) -> Probe {
        let root = self.root();
        let arguments = ["relay", "203.0.113.10", "443", "7842", root.to_str().unwrap()];
        Probe::start(self.script(&["exec", "R"]), &arguments)
    }

    /// Starts a home in this place.
    pub(crate) fn home(&self, place: &str, seed: u8, forwarded: bool) -> Probe {
        let root = format!("root={}", self.root().display());
        let seed = seed.to_string();
        let listen = if forwarded { "0.0.0.0:4433" } else { "0.0.0.0:0" };
        let mut arguments = vec!["home", &seed, listen, "relay=https://203.0.113.10:443", "quic=7842", &root];
        if forwarded {
            arguments.push(if place == "A" {
                "external=203.0.113.20:4433"
            } else {
                "external=203.0.113.30:4433"
            });
        }
        Probe::start(self.script(&["exec", place]), &arguments)
    }

    /// Starts a home that knows nobody, in a place where there are others.
    pub(crate) fn neighbour(&self, place: &str, seed: u8) -> Probe {
        let arguments = ["home", &seed.to_string(), "0.0.0.0:0", "mdns"];
        Probe::start(self.script(&["exec", place]), &arguments)
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        self.script(&["down"]).status().ok();
    }
}

/// A probe that runs in the laboratory; killed when dropped.
pub(crate) struct Probe {
    child: Child,
    input: ChildStdin,
    lines: Receiver<Value>,
    /// Lines that nobody waited for.
    passed: Vec<Value>,
    /// Its id; empty for the relay.
    pub(crate) node: String,
}

impl Probe {
    fn start(mut place: Command, arguments: &[&str]) -> Self {
        let command = place.arg(binary()).args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        let (sender, lines) = channel();
        // Ends with the probe's output.
        std::thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                let Ok(line) = serde_json::from_str(&line) else { continue };
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        let input = child.stdin.take().unwrap();
        let mut probe = Self { child, input, lines, passed: Vec::new(), node: String::new() };
        let started = probe.wait("started", |_| true);
        probe.node = started["node"].as_str().unwrap_or_default().to_owned();
        probe
    }

    /// Gives it a line to obey.
    pub(crate) fn tell(&mut self, line: &str) {
        writeln!(self.input, "{line}").unwrap();
    }

    /// The line of this event that came while something else was waited for, or else the next one.
    pub(crate) fn outcome(&mut self, event: &str) -> Value {
        match self.passed.iter().position(|line| line["event"] == event) {
            Some(place) => self.passed.remove(place),
            None => self.wait(event, |_| true),
        }
    }

    /// Waits for a line of this event that fits; others are put aside, for [`outcome`](Self::outcome).
    pub(crate) fn wait(&mut self, event: &str, fits: impl Fn(&Value) -> bool) -> Value {
        self.next(|line| line["event"] == event && fits(line))
    }

    /// Waits for a line of one of these events.
    pub(crate) fn wait_any(&mut self, events: &[&str]) -> Value {
        self.next(|line| events.iter().any(|event| line["event"] == *event))
    }

    fn next(&mut self, fits: impl Fn(&Value) -> bool) -> Value {
        let until = Instant::now() + PATIENCE;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            let Ok(line) = self.lines.recv_timeout(left) else {
                panic!("what was waited for did not come; before it came {:#?}", self.passed);
            };
            if fits(&line) {
                return line;
            }
            self.passed.push(line);
        }
    }

    /// Whether such an event came while something else was waited for.
    pub(crate) fn saw(&mut self, event: &str) -> bool {
        self.passed.extend(self.lines.try_iter());
        self.passed.iter().any(|line| line["event"] == event)
    }
}

impl Drop for Probe {
    fn drop(&mut self) {
        self.child.kill().unwrap_or_default();
        self.child.wait().ok();
    }
}

/// Where cargo put the probe: among the examples, beside the folder of this test.
fn binary() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let folder = test.parent().and_then(Path::parent).unwrap();
    let binary = folder.join("examples/probe");
    let built = "run `cargo build -p heirloom-net --example probe` first";
    assert!(binary.is_file(), "{} is missing; {built}", binary.display());
    binary
}
