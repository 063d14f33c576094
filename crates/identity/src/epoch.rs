//! An epoch: one generation of an album's key.
//!
//! Whoever makes one takes 32 fresh random bytes, wraps them to every member household and encrypts the secrets of the
//! epochs before under the new one, so that a newcomer reads what was written before it came. The epoch's id commits to
//! the secret: a member that is given another secret for the same epoch notices. No key is used for two purposes; each is
//! derived from the secret. Drawn in `docs/formats/epoch.md`.

use std::fmt;

use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::{
    ids::{EpochId, SpaceId},
    labels,
    receive::{ReceiveKey, ReceivePublic, SEALED_EXTRA_BYTES, SealError, seal},
    secretbox::{self, NONCE_BYTES, TAG_BYTES},
};

/// How long an epoch's secret is.
const SECRET_BYTES: usize = 32;
/// How many bytes [`EpochSecret::wrap`] gives.
pub const WRAP_BYTES: usize = SECRET_BYTES + SEALED_EXTRA_BYTES;
/// How many bytes [`EpochSecret::enclose`] gives.
pub const ENCLOSED_BYTES: usize = NONCE_BYTES + SECRET_BYTES + TAG_BYTES;

/// The 32 bytes that everything written in an epoch is encrypted with. Wiped from memory when dropped.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct EpochSecret([u8; SECRET_BYTES]);

impl EpochSecret {
    /// Takes 32 fresh random bytes, or those of a known epoch.
    pub const fn from_bytes(bytes: [u8; SECRET_BYTES]) -> Self {
        Self(bytes)
    }

    /// The secret bytes.
    pub const fn as_bytes(&self) -> &[u8; SECRET_BYTES] {
        &self.0
    }

    /// The epoch's id: it commits to the secret and gives nothing of it away.
    pub fn id(&self) -> EpochId {
        EpochId::from_bytes(*self.derive(labels::EPOCH, &[]))
    }

    /// Encrypts the secret to a member household: [`WRAP_BYTES`]. `random` is fresh for every wrap.
    ///
    /// # Errors
    /// [`SealError::Key`] when the household's key isn't [usable](ReceivePublic::is_usable); operations that name such
    /// a key are refused when they are read.
    pub fn wrap(
        &self,
        space: &SpaceId,
        to: &ReceivePublic,
        random: [u8; 32],
    ) -> Result<Vec<u8>, SealError> {
        seal(to, labels::EPOCH_WRAP, &wrap_context(space, &self.id()), &self.0, random)
    }

    /// Opens what [`EpochSecret::wrap`] made for this key, this space and this epoch.
    ///
    /// # Errors
    /// [`SealError::Length`], [`SealError::Open`], and [`SealError::Commitment`] when another secret was wrapped.
    pub fn unwrap_with(
        space: &SpaceId,
        key: &ReceiveKey,
        epoch: &EpochId,
        sealed: &[u8],
    ) -> Result<Self, SealError> {
        check_length(WRAP_BYTES, sealed)?;
        let secret = key.open(labels::EPOCH_WRAP, &wrap_context(space, epoch), sealed)?;
        Self::checked(&secret, epoch)
    }

    /// Encrypts the secret of an earlier epoch under this one: [`ENCLOSED_BYTES`]. `nonce` is 24 fresh random bytes.
    pub fn enclose(&self, space: &SpaceId, previous: &Self, nonce: [u8; NONCE_BYTES]) -> Vec<u8> {
        let bound = history_bound(space, &self.id(), &previous.id());
        let key = self.derive(labels::EPOCH_HISTORY_KEY, space.as_bytes());
        [&nonce[..], &secretbox::encrypt(&key, &nonce, &bound, &previous.0)].concat()
    }

    /// Decrypts the secret of an earlier epoch that [`EpochSecret::enclose`] encrypted under this one.
    ///
    /// # Errors
    /// [`SealError::Length`], [`SealError::Open`], and [`SealError::Commitment`] when another secret was enclosed.
    pub fn disclose(&self, space: &SpaceId, previous: &EpochId, sealed: &[u8]) -> Result<Self, SealError> {
        check_length(ENCLOSED_BYTES, sealed)?;
        let (nonce, ciphertext) = sealed.split_first_chunk().ok_or(SealError::Open)?;
        let bound = history_bound(space, &self.id(), previous);
        let key = self.derive(labels::EPOCH_HISTORY_KEY, space.as_bytes());
        let secret = secretbox::decrypt(&key, nonce, &bound, ciphertext).ok_or(SealError::Open)?;
        Self::checked(&secret, previous)
    }

    /// The key of the envelopes that are written in this epoch of this space.
    pub(crate) fn content_key(&self, space: &SpaceId) -> Zeroizing<[u8; 32]> {
        self.derive(labels::EPOCH_CONTENT_KEY, space.as_bytes())
    }

    fn derive(&self, context: &str, message: &[u8]) -> Zeroizing<[u8; 32]> {
        let mut hasher = blake3::Hasher::new_derive_key(context);
        hasher.update(&self.0).update(message);
        let mut key = Zeroizing::new([0; 32]);
        hasher.finalize_xof().fill(&mut *key);
        hasher.zeroize();
        key
    }

    fn checked(secret: &[u8], epoch: &EpochId) -> Result<Self, SealError> {
        let bytes: [u8; SECRET_BYTES] = secret.try_into().map_err(|_| SealError::Open)?;
        let secret = Self(bytes);
        if secret.id() == *epoch { Ok(secret) } else { Err(SealError::Commitment) }
    }
}

impl fmt::Debug for EpochSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EpochSecret({}, secret)", self.id())
    }
}

fn check_length(expected: usize, sealed: &[u8]) -> Result<(), SealError> {
    if sealed.len() == expected {
        Ok(())
    } else {
        Err(SealError::Length { expected, found: sealed.len() })
    }
}

fn wrap_context(space: &SpaceId, epoch: &EpochId) -> Vec<u8> {
    [&space.as_bytes()[..], epoch.as_bytes()].concat()
}

fn history_bound(space: &SpaceId, epoch: &EpochId, previous: &EpochId) -> Vec<u8> {
    [labels::EPOCH_HISTORY, space.as_bytes(), epoch.as_bytes(), previous.as_bytes()].concat()
}
