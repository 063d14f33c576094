//! `heirloom doctor`: is every photo there and whole, and is there anything nobody can explain?
//!
//! Only looks; changes nothing. Every problem comes with advice.

use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;

use heirloom_identity::{AssetId, ContentHash};
use serde::{Deserialize, Serialize};

use crate::home::{Home, reconcile, room};
use crate::ingest::keep::hash_file;
use crate::ledger::assets::Entry;

/// Problems listed at most; the rest is counted.
pub const PROBLEMS_MAX: usize = 10_000;
/// Less free space than this is worth a word.
const FREE_BYTES_MIN: u64 = 1 << 30;
const BATCH: u32 = 1_000;

/// Something that a person should know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// `missing`, `changed`, `unreadable`, `unknown-file`, `unfinished`, `set-aside`, `database`, `decisions`,
    /// `disk`, `not-indexed`, `shared-missing`, `shared-changed`, `albums`.
    pub kind: String,
    /// The file, absolute.
    pub path: Option<String>,
    /// The photo.
    pub asset: Option<AssetId>,
    /// What to do.
    pub advice: String,
}

/// What the doctor found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Findings {
    /// Photos looked at.
    pub assets_checked: u64,
    /// Whether every byte was read and compared.
    pub verified: bool,
    /// What is wrong; empty means all is well.
    pub problems: Vec<Problem>,
    /// Problems beyond the [`PROBLEMS_MAX`] that are listed.
    pub problems_unlisted: u64,
}

impl Findings {
    fn add(&mut self, kind: &str, path: Option<&Path>, asset: Option<AssetId>, advice: impl Into<String>) {
        if self.problems.len() >= PROBLEMS_MAX {
            self.problems_unlisted += 1;
            return;
        }
        let path = path.map(|path| path.display().to_string());
        self.problems.push(Problem { kind: kind.to_owned(), path, asset, advice: advice.into() });
    }
}

/// Examines a home. With `verify`, reads every original and compares it with its hash. `progress` is told
/// how many photos were looked at and may answer `false` to stop.
///
/// # Errors
/// When the ledger cannot be read at all; everything else is a finding.
pub fn examine(
    home: &Arc<Home>,
    verify: bool,
    progress: &mut dyn FnMut(u64) -> bool,
) -> anyhow::Result<Findings> {
    let mut findings = Findings { verified: verify, ..Findings::default() };
    check_databases(home, &mut findings)?;
    check_disk(home, &mut findings);
    let mut after = 0;
    loop {
        let entries = home.ledger.entries_after(after, BATCH)?;
        let Some(last) = entries.last() else { break };
        after = last.seq;
        for entry in &entries {
            check_original(home, entry, verify, &mut findings);
            findings.assets_checked += 1;
            if !progress(findings.assets_checked) {
                return Ok(findings);
            }
        }
    }
    check_shared(home, verify, &mut findings)?;
    check_albums(home, &mut findings);
    check_leftovers(home, &mut findings)?;
    Ok(findings)
}

fn check_databases(home: &Home, findings: &mut Findings) -> anyhow::Result<()> {
    for damage in home.ledger.damage()? {
        let advice = format!("the ledger is damaged ({damage}); restore home.sqlite from a backup");
        findings.add("database", Some(&home.layout.home_db()), None, advice);
    }
    match home.library.verify() {
        Ok(verification) => {
            for damage in &verification.damage {
                let advice = format!("{damage}; {}", damage.advice());
                findings.add("decisions", Some(&home.layout.spaces_db()), None, advice);
            }
        }
        Err(error) => {
            let advice = format!("titles and favourites cannot be read ({error}); restore spaces.sqlite");
            findings.add("decisions", Some(&home.layout.spaces_db()), None, advice);
        }
    }
    let (assets, _) = home.ledger.totals()?;
    let shown = home.catalog().totals()?.assets;
    if assets != shown {
        let advice = format!("{assets} photos are kept but {shown} are indexed; run `heirloom rebuild`");
        findings.add("not-indexed", None, None, advice);
    }
    for problem in home.catalog().problems(1_000)? {
        let entry = home.ledger.entry(&problem.asset)?;
        let path = entry.map(|entry| home.layout.original(&entry.file.path));
        findings.add("set-aside", path.as_deref(), Some(problem.asset), problem.reason);
    }
    Ok(())
}

