//! The sample folder.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The files below one part of the sample folder, sorted; empty, with a line said, where there is none.
pub(crate) fn files(part: &str) -> Vec<PathBuf> {
    let mut files = Vec::new();
    if let Some(folder) = root() {
        list(&folder.join(part), &mut files);
    }
    files.sort();
    if files.is_empty() {
        println!("skipped: there are no samples in {part}; `cargo xtask samples` gathers them");
    }
    files
}

/// One file of the sample folder, if it is there.
pub(crate) fn file(name: &str) -> Option<PathBuf> {
    let file = root().map(|root| root.join(name)).filter(|file| file.is_file());
    if file.is_none() {
        println!("skipped: there is no sample {name}; `cargo xtask samples` gathers them");
    }
    file
}

/// Whether another project's program is at hand; says so if not.
pub(crate) fn has(program: &str) -> bool {
    let started = Command::new(program).arg("--help").stdout(Stdio::null()).stderr(Stdio::null()).status();
    if started.is_err() {
        println!("skipped: {program} is not installed");
    }
    started.is_ok()
}

/// A file's name for messages: the last two parts of its path.
pub(crate) fn name(file: &Path) -> String {
    let parts: Vec<_> = file.iter().rev().take(2).map(|part| part.to_string_lossy()).collect();
    parts.into_iter().rev().collect::<Vec<_>>().join("/")
}

fn root() -> Option<PathBuf> {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    set("HEIRLOOM_SAMPLES").or_else(|| {
        let cache = set("XDG_CACHE_HOME").or_else(|| set("HOME").map(|home| home.join(".cache")))?;
        Some(cache.join("heirloom/samples"))
    })
}

fn list(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() { list(&path, files) } else { files.push(path) }
    }
}
