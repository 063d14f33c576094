//! A membership operation: one signed step in who belongs to an album.
//!
//! Operations form a graph: each names the newest ones that its author knew, so nobody can pretend to have known less. The
//! first, Create, names none, and its hash makes the album's [`SpaceId`]. The author's certificate stands inside, so an
//! operation can be verified alone, by anybody, at any time. What an operation *brings about* isn't decided here:
//! `spaces` evaluates the set of all operations of an album. The bytes are drawn in `docs/formats/operation.md`.

mod action;
#[cfg(test)]
mod tests;

use std::fmt;

use thiserror::Error;

pub use self::action::{
    ACCOUNTS_MAX, Action, CUT_ENTRIES_MAX, Cut, CutEntry, EPOCHS_MAX, MEMBERS_MAX, Rekey,
};
use crate::{
    certificate::{Certificate, CertificateError},
    ids::{HouseholdId, OperationId, SpaceId},
    keys::{SIGNATURE_BYTES, Signer, verify},
    labels,
    wire::{Reader, Writer, is_ascending},
};

/// The version that this code writes and reads.
const VERSION: u8 = 1;
/// The algorithm byte of Ed25519.
const ED25519: u8 = 1;
/// How many operations one may name as known.
pub const PARENTS_MAX: usize = 16;
/// How large an operation may be; the largest cut fits in.
pub const OPERATION_BYTES_MAX: usize = 24 * 1024;
/// What Create names as its space: the real one is made from its hash.
const NO_SPACE: SpaceId = SpaceId::from_bytes([0; 32]);

