//! Serves a folder to whoever asks, or fetches what a list names, over QUIC on this machine.
//!
//! ```text
//! transfer list DIR                                  writes "hash bytes name" for each file
//! transfer serve DIR SIDECARS [--rate BYTES] …       writes "NODE ADDRESS"; for each line on its standard input it
//!                                                    writes how many bytes it has sent, and it ends with that input
//! transfer fetch NODE ADDRESS LIST DIR …             fetches into DIR (unfinished files in DIR/parts), writes a line of JSON
//! … --threads N                                      worker threads; 0: everything on one
//! ```
//!
//! The bench and the test that kills processes run this program; for people it shows how the pieces fit together.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, BufRead, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use heirloom_identity::{ContentHash, NodeId};
use heirloom_net::transfer::{
    Budget, Damage, FETCH_STALL, Fetching, ItemError, Outboards, Progress, Serving, Source, Summary, Wanted,
    fetch, halves, serve,
};
use heirloom_net::{Connection, Gate, Net, NetConfig, NodeAddress, Protocol, Refusal, StreamKind};
use tokio_util::sync::CancellationToken;

type Failure = Box<dyn std::error::Error + Send + Sync>;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    match run(&words) {
        Ok(code) => code,
        Err(error) => {
            drop(writeln!(io::stderr(), "{error}"));
            ExitCode::FAILURE
        }
    }
}

fn run(words: &[String]) -> Result<ExitCode, Failure> {
    let option = |name: &str| words.iter().position(|word| word == name).and_then(|at| words.get(at + 1));
    let threads = option("--threads").map_or(Ok(2), |count| count.parse())?;
    let rate = option("--rate").map(|rate| rate.parse()).transpose()?;
    let plain: Vec<&str> =
        words.iter().map(String::as_str).take_while(|word| !word.starts_with("--")).collect();
    match plain[..] {
        ["list", folder] => list(Path::new(folder)),
        ["serve", folder, sidecars] => runtime(threads)?.block_on(offer(folder.into(), sidecars, rate)),
        ["fetch", node, address, list, folder] => {
            let from = NodeAddress { node: node.parse()?, relay: None, direct: vec![address.parse()?] };
            runtime(threads)?.block_on(take(from, Path::new(list), Path::new(folder)))
        }
        _ => Err("list DIR | serve DIR SIDECARS | fetch NODE ADDRESS LIST DIR".into()),
    }
}

fn runtime(threads: usize) -> io::Result<tokio::runtime::Runtime> {
    if threads == 0 {
        return tokio::runtime::Builder::new_current_thread().enable_all().build();
    }
    tokio::runtime::Builder::new_multi_thread().worker_threads(threads).enable_all().build()
}

/// One line of a list.
struct Listed {
    root: ContentHash,
    bytes: u64,
    name: String,
}

fn list(folder: &Path) -> Result<ExitCode, Failure> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder)? {
        names.push(entry?.path());
    }
    names.sort();
    let mut out = io::stdout().lock();
    for path in names {
        let mut hasher = blake3::Hasher::new();
        hasher.update_reader(File::open(&path)?)?;
        let root = ContentHash::from_bytes(*hasher.finalize().as_bytes());
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        writeln!(out, "{root} {} {name}", path.metadata()?.len())?;
    }
    Ok(ExitCode::SUCCESS)
}

fn read_list(text: &str) -> Result<Vec<Listed>, Failure> {
    let line = |line: &str| {
        let mut words = line.splitn(3, ' ');
        let (Some(root), Some(bytes), Some(name)) = (words.next(), words.next(), words.next()) else {
            return Err("a line of a list has three words".into());
        };
        Ok(Listed { root: root.parse()?, bytes: bytes.parse()?, name: name.to_owned() })
    };
    text.lines().map(line).collect()
}

struct Everybody;

impl Gate for Everybody {
    fn admit(&self, _: &NodeId, _: Protocol) -> Result<(), Refusal> {
        Ok(())
    }
}

async fn start(seed: u8) -> Result<Net, Failure> {
    let config = NetConfig {
        secret: [seed; 32].into(),
        listen: vec![SocketAddr::from(([127, 0, 0, 1], 0))],
        external: None,
        relays: Vec::new(),
        relay_roots: Vec::new(),
        mdns: false,
    };
    Ok(Net::start(config, Arc::new(Everybody)).await?)
}

