//! The vault's keys: what the packs that other homes keep are encrypted with.
//!
//! A [`VaultKey`] is 32 random bytes and a generation; every restore begins a new generation. Each pack has a [`PackKey`]
//! of its own, derived from them and a salt that is made afresh at every attempt to write the pack. The newest generation
//! also seals the pointer in a signed head. All generations together are the [`Keyring`](crate::Keyring). Drawn in
//! `docs/formats/vault-keys.md`.

use std::fmt;

use chacha20poly1305::{
    KeyInit, Tag, XChaCha20Poly1305, XNonce,
    aead::{AeadInOut, inout::InOutBuf},
};
use thiserror::Error;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::{
    ids::HouseholdId,
    keys::derive,
    labels,
    secretbox::{self, NONCE_BYTES},
    wire::Writer,
};

pub use crate::secretbox::TAG_BYTES;

/// How long a vault key's secret is.
pub(crate) const SECRET_BYTES: usize = 32;
/// How much plaintext [`VaultKey::seal_root`] takes.
pub const POINTER_PLAIN_BYTES_MAX: usize = POINTER_PADDED_BYTES - 2;
/// What is encrypted in place of a pointer: its length, itself, zeros.
const POINTER_PADDED_BYTES: usize = 512;
/// How many bytes [`VaultKey::seal_root`] gives.
pub const POINTER_BYTES: usize = NONCE_BYTES + POINTER_PADDED_BYTES + TAG_BYTES;

/// Why something of the vault can't be sealed or opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum VaultKeyError {
    /// A pointer of more than [`POINTER_PLAIN_BYTES_MAX`].
    #[error("a pointer to the manifest has at most 510 bytes, this has {0}")]
    PointerTooLong(usize),
    /// It has the wrong length to be what it should be.
    #[error("the sealed bytes are {found}, not the {expected} they must be")]
    Length {
        /// How many there must be (or must at least be).
        expected: usize,
        /// How many there are.
        found: usize,
    },
    /// Another key, another place, or damage.
    #[error("the sealed bytes don't open: they were damaged, moved, or sealed with another key")]
    Open,
}

/// One generation of the key from which every pack's key is derived. Wiped from memory when dropped.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct VaultKey {
    generation: u32,
    secret: [u8; SECRET_BYTES],
}

impl VaultKey {
    /// Takes 32 fresh random bytes, or those of a known key. Generations count from 1.
    pub const fn from_bytes(generation: u32, secret: [u8; SECRET_BYTES]) -> Self {
        Self { generation, secret }
    }

    /// Counts the household's vault keys, from 1.
    pub fn generation(&self) -> u32 {
        self.generation
    }

    /// The secret bytes, for the node's key file.
    pub fn to_bytes(&self) -> Zeroizing<[u8; SECRET_BYTES]> {
        Zeroizing::new(self.secret)
    }

    /// The key of the pack with this salt. `salt` is 32 fresh random bytes for every attempt to write a pack: the same
    /// salt with other contents would use a nonce twice.
    pub fn pack_key(&self, household: &HouseholdId, salt: &[u8; 32]) -> PackKey {
        let parts = [&self.generation.to_le_bytes()[..], household.as_bytes(), salt, &self.secret];
        let key = derive(labels::PACK_KEY, &parts);
        PackKey {
            cipher: XChaCha20Poly1305::new((&*key).into()),
            padding: derive(labels::PACK_PADDING, &[&*key]),
        }
    }

    /// Encrypts what head `number` says about where the manifest is: always [`POINTER_BYTES`], whatever it says.
    /// `nonce` is 24 fresh random bytes.
    ///
    /// # Errors
    /// [`VaultKeyError::PointerTooLong`].
    pub fn seal_root(
        &self,
        household: &HouseholdId,
        number: u64,
        nonce: [u8; NONCE_BYTES],
        plain: &[u8],
    ) -> Result<Vec<u8>, VaultKeyError> {
        let too_long = VaultKeyError::PointerTooLong(plain.len());
        let length = u16::try_from(plain.len()).map_err(|_| too_long)?;
        let mut padded = Zeroizing::new([0; POINTER_PADDED_BYTES]);
        padded[..2].copy_from_slice(&length.to_le_bytes());
        padded.get_mut(2..2 + plain.len()).ok_or(too_long)?.copy_from_slice(plain);
        let bound = self.pointer_bound(household, number);
        let ciphertext = secretbox::encrypt(&self.pointer_key(household), &nonce, &bound, &*padded);
        Ok([&nonce[..], &ciphertext].concat())
    }

