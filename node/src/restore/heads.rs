//! Which state is restored: the newest that any source has.
//!
//! A head is signed, so a source can withhold the newest and show an older one, and nothing else. Therefore every source
//! is asked, and one with an older head is left aside with a word (its packs may still be of use).

use std::sync::Arc;

use heirloom_identity::{HouseholdId, VaultHead};
use heirloom_vault::target::HEADS_MAX;

use super::Problem;
use super::source::Source;
use crate::restore::when;

/// What the sources have.
#[derive(Debug, Default)]
pub(super) struct Heads {
    /// Every head of the household, the one to restore first.
    pub(super) best_first: Vec<VaultHead>,
    /// The highest generation of a certificate that signed one.
    pub(super) generation: u32,
    /// What a person should know about some sources.
    pub(super) notes: Vec<String>,
    /// Whether a head was written by a newer program, and what is to be said then.
    newer: Option<String>,
    /// Whether somebody did not answer.
    is_silent: bool,
}

/// Asks every source.
pub(super) async fn ask(sources: &[Arc<Source>], household: &HouseholdId) -> Heads {
    let mut heads = Heads::default();
    let mut newest_of = Vec::new();
    let answers = sources.iter().map(|source| async move { (source, source.target.heads().await) });
    for (source, answer) in futures_util::future::join_all(answers).await {
        let found = match answer {
            Ok(found) => heads.read(source, &found, household),
            Err(error) => {
                heads.notes.push(format!("{}: {error}; left aside for now", source.name));
                heads.is_silent = true;
                continue;
            }
        };
        if let Some(newest) = sorted(found.clone()).into_iter().next() {
            newest_of.push((Arc::clone(source), newest));
        }
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
    /// Why there is none.
    pub(super) fn none(self) -> Problem {
        match self.newer {
            Some(newer) => Problem::Newer(newer),
            None if self.is_silent => Problem::Unreachable(self.notes.join("; ")),
            None => Problem::Incomplete("there is no signed list of them".to_owned()),
        }
    }

    fn read(&mut self, source: &Source, found: &[Vec<u8>], household: &HouseholdId) -> Vec<VaultHead> {
        let mut read = Vec::new();
        for bytes in found.iter().take(HEADS_MAX) {
            match VaultHead::decode(bytes) {
                Ok(head) if head.household() == household => read.push(head),
                Ok(_) => source.doubt("a head of another household"),
                Err(error) => {
                    if matches!(error, heirloom_identity::HeadError::Version(_)) {
                        self.newer = Some(error.to_string());
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

fn sorted(mut heads: Vec<VaultHead>) -> Vec<VaultHead> {
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