fn check_disk(home: &Home, findings: &mut Findings) {
    if !home.has_room_for_own(0, FREE_BYTES_MIN) {
        let free = room::free_bytes(home.layout.root()).unwrap_or_default();
        let advice = format!("only {} MB are free on this disk; make room before adding photos", free >> 20);
        findings.add("disk", Some(home.layout.root()), None, advice);
    }
}

fn check_original(home: &Home, entry: &Entry, verify: bool, findings: &mut Findings) {
    let path = home.layout.original(&entry.file.path);
    let mut found = |kind, advice: String| findings.add(kind, Some(&path), Some(entry.asset), advice);
    let or = |advice: &str| advice_on_copies(home, entry).unwrap_or_else(|| advice.to_owned());
    match std::fs::metadata(&path) {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let advice = or("put it back under this name or import it again");
            found("missing", format!("the original is gone; {advice}"));
        }
        Err(error) => found("unreadable", format!("cannot be looked at: {error}; check the disk")),
        Ok(meta) if meta.len() != entry.file.bytes => {
            let (is, was) = (meta.len(), entry.file.bytes);
            let advice = or("put the original back");
            found("changed", format!("has {is} bytes but came with {was}; {advice}"));
        }
        Ok(_) if verify => match hash_file(&path).map(|(hashes, _)| hashes.content) {
            Err(error) => found("unreadable", format!("cannot be read: {error}; check the disk")),
            Ok(hash) if hash != entry.file.hashes.content => {
                let advice = or("put the original back");
                found("changed", format!("its bytes are not those that came; {advice}"));
            }
            Ok(_) => {}
        },
        Ok(_) => {}
    }
}

/// What to do when copies of a photo are kept elsewhere.
fn advice_on_copies(home: &Home, entry: &Entry) -> Option<String> {
    let copies = home.vault.store.copies_of(&entry.file.hashes.content).ok()?.len();
    let places = match copies {
        0 => return None,
        1 => "1 place that keeps a copy".to_owned(),
        _ => format!("{copies} places that keep copies"),
    };
    Some(format!("it comes back by itself from {places}, or at once with `heirloom vault repair`"))
}

/// Originals of other homes that are kept here.
fn check_shared(home: &Home, verify: bool, findings: &mut Findings) -> anyhow::Result<()> {
    let mut after = ContentHash::from_bytes([0; 32]);
    loop {
        let files = home.ledger.shared_files_after(&after, BATCH)?;
        let Some(last) = files.last() else { return Ok(()) };
        after = last.content;
        for file in &files {
            let path = home.layout.original(&file.path);
            let whole = std::fs::metadata(&path).is_ok_and(|meta| meta.len() == file.bytes);
            let same = || hash_file(&path).is_ok_and(|(hashes, _)| hashes.content == file.content);
            if !whole {
                let advice = "a photo of another home is gone or changed; move what is there away, and it is \
                              fetched again while that home is on";
                findings.add("shared-missing", Some(&path), None, advice);
            } else if verify && !same() {
                let advice = "the bytes of a photo of another home are not those that came; move it away, and it \
                              is fetched again while that home is on";
                findings.add("shared-changed", Some(&path), None, advice);
            }
        }
    }
}

/// Albums that cannot be read, and photos that wait for theirs.
fn check_albums(home: &Home, findings: &mut Findings) {
    if let Err(error) = home.albums.list() {
        let advice = format!("albums cannot be read ({error}); restore spaces.sqlite");
        findings.add("albums", Some(&home.layout.spaces_db()), None, advice);
    }
    for pending in home.ledger.pending(None).unwrap_or_default() {
        if home.ledger.entry(&pending.asset).ok().flatten().is_none() {
            let advice = "a photo that was to go into an album is not here any more; add it again";
            findings.add("albums", None, Some(pending.asset), advice);
        }
    }
}

fn check_leftovers(home: &Arc<Home>, findings: &mut Findings) -> anyhow::Result<()> {
    let owners = reconcile::owners(home)?;
    for (path, account) in reconcile::orphans(home, &owners)? {
        let advice = match account {
            Some(_) => "lies in the library but was not recorded; import it, or move it away",
            None => "lies in the library outside of any account's folder; import it, or move it away",
        };
        findings.add("unknown-file", Some(&home.layout.original(&path)), None, advice);
    }
    Ok(())
}
