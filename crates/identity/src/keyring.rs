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
