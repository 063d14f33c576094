//! What two homes say while they pair, and why a pairing fails. Drawn in `docs/formats/hello.md`.

use heirloom_identity::card::{PEOPLE_MAX, clean_name};
use heirloom_net::FramedStream;
use serde::{Deserialize, Serialize};

/// Bytes of one message.
pub const MESSAGE_BYTES_MAX: usize = 32 << 10;

/// One step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum TalkMessage {
    /// The guest names the invitation, shows its certificate, and commits to its nonce.
    Knock {
        /// The version that the guest speaks: 1.
        version: u16,
        /// The invitation's id, made from its secret.
        invitation: [u8; 32],
        /// The guest's certificate.
        certificate: Vec<u8>,
        /// To the nonce that follows.
        commitment: [u8; 32],
    },
    /// The inviter shows its own.
    Answer {
        /// The inviter's certificate.
        certificate: Vec<u8>,
        /// Fresh and random.
        nonce: [u8; 32],
    },
    /// The guest shows that it knows the secret.
    GuestProof {
        /// The one it committed to.
        nonce: [u8; 32],
        /// Over everything said so far.
        proof: [u8; 32],
    },
    /// The inviter shows that it knows the secret.
    InviterProof {
        /// Over everything said so far.
        proof: [u8; 32],
    },
    /// The guest says who it is.
    Name {
        /// The household's name.
        name: String,
        /// Its people's names.
        people: Vec<String>,
    },
    /// A person is being asked.
    Waiting,
    /// The person said yes.
    Confirmed {
        /// What the inviter says about itself.
        card: Vec<u8>,
        /// Where it can be found.
        address: Vec<u8>,
    },
    /// The guest's answer to that.
    Card {
        /// What the guest says about itself.
        card: Vec<u8>,
        /// Where it can be found.
        address: Vec<u8>,
    },
    /// The inviter has recorded the guest.
    Done,
    /// It will not be.
    Refused(Problem),
}

/// Why a pairing failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum Problem {
    /// Another home came first.
    #[error("this invitation was used by another home; ask for a new one")]
    Used,
    /// It is too old, or was taken back.
    #[error("this invitation has ended; ask for a new one")]
    Expired,
    /// A person of the inviting home said no.
    #[error("the other home said no")]
    Denied,
    /// Nobody answers.
    #[error("the other home does not answer; is its computer on?")]
    Unreachable,
    /// Somebody else answers.
    #[error("another home answers than the one that invited you; do not trust this link")]
    WrongHome,
    /// They are paired and connected.
    #[error("this home is paired with yours already")]
    Already,
    /// The link is this home's own.
    #[error("this is an invitation to your own home; open it in the other one")]
    Own,
    /// The secret, a certificate or a message is wrong.
    #[error("the other side could not prove that it knows this invitation; ask for a new one")]
    Invalid,
    /// A step took too long.
    #[error("the other home stopped answering")]
    Timeout,
    /// The inviting home keeps this one out.
    #[error("the other home does not let yours in")]
    Blocked,
    /// One program is too old for the other.
    #[error("the two programs are too far apart in age; update the older one")]
    Version,
    /// Another node has taken the place of the guest's.
    #[error("another computer has taken the place of this one in its household")]
    Outranked,
    /// The inviter cannot save it.
    #[error("the other home could not save the pairing; try again")]
    NotSaved,
}

impl Problem {
    /// The word that the page knows it by.
    pub fn word(self) -> &'static str {
        match self {
            Self::Used => "used",
            Self::Expired => "expired",
            Self::Denied => "denied",
            Self::Unreachable => "unreachable",
            Self::WrongHome => "wrong_home",
            Self::Already => "already",
            Self::Own => "self",
            Self::Invalid => "invalid",
            Self::Timeout => "timeout",
            Self::Blocked => "blocked",
            Self::Version => "version",
            Self::Outranked => "outranked",
            Self::NotSaved => "not_saved",
        }
    }

    /// The words for the word.
    pub fn sentence(word: &str) -> String {
        let all = [
            Self::Used,
            Self::Expired,
            Self::Denied,
            Self::Unreachable,
            Self::WrongHome,
            Self::Already,
            Self::Own,
            Self::Invalid,
            Self::Timeout,
            Self::Blocked,
            Self::Version,
            Self::Outranked,
            Self::NotSaved,
        ];
        let known = all.into_iter().find(|problem| problem.word() == word);
        known.map_or_else(|| word.to_owned(), |problem| problem.to_string())
    }
}

impl TalkMessage {
    /// The bytes, as postcard writes them.
    pub fn encode(&self) -> Vec<u8> {
        postcard::to_stdvec(self).expect("a message can be written to memory")
    }

    /// Reads a message; `None` when it is none.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        if bytes.len() > MESSAGE_BYTES_MAX {
            return None;
        }
        let (message, rest) = postcard::take_from_bytes(bytes).ok()?;
        rest.is_empty().then_some(message)
    }
}

/// The people that the other side names, as they may be shown.
pub(super) fn people_of(names: &[String]) -> Vec<super::Person> {
    names.iter().take(PEOPLE_MAX).map(|name| super::Person { name: clean_name(name) }).collect()
}

/// Sends a step.
pub(super) async fn send(stream: &mut FramedStream, message: &TalkMessage) -> Result<(), Lost> {
    stream.send(&message.encode()).await.map_err(|_| Lost)
}

/// Waits for a step, no longer than this.
pub(super) async fn receive(
    stream: &mut FramedStream,
    limit: std::time::Duration,
) -> Result<Option<TalkMessage>, Lost> {
    match stream.recv_within(MESSAGE_BYTES_MAX, limit).await {
        Ok(Some(frame)) => Ok(TalkMessage::decode(&frame)),
        Ok(None) | Err(_) => Err(Lost),
    }
}

/// The connection was lost; the guest may come again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Lost;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_come_back_and_nothing_else_is_one() {
        let message = TalkMessage::Name { name: "Nonna".to_owned(), people: vec!["Ada".to_owned()] };
        assert_eq!(TalkMessage::decode(&message.encode()), Some(message.clone()));
        let mut longer = message.encode();
        longer.push(0);
        assert_eq!(TalkMessage::decode(&longer), None);
        assert_eq!(TalkMessage::decode(&[]), None);
        assert_eq!(TalkMessage::decode(&[99]), None);
        // A list that claims 2⁶³ names.
        assert_eq!(TalkMessage::decode(&[4, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f]), None);
        assert_eq!(TalkMessage::decode(&vec![0; MESSAGE_BYTES_MAX + 1]), None);
    }

    #[test]
    fn every_problem_has_a_word_and_a_sentence() {
        assert_eq!(Problem::sentence("denied"), "the other home said no");
        assert_eq!(Problem::sentence("something else"), "something else");
    }
}
