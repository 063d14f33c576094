//! Files between two nodes over the loopback, against rsync: over ssh, which does what we do (encrypt), and as a
//! clear-text daemon, for reference.
//!
//! All take turns in the same minutes, after a round that doesn't count, each time in another order. Every run fills a
//! folder of its own; afterwards its files are truncated, not deleted, because a file system that has just lost
//! thousands of names is slow for minutes. Ours returns when the bytes are on the medium, rsync when they are in memory.

mod rivals;

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use super::{Measured, measure};
use crate::{folders, shell};

/// Rounds that count, after one that doesn't.
const ROUNDS: usize = 3;

/// Files of each kind: how many, and how long each is.
const KINDS: [Kind; 2] = [
    Kind { name: "1 GiB", folder: "big", count: 1, bytes: 1 << 30 },
    Kind { name: "5,000 x 300 KiB", folder: "small", count: 5000, bytes: 300 * 1024 },
];

struct Kind {
    name: &'static str,
    folder: &'static str,
    count: u32,
    bytes: usize,
}

impl Kind {
    fn megabytes(&self) -> f64 {
        f64::from(self.count) * f64::from(u32::try_from(self.bytes).unwrap_or(u32::MAX)) / 1e6
    }
}

/// Somebody who brings a folder of files from a server that runs already.
struct Contestant {
    name: String,
    /// The server; its processor time counts too, that of its ended children included.
    server: u32,
    /// Whether all of the server's memory is in that one process.
    one_process: bool,
    /// The command that fills a folder.
    fetch: Box<dyn Fn(&Path) -> Command>,
}

/// What one run took.
struct Run {
    wall: Duration,
    client_cpu: Duration,
    server_cpu: Duration,
    client_bytes_max: u64,
}

/// Runs the bench.
pub(crate) fn measure() -> Result<Measured> {
    let program = build()?;
    let place = folders::target().join("bench/transfer");
    let mut rows = Vec::new();
    let mut told = json!({});
    for kind in &KINDS {
        let source = make_files(kind, &place)?;
        println!("{}: {ROUNDS} rounds and one to warm up", kind.name);
        let (contestants, servers) = contestants(&program, kind, &source, &place)?;
        let runs = compete(&contestants, &place.join("runs").join(kind.folder))?;
        for (contestant, runs) in contestants.iter().zip(&runs) {
            let (row, values) = tell(kind, contestant, runs);
            rows.push(row);
            told[kind.folder][&contestant.name] = values;
        }
        drop(servers);
    }
    fs::remove_dir_all(&place).context("could not remove what was fetched")?;
    Ok(Measured {
        title: "Transfer over loopback: medians of whole processes, from start to end".to_owned(),
        head: vec![
            "files",
            "with",
            "MB/s",
            "s",
            "s each round",
            "cpu s client",
            "cpu s server",
            "MB client",
            "MB server",
        ],
        rows,
        json: told,
    })
}

fn build() -> Result<PathBuf> {
    println!("building the optimised program (minutes the first time)");
    let args = ["build", "--release", "--quiet", "--package", "heirloom-net", "--example", "transfer"];
    shell::run(&mut shell::cargo(&args))?;
    Ok(folders::target().join("release/examples/transfer"))
}

/// Writes files that nothing can compress, once; they are in the page cache then.
fn make_files(kind: &Kind, place: &Path) -> Result<PathBuf> {
    let source = place.join(kind.folder);
    fs::create_dir_all(&source)?;
    let mut noise = fs::File::open("/dev/urandom").context("could not open the source of randomness")?;
    for number in 0..kind.count {
        let path = source.join(format!("IMG_{number:05}.jpg"));
        let mut file = fs::File::create(&path)?;
        let mut some = std::io::Read::take(&mut noise, kind.bytes as u64);
        std::io::copy(&mut some, &mut file).with_context(|| format!("could not write {}", path.display()))?;
    }
    Ok(source)
}

/// A server that runs while its folder is fetched from; ended when dropped.
struct Server {
    child: Child,
    /// Ours ends with its input.
    _stdin: Option<ChildStdin>,
}

