//! One process per home.
//!
//! The lock is the operating system's, on the file `lock`, so it goes with the process however that ends.
//! The file's content is the process id while a home is open and empty after an orderly end: an unlocked
//! file that is not empty tells that the last run was killed.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::sync::Mutex;

use anyhow::{Context, anyhow};

use super::layout::Layout;

/// Holds the home for this process until dropped.
#[derive(Debug)]
pub struct Lock {
    file: Mutex<File>,
    was_unclean: bool,
}

/// Another process has the home.
#[derive(Debug, thiserror::Error)]
#[error("this home is in use by process {pid}; stop that one first, or name another home")]
pub struct InUse {
    /// The process id that the lock file names, or `?`.
    pub pid: String,
}

impl Lock {
    /// Takes the lock.
    ///
    /// # Errors
    /// [`InUse`] when another process has it; otherwise what the system says.
    pub fn take(layout: &Layout) -> anyhow::Result<Self> {
        let path = layout.lock();
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(|error| explain(error, layout))?;
        let mut pid = String::new();
        // The file is written by this program only; what cannot be read is taken as "killed".
        file.read_to_string(&mut pid).unwrap_or_default();
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let pid = if pid.trim().is_empty() { "?".to_owned() } else { pid.trim().to_owned() };
                return Err(InUse { pid }.into());
            }
            Err(TryLockError::Error(error)) => {
                return Err(error).with_context(|| format!("cannot lock {}", path.display()));
            }
        }
        overwrite(&mut file, &format!("{}\n", std::process::id())).map_err(|error| explain(error, layout))?;
        Ok(Self { file: Mutex::new(file), was_unclean: !pid.trim().is_empty() })
    }

    /// Whether the run before this one was killed.
    pub fn was_unclean(&self) -> bool {
        self.was_unclean
    }

    /// Says that everything is in order; called last.
    pub fn mark_clean(&self) {
        if let Ok(mut file) = self.file.lock() {
            // If this fails the next start looks twice, which costs time and nothing else.
            overwrite(&mut file, "").unwrap_or_default();
        }
    }
}

fn overwrite(file: &mut File, text: &str) -> std::io::Result<()> {
    file.rewind()?;
    file.set_len(0)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

fn explain(error: std::io::Error, layout: &Layout) -> anyhow::Error {
    use std::io::ErrorKind::{PermissionDenied, ReadOnlyFilesystem, StorageFull};
    let home = layout.root().display();
    let advice = match error.kind() {
        PermissionDenied => "it belongs to another user; run as that user, or change the folder's owner",
        ReadOnlyFilesystem => "the disk is mounted read-only; mount it writable, or move the home",
        StorageFull => "the disk is full; free some space",
        _ => "check the folder and its disk",
    };
    anyhow!(error).context(format!("cannot write in the home {home}: {advice}"))
}
