//! A vault head: the household's signed word on which manifest is its newest.
//!
//! A head is the last thing that a backup writes and the first that a restore reads. Keepers see its number, its
//! predecessor's hash, when it was made and who signed it; the keyring in it opens with the phrase only, the pointer to the
//! manifest with the newest key in that keyring. Every field has a fixed place, so a head has exactly one encoding. Drawn
//! in `docs/formats/vault-head.md`.

use thiserror::Error;

use crate::{
    certificate::{Certificate, CertificateError},
    ids::{HouseholdId, hex_id},
    keyring::KEYRING_BYTES,
    keys::{SIGNATURE_BYTES, Signer, verify},
    labels,
    vault_key::POINTER_BYTES,
    wire::{Reader, Writer},
};

/// The version that this code writes and reads.
const VERSION: u8 = 1;
/// The algorithm byte of Ed25519.
const ED25519: u8 = 1;
/// Everything before the signature.
const BODY_BYTES: usize = 2 + Certificate::BYTES + 8 + 32 + 8 + KEYRING_BYTES + POINTER_BYTES;
/// How large a head is; every head of version 1 has exactly this size.
pub const HEAD_BYTES_MAX: usize = BODY_BYTES + SIGNATURE_BYTES;

/// Why bytes are not a head, or why one can't be signed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum HeadError {
    /// Too short or too long.
    #[error("a vault head has {HEAD_BYTES_MAX} bytes, this has {0}")]
    Length(usize),
    /// Written by a version that this program doesn't know.
    #[error(
        "the vault head has version {0}, this program reads version 1; a newer program may have written it"
    )]
    Version(u8),
    /// Signed in a way that this program doesn't know.
    #[error(
        "the vault head's signature algorithm {0} is unknown, only 1 (Ed25519) is; a newer program may know it"
    )]
    Algorithm(u8),
    /// Numbers count from 1, and exactly the first head has no predecessor.
    #[error("vault heads count from 1; the first has no predecessor, and every other has one")]
    Number,
    /// The keyring isn't as long as a wrapped keyring is.
    #[error("the keyring in a vault head has {KEYRING_BYTES} bytes, this has {0}")]
    Keyring(usize),
    /// The pointer isn't as long as a sealed pointer is.
    #[error("the pointer in a vault head has {POINTER_BYTES} bytes, this has {0}")]
    Pointer(usize),
    /// The certificate inside is none.
    #[error("the vault head's certificate is not good: {0}")]
    Certificate(#[from] CertificateError),
    /// Signed with a key that the certificate doesn't name.
    #[error("the signing key is not the one that the certificate names")]
    WrongSigner,
    /// The signer didn't sign these bytes.
    #[error("the vault head's signature is not its household's node's: it was damaged or forged")]
    Signature,
}

hex_id! {
    /// A vault head: BLAKE3 of its bytes.
    HeadHash, 32
}

impl HeadHash {
    /// What a household's first head names as its predecessor.
    pub const NONE: Self = Self::from_bytes([0; 32]);
}

/// Which manifest is the newest. Every value of this type has a valid certificate and a valid signature by the key it
/// names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VaultHead {
    certificate: Certificate,
    number: u64,
    previous: HeadHash,
    made_at_ms: i64,
    encoded: Vec<u8>,
}

impl VaultHead {
    /// Signs a head. `number` is one more than that of the head before, whose hash `previous` is; the first is number 1
    /// after [`HeadHash::NONE`]. A restored home goes on counting where the head that it restored stopped. `made_at_ms`
    /// is in milliseconds since the Unix epoch, UTC; `keyring` is what [`Keyring::wrap`](crate::Keyring::wrap) gave and
    /// `pointer` what [`VaultKey::seal_root`](crate::VaultKey::seal_root) of the newest key gave for this number.
    ///
    /// # Errors
    /// [`HeadError::WrongSigner`], [`HeadError::Number`], [`HeadError::Keyring`], [`HeadError::Pointer`].
    pub fn sign(
        signer: &Signer,
        certificate: &Certificate,
        number: u64,
        previous: HeadHash,
        made_at_ms: i64,
        keyring: &[u8],
        pointer: &[u8],
    ) -> Result<Self, HeadError> {
        if signer.id() != *certificate.signer() {
            return Err(HeadError::WrongSigner);
        }
        check_number(number, &previous)?;
        if keyring.len() != KEYRING_BYTES {
            return Err(HeadError::Keyring(keyring.len()));
        }
        if pointer.len() != POINTER_BYTES {
            return Err(HeadError::Pointer(pointer.len()));
        }
        let mut body = Writer::with_capacity(HEAD_BYTES_MAX);
        body.u8(VERSION).u8(ED25519).bytes(&certificate.encode());
        body.u64(number).bytes(previous.as_bytes()).i64(made_at_ms);
        body.bytes(keyring).bytes(pointer);
        let signature = signer.sign(labels::VAULT_HEAD, body.as_bytes());
        body.bytes(&signature);
        let certificate = certificate.clone();
        Ok(Self { certificate, number, previous, made_at_ms, encoded: body.into_bytes() })
    }

