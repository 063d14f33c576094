//! The built program, run as a script would run it.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader};
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

/// What a command answered.
pub(crate) struct Output {
    /// Whether it ended with status 0.
    pub(crate) ok: bool,
    /// Its lines of JSON.
    pub(crate) lines: Vec<Value>,
    /// What it said to a person.
    pub(crate) stderr: String,
}

impl Output {
    /// The only line of an answer.
    pub(crate) fn line(&self) -> &Value {
        assert_eq!(self.lines.len(), 1, "{:?} {}", self.lines, self.stderr);
        &self.lines[0]
    }

    /// The error of a command that had to fail, with everything it must say in it.
    #[track_caller]
    pub(crate) fn refused(&self, says: &[&str]) {
        assert!(!self.ok, "should have failed: {:?}", self.lines);
        for word in says {
            assert!(self.stderr.contains(word), "{word:?} is missing in {}", self.stderr);
        }
        assert!(!self.stderr.contains("panicked"), "{}", self.stderr);
    }
}

/// Runs the program to its end; standard output must be lines of JSON.
pub(crate) fn run<A: AsRef<OsStr>>(arguments: impl IntoIterator<Item = A>) -> Output {
    let output = command(arguments).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let json = |line: &str| serde_json::from_str(line).unwrap_or_else(|_| panic!("not JSON: {line}"));
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    Output { ok: output.status.success(), lines: text.lines().map(json).collect(), stderr }
}

/// A command that runs beside the test; killed when dropped.
pub(crate) struct Running {
    child: Child,
    lines: Receiver<String>,
}

/// Starts the program; its log goes where the test's does.
pub(crate) fn spawn<A: AsRef<OsStr>>(arguments: impl IntoIterator<Item = A>) -> Running {
    let mut child = command(arguments).stdout(Stdio::piped()).spawn().unwrap();
    let out = BufReader::new(child.stdout.take().unwrap());
    let (sender, lines) = channel();
    // Ends with the program's output.
    std::thread::spawn(move || {
        for line in out.lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    Running { child, lines }
}

impl Running {
    /// The process id.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// The next line of its output; `None` when it ended.
    pub(crate) fn line(&self) -> Option<String> {
        self.lines.recv().ok()
    }

    /// Like [`Running::line`], but gives up at `until`.
    pub(crate) fn line_until(&self, until: Instant) -> Result<String, RecvTimeoutError> {
        self.lines.recv_timeout(until.saturating_duration_since(Instant::now()))
    }

    /// Pulls the plug (SIGKILL). Returns what it had printed but nobody had read, and whether it was still
    /// running.
    pub(crate) fn kill(mut self) -> (Vec<String>, bool) {
        // An error means that it ended by itself.
        self.child.kill().unwrap_or_default();
        let status = self.child.wait().unwrap();
        (self.lines.iter().collect(), status.signal() == Some(Signal::KILL.as_raw()))
    }

    /// Asks it to end (SIGTERM) and waits.
    pub(crate) fn terminate(&mut self) -> ExitStatus {
        let id = Pid::from_child(&self.child);
        kill_process(id, Signal::TERM).unwrap();
        self.child.wait().unwrap()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.child.kill().unwrap_or_default();
        drop(self.child.wait());
    }
}

/// A point in time, `wait` from now.
pub(crate) fn soon(wait: Duration) -> Instant {
    Instant::now() + wait
}

fn command<A: AsRef<OsStr>>(arguments: impl IntoIterator<Item = A>) -> Command {
    let mut command = Command::new(binary());
    command.args(arguments).stdin(Stdio::null());
    for name in ["HEIRLOOM_HOME", "HEIRLOOM_LISTEN", "HEIRLOOM_WORKERS", "RUST_LOG"] {
        command.env_remove(name);
    }
    // How full the disk of this machine is decides nothing.
    command.env("HEIRLOOM_LEAVE_FREE_MB", "16");
    command
}

/// Where cargo put it: beside the folder of this test.
fn binary() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let folder = test.parent().and_then(|deps| deps.parent()).unwrap();
    let binary = folder.join("heirloom");
    assert!(binary.is_file(), "{} is missing; run `cargo build -p heirloom` first", binary.display());
    binary
}