impl Drop for Server {
    fn drop(&mut self) {
        // One that has ended by itself has made the runs fail.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

fn contestants(
    program: &Path,
    kind: &Kind,
    source: &Path,
    place: &Path,
) -> Result<(Vec<Contestant>, Vec<Server>)> {
    let list = source.with_extension("list");
    fs::write(&list, shell::read(Command::new(program).arg("list").arg(source))?)?;
    let (mut all, mut servers) = (Vec::new(), Vec::new());
    for threads in ["2", "0"] {
        let sidecars = place.join(format!("{}-sidecars-{threads}", kind.folder));
        let mut child = Command::new(program)
            .arg("serve")
            .args([source, &sidecars])
            .args(["--threads", threads])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut line = String::new();
        let out = child.stdout.take().context("the server has no output")?;
        BufReader::new(out).read_line(&mut line)?;
        let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        let [node, address] = &words[..] else { bail!("the server says {line:?}") };
        let (program, list) = (program.to_owned(), list.clone());
        let (node, address, threads) = (node.clone(), address.clone(), threads.to_owned());
        all.push(Contestant {
            name: if threads == "0" { "ours, one thread" } else { "ours" }.to_owned(),
            server: child.id(),
            one_process: true,
            fetch: Box::new(move |to| {
                let mut command = Command::new(&program);
                command.args(["fetch", &node, &address]).args([&list, to]);
                command.args(["--threads", &threads]).stdout(Stdio::null());
                command
            }),
        });
        servers.push(Server { _stdin: child.stdin.take(), child });
    }
    for (contestant, server) in rivals::start(source, place)? {
        all.push(contestant);
        servers.push(server);
    }
    Ok((all, servers))
}

/// Rounds in which each fetches everything once, beginning with another one each time.
fn compete(contestants: &[Contestant], place: &Path) -> Result<Vec<Vec<Run>>> {
    let mut runs: Vec<Vec<Run>> = contestants.iter().map(|_| Vec::new()).collect();
    for round in 0..=ROUNDS {
        for turn in 0..contestants.len() {
            let at = (turn + round) % contestants.len();
            let to = place.join(format!("{round}-{at}"));
            fs::create_dir_all(&to)?;
            let run = run(&contestants[at], &to)?;
            println!("  round {round}: {} {:.2} s", contestants[at].name, run.wall.as_secs_f64());
            std::io::stdout().flush()?;
            if round > 0 {
                runs[at].push(run);
            }
            truncate_all(&to)?;
            // Nobody starts with the writes of the one before still under way.
            shell::run(&mut shell::command("sync", &[]))?;
        }
    }
    Ok(runs)
}

fn run(contestant: &Contestant, to: &Path) -> Result<Run> {
    let before = measure::cpu_of(contestant.server)?;
    let spent = measure::spent(&mut (contestant.fetch)(to))?;
    // A server's child may end a moment after its client.
    std::thread::sleep(Duration::from_millis(200));
    let server_cpu = measure::cpu_of(contestant.server)?.saturating_sub(before);
    Ok(Run {
        wall: spent.wall,
        client_cpu: spent.cpu,
        server_cpu,
        client_bytes_max: spent.resident_bytes_max,
    })
}

fn truncate_all(folder: &Path) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            truncate_all(&path)?;
        } else {
            fs::File::options().write(true).open(&path)?.set_len(0)?;
        }
    }
    Ok(())
}

fn tell(kind: &Kind, contestant: &Contestant, runs: &[Run]) -> (Vec<String>, Value) {
    let median = |what: &dyn Fn(&Run) -> f64| measure::median(&runs.iter().map(what).collect::<Vec<_>>());
    let wall = median(&|run| run.wall.as_secs_f64());
    let client = median(&|run| run.client_cpu.as_secs_f64());
    let server = median(&|run| run.server_cpu.as_secs_f64());
    let rate = kind.megabytes() / wall;
    let memory = runs.iter().map(|run| run.client_bytes_max).max().unwrap_or(0) / 1_000_000;
    let server_memory = measure::peak_of(contestant.server) / 1_000_000;
    let each: Vec<String> = runs.iter().map(|run| format!("{:.2}", run.wall.as_secs_f64())).collect();
    let of_server = if contestant.one_process { server_memory.to_string() } else { "–".to_owned() };
    let row = vec![
        kind.name.to_owned(),
        contestant.name.clone(),
        format!("{rate:.0}"),
        format!("{wall:.2}"),
        each.join(" "),
        format!("{client:.2}"),
        format!("{server:.2}"),
        memory.to_string(),
        of_server,
    ];
    let values = json!({
        "mb_per_s": rate, "wall_s": wall, "client_cpu_s": client, "server_cpu_s": server,
        "client_mb_max": memory, "rounds_s": runs.iter().map(|run| run.wall.as_secs_f64()).collect::<Vec<_>>(),
    });
    (row, values)
}
