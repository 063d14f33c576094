//! The household's receive key: what others encrypt secrets to.
//!
//! HPKE (RFC 9180) in its base mode, with DHKEM(X25519, HKDF-SHA256), HKDF-SHA256 and ChaCha20-Poly1305. The label of
//! the purpose is HPKE's `info`, what the secret belongs to is its associated data; so what was sealed for one purpose
//! or one space opens for no other. The base mode doesn't say who sealed: whoever needs to know signs what is sealed.
//! Drawn in `docs/formats/epoch.md`.

use std::{convert::Infallible, fmt};

use hpke::{
    Deserializable, OpModeR, OpModeS, Serializable, aead::ChaCha20Poly1305, kdf::HkdfSha256,
    kem::X25519HkdfSha256, rand_core, single_shot_open, single_shot_seal_with_rng,
};
use thiserror::Error;
use x25519_dalek::{PublicKey, StaticSecret};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::ids::hex_id;

type Kem = X25519HkdfSha256;

/// How long the sender's key in front of a sealed text is.
const ENCAPPED_BYTES: usize = 32;
/// How many bytes sealing adds: the sender's key and the cipher's tag.
pub const SEALED_EXTRA_BYTES: usize = ENCAPPED_BYTES + 16;

/// Why something can't be sealed or opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum SealError {
    /// The public key is one of the few that make every shared secret zero; nobody has it by accident.
    #[error("the receive key is no usable X25519 key: nothing can be kept secret with it")]
    Key,
    /// It has the wrong length to be what it should be.
    #[error("the sealed secret has {found} bytes, not the {expected} it must have")]
    Length {
        /// How many it must have (or must have at least).
        expected: usize,
        /// How many it has.
        found: usize,
    },
    /// Another key, another purpose, or damage.
    #[error("the sealed secret doesn't open: it was damaged, or sealed for another key or another purpose")]
    Open,
    /// What came out isn't what was promised.
    #[error("the epoch's secret doesn't fit its id: whoever sealed it made a mistake, or cheats")]
    Commitment,
}

hex_id! {
    /// The public half of a household's [`ReceiveKey`].
    ReceivePublic, 32
}

impl ReceivePublic {
    /// Whether secrets can be sealed to this key. A reader of signed bytes refuses those to which they can't, so that
    /// nobody can join an album with a key that stops every new epoch.
    pub fn is_usable(&self) -> bool {
        StaticSecret::from([1; 32]).diffie_hellman(&PublicKey::from(self.0)).was_contributory()
    }
}

/// Opens what others sealed to the household. Lives on the node; wiped from memory when dropped.
#[derive(Clone)]
pub struct ReceiveKey(StaticSecret);

impl ReceiveKey {
    /// Takes 32 fresh random bytes, or what [`ReceiveKey::to_bytes`] gave.
    pub fn from_bytes(bytes: &[u8; 32]) -> Self {
        Self(StaticSecret::from(*bytes))
    }

    /// The secret bytes, for the node's key file.
    pub fn to_bytes(&self) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(self.0.to_bytes())
    }

    /// The public half.
    pub fn public(&self) -> ReceivePublic {
        ReceivePublic::from_bytes(PublicKey::from(&self.0).to_bytes())
    }

    /// Opens what [`seal`] made for this key under the same label and context.
    ///
    /// # Errors
    /// [`SealError::Length`] when it is too short, [`SealError::Open`] for everything else.
    pub fn open(
        &self,
        label: &[u8],
        context: &[u8],
        sealed: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, SealError> {
        if sealed.len() < SEALED_EXTRA_BYTES {
            return Err(SealError::Length { expected: SEALED_EXTRA_BYTES, found: sealed.len() });
        }
        let (encapped, ciphertext) = sealed.split_at(ENCAPPED_BYTES);
        let encapped = Deserializable::from_bytes(encapped).map_err(|_| SealError::Open)?;
        let key = <hpke::kem::X25519HkdfSha256 as hpke::Kem>::PrivateKey::from_bytes(self.0.as_bytes())
            .map_err(|_| SealError::Open)?;
        single_shot_open::<ChaCha20Poly1305, HkdfSha256, Kem>(
            &OpModeR::Base,
            &key,
            &encapped,
            label,
            ciphertext,
            context,
        )
        .map(Zeroizing::new)
        .map_err(|_| SealError::Open)
    }
}

impl fmt::Debug for ReceiveKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ReceiveKey({}, secret)", self.public())
    }
}

/// Encrypts a secret to a household: 32 bytes of a key made for this once, then the ciphertext.
///
/// `random` is 32 fresh random bytes, never used twice: RFC 9180's `ikmE`, from which that key is made.
///
/// # Errors
/// [`SealError::Key`] when the receiver's key isn't [usable](ReceivePublic::is_usable).
pub fn seal(
    to: &ReceivePublic,
    label: &[u8],
    context: &[u8],
    plaintext: &[u8],
    random: [u8; 32],
) -> Result<Vec<u8>, SealError> {
    let public = Deserializable::from_bytes(to.as_bytes()).map_err(|_| SealError::Key)?;
    let (encapped, ciphertext) = single_shot_seal_with_rng::<ChaCha20Poly1305, HkdfSha256, Kem>(
        &OpModeS::Base,
        &public,
        label,
        plaintext,
        context,
        &mut Given { bytes: random, taken: 0 },
    )
    .map_err(|_| SealError::Key)?;
    Ok([&encapped.to_bytes()[..], &ciphertext].concat())
}

/// Hands out the random bytes that the caller gave, once. HPKE asks a generator for exactly the 32 bytes of one key.
#[derive(Zeroize, ZeroizeOnDrop)]
struct Given {
    bytes: [u8; 32],
    taken: usize,
}

impl rand_core::TryRng for Given {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Self::Error> {
        let mut bytes = [0; 4];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u32::from_le_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, Self::Error> {
        let mut bytes = [0; 8];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u64::from_le_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, wanted: &mut [u8]) -> Result<(), Self::Error> {
        let end = self.taken + wanted.len();
        wanted.copy_from_slice(
            self.bytes.get(self.taken..end).expect("base mode makes one X25519 key of 32 bytes"),
        );
        self.taken = end;
        Ok(())
    }
}

impl rand_core::TryCryptoRng for Given {}
