//! What an album is told about an own photo, and the files that go with it.

use std::path::{Path, PathBuf};

use heirloom_catalog::{AssetDetail, AssetRef, CatalogError, DatedBy, Kind, State};
use heirloom_identity::ContentHash;
use heirloom_spaces::{Blob, EntryFacts};

use super::pictures;
use crate::clock;
use crate::home::Home;
use crate::ingest::naming;
use crate::ledger::assets::Entry;
use crate::workers::cache::is_whole;

/// Longest thumbhash that an album takes, in bytes.
const THUMBHASH_BYTES_MAX: usize = 64;
/// Longest file name that an album takes, in bytes.
const FILE_NAME_BYTES_MAX: usize = 255;
/// Longest make or model of a camera that an album takes, in bytes.
const CAMERA_BYTES_MAX: usize = 64;

/// What is known of a photo that goes into an album.
#[derive(Debug)]
pub enum Known {
    /// Everything.
    Ready(Box<EntryFacts>),
    /// Its pictures are still to be made.
    NotYet,
}

/// Gathers what an album is told about a photo, and sets its pictures aside under their own hashes, so that they can
/// be handed on byte for byte even when they are made anew. A photo that no picture can be made of goes without.
///
/// # Errors
/// When the catalog fails.
pub fn of(home: &Home, entry: &Entry) -> Result<Known, CatalogError> {
    let Some(detail) = home.catalog().asset(&AssetRef::Uuid(entry.asset))? else { return Ok(Known::NotYet) };
    let (thumbnail, preview) = match detail.state {
        State::Pending => return Ok(Known::NotYet),
        State::Failed => (None, None),
        State::Derived => {
            let places = home.derivatives(&detail.content);
            let blobs = blob(home, &places.thumbnail).zip(blob(home, &places.preview));
            let Some((thumbnail, preview)) = blobs else {
                home.catalog().derive_again(entry.seq, clock::now_ms())?;
                home.work.wake();
                return Ok(Known::NotYet);
            };
            (Some(thumbnail), Some(preview))
        }
    };
    Ok(Known::Ready(Box::new(EntryFacts { thumbnail, preview, ..plain(entry, &detail) })))
}

fn plain(entry: &Entry, detail: &AssetDetail) -> EntryFacts {
    let dated = detail.dated_by != DatedBy::File;
    let place = detail.latitude.zip(detail.longitude);
    let thumbhash = detail.thumbhash.clone().filter(|hash| hash.len() <= THUMBHASH_BYTES_MAX);
    EntryFacts {
        content: detail.content,
        bytes: detail.bytes,
        mime: detail.mime.clone(),
        file_name: within(&naming::safe_name(&detail.file_name, ""), FILE_NAME_BYTES_MAX),
        owner: entry.account,
        added_at_ms: clock::now_ms(),
        taken_local_ms: dated.then_some(detail.taken_local_ms),
        offset_minutes: detail.offset_minutes.filter(|_| dated),
        width: detail.width.unwrap_or(0),
        height: detail.height.unwrap_or(0),
        duration_ms: (detail.kind == Kind::Video).then_some(detail.duration_ms),
        thumbhash: thumbhash.unwrap_or_default(),
        colour: detail.colour,
        latitude: place.map(|place| place.0),
        longitude: place.map(|place| place.1),
        make: detail.make.as_deref().map(|make| within(make, CAMERA_BYTES_MAX)),
        model: detail.model.as_deref().map(|model| within(model, CAMERA_BYTES_MAX)),
        thumbnail: None,
        preview: None,
    }
}

/// As much of a text as an album takes.
fn within(text: &str, bytes_max: usize) -> String {
    let mut end = text.len().min(bytes_max);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text[..end].to_owned()
}

/// A picture of the cache as an album names it; none when it is missing or torn.
fn blob(home: &Home, path: &Path) -> Option<Blob> {
    let bytes = std::fs::read(path).ok().filter(|bytes| is_whole(bytes))?;
    let blob = Blob { hash: ContentHash::of(&bytes), bytes: u32::try_from(bytes.len()).ok()? };
    pictures::set_aside(home, path, &blob.hash);
    Some(blob)
}

/// The file with this hash among the pictures of an own photo: where it was set aside, or else in the cache, if what
/// is there still has that hash.
pub fn own_picture(home: &Home, content: &ContentHash, hash: &ContentHash) -> Option<PathBuf> {
    let aside = pictures::place(home, hash);
    if aside.is_file() {
        return Some(aside);
    }
    let places = home.derivatives(content);
    let same = |path: &PathBuf| std::fs::read(path).is_ok_and(|bytes| ContentHash::of(&bytes) == *hash);
    let found = [places.thumbnail, places.preview].into_iter().find(same)?;
    pictures::set_aside(home, &found, hash);
    Some(found)
}
