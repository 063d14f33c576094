//! Why a restore cannot go on, in words for somebody who has just lost everything.

use std::path::PathBuf;

use heirloom_identity::PhraseError;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What is wrong with a word, for the person who typed it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct WordProblem {
    /// Which word, counted from 1.
    pub position: usize,
    /// What was typed there.
    pub typed: String,
    /// What it likely is.
    pub likely: String,
}

/// Why a restore cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum Problem {
    /// What was typed is no phrase.
    #[error(transparent)]
    Phrase(PhraseError),
    /// One word is wrong.
    #[error(
        "word {}, \"{}\", is probably wrong: on the sheet it is likely \"{}\"; look at the sheet and try again",
        .0.position, .0.typed, .0.likely
    )]
    Word(WordProblem),
    /// Two words changed places.
    #[error("words {first} and {second} have probably changed places; look at the sheet and try again")]
    Swapped {
        /// The first of the two, counted from 1.
        first: usize,
        /// The other.
        second: usize,
    },
    /// The words fit together, and belong to another household than the copies.
    #[error(
        "these 24 words are a phrase, but not that of the household whose copies are in {place}; is it another sheet, \
         or another disk?"
    )]
    OtherHousehold {
        /// The folder.
        place: String,
    },
    /// The place to restore from is neither an invitation nor a folder.
    #[error("{0}")]
    Origin(String),
    /// A folder without a vault in it.
    #[error(
        "there are no copies in {place}; name the folder that another home wrote, in which a file HEIRLOOM-VAULT lies"
    )]
    NoVault {
        /// The folder.
        place: String,
    },
    /// There is a home already.
    #[error("there is already a home at {}; restore into another folder", .0.display())]
    HomeExists(PathBuf),
    /// Something else lies there.
    #[error("{} is not empty; restore into an empty folder, or one that does not exist yet", .0.display())]
    NotEmpty(PathBuf),
    /// Nobody who was asked keeps anything for this household.
    #[error(
        "{who} keeps nothing for your household: the words are right, the home is another one. An invitation is needed \
         from a home that agreed to keep copies for you; its people see your household on their Safety page"
    )]
    NothingKept {
        /// Who was asked.
        who: String,
    },
    /// Nobody could be asked.
    #[error("{0}")]
    Unreachable(String),
    /// The state that a person chose is shown by nobody any more.
    #[error(
        "No home or disk that answers now has the copy that you chose. If one of them is off, switch it on, and it appears \
         here again; or choose another"
    )]
    ChosenGone,
    /// Parts could not be fetched because a source is away.
    #[error(
        "{what} could not be fetched completely, because a home or a disk went away; see that it is on and begin again: \
         what is here stays, and the restore goes on where it was. Leave out one that does not come back; an older state may \
         come then"
    )]
    Away {
        /// What.
        what: String,
    },
    /// No state could be put together from what the sources have.
    #[error(
        "the copies that could be reached are not complete: {0}; add another home or disk that keeps copies"
    )]
    Incomplete(String),
    /// Something was written by a newer program.
    #[error("{0}; install the newest Heirloom and try again: nothing was changed")]
    Newer(String),
    /// A state that this program cannot read stands before one that it can; said once, and then passed over.
    #[error(
        "{0}. Install the newest Heirloom and begin again: nothing was changed. If you have no newer one, begin again with \
         this one: then the newest state that it can read comes back, and what came after it stays in the copies for 30 days"
    )]
    NewerState(String),
    /// No room.
    #[error(
        "the photos need {needed} and this disk has {free} free; use a larger disk, or make room, and begin again"
    )]
    Space {
        /// What is needed, as people say it.
        needed: String,
        /// What there is.
        free: String,
    },
    /// Anything else.
    #[error("{0:#}")]
    Other(#[from] anyhow::Error),
}

impl Problem {
    /// The word that is to be looked at, if one is.
    pub fn word(&self) -> Option<WordProblem> {
        match self {
            Self::Word(word) => Some(word.clone()),
            Self::Phrase(PhraseError::UnknownWord { position, word, suggestion }) => Some(WordProblem {
                position: *position,
                typed: word.clone(),
                likely: (*suggestion).to_owned(),
            }),
            _ => None,
        }
    }

    /// Whether it may be over by itself: a home that is off, a disk that is not plugged in, no room.
    pub fn may_pass(&self) -> bool {
        match self {
            Self::Unreachable(_)
            | Self::ChosenGone
            | Self::Away { .. }
            | Self::Incomplete(_)
            | Self::Space { .. }
            | Self::Origin(_)
            | Self::NoVault { .. }
            | Self::Other(_) => true,
            Self::Phrase(_)
            | Self::Word(_)
            | Self::Swapped { .. }
            | Self::OtherHousehold { .. }
            | Self::HomeExists(_)
            | Self::NotEmpty(_)
            | Self::NothingKept { .. }
            | Self::Newer(_)
            | Self::NewerState(_) => false,
        }
    }

    /// Whether the person typed something that should be looked at, rather than something failing.
    pub fn is_input(&self) -> bool {
        matches!(
            self,
            Self::Phrase(_)
                | Self::Word(_)
                | Self::Swapped { .. }
                | Self::OtherHousehold { .. }
                | Self::Origin(_)
                | Self::NoVault { .. }
        )
    }
}
