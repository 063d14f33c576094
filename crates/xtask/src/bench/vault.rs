//! Encrypted copies of a folder of photos in a folder, and back, against restic and borg on the same disk.
//!
//! All take turns in the same minutes, each round begins with another one. Every run gets a new store and a new place;
//! both are removed before the next begins, so that all find the same room. Ours returns when every pack is on the
//! medium; the others are followed by `sync`, which counts as theirs.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, bail};
use serde_json::json;

use super::measure::{self, Spent};
use super::{Measured, corpus};
use crate::{folders, shell};

/// Rounds that count.
const ROUNDS: usize = 3;
/// How many gigabytes of photos unless `HEIRLOOM_BENCH_GB` says otherwise.
const GIGABYTES: u64 = 10;
/// A copy of a photo differs from it once in so many bytes, so that nobody can store it as the same.
const ALTERED_EVERY: usize = 1024;
/// Whatever opens the stores of a bench.
pub(super) const PASSWORD: &str = "a password for a bench";

/// From one folder to the other.
type Way = Box<dyn Fn(&Path, &Path) -> Command>;

/// Somebody who keeps copies of a folder.
struct Contestant {
    name: &'static str,
    prepare: fn(&Path) -> Result<()>,
    backup: Way,
    restore: Way,
    /// Whether it leaves its bytes to the page cache.
    syncs_itself: bool,
}

/// What one round took.
struct Run {
    backup: Spent,
    restore: Spent,
    stored: u64,
}

/// Runs the bench.
pub(crate) fn measure() -> Result<Measured> {
    let place = folders::target().join("bench/vault");
    fs::remove_dir_all(&place).ok();
    let bytes = size()?;
    let contestants = contestants()?;
    let source = make_photos(&place, bytes)?;
    let mut runs: Vec<Vec<Run>> = contestants.iter().map(|_| Vec::new()).collect();
    for round in 0..ROUNDS {
        for turn in 0..contestants.len() {
            let at = (turn + round) % contestants.len();
            let run = one(&contestants[at], &source, &place)
                .with_context(|| format!("{} could not be measured", contestants[at].name))?;
            let (there, back) = (run.backup.wall.as_secs_f64(), run.restore.wall.as_secs_f64());
            println!("  round {round}: {} {there:.1} s, back {back:.1} s", contestants[at].name);
            std::io::stdout().flush()?;
            runs[at].push(run);
        }
    }
    fs::remove_dir_all(&place).context("could not remove what was copied")?;
    Ok(tell(&contestants, &runs, bytes))
}

pub(super) fn size() -> Result<u64> {
    let text = std::env::var("HEIRLOOM_BENCH_GB").unwrap_or_default();
    let gigabytes = if text.is_empty() { GIGABYTES } else { text.parse().context("HEIRLOOM_BENCH_GB")? };
    Ok(gigabytes * 1_000_000_000)
}

/// Photos of real cameras, each copy altered all over, until there are so many bytes.
pub(super) fn make_photos(place: &Path, bytes: u64) -> Result<PathBuf> {
    let source = place.join("photos");
    fs::create_dir_all(&source)?;
    let photos = corpus::photos()?;
    println!("writing {} GB of photos", bytes / 1_000_000_000);
    let (mut written, mut copy) = (0, 0_usize);
    while written < bytes {
        for (number, photo) in photos.iter().enumerate() {
            let mut content = fs::read(&photo.file)?;
            let shift = copy % ALTERED_EVERY;
            for (block, byte) in content.iter_mut().skip(4096 + shift).step_by(ALTERED_EVERY).enumerate() {
                *byte = byte.wrapping_add(u8::try_from((copy + block) % 251)?).wrapping_add(1);
            }
            let folder = source.join(format!("{:02}", copy % 100));
            fs::create_dir_all(&folder)?;
            fs::write(folder.join(format!("IMG_{copy:05}_{number}.jpg")), &content)?;
            written += content.len() as u64;
            if written >= bytes {
                break;
            }
        }
        copy += 1;
    }
    shell::run(&mut shell::command("sync", &[]))?;
    Ok(source)
}

fn one(contestant: &Contestant, source: &Path, place: &Path) -> Result<Run> {
    let (store, back) = (place.join("store"), place.join("back"));
    for folder in [&store, &back] {
        fs::remove_dir_all(folder).ok();
    }
    shell::run(&mut shell::command("sync", &[]))?;
    (contestant.prepare)(&store)?;
    let backup = timed(contestant, (contestant.backup)(source, &store))?;
    let stored = size_of(&store)?;
    fs::create_dir_all(&back)?;
    let restore = timed(contestant, (contestant.restore)(&store, &back))?;
    if count(&back)? != count(source)? {
        bail!("it brought {} files back of {}", count(&back)?, count(source)?);
    }
    Ok(Run { backup, restore, stored })
}

/// Runs a command; whoever leaves its bytes in memory has to wait until they are on the medium.
fn timed(contestant: &Contestant, mut command: Command) -> Result<Spent> {
    let started = Instant::now();
    let mut spent = measure::spent(command.stdout(Stdio::null()))?;
    if !contestant.syncs_itself {
        shell::run(&mut shell::command("sync", &[]))?;
        spent.wall = started.elapsed();
    }
    Ok(spent)
}