/// The files of a folder, for everybody.
struct Folder(HashMap<ContentHash, (PathBuf, u64)>);

impl Source for Folder {
    fn open(&self, _: &[u8], root: &ContentHash) -> Option<(File, u64)> {
        let (path, bytes) = self.0.get(root)?;
        Some((File::open(path).ok()?, *bytes))
    }

    fn damaged(&self, root: &ContentHash, why: Damage) {
        drop(writeln!(io::stderr(), "{root} is damaged: {why:?}"));
    }
}

async fn offer(folder: PathBuf, sidecars: &str, rate: Option<u64>) -> Result<ExitCode, Failure> {
    let listed = read_list(&fs::read_to_string(folder.with_extension("list"))?)?;
    let files = listed.into_iter().map(|file| (file.root, (folder.join(file.name), file.bytes))).collect();
    let source: Arc<dyn Source> = Arc::new(Folder(files));
    let serving = Arc::new(Serving::new(Outboards::new(sidecars), Arc::new(Budget::new(rate))));
    let net = start(1).await?;
    say(&format!("{} {}", net.node(), net.listening()[0]))?;
    let asked = Arc::clone(&serving);
    let told = tokio::task::spawn_blocking(move || {
        io::stdin()
            .lock()
            .lines()
            .try_for_each(|line| line.and_then(|_| say(&asked.sent_bytes().to_string())))
    });
    let accept = async {
        while let Some((connection, _)) = net.accept().await {
            tokio::spawn(answer(connection, Arc::clone(&source), Arc::clone(&serving)));
        }
    };
    tokio::select! {
        () = accept => {}
        told = told => told??,
    }
    net.close().await;
    Ok(ExitCode::SUCCESS)
}

async fn answer(connection: Connection, source: Arc<dyn Source>, serving: Arc<Serving>) {
    let peer = connection.node();
    while let Some((kind, stream)) = connection.accept().await {
        if kind == StreamKind::Content {
            let (out, asked) = halves(stream);
            let (source, serving) = (Arc::clone(&source), Arc::clone(&serving));
            tokio::spawn(async move {
                if let Err(error) = serve(out, asked, peer, source, serving).await {
                    drop(writeln!(io::stderr(), "{error}"));
                }
            });
        }
    }
}

/// Nobody watches.
struct Quiet;

impl Progress for Quiet {
    fn bytes(&self, _: usize, _: u64) {}
    fn done(&self, _: usize, _: Result<(), ItemError>) {}
}

async fn take(from: NodeAddress, list: &Path, folder: &Path) -> Result<ExitCode, Failure> {
    let parts = folder.join("parts");
    fs::create_dir_all(&parts)?;
    let mut wanted = Vec::new();
    for file in read_list(&fs::read_to_string(list)?)? {
        let done = folder.join(&file.name);
        // Its name is given to a file once it is whole and synced.
        if !done.exists() {
            let part = parts.join(file.root.to_string());
            wanted.push(Wanted {
                token: Vec::new(),
                root: file.root,
                bytes: file.bytes,
                part,
                done: Some(done),
            });
        }
    }
    let net = start(2).await?;
    net.learn(&from);
    let connection = net.connect(&from.node, Protocol::Home).await?;
    let how = Fetching {
        progress: Arc::new(Quiet),
        throttle: Arc::new(Budget::new(None)),
        cancel: CancellationToken::new(),
        stall: FETCH_STALL,
    };
    let started = Instant::now();
    let summary = fetch(vec![connection], wanted, how).await;
    report(&summary, started.elapsed().as_secs_f64())?;
    net.close().await;
    Ok(if summary.is_complete() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn report(summary: &Summary, seconds: f64) -> io::Result<()> {
    let received: u64 = summary.providers.iter().map(|provider| provider.received_bytes).sum();
    let failed: Vec<String> =
        summary.outcomes.iter().filter_map(|outcome| Some(outcome.as_ref().err()?.to_string())).collect();
    let told = serde_json::json!({
        "complete": summary.is_complete(), "kept": summary.kept_bytes, "fetched": summary.fetched_bytes(),
        "received": received, "seconds": seconds, "failed": failed,
        "faults": summary.providers.iter().filter_map(|p| Some(p.fault.as_ref()?.to_string())).collect::<Vec<_>>(),
    });
    say(&told.to_string())
}

fn say(line: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{line}")?;
    out.flush()
}
