//! A file being received: written into the inbox and hashed on the way.
//!
//! A draft that is dropped without being placed is removed; one that a crash leaves is removed at the next
//! start, because it was never acknowledged.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use data_encoding::HEXLOWER;
use heirloom_identity::{Hasher, Hashes};
use heirloom_store::{Disk, DraftFile};

/// Ending of every draft's name.
pub const DRAFT_ENDING: &str = "part";

/// A draft that is still being written.
pub struct Writing {
    disk: Arc<dyn Disk>,
    path: PathBuf,
    file: Box<dyn DraftFile>,
    hasher: Hasher,
    bytes: u64,
    finished: bool,
}

/// A draft whose bytes are on the medium; removed on drop unless it was placed.
pub struct Draft {
    disk: Arc<dyn Disk>,
    path: PathBuf,
    /// Both hashes of its bytes.
    pub hashes: Hashes,
    /// Size in bytes.
    pub bytes: u64,
    placed: bool,
}

impl Writing {
    /// Starts a draft under a name nobody else has.
    ///
    /// # Errors
    /// What the system says.
    pub fn start(disk: &Arc<dyn Disk>, inbox: &Path) -> io::Result<Self> {
        let name = HEXLOWER.encode(&crate::random::bytes::<16>().map_err(io::Error::other)?);
        let path = inbox.join(format!("{name}.{DRAFT_ENDING}"));
        let file = disk.create_new(&path)?;
        Ok(Self { disk: Arc::clone(disk), path, file, hasher: Hasher::new(), bytes: 0, finished: false })
    }

    /// Adds bytes.
    ///
    /// # Errors
    /// What the system says, a full disk among it; the draft is then to be dropped.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)?;
        self.hasher.update(bytes);
        self.bytes += u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        Ok(())
    }

    /// Adds bytes whose hashes the caller knows already, and ends.
    ///
    /// # Errors
    /// What the system says.
    pub fn finish_with(mut self, bytes: &[u8], hashes: Hashes) -> io::Result<Draft> {
        self.file.write_all(bytes)?;
        self.bytes = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        self.seal(hashes)
    }

    /// Ends, with every byte on the medium.
    ///
    /// # Errors
    /// What the system says.
    pub fn finish(mut self) -> io::Result<Draft> {
        let hashes = std::mem::take(&mut self.hasher).finish();
        self.seal(hashes)
    }

    /// Bytes written so far.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    fn seal(mut self, hashes: Hashes) -> io::Result<Draft> {
        self.file.flush()?;
        self.file.sync()?;
        self.finished = true;
        let (disk, path) = (Arc::clone(&self.disk), std::mem::take(&mut self.path));
        Ok(Draft { disk, path, hashes, bytes: self.bytes, placed: false })
    }
}

impl Draft {
    /// Where the bytes lie now.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Says that the file has its final name, so that dropping the draft removes nothing.
    pub fn placed(mut self) {
        self.placed = true;
    }
}

impl Drop for Writing {
    fn drop(&mut self) {
        if !self.finished {
            remove(self.disk.as_ref(), &self.path);
        }
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        if !self.placed {
            remove(self.disk.as_ref(), &self.path);
        }
    }
}

fn remove(disk: &dyn Disk, path: &Path) {
    if let Err(error) = disk.remove(path) {
        tracing::debug!(%error, "a draft stays in the inbox until the next start");
    }
}
