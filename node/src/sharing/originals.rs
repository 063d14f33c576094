//! Originals of other homes: where one is, and its place under `library/shared/`.
//!
//! They are plain files in a folder for each album, named like the household's own: the name that they came with,
//! with a number where two collide. Nothing is ever overwritten.

use std::io;
use std::path::{Path, PathBuf};

use heirloom_identity::ContentHash;
use heirloom_spaces::{Album, Entry};
use heirloom_store::{StoreError, place_new};
use serde::Serialize;
use utoipa::ToSchema;

use crate::clock;
use crate::home::{Home, library};
use crate::ingest::naming;
use crate::ledger::shared_files::SharedFile;

/// The folder below `library/` that holds what other homes added to albums.
pub const FOLDER: &str = "shared";
/// Names tried before giving up on a folder full of twins.
const NAMES_TRIED_MAX: usize = 100_000;
/// Bytes of an original that are looked at for its format.
const SNIFF_BYTES: usize = 512;

/// Where an original is, as seen from here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum OriginalState {
    /// On this home's disk.
    Here,
    /// In another home, which can be asked for it.
    Remote,
    /// Not here, and nobody can be asked.
    None,
}

/// Why an original did not get its place.
#[derive(Debug, thiserror::Error)]
pub enum PlaceError {
    /// The disk failed.
    #[error(transparent)]
    Disk(#[from] io::Error),
    /// The ledger failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Where an entry's original is; `album` is the one it stands in.
///
/// # Errors
/// When the ledger cannot be read.
pub fn original_state(home: &Home, album: &Album, entry: &Entry) -> Result<OriginalState, StoreError> {
    if here(home, &entry.facts.content)?.is_some() {
        return Ok(OriginalState::Here);
    }
    let others = album.membership.members.len() > 1 && album.our_role.is_some();
    Ok(if others { OriginalState::Remote } else { OriginalState::None })
}

/// An original that lies on this home's disk, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Here {
    /// The file.
    pub path: PathBuf,
    /// Its size.
    pub bytes: u64,
    /// Its media type.
    pub mime: String,
}

/// The file with these bytes, the household's own or one of another home that is kept.
///
/// # Errors
/// When the ledger cannot be read.
pub fn here(home: &Home, content: &ContentHash) -> Result<Option<Here>, StoreError> {
    if let Some(file) = home.ledger.file(content)?.filter(|file| home.has_original(file)) {
        let path = home.layout.original(&file.path);
        return Ok(Some(Here { path, bytes: file.bytes, mime: file.mime }));
    }
    let Some(file) = home.ledger.shared_file(content)? else { return Ok(None) };
    let path = home.layout.original(&file.path);
    let whole = std::fs::metadata(&path).is_ok_and(|meta| meta.is_file() && meta.len() == file.bytes);
    Ok(whole.then_some(Here { path, bytes: file.bytes, mime: file.mime }))
}

/// Gives an original of another home its place, durably. Its bytes were verified and are on the medium. That it came
/// through the album is for the caller to record.
///
/// # Errors
/// See [`PlaceError`]; the draft then still lies where it was.
pub fn keep(home: &Home, album: &Album, entry: &Entry, draft: &Path) -> Result<(), PlaceError> {
    let facts = &entry.facts;
    if home.is_library_away()? {
        return Err(io::Error::other(library::AWAY).into());
    }
    let _claim = home.claims.content(facts.content);
    let format = sniff(draft)?;
    let wanted = slug(&album.title);
    let folder = format!("{FOLDER}/{}", home.ledger.album_folder(album.space, wanted)?);
    let extension = format.map_or("", heirloom_media::Format::extension);
    for path in naming::candidates(&folder, &facts.file_name, extension).take(NAMES_TRIED_MAX) {
        let Some(_name) = home.claims.path(&path) else { continue };
        if home.ledger.path_taken(&path)? || is_anothers(home, &path, &facts.content)? {
            continue;
        }
        let target = home.layout.original(&path);
        let library = home.layout.library();
        match place_new(home.disk.as_ref(), &home.folders, &library, draft, &target) {
            Ok(()) => {}
            // A run that ended between placing and recording may have left these very bytes here.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                if !is_same(&target, &facts.content, facts.bytes)? {
                    continue;
                }
                home.disk.sync_dir(target.parent().unwrap_or(&target))?;
                home.disk.remove(draft)?;
            }
            Err(error) => return Err(error.into()),
        }
        let mime = format.map_or("application/octet-stream", heirloom_media::Format::mime).to_owned();
        let file = SharedFile { content: facts.content, space: album.space, bytes: facts.bytes, mime, path };
        home.ledger.record_shared_file(file, clock::now_ms())?;
        return Ok(());
    }
    Err(io::Error::other("too many files of that name").into())
}

/// Whether a name belongs to other bytes that are kept.
fn is_anothers(home: &Home, path: &str, content: &ContentHash) -> Result<bool, StoreError> {
    if !home.ledger.shared_path_taken(path)? {
        return Ok(false);
    }
    Ok(home.ledger.shared_file(content)?.is_none_or(|file| file.path != path))
}

fn is_same(target: &Path, content: &ContentHash, bytes: u64) -> io::Result<bool> {
    if !std::fs::metadata(target).is_ok_and(|meta| meta.is_file() && meta.len() == bytes) {
        return Ok(false);
    }
    let (hashes, _) = crate::ingest::keep::hash_file(target)?;
    if hashes.content != *content {
        return Ok(false);
    }
    std::fs::File::open(target)?.sync_all()?;
    Ok(true)
}

fn sniff(draft: &Path) -> io::Result<Option<heirloom_media::Format>> {
    use std::io::Read;
    let mut head = Vec::with_capacity(SNIFF_BYTES);
    let limit = u64::try_from(SNIFF_BYTES).unwrap_or(u64::MAX);
    std::fs::File::open(draft)?.take(limit).read_to_end(&mut head)?;
    Ok(heirloom_media::sniff(&head))
}

/// An album's title as a folder's name.
pub fn slug(title: &str) -> String {
    const CHARS_MAX: usize = 60;
    let kept: String = title.chars().take(CHARS_MAX).collect();
    naming::safe_name(&kept.replace(['/', '\\'], "-"), "").trim_matches([' ', '.']).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_title_becomes_a_folder() {
        let check = |title: &str, folder: &str| assert_eq!(slug(title), folder, "{title:?}");
        check("Sommer 2026", "Sommer 2026");
        check("AC/DC: live?", "AC-DC_ live_");
        check("../../etc", "-..-etc");
        check("..", "photo");
        check("", "photo");
        check(&"x".repeat(500), &"x".repeat(60));
    }
}
