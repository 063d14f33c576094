//! The messages, and their bounds. Written with postcard; drawn in `docs/formats/sync.md`.

use serde::{Deserialize, Serialize};

use crate::sync::{Reason, SyncError};

/// How large a message may be.
pub const MESSAGE_BYTES_MAX: usize = 1024 * 1024;
/// How much of a message is filled with operations or envelopes; one more fits in any case.
pub(crate) const FILL_BYTES: usize = 448 * 1024;
/// How many offers one message holds.
pub(crate) const OFFERS_MAX: usize = 256;
/// How many ids one message holds.
pub(crate) const IDS_MAX: usize = 8192 + 256;
/// How many ends of streams one message holds.
pub(crate) const HAVES_MAX: usize = 8192;
/// How many earlier places of a stream are named.
pub(crate) const EARLIER_MAX: usize = 64;
/// How many envelopes or operations one message holds.
pub(crate) const ITEMS_MAX: usize = 8192;
/// How many secrets one message holds.
pub(crate) const SECRETS_MAX: usize = 1024;

/// What one side has of a space.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Offer {
    /// The space's pseudonym.
    pub space: [u8; 32],
    /// BLAKE3 of its operations' sorted ids.
    pub operations: [u8; 32],
    /// The digest of what the operations amount to.
    pub state: [u8; 32],
    /// BLAKE3 of where its streams end.
    pub envelopes: [u8; 32],
}

/// A stream on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct StreamName {
    /// The certificate's id.
    pub certificate: [u8; 32],
    /// The incarnation.
    pub incarnation: [u8; 16],
}

/// Where a branch of a stream ends on one side.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Have {
    /// The stream.
    pub stream: StreamName,
    /// The last number.
    pub seq: u64,
    /// Its hash.
    pub hash: [u8; 32],
    /// Places before it, for finding where a fork began; usually none.
    pub earlier: Vec<(u64, [u8; 32])>,
}

/// One message of a sync.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum SyncMessage {
    /// What the sender has.
    Offer(Vec<Offer>),
    /// Asks for the operations that aren't among these.
    AskOperations {
        /// The space's pseudonym.
        space: [u8; 32],
        /// Ids of operations.
        have: Vec<[u8; 32]>,
    },
    /// Operations, each after those it follows.
    Operations {
        /// The space's pseudonym.
        space: [u8; 32],
        /// Encoded operations.
        operations: Vec<Vec<u8>>,
        /// Whether there are more.
        more: bool,
    },
    /// Asks for the envelopes past these.
    AskEnvelopes {
        /// The space's pseudonym.
        space: [u8; 32],
        /// Where the asker's streams end.
        have: Vec<Have>,
    },
    /// Envelopes, those of a stream in their order, with the certificates they need.
    Envelopes {
        /// The space's pseudonym.
        space: [u8; 32],
        /// Encoded certificates.
        certificates: Vec<Vec<u8>>,
        /// Encoded envelopes.
        envelopes: Vec<Vec<u8>>,
        /// Whether there are more.
        more: bool,
    },
    /// Asks for earlier places of streams that end where the sender doesn't know them.
    AskEarlier {
        /// The space's pseudonym.
        space: [u8; 32],
        /// The streams.
        streams: Vec<StreamName>,
    },
    /// Asks for the secrets of epochs.
    AskSecrets {
        /// The space's pseudonym.
        space: [u8; 32],
        /// Ids of epochs.
        epochs: Vec<[u8; 32]>,
    },
    /// Secrets, each wrapped to the receiver's receive key.
    Secrets {
        /// The space's pseudonym.
        space: [u8; 32],
        /// Epochs and their wrapped secrets.
        secrets: Vec<([u8; 32], Vec<u8>)>,
    },
    /// Something that the receiver of this sent was refused.
    Refused {
        /// The space's pseudonym; zeros when unknown.
        space: [u8; 32],
        /// A [`Reason`]'s number.
        reason: u8,
        /// A few words for a log.
        text: String,
    },
}

impl SyncMessage {
    /// The message's bytes.
    pub fn encode(&self) -> Vec<u8> {
        postcard::to_stdvec(self).expect("a message is made of bytes, numbers and lists of them")
    }

    /// Reads a message and checks its bounds.
    ///
    /// # Errors
    /// A fatal [`SyncError`].
    pub fn decode(bytes: &[u8]) -> Result<Self, SyncError> {
        if bytes.len() > MESSAGE_BYTES_MAX {
            return Err(SyncError::fatal("a message", Reason::Oversized));
        }
        let malformed = SyncError::fatal("a message", Reason::Malformed);
        let (message, rest) = postcard::take_from_bytes::<Self>(bytes).map_err(|_| malformed.clone())?;
        if !rest.is_empty() {
            return Err(malformed);
        }
        if message.is_bounded() { Ok(message) } else { Err(SyncError::fatal("a message", Reason::Oversized)) }
    }

    fn is_bounded(&self) -> bool {
        match self {
            Self::Offer(offers) => offers.len() <= OFFERS_MAX,
            Self::AskOperations { have, .. } => have.len() <= IDS_MAX,
            Self::Operations { operations, .. } => operations.len() <= ITEMS_MAX,
            Self::AskEnvelopes { have, .. } => {
                have.len() <= HAVES_MAX && have.iter().all(|have| have.earlier.len() <= EARLIER_MAX)
            }
            Self::Envelopes { certificates, envelopes, .. } => {
                certificates.len() <= ITEMS_MAX && envelopes.len() <= ITEMS_MAX
            }
            Self::AskEarlier { streams, .. } => streams.len() <= HAVES_MAX,
            Self::AskSecrets { epochs, .. } => epochs.len() <= SECRETS_MAX,
            Self::Secrets { secrets, .. } => secrets.len() <= SECRETS_MAX,
            Self::Refused { text, .. } => text.len() <= 1024,
        }
    }
}
