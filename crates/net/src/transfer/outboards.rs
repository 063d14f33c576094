//! Outboards of large files, kept in a folder of derived data: delete it, and they come back.
//!
//! A file above [`SIDECAR_FROM_BYTES`] isn't hashed again each time it is served; its pairs lie in a *sidecar* named
//! after the root hash. Nothing trusts a sidecar: every pair is checked against the root when it is used, and one that
//! is wrong is made again. A sidecar is written under another name and renamed, so a half-written one is never found.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use blake3::Hash;
use heirloom_identity::ContentHash;
use thiserror::Error;

use super::tree::{Builder, GROUP_BYTES, PAIR_LEN, outboard_bytes};

/// Files up to this length are hashed each time; larger ones get a sidecar.
pub const SIDECAR_FROM_BYTES: u64 = 1 << 20;

/// What a draft's name ends with.
const DRAFT: &str = "new";

/// Why there is no outboard of a file.
#[derive(Debug, Error)]
pub(crate) enum OutboardError {
    /// The file's bytes have another hash than its name says.
    #[error("the file's bytes are not the ones it is known by")]
    Damaged,
    /// The file or the sidecar could not be read or written.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// The folder of sidecars. One process uses it at a time.
#[derive(Debug)]
pub struct Outboards {
    folder: PathBuf,
    /// One lock a root: a sidecar is made once, however many ask for it at the same time.
    making: Mutex<HashMap<ContentHash, Arc<Mutex<()>>>>,
}

/// Makes the names of drafts differ.
static DRAFTS: AtomicU64 = AtomicU64::new(0);

impl Outboards {
    /// Uses a folder, which is made with the first sidecar; drafts that a killed process left are removed.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        let folder = folder.into();
        remove_drafts(&folder);
        Self { folder, making: Mutex::default() }
    }

    /// Where the sidecar of a file lies, if it has one.
    pub fn path(&self, root: &ContentHash) -> PathBuf {
        let name = root.to_string();
        self.folder.join(&name[..2]).join(name)
    }

