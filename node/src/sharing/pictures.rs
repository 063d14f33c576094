//! Thumbnails and previews of other homes: where they lie, and what they must be to lie there.
//!
//! They are kept under their own hash, apart from the pictures that this home makes itself, so that no album can put
//! a picture of its choice in the place of ours. A picture from another home is never trusted: it must be a JPEG or
//! WebP, within limits, and decode.

use std::io;
use std::path::{Path, PathBuf};

use heirloom_identity::ContentHash;
use heirloom_media::{Failure, Format, Limits};

use crate::home::Home;
use crate::ledger::shared_files::FileKind;
use crate::workers::cache::is_whole;

/// The folder of the cache that holds them.
pub const FOLDER: &str = "shared";
/// Largest thumbnail that is fetched, in bytes.
pub const THUMBNAIL_BYTES_MAX: u32 = 1 << 20;
/// Largest preview that is fetched, in bytes.
pub const PREVIEW_BYTES_MAX: u32 = 16 << 20;

/// Why a picture was not taken in.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// It is no picture, or too large a one.
    #[error("it cannot be shown: {0}")]
    Picture(#[from] Failure),
    /// It is a picture of another format.
    #[error("it is a {0}, not a JPEG or WebP")]
    Format(&'static str),
    /// It is cut off, or something follows it.
    #[error("it ends where no picture ends")]
    Torn,
    /// The disk failed.
    #[error(transparent)]
    Disk(#[from] io::Error),
}

/// Where a picture with this hash lies, if it is here.
pub fn place(home: &Home, hash: &ContentHash) -> PathBuf {
    let hex = hash.to_string();
    home.layout.cache().join(FOLDER).join(&hex[..2]).join(&hex[2..4]).join(hex)
}

/// Whether a picture of this size may be fetched at all.
pub fn is_fair(kind: FileKind, bytes: u32) -> bool {
    match kind {
        FileKind::Thumbnail => bytes <= THUMBNAIL_BYTES_MAX,
        FileKind::Preview => bytes <= PREVIEW_BYTES_MAX,
        FileKind::Original => true,
    }
}

/// Takes a picture in whose bytes were verified against its hash: looks at it, and gives it its place. The draft is
/// gone afterwards, whatever happens.
///
/// # Errors
/// See [`Refused`].
pub fn take_in(home: &Home, kind: FileKind, hash: &ContentHash, draft: &Path) -> Result<(), Refused> {
    let taken = look(kind, draft).and_then(|()| Ok(move_to(draft, &place(home, hash))?));
    if taken.is_err() {
        std::fs::remove_file(draft).unwrap_or_default();
    }
    taken
}

fn look(kind: FileKind, draft: &Path) -> Result<(), Refused> {
    let bytes = std::fs::read(draft)?;
    let (format, _, _) = heirloom_media::check(&bytes, &limits(kind))?;
    if !is_whole(&bytes) {
        return Err(Refused::Torn);
    }
    match format {
        Format::Jpeg | Format::Webp => Ok(()),
        Format::Png | Format::Gif | Format::Heic => Err(Refused::Format(format.name())),
    }
}

/// What a picture may take to look at; a panorama's thumbnail is long.
fn limits(kind: FileKind) -> Limits {
    let (bytes, pixels) = match kind {
        FileKind::Thumbnail => (THUMBNAIL_BYTES_MAX, 8_000_000),
        FileKind::Preview | FileKind::Original => (PREVIEW_BYTES_MAX, 16_000_000),
    };
    Limits { pixels_max: pixels, bytes_max: bytes.into(), memory_max: 256 << 20 }
}

fn move_to(draft: &Path, target: &Path) -> io::Result<()> {
    std::fs::create_dir_all(target.parent().unwrap_or(Path::new("/")))?;
    std::fs::rename(draft, target)
}

/// Keeps a picture of an own photo under its hash, so that it stays what albums say it is when another one is made.
/// It costs no space where the file system knows links. Failing is fine: it is found by its hash when it is asked for.
pub fn set_aside(home: &Home, path: &Path, hash: &ContentHash) {
    let target = place(home, hash);
    if target.is_file() {
        return;
    }
    let link = || -> io::Result<()> {
        std::fs::create_dir_all(target.parent().unwrap_or(Path::new("/")))?;
        std::fs::hard_link(path, &target)
    };
    if let Err(error) = link() {
        tracing::debug!(%error, "a picture is not set aside for albums");
    }
}
