//! A preview, a thumbnail and a thumbhash of one photo: ours against npm's `sharp`, one thread each.
//!
//! Both sides make the same things of the same files in alternating rounds: a JPEG of long side 1920 at quality 80,
//! a WebP of short side 250 at quality 80, a thumbhash, upright, in sRGB. `sharp` decodes once and derives both from
//! that, as its users do. Each side measures itself inside its process, so starting up costs neither anything.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::corpus::{self, Photo};
use super::{Measured, measure};
use crate::{folders, shell};

const ROUNDS: usize = 5;

/// The peer's version, fixed so that figures of different days compare.
const SHARP: &str = "sharp@0.35.5";
const THUMBHASH: &str = "thumbhash@0.1.1";
const SHARP_SCRIPT: &str = include_str!("sharp.mjs");

/// Processor and wall milliseconds of one photo, round by round.
#[derive(Default)]
struct Series {
    cpu_ms: Vec<f64>,
    wall_ms: Vec<f64>,
}

/// Processor milliseconds per photo of our side, by file: what `ingest` measures itself against.
pub(crate) fn ours_cpu_ms(photos: &[Photo]) -> Result<BTreeMap<String, f64>> {
    let ours = build_ours()?;
    let mut all: BTreeMap<String, Series> = BTreeMap::new();
    for _ in 0..3 {
        round(&mut Command::new(&ours), photos, &mut all)?;
    }
    Ok(all.into_iter().map(|(file, series)| (file, measure::median(&series.cpu_ms))).collect())
}

/// Runs the bench.
pub(crate) fn measure() -> Result<Measured> {
    let photos = corpus::photos()?;
    let ours = build_ours()?;
    let sharp_dir = install_sharp()?;
    let (mut our_times, mut their_times) = (BTreeMap::new(), BTreeMap::new());
    for at in 1..=ROUNDS {
        println!("round {at} of {ROUNDS}");
        round(&mut Command::new(&ours), &photos, &mut our_times)?;
        round(&mut sharp_command(&sharp_dir), &photos, &mut their_times)?;
    }
    Ok(tell(&photos, &our_times, &their_times))
}

fn build_ours() -> Result<std::path::PathBuf> {
    println!("building the optimised example of crates/media");
    let args = ["build", "--release", "--quiet", "--package", "heirloom-media", "--example", "derive"];
    shell::run(&mut shell::cargo(&args))?;
    Ok(folders::target().join("release/examples/derive"))
}

fn install_sharp() -> Result<std::path::PathBuf> {
    let dir = folders::target().join("bench/sharp");
    fs::create_dir_all(&dir)?;
    fs::write(dir.join("derive.mjs"), SHARP_SCRIPT)?;
    if !dir.join("node_modules/sharp").is_dir() {
        println!("installing {SHARP}");
        fs::write(dir.join("package.json"), r#"{"private": true, "type": "module"}"#)?;
        let mut install =
            shell::command("npm", &["install", "--silent", "--no-audit", "--no-fund", SHARP, THUMBHASH]);
        shell::run(install.current_dir(&dir))?;
    }
    Ok(dir)
}

fn sharp_command(dir: &Path) -> Command {
    let mut command = Command::new("node");
    command.arg(dir.join("derive.mjs")).env("UV_THREADPOOL_SIZE", "1");
    command
}

/// Lets one side work through all photos; it prints a JSON line `{file, cpu_ms, wall_ms}` for each.
fn round(command: &mut Command, photos: &[Photo], all: &mut BTreeMap<String, Series>) -> Result<()> {
    let text = shell::read(command.args(photos.iter().map(|photo| &photo.file)))?;
    for line in text.lines().filter(|line| line.starts_with('{')) {
        let line: Value = serde_json::from_str(line).context("a line of a bench is JSON")?;
        let file = line["file"].as_str().context("a line of a bench names its file")?;
        let series = all.entry(file.to_owned()).or_default();
        series.cpu_ms.push(line["cpu_ms"].as_f64().context("a line of a bench has cpu_ms")?);
        series.wall_ms.push(line["wall_ms"].as_f64().context("a line of a bench has wall_ms")?);
    }
    Ok(())
}

fn tell(photos: &[Photo], ours: &BTreeMap<String, Series>, theirs: &BTreeMap<String, Series>) -> Measured {
    let mut rows = Vec::new();
    let mut lines = Vec::new();
    for class in ["12 MP", "24 MP"] {
        let of_class: Vec<&Photo> = photos.iter().filter(|photo| photo.class() == class).collect();
        if of_class.is_empty() {
            continue;
        }
        let mean = |all: &BTreeMap<String, Series>, pick: fn(&Series) -> &[f64]| {
            let medians = of_class.iter().filter_map(|photo| all.get(photo.file.to_string_lossy().as_ref()));
            medians.map(|series| measure::median(pick(series))).sum::<f64>() / count(of_class.len())
        };
        let (our_cpu, our_wall) = (mean(ours, |s| &s.cpu_ms), mean(ours, |s| &s.wall_ms));
        let (their_cpu, their_wall) = (mean(theirs, |s| &s.cpu_ms), mean(theirs, |s| &s.wall_ms));
        let figures = [our_cpu, their_cpu, their_cpu / our_cpu, our_wall, their_wall, their_wall / our_wall];
        let mut row = vec![class.to_owned(), of_class.len().to_string()];
        row.extend(figures.iter().map(|value| format!("{value:.2}")));
        rows.push(row);
        lines.push(json!({
            "class": class, "photos": of_class.len(),
            "ours": {"cpu_ms": our_cpu, "wall_ms": our_wall},
            "sharp": {"cpu_ms": their_cpu, "wall_ms": their_wall},
            "cpu_ratio": their_cpu / our_cpu, "wall_ratio": their_wall / our_wall,
        }));
    }
    Measured {
        title: format!(
            "Thumbnails: mean over photos of the median of {ROUNDS} rounds, milliseconds, one thread"
        ),
        head: vec!["size", "photos", "our cpu", "sharp cpu", "times", "our wall", "sharp wall", "times"],
        rows,
        json: json!({"peer": SHARP, "rounds": ROUNDS, "classes": lines}),
    }
}

fn count(n: usize) -> f64 {
    f64::from(u32::try_from(n).unwrap_or(u32::MAX))
}