    /// Removes the sidecar of a file that is gone; fine if there is none.
    ///
    /// # Errors
    /// What the system says.
    pub fn forget(&self, root: &ContentHash) -> io::Result<()> {
        match fs::remove_file(self.path(root)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// The sidecar of a file, made if it isn't there or has the wrong length.
    pub(crate) fn open(&self, root: &ContentHash, bytes: u64, file: &File) -> Result<File, OutboardError> {
        if let Some(sidecar) = self.existing(root, bytes) {
            return Ok(sidecar);
        }
        let turn = self.turn(root);
        let held = turn.lock().unwrap_or_else(PoisonError::into_inner);
        let made = match self.existing(root, bytes) {
            Some(sidecar) => Ok(sidecar),
            None => self.make(root, bytes, file),
        };
        drop(held);
        self.release(root, &turn);
        made
    }

    /// Makes a sidecar anew, because the old one is wrong.
    pub(crate) fn rebuild(&self, root: &ContentHash, bytes: u64, file: &File) -> Result<File, OutboardError> {
        let turn = self.turn(root);
        let held = turn.lock().unwrap_or_else(PoisonError::into_inner);
        let made = self.make(root, bytes, file);
        drop(held);
        self.release(root, &turn);
        made
    }

    fn existing(&self, root: &ContentHash, bytes: u64) -> Option<File> {
        let sidecar = File::open(self.path(root)).ok()?;
        let len = sidecar.metadata().ok()?.len();
        (len == outboard_bytes(bytes)).then_some(sidecar)
    }

    fn turn(&self, root: &ContentHash) -> Arc<Mutex<()>> {
        let mut making = self.making.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(making.entry(*root).or_default())
    }

    fn release(&self, root: &ContentHash, turn: &Arc<Mutex<()>>) {
        let mut making = self.making.lock().unwrap_or_else(PoisonError::into_inner);
        // The table and ours: nobody else waits for it.
        if Arc::strong_count(turn) <= 2 {
            making.remove(root);
        }
    }

    fn make(&self, root: &ContentHash, bytes: u64, file: &File) -> Result<File, OutboardError> {
        let path = self.path(root);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        let number = DRAFTS.fetch_add(1, Ordering::Relaxed);
        let draft = path.with_extension(format!("{number}.{DRAFT}"));
        let made = self.write(&draft, root, bytes, file).and_then(|sidecar| {
            fs::rename(&draft, &path)?;
            Ok(sidecar)
        });
        if made.is_err() {
            drop(fs::remove_file(&draft));
        }
        made
    }

    fn write(
        &self,
        draft: &Path,
        root: &ContentHash,
        bytes: u64,
        file: &File,
    ) -> Result<File, OutboardError> {
        let sidecar = File::options().read(true).write(true).create(true).truncate(true).open(draft)?;
        let mut read = |group: u64, buffer: &mut [u8]| file.read_exact_at(buffer, group * GROUP_BYTES);
        let mut write = |index: u64, pairs: &[u8]| sidecar.write_all_at(pairs, index * PAIR_LEN as u64);
        let found = Builder { bytes, read: &mut read, write: &mut write }.run();
        match found {
            Ok(found) if found == Hash::from_bytes(*root.as_bytes()) => Ok(sidecar),
            Ok(_) => Err(OutboardError::Damaged),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Err(OutboardError::Damaged),
            Err(error) => Err(OutboardError::Io(error)),
        }
    }
}

/// What can't be listed or removed is left: a draft is only ever in the way of itself.
fn remove_drafts(folder: &Path) {
    let folders = fs::read_dir(folder).into_iter().flatten().flatten();
    for entry in folders.flat_map(|folder| fs::read_dir(folder.path()).into_iter().flatten().flatten()) {
        let path = entry.path();
        if path.extension().is_some_and(|extension| extension == DRAFT) {
            drop(fs::remove_file(path));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(folder: &Path, data: &[u8]) -> File {
        let path = folder.join("data");
        fs::write(&path, data).unwrap();
        File::open(path).unwrap()
    }

    #[test]
    fn a_sidecar_is_made_once_and_again_when_it_has_the_wrong_length() {
        let folder = tempfile::tempdir().unwrap();
        let data = vec![5; 3 << 20];
        let (root, bytes) = (ContentHash::of(&data), data.len() as u64);
        let file = file(folder.path(), &data);
        let outboards = Outboards::new(folder.path().join("outboards"));
        let sidecar = outboards.open(&root, bytes, &file).unwrap();
        assert_eq!(sidecar.metadata().unwrap().len(), outboard_bytes(bytes));
        let made = fs::read(outboards.path(&root)).unwrap();
        fs::write(outboards.path(&root), &made[..64]).unwrap();
        outboards.open(&root, bytes, &file).unwrap();
        assert_eq!(fs::read(outboards.path(&root)).unwrap(), made);
        outboards.forget(&root).unwrap();
        outboards.forget(&root).unwrap();
        assert!(!outboards.path(&root).exists() && outboards.making.lock().unwrap().is_empty());
    }

    #[test]
    fn a_file_that_is_not_what_its_name_says_gets_none() {
        let folder = tempfile::tempdir().unwrap();
        let data = vec![5; 3 << 20];
        let file = file(folder.path(), &data);
        let outboards = Outboards::new(folder.path().join("outboards"));
        let root = ContentHash::of(b"another");
        for bytes in [data.len() as u64, data.len() as u64 + 1] {
            let answer = outboards.open(&root, bytes, &file);
            assert!(matches!(answer, Err(OutboardError::Damaged)), "{answer:?}");
        }
        assert_eq!(fs::read_dir(outboards.path(&root).parent().unwrap()).unwrap().count(), 0);
    }

    #[test]
    fn drafts_of_a_killed_process_are_removed() {
        let folder = tempfile::tempdir().unwrap();
        let outboards = Outboards::new(folder.path());
        let path = outboards.path(&ContentHash::of(b"x"));
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, b"kept").unwrap();
        let draft = path.with_extension("7.new");
        fs::write(&draft, b"half").unwrap();
        drop(Outboards::new(folder.path()));
        assert!(path.exists() && !draft.exists());
    }
}
