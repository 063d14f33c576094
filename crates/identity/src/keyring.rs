//! The keyring: all generations of the vault's key, and how the phrase's wrapping key wraps them.
//!
//! The node holds the opened keyring; what every head carries is wrapped, so that the phrase and one keeper are enough to
//! restore. The wrapped form always has one length: a keeper doesn't learn how often a home was restored. Drawn in
//! `docs/formats/vault-keys.md`.

use thiserror::Error;
use zeroize::Zeroizing;

use crate::{
    ids::HouseholdId,
    keys::{WrappingKey, derive},
    labels,
    secretbox::{self, NONCE_BYTES, TAG_BYTES},
    vault_key::{SECRET_BYTES, VaultKey},
    wire::{Reader, is_ascending},
};

/// The version that this code writes and reads.
const VERSION: u8 = 1;
/// How many generations a keyring holds.
pub const KEYS_MAX: usize = 64;
/// A generation and a secret.
const KEY_BYTES: usize = 4 + SECRET_BYTES;
/// What is encrypted: the number of keys, the keys, zeros.
const PADDED_BYTES: usize = 1 + KEYS_MAX * KEY_BYTES;
/// How many bytes [`Keyring::wrap`] gives.
pub const KEYRING_BYTES: usize = 1 + NONCE_BYTES + PADDED_BYTES + TAG_BYTES;

/// Why keys are no keyring, or why one doesn't open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum KeyringError {
    /// No key, or more than [`KEYS_MAX`].
    #[error("a keyring holds 1 to 64 vault keys, this one {0}")]
    Count(usize),
    /// The generations don't descend, or one is 0.
    #[error("the vault keys in the keyring are not numbered from the newest down to at least 1")]
    Order,
    /// Written by a version that this program doesn't know.
    #[error("the keyring has version {0}, this program reads version 1; a newer program may have written it")]
    Version(u8),
    /// It has the wrong length to be a keyring.
    #[error("a wrapped keyring has {KEYRING_BYTES} bytes, this has {0}")]
    Length(usize),
    /// Another phrase, another household, or damage.
    #[error("the keyring doesn't open: it was damaged, or wrapped with another phrase")]
    Open,
}

/// The household's vault keys, the newest first. There is always one.
#[derive(Debug, Clone)]
pub struct Keyring(Vec<VaultKey>);

impl Keyring {
    /// The keyring of a home that begins: one key of generation 1, made from 32 fresh random bytes.
    pub fn begin(secret: [u8; SECRET_BYTES]) -> Self {
        Self(vec![VaultKey::from_bytes(1, secret)])
    }

    /// Takes keys, the newest first.
    ///
    /// # Errors
    /// [`KeyringError::Count`], [`KeyringError::Order`].
    pub fn new(keys: Vec<VaultKey>) -> Result<Self, KeyringError> {
        if keys.is_empty() || keys.len() > KEYS_MAX {
            return Err(KeyringError::Count(keys.len()));
        }
        let upwards = std::iter::once(0).chain(keys.iter().rev().map(VaultKey::generation));
        if is_ascending(upwards) { Ok(Self(keys)) } else { Err(KeyringError::Order) }
    }

    /// This keyring with a key of the next generation in front, made from 32 fresh random bytes.
    ///
    /// # Errors
    /// [`KeyringError::Count`] when it is full, [`KeyringError::Order`] when generations have run out.
    pub fn with_newer(&self, secret: [u8; SECRET_BYTES]) -> Result<Self, KeyringError> {
        let generation = self.newest().generation().checked_add(1).ok_or(KeyringError::Order)?;
        let mut keys = Vec::with_capacity(self.0.len() + 1);
        keys.push(VaultKey::from_bytes(generation, secret));
        keys.extend_from_slice(&self.0);
        Self::new(keys)
    }

    /// This keyring without the generations of which no pack is left: the newest always stays. Room for new ones,
    /// after very many restores.
    #[must_use]
    pub fn only(&self, is_used: impl Fn(u32) -> bool) -> Self {
        let newest = self.newest().generation();
        let kept = self.0.iter().filter(|key| key.generation() == newest || is_used(key.generation()));
        Self(kept.cloned().collect())
    }

    /// The keys, the newest first.
    pub fn keys(&self) -> &[VaultKey] {
        &self.0
    }

    /// The key that new packs are written with.
    pub fn newest(&self) -> &VaultKey {
        self.0.first().expect("a keyring has a key")
    }

    /// The key of this generation.
    pub fn of(&self, generation: u32) -> Option<&VaultKey> {
        self.0.iter().find(|key| key.generation() == generation)
    }

