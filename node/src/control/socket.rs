//! The socket in the home, over which commands reach a node that is being served.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::Shutdown;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::{Context, anyhow, bail};
use serde_json::{Value, json};

use super::{Command, Say, execute};
use crate::home::Home;

/// Longest line either side accepts.
const LINE_BYTES_MAX: u64 = 16 << 20;
/// Commands at the same time; a further one is told to try later.
const CONNECTIONS_MAX: usize = 16;

/// Connects to the socket of a home that is being served.
///
/// # Errors
/// What the system says, most often that nobody listens.
pub fn connect(path: &Path) -> std::io::Result<UnixStream> {
    with_short_path(path, |path| UnixStream::connect(path))
}

/// Sends a command and passes the answer on.
///
/// # Errors
/// What the node answers, or that it went away.
pub fn ask(mut stream: UnixStream, command: &Command, say: &mut Say<'_>) -> anyhow::Result<()> {
    let mut line = zeroize::Zeroizing::new(serde_json::to_string(command)?);
    line.push('\n');
    stream
        .write_all(line.as_bytes())
        .context("the running program went away; start it again and repeat the command")?;
    for line in BufReader::new(stream).lines() {
        let answer: Value = serde_json::from_str(
            &line.context("the running program went away; start it again and repeat the command")?,
        )?;
        if let Some(error) = answer.get("error").and_then(Value::as_str) {
            bail!("{error}");
        }
        match answer.get("line") {
            Some(line) if say(line.clone()) => {}
            _ => return Ok(()),
        }
    }
    Err(anyhow!("the running program stopped before it was done; start it again and repeat the command"))
}

/// Binds the socket, for the owner only. A socket that a killed node left is replaced; the lock on the home
/// makes sure that nobody is listening on it.
///
/// # Errors
/// What the system says.
pub fn bind(path: &Path) -> anyhow::Result<UnixListener> {
    let attempt = || format!("cannot open {} for commands", path.display());
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            return Err(error).with_context(attempt);
        }
        _ => {}
    }
    let listener = with_short_path(path, |path| UnixListener::bind(path)).with_context(attempt)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).with_context(attempt)?;
    Ok(listener)
}

/// Answers commands until `stopping`; a connection made after that ends the wait, and every command with it.
pub fn serve(home: &Arc<Home>, listener: &UnixListener, stopping: &AtomicBool) {
    let open = Open::default();
    std::thread::scope(|scope| {
        for (number, stream) in listener.incoming().enumerate() {
            if stopping.load(Ordering::SeqCst) {
                return open.shut();
            }
            let Ok(stream) = stream else { continue };
            if !open.add(number, &stream) {
                refuse(stream);
                continue;
            }
            let open = &open;
            scope.spawn(move || {
                if let Err(error) = answer(home, &stream, stopping) {
                    tracing::debug!(%error, "a command went away");
                }
                open.remove(number);
            });
        }
    });
}

/// The connections that are open, so that a silent client cannot hold up the end.
#[derive(Default)]
struct Open {
    streams: Mutex<HashMap<usize, UnixStream>>,
}

impl Open {
    fn lock(&self) -> MutexGuard<'_, HashMap<usize, UnixStream>> {
        self.streams.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&self, number: usize, stream: &UnixStream) -> bool {
        let mut streams = self.lock();
        if streams.len() >= CONNECTIONS_MAX {
            return false;
        }
        stream.try_clone().is_ok_and(|clone| streams.insert(number, clone).is_none())
    }

    fn remove(&self, number: usize) {
        self.lock().remove(&number);
    }

    fn shut(&self) {
        for stream in self.lock().values() {
            // One that is closed already needs no shutting.
            stream.shutdown(Shutdown::Both).unwrap_or_default();
        }
    }
}

fn refuse(mut stream: UnixStream) {
    let line = json!({"error": "too many commands at the same time; try again in a moment"});
    writeln!(stream, "{line}").unwrap_or_default();
}

fn answer(home: &Arc<Home>, stream: &UnixStream, stopping: &AtomicBool) -> anyhow::Result<()> {
    let mut line = zeroize::Zeroizing::new(String::new());
    BufReader::new(stream.take(LINE_BYTES_MAX)).read_line(&mut line)?;
    let mut writer = stream;
    let command: Command = match serde_json::from_str(&line) {
        Ok(command) => command,
        Err(_) => {
            let error = "the program that runs does not know this command; it is another version. Restart it";
            return Ok(writeln!(writer, "{}", json!({ "error": error }))?);
        }
    };
    let outcome = execute(home, &command, &mut |line| {
        !stopping.load(Ordering::SeqCst) && writeln!(writer, "{}", json!({ "line": line })).is_ok()
    });
    let last = match outcome {
        Ok(()) => json!({"end": null}),
        Err(error) => json!({"error": format!("{error:#}")}),
    };
    Ok(writeln!(writer, "{last}")?)
}

/// A socket's path may have about a hundred bytes; a home may lie deeper. The folder is then named through
/// an open file descriptor.
fn with_short_path<T>(path: &Path, work: impl FnOnce(&Path) -> std::io::Result<T>) -> std::io::Result<T> {
    use std::os::fd::AsRawFd;
    const PATH_BYTES_MAX: usize = 100;
    let folder = match path.parent() {
        Some(folder) if path.as_os_str().len() > PATH_BYTES_MAX && cfg!(target_os = "linux") => folder,
        _ => return work(path),
    };
    let folder = std::fs::File::open(folder)?;
    let name = path.file_name().unwrap_or_default();
    work(&Path::new("/proc/self/fd").join(folder.as_raw_fd().to_string()).join(name))
}
