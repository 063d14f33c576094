//! An original back into the library, under the path that the ledger says.
//!
//! Whatever stands there and is not the original is moved to `damaged/` first, never deleted: a photo whose bits rotted may
//! still show most of itself. The new bytes are on the disk, synced and checked, before anything is moved.

use std::io::{self, ErrorKind, Write};
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context;
use data_encoding::HEXLOWER;
use heirloom_catalog::{AssetRef, State};
use heirloom_identity::ContentHash;
use heirloom_store::{Disk, DraftFile, place_new};

use crate::clock;
use crate::home::events::Event;
use crate::home::{Home, library};
use crate::ingest::draft::DRAFT_ENDING;
use crate::ingest::keep::hash_file;
use crate::ledger::assets::StoredFile;

/// Names that are tried in `damaged/`.
const NAMES_TRIED_MAX: u32 = 10_000;

/// An original that is coming; removed on drop unless it was put back.
pub struct Part {
    disk: Arc<dyn Disk>,
    path: PathBuf,
    file: Option<Box<dyn DraftFile>>,
    placed: bool,
}

/// What became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Back {
    /// It lies in the library; what stood in its place was moved here.
    Placed(Option<PathBuf>),
    /// It was there already.
    WasThere,
    /// The ledger does not know it.
    Unknown,
}

impl Part {
    /// Begins a file in the inbox; one that a crash leaves there is removed at the next start.
    ///
    /// # Errors
    /// What the system says.
    pub fn begin(home: &Home) -> io::Result<Self> {
        let name = HEXLOWER.encode(&crate::random::bytes::<16>().map_err(io::Error::other)?);
        let path = home.layout.inbox().join(format!("{name}.{DRAFT_ENDING}"));
        let file = Some(home.disk.create_new(&path)?);
        Ok(Self { disk: Arc::clone(&home.disk), path, file, placed: false })
    }

    fn finish(&mut self) -> io::Result<()> {
        let Some(mut file) = self.file.take() else { return Ok(()) };
        file.flush()?;
        file.sync()
    }
}

impl Write for Part {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.as_mut().ok_or_else(|| io::Error::other("the file is finished"))?.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.as_mut().map_or(Ok(()), |file| file.flush())
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        if !self.placed {
            drop(self.file.take());
            if let Err(error) = self.disk.remove(&self.path) {
                tracing::debug!(%error, "a file that was fetched stays in the inbox until the next start");
            }
        }
    }
}

/// Puts an original back whose bytes were checked; returns when its name is durable.
///
/// # Errors
/// When the ledger cannot be read, or what the system says; nothing is lost then.
pub fn put_back(home: &Home, content: &ContentHash, mut part: Part) -> anyhow::Result<Back> {
    anyhow::ensure!(!home.is_library_away()?, library::AWAY);
    part.finish().context("cannot write a photo that came back")?;
    let claim = home.claims.content(*content);
    let Some(file) = home.ledger.file(content)? else { return Ok(Back::Unknown) };
    let target = home.layout.original(&file.path);
    if is_whole(home, &file) {
        return Ok(Back::WasThere);
    }
    let set_aside = set_aside(home, &file)?;
    let library = home.layout.library();
    place_new(home.disk.as_ref(), &home.folders, &library, &part.path, &target)
        .with_context(|| format!("cannot put {} back", target.display()))?;
    part.placed = true;
    drop(claim);
    announce(home, content);
    Ok(Back::Placed(set_aside))
}

/// Whether the file that the ledger names holds exactly the original.
pub fn is_whole(home: &Home, file: &StoredFile) -> bool {
    home.has_original(file)
        && hash_file(&home.layout.original(&file.path))
            .is_ok_and(|(hashes, _)| hashes.content == file.hashes.content)
}

/// Moves what stands in an original's place to `damaged/`, under the same path and the first free name.
fn set_aside(home: &Home, file: &StoredFile) -> anyhow::Result<Option<PathBuf>> {
    let from = home.layout.original(&file.path);
    match std::fs::symlink_metadata(&from) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error).with_context(|| format!("cannot look at {}", from.display())),
        Ok(_) => {}
    }
    let place = home.layout.damaged().join(&file.path);
    for number in 0..NAMES_TRIED_MAX {
        let mut name = place.clone().into_os_string();
        if number > 0 {
            name.push(format!(".{number}"));
        }
        let name = PathBuf::from(name);
        match place_new(home.disk.as_ref(), &home.folders, home.layout.root(), &from, &name) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            Err(error) => {
                return Err(error).with_context(|| format!("cannot move {} aside", from.display()));
            }
            Ok(()) => {
                // The old name must be gone for good before the new file gets it.
                home.disk.sync_dir(from.parent().unwrap_or(&from))?;
                return Ok(Some(name));
            }
        }
    }
    anyhow::bail!(
        "too many damaged files of the name {} lie in {}",
        file.path,
        home.layout.damaged().display()
    )
}

/// Tells open pages, and has pictures made that could not be made without the original.
fn announce(home: &Home, content: &ContentHash) {
    let catalog = home.catalog();
    for entry in home.ledger.assets_of(content).unwrap_or_default() {
        let detail = catalog.asset(&AssetRef::Uuid(entry.asset)).ok().flatten();
        if detail.is_some_and(|detail| detail.state == State::Failed || detail.version == 0) {
            // If it cannot be noted now, looking at the photo asks for it again.
            drop(catalog.derive_again(entry.seq, clock::now_ms()));
            home.work.wake();
        }
        home.events.tell(Event::Asset { account: entry.account, asset: entry.asset, local_id: entry.seq });
    }
}
