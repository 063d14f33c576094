//! Importing a folder: how much the program spends beyond the decoding and encoding that nobody can avoid.
//!
//! The corpus is copied until it has [`COPIES`] files, each made unique by a few bytes behind its end (no decoder
//! looks there), and read once so that the disk plays no part. The yardstick is what `thumbnails` measures for the
//! same pictures in the same run.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::corpus::{self, Photo};
use super::{Measured, measure, thumbnails};
use crate::{daemon, folders, shell};

/// How many files are imported.
const COPIES: usize = 120;

/// Runs the bench.
pub(crate) fn measure() -> Result<Measured> {
    let photos = corpus::photos()?;
    let program = build_program()?;
    let source = folders::target().join("bench/ingest");
    let copied = make_unique(&photos, &source)?;
    let yardstick = thumbnails::ours_cpu_ms(&photos)?;
    let bare_ms: f64 = copied.iter().filter_map(|photo| yardstick.get(&photo.file)).sum();
    let bytes: u64 = copied.iter().map(|photo| photo.bytes).sum();

    let scratch = daemon::scratch(&program, "bench/ingest-home", daemon::HOUSEHOLD)?;
    let first = import(&program, &scratch.home, &source)?;
    let again = import(&program, &scratch.home, &source)?;
    let status: Value = serde_json::from_str(&shell::read(
        daemon::command(&program, "status", &scratch.home).arg("--json"),
    )?)?;
    fs::remove_dir_all(&source)?;
    Ok(tell(bytes, bare_ms, first, again, &status["jobs"]))
}

/// The optimised program, built if need be; `HEIRLOOM_BENCH_PROGRAM` names another one, which the figures then stand for.
pub(crate) fn build_program() -> Result<PathBuf> {
    if let Some(program) = std::env::var_os("HEIRLOOM_BENCH_PROGRAM") {
        println!("measuring {}", program.display());
        return Ok(PathBuf::from(program));
    }
    println!("building the optimised program (minutes the first time)");
    shell::run(&mut shell::cargo(&["build", "--release", "--quiet", "--package", "heirloom"]))?;
    Ok(folders::target().join("release/heirloom"))
}

fn make_unique(photos: &[Photo], dir: &Path) -> Result<Vec<Photo>> {
    fs::create_dir_all(dir)?;
    let mut copied = Vec::new();
    for (number, photo) in photos.iter().cycle().take(COPIES).enumerate() {
        let mut bytes = fs::read(&photo.file)?;
        write!(bytes, "copy {number}")?;
        let file = dir.join(format!("IMG_{number:04}.jpg"));
        fs::write(&file, &bytes).with_context(|| format!("could not write {}", file.display()))?;
        copied.push(photo.clone());
    }
    Ok(copied)
}

fn import(program: &Path, home: &Path, source: &Path) -> Result<measure::Spent> {
    let mut command = daemon::command(program, "import", home);
    command.args(["--copy", "--json"]).arg(source).stdout(Stdio::null());
    measure::spent(&mut command)
}

fn tell(bytes: u64, bare_ms: f64, first: measure::Spent, again: measure::Spent, jobs: &Value) -> Measured {
    let megabytes = f64::from(u32::try_from(bytes / 10_000).unwrap_or(u32::MAX)) / 100.0;
    let cpu_ms = milliseconds(first.cpu);
    let rows = vec![
        vec!["photos".into(), COPIES.to_string()],
        vec!["size, MB".into(), format!("{megabytes:.0}")],
        vec!["wall, s".into(), format!("{:.2}", first.wall.as_secs_f64())],
        vec!["MB/s".into(), format!("{:.1}", megabytes / first.wall.as_secs_f64())],
        vec!["photos/s".into(), format!("{:.1}", thumb_rate(first.wall))],
        vec!["cpu, s".into(), format!("{:.2}", cpu_ms / 1000.0)],
        vec!["bare decode and encode, cpu s".into(), format!("{:.2}", bare_ms / 1000.0)],
        vec!["cpu, times bare".into(), format!("{:.2}", cpu_ms / bare_ms)],
        vec!["memory at most, MB".into(), format!("{}", first.resident_bytes_max / 1_000_000)],
        vec!["the same folder again, wall s".into(), format!("{:.2}", again.wall.as_secs_f64())],
        vec!["jobs left after it".into(), jobs.to_string()],
    ];
    Measured {
        title: "Ingest: heirloom import --copy of unique photos, warm cache".to_owned(),
        head: vec!["what", "figure"],
        rows,
        json: json!({
            "photos": COPIES, "bytes": bytes, "wall_s": first.wall.as_secs_f64(), "cpu_ms": cpu_ms,
            "bare_cpu_ms": bare_ms, "cpu_ratio": cpu_ms / bare_ms, "mb_per_s": megabytes / first.wall.as_secs_f64(),
            "resident_bytes_max": first.resident_bytes_max, "again_wall_s": again.wall.as_secs_f64(), "jobs": jobs,
        }),
    }
}

fn thumb_rate(wall: Duration) -> f64 {
    f64::from(u32::try_from(COPIES).unwrap_or(u32::MAX)) / wall.as_secs_f64()
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}