    /// All keys, for the node's key file: a generation and a secret each, the newest first.
    pub fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        let mut bytes = Zeroizing::new(Vec::with_capacity(self.0.len() * KEY_BYTES));
        for key in &self.0 {
            bytes.extend_from_slice(&key.generation().to_le_bytes());
            bytes.extend_from_slice(&*key.to_bytes());
        }
        bytes
    }

    /// Reads what [`Keyring::to_bytes`] gave.
    ///
    /// # Errors
    /// [`KeyringError::Count`] also for bytes that are no whole number of keys, [`KeyringError::Order`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, KeyringError> {
        let count = bytes.len().div_ceil(KEY_BYTES);
        if !bytes.len().is_multiple_of(KEY_BYTES) || count > KEYS_MAX {
            return Err(KeyringError::Count(count));
        }
        let mut keys = Vec::with_capacity(count);
        for bytes in bytes.chunks_exact(KEY_BYTES) {
            let mut reader = Reader(bytes);
            let cut = KeyringError::Count(count);
            keys.push(VaultKey::from_bytes(reader.u32().ok_or(cut)?, reader.array().ok_or(cut)?));
        }
        Self::new(keys)
    }

    /// Encrypts the keyring for the holder of the phrase: always [`KEYRING_BYTES`], however many keys there are. `nonce`
    /// is 24 fresh random bytes.
    pub fn wrap(&self, key: &WrappingKey, household: &HouseholdId, nonce: [u8; NONCE_BYTES]) -> Vec<u8> {
        let mut padded = Zeroizing::new([0; PADDED_BYTES]);
        padded[0] = u8::try_from(self.0.len()).expect("at most 64 keys");
        let keys = self.to_bytes();
        padded[1..=keys.len()].copy_from_slice(&keys);
        let ciphertext = secretbox::encrypt(&wrapping(key), &nonce, &bound(household), &*padded);
        [&[VERSION][..], &nonce, &ciphertext].concat()
    }

    /// Opens what [`Keyring::wrap`] gave.
    ///
    /// # Errors
    /// Any [`KeyringError`].
    pub fn unwrap(key: &WrappingKey, household: &HouseholdId, wrapped: &[u8]) -> Result<Self, KeyringError> {
        let mut reader = Reader(wrapped);
        let length = KeyringError::Length(wrapped.len());
        match reader.u8().ok_or(length)? {
            VERSION => {}
            other => return Err(KeyringError::Version(other)),
        }
        if wrapped.len() != KEYRING_BYTES {
            return Err(length);
        }
        let nonce = reader.array().ok_or(length)?;
        let padded = secretbox::decrypt(&wrapping(key), &nonce, &bound(household), reader.0)
            .ok_or(KeyringError::Open)?;
        let (count, rest) = padded.split_first().ok_or(KeyringError::Open)?;
        let count = usize::from(*count);
        let (keys, zeros) = rest.split_at_checked(count * KEY_BYTES).ok_or(KeyringError::Count(count))?;
        if zeros.iter().any(|byte| *byte != 0) {
            return Err(KeyringError::Open);
        }
        Self::from_bytes(keys)
    }
}

fn wrapping(key: &WrappingKey) -> Zeroizing<[u8; 32]> {
    derive(labels::KEYRING_KEY, &[key.as_bytes()])
}

