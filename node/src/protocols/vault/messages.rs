//! What homes say to each other about packs; drawn in `docs/formats/vault-protocol.md`.
//!
//! Everything here comes from another home, or from a stranger, so every list has a limit that is checked when a message
//! is read, and a pack's bytes travel in frames of their own. Read first: [`VaultRequest`], [`VaultAnswer`].

use heirloom_identity::vault_head::HEAD_BYTES_MAX;
use heirloom_identity::{GUESSES_MAX, HouseholdId, KitId, NodeId};
use heirloom_vault::pack::{PACK_BYTES_MAX, is_size_class};
use heirloom_vault::proof::{CHALLENGES_MAX, Challenge, PROOF_BYTES_MAX};
use heirloom_vault::target::{DELETE_MAX, HEADS_MAX, KIT_BYTES_MAX, KITS_MAX, LIST_MAX};
use heirloom_vault::{Answer, DeleteOutcome, PackId, Room, TargetState};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::kit_messages::{KitMessage, KitRequest};

/// Bytes of a request or of an answer's first frame.
pub const MESSAGE_BYTES_MAX: usize = 256 << 10;
/// Bytes of a pack in one frame.
pub const DATA_BYTES_MAX: usize = 1 << 20;
/// Marks of one household in a [`VaultRequest::NewestOf`].
pub const MARKS_MAX: usize = 16;
/// Damaged packs that are told at once.
pub const DAMAGED_MAX: usize = 4096;
/// Bytes of one answer to a question: a proof, its length and the number of the variant.
pub const PROOF_FRAME_BYTES_MAX: usize = PROOF_BYTES_MAX + 8;
/// Bytes of a frame that is a head or a recovery record.
pub const ITEM_BYTES_MAX: usize = if HEAD_BYTES_MAX > KIT_BYTES_MAX { HEAD_BYTES_MAX } else { KIT_BYTES_MAX };
/// Frames of heads or recovery records in one answer.
const ITEMS_MAX: usize = if HEADS_MAX > KITS_MAX { HEADS_MAX } else { KITS_MAX };

/// What one home asks of another. One request opens a stream; the bytes of a pack follow it, or its answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum VaultRequest {
    /// How the two homes stand: what is kept for whom.
    State,
    /// Please keep so many bytes for us; a person there decides. 0 takes the wish back.
    Ask {
        /// How much room is wanted.
        bytes: u64,
    },
    /// Keep this pack. The other side says [`VaultAnswer::Send`] before the bytes come.
    Put {
        /// BLAKE3 of its bytes.
        pack: PackId,
        /// How many bytes it has.
        bytes: u32,
        /// Which part of the room it may take.
        room: Room,
    },
    /// Give these bytes of a pack.
    Get {
        /// Which pack.
        pack: PackId,
        /// The first byte.
        from: u32,
        /// The byte after the last.
        to: u32,
    },
    /// Which packs are there, in the order of their ids.
    List {
        /// Only those after this one.
        after: Option<PackId>,
    },
    /// Show that these packs are there.
    Prove(Vec<Challenge>),
    /// These packs are not needed any more.
    Delete(Vec<PackId>),
    /// Keep this head.
    PutHead(Vec<u8>),
    /// Which heads are there, newest first.
    Heads,
    /// From one keeper to another: which is the newest head of the household that these marks stand for? See
    /// [`heads`](super::heads).
    NewestOf(Vec<[u8; 32]>),
    /// Keep this recovery record.
    PutKit(Vec<u8>),
    /// Which recovery records are there.
    Kits,
    /// Something that a person should know.
    Notice(Notice),
    /// What a person in the ward's home thinks of a deletion that waits.
    AnswerDeletion {
        /// Whether it may happen.
        allow: bool,
    },
    /// Which of our packs were found damaged and have not come again since.
    Damaged,
    /// About a recovery kit.
    Kit(KitRequest),
}

/// What the other home's people should know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Notice {
    /// What we keep for you, or want you to keep, is another now: ask for the state.
    Agreement,
    /// Somebody with your phrase fetched what we keep for you.
    Recovery {
        /// The machine that came.
        node: NodeId,
        /// When, in milliseconds since the Unix epoch, UTC.
        at_ms: i64,
    },
    /// Your node asked us to delete so much that a person here has to allow it.
    Deletion {
        /// How many packs.
        packs: u64,
        /// How many bytes.
        bytes: u64,
        /// When, in milliseconds since the Unix epoch, UTC.
        at_ms: i64,
    },
    /// These packs of yours were found damaged here, or gone; please send them again.
    Damaged(Vec<PackId>),
    /// Two heads with your signature do not belong to one chain.
    Fork {
        /// The number of the head that does not fit.
        number: u64,
        /// When, in milliseconds since the Unix epoch, UTC.
        at_ms: i64,
    },
    /// Somebody asks us for a part of this recovery kit: yours, or one of which you hold a part, too.
    KitAsked {
        /// The kit.
        kit: KitId,
        /// When, in milliseconds since the Unix epoch, UTC.
        at_ms: i64,
    },
    /// You keep packs for us that you were asked to delete in our name, and not by us.
    NotAsked {
        /// How many packs.
        packs: u64,
        /// When, in milliseconds since the Unix epoch, UTC.
        at_ms: i64,
    },
}

