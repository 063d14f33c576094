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
    keys::derive,
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
    pub fn wrap(&self, space: &SpaceId, to: &ReceivePublic, random: [u8; 32]) -> Result<Vec<u8>, SealError> {
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
        derive(context, &[&self.0, message])
    }

    fn checked(secret: &[u8], epoch: &EpochId) -> Result<Self, SealError> {
        let secret = Self(*secret.first_chunk().ok_or(SealError::Open)?);
        if secret.id() == *epoch { Ok(secret) } else { Err(SealError::Commitment) }
    }
}

impl fmt::Debug for EpochSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EpochSecret({}, secret)", self.id())
    }
}

fn check_length(expected: usize, sealed: &[u8]) -> Result<(), SealError> {
    if sealed.len() == expected { Ok(()) } else { Err(SealError::Length { expected, found: sealed.len() }) }
}

fn wrap_context(space: &SpaceId, epoch: &EpochId) -> Vec<u8> {
    [&space.as_bytes()[..], epoch.as_bytes()].concat()
}

fn history_bound(space: &SpaceId, epoch: &EpochId, previous: &EpochId) -> Vec<u8> {
    [labels::EPOCH_HISTORY, space.as_bytes(), epoch.as_bytes(), previous.as_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPACE: SpaceId = SpaceId::from_bytes([3; 32]);
    const OTHER_SPACE: SpaceId = SpaceId::from_bytes([4; 32]);

    #[test]
    fn a_wrap_opens_for_its_household_space_and_epoch_only() {
        let (secret, key) = (EpochSecret::from_bytes([1; 32]), ReceiveKey::from_bytes(&[2; 32]));
        let wrap = secret.wrap(&SPACE, &key.public(), [9; 32]).unwrap();
        assert_eq!(wrap.len(), WRAP_BYTES);
        let open = |space: &SpaceId, key: &ReceiveKey, epoch: &EpochId| {
            EpochSecret::unwrap_with(space, key, epoch, &wrap).map(|secret| secret.0)
        };
        assert_eq!(open(&SPACE, &key, &secret.id()), Ok([1; 32]));
        assert_eq!(open(&OTHER_SPACE, &key, &secret.id()), Err(SealError::Open));
        assert_eq!(open(&SPACE, &ReceiveKey::from_bytes(&[5; 32]), &secret.id()), Err(SealError::Open));
        assert_eq!(open(&SPACE, &key, &EpochId::from_bytes([0; 32])), Err(SealError::Open));
        let short = EpochSecret::unwrap_with(&SPACE, &key, &secret.id(), &wrap[1..]).map(|secret| secret.0);
        assert_eq!(short, Err(SealError::Length { expected: 80, found: 79 }));
    }

    #[test]
    fn another_secret_than_the_one_committed_to_is_noticed() {
        let (promised, given) = (EpochSecret::from_bytes([1; 32]), EpochSecret::from_bytes([2; 32]));
        let key = ReceiveKey::from_bytes(&[3; 32]);
        let context = wrap_context(&SPACE, &promised.id());
        let wrap = seal(&key.public(), labels::EPOCH_WRAP, &context, &given.0, [9; 32]).unwrap();
        let error = EpochSecret::unwrap_with(&SPACE, &key, &promised.id(), &wrap).unwrap_err();
        assert_eq!(error, SealError::Commitment);

        let newer = EpochSecret::from_bytes([4; 32]);
        let nonce = [5; NONCE_BYTES];
        let bound = history_bound(&SPACE, &newer.id(), &promised.id());
        let key = newer.derive(labels::EPOCH_HISTORY_KEY, SPACE.as_bytes());
        let enclosed = [&nonce[..], &secretbox::encrypt(&key, &nonce, &bound, &given.0)].concat();
        let error = newer.disclose(&SPACE, &promised.id(), &enclosed).unwrap_err();
        assert_eq!(error, SealError::Commitment);
    }

    #[test]
    fn a_newer_epoch_discloses_the_older_in_its_space_only() {
        let [older, newer] = [1, 2].map(|seed| EpochSecret::from_bytes([seed; 32]));
        let enclosed = newer.enclose(&SPACE, &older, [9; 24]);
        assert_eq!(enclosed.len(), ENCLOSED_BYTES);
        let open = |secret: &EpochSecret, space: &SpaceId, id: &EpochId| {
            secret.disclose(space, id, &enclosed).map(|secret| secret.0)
        };
        assert_eq!(open(&newer, &SPACE, &older.id()), Ok([1; 32]));
        assert_eq!(open(&older, &SPACE, &older.id()), Err(SealError::Open));
        assert_eq!(open(&newer, &OTHER_SPACE, &older.id()), Err(SealError::Open));
        assert_eq!(open(&newer, &SPACE, &newer.id()), Err(SealError::Open));
        for place in 0..enclosed.len() {
            let mut flipped = enclosed.clone();
            flipped[place] ^= 0x10;
            assert!(newer.disclose(&SPACE, &older.id(), &flipped).is_err(), "byte {place}");
        }
        assert!(newer.disclose(&SPACE, &older.id(), &[]).is_err());
    }

    #[test]
    fn no_key_is_used_twice_and_none_shows() {
        let secret = EpochSecret::from_bytes([0x5a; 32]);
        let history = secret.derive(labels::EPOCH_HISTORY_KEY, SPACE.as_bytes());
        assert_ne!(*secret.content_key(&SPACE), *history);
        assert_ne!(*secret.content_key(&SPACE), *secret.content_key(&OTHER_SPACE));
        assert_ne!(*secret.content_key(&SPACE), *secret.id().as_bytes());
        let shown = format!("{secret:?}");
        assert!(!shown.contains("5a5a5a") && !shown.contains("90, 90"), "{shown}");
    }
}