    /// Decrypts what [`VaultKey::seal_root`] gave for this household and this number.
    ///
    /// # Errors
    /// [`VaultKeyError::Length`], [`VaultKeyError::Open`].
    pub fn open_root(
        &self,
        household: &HouseholdId,
        number: u64,
        sealed: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, VaultKeyError> {
        if sealed.len() != POINTER_BYTES {
            return Err(VaultKeyError::Length { expected: POINTER_BYTES, found: sealed.len() });
        }
        let (nonce, ciphertext) = sealed.split_first_chunk().ok_or(VaultKeyError::Open)?;
        let bound = self.pointer_bound(household, number);
        let padded = secretbox::decrypt(&self.pointer_key(household), nonce, &bound, ciphertext)
            .ok_or(VaultKeyError::Open)?;
        let (length, rest) = padded.split_first_chunk().ok_or(VaultKeyError::Open)?;
        let (plain, zeros) =
            rest.split_at_checked(usize::from(u16::from_le_bytes(*length))).ok_or(VaultKeyError::Open)?;
        if zeros.iter().any(|byte| *byte != 0) {
            return Err(VaultKeyError::Open);
        }
        Ok(Zeroizing::new(plain.to_vec()))
    }

    fn pointer_key(&self, household: &HouseholdId) -> Zeroizing<[u8; 32]> {
        derive(labels::POINTER_KEY, &[&self.generation.to_le_bytes(), household.as_bytes(), &self.secret])
    }

    fn pointer_bound(&self, household: &HouseholdId, number: u64) -> Vec<u8> {
        let mut bound = Writer::new();
        bound.bytes(labels::POINTER).bytes(household.as_bytes()).u32(self.generation).u64(number);
        bound.into_bytes()
    }
}

impl fmt::Debug for VaultKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VaultKey(generation {}, secret)", self.generation)
    }
}

/// Encrypts the chunks of one pack, in place. Wiped from memory when dropped.
///
/// A chunk's nonce is its domain and its number, so nobody stores or sends nonces, and a chunk opens at its own place
/// only. The other side of that: no domain and number may be sealed twice with different bytes. Whoever writes a pack
/// counts, and takes a new salt when it begins again.
#[derive(Clone)]
pub struct PackKey {
    cipher: XChaCha20Poly1305,
    padding: Zeroizing<[u8; 32]>,
}

impl PackKey {
    /// Encrypts everything in `buffer` from `start` on, in place, and appends the tag of [`TAG_BYTES`]. Nothing is copied
    /// when the buffer has room for the tag.
    ///
    /// # Panics
    /// When `start` is behind the buffer's end.
    pub fn seal(&self, domain: u8, number: u64, buffer: &mut Vec<u8>, start: usize) {
        let tag = self
            .cipher
            .encrypt_inout_detached(&nonce(domain, number), &[], InOutBuf::from(&mut buffer[start..]))
            .expect("no chunk of ours comes near the cipher's limit of 256 GiB");
        buffer.extend_from_slice(&tag);
    }

    /// Decrypts a chunk and its tag in place, and answers the plain bytes: all but the last [`TAG_BYTES`]. When it fails
    /// the bytes are as they were.
    ///
    /// # Errors
    /// [`VaultKeyError::Length`] when there is no room for a tag, [`VaultKeyError::Open`] for everything else.
    pub fn open<'a>(
        &self,
        domain: u8,
        number: u64,
        bytes: &'a mut [u8],
    ) -> Result<&'a mut [u8], VaultKeyError> {
        let length = VaultKeyError::Length { expected: TAG_BYTES, found: bytes.len() };
        let (chunk, tag) = bytes.split_last_chunk_mut::<TAG_BYTES>().ok_or(length)?;
        self.cipher
            .decrypt_inout_detached(
                &nonce(domain, number),
                &[],
                InOutBuf::from(&mut *chunk),
                &Tag::from(*tag),
            )
            .map_err(|_| VaultKeyError::Open)?;
        Ok(chunk)
    }

    /// Fills `out` with bytes that look random to everybody else: the same for the same pack every time. They fill a pack
    /// up to its size class.
    pub fn padding(&self, out: &mut [u8]) {
        let mut bytes = blake3::Hasher::new_keyed(&self.padding).finalize_xof();
        bytes.fill(out);
        bytes.zeroize();
    }
}

impl fmt::Debug for PackKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PackKey(secret)")
    }
}

fn nonce(domain: u8, number: u64) -> XNonce {
    let mut nonce = [0; NONCE_BYTES];
    nonce[0] = domain;
    nonce[1..9].copy_from_slice(&number.to_le_bytes());
    XNonce::from(nonce)
}
