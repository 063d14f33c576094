//! A preview, a thumbnail and a thumbhash of one photo: ours against npm's `sharp`, one thread each.
//!
//! Both sides make the same things of the same files in alternating rounds: a JPEG of long side 1920 at quality 80,
//! a WebP of short side 250 at quality 80, a thumbhash, upright, in sRGB. `sharp` decodes once and derives the rest
//! from those pixels, as its users do, and measures itself after one warm-up, so that starting Node.js costs it
//! nothing; ours is measured from outside, its start included. Speed alone says little, so the previews are compared
//! with the original too (SSIM against the whole picture shrunk with Lanczos).

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::corpus::{self, CLASSES, Photo};
use super::{Measured, measure};
use crate::{folders, shell};

const ROUNDS: usize = 5;
const REPEATS: u32 = 5;

/// The peer's version, fixed so that figures of different days compare.
const SHARP: &str = "sharp@0.35.5";
const THUMBHASH: &str = "thumbhash@0.1.1";
const SHARP_SCRIPT: &str = include_str!("sharp.mjs");

/// Milliseconds of one photo on one side, round by round.
#[derive(Default)]
struct Series {
    cpu_ms: Vec<f64>,
    wall_ms: Vec<f64>,
}

/// How like the original the previews of a photo are, and how large.
struct Quality {
    ours: f64,
    theirs: f64,
    our_bytes: f64,
    their_bytes: f64,
}

/// Processor milliseconds per photo of our side, by file: what `ingest` measures itself against.
pub(crate) fn ours_cpu_ms(photos: &[Photo]) -> Result<BTreeMap<PathBuf, f64>> {
    let program = build_ours()?;
    let mut all = BTreeMap::new();
    for photo in photos {
        let mut series = Series::default();
        for _ in 0..3 {
            series.add(ours(&program, photo)?);
        }
        all.insert(photo.file.clone(), measure::median(&series.cpu_ms));
    }
    Ok(all)
}

/// A folder with the thumbnails of the corpus.
pub(crate) fn pictures() -> Result<PathBuf> {
    let dir = folders::target().join("bench/pictures");
    let files = corpus::photos()?;
    let mut derive = shell::command(build_ours()?, &["--to"]);
    shell::read(derive.arg(&dir).args(files.iter().map(|photo| &photo.file)))?;
    Ok(dir)
}

/// Runs the bench.
pub(crate) fn measure() -> Result<Measured> {
    let photos = corpus::photos()?;
    let program = build_ours()?;
    let script = install_sharp()?;
    let mut times: Vec<(Series, Series)> = photos.iter().map(|_| Default::default()).collect();
    for at in 1..=ROUNDS {
        println!("round {at} of {ROUNDS}");
        for (photo, (our_times, their_times)) in photos.iter().zip(&mut times) {
            our_times.add(ours(&program, photo)?);
            their_times.add(theirs(&script, photo)?);
        }
    }
    let quality = compare(&program, &script, &photos)?;
    Ok(tell(&photos, &times, &quality))
}

fn build_ours() -> Result<PathBuf> {
    println!("building the optimised example of crates/media");
    let args = ["build", "--release", "--quiet", "--package", "heirloom-media", "--example", "derive"];
    shell::run(&mut shell::cargo(&args))?;
    Ok(folders::target().join("release/examples/derive"))
}

