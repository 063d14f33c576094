//! The note in `restoring/` that says how far a restore came, so that it goes on after the program was killed.

use std::io::{ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

use anyhow::Context;
use serde::{Deserialize, Serialize};

use crate::home::layout::Layout;

/// The note's name.
const FILE: &str = "state.toml";
/// How long the note may be.
const BYTES_MAX: u64 = 64 << 10;
/// The version that this program writes and reads.
const VERSION: u32 = 1;

/// How far it came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Reached {
    /// Files are being fetched into `restoring/`; nothing in the home counts.
    Tables,
    /// All files are complete and are being moved to their places.
    Placing,
    /// It is a home; pictures and originals are still coming.
    Photos,
}

/// The note.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct State {
    version: u32,
    /// How far it came.
    pub reached: Reached,
    /// The head whose state is restored, as hexadecimal digits.
    pub head: String,
    /// When that state was made.
    pub head_at_ms: i64,
    /// When the restore began.
    pub began_ms: i64,
    /// Folders it came from.
    pub folders: Vec<PathBuf>,
    /// Homes that this one kept copies for, and how many bytes.
    pub we_keep: Vec<(String, u64)>,
    /// Whether every picture that could be fetched was.
    pub pictured: bool,
}

impl State {
    /// A restore that begins.
    pub fn begin(head: String, head_at_ms: i64, began_ms: i64, folders: Vec<PathBuf>) -> Self {
        let reached = Reached::Tables;
        Self {
            version: VERSION,
            reached,
            head,
            head_at_ms,
            began_ms,
            folders,
            we_keep: Vec::new(),
            pictured: false,
        }
    }

    /// Reads the note; `None` when there is none, or what is there is none: then the restore begins again, which is
    /// always right.
    ///
    /// # Errors
    /// When it cannot be read, or a newer program wrote it.
    pub fn load(layout: &Layout) -> anyhow::Result<Option<Self>> {
        let path = layout.restoring().join(FILE);
        let attempt = || format!("cannot read {}", path.display());
        let mut text = String::new();
        match std::fs::File::open(&path) {
            Ok(file) => file.take(BYTES_MAX).read_to_string(&mut text).with_context(attempt)?,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error).with_context(attempt),
        };
        let Ok(state) = toml::from_str::<Self>(&text) else { return Ok(None) };
        anyhow::ensure!(
            state.version == VERSION,
            "{} was written by another version of Heirloom; go on with that one",
            path.display()
        );
        Ok(Some(state))
    }

    /// Writes the note, durably, at once or not at all.
    ///
    /// # Errors
    /// What the system says.
    pub fn save(&self, layout: &Layout) -> anyhow::Result<()> {
        let text = toml::to_string(self)?;
        write_whole(&layout.restoring().join(FILE), text.as_bytes())
    }
}

/// Throws away what a restore that never came to placing files has fetched; fine if there is nothing.
///
/// # Errors
/// When files are being placed, or what the system says.
pub fn forget(layout: &Layout) -> anyhow::Result<()> {
    let state = State::load(layout)?;
    anyhow::ensure!(
        state.is_none_or(|state| state.reached == Reached::Tables),
        "a household is restored at {}; go on with that",
        layout.root().display()
    );
    match std::fs::remove_dir_all(layout.restoring()) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove {}", layout.restoring().display()))
        }
        _ => Ok(()),
    }
}

/// Writes a file for the owner's eyes, durably, in place of the one that may be there.
///
/// # Errors
/// What the system says.
pub fn write_whole(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    use std::os::unix::fs::OpenOptionsExt;
    let attempt = || format!("cannot write {}", path.display());
    let mut beside = path.as_os_str().to_owned();
    beside.push(".new");
    let beside = PathBuf::from(beside);
    let mut options = std::fs::OpenOptions::new();
    let mut file =
        options.write(true).create(true).truncate(true).mode(0o600).open(&beside).with_context(attempt)?;
    file.write_all(bytes).and_then(|()| file.sync_all()).with_context(attempt)?;
    std::fs::rename(&beside, path).with_context(attempt)?;
    sync_folder(path.parent().context("a file needs a folder")?)
}

/// Makes the names in a folder durable.
///
/// # Errors
/// What the system says.
pub fn sync_folder(folder: &Path) -> anyhow::Result<()> {
    let synced = std::fs::File::open(folder).and_then(|folder| folder.sync_all());
    synced.with_context(|| format!("cannot make {} durable", folder.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_note_comes_back_and_rubbish_begins_again() {
        let folder = tempfile::tempdir().unwrap();
        let layout = Layout::of(folder.path()).unwrap();
        assert_eq!(State::load(&layout).unwrap(), None);
        std::fs::create_dir(layout.restoring()).unwrap();
        let state = State::begin("ab".repeat(32), 5, 6, vec![PathBuf::from("/media/disk")]);
        state.save(&layout).unwrap();
        assert_eq!(State::load(&layout).unwrap(), Some(state.clone()));
        let path = layout.restoring().join(FILE);
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, &text[..text.len() / 2]).unwrap();
        assert_eq!(State::load(&layout).unwrap(), None);
        std::fs::write(&path, text.replace("version = 1", "version = 2")).unwrap();
        assert!(State::load(&layout).is_err());
    }
}