    /// Reads a head, and verifies the certificate in it and the signature by the key that the certificate names.
    ///
    /// Says nothing about whether its household is the right one: see [`VaultHead::household`].
    ///
    /// # Errors
    /// Any [`HeadError`] but [`HeadError::WrongSigner`], [`HeadError::Keyring`] and [`HeadError::Pointer`].
    pub fn decode(encoded: &[u8]) -> Result<Self, HeadError> {
        let length = || HeadError::Length(encoded.len());
        let mut reader = Reader(encoded);
        match reader.u8().ok_or_else(length)? {
            VERSION => {}
            other => return Err(HeadError::Version(other)),
        }
        if encoded.len() != HEAD_BYTES_MAX {
            return Err(length());
        }
        match reader.u8().ok_or_else(length)? {
            ED25519 => {}
            other => return Err(HeadError::Algorithm(other)),
        }
        let certificate = reader.take(Certificate::BYTES).ok_or_else(length)?;
        let number = reader.u64().ok_or_else(length)?;
        let previous = HeadHash::from_bytes(reader.array().ok_or_else(length)?);
        let made_at_ms = reader.i64().ok_or_else(length)?;
        check_number(number, &previous)?;
        let (body, signature) = encoded.split_last_chunk::<SIGNATURE_BYTES>().ok_or_else(length)?;
        let certificate = Certificate::decode(certificate)?;
        if !verify(certificate.signer().as_bytes(), labels::VAULT_HEAD, body, signature) {
            return Err(HeadError::Signature);
        }
        Ok(Self { certificate, number, previous, made_at_ms, encoded: encoded.to_vec() })
    }

    /// The head's only encoding.
    pub fn encode(&self) -> Vec<u8> {
        self.encoded.clone()
    }

    /// The head's only encoding, borrowed.
    pub fn as_bytes(&self) -> &[u8] {
        &self.encoded
    }

    /// BLAKE3 of the encoding.
    pub fn hash(&self) -> HeadHash {
        HeadHash::from_bytes(*blake3::hash(&self.encoded).as_bytes())
    }

    /// Whether this head counts rather than the other: one under a certificate that outranks the other's does, under the
    /// same certificate the one with the higher number, and of two with one number the one with the lower hash. Heads of
    /// different households never outrank each other.
    pub fn outranks(&self, other: &Self) -> bool {
        if self.certificate != other.certificate {
            return self.certificate.outranks(&other.certificate);
        }
        self.number > other.number || self.number == other.number && self.hash() < other.hash()
    }

    /// The household whose vault it is.
    pub fn household(&self) -> &HouseholdId {
        self.certificate.household()
    }

    /// The certificate of the node that signed it.
    pub fn certificate(&self) -> &Certificate {
        &self.certificate
    }

    /// Counts the household's heads, from 1.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// The hash of the head before.
    pub fn previous(&self) -> &HeadHash {
        &self.previous
    }

    /// When it was made, in milliseconds since the Unix epoch, UTC.
    pub fn made_at_ms(&self) -> i64 {
        self.made_at_ms
    }

    /// The wrapped keyring: [`KEYRING_BYTES`].
    pub fn keyring(&self) -> &[u8] {
        self.end(KEYRING_BYTES + POINTER_BYTES, KEYRING_BYTES)
    }

    /// The sealed pointer to the manifest: [`POINTER_BYTES`].
    pub fn pointer(&self) -> &[u8] {
        self.end(POINTER_BYTES, POINTER_BYTES)
    }

    /// The `count` bytes that begin `before` the signature.
    fn end(&self, before: usize, count: usize) -> &[u8] {
        &self.encoded[BODY_BYTES - before..][..count]
    }
}

