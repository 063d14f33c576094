//! Programs that the checks use and that cargo can build: `cargo-nextest`, `cargo-deny`.
//!
//! One that is on `PATH` is taken as it is. Otherwise it is built once, without optimisation, into the cache folder
//! outside the repository, where later clones find it.

use std::env;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};

use crate::{folders, shell};

/// A tool and the version that is built where it is missing.
pub(crate) struct Tool {
    name: &'static str,
    version: &'static str,
}

/// Runs the tests, each in a process of its own.
pub(crate) const NEXTEST: Tool = Tool { name: "cargo-nextest", version: "0.9.143" };

/// Checks doors, licences and sources of dependencies.
pub(crate) const DENY: Tool = Tool { name: "cargo-deny", version: "0.20.2" };

/// Finds the tool, or builds it first; minutes when it must be built.
pub(crate) fn provide(tool: &Tool) -> Result<PathBuf> {
    if let Some(found) = shell::find(tool.name) {
        return Ok(found);
    }
    let root = folders::cache()?.join("tools").join(format!("{}-{}", tool.name, tool.version));
    let program = root.join("bin").join(tool.name);
    if !program.is_file() {
        println!("building {} {} (once)", tool.name, tool.version);
        shell::run(install(tool).arg("--root").arg(&root)).context("could not build a tool of the checks")?;
    }
    Ok(program)
}

fn install(tool: &Tool) -> Command {
    let mut command =
        shell::cargo(&["install", tool.name, "--version", tool.version, "--locked", "--debug", "--quiet"]);
    // Outside the repository its `.cargo/config.toml` and lints do not apply; the tool is small enough unoptimised.
    command.current_dir(env::temp_dir()).env("CARGO_PROFILE_DEV_DEBUG", "0").env_remove("CARGO_TARGET_DIR");
    command
}