fn bound(household: &HouseholdId) -> Vec<u8> {
    [labels::KEYRING, household.as_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::keys::Root;

    const HOME: HouseholdId = HouseholdId::from_bytes([3; 32]);
    const OTHER: HouseholdId = HouseholdId::from_bytes([4; 32]);
    const NONCE: [u8; NONCE_BYTES] = [5; NONCE_BYTES];

    fn wrapping_key(seed: u8) -> WrappingKey {
        Root::from_bytes([seed; 32]).wrapping()
    }

    fn keys(generations: &[u32]) -> Vec<VaultKey> {
        generations.iter().map(|generation| VaultKey::from_bytes(*generation, [1; 32])).collect()
    }

    fn forged(padded: &[u8]) -> Result<(), KeyringError> {
        let ciphertext = secretbox::encrypt(&wrapping(&wrapping_key(1)), &NONCE, &bound(&HOME), padded);
        let wrapped = [&[VERSION][..], &NONCE, &ciphertext].concat();
        Keyring::unwrap(&wrapping_key(1), &HOME, &wrapped).map(drop)
    }

    #[test]
    fn a_new_generation_stands_in_front_of_the_old_ones() {
        let mut ring = Keyring::begin([1; 32]);
        for generation in 2..=64 {
            ring = ring.with_newer([7; 32]).unwrap();
            assert_eq!(ring.newest().generation(), generation);
        }
        assert_eq!(*ring.of(1).unwrap().to_bytes(), [1; 32]);
        assert_eq!(*ring.of(64).unwrap().to_bytes(), [7; 32]);
        assert!(ring.of(65).is_none() && ring.of(0).is_none());
        assert_eq!(ring.with_newer([8; 32]).unwrap_err(), KeyringError::Count(65));
        let fewer = ring.only(|generation| generation == 7);
        let left: Vec<u32> = fewer.keys().iter().map(VaultKey::generation).collect();
        assert_eq!((left, fewer.with_newer([8; 32]).unwrap().newest().generation()), (vec![64, 7], 65));
        let last = Keyring::new(keys(&[u32::MAX])).unwrap();
        assert_eq!(last.with_newer([8; 32]).unwrap_err(), KeyringError::Order);
        assert_eq!(ring.wrap(&wrapping_key(1), &HOME, NONCE).len(), KEYRING_BYTES);
        assert_eq!(last.wrap(&wrapping_key(1), &HOME, NONCE).len(), KEYRING_BYTES);
    }

    #[test]
    fn generations_descend_to_at_least_1() {
        assert_eq!(Keyring::new(vec![]).unwrap_err(), KeyringError::Count(0));
        for bad in [&[0][..], &[1, 1], &[1, 2], &[2, 1, 0]] {
            assert_eq!(Keyring::new(keys(bad)).unwrap_err(), KeyringError::Order, "{bad:?}");
        }
        assert!(Keyring::new(keys(&[9, 4, 1])).is_ok());
    }

    #[test]
    fn a_keyring_opens_for_its_household_and_phrase_only() {
        let wrapped = Keyring::begin([1; 32]).wrap(&wrapping_key(1), &HOME, NONCE);
        let open = |seed, household, wrapped: &[u8]| {
            Keyring::unwrap(&wrapping_key(seed), household, wrapped).map(|ring| *ring.newest().to_bytes())
        };
        assert_eq!(open(1, &HOME, &wrapped), Ok([1; 32]));
        assert_eq!(open(2, &HOME, &wrapped), Err(KeyringError::Open));
        assert_eq!(open(1, &OTHER, &wrapped), Err(KeyringError::Open));
        assert_eq!(open(1, &HOME, &wrapped[..100]), Err(KeyringError::Length(100)));
        assert_eq!(open(1, &HOME, &[]), Err(KeyringError::Length(0)));
        assert_eq!(open(1, &HOME, &[2]), Err(KeyringError::Version(2)));
    }

    #[test]
    fn a_wrapped_keyring_has_one_spelling() {
        let mut padded = [0; PADDED_BYTES];
        assert_eq!(forged(&padded), Err(KeyringError::Count(0)));
        padded[0] = 1;
        assert_eq!(forged(&padded), Err(KeyringError::Order));
        padded[1] = 1;
        assert_eq!(forged(&padded), Ok(()));
        padded[PADDED_BYTES - 1] = 1;
        assert_eq!(forged(&padded), Err(KeyringError::Open));
        padded[0] = 65;
        assert_eq!(forged(&padded), Err(KeyringError::Count(65)));
        assert_eq!(forged(&[]), Err(KeyringError::Length(41)));
    }

    #[test]
    fn debug_shows_no_secret() {
        let shown = format!("{:?}", Keyring::begin([0x5a; 32]));
        assert_eq!(shown, "Keyring([VaultKey(generation 1, secret)])");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn what_is_wrapped_comes_back(secrets in prop::collection::btree_map(1..=u32::MAX, any::<[u8; 32]>(), 1..=KEYS_MAX)) {
            let keys = secrets.iter().rev().map(|(generation, secret)| VaultKey::from_bytes(*generation, *secret));
            let ring = Keyring::new(keys.collect()).unwrap();
            let wrapped = ring.wrap(&wrapping_key(1), &HOME, NONCE);
            let read = Keyring::unwrap(&wrapping_key(1), &HOME, &wrapped).unwrap();
            prop_assert_eq!(read.to_bytes(), ring.to_bytes());
            let read = Keyring::from_bytes(&ring.to_bytes()).unwrap();
            prop_assert_eq!(read.to_bytes(), ring.to_bytes());
        }

        #[test]
        fn any_flipped_bit_is_noticed(place in any::<prop::sample::Index>(), bit in 0..8_u8) {
            let mut wrapped = Keyring::begin([1; 32]).wrap(&wrapping_key(1), &HOME, NONCE);
            let place = place.index(wrapped.len());
            wrapped[place] ^= 1 << bit;
            prop_assert!(Keyring::unwrap(&wrapping_key(1), &HOME, &wrapped).is_err());
        }

        #[test]
        fn arbitrary_bytes_are_answered(bytes in prop::collection::vec(any::<u8>(), 0..3000), fit: bool) {
            let mut bytes = bytes;
            if fit { bytes.resize(KEYRING_BYTES, 1); }
            prop_assert!(Keyring::unwrap(&wrapping_key(1), &HOME, &bytes).is_err());
            if let Ok(ring) = Keyring::from_bytes(&bytes) { prop_assert_eq!(&**ring.to_bytes(), &bytes[..]); }
        }
    }
}
