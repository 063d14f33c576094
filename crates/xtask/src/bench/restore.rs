//! Restoring over a slow line: from the start of `heirloom restore` until 1,000 pictures are there to look at.
//!
//! Two network namespaces with a cable between them that carries 40 Mbit/s each way (`tc tbf`): the keeper's home in
//! one, the new computer in the other. The copies are made before the cable is made slow. Needs root.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use super::{Measured, ingest};
use crate::{daemon, folders, samples, shell};

/// Photos of the household.
const PHOTOS: usize = 1_200;
/// Pictures at which a person begins to look around.
const PICTURES: u64 = 1_000;
/// What the line carries each way.
const MBIT: u32 = 40;
/// Photos of about the size that phones write, so that the bench ends on the same day.
const PHOTO_BYTES: std::ops::Range<u64> = 100_000..1_000_000;

/// Runs the bench.
pub(crate) fn measure() -> Result<Measured> {
    let program = ingest::build_program()?;
    let line = Line::lay()?;
    let ward = daemon::scratch(&program, "bench/restore-ward", "The Smiths")?;
    let keeper = daemon::scratch(&program, "bench/restore-keeper", "Nonna")?;
    for (scratch, address) in [(&ward, "10.77.0.2:0"), (&keeper, "10.77.0.1:0")] {
        fs::write(scratch.home.join("config.toml"), format!("mdns = false\np2p_listen = \"{address}\"\n"))?;
    }
    let source = photos()?;
    println!("copying {PHOTOS} photos to the keeper");
    say(&program, "import", &ward.home, &["--copy".as_ref(), source.as_ref()])?;
    let keeping = line.serve("keeper", &program, &keeper.home)?;
    let living = line.serve("ward", &program, &ward.home)?;
    let link = back_up(&program, &ward.home, &keeper.home)?;
    drop(living);
    line.slow_down()?;
    let (pictures_s, all_s, bytes) = restore(&line, &program, &link)?;
    let wire = line.sent()?;
    drop(keeping);
    for folder in ["bench/restore-ward", "bench/restore-keeper", "bench/restore-new", "bench/restore-photos"]
    {
        fs::remove_dir_all(folders::target().join(folder)).ok();
    }
    let rows = vec![
        vec![format!("{PICTURES} pictures"), format!("{pictures_s:.1}")],
        vec![format!("every original, {} MB", bytes / 1_000_000), format!("{all_s:.1}")],
        vec![
            format!("the line alone would take for the {} MB that it carried", wire / 1_000_000),
            format!("{:.1}", seconds_on_the_line(wire)),
        ],
    ];
    Ok(Measured {
        title: format!("Restoring {PHOTOS} photos over {MBIT} Mbit/s"),
        head: vec!["until", "s"],
        rows,
        json: json!({"pictures_s": pictures_s, "all_s": all_s, "bytes": bytes, "wire_bytes": wire}),
    })
}

fn seconds_on_the_line(bytes: u64) -> f64 {
    f64::from(u32::try_from(bytes / 1000).unwrap_or(u32::MAX)) * 8.0 / 1000.0 / f64::from(MBIT)
}

/// Pairs the homes, makes the copies, and asks the keeper for an invitation.
fn back_up(program: &Path, ward: &Path, keeper: &Path) -> Result<String> {
    let invite = |home: &Path, more: &[&str]| -> Result<String> {
        let mut command = shell::command(program, &["peer", "invite", "--json", "--home"]);
        let said: Value = serde_json::from_str(&shell::read(command.arg(home).args(more))?)?;
        Ok(said["link"].as_str().context("an invitation has a link")?.to_owned())
    };
    let household = |home: &Path| -> Result<String> {
        let said: Value =
            serde_json::from_str(&shell::read(daemon::command(program, "status", home).arg("--json"))?)?;
        Ok(said["household"].as_str().context("a home has a household")?.to_owned())
    };
    let link = invite(keeper, &["--auto-confirm"])?;
    say(program, "peer accept", ward, &[link.as_ref()])?;
    say(program, "vault ask", ward, &[household(keeper)?.as_ref(), "--bytes".as_ref(), "20GB".as_ref()])?;
    say(program, "vault keep", keeper, &[household(ward)?.as_ref(), "--quota".as_ref(), "20GB".as_ref()])?;
    say(program, "vault run", ward, &[])?;
    invite(keeper, &[])
}

/// Runs a command on a home that has to succeed.
fn say(program: &Path, verb: &str, home: &Path, rest: &[&Path]) -> Result<()> {
    let mut command = Command::new(program);
    command.args(verb.split(' ')).arg("--json").arg("--home").arg(home).args(rest);
    shell::run(command.stdout(Stdio::null()))
}

