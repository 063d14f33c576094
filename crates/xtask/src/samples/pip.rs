//! Source packages and tools from PyPI, through `pip`.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::shell;

/// Packages whose source archives carry photos.
const SOURCES: [&str; 3] = ["pillow==13.0.0", "pillow_heif==1.8.1", "piexif==1.1.3"];

/// Python itself.
pub(super) fn python() -> Result<PathBuf> {
    let found = shell::find("python3").or_else(|| shell::find("python"));
    found.context("Python is missing; the samples need Python 3.10 or newer with pip")
}

/// Downloads the source archives; returns a line for each that did not come.
pub(super) fn download(downloads: &Path) -> Vec<String> {
    let missing = |source: &&str| {
        // Only the package itself as source: its build tools may come as wheels, which is much faster.
        let name = source.split("==").next().unwrap_or(source);
        let mut command = pip(&["download", "--quiet", "--no-deps", "--no-binary", name, "--dest"]).ok()?;
        let failed = shell::read(command.arg(downloads).arg(source)).err()?;
        Some(format!("{source} from PyPI ({})", last_line(&failed)))
    };
    SOURCES.iter().filter_map(missing).collect()
}

/// Installs the Python packages that the curating program uses into a folder of their own.
pub(super) fn install(modules: &Path) -> Result<()> {
    let mut command = pip(&["install", "--quiet", "--only-binary", ":all:", "--target"])?;
    command.arg(modules).args(["pillow>=11", "pillow_heif>=0.20"]);
    shell::read(&mut command).map(drop).context("could not install Pillow, which makes the samples")
}

fn pip(args: &[&str]) -> Result<Command> {
    let mut command = shell::command(python()?, &["-m", "pip"]);
    command.args(args).env("PIP_DISABLE_PIP_VERSION_CHECK", "1").env("PIP_ROOT_USER_ACTION", "ignore");
    Ok(command)
}

/// The last line of an error, where programs say what went wrong.
pub(super) fn last_line(error: &anyhow::Error) -> String {
    let text = format!("{error:#}");
    text.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or_default().trim().to_owned()
}
