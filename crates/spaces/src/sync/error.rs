//! Why something of a peer was refused.

use heirloom_identity::SpaceId;
use thiserror::Error;

use crate::albums::AlbumError;

/// Why.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Error)]
pub enum Reason {
    /// It isn't what it should be.
    #[error("it can't be read")]
    Malformed,
    /// It is larger than any may be.
    #[error("it is too large")]
    Oversized,
    /// It belongs to another album than it was sent for.
    #[error("it belongs to another album")]
    WrongSpace,
    /// Its author's certificate didn't come with it.
    #[error("its author's certificate is unknown")]
    UnknownCertificate,
    /// Its signature isn't its author's.
    #[error("its signature is wrong")]
    BadSignature,
    /// A secret isn't the one of its epoch.
    #[error("the secret is not that epoch's")]
    WrongEpoch,
    /// A newer program wrote it.
    #[error("a newer program wrote it")]
    FutureVersion,
    /// There is more than there may be.
    #[error("there is too much of it")]
    Flood,
    /// The sender, or the author, is no member.
    #[error("its author or sender is not a member of the album")]
    NotMember,
    /// Both have the same operations and make different things of them.
    #[error("both homes make different things of the same operations; one of them needs an update")]
    Diverged,
    /// This home couldn't store it.
    #[error("this home could not store it")]
    Storage,
}

impl Reason {
    /// Its number on the wire.
    pub const fn code(self) -> u8 {
        self as u8 + 1
    }
}

/// Something of a peer was refused, and why.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("a peer sent {what} that was refused: {reason}")]
pub struct SyncError {
    /// What it was.
    pub what: &'static str,
    /// Why.
    pub reason: Reason,
    /// In which album, if that is known.
    pub space: Option<SpaceId>,
    /// Whether the session is over: the connection should be closed.
    pub fatal: bool,
}

impl SyncError {
    pub(crate) fn fatal(what: &'static str, reason: Reason) -> Self {
        Self { what, reason, space: None, fatal: true }
    }

    pub(crate) fn slight(what: &'static str, reason: Reason, space: Option<SpaceId>) -> Self {
        Self { what, reason, space, fatal: false }
    }
}

impl From<AlbumError> for SyncError {
    fn from(error: AlbumError) -> Self {
        match error {
            AlbumError::Full(_) => Self::slight("an album", Reason::Flood, None),
            AlbumError::Unknown(space) => {
                Self::slight("something for an album", Reason::WrongSpace, Some(space))
            }
            _ => Self::slight("something", Reason::Storage, None),
        }
    }
}
