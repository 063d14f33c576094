//! `heirloom export`: every original as a plain file with an XMP sidecar beside it, readable without
//! Heirloom.
//!
//! Layout: `DIR/<account>/<path as in the library>` and the same path with `.xmp` added. Bytes that an account
//! has in common with another, in whose folder they lie, come as `DIR/<account>/shared/<path>`. Albums follow as folders of
//! their own ([`super::export_albums`]). Files that are there with the right size are not copied again, so an interrupted
//! export goes on where it was. Every copy is compared with its hash while it is written.

use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, bail};
use heirloom_catalog::{AssetRef, DatedBy};
use heirloom_identity::{ContentHash, Hasher};
use serde::{Deserialize, Serialize};

use super::xmp::{Sidecar, sidecar};
use crate::home::Home;
use crate::ledger::assets::Entry;

const BATCH: u32 = 1_000;

/// One file of the report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exported {
    /// Below the target folder.
    pub path: String,
    /// `copied`, `there` or `failed`.
    pub outcome: String,
    /// Why it failed, and what to do.
    pub reason: Option<String>,
}

/// The last line of the report.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summary {
    /// Always true.
    pub done: bool,
    /// Originals copied.
    pub copied: u64,
    /// Originals that were there.
    pub there: u64,
    /// Originals that could not be copied.
    pub failed: u64,
    /// Bytes copied.
    pub bytes: u64,
}

/// Exports everything to a folder outside the home. `report` may answer `false` to stop.
///
/// # Errors
/// When the folder cannot be used, or the ledger cannot be read; a single bad original is a line of the report.
pub fn export(
    home: &Arc<Home>,
    to: &Path,
    report: &mut dyn FnMut(&Exported) -> bool,
) -> anyhow::Result<Summary> {
    std::fs::create_dir_all(to).with_context(|| format!("cannot create {}", to.display()))?;
    if to.canonicalize()?.starts_with(home.layout.root().canonicalize()?) {
        bail!("{} lies inside the home; choose a folder outside of it", to.display());
    }
    let slugs: std::collections::HashMap<_, _> =
        home.ledger.accounts()?.into_iter().map(|account| (account.id, account.slug)).collect();
    let mut summary = Summary { done: true, ..Summary::default() };
    let mut after = 0;
    loop {
        let entries = home.ledger.entries_after(after, BATCH)?;
        let Some(last) = entries.last() else { break };
        after = last.seq;
        for entry in &entries {
            let slug = slugs.get(&entry.account).map_or("unknown", String::as_str);
            let path = own_path(slug, &entry.file.path);
            let outcome = export_one(home, entry, to, &path);
            if !report(&count(&mut summary, entry.file.bytes, path, outcome)) {
                return Ok(summary);
            }
        }
    }
    super::export_albums::export_albums(home, to, &mut |path, bytes, outcome| {
        report(&count(&mut summary, bytes, path, outcome))
    })?;
    Ok(summary)
}

/// The stored path, which begins with the owner's folder; below `shared` where another account's file holds
/// the bytes, so that no two originals meet under one name.
pub(super) fn own_path(slug: &str, stored: &str) -> String {
    match stored.split_once('/') {
        Some((folder, _)) if folder == slug => stored.to_owned(),
        _ => format!("{slug}/shared/{stored}"),
    }
}

fn count(summary: &mut Summary, bytes: u64, path: String, outcome: anyhow::Result<bool>) -> Exported {
    let (outcome, reason) = match outcome {
        Ok(true) => {
            summary.copied += 1;
            summary.bytes += bytes;
            ("copied", None)
        }
        Ok(false) => {
            summary.there += 1;
            ("there", None)
        }
        Err(error) => {
            summary.failed += 1;
            ("failed", Some(format!("{error:#}")))
        }
    };
    Exported { path, outcome: outcome.to_owned(), reason }
}

/// Copies one original unless it is there, and writes its sidecar; says whether it was copied.
fn export_one(home: &Home, entry: &Entry, to: &Path, path: &str) -> anyhow::Result<bool> {
    let target = to.join(path);
    let folder = target.parent().context("a file needs a folder")?;
    std::fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
    let there = std::fs::metadata(&target).is_ok_and(|meta| meta.len() == entry.file.bytes);
    if !there {
        copy(&home.layout.original(&entry.file.path), &entry.file.hashes.content, &target)?;
    }
    write_sidecar(home, entry, &target)?;
    Ok(!there)
}

/// Copies a file whose bytes have this hash.
pub(super) fn copy(original: &Path, content: &ContentHash, target: &Path) -> anyhow::Result<()> {
    let mut from = File::open(original)
        .with_context(|| format!("cannot read {}; run `heirloom doctor`", original.display()))?;
    let draft = with_ending(target, "part");
    let writing = || format!("cannot write {}", target.display());
    let mut file = File::create(&draft).with_context(writing)?;
    let mut hasher = Hasher::new();
    let mut buffer = vec![0; 1 << 20];
    loop {
        match from.read(&mut buffer).with_context(|| format!("cannot read {}", original.display()))? {
            0 => break,
            count => {
                hasher.update(&buffer[..count]);
                file.write_all(&buffer[..count]).with_context(writing)?;
            }
        }
    }
    file.sync_all().with_context(writing)?;
    if hasher.finish().content != *content {
        std::fs::remove_file(&draft).with_context(writing)?;
        bail!("{} is damaged: its bytes are not those that came; run `heirloom doctor`", original.display());
    }
    std::fs::rename(&draft, target).with_context(writing)?;
    if let Ok(modified) = std::fs::metadata(original).and_then(|meta| meta.modified()) {
        // The date of the copy is a convenience; the dates that matter are in the file and its sidecar.
        file.set_modified(modified).unwrap_or_default();
    }
    Ok(())
}

fn write_sidecar(home: &Home, entry: &Entry, target: &Path) -> anyhow::Result<()> {
    let Some(detail) = home.catalog().asset(&AssetRef::Uuid(entry.asset))? else { return Ok(()) };
    let known = Sidecar {
        caption: detail.caption.as_deref(),
        rating: detail.rating,
        favourite: detail.favourite,
        taken: (detail.dated_by != DatedBy::File).then_some((detail.taken_local_ms, detail.offset_minutes)),
        place: detail.latitude.zip(detail.longitude),
    };
    let path = with_ending(target, "xmp");
    let text = sidecar(&known);
    match std::fs::read(&path) {
        Ok(before) if before == text.as_bytes() => Ok(()),
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot read {}", path.display()))
        }
        _ => std::fs::write(&path, text).with_context(|| format!("cannot write {}", path.display())),
    }
}

pub(super) fn with_ending(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".");
    name.push(ending);
    path.with_file_name(name)
}
