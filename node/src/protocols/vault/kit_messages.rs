//! What is said about recovery kits; drawn in `docs/formats/vault-protocol.md`.
//!
//! [`KitRequest`] is between homes that are paired. [`KitMessage`] is between a holder and a machine that has neither the
//! phrase nor a certificate: it has an invitation of the holder, and the name of its home.

use heirloom_identity::{HouseholdId, KitId};
use heirloom_vault::target::KIT_BYTES_MAX;
use serde::{Deserialize, Serialize};

/// Bytes of a name.
pub const NAME_BYTES_MAX: usize = 512;
/// Bytes of a part.
pub const SHARE_BYTES_MAX: usize = 128;
/// Bytes of a part that is sealed.
pub const SEALED_BYTES_MAX: usize = 512;
/// Homes that hold parts of one kit.
pub const HOLDERS_MAX: usize = 5;

/// What one home asks of another about kits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum KitRequest {
    /// Hold this part of our kit.
    Hold(Parcel),
    /// Is the part that you hold one of this record's?
    Check(Vec<u8>),
    /// The kit is revoked; these bytes say it.
    End(Vec<u8>),
    /// Whoever asks for a part of this kit, it is none of us.
    Refuse(KitId),
}

/// A part of a kit, for its holder.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parcel {
    /// The part.
    pub share: Vec<u8>,
    /// The kit's record.
    pub record: Vec<u8>,
    /// How long to wait before it is given out, in milliseconds.
    pub delay_ms: u64,
    /// Homes that hold other parts.
    pub holders: Vec<HouseholdId>,
}

impl std::fmt::Debug for Parcel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Parcel(secret, {} ms)", self.delay_ms)
    }
}

impl Drop for Parcel {
    fn drop(&mut self) {
        zeroize::Zeroize::zeroize(&mut self.share);
    }
}

impl KitRequest {
    /// Whether everything in it is short enough.
    pub(super) fn is_sound(&self) -> bool {
        match self {
            Self::Hold(parcel) => {
                parcel.share.len() <= SHARE_BYTES_MAX
                    && parcel.record.len() <= KIT_BYTES_MAX
                    && parcel.holders.len() <= HOLDERS_MAX
            }
            Self::Check(bytes) | Self::End(bytes) => bytes.len() <= KIT_BYTES_MAX,
            Self::Refuse(_) => true,
        }
    }
}

/// What a holder and a machine that asks for a part say to each other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum KitMessage {
    /// From whoever dialled: please give me the part. Said again, it asks how it stands.
    Ask(KitAsk),
    /// From the holder: so it stands. The same whether or not a part is held here, until a person here says yes.
    Standing(KitStanding),
    /// From whoever dialled: give me the record of this kit. Only who has seen a part knows its id.
    GetRecord {
        /// Whose kit.
        household: HouseholdId,
        /// Which.
        kit: KitId,
    },
    /// From the holder or keeper: the record, if it is here.
    Record(Option<Vec<u8>>),
}

/// A machine that asks for the part of its home's kit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KitAsk {
    /// The version that is spoken: 1.
    pub version: u16,
    /// How its home was called.
    pub name: String,
    /// What the part is to be sealed to.
    pub receive: [u8; 32],
    /// The invitation that a person of the holder's home gave it.
    pub invitation: [u8; 32],
    /// That it has the invitation's secret.
    pub proof: [u8; 32],
}

/// How a request stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KitStanding {
    /// What the words that people compare are made from, too.
    pub challenge: [u8; 32],
    /// What people said, and how long it takes.
    pub answer: KitAnswer,
}

/// What became of a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum KitAnswer {
    /// A person there has not decided.
    Asked,
    /// A person said yes; so many milliseconds are left.
    Waits {
        /// Milliseconds of the delay.
        left_ms: u64,
    },
    /// A person said no, here or in the home whose kit it is.
    Refused,
    /// The part, sealed.
    Given(Vec<u8>),
}

impl KitMessage {
    /// Whether everything in it is short enough.
    pub(super) fn is_sound(&self) -> bool {
        match self {
            Self::Ask(ask) => ask.name.len() <= NAME_BYTES_MAX,
            Self::Standing(standing) => match &standing.answer {
                KitAnswer::Given(sealed) => sealed.len() <= SEALED_BYTES_MAX,
                KitAnswer::Asked | KitAnswer::Waits { .. } | KitAnswer::Refused => true,
            },
            Self::GetRecord { .. } => true,
            Self::Record(record) => record.as_ref().is_none_or(|record| record.len() <= KIT_BYTES_MAX),
        }
    }
}
