//! Where things lie: the repository, its build folder, and the cache outside of it.

use std::env;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// The repository's top folder.
pub(crate) fn root() -> PathBuf {
    // Set by `cargo run`; the fallback serves a binary started by hand from inside the repository.
    if let Some(manifest) = env::var_os("CARGO_MANIFEST_DIR")
        && let Some(root) = Path::new(&manifest).ancestors().nth(2)
    {
        return root.to_owned();
    }
    let here = env::current_dir().unwrap_or_default();
    let found = here.ancestors().find(|dir| dir.join("crates/xtask").is_dir());
    found.unwrap_or(&here).to_owned()
}

/// Cargo's build folder.
pub(crate) fn target() -> PathBuf {
    env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), |dir| root().join(dir))
}

/// The program as a debug build leaves it.
pub(crate) fn program() -> PathBuf {
    target().join("debug").join(format!("heirloom{}", env::consts::EXE_SUFFIX))
}

/// A folder outside the repository for what is worth keeping between clones: tools and samples.
pub(crate) fn cache() -> Result<PathBuf> {
    let base = match env::var_os("XDG_CACHE_HOME").filter(|value| !value.is_empty()) {
        Some(dir) => PathBuf::from(dir),
        None => PathBuf::from(env::var_os("HOME").context("neither XDG_CACHE_HOME nor HOME is set")?)
            .join(".cache"),
    };
    Ok(base.join("heirloom"))
}