/// What is answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum VaultAnswer {
    /// It is done, durably.
    Done,
    /// How the two homes stand.
    State(StateOfUs),
    /// Send the pack now.
    Send,
    /// So many bytes follow in frames.
    Bytes(u32),
    /// The packs, and their sizes.
    Packs(Vec<(PackId, u32)>),
    /// So many frames follow, each the answer to one question, in order.
    Proofs(u32),
    /// What became of a wish to delete.
    Deleted(DeleteOutcome),
    /// So many frames follow, each a head or a recovery record.
    Items(u32),
    /// The newest head that is known here.
    Newest(Vec<u8>),
    /// No, and why.
    Refused(VaultRefusal),
    /// Packs that are damaged or gone.
    Damaged(Vec<PackId>),
}

/// Why a request is not granted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum VaultRefusal {
    /// Nothing is kept here for whoever asks.
    NotAWard,
    /// There is no room left.
    Full {
        /// Bytes that were agreed on.
        quota: u64,
        /// Bytes of them that are taken.
        used: u64,
    },
    /// The disk is not there.
    DiskAbsent,
    /// There is no such pack for whoever asks.
    Missing,
    /// The bytes are not those that they should be.
    Wrong,
    /// Too much is asked at once; try again later.
    Busy,
    /// More than may be asked.
    TooLarge,
    /// A newer head is known.
    Older,
    /// A head that belongs to another chain is known.
    Fork,
    /// Something failed here.
    Failed,
    /// The request makes no sense, or not here.
    Malformed,
}

/// How two homes stand, as the one that answers sees it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StateOfUs {
    /// What it keeps for the one that asks.
    pub kept: Option<Kept>,
    /// How many bytes it was asked to keep by the one that asks, while no person there has decided.
    pub asked: Option<u64>,
    /// How many bytes it wants the one that asks to keep.
    pub wants: Option<u64>,
    /// Whether a person there said no to the last wish of the one that asks.
    pub declined: bool,
}

/// What one home keeps for another.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    /// How full it is.
    pub state: TargetState,
    /// The number of the newest head, 0 for none.
    pub head: u64,
    /// Whether the disk is there; if not, the numbers are those of when it was.
    pub disk_is_there: bool,
    /// Whether the agreement was ended: what is there is removed after a while.
    pub ended: bool,
}

/// What is said on a connection to recover.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum RecoveryMessage {
    /// From whoever dialled, first of all: I am this household.
    Hello {
        /// The version that is spoken: 1.
        version: u16,
        /// The household.
        household: HouseholdId,
    },
    /// From the keeper: sign this.
    Challenge([u8; 32]),
    /// From whoever dialled: the authority's signature, 64 bytes.
    Proof(Vec<u8>),
    /// From the keeper: ask.
    Welcome(Welcome),
    /// From the keeper: no.
    Refused(RecoveryRefusal),
    /// From whoever dialled, on a stream of its own: a request that only reads.
    Ask(VaultRequest),
    /// From whoever dialled, first of all: a word of the phrase may be wrong.
    Guessing {
        /// The version that is spoken: 1.
        version: u16,
    },
    /// From whoever dialled: households whose phrase it may be, each with a proof of its own of 64 bytes.
    Guesses(Vec<(HouseholdId, Vec<u8>)>),
    /// From the keeper: it is this one of them.
    Guessed(u16),
    /// About a part of a recovery kit; needs no proof of the phrase.
    Kit(KitMessage),
}

/// What a keeper says to a household that lost everything.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Welcome {
    /// The highest certificate of that household that the keeper has met.
    pub certificate: Option<Vec<u8>>,
    /// The keeper's own certificate.
    pub keeper: Vec<u8>,
    /// What the keeper's household calls itself.
    pub name: String,
}

/// Why somebody may not recover here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum RecoveryRefusal {
    /// Another version is spoken here.
    Version,
    /// The signature is not that household's.
    Proof,
    /// Nothing is kept here for that household.
    NothingKept,
    /// Too many come at once.
    Busy,
    /// The message makes no sense.
    Malformed,
}

impl VaultRequest {
    /// The bytes, as postcard writes them.
    pub fn encode(&self) -> Vec<u8> {
        encode(self)
    }

