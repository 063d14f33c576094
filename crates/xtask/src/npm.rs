//! npm packages and the web page's build, each done again only when what it is made from has changed.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::SystemTime;

use anyhow::{Context, Result};

use crate::{folders, shell};

/// Files and folders under `web/` that the page is built from.
const PAGE_SOURCES: &[&str] = &[
    "src",
    "static",
    "package.json",
    "package-lock.json",
    "svelte.config.js",
    "vite.config.ts",
    "tsconfig.json",
];

/// `npm ARGS` in a folder of the repository.
pub(crate) fn npm(folder: &str, args: &[&str]) -> Command {
    let mut command = shell::command("npm", args);
    command.current_dir(folders::root().join(folder));
    command
}

/// The command that installs what `folder/package-lock.json` names; `None` when that is already there.
pub(crate) fn install(folder: &str) -> Option<Command> {
    let root = folders::root().join(folder);
    let wanted = fs::read(root.join("package-lock.json")).ok();
    let installed = fs::read(stamp(&root)).ok();
    (wanted.is_none() || wanted != installed).then(|| npm(folder, &["ci", "--no-audit", "--no-fund"]))
}

/// Remembers what was installed, so that the next [`install`] has nothing to do.
pub(crate) fn installed(folder: &str) -> Result<()> {
    let root = folders::root().join(folder);
    fs::copy(root.join("package-lock.json"), stamp(&root)).context("could not note what npm installed")?;
    Ok(())
}

fn stamp(root: &Path) -> std::path::PathBuf {
    root.join("node_modules").join(".installed-lock.json")
}

/// The command that builds the page; `None` when no source is newer than the page.
pub(crate) fn build() -> Option<Command> {
    let web = folders::root().join("web");
    let built = modified(&web.join("build/index.html"));
    let newest = PAGE_SOURCES.iter().filter_map(|name| newest_under(&web.join(name))).max();
    (built.is_none() || newest > built).then(|| npm("web", &["run", "--silent", "build"]))
}

fn newest_under(path: &Path) -> Option<SystemTime> {
    let own = modified(path);
    let Ok(entries) = fs::read_dir(path) else { return own };
    entries.flatten().filter_map(|entry| newest_under(&entry.path())).max().max(own)
}

fn modified(path: &Path) -> Option<SystemTime> {
    fs::metadata(path).and_then(|meta| meta.modified()).ok()
}
