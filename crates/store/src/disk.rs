//! The seam through which a home's files are written.
//!
//! A file is safe only after its bytes were synced, it has its final name, and the folder that holds that
//! name was synced too. [`place_new`] does the three in order; everything that writes a file a person must
//! not lose goes through it and through a [`Disk`], so that a test's disk can drop, tear and reorder what
//! was not synced at any step.

use std::collections::HashSet;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// File operations with stated durability. Paths are absolute.
pub trait Disk: Send + Sync {
    /// Creates a file that must not exist yet, readable and writable by the owner only as the process's
    /// umask says.
    ///
    /// # Errors
    /// `AlreadyExists`, or what the system says.
    fn create_new(&self, path: &Path) -> io::Result<Box<dyn DraftFile>>;
    /// As [`Disk::create_new`], for a file of megabytes that nobody reads soon: it need not stand in memory afterwards.
    ///
    /// # Errors
    /// As [`Disk::create_new`].
    fn create_large(&self, path: &Path) -> io::Result<Box<dyn DraftFile>> {
        self.create_new(path)
    }
    /// Gives `from` the name `to`, which must not exist; atomic, durable after both folders are synced.
    ///
    /// # Errors
    /// `AlreadyExists` when `to` is taken (nothing is overwritten, ever), or what the system says.
    fn rename_new(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Makes the names inside a folder durable.
    ///
    /// # Errors
    /// What the system says.
    fn sync_dir(&self, path: &Path) -> io::Result<()>;
    /// Creates one folder; fine if it is there. Durable after its parent is synced.
    ///
    /// # Errors
    /// What the system says.
    fn create_dir(&self, path: &Path) -> io::Result<()>;
    /// Removes a file; fine if it is gone.
    ///
    /// # Errors
    /// What the system says.
    fn remove(&self, path: &Path) -> io::Result<()>;
}

/// A file being written; lost unless [`DraftFile::sync`] returned.
pub trait DraftFile: Write + Send {
    /// Returns after the bytes written so far are on the medium.
    ///
    /// # Errors
    /// What the system says; the file must then be thrown away.
    fn sync(&mut self) -> io::Result<()>;
}

/// Gives a written and synced draft its final name, creating missing folders below `root`, and makes the
/// name durable.
///
/// # Errors
/// `AlreadyExists` when the name is taken: pick another and call again. After any other error the draft may
/// still lie under its old name.
pub fn place_new(
    disk: &dyn Disk,
    synced: &SyncedFolders,
    root: &Path,
    from: &Path,
    to: &Path,
) -> io::Result<()> {
    let folder = to.parent().ok_or_else(|| io::Error::other("a file needs a folder"))?;
    create_dirs(disk, synced, root, folder)?;
    disk.rename_new(from, to)?;
    disk.sync_dir(folder)
}

/// Folders whose own names this process has made durable.
///
/// That a folder is there says nothing of that: the thread, or the run before, that made it may not have
/// come to syncing its parent.
#[derive(Debug, Default)]
pub struct SyncedFolders {
    known: Mutex<HashSet<PathBuf>>,
}

impl SyncedFolders {
    fn lock(&self) -> MutexGuard<'_, HashSet<PathBuf>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Makes every folder between `root` (which exists) and `folder` exist, each durable in its parent.
fn create_dirs(disk: &dyn Disk, synced: &SyncedFolders, root: &Path, folder: &Path) -> io::Result<()> {
    if folder == root || (synced.lock().contains(folder) && folder.is_dir()) {
        return Ok(());
    }
    let parent = folder.parent().ok_or_else(|| io::Error::other("a folder outside its root"))?;
    create_dirs(disk, synced, root, parent)?;
    disk.create_dir(folder)?;
    disk.sync_dir(parent)?;
    synced.lock().insert(folder.to_owned());
    Ok(())
}

/// The operating system's files.
#[derive(Debug, Clone, Copy, Default)]
pub struct RealDisk;

impl Disk for RealDisk {
    fn create_new(&self, path: &Path) -> io::Result<Box<dyn DraftFile>> {
        let file = OpenOptions::new().write(true).create_new(true).open(path)?;
        Ok(Box::new(RealFile(file)))
    }

    #[cfg(target_os = "linux")]
    fn create_large(&self, path: &Path) -> io::Result<Box<dyn DraftFile>> {
        Ok(Box::new(crate::direct::DirectFile::create_new(path)?))
    }

    fn rename_new(&self, from: &Path, to: &Path) -> io::Result<()> {
        rename_no_replace(from, to)
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        File::open(path)?.sync_all()
    }

    fn create_dir(&self, path: &Path) -> io::Result<()> {
        match std::fs::create_dir(path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => Ok(()),
            other => other,
        }
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        match std::fs::remove_file(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            other => other,
        }
    }
}

struct RealFile(File);

impl Write for RealFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

impl DraftFile for RealFile {
    fn sync(&mut self) -> io::Result<()> {
        self.0.sync_all()
    }
}

#[cfg(any(target_os = "linux", target_os = "macos"))]
fn rename_no_replace(from: &Path, to: &Path) -> io::Result<()> {
    use rustix::fs::{CWD, RenameFlags, renameat_with};
    use rustix::io::Errno;
    match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
        // Some network and FUSE file systems do not know the flag.
        Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => link_then_unlink(from, to),
        other => other.map_err(io::Error::from),
    }
}

#[cfg(not(any(target_os = "linux", target_os = "macos")))]
fn rename_no_replace(from: &Path, to: &Path) -> io::Result<()> {
    link_then_unlink(from, to)
}

/// A hard link never replaces a name; a crash between the two steps leaves the file under both names, which
/// the next start tidies.
fn link_then_unlink(from: &Path, to: &Path) -> io::Result<()> {
    std::fs::hard_link(from, to)?;
    std::fs::remove_file(from)
}