fn install_sharp() -> Result<PathBuf> {
    let dir = folders::target().join("bench/sharp");
    fs::create_dir_all(&dir)?;
    let script = dir.join("sharp.mjs");
    fs::write(&script, SHARP_SCRIPT)?;
    if !dir.join("node_modules/sharp").is_dir() {
        println!("installing {SHARP}");
        fs::write(dir.join("package.json"), r#"{"private": true, "type": "module"}"#)?;
        let args = ["install", "--silent", "--no-audit", "--no-fund", SHARP, THUMBHASH];
        shell::run(shell::command("npm", &args).current_dir(&dir))?;
    }
    Ok(script)
}

/// Processor and wall milliseconds of one picture.
fn ours(program: &Path, photo: &Photo) -> Result<(f64, f64)> {
    let mut command = shell::command(program, &["--repeat", &REPEATS.to_string()]);
    let spent = measure::spent(command.arg(&photo.file).stdout(Stdio::null()))?;
    let each = |time: std::time::Duration| time.as_secs_f64() * 1000.0 / f64::from(REPEATS);
    Ok((each(spent.cpu), each(spent.wall)))
}

fn theirs(script: &Path, photo: &Photo) -> Result<(f64, f64)> {
    let text = shell::read(sharp(script, "time").arg(REPEATS.to_string()).arg(&photo.file))?;
    let said: Value = serde_json::from_str(&text).context("sharp's side prints JSON")?;
    let figure = |name: &str| said[name].as_f64().with_context(|| format!("sharp's side gives {name}"));
    Ok((figure("cpu_ms")?, figure("wall_ms")?))
}

fn sharp(script: &Path, verb: &str) -> Command {
    let mut command = shell::command("node", &[]);
    command.arg(script).arg(verb).env("UV_THREADPOOL_SIZE", "1");
    command
}

fn compare(program: &Path, script: &Path, photos: &[Photo]) -> Result<Vec<Quality>> {
    let dir = folders::target().join("bench/previews");
    let (our_dir, their_dir) = (dir.join("ours"), dir.join("sharp"));
    fs::create_dir_all(&our_dir)?;
    fs::create_dir_all(&their_dir)?;
    let files = || photos.iter().map(|photo| &photo.file);
    shell::read(shell::command(program, &["--to"]).arg(&our_dir).args(files()))?;
    shell::read(sharp(script, "write").arg(&their_dir).args(files()))?;
    let text = shell::read(sharp(script, "compare").arg(&our_dir).arg(&their_dir).args(files()))?;
    text.lines().map(parse_quality).collect()
}

fn parse_quality(line: &str) -> Result<Quality> {
    let said: Value = serde_json::from_str(line).context("the comparison prints JSON")?;
    let figure =
        |side: &str, name: &str| said[side][name].as_f64().context("the comparison gives all figures");
    Ok(Quality {
        ours: figure("ours", "ssim")?,
        theirs: figure("theirs", "ssim")?,
        our_bytes: figure("ours", "bytes")?,
        their_bytes: figure("theirs", "bytes")?,
    })
}

impl Series {
    fn add(&mut self, (cpu_ms, wall_ms): (f64, f64)) {
        self.cpu_ms.push(cpu_ms);
        self.wall_ms.push(wall_ms);
    }
}

fn tell(photos: &[Photo], times: &[(Series, Series)], quality: &[Quality]) -> Measured {
    let mut rows = Vec::new();
    let mut classes = Vec::new();
    for class in CLASSES {
        let of_class: Vec<usize> = (0..photos.len()).filter(|&at| photos[at].class() == *class).collect();
        if of_class.is_empty() {
            continue;
        }
        let mean = |figure: &dyn Fn(usize) -> f64| {
            of_class.iter().map(|&at| figure(at)).sum::<f64>() / of_class.iter().map(|_| 1.0).sum::<f64>()
        };
        let our_cpu = mean(&|at| measure::median(&times[at].0.cpu_ms));
        let their_cpu = mean(&|at| measure::median(&times[at].1.cpu_ms));
        let our_wall = mean(&|at| measure::median(&times[at].0.wall_ms));
        let their_wall = mean(&|at| measure::median(&times[at].1.wall_ms));
        let (our_ssim, their_ssim) = (mean(&|at| quality[at].ours), mean(&|at| quality[at].theirs));
        let (our_bytes, their_bytes) =
            (mean(&|at| quality[at].our_bytes), mean(&|at| quality[at].their_bytes));
        let mut row = vec![(*class).to_owned(), of_class.len().to_string()];
        row.extend([our_cpu, their_cpu].map(|ms| format!("{ms:.1}")));
        row.push(format!("{:.2}", their_cpu / our_cpu));
        row.extend([our_wall, their_wall].map(|ms| format!("{ms:.1}")));
        row.extend([our_ssim, their_ssim].map(|ssim| format!("{ssim:.4}")));
        row.extend([our_bytes, their_bytes].map(|bytes| format!("{:.0}", bytes / 1000.0)));
        rows.push(row);
        classes.push(json!({
            "class": class, "photos": of_class.len(), "cpu_ratio": their_cpu / our_cpu,
            "ours": {"cpu_ms": our_cpu, "wall_ms": our_wall, "ssim": our_ssim, "preview_bytes": our_bytes},
            "sharp": {"cpu_ms": their_cpu, "wall_ms": their_wall, "ssim": their_ssim, "preview_bytes": their_bytes},
        }));
    }
    Measured {
        title: format!(
            "Thumbnails against {SHARP}, one thread, milliseconds per photo: mean over photos of the median of {ROUNDS} rounds"
        ),
        head: vec![
            "size", "photos", "cpu", "sharp", "times", "wall", "sharp", "SSIM", "sharp", "kB", "sharp",
        ],
        rows,
        json: json!({"peer": SHARP, "rounds": ROUNDS, "repeats": REPEATS, "classes": classes}),
    }
}
