//! The home's own files into the vault: its databases as they stand at one moment, its settings, which pictures belong to
//! which photo, and which disks and buckets hold copies.
//!
//! A file is cut into chunks of 64 KiB, each named by its hash. SQLite changes a page where it stands, so a chunk in which
//! nothing changed is in a pack already, and a backup after a few photos is small.
//!
//! The catalog is copied before the decisions and these before the ledger: whatever a copy speaks of is in the next one.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;
use heirloom_identity::ContentHash;
use heirloom_store::copy_database;
use heirloom_vault::{BlobKind, FileSnapshot};

use super::known_places::{KnownPlaces, PLACES};
use super::packing::Packing;
use crate::home::Home;

/// How large a chunk is, but the last of a file.
pub const CHUNK_BYTES: u32 = 64 << 10;
/// The file that says which thumbnail and preview belong to which original: records of 96 bytes, three hashes each, zeros
/// for a picture that is not made; in the order in which the photos came.
pub const PICTURES: &str = "pictures";
/// The settings that a person made.
pub const CONFIG: &str = "config.toml";
/// Photos that are read in one go.
const BATCH: usize = 4_096;

/// The names of the databases that are copied, in the order of copying.
pub const DATABASES: [&str; 3] = ["catalog.sqlite", "spaces.sqlite", "home.sqlite"];

/// Copies everything and packs what is new; returns what the manifest says of the files.
///
/// # Errors
/// When a file cannot be copied, or a pack not be recorded.
pub(super) fn take(packing: &mut Packing) -> anyhow::Result<Vec<FileSnapshot>> {
    let home = &Arc::clone(packing.home());
    let folder = home.layout.vault().join("copies");
    std::fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let mut files = Vec::new();
    for name in DATABASES {
        let (from, copy) = (database(home, name), folder.join(name));
        copy_database(&from, &copy).with_context(|| format!("cannot copy {}", from.display()))?;
        let opened = File::open(&copy).with_context(|| format!("cannot read {}", copy.display()))?;
        files.push(cut(home, packing, name, opened)?);
        // Only its chunks are wanted; a copy that stays is replaced by the next.
        std::fs::remove_file(&copy).unwrap_or_default();
    }
    files.push(cut(home, packing, PICTURES, Pictures::of(home))?);
    let settings = home.layout.config();
    let opened = File::open(&settings).with_context(|| format!("cannot read {}", settings.display()))?;
    files.push(cut(home, packing, CONFIG, opened)?);
    let places = toml::to_string(&KnownPlaces::of(home)?).context("the places cannot be written down")?;
    files.push(cut(home, packing, PLACES, places.as_bytes())?);
    packing.flush()?;
    files.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(files)
}

fn database(home: &Home, name: &str) -> PathBuf {
    match name {
        "catalog.sqlite" => home.layout.catalog_db(),
        "spaces.sqlite" => home.layout.spaces_db(),
        _ => home.layout.root().join(Path::new(name)),
    }
}

/// Cuts a file into chunks and packs those that are in no pack.
fn cut(
    home: &Home,
    packing: &mut Packing,
    name: &str,
    mut reader: impl Read,
) -> anyhow::Result<FileSnapshot> {
    let mut file =
        FileSnapshot { name: name.to_owned(), bytes: 0, chunk_bytes: CHUNK_BYTES, chunks: Vec::new() };
    let mut buffer = vec![0; CHUNK_BYTES as usize];
    loop {
        let filled =
            fill(&mut reader, &mut buffer).with_context(|| format!("cannot read the copy of {name}"))?;
        if filled == 0 {
            return Ok(file);
        }
        let chunk = &buffer[..filled];
        let blob = ContentHash::of(chunk);
        if !home.vault.store.has(&blob)? {
            packing.add(BlobKind::Table, blob, filled as u64, &mut &*chunk)?;
        }
        file.bytes += filled as u64;
        file.chunks.push(blob);
    }
}

/// Fills the buffer as far as there is something to read.
fn fill(reader: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match reader.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

/// The records of [`PICTURES`], read from the store as they are asked for.
struct Pictures<'a> {
    home: &'a Home,
    after: i64,
    ready: io::Cursor<Vec<u8>>,
}

impl<'a> Pictures<'a> {
    fn of(home: &'a Home) -> Self {
        Self { home, after: 0, ready: io::Cursor::default() }
    }

    fn next(&mut self) -> io::Result<()> {
        let photos = self.home.vault.store.pictures_after(self.after, BATCH).map_err(io::Error::other)?;
        let mut records = Vec::with_capacity(photos.len() * 96);
        for photo in &photos {
            let zeros = ContentHash::from_bytes([0; 32]);
            records.extend(photo.picture.content.as_bytes());
            records.extend(photo.picture.thumbnail.unwrap_or(zeros).as_bytes());
            records.extend(photo.picture.preview.unwrap_or(zeros).as_bytes());
        }
        self.after = photos.last().map_or(self.after, |photo| photo.number);
        self.ready = io::Cursor::new(records);
        Ok(())
    }
}

impl Read for Pictures<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.ready.read(buffer)?;
        if count > 0 || buffer.is_empty() {
            return Ok(count);
        }
        self.next()?;
        self.ready.read(buffer)
    }
}
