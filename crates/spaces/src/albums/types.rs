//! What albums show, and what can be done to them.

use std::collections::{BTreeMap, BTreeSet};
use std::{fmt, str::FromStr, sync::Arc};

use heirloom_identity::{
    AccountId, AlbumId, Certificate, ContentHash, HouseholdId, ReceiveKey, Role, Signer, SpaceId,
};

use crate::documents::entry::EntryFacts;
use crate::documents::{Home, Sort, eight};
use crate::membership::Membership;

/// Who writes: the node's certificate, the signing key that it names, and the keys that secrets are wrapped to.
#[derive(Clone)]
pub struct AlbumKeys {
    /// The node's certificate.
    pub certificate: Certificate,
    /// The key in it.
    pub signer: Signer,
    /// The household's receive keys, the newest first; at least one.
    pub receive: Vec<ReceiveKey>,
}

impl AlbumKeys {
    /// The household.
    pub fn household(&self) -> HouseholdId {
        *self.certificate.household()
    }
}

/// Fills bytes with fresh randomness.
pub type Randomness = Arc<dyn Fn(&mut [u8]) + Send + Sync>;

/// An album as a list shows it.
#[derive(Debug, Clone)]
pub struct Album {
    /// Its space.
    pub space: SpaceId,
    /// Its id for clients.
    pub id: AlbumId,
    /// Its title.
    pub title: String,
    /// What is written under the title.
    pub description: String,
    /// The entry on its cover, if people chose one.
    pub cover: Option<ContentHash>,
    /// How it is arranged.
    pub sort: Sort,
    /// How many photos and videos it has; one that two homes added counts once.
    pub entries: u64,
    /// What their originals weigh together.
    pub bytes: u64,
    /// The date of the oldest entry, in milliseconds on its own clock.
    pub from_ms: Option<i64>,
    /// The date of the newest.
    pub to_ms: Option<i64>,
    /// When it was created, by its creator's clock.
    pub created_at_ms: i64,
    /// When something in it last changed here.
    pub updated_at_ms: i64,
    /// The homes in it.
    pub membership: Arc<Membership>,
    /// What we may do; `None` when we were removed or left: the album stays, and can only be looked at.
    pub our_role: Option<Role>,
    /// Which of our accounts take part; none: everybody here.
    pub our_accounts: Vec<AccountId>,
    /// How our membership ended, if it did.
    pub ended: Option<Ended>,
}

/// The end of our membership.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    /// Who ended it.
    pub by: HouseholdId,
    /// When, by their clock.
    pub at_ms: i64,
    /// Whether we left ourselves.
    pub left: bool,
}

/// One photo or video in an album.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// What is known of it.
    pub facts: EntryFacts,
    /// Who added it; of several homes the one with the lowest id.
    pub by: HouseholdId,
    /// What people wrote under it in this album.
    pub caption: Option<String>,
    /// Where people put it; `None`: where its date puts it.
    pub order: Option<String>,
    /// A number of this row in this database, which stays as long as the entry does.
    pub number: i64,
}

/// One decision about an album.
#[derive(Debug, Clone, PartialEq)]
pub enum AlbumEdit {
    /// At most 200 characters.
    Title(String),
    /// At most 10,000 characters.
    Description(String),
    /// An entry, or none.
    Cover(Option<ContentHash>),
    /// How the album is arranged, for everybody.
    Sort(Sort),
    /// Adds photos.
    Add(Vec<EntryFacts>),
    /// Takes photos out: one's own, and, as an admin, those of others.
    RemoveEntries(Vec<ContentHash>),
    /// Writes something under a photo, or takes it away; at most 10,000 characters.
    Caption(ContentHash, Option<String>),
    /// Puts a photo at a place: see [`between`](crate::order::between).
    Order(ContentHash, String),
    /// Says something about an entry or the album; at most 4,000 characters.
    Comment {
        /// About what.
        entry: Option<ContentHash>,
        /// What.
        text: String,
    },
    /// Takes a comment away: one's own household's, and, as an admin, those of others.
    DeleteComment(CommentId),
    /// Reacts to an entry or the album, or takes the reaction back.
    React {
        /// To what.
        entry: Option<ContentHash>,
        /// One emoji.
        emoji: Option<String>,
    },
    /// What the account is called among the members; at most 100 characters.
    Name {
        /// The name.
        name: String,
    },
}

/// Names a comment: the beginning of its author's household id, and 8 random bytes. Written as 32 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CommentId([u8; 16]);