/// Why an operation can't be made or read.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum OperationError {
    /// It ends before its last field.
    #[error("the membership operation is cut off")]
    Truncated,
    /// It goes on after its signature.
    #[error("the membership operation is followed by {0} bytes that don't belong to it")]
    Trailing(usize),
    /// More than [`OPERATION_BYTES_MAX`].
    #[error("a membership operation has at most 24 KiB, this has {0} bytes")]
    TooLarge(usize),
    /// Written by a version that this program doesn't know.
    #[error(
        "the membership operation has version {0}, this program reads version 1; a newer program may have written it"
    )]
    Version(u8),
    /// Signed in a way that this program doesn't know.
    #[error(
        "the membership operation's signature algorithm {0} is unknown, only 1 (Ed25519) is; a newer program may know it"
    )]
    Algorithm(u8),
    /// An action that this program doesn't know.
    #[error(
        "the membership operation does {0}, which this program doesn't know; a newer program may know it"
    )]
    Kind(u8),
    /// The certificate inside is none.
    #[error("the membership operation's certificate is not good: {0}")]
    Certificate(#[from] CertificateError),
    /// Signed with a key that the certificate doesn't name.
    #[error("the signing key is not the one that the certificate names")]
    WrongSigner,
    /// Create begins a space and follows nothing; everything else belongs to a space and follows something.
    #[error("exactly the operation that creates an album names no space and follows no other operation")]
    Beginning,
    /// Too many values of one kind.
    #[error("a membership operation names at most {max} {what}, this one names {found}")]
    TooMany {
        /// What there is too much of.
        what: &'static str,
        /// How many there may be.
        max: usize,
        /// How many there are.
        found: usize,
    },
    /// A list isn't sorted, or names something twice.
    #[error("the {0} of a membership operation are not sorted, or one is named twice")]
    Order(&'static str),
    /// No role has this number.
    #[error("{0} is no role's number")]
    Role(u8),
    /// A receive key with which nothing can be kept secret.
    #[error("the receive key in the membership operation is no usable X25519 key")]
    ReceiveKey,
    /// An epoch's secret, wrapped or enclosed, that hasn't the length of one.
    #[error("a sealed epoch secret in the membership operation has {0} bytes, which none has")]
    Sealed(usize),
    /// A cut names envelope 0.
    #[error("a cut names envelope 0 of a stream; envelopes count from 1")]
    CutPosition,
    /// The signer didn't sign these bytes.
    #[error("the membership operation's signature is not its author's: it was damaged or forged")]
    Signature,
}

/// A signed operation. Every value of this type has a valid certificate and a valid signature by the key it names.
#[derive(Clone, PartialEq, Eq)]
pub struct Operation {
    id: OperationId,
    space: SpaceId,
    certificate: Certificate,
    parents: Vec<OperationId>,
    action: Action,
    at_ms: i64,
    encoded: Vec<u8>,
}

impl Operation {
    /// Signs an operation. `space` is `None` exactly for [`Action::Create`], which has no parents; every other action
    /// has at least one. Lists are sorted first. `at_ms`, in milliseconds since the Unix epoch, UTC, is shown to people
    /// and decides nothing.
    ///
    /// # Errors
    /// [`OperationError::WrongSigner`], [`OperationError::Beginning`], and those about the action's own fields.
    pub fn sign(
        signer: &Signer,
        certificate: &Certificate,
        space: Option<SpaceId>,
        mut parents: Vec<OperationId>,
        mut action: Action,
        at_ms: i64,
    ) -> Result<Self, OperationError> {
        if signer.id() != *certificate.signer() {
            return Err(OperationError::WrongSigner);
        }
        parents.sort_unstable();
        parents.dedup();
        action.sort();
        check_parents(&parents)?;
        check_beginning(&action, space.is_none(), &parents)?;
        action.check()?;

        let mut body = Writer::new();
        body.u8(VERSION).u8(ED25519).bytes(space.unwrap_or(NO_SPACE).as_bytes());
        body.bytes(&certificate.encode()).i64(at_ms);
        body.u8(u8::try_from(parents.len()).expect("at most 16 parents"));
        for parent in &parents {
            body.bytes(parent.as_bytes());
        }
        action.write(&mut body);
        let signature = signer.sign(labels::OPERATION, body.as_bytes());
        body.bytes(&signature);
        Self::decode(&body.into_bytes())
    }

    /// Reads an operation, and verifies the certificate in it and the signature by the key that the certificate names.
    ///
    /// Whether the author may do this, and whether the certificate is still its newest, is for the caller to decide.
    ///
    /// # Errors
    /// Any [`OperationError`] but [`OperationError::WrongSigner`].
    pub fn decode(encoded: &[u8]) -> Result<Self, OperationError> {
        let cut = || OperationError::Truncated;
        let mut reader = Reader(encoded);
        match reader.u8().ok_or_else(cut)? {
            VERSION => {}
            other => return Err(OperationError::Version(other)),
        }
        match reader.u8().ok_or_else(cut)? {
            ED25519 => {}
            other => return Err(OperationError::Algorithm(other)),
        }
        if encoded.len() > OPERATION_BYTES_MAX {
            return Err(OperationError::TooLarge(encoded.len()));
        }
        let named = SpaceId::from_bytes(reader.array().ok_or_else(cut)?);
        let certificate = reader.take(Certificate::BYTES).ok_or_else(cut)?;
        let at_ms = reader.i64().ok_or_else(cut)?;
        let parents = read_parents(&mut reader)?;
        let action = Action::read(&mut reader)?;
        let body = &encoded[..encoded.len() - reader.0.len()];
        let signature: [u8; SIGNATURE_BYTES] = reader.array().ok_or_else(cut)?;
        if !reader.is_empty() {
            return Err(OperationError::Trailing(reader.0.len()));
        }
        check_beginning(&action, named == NO_SPACE, &parents)?;
        action.check()?;
        let certificate = Certificate::decode(certificate)?;
        if !verify(certificate.signer().as_bytes(), labels::OPERATION, body, &signature) {
            return Err(OperationError::Signature);
        }
        let id = OperationId::from_bytes(*blake3::hash(encoded).as_bytes());
        let space = if named == NO_SPACE { SpaceId::album(&id) } else { named };
        Ok(Self { id, space, certificate, parents, action, at_ms, encoded: encoded.to_vec() })
    }

    /// The operation's only encoding.
    pub fn encode(&self) -> Vec<u8> {
        self.encoded.clone()
    }

    /// The operation's only encoding, borrowed.
    pub fn as_bytes(&self) -> &[u8] {
        &self.encoded
    }

    /// BLAKE3 of the encoding.
    pub fn id(&self) -> OperationId {
        self.id
    }

    /// The album's space; for a Create the one that it begins.
    pub fn space(&self) -> SpaceId {
        self.space
    }

    /// The household that did it.
    pub fn author(&self) -> HouseholdId {
        *self.certificate.household()
    }

    /// The certificate of the node that signed it.
    pub fn certificate(&self) -> &Certificate {
        &self.certificate
    }

    /// The newest operations that the author knew, sorted.
    pub fn parents(&self) -> &[OperationId] {
        &self.parents
    }

    /// What is done.
    pub fn action(&self) -> &Action {
        &self.action
    }

    /// When, by the author's clock: milliseconds since the Unix epoch, UTC. Shown to people, decides nothing.
    pub fn at_ms(&self) -> i64 {
        self.at_ms
    }
}

impl fmt::Debug for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Operation({} by {}, {} parents: ", self.id, self.author(), self.parents.len())?;
        write!(f, "{:?})", self.action)
    }
}

fn read_parents(reader: &mut Reader<'_>) -> Result<Vec<OperationId>, OperationError> {
    let count = usize::from(reader.u8().ok_or(OperationError::Truncated)?);
    action::at_most("parents", PARENTS_MAX, count)?;
    let mut parents = Vec::with_capacity(count);
    for _ in 0..count {
        parents.push(OperationId::from_bytes(reader.array().ok_or(OperationError::Truncated)?));
    }
    check_parents(&parents)?;
    Ok(parents)
}

fn check_parents(parents: &[OperationId]) -> Result<(), OperationError> {
    action::at_most("parents", PARENTS_MAX, parents.len())?;
    if is_ascending(parents) { Ok(()) } else { Err(OperationError::Order("parents")) }
}

fn check_beginning(action: &Action, no_space: bool, parents: &[OperationId]) -> Result<(), OperationError> {
    let creates = matches!(action, Action::Create { .. });
    if creates == no_space && creates == parents.is_empty() { Ok(()) } else { Err(OperationError::Beginning) }
}
