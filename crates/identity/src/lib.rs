//! Who is who, and what is what: ids, hashes, keys and signatures of a Heirloom household.
//!
//! Everything here is pure. Randomness and time arrive as arguments, bytes go in and checked values come out; there is
//! no clock, no file and no network. Callers keep secrets and say when something happens.
//!
//! * [`Phrase`] is the sheet of 24 words in a drawer. It gives the [`Root`], and that gives the [`AuthorityKey`], whose
//!   public half is the [`HouseholdId`].
//! * [`NodeKeys`] are made by the machine that runs at home. A [`Certificate`], signed by the authority, says that these
//!   keys speak for the household.
//! * A [`ChangeRecord`] is one signed batch of changes to a document. Records of one stream form a chain, so a lost,
//!   swapped or damaged one is noticed.
//! * An [`Operation`] is one signed step in who belongs to an album; an [`Envelope`] is one signed and encrypted change to
//!   it, readable with the [`EpochSecret`] that was sealed to each member's [`ReceiveKey`].
//! * A [`VaultKey`] encrypts what other homes keep for the household, a [`VaultHead`] says which of it is the newest. The
//!   phrase opens the [`Keyring`] in the head; a [`RecoveryProof`] shows a keeper that somebody holds it, and a
//!   [`KitRecord`] gives it back to enough holders of a [`KitShare`].
//! * A [`Card`] is what a home says about itself, an [`Invitation`] and a [`Transcript`] are how two homes come to know
//!   each other.
//! * [`ContentHash`] names bytes, [`AssetId`] names somebody's photo, [`Hasher`] makes both hashes of a file in one pass.
//!
//! Read first: [`ids`], [`keys`], [`change_record`]. The life of a household: words → root → authority key → certificate
//! for the node's keys → change records signed by the node.
//!
//! Every signed or derived byte string starts with a label of its own ([`labels`]), so that a signature made for one
//! purpose can never be shown for another. The formats are drawn byte by byte in `docs/formats/{ids,phrase,certificate,
//! change-record,operation,epoch,envelope,card,pairing,sealed-file,vault-keys,vault-head,recovery-proof,kit}.md`, with
//! vectors that must be accepted and vectors that must be refused beside them.

pub mod card;
pub mod certificate;
pub mod change_record;
pub mod envelope;
pub mod epoch;
#[cfg(test)]
mod fixture;
#[cfg(fuzzing)]
pub mod fuzzing;
pub mod hash;
pub mod ids;
pub mod keyring;
pub mod keys;
pub mod kit;
pub mod labels;
pub mod operation;
pub mod pairing;
pub mod phrase;
pub mod receive;
pub mod recovery;
pub mod role;
pub mod sealed_file;
mod secretbox;
pub mod vault_head;
pub mod vault_key;
pub mod wire;

pub use card::{Card, CardError, Person};
pub use certificate::{Certificate, CertificateError};
pub use change_record::{Change, ChangeRecord, ChangeRecordError, DocumentName, StreamId};
pub use envelope::{Content, Envelope, EnvelopeError, Header, StreamKey};
pub use epoch::EpochSecret;
pub use hash::{ContentHash, Hasher, Hashes, Sha1};
pub use ids::{
    AccountId, AlbumId, AssetId, CertificateId, EnvelopeHash, EpochId, HouseholdId, IdError, InvitationId,
    NodeId, OperationId, Pseudonym, SignerId, SpaceId,
};
pub use keyring::{Keyring, KeyringError};
pub use keys::{AuthorityKey, NodeKeys, Root, Signer, WrappingKey};
pub use kit::{KitError, KitId, KitRecord, KitSecret, KitShare, Quorum, Revocation, RevocationError};
pub use operation::{Action, Cut, CutEntry, Operation, OperationError, Rekey};
pub use pairing::{Invitation, InvitationError, PairingError, Transcript};
pub use phrase::{GUESSES_MAX, Guess, Phrase, PhraseError, PhraseFix, find_wrong_word, guesses};
pub use receive::{ReceiveKey, ReceivePublic, SealError, seal};
pub use recovery::RecoveryProof;
pub use role::{Role, RoleError};
pub use vault_head::{HeadError, HeadHash, VaultHead};
pub use vault_key::{PackKey, VaultKey, VaultKeyError};