/// Seconds until enough pictures are there, seconds until everything is, and bytes of originals.
fn restore(line: &Line, program: &Path, link: &str) -> Result<(f64, f64, u64)> {
    let new = folders::target().join("bench/restore-new");
    fs::remove_dir_all(&new).ok();
    let phrase = folders::target().join("bench/restore-ward/phrase");
    let mut command = line.within("ward", program);
    command.args(["restore", "--json", "--home"]).arg(new.join("home")).arg("--phrase-file").arg(phrase);
    command.args(["--from", link, "--p2p-listen", "10.77.0.2:0", "--listen", "127.0.0.1:0"]);
    let started = Instant::now();
    let mut child = command.stdout(Stdio::piped()).spawn()?;
    let (mut pictures_s, mut last) = (None, Value::Null);
    for line in BufReader::new(child.stdout.take().context("the program says nothing")?).lines() {
        last = serde_json::from_str(&line?).unwrap_or(Value::Null);
        let enough = last["stage"] == "pictures" && last["done"].as_u64() >= Some(PICTURES);
        if enough || last["stage"] == "originals" {
            pictures_s.get_or_insert_with(|| started.elapsed().as_secs_f64());
        }
    }
    let status = child.wait()?;
    if !status.success() || last["done"] != true {
        bail!("the restore ended with {last} ({status})");
    }
    let bytes = last["bytes"].as_u64().unwrap_or(0);
    Ok((pictures_s.context("it never told of pictures")?, started.elapsed().as_secs_f64(), bytes))
}

/// Photos of real cameras, each unique by a few bytes behind its end.
fn photos() -> Result<PathBuf> {
    let source = folders::target().join("bench/restore-photos");
    fs::remove_dir_all(&source).ok();
    fs::create_dir_all(&source)?;
    let mut found = Vec::new();
    collect(&samples::gather()?, &mut found);
    found.sort();
    if found.is_empty() {
        bail!("there is no photo of the right size among the samples; run `cargo xtask samples`");
    }
    for (number, file) in found.iter().cycle().take(PHOTOS).enumerate() {
        let mut bytes = fs::read(file)?;
        write!(bytes, "copy {number}")?;
        fs::write(source.join(format!("IMG_{number:04}.jpg")), bytes)?;
    }
    Ok(source)
}

fn collect(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        let is_jpeg = path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("jpg"));
        if path.is_dir() {
            collect(&path, found);
        } else if is_jpeg && entry.metadata().is_ok_and(|meta| PHOTO_BYTES.contains(&meta.len())) {
            found.push(path);
        }
    }
}

/// A cable between two namespaces; gone when dropped.
struct Line;

impl Line {
    fn lay() -> Result<Self> {
        let line = Self;
        line.clear();
        for words in [
            "netns add hl-keeper",
            "netns add hl-ward",
            "link add hl-k netns hl-keeper type veth peer name hl-w netns hl-ward",
            "-n hl-keeper addr add 10.77.0.1/24 dev hl-k",
            "-n hl-ward addr add 10.77.0.2/24 dev hl-w",
            "-n hl-keeper link set hl-k up",
            "-n hl-ward link set hl-w up",
            "-n hl-keeper link set lo up",
            "-n hl-ward link set lo up",
        ] {
            let words: Vec<&str> = words.split(' ').collect();
            shell::run(&mut shell::command("ip", &words)).context("network namespaces need root")?;
        }
        Ok(line)
    }

    fn slow_down(&self) -> Result<()> {
        for (home, device) in [("keeper", "hl-k"), ("ward", "hl-w")] {
            let rate = format!("{MBIT}mbit");
            let shape = [
                "qdisc", "add", "dev", device, "root", "tbf", "rate", &rate, "burst", "64kb", "latency",
                "50ms",
            ];
            shell::run(self.within(home, Path::new("tc")).args(shape))?;
        }
        Ok(())
    }

    /// Bytes that the keeper's end sent since the cable is slow.
    fn sent(&self) -> Result<u64> {
        let said =
            shell::read(self.within("keeper", Path::new("tc")).args(["-s", "qdisc", "show", "dev", "hl-k"]))?;
        let mut words = said.split_whitespace().skip_while(|word| *word != "Sent").skip(1);
        words.next().and_then(|bytes| bytes.parse().ok()).context("tc tells what was sent")
    }

    /// A program in one of the two networks.
    fn within(&self, home: &str, program: &Path) -> Command {
        let mut command = shell::command("ip", &["netns", "exec", &format!("hl-{home}")]);
        command.arg(program);
        command
    }

    fn serve(&self, home: &str, program: &Path, folder: &Path) -> Result<Node> {
        let mut command = self.within(home, program);
        command.args(["serve", "--listen", "127.0.0.1:0", "--home"]).arg(folder);
        let mut child = command.stdout(Stdio::piped()).spawn()?;
        let mut lines = BufReader::new(child.stdout.take().context("the node says nothing")?).lines();
        lines.next().context("the node ended before it listened")??;
        std::thread::spawn(move || lines.map_while(Result::ok).for_each(drop));
        Ok(Node(child))
    }

    fn clear(&self) {
        for name in ["hl-keeper", "hl-ward"] {
            // Nothing to clear is fine.
            shell::command("ip", &["netns", "del", name]).stderr(Stdio::null()).status().ok();
        }
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.clear();
    }
}

/// A node in a namespace, ended when dropped.
struct Node(Child);

impl Drop for Node {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}
