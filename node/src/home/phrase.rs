//! Checking the recovery phrase: that a sheet is right, and, in a home from before there was a vault, giving the vault its
//! keys, which only the phrase can wrap.

use anyhow::Context;
use heirloom_identity::Phrase;

use super::Home;
use super::keys::{VaultKeys, read_passphrase};
use crate::restore::{Problem, WordProblem, words};

/// The setting that says when somebody last showed that the sheet is right, in milliseconds since the Unix epoch, UTC.
pub const SETTING_PHRASE_VERIFIED: &str = "phrase_verified_ms";

/// A phrase that is right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Checked {
    /// Whether the vault had no keys before.
    pub enabled_vault: bool,
}

/// Why what was typed is not this household's phrase.
#[derive(Debug, thiserror::Error)]
pub enum PhraseProblem {
    /// Something about the words, for the person who typed them.
    #[error("{message}")]
    Wrong {
        /// What to say.
        message: String,
        /// The word to look at, if one is likely.
        word: Option<WordProblem>,
    },
    /// It could not be checked, or what follows from it could not be saved.
    #[error("{0:#}")]
    Failed(#[from] anyhow::Error),
}

/// Checks a phrase that somebody typed, notes that it is right, and enables the vault if it has no keys yet.
///
/// # Errors
/// See [`PhraseProblem`].
pub fn check(home: &Home, text: &str, now_ms: i64) -> Result<Checked, PhraseProblem> {
    let household = *home.keys.certificate.household();
    let parsed = Phrase::parse(text);
    let phrase = match parsed {
        Ok(phrase) if phrase.root().authority().household() == household => phrase,
        parsed => {
            let problem = words::wrong(text, &household)
                .unwrap_or_else(|| parsed.map_or_else(Problem::Phrase, |_| another_household()));
            return Err(PhraseProblem::Wrong { message: problem.to_string(), word: problem.word() });
        }
    };
    let enabled_vault = home.keys.vault().is_none();
    if enabled_vault {
        home.must_be_current()?;
        let vault = VaultKeys::make(&phrase.root().wrapping(), &household)?;
        let passphrase = home.config.key_passphrase_file.as_deref().map(read_passphrase).transpose()?;
        let passphrase = passphrase.as_ref().map(|text| text.as_str());
        home.keys.enable_vault(&home.layout.keys(), passphrase, vault)?;
        home.vault.wake();
    }
    let noted = home.ledger.set_setting(SETTING_PHRASE_VERIFIED, &now_ms.to_string());
    noted.context("the phrase is right, but that could not be noted")?;
    home.vault.changed(home);
    Ok(Checked { enabled_vault })
}

/// When somebody last showed that the sheet is right.
///
/// # Errors
/// When the ledger cannot be read.
pub fn verified_ms(home: &Home) -> anyhow::Result<Option<i64>> {
    Ok(home.ledger.setting(SETTING_PHRASE_VERIFIED)?.and_then(|text| text.parse().ok()))
}

fn another_household() -> Problem {
    Problem::Origin("these 24 words are a phrase, but not this household's; is it another sheet?".to_owned())
}