impl CommentId {
    pub(crate) fn new(home: Home, random: [u8; 8]) -> Self {
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&home.0);
        bytes[8..].copy_from_slice(&random);
        Self(bytes)
    }

    pub(crate) fn parts(&self) -> (Home, [u8; 8]) {
        let (mut home, mut random) = ([0; 8], [0; 8]);
        home.copy_from_slice(&self.0[..8]);
        random.copy_from_slice(&self.0[8..]);
        (Home(home), random)
    }

    /// Takes the bytes as they are.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The bytes.
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl fmt::Display for CommentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for CommentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CommentId({self})")
    }
}

/// The text names no comment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a comment is named by 32 lower-case hexadecimal digits")]
pub struct CommentIdError;

impl FromStr for CommentId {
    type Err = CommentIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (home, random) = text.split_at_checked(16).ok_or(CommentIdError)?;
        match (eight(home), eight(random)) {
            (Some(home), Some(random)) => Ok(Self::new(Home(home), random)),
            _ => Err(CommentIdError),
        }
    }
}

/// What somebody said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Comment {
    /// Names it.
    pub id: CommentId,
    /// About which entry; `None`: about the album.
    pub entry: Option<ContentHash>,
    /// Whose household.
    pub by: HouseholdId,
    /// Which account there.
    pub account: AccountId,
    /// What was said.
    pub text: String,
    /// When, by the author's clock, never later than when it came.
    pub at_ms: i64,
}

/// How somebody reacted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reaction {
    /// To which entry; `None`: to the album.
    pub entry: Option<ContentHash>,
    /// Whose household.
    pub by: HouseholdId,
    /// Which account there.
    pub account: AccountId,
    /// How.
    pub emoji: String,
}

/// For each entry how many comments it has, and how often each reaction.
pub type TalkCounts = BTreeMap<ContentHash, (u64, BTreeMap<String, u64>)>;

/// One line of what happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Activity {
    /// When, by the author's clock, never later than when it came.
    pub at_ms: i64,
    /// Whose household.
    pub by: HouseholdId,
    /// Which account there, if the line is about one.
    pub account: Option<AccountId>,
    /// What.
    pub what: Happening,
    /// To which entry.
    pub entry: Option<ContentHash>,
}

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Happening {
    /// The album began.
    Created,
    /// Photos came.
    Added {
        /// How many.
        count: u64,
    },
    /// Photos went.
    TookOut {
        /// How many.
        count: u64,
    },
    /// Somebody said something.
    Commented,
    /// Somebody reacted.
    Reacted,
    /// Title or description changed.
    Renamed,
    /// A home was invited.
    Joined {
        /// Which.
        household: HouseholdId,
    },
    /// A home was removed.
    Removed {
        /// Which.
        household: HouseholdId,
    },
    /// The home left.
    Left,
    /// The album has another owner.
    Transferred {
        /// Which.
        household: HouseholdId,
    },
}

/// Which of an entry's files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Part {
    /// The original.
    Original,
    /// The large picture.
    Preview,
    /// The small picture.
    Thumbnail,
}

/// An album that names a file: for deciding who may be served it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// The album.
    pub space: SpaceId,
    /// The entry.
    pub content: ContentHash,
    /// Who added it.
    pub by: HouseholdId,
    /// Which of its files it is.
    pub part: Part,
    /// How many bytes that file has, by the entry.
    pub bytes: u64,
}

/// A part of an album that changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Changed {
    /// Photos came, went, or were described or moved.
    Entries,
    /// Title, description, cover, arrangement.
    About,
    /// Comments and reactions.
    Talk,
    /// Homes and roles, or what people are called.
    Members,
    /// Secrets: more can be read.
    Epochs,
}

/// What changed in an album. Told after it is durable.
#[derive(Debug, Clone)]
pub struct News {
    /// The album.
    pub space: SpaceId,
    /// What of it.
    pub changed: BTreeSet<Changed>,
    /// The entries that came; empty when they are more than [`NEWS_ENTRIES_MAX`].
    pub entries_added: Vec<ContentHash>,
    /// Whether more came than are named: look through all.
    pub many: bool,
    /// The peer that it came from; `None`: it was done here.
    pub from: Option<HouseholdId>,
}

/// How many entries a [`News`] names.
pub const NEWS_ENTRIES_MAX: usize = 1000;

impl News {
    pub(crate) fn about(space: SpaceId, from: Option<HouseholdId>) -> Self {
        Self { space, changed: BTreeSet::new(), entries_added: Vec::new(), many: false, from }
    }

    pub(crate) fn added(&mut self, content: ContentHash) {
        if self.many || self.entries_added.len() >= NEWS_ENTRIES_MAX {
            self.many = true;
            self.entries_added.clear();
        } else {
            self.entries_added.push(content);
        }
    }
}
