//! Bytes of blobs that lie in this home: originals in the library, pictures in the cache.

use std::fs::File;
use std::io::{self, ErrorKind, Read, Seek, SeekFrom};
use std::path::PathBuf;

use heirloom_identity::ContentHash;
use heirloom_vault::store::PhotoNow;
use heirloom_vault::{BlobKind, Entry};

use crate::home::Home;
use crate::workers::cache::is_whole;

/// Opens exactly the bytes of an entry's piece.
///
/// # Errors
/// `NotFound` when they are not here; else what the system says. That they are still the right ones is for whoever
/// asked to find out.
pub fn piece(home: &Home, entry: &Entry) -> io::Result<Box<dyn Read>> {
    let mut file = open(home, entry.kind, &entry.blob, entry.size)?;
    if entry.at > 0 {
        file.seek(SeekFrom::Start(entry.at))?;
    }
    Ok(Box::new(file.take(entry.bytes.into())))
}

/// Opens a whole blob.
///
/// # Errors
/// As [`piece`].
pub fn blob(home: &Home, kind: BlobKind, blob: &ContentHash, size: u64) -> io::Result<impl Read + use<>> {
    Ok(open(home, kind, blob, size)?.take(size))
}

fn open(home: &Home, kind: BlobKind, blob: &ContentHash, size: u64) -> io::Result<File> {
    let path = match kind {
        BlobKind::Original => {
            let file = home.ledger.file(blob).map_err(io::Error::other)?;
            home.layout.original(&file.ok_or(ErrorKind::NotFound)?.path)
        }
        BlobKind::Thumbnail | BlobKind::Preview => {
            let photos = home.vault.store.pictures_with(blob).map_err(io::Error::other)?;
            let has_size = |path: &PathBuf| std::fs::metadata(path).is_ok_and(|meta| meta.len() == size);
            let mut paths = photos.iter().map(|photo| picture_path(home, photo, kind));
            paths.find(has_size).ok_or(ErrorKind::NotFound)?
        }
        BlobKind::Root | BlobKind::Segment | BlobKind::Table => return Err(ErrorKind::NotFound.into()),
    };
    File::open(path)
}

/// Where a photo's picture lies in the cache.
pub fn picture_path(home: &Home, photo: &PhotoNow, kind: BlobKind) -> PathBuf {
    let places = home.derivatives(&photo.picture.content);
    if kind == BlobKind::Preview { places.preview } else { places.thumbnail }
}

/// A picture from the cache, if it is there and whole.
pub fn picture(home: &Home, photo: &PhotoNow, kind: BlobKind) -> Option<Vec<u8>> {
    let bytes = std::fs::read(picture_path(home, photo, kind)).ok()?;
    is_whole(&bytes).then_some(bytes)
}
