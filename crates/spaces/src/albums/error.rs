//! What can go wrong with albums.

use automerge::AutomergeError;
use heirloom_identity::{EnvelopeError, OperationError, Role, SignerId, SpaceId};
use heirloom_store::{StoreError, rusqlite};
use thiserror::Error;

use crate::documents::entry::EntryError;
use crate::membership::Refusal;

/// Why albums couldn't be opened, read or changed. Nothing of a call that failed was kept.
#[derive(Debug, Error)]
pub enum AlbumError {
    /// There is no such album here.
    #[error("there is no album {0} here; perhaps it was left or removed meanwhile")]
    Unknown(SpaceId),
    /// Our household isn't a member any more.
    #[error("this home is no longer a member of the album; what came so far stays and can only be looked at")]
    Ended,
    /// The household's role doesn't allow it.
    #[error(
        "this home has too few rights in the album: it is there as {has}, and that takes the role {needs}; ask the home that owns it"
    )]
    Role {
        /// What is needed.
        needs: Role,
        /// What the household is.
        has: Role,
    },
    /// The household is a member, this account is not.
    #[error(
        "the album is shared with other people of this home, and not with you; ask the home that owns it"
    )]
    Account,
    /// The membership doesn't allow it.
    #[error("{0}")]
    Refused(#[from] Refusal),
    /// A value is too long or not what it should be.
    #[error("the {0} is too long, or not what it should be; make it shorter")]
    Bounds(&'static str),
    /// An entry can't be added.
    #[error("{0}")]
    Entry(#[from] EntryError),
    /// The album doesn't hold what the edit is about.
    #[error("the {0} is not in the album any more")]
    Missing(&'static str),
    /// A limit is reached.
    #[error("the album is full: it has as many {0} as an album can have; make another album for more")]
    Full(&'static str),
    /// The certificate names another key than the one given.
    #[error(
        "the node's certificate is for the signing key {certified}, but the node has {found}; check keys.toml"
    )]
    KeyMismatch {
        /// The key in the certificate.
        certified: SignerId,
        /// The key that was given.
        found: SignerId,
    },
    /// What the database holds of an album contradicts itself.
    #[error("the stored album is damaged: {0}")]
    Damaged(&'static str),
    /// A document couldn't be edited or read.
    #[error("the album's document can't be used: {0}")]
    Document(#[from] Box<AutomergeError>),
    /// An operation couldn't be signed.
    #[error("the membership couldn't be changed: {0}")]
    Operation(#[from] OperationError),
    /// A change couldn't be signed and encrypted.
    #[error("a change couldn't be written: {0}")]
    Envelope(#[from] EnvelopeError),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<rusqlite::Error> for AlbumError {
    fn from(source: rusqlite::Error) -> Self {
        Self::Store(source.into())
    }
}

impl From<AutomergeError> for AlbumError {
    fn from(source: AutomergeError) -> Self {
        Self::Document(Box::new(source))
    }
}
