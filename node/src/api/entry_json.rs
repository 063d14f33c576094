//! A photo of an album as the page reads it.

use std::collections::BTreeMap;

use data_encoding::BASE64;
use heirloom_identity::{AccountId, AssetId, ContentHash};
use heirloom_spaces::{Album, Entry, Reaction};
use serde::Serialize;
use utoipa::ToSchema;

use super::dates::iso;
use super::error::ApiError;
use super::names::{AuthorJson, Names};
use crate::home::Home;
use crate::sharing::originals::{OriginalState, original_state};
use crate::sharing::{facts, pictures};

/// The emoji that Immich's `like` is.
pub const HEART: &str = "❤️";

/// A photo in an album.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[expect(clippy::struct_excessive_bools, reason = "a page shows each of them")]
pub struct EntryJson {
    /// The photo, as this account knows it.
    id: String,
    /// BLAKE3 of the original.
    content: String,
    /// Who added it.
    by: AuthorJson,
    /// Whether somebody of this home added it.
    mine: bool,
    /// The name it came with.
    file_name: String,
    /// What is written under it in this album.
    caption: Option<String>,
    /// When it was taken, by a clock on the wall there, written as if it were UTC.
    taken_at: Option<String>,
    /// When it was added.
    added_at: String,
    /// Pixels across, upright; 0 when unknown.
    width: u32,
    /// Pixels down, upright; 0 when unknown.
    height: u32,
    /// Width over height.
    ratio: f64,
    /// How long it plays; null for a still.
    duration_ms: Option<u32>,
    /// The thumbhash, base64.
    thumbhash: Option<String>,
    /// The dominant colour, `#rrggbb`.
    colour: Option<String>,
    /// Whether this account marked it as a favourite.
    favourite: bool,
    /// Where the original is.
    original: OriginalState,
    /// Whether its small picture is here.
    thumb: bool,
    /// How many comments there are.
    comments: u64,
    /// How often each emoji was given.
    reactions: BTreeMap<String, u64>,
    /// Whether this account's heart is among them.
    liked: bool,
}

/// Describes entries of an album to one account.
///
/// # Errors
/// When something cannot be read.
pub fn entries_json(
    home: &Home,
    names: &Names,
    account: &AccountId,
    album: &Album,
    entries: &[Entry],
) -> Result<Vec<EntryJson>, ApiError> {
    let told = home.albums.names(&album.space)?;
    let assets: Vec<AssetId> =
        entries.iter().map(|entry| AssetId::derive(account, &entry.facts.content)).collect();
    let favourites = home.catalog().favourites(&assets)?;
    let contents: Vec<ContentHash> = entries.iter().map(|entry| entry.facts.content).collect();
    let mut talk = home.albums.talk_counts(&album.space, &contents)?;
    let described = entries.iter().zip(&assets).map(|(entry, asset)| {
        let facts = &entry.facts;
        let (comments, reactions) = talk.remove(&facts.content).unwrap_or_default();
        let liked = reactions.contains_key(HEART) && likes(home, names, account, album, &facts.content)?;
        let known = facts.width > 0 && facts.height > 0;
        Ok(EntryJson {
            id: asset.to_string(),
            content: facts.content.to_string(),
            by: names.author(&told, &entry.by, Some(&facts.owner)),
            mine: entry.by == names.us,
            file_name: facts.file_name.clone(),
            caption: entry.caption.clone(),
            taken_at: facts.taken_local_ms.map(iso),
            added_at: iso(facts.added_at_ms),
            width: facts.width,
            height: facts.height,
            ratio: if known { f64::from(facts.width) / f64::from(facts.height) } else { 1.5 },
            duration_ms: facts.duration_ms,
            thumbhash: Some(BASE64.encode(&facts.thumbhash)).filter(|hash| !hash.is_empty()),
            colour: facts.colour.map(|[red, green, blue]| format!("#{red:02x}{green:02x}{blue:02x}")),
            favourite: favourites.contains(asset),
            original: original_state(home, album, entry)?,
            thumb: has_thumbnail(home, names, entry),
            comments,
            reactions,
            liked,
        })
    });
    described.collect()
}

fn has_thumbnail(home: &Home, names: &Names, entry: &Entry) -> bool {
    let Some(blob) = entry.facts.thumbnail else { return false };
    if pictures::place(home, &blob.hash).is_file() {
        return true;
    }
    let own = || home.derivatives(&entry.facts.content).thumbnail.is_file();
    entry.by == names.us && (own() || facts::own_picture(home, &entry.facts.content, &blob.hash).is_some())
}

/// Whether the account gave the entry a heart.
fn likes(
    home: &Home,
    names: &Names,
    account: &AccountId,
    album: &Album,
    content: &ContentHash,
) -> Result<bool, ApiError> {
    let given = home.albums.reactions(&album.space, Some(content))?;
    let own = |given: &Reaction| given.by == names.us && given.account == *account && given.emoji == HEART;
    Ok(given.iter().any(own))
}
