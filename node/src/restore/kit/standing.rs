//! How it stands with the parts of a kit: what every home said, and how many parts are here. What the first-run page shows
//! and the command line tells.

use std::time::Duration;

use crate::protocols::vault::RecoverError;
use crate::protocols::vault::kit_client::{Reply, Standing as Answer};

/// Milliseconds of an hour.
const HOUR_MS: u64 = 60 * 60 * 1000;
/// How long people are likely still on the phone with each other.
const CALLING: Duration = Duration::from_secs(15 * 60);
/// Time between two rounds meanwhile.
const SOON: Duration = Duration::from_secs(5);
/// Time between two rounds afterwards: it is a wait of days.
const LATER: Duration = Duration::from_secs(60);

/// The time until the next round of asking, when the first was so long ago.
pub fn pause(since_first: Duration) -> Duration {
    if since_first < CALLING { SOON } else { LATER }
}

/// What a home that was asked for its part says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HolderState {
    /// It was not reached yet.
    Asking,
    /// A person there has not decided.
    Asked,
    /// A person said yes; the delay runs.
    Waits,
    /// Its part is here.
    Given,
    /// A person there, or one of the lost home, said no.
    Refused,
    /// It does not take this invitation any more.
    Expired,
    /// It was not reached now. What it said before still stands.
    Away,
}

impl HolderState {
    /// The word of it in the API.
    pub fn text(self) -> &'static str {
        match self {
            Self::Asking => "asking",
            Self::Asked => "asked",
            Self::Waits => "waits",
            Self::Given => "given",
            Self::Refused => "refused",
            Self::Expired => "expired",
            Self::Away => "away",
        }
    }
}

/// How it stands with one home.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HolderNow {
    /// What it calls itself; may be empty.
    pub name: String,
    /// What it says.
    pub state: HolderState,
    /// The six words that people on both sides compare, once it answered.
    pub words: Option<String>,
    /// How much of the delay was left when it last said so, in hours.
    pub hours_left: Option<u64>,
    /// Why it was not reached.
    pub why: Option<String>,
}

impl HolderNow {
    /// A home that was not reached yet.
    pub fn unasked(name: &str) -> Self {
        Self { name: name.to_owned(), state: HolderState::Asking, words: None, hours_left: None, why: None }
    }

    /// Notes what it answered, or that it did not.
    pub(super) fn hear(&mut self, answer: &Result<Answer, RecoverError>) {
        self.why = None;
        match answer {
            Ok(answer) => {
                self.words = Some(answer.words.clone());
                (self.state, self.hours_left) = match &answer.answer {
                    Reply::Asked => (HolderState::Asked, None),
                    Reply::Waits(left_ms) => (HolderState::Waits, Some(left_ms.div_ceil(HOUR_MS))),
                    Reply::Refused => (HolderState::Refused, None),
                    Reply::Given(_) => (HolderState::Given, None),
                };
            }
            Err(RecoverError::Proof) => self.state = HolderState::Expired,
            Err(error) => {
                self.state = HolderState::Away;
                self.why = Some(error.to_string());
            }
        }
    }

    /// One line for a person.
    pub fn line(&self) -> String {
        let who = if self.name.is_empty() { "That home" } else { &self.name };
        match (self.state, &self.words) {
            (HolderState::Asked, Some(words)) => {
                format!("{who} was asked. Call them and compare these six words with theirs: {words}")
            }
            (HolderState::Asking | HolderState::Asked, _) => format!("{who} is being asked."),
            (HolderState::Waits, _) => {
                format!("{who} said yes and gives the part in {} hours.", self.hours_left.unwrap_or(0))
            }
            (HolderState::Given, _) => format!("{who} gave a part."),
            (HolderState::Refused, _) => format!("{who} said no. Call them if that is a mistake."),
            (HolderState::Expired, _) => format!(
                "{who} does not take this invitation any more, or too many ask there; ask for a new one."
            ),
            (HolderState::Away, _) => {
                format!(
                    "{who} cannot be reached now: {}. It is tried again.",
                    self.why.as_deref().unwrap_or_default()
                )
            }
        }
    }
}

/// How it stands with all of it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Standing {
    /// The homes, in the order in which they were named.
    pub holders: Vec<HolderNow>,
    /// Parts that were typed from paper.
    pub papers: usize,
    /// Parts of the kit that are here, the typed ones among them.
    pub have: usize,
    /// How many are needed, once a part told.
    pub needed: Option<u8>,
    /// What else a person should know.
    pub message: Option<String>,
}

impl Standing {
    /// Whether everybody who has not given a part said no, so that nothing comes of waiting.
    pub(super) fn is_hopeless(&self) -> bool {
        let refused = self.holders.iter().filter(|holder| holder.state == HolderState::Refused).count();
        let given = self.holders.iter().filter(|holder| holder.state == HolderState::Given).count();
        refused > 0 && refused + given == self.holders.len()
    }
}
