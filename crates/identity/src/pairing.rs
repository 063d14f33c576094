//! Pairing: how two homes that know nothing of each other come to trust each other.
//!
//! Somebody in one home makes an [`Invitation`] and gives it to somebody in the other, face to face or over any chat. It
//! says where the inviter's node is, and carries a secret of 128 bits that is good for one pairing. Then, over a
//! connection on which each side has proven its node key:
//!
//! 1. guest → inviter: the invitation's id, its certificate, and a [commitment] to a fresh nonce;
//! 2. inviter → guest: its certificate and a fresh nonce;
//! 3. guest → inviter: its nonce and [the guest's proof](Transcript::proof_of_guest);
//! 4. inviter → guest: [the inviter's proof](Transcript::proof_of_inviter).
//!
//! Both screens then show the same six [words](Transcript::words), and nothing is released before the inviter's people
//! confirmed them. Whoever doesn't know the secret fails at the proofs. Whoever does (somebody who read the chat) can
//! stand between the two homes only if both happen to show the same words; and because the guest committed to its nonce
//! before it saw the inviter's, that can't be searched for: one try in 2^66 succeeds.
//!
//! Drawn in `docs/formats/pairing.md`.

mod invitation;
#[cfg(test)]
mod tests;

use std::fmt;

use bip39::Language;
use thiserror::Error;

pub use self::invitation::{ADDRESSES_MAX, Invitation, InvitationError, LINK_BYTES_MAX, RELAY_BYTES_MAX};
use crate::{
    certificate::Certificate,
    ids::{InvitationId, NodeId},
    keys::derive,
    labels,
};

/// How long an invitation's secret is.
pub const SECRET_BYTES: usize = 16;
/// How long each side's nonce is.
pub const NONCE_BYTES: usize = 32;
/// How many words people compare.
pub const WORD_COUNT: usize = 6;
/// How many bits one word of the list says.
const WORD_BITS: u32 = 11;

/// Why two homes can't pair.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum PairingError {
    /// The certificate is for another node than the one at the other end.
    #[error("the certificate is for node {certified}, but the connection is with node {connected}")]
    Node {
        /// The node that the certificate names.
        certified: NodeId,
        /// The node of the connection.
        connected: NodeId,
    },
    /// Both certificates are one household's.
    #[error("both homes are the same household; a home can't be paired with itself")]
    SameHousehold,
    /// The nonce isn't the one that was committed to.
    #[error("the other home's nonce isn't the one that it committed to")]
    Commitment,
    /// The proof doesn't fit.
    #[error("the other home doesn't know the invitation's secret, or saw something else than we did")]
    Proof,
}

/// What the guest sends before it knows the inviter's nonce, so that it can't choose its own to fit.
pub fn commitment(nonce: &[u8; NONCE_BYTES]) -> [u8; 32] {
    blake3::derive_key(labels::PAIRING_COMMITMENT, nonce)
}

/// Checks that a guest's nonce is the one it committed to.
///
/// # Errors
/// [`PairingError::Commitment`].
pub fn check_commitment(committed: &[u8; 32], nonce: &[u8; NONCE_BYTES]) -> Result<(), PairingError> {
    if same(&commitment(nonce), committed) { Ok(()) } else { Err(PairingError::Commitment) }
}

/// One side of a pairing, as both saw it.
#[derive(Debug, Clone)]
pub struct Side {
    /// Its node, as the connection proved it.
    pub node: NodeId,
    /// Its certificate.
    pub certificate: Certificate,
    /// Its nonce: 32 fresh random bytes.
    pub nonce: [u8; NONCE_BYTES],
}

/// Everything that both homes saw, in 32 bytes. Both sides make it for themselves; it is never sent.
#[derive(Clone, PartialEq, Eq)]
pub struct Transcript([u8; 32]);

impl Transcript {
    /// Binds the invitation and both sides together.
    ///
    /// The guest first checks that the inviter's certificate belongs to the household that the invitation names
    /// ([`Invitation::household`]); the inviter first checks the guest's [commitment](check_commitment).
    ///
    /// # Errors
    /// [`PairingError::Node`] when a certificate isn't for the connection's node, [`PairingError::SameHousehold`].
    pub fn new(invitation: &InvitationId, inviter: &Side, guest: &Side) -> Result<Self, PairingError> {
        for side in [inviter, guest] {
            if *side.certificate.node() != side.node {
                return Err(PairingError::Node { certified: *side.certificate.node(), connected: side.node });
            }
        }
        if inviter.certificate.household() == guest.certificate.household() {
            return Err(PairingError::SameHousehold);
        }
        let mut hasher = blake3::Hasher::new_derive_key(labels::PAIRING_TRANSCRIPT);
        hasher.update(invitation.as_bytes());
        for side in [inviter, guest] {
            hasher.update(side.node.as_bytes()).update(&side.certificate.encode()).update(&side.nonce);
        }
        Ok(Self(*hasher.finalize().as_bytes()))
    }

    /// What only somebody who knows the secret can say as the inviter.
    pub fn proof_of_inviter(&self, secret: &[u8; SECRET_BYTES]) -> [u8; 32] {
        self.proof(labels::PAIRING_INVITER, secret)
    }

    /// What only somebody who knows the secret can say as the guest.
    pub fn proof_of_guest(&self, secret: &[u8; SECRET_BYTES]) -> [u8; 32] {
        self.proof(labels::PAIRING_GUEST, secret)
    }

    /// Checks the inviter's proof, in the same time whatever is wrong with it.
    ///
    /// # Errors
    /// [`PairingError::Proof`].
    pub fn verify_inviter(&self, secret: &[u8; SECRET_BYTES], proof: &[u8; 32]) -> Result<(), PairingError> {
        if same(&self.proof_of_inviter(secret), proof) { Ok(()) } else { Err(PairingError::Proof) }
    }

    /// Checks the guest's proof, in the same time whatever is wrong with it.
    ///
    /// # Errors
    /// [`PairingError::Proof`].
    pub fn verify_guest(&self, secret: &[u8; SECRET_BYTES], proof: &[u8; 32]) -> Result<(), PairingError> {
        if same(&self.proof_of_guest(secret), proof) { Ok(()) } else { Err(PairingError::Proof) }
    }

    /// What people compare: 66 bits of the transcript as words of the BIP-39 list.
    pub fn words(&self) -> [&'static str; WORD_COUNT] {
        let list = Language::English.word_list();
        let digest = blake3::derive_key(labels::PAIRING_WORDS, &self.0);
        let bits = digest[..16].iter().fold(0_u128, |bits, byte| bits << 8 | u128::from(*byte));
        let mut words = [""; WORD_COUNT];
        for (word, place) in words.iter_mut().zip(1..) {
            let index = bits >> (u128::BITS - place * WORD_BITS) & ((1 << WORD_BITS) - 1);
            *word = list[usize::try_from(index).expect("11 bits fit")];
        }
        words
    }

    fn proof(&self, context: &str, secret: &[u8; SECRET_BYTES]) -> [u8; 32] {
        let key = derive(context, &[secret]);
        *blake3::keyed_hash(&key, &self.0).as_bytes()
    }
}

impl fmt::Debug for Transcript {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Transcript({})", self.words().join(" "))
    }
}

/// Compares in the same time wherever the difference is.
fn same(a: &[u8; 32], b: &[u8; 32]) -> bool {
    blake3::Hash::from_bytes(*a) == blake3::Hash::from_bytes(*b)
}
