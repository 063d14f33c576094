//! Which state is restored: the newest that any source has.
//!
//! A head is signed, so a source can withhold the newest and show an older one, and nothing else. Therefore every source
//! is asked, and one with an older head is left aside with a word (its packs may still be of use).

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use heirloom_identity::{HeadError, HeadHash, HouseholdId, VaultHead};
use heirloom_vault::target::HEADS_MAX;

use super::Problem;
use super::source::Source;
use crate::restore::when;

/// The version of heads that this program reads, their first byte.
const VERSION: u8 = 1;
/// Files that are looked at in a folder of heads.
const FILES_MAX: usize = 4_096;

/// What the sources have.
#[derive(Debug, Default)]
pub(super) struct Heads {
    /// Every head of the household, the one to restore first.
    pub(super) best_first: Vec<VaultHead>,
    /// The highest generation of a certificate that signed one.
    pub(super) generation: u32,
    /// What a person should know about some sources.
    pub(super) notes: Vec<String>,
    /// Which source showed which of them.
    pub(super) shown: Vec<(HeadHash, String)>,
    /// Sources that did not answer.
    pub(super) silent: Vec<String>,
    /// A source with a head that a newer program wrote.
    newer: Option<String>,
}

/// Asks every source. Those that are `folders` are looked at, too: they show only what this program can read.
pub(super) async fn ask(sources: &[Arc<Source>], folders: &[PathBuf], household: &HouseholdId) -> Heads {
    let newer = folders.iter().find(|folder| has_newer(folder));
    let mut heads = Heads { newer: newer.map(|folder| folder.display().to_string()), ..Heads::default() };
    let mut newest_of = Vec::new();
    let answers = sources.iter().map(|source| async move { (source, source.target.heads().await) });
    for (source, answer) in futures_util::future::join_all(answers).await {
        let found = match answer {
            Ok(found) => heads.read(source, &found, household),
            Err(error) => {
                heads.notes.push(format!("{}: {error}; left aside for now", source.name));
                heads.silent.push(source.name.clone());
                continue;
            }
        };
        if let Some(newest) = sorted(found.clone()).into_iter().next() {
            newest_of.push((Arc::clone(source), newest));
        }
        heads.shown.extend(found.iter().map(|head| (head.hash(), source.name.clone())));
        heads.best_first.extend(found);
    }
    heads.best_first = sorted(std::mem::take(&mut heads.best_first));
    heads.best_first.dedup_by_key(|head| head.hash());
    heads.generation = heads.best_first.iter().map(|head| head.certificate().generation()).max().unwrap_or(0);
    if let Some(best) = heads.best_first.first().cloned() {
        for (source, newest) in newest_of {
            if best.outranks(&newest) {
                heads.notes.push(format!(
                    "{} has an older state, of {}; left aside",
                    source.name,
                    when(newest.made_at_ms())
                ));
            }
        }
    }
    heads
}

impl Heads {
    /// That there may be a state which this program cannot read. An older one that lies beside it is not taken without
    /// a word: what is in the newer one would be given up.
    pub(super) fn newer(&self) -> Option<String> {
        let source = self.newer.as_ref()?;
        Some(format!(
            "in {source} is a state of your household that a newer program wrote, or that is damaged"
        ))
    }

    /// Leaves out what is newer than the state that a person chose; whether something was. What the places that answer now
    /// do not show cannot be restored, and nothing else is taken in its place.
    ///
    /// # Errors
    /// [`Problem::ChosenGone`] when none of them shows it.
    pub(super) fn up_to(&mut self, chosen: &str) -> Result<bool, Problem> {
        let at = self.best_first.iter().position(|head| head.hash().to_string() == chosen);
        let at = at.ok_or(Problem::ChosenGone)?;
        self.best_first.drain(..at);
        Ok(at > 0)
    }

    /// Why there is none.
    pub(super) fn none(self) -> Problem {
        if let Some(newer) = self.newer() {
            return Problem::Newer(newer);
        }
        if !self.silent.is_empty() {
            return Problem::Unreachable(self.notes.join("; "));
        }
        Problem::Incomplete("there is no signed list of them".to_owned())
    }

    fn read(&mut self, source: &Source, found: &[Vec<u8>], household: &HouseholdId) -> Vec<VaultHead> {
        let mut read = Vec::new();
        for bytes in found.iter().take(HEADS_MAX) {
            match VaultHead::decode(bytes) {
                Ok(head) if head.household() == household => read.push(head),
                Ok(_) => source.doubt("a head of another household"),
                Err(error) => {
                    let is_newer = bytes.first().is_some_and(|version| *version > VERSION);
                    if is_newer || matches!(error, HeadError::Version(_) | HeadError::Algorithm(_)) {
                        self.newer.get_or_insert_with(|| source.name.clone());
                    }
                    source.doubt(&error.to_string());
                }
            }
        }
        if source.is_doubtful() || read.is_empty() && !found.is_empty() {
            self.notes
                .push(format!("{} shows a state that is not your household's; left aside", source.name));
        }
        read
    }
}

/// Whether heads lie in a folder of packs that a newer program wrote.
fn has_newer(folder: &Path) -> bool {
    let files = std::fs::read_dir(folder.join("heads")).into_iter().flatten().take(FILES_MAX).flatten();
    files.map(|file| file.path()).filter(|path| path.extension().is_some_and(|ending| ending == "head")).any(
        |path| {
            let mut version = [0; 1];
            let read = std::fs::File::open(&path).and_then(|mut file| file.read_exact(&mut version));
            read.is_ok() && version[0] > VERSION
        },
    )
}

/// Heads in the order in which they are to be tried.
pub(crate) fn sorted(mut heads: Vec<VaultHead>) -> Vec<VaultHead> {
    heads.sort_by(|a, b| {
        if a.hash() == b.hash() {
            std::cmp::Ordering::Equal
        } else if a.outranks(b) {
            std::cmp::Ordering::Less
        } else {
            std::cmp::Ordering::Greater
        }
    });
    heads
}
