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
    pub fn open(&self, label: &[u8], context: &[u8], sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, SealError> {
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

#[cfg(test)]
mod tests {
    use data_encoding::HEXLOWER;
    use proptest::prelude::*;

    use super::*;

    fn hex<const N: usize>(text: &str) -> [u8; N] {
        HEXLOWER.decode(text.as_bytes()).unwrap().try_into().unwrap()
    }

    #[test]
    fn the_rfc_s_own_example_comes_out() {
        // RFC 9180, A.2.1, the first encryption.
        let key =
            ReceiveKey::from_bytes(&hex("8057991eef8f1f1af18f4a9491d16a1ce333f695d4db8e38da75975c4478e0fb"));
        assert_eq!(
            key.public().to_string(),
            "4310ee97d88cc1f088a5576c77ab0cf5c3ac797f3d95139c6c84b5429c59662a"
        );
        let random = hex("909a9b35d3dc4713a5e72a4da274b55d3d3821a37e5d099e74a647db583a904b");
        let (label, plaintext) = (b"Ode on a Grecian Urn", b"Beauty is truth, truth beauty");
        let sealed = seal(&key.public(), label, b"Count-0", plaintext, random).unwrap();
        let expected = "1afa08d3dec047a643885163f1180476fa7ddb54c6a8029ea33f95796bf2ac4a\
                        1c5250d8034ec2b784ba2cfd69dbdb8af406cfe3ff938e131f0def8c8b60b4db\
                        21993c62ce81883d2dd1b51a28";
        assert_eq!(HEXLOWER.encode(&sealed), expected);
        assert_eq!(**key.open(label, b"Count-0", &sealed).unwrap(), plaintext[..]);
    }

    #[test]
    fn nothing_is_sealed_to_a_key_of_small_order() {
        let order_8 = "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800";
        for bytes in [[0; 32], hex(&format!("01{}", "0".repeat(62))), hex(order_8)] {
            let key = ReceivePublic::from_bytes(bytes);
            assert!(!key.is_usable(), "{key}");
            assert_eq!(seal(&key, b"label", b"", b"secret", [1; 32]), Err(SealError::Key));
        }
        assert!(ReceiveKey::from_bytes(&[0; 32]).public().is_usable());
    }

    #[test]
    fn a_label_and_a_context_keep_purposes_apart() {
        let key = ReceiveKey::from_bytes(&[7; 32]);
        let sealed = seal(&key.public(), b"label", b"context", b"secret", [1; 32]).unwrap();
        assert_eq!(**key.open(b"label", b"context", &sealed).unwrap(), b"secret"[..]);
        assert_eq!(key.open(b"labe", b"context", &sealed).unwrap_err(), SealError::Open);
        assert_eq!(key.open(b"label", b"contex", &sealed).unwrap_err(), SealError::Open);
        assert_eq!(key.open(b"context", b"label", &sealed).unwrap_err(), SealError::Open);
        let other = ReceiveKey::from_bytes(&[8; 32]);
        assert_eq!(other.open(b"label", b"context", &sealed).unwrap_err(), SealError::Open);
    }

    #[test]
    fn debug_shows_no_secret() {
        let shown = format!("{:?}", ReceiveKey::from_bytes(&[0x5a; 32]));
        assert!(!shown.contains("5a5a5a") && !shown.contains("90, 90"), "{shown}");
        assert_eq!(*ReceiveKey::from_bytes(&[0x5a; 32]).to_bytes(), [0x5a; 32]);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn what_is_sealed_comes_back(
            secret: [u8; 32],
            random: [u8; 32],
            plaintext in prop::collection::vec(any::<u8>(), 0..100),
        ) {
            let key = ReceiveKey::from_bytes(&secret);
            let sealed = seal(&key.public(), b"label", b"context", &plaintext, random).unwrap();
            prop_assert_eq!(sealed.len(), plaintext.len() + SEALED_EXTRA_BYTES);
            prop_assert_eq!(&**key.open(b"label", b"context", &sealed).unwrap(), &plaintext[..]);
        }

        #[test]
        fn any_flipped_bit_is_noticed(place in any::<prop::sample::Index>(), bit in 0..8_u8) {
            let key = ReceiveKey::from_bytes(&[7; 32]);
            let mut sealed = seal(&key.public(), b"label", b"", b"secret", [1; 32]).unwrap();
            let place = place.index(sealed.len());
            sealed[place] ^= 1 << bit;
            prop_assert!(key.open(b"label", b"", &sealed).is_err());
        }

        #[test]
        fn arbitrary_bytes_are_answered(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            prop_assert!(ReceiveKey::from_bytes(&[7; 32]).open(b"label", b"", &bytes).is_err());
            if let Ok(public) = <[u8; 32]>::try_from(&bytes[..bytes.len().min(32)]) {
                let public = ReceivePublic::from_bytes(public);
                let sealed = seal(&public, b"label", b"", b"secret", [1; 32]);
                prop_assert_eq!(sealed.is_ok(), public.is_usable());
            }
        }
    }
}