fn check_number(number: u64, previous: &HeadHash) -> Result<(), HeadError> {
    let good = match number {
        0 => false,
        1 => *previous == HeadHash::NONE,
        _ => *previous != HeadHash::NONE,
    };
    if good { Ok(()) } else { Err(HeadError::Number) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{fixture::Home, keys::Root};

    const BEFORE: HeadHash = HeadHash::from_bytes([9; 32]);

    fn sign(home: &Home, number: u64, previous: HeadHash, fill: u8) -> Result<VaultHead, HeadError> {
        let (keyring, pointer) = ([fill; KEYRING_BYTES], [fill; POINTER_BYTES]);
        VaultHead::sign(home.signer(), &home.certificate, number, previous, 1_784, &keyring, &pointer)
    }

    #[test]
    fn only_the_certified_node_signs_and_lengths_are_kept() {
        let [home, other] = [1, 2].map(Home::new);
        let sign = |signer, keyring: &[u8], pointer: &[u8]| {
            VaultHead::sign(signer, &home.certificate, 1, HeadHash::NONE, 0, keyring, pointer).map(drop)
        };
        let (keyring, pointer) = ([0; KEYRING_BYTES], [0; POINTER_BYTES]);
        assert_eq!(sign(home.signer(), &keyring, &pointer), Ok(()));
        assert_eq!(sign(other.signer(), &keyring, &pointer), Err(HeadError::WrongSigner));
        assert_eq!(sign(home.signer(), &keyring[1..], &pointer), Err(HeadError::Keyring(KEYRING_BYTES - 1)));
        assert_eq!(sign(home.signer(), &keyring, &[]), Err(HeadError::Pointer(0)));
    }

    #[test]
    fn exactly_the_first_head_has_no_predecessor() {
        let home = Home::new(1);
        for (number, previous, good) in [
            (0, HeadHash::NONE, false),
            (0, BEFORE, false),
            (1, HeadHash::NONE, true),
            (1, BEFORE, false),
            (2, HeadHash::NONE, false),
            (2, BEFORE, true),
            (u64::MAX, BEFORE, true),
        ] {
            let expected = if good { Ok(()) } else { Err(HeadError::Number) };
            assert_eq!(sign(&home, number, previous, 0).map(drop), expected, "{number}");
        }
    }

    #[test]
    fn a_restored_home_s_head_outranks_all_of_the_old_one_s() {
        let home = Home::new(1);
        let authority = Root::from_bytes([1; 32]).authority();
        let restored = |seed| {
            let mut restored = Home::new(seed);
            let (node, signer) = (restored.node.node(), restored.signer().id());
            restored.certificate = Certificate::issue(&authority, 2, node, signer, 0).unwrap();
            restored
        };
        let old = sign(&home, 9, BEFORE, 0).unwrap();
        let older = sign(&home, 8, BEFORE, 0).unwrap();
        let new = sign(&restored(7), 2, BEFORE, 0).unwrap();
        let twin = sign(&restored(8), 3, BEFORE, 0).unwrap();
        assert!(old.outranks(&older) && !older.outranks(&old) && !old.outranks(&old));
        assert!(new.outranks(&old) && !old.outranks(&new));
        // Of two restores of one generation one wins whatever their numbers are.
        assert_eq!(new.outranks(&twin), new.certificate().outranks(twin.certificate()));
        assert_ne!(new.outranks(&twin), twin.outranks(&new));
        // Of two heads with one number too, whoever looks.
        let fork = sign(&home, 9, BEFORE, 1).unwrap();
        assert_ne!(fork.outranks(&old), old.outranks(&fork));
        let stranger = sign(&Home::new(2), 99, BEFORE, 0).unwrap();
        assert!(!stranger.outranks(&old) && !old.outranks(&stranger));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn encoding_comes_back(number in 2..=u64::MAX, previous in prop::array::uniform32(1..=u8::MAX), at: i64, fill: u8) {
            let home = Home::new(1);
            let (keyring, pointer) = ([fill; KEYRING_BYTES], [!fill; POINTER_BYTES]);
            let previous = HeadHash::from_bytes(previous);
            let head = VaultHead::sign(home.signer(), &home.certificate, number, previous, at, &keyring, &pointer).unwrap();
            prop_assert_eq!(head.as_bytes().len(), HEAD_BYTES_MAX);
            let read = VaultHead::decode(head.as_bytes()).unwrap();
            prop_assert_eq!((read.number(), read.previous(), read.made_at_ms()), (number, &previous, at));
            prop_assert_eq!((read.keyring(), read.pointer()), (&keyring[..], &pointer[..]));
            prop_assert_eq!(read, head);
        }

        #[test]
        fn any_flipped_bit_is_noticed(place in any::<prop::sample::Index>(), bit in 0..8_u8) {
            let mut bytes = sign(&Home::new(1), 1, HeadHash::NONE, 0).unwrap().encode();
            let place = place.index(bytes.len());
            bytes[place] ^= 1 << bit;
            prop_assert!(VaultHead::decode(&bytes).is_err());
        }

        #[test]
        fn arbitrary_bytes_are_answered(bytes in prop::collection::vec(any::<u8>(), 0..400), fit: bool) {
            let mut bytes = bytes;
            if fit && bytes.len() > 2 {
                bytes[..2].copy_from_slice(&[VERSION, ED25519]);
                bytes.resize(HEAD_BYTES_MAX, 1);
            }
            prop_assert!(VaultHead::decode(&bytes).is_err());
        }
    }
}