    /// Reads a request; `None` when it is none, or asks for more than may be asked.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        decode(bytes, MESSAGE_BYTES_MAX).filter(Self::is_sound)
    }

    /// Whether every number in it may be asked for.
    fn is_sound(&self) -> bool {
        match self {
            // No honest pack has another size, and a ward could use up a disk with tiny ones.
            Self::Put { bytes, .. } => is_size_class(u64::from(*bytes)),
            Self::Get { from, to, .. } => from < to && *to as usize <= PACK_BYTES_MAX,
            Self::Prove(all) => {
                (1..=CHALLENGES_MAX).contains(&all.len()) && all.iter().all(Challenge::is_sound)
            }
            Self::Delete(packs) => (1..=DELETE_MAX).contains(&packs.len()),
            Self::PutHead(head) => head.len() <= HEAD_BYTES_MAX,
            Self::NewestOf(marks) => (1..=MARKS_MAX).contains(&marks.len()),
            Self::Notice(Notice::Damaged(packs)) => (1..=DAMAGED_MAX).contains(&packs.len()),
            Self::PutKit(kit) => kit.len() <= KIT_BYTES_MAX,
            Self::Kit(request) => request.is_sound(),
            Self::State
            | Self::Ask { .. }
            | Self::List { .. }
            | Self::Heads
            | Self::Kits
            | Self::Notice(_)
            | Self::AnswerDeletion { .. }
            | Self::Damaged => true,
        }
    }

    /// Whether it changes nothing, so that somebody who only restores may ask it.
    pub fn only_reads(&self) -> bool {
        match self {
            Self::State | Self::Get { .. } | Self::List { .. } | Self::Heads | Self::Kits => true,
            Self::Ask { .. }
            | Self::Put { .. }
            | Self::Prove(_)
            | Self::Delete(_)
            | Self::PutHead(_)
            | Self::NewestOf(_)
            | Self::PutKit(_)
            | Self::Notice(_)
            | Self::AnswerDeletion { .. }
            | Self::Damaged
            | Self::Kit(_) => false,
        }
    }
}

impl VaultAnswer {
    /// The bytes, as postcard writes them.
    pub fn encode(&self) -> Vec<u8> {
        encode(self)
    }

    /// Reads an answer; `None` when it is none.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        decode(bytes, MESSAGE_BYTES_MAX).filter(Self::is_sound)
    }

    fn is_sound(&self) -> bool {
        match self {
            Self::Packs(packs) => {
                let sizes = packs.iter().all(|(_, bytes)| *bytes as usize <= PACK_BYTES_MAX);
                packs.len() <= LIST_MAX && sizes && packs.is_sorted_by(|one, next| one.0 < next.0)
            }
            Self::Bytes(bytes) => *bytes as usize <= PACK_BYTES_MAX,
            Self::Proofs(count) => *count as usize <= CHALLENGES_MAX,
            Self::Items(count) => *count as usize <= ITEMS_MAX,
            Self::Newest(head) => head.len() <= HEAD_BYTES_MAX,
            Self::Damaged(packs) => packs.len() <= DAMAGED_MAX,
            Self::Done | Self::State(_) | Self::Send | Self::Deleted(_) | Self::Refused(_) => true,
        }
    }
}

/// The frame that answers one question.
pub fn encode_answer(answer: &Answer) -> Vec<u8> {
    encode(answer)
}

/// Reads the answer to one question; `None` when it is none.
pub fn decode_answer(bytes: &[u8]) -> Option<Answer> {
    decode(bytes, PROOF_FRAME_BYTES_MAX)
}

impl RecoveryMessage {
    /// The bytes, as postcard writes them.
    pub fn encode(&self) -> Vec<u8> {
        encode(self)
    }

    /// Reads a message; `None` when it is none.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let message = decode(bytes, MESSAGE_BYTES_MAX)?;
        match &message {
            Self::Ask(request) => request.is_sound().then_some(message),
            Self::Kit(kit) => kit.is_sound().then_some(message),
            Self::Hello { .. }
            | Self::Challenge(_)
            | Self::Proof(_)
            | Self::Welcome(_)
            | Self::Guessing { .. }
            | Self::Guessed(_)
            | Self::Refused(_) => Some(message),
            Self::Guesses(guesses) => (guesses.len() <= GUESSES_MAX).then_some(message),
        }
    }
}

fn encode(message: &impl Serialize) -> Vec<u8> {
    postcard::to_stdvec(message).expect("a message can be written to memory")
}

/// Reads a message that is all of these bytes, at most so many.
fn decode<T: DeserializeOwned>(bytes: &[u8], max: usize) -> Option<T> {
    if bytes.len() > max {
        return None;
    }
    let (message, rest) = postcard::take_from_bytes(bytes).ok()?;
    rest.is_empty().then_some(message)
}

#[cfg(test)]
#[path = "messages_tests.rs"]
mod tests;