fn contestants() -> Result<Vec<Contestant>> {
    println!("building the optimised program (minutes the first time)");
    let args = ["build", "--release", "--quiet", "--package", "heirloom-vault", "--example", "backup_speed"];
    shell::run(&mut shell::cargo(&args))?;
    let program = folders::target().join("release/examples/backup_speed");
    let (there, back) = (program.clone(), program);
    let mut all = vec![Contestant {
        name: "ours",
        prepare: |_| Ok(()),
        backup: Box::new(move |source, store| with(&there, &["backup"], &[source, store])),
        restore: Box::new(move |store, to| with(&back, &["restore"], &[store, to])),
        syncs_itself: true,
    }];
    provide(&["restic", "borg"], &["restic", "borgbackup"]);
    if shell::find("restic").is_some() {
        all.push(restic());
    }
    if shell::find("borg").is_some() {
        all.push(borg());
    }
    if all.len() < 3 {
        println!("  restic or borg is not installed: its rows are left out");
    }
    Ok(all)
}

/// As root on Debian what is missing is installed.
pub(super) fn provide(programs: &[&str], packages: &[&str]) {
    let is_root = shell::read(&mut shell::command("id", &["-u"])).is_ok_and(|id| id.trim() == "0");
    let are_there = programs.iter().all(|program| shell::find(program).is_some());
    if are_there || !is_root || shell::find("apt-get").is_none() {
        return;
    }
    let args = ["install", "--yes", "-qq", "--no-install-recommends"];
    let mut install = shell::command("apt-get", &args);
    install.args(packages).env("DEBIAN_FRONTEND", "noninteractive").stdout(Stdio::null());
    // What is then still missing is left out and said.
    shell::run(&mut install).ok();
}

fn with(program: &Path, words: &[&str], paths: &[&Path]) -> Command {
    let mut command = Command::new(program);
    command.args(words).args(paths);
    command
}

pub(super) fn restic_on(store: &Path, words: &[&str]) -> Command {
    let mut command = shell::command("restic", &["--quiet", "--no-cache", "--repo"]);
    command.arg(store).args(words).env("RESTIC_PASSWORD", PASSWORD);
    command
}

fn restic() -> Contestant {
    Contestant {
        name: "restic",
        prepare: |store| shell::run(restic_on(store, &["init"]).stdout(Stdio::null())),
        backup: Box::new(|source, store| {
            let mut command = restic_on(store, &["backup", "."]);
            command.current_dir(source);
            command
        }),
        restore: Box::new(|store, to| {
            let mut command = restic_on(store, &["restore", "latest", "--target"]);
            command.arg(to);
            command
        }),
        syncs_itself: false,
    }
}

pub(super) fn borg_on(words: &[&str]) -> Command {
    let mut command = shell::command("borg", words);
    command.env("BORG_PASSPHRASE", PASSWORD);
    command
}

fn borg() -> Contestant {
    let archive = |store: &Path| format!("{}::photos", store.display());
    Contestant {
        name: "borg",
        prepare: |store| shell::run(borg_on(&["init", "--encryption=repokey-blake2"]).arg(store)),
        backup: Box::new(move |source, store| {
            let mut command = borg_on(&["create", "--compression=none"]);
            command.arg(archive(store)).arg(".").current_dir(source);
            command
        }),
        restore: Box::new(move |store, to| {
            let mut command = borg_on(&["extract"]);
            command.arg(archive(store)).current_dir(to);
            command
        }),
        syncs_itself: false,
    }
}

pub(super) fn size_of(folder: &Path) -> Result<u64> {
    let mut bytes = 0;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        bytes += if entry.path().is_dir() { size_of(&entry.path())? } else { entry.metadata()?.len() };
    }
    Ok(bytes)
}

pub(super) fn count(folder: &Path) -> Result<usize> {
    let mut files = 0;
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        files += if path.is_dir() { count(&path)? } else { 1 };
    }
    Ok(files)
}

fn tell(contestants: &[Contestant], runs: &[Vec<Run>], bytes: u64) -> Measured {
    let (mut rows, mut told) = (Vec::new(), json!({}));
    for (contestant, runs) in contestants.iter().zip(runs) {
        let median = |what: &dyn Fn(&Run) -> f64| measure::median(&runs.iter().map(what).collect::<Vec<_>>());
        let most = |what: &dyn Fn(&Run) -> u64| runs.iter().map(what).max().unwrap_or(0) / 1_000_000;
        let (wall, cpu) =
            (median(&|run| run.backup.wall.as_secs_f64()), median(&|run| run.backup.cpu.as_secs_f64()));
        let (back, back_cpu) =
            (median(&|run| run.restore.wall.as_secs_f64()), median(&|run| run.restore.cpu.as_secs_f64()));
        let (memory, back_memory) =
            (most(&|run| run.backup.resident_bytes_max), most(&|run| run.restore.resident_bytes_max));
        let stored = most(&|run| run.stored);
        rows.push(vec![
            contestant.name.to_owned(),
            format!("{wall:.1}"),
            format!("{cpu:.1}"),
            memory.to_string(),
            stored.to_string(),
            format!("{back:.1}"),
            format!("{back_cpu:.1}"),
            back_memory.to_string(),
        ]);
        told[contestant.name] = json!({
            "backup_s": wall, "backup_cpu_s": cpu, "backup_mb_max": memory, "stored_mb": stored,
            "restore_s": back, "restore_cpu_s": back_cpu, "restore_mb_max": back_memory,
            "rounds_s": runs.iter().map(|run| [run.backup.wall.as_secs_f64(), run.restore.wall.as_secs_f64()]).collect::<Vec<_>>(),
        });
    }
    Measured {
        title: format!(
            "{} MB of photos into a folder and back: medians of whole processes",
            bytes / 1_000_000
        ),
        head: vec!["with", "s", "cpu s", "MB held", "MB stored", "s back", "cpu s back", "MB held"],
        rows,
        json: told,
    }
}
