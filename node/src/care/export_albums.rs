//! The albums of an export: `DIR/albums/<title>/`, with the photos of each in it and an `album.json` that says what
//! people wrote.
//!
//! A photo of the household is a second name of the file that was exported before, where the disk knows such names, and
//! a copy otherwise. One of another home is copied if its original is kept here; if not, `album.json` still names it.

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use heirloom_spaces::{Album, Entry};
use serde::Serialize;

use super::export::{copy, own_path};
use crate::home::Home;
use crate::ingest::naming;
use crate::sharing::missing::each_entry;
use crate::sharing::originals::{here, slug};

/// The folder that holds them.
const FOLDER: &str = "albums";
/// What describes an album.
const DESCRIPTION: &str = "album.json";

/// An album, readable without Heirloom.
#[derive(Serialize)]
struct Described<'a> {
    title: &'a str,
    description: &'a str,
    photos: Vec<Photo>,
}

/// A photo of it.
#[derive(Serialize)]
struct Photo {
    /// The file beside this one; none when only another home has it.
    file: Option<String>,
    name: String,
    caption: Option<String>,
    added_by: String,
    content: String,
}

/// Exports every album. `report` hears of each file (path, bytes, whether it was copied) and may answer `false` to stop.
///
/// # Errors
/// When the albums or the folder cannot be used; a single bad file is a line of the report.
pub(super) fn export_albums(
    home: &Arc<Home>,
    to: &Path,
    report: &mut dyn FnMut(String, u64, anyhow::Result<bool>) -> bool,
) -> anyhow::Result<()> {
    let mut folders = HashSet::from([DESCRIPTION.to_owned()]);
    for album in home.albums.list()? {
        let folder = format!("{FOLDER}/{}", free(&mut folders, &slug(&album.title)));
        if !export_album(home, to, &folder, &album, report)? {
            return Ok(());
        }
    }
    Ok(())
}

fn export_album(
    home: &Home,
    to: &Path,
    folder: &str,
    album: &Album,
    report: &mut dyn FnMut(String, u64, anyhow::Result<bool>) -> bool,
) -> anyhow::Result<bool> {
    let target = to.join(folder);
    std::fs::create_dir_all(&target).with_context(|| format!("cannot create {}", target.display()))?;
    let mut names = HashSet::from([DESCRIPTION.to_owned()]);
    let mut photos = Vec::new();
    let mut going_on = true;
    each_entry(home, album, |entry| {
        if !going_on {
            return Ok(());
        }
        let mut file = None;
        if here(home, &entry.facts.content)?.is_some() {
            let name = free(&mut names, &naming::safe_name(&entry.facts.file_name, ""));
            let outcome = place(home, entry, to, &target.join(&name));
            going_on = report(format!("{folder}/{name}"), entry.facts.bytes, outcome);
            file = Some(name);
        }
        photos.push(Photo {
            file,
            name: entry.facts.file_name.clone(),
            caption: entry.caption.clone(),
            added_by: entry.by.to_string(),
            content: entry.facts.content.to_string(),
        });
        Ok(())
    })?;
    let described = Described { title: &album.title, description: &album.description, photos };
    let path = target.join(DESCRIPTION);
    std::fs::write(&path, serde_json::to_vec_pretty(&described)?)
        .with_context(|| format!("cannot write {}", path.display()))?;
    Ok(going_on)
}

/// A name that is not in use here, compared without case.
fn free(used: &mut HashSet<String>, wanted: &str) -> String {
    let mut candidates = naming::candidates("", wanted, "");
    let name = candidates.find(|name| used.insert(name.trim_start_matches('/').to_lowercase()));
    name.unwrap_or_default().trim_start_matches('/').to_owned()
}

/// Puts one photo into its folder unless it is there; says whether it was copied.
fn place(home: &Home, entry: &Entry, to: &Path, target: &Path) -> anyhow::Result<bool> {
    let facts = &entry.facts;
    if std::fs::metadata(target).is_ok_and(|meta| meta.len() == facts.bytes) {
        return Ok(false);
    }
    let exported = home.ledger.file(&facts.content)?.and_then(|file| {
        let slug = file.path.split_once('/')?.0;
        Some(to.join(own_path(slug, &file.path)))
    });
    if let Some(exported) = exported.filter(|path| path.is_file())
        && std::fs::hard_link(&exported, target).is_ok()
    {
        return Ok(false);
    }
    let original = here(home, &facts.content)?.context("the original is gone; run `heirloom doctor`")?;
    copy(&original.path, &facts.content, target)?;
    Ok(true)
}
