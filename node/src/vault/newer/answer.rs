//! What a person says about a newer state: that it is theirs and is to come home, or that it is to be left.

use std::sync::Arc;

use anyhow::Context;
use data_encoding::BASE64;
use heirloom_identity::{Keyring, Phrase};
use zeroize::Zeroizing;

use super::states::{self, Doing, State, list};
use super::{look_again, reading};
use crate::home::Home;
use crate::home::phrase::{self, PhraseProblem};
use crate::vault::polite::blocking;

/// What a person says.
pub enum Answer {
    /// It is theirs: what is missing here comes home. With the recovery phrase where that opens it.
    Bring(Option<Zeroizing<String>>),
    /// It is not theirs, or not wanted: nothing of it is taken.
    Leave,
}

/// Why an answer was not taken.
#[derive(Debug, thiserror::Error)]
pub enum AnswerProblem {
    /// There is no such state any more.
    #[error("there is no such newer state")]
    Unknown,
    /// It opens with the phrase only.
    #[error("this state was written by another computer with new keys; type the 24 words to open it")]
    NeedsPhrase,
    /// What was typed is not the phrase, or does not open it.
    #[error(transparent)]
    Phrase(#[from] PhraseProblem),
    /// Something failed.
    #[error("{0:#}")]
    Failed(#[from] anyhow::Error),
}

/// Notes what a person says about a state; bringing begins soon. May be said again, and otherwise.
///
/// # Errors
/// See [`AnswerProblem`].
pub async fn answer(home: &Arc<Home>, id: &str, answer: Answer) -> Result<(), AnswerProblem> {
    let (at, id) = (Arc::clone(home), id.to_owned());
    blocking(move || Ok(note(&at, &id, answer))).await?
}

fn note(home: &Home, id: &str, answer: Answer) -> Result<(), AnswerProblem> {
    home.must_be_current()?;
    let state = list(home)?.into_iter().find(|state| state.id == id).ok_or(AnswerProblem::Unknown)?;
    match answer {
        Answer::Leave => {
            states::change_one(home, id, |state| {
                if state.is_open() {
                    (state.doing, state.note) = (Doing::Left, None);
                }
            })?;
            Ok(reading::forget(home, id)?)
        }
        Answer::Bring(words) => {
            let keys = match words {
                Some(words) if state.needs_phrase => Some(open(home, &state, &words)?),
                None if state.needs_phrase && state.keys.is_none() => return Err(AnswerProblem::NeedsPhrase),
                _ => None,
            };
            states::change_one(home, id, |state| {
                if matches!(state.doing, Doing::Asks | Doing::Left) {
                    (state.doing, state.note) = (Doing::Bringing, None);
                }
                (state.agreed, state.decided) = (true, 0);
                state.keys = keys.or(state.keys.take());
            })?;
            look_again(home);
            Ok(())
        }
    }
}

/// The keys of a state, sealed to this computer.
fn open(home: &Home, state: &State, words: &str) -> Result<String, AnswerProblem> {
    phrase::check(home, words, home.vault.engine.now())?;
    let phrase = Phrase::parse(words).map_err(|error| AnswerProblem::Failed(error.into()))?;
    let wrapped =
        state.wrapped.as_ref().context("the keys of this state are not known; wait for the next count")?;
    let wrapped = BASE64.decode(wrapped.as_bytes()).context("the keys of this state are damaged")?;
    let household = home.keys.certificate.household();
    let keyring = Keyring::unwrap(&phrase.root().wrapping(), household, &wrapped);
    let keyring = keyring.context("the 24 words do not open this state")?;
    Ok(reading::sealed(home, &state.id, &keyring)?)
}

/// The one state whose id begins so; the only open one when nothing is named.
///
/// # Errors
/// When none or several do.
pub fn find(home: &Home, which: Option<&str>) -> anyhow::Result<State> {
    let states = list(home)?;
    let mut found = states.into_iter().filter(|state| match which {
        Some(which) => state.id.starts_with(which),
        None => state.is_open(),
    });
    let first = found
        .next()
        .context("there is no such newer state; `heirloom vault newer list` shows what there is")?;
    anyhow::ensure!(
        found.next().is_none(),
        "there are several; name one that `heirloom vault newer list` shows"
    );
    Ok(first)
}
