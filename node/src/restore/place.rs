//! Putting complete files into their places. `config.toml` comes last: before it nothing counts, after it all of it does.
//!
//! Every step may be done again, so a killed program goes on here without the phrase.

use std::path::Path;

use anyhow::Context;

use super::stage::RELAY_ROOTS;
use super::state::{Reached, State, sync_folder};
use super::tables::{beside, remove};
use crate::home::create::make_folders;
use crate::home::keys::KeyFile;
use crate::home::layout::Layout;
use crate::home::library;

/// What is placed, in this order, before `config.toml`.
const FILES: [&str; 6] =
    ["home.sqlite", "spaces.sqlite", "catalog.sqlite", "vault.sqlite", "keys.toml", RELAY_ROOTS];

/// Goes on placing files, if that was begun; says whether a restored home is there now that still lacks photos.
///
/// # Errors
/// What the system says.
pub fn finish(layout: &Layout) -> anyhow::Result<bool> {
    let Some(mut state) = State::load(layout)? else { return Ok(false) };
    match state.reached {
        Reached::Tables => return Ok(false),
        Reached::Photos => return Ok(layout.config().is_file()),
        Reached::Placing => {}
    }
    if !layout.config().is_file() {
        make_folders(layout)?;
        for name in FILES {
            move_into_place(layout, name)?;
        }
        // Originals that come back are not to land on an empty mount point.
        library::mark(layout, &KeyFile::household_in(&layout.keys())?)?;
        // The files must be there for good before the one that makes them count.
        sync_folder(layout.root())?;
        move_into_place(layout, "config.toml")?;
        sync_folder(layout.root())?;
    }
    state.reached = Reached::Photos;
    state.save(layout)?;
    Ok(true)
}

fn move_into_place(layout: &Layout, name: &str) -> anyhow::Result<()> {
    let (from, to) = (layout.restoring().join(name), layout.root().join(name));
    if !from.exists() {
        // Moved before the program was killed; or there is none, as may be with the catalog.
        return Ok(());
    }
    for ending in ["-wal", "-shm"] {
        remove(&beside(&to, ending))?;
    }
    rename(&from, &to)
}

fn rename(from: &Path, to: &Path) -> anyhow::Result<()> {
    std::fs::rename(from, to).with_context(|| format!("cannot move {} to {}", from.display(), to.display()))
}
