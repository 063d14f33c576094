//! A certificate: the household's authority says which keys its node has.
//!
//! A household has one active node. A certificate with a higher generation replaces one with a lower, everywhere. The
//! bytes are drawn in `docs/formats/certificate.md`; every field has a fixed place, so a certificate has exactly one
//! encoding.

use thiserror::Error;

use crate::{
    hash::ContentHash,
    ids::{CertificateId, HouseholdId, NodeId, SignerId},
    keys::{AuthorityKey, SIGNATURE_BYTES, verify},
    labels,
    wire::Reader,
};

/// The version that this code writes and reads.
const VERSION: u8 = 1;
/// The algorithm byte of Ed25519.
const ED25519: u8 = 1;
/// Everything before the signature.
const BODY_BYTES: usize = 110;

/// Why bytes are not a certificate.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum CertificateError {
    /// Too short or too long.
    #[error("a certificate has 174 bytes, this has {found}")]
    Length {
        /// How many bytes there were.
        found: usize,
    },
    /// Written by a version that this program doesn't know.
    #[error(
        "the certificate has version {0}, this program reads version 1; a newer program may have written it"
    )]
    Version(u8),
    /// Signed in a way that this program doesn't know.
    #[error(
        "the certificate's signature algorithm {0} is unknown, only 1 (Ed25519) is; a newer program may know it"
    )]
    Algorithm(u8),
    /// Generations count from 1.
    #[error("the certificate has generation 0; generations count from 1")]
    Generation,
    /// One key for two purposes.
    #[error("the certificate names one key for both transport and signing; each purpose needs its own")]
    SharedKey,
    /// It belongs to somebody else.
    #[error("the certificate belongs to household {found}, not to {expected}")]
    WrongHousehold {
        /// Whose it should be.
        expected: HouseholdId,
        /// Whose it says it is.
        found: HouseholdId,
    },
    /// The household didn't sign these bytes.
    #[error("the certificate's signature is not its household's: it was damaged or forged")]
    Signature,
}

/// Binds a node's keys to its household. Every value of this type has a valid signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    generation: u32,
    household: HouseholdId,
    node: NodeId,
    signer: SignerId,
    issued_at_ms: i64,
    signature: [u8; SIGNATURE_BYTES],
}

impl Certificate {
    /// How many bytes every certificate has.
    pub const BYTES: usize = BODY_BYTES + SIGNATURE_BYTES;

    /// Signs a certificate for a node's public keys. `issued_at_ms` is in milliseconds since the Unix epoch, UTC.
    ///
    /// # Errors
    /// [`CertificateError::Generation`] for generation 0, [`CertificateError::SharedKey`] when both keys are equal.
    pub fn issue(
        authority: &AuthorityKey,
        generation: u32,
        node: NodeId,
        signer: SignerId,
        issued_at_ms: i64,
    ) -> Result<Self, CertificateError> {
        let household = authority.household();
        let unsigned =
            Self { generation, household, node, signer, issued_at_ms, signature: [0; SIGNATURE_BYTES] };
        unsigned.check_fields()?;
        Ok(Self { signature: authority.sign(labels::CERTIFICATE, &unsigned.body()), ..unsigned })
    }

    /// Reads a certificate and verifies that the household it names signed it.
    ///
    /// Says nothing about whether that household is the right one: see [`Certificate::decode_for`].
    ///
    /// # Errors
    /// Any [`CertificateError`] but [`CertificateError::WrongHousehold`].
    pub fn decode(bytes: &[u8]) -> Result<Self, CertificateError> {
        if let [version, ..] = bytes
            && *version != VERSION
        {
            return Err(CertificateError::Version(*version));
        }
        let length = CertificateError::Length { found: bytes.len() };
        if bytes.len() != Self::BYTES {
            return Err(length);
        }
        let (body, signature) = bytes.split_at(BODY_BYTES);
        let (algorithm, certificate) = Self::read(body, signature).ok_or(length)?;
        if algorithm != ED25519 {
            return Err(CertificateError::Algorithm(algorithm));
        }
        certificate.check_fields()?;
        let household = certificate.household.as_bytes();
        if !verify(household, labels::CERTIFICATE, body, &certificate.signature) {
            return Err(CertificateError::Signature);
        }
        Ok(certificate)
    }

    /// Reads and verifies a certificate that must belong to this household.
    ///
    /// # Errors
    /// Any [`CertificateError`].
    pub fn decode_for(household: &HouseholdId, bytes: &[u8]) -> Result<Self, CertificateError> {
        let certificate = Self::decode(bytes)?;
        if certificate.household != *household {
            return Err(CertificateError::WrongHousehold {
                expected: *household,
                found: certificate.household,
            });
        }
        Ok(certificate)
    }

    /// The certificate's only encoding.
    pub fn encode(&self) -> [u8; Self::BYTES] {
        let mut bytes = [0; Self::BYTES];
        bytes[..BODY_BYTES].copy_from_slice(&self.body());
        bytes[BODY_BYTES..].copy_from_slice(&self.signature);
        bytes
    }

    /// The certificate's name where another format mentions it: BLAKE3 of the encoding, as [`Certificate::hash`] is.
    pub fn id(&self) -> CertificateId {
        CertificateId::from_bytes(*self.hash().as_bytes())
    }

    /// BLAKE3 of the encoding.
    pub fn hash(&self) -> ContentHash {
        ContentHash::of(&self.encode())
    }

    /// Whether this certificate replaces the other: the higher generation does, and of two with one generation the one
    /// with the lower hash. Certificates of different households never replace each other.
    pub fn outranks(&self, other: &Self) -> bool {
        self.household == other.household
            && (self.generation > other.generation
                || self.generation == other.generation && self.hash() < other.hash())
    }

    /// Counts the household's nodes, from 1.
    pub fn generation(&self) -> u32 {
        self.generation
    }

    /// The household that signed.
    pub fn household(&self) -> &HouseholdId {
        &self.household
    }

    /// The node's endpoint key.
    pub fn node(&self) -> &NodeId {
        &self.node
    }

    /// The node's key for change records.
    pub fn signer(&self) -> &SignerId {
        &self.signer
    }

    /// When it was issued, in milliseconds since the Unix epoch, UTC.
    pub fn issued_at_ms(&self) -> i64 {
        self.issued_at_ms
    }

    fn check_fields(&self) -> Result<(), CertificateError> {
        if self.generation == 0 {
            return Err(CertificateError::Generation);
        }
        if self.node.as_bytes() == self.signer.as_bytes() {
            return Err(CertificateError::SharedKey);
        }
        Ok(())
    }

    fn body(&self) -> Vec<u8> {
        let mut body = Vec::with_capacity(BODY_BYTES);
        body.extend_from_slice(&[VERSION, ED25519]);
        body.extend_from_slice(&self.generation.to_le_bytes());
        body.extend_from_slice(self.household.as_bytes());
        body.extend_from_slice(self.node.as_bytes());
        body.extend_from_slice(self.signer.as_bytes());
        body.extend_from_slice(&self.issued_at_ms.to_le_bytes());
        body
    }

    /// The algorithm byte and the fields, nothing checked.
    fn read(body: &[u8], signature: &[u8]) -> Option<(u8, Self)> {
        let mut reader = Reader(body);
        let _version = reader.u8()?;
        let algorithm = reader.u8()?;
        let certificate = Self {
            generation: reader.u32()?,
            household: HouseholdId::from_bytes(reader.array()?),
            node: NodeId::from_bytes(reader.array()?),
            signer: SignerId::from_bytes(reader.array()?),
            issued_at_ms: reader.i64()?,
            signature: signature.try_into().ok()?,
        };
        reader.is_empty().then_some((algorithm, certificate))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::keys::{NodeKeys, Root};

    fn issue(generation: u32, issued_at_ms: i64) -> Certificate {
        let keys = NodeKeys::from_bytes(&std::array::from_fn(|n| u8::try_from(n).unwrap()));
        let authority = Root::from_bytes([1; 32]).authority();
        Certificate::issue(&authority, generation, keys.node(), keys.signer().id(), issued_at_ms).unwrap()
    }

    #[test]
    fn a_higher_generation_replaces_a_lower_and_ties_are_decided() {
        let (old, new, twin) = (issue(1, 0), issue(2, 0), issue(2, 1));
        assert!(new.outranks(&old) && !old.outranks(&new));
        assert!(new.outranks(&twin) != twin.outranks(&new));
        assert!(!new.outranks(&new));
    }

    proptest! {
        #[test]
        fn encoding_comes_back(generation in 1..=u32::MAX, issued_at_ms: i64) {
            let certificate = issue(generation, issued_at_ms);
            prop_assert_eq!(Certificate::decode(&certificate.encode()).unwrap(), certificate);
        }

        #[test]
        fn any_flipped_bit_is_noticed(bit in 0..Certificate::BYTES * 8) {
            let mut bytes = issue(3, 1_700_000_000_000).encode();
            bytes[bit / 8] ^= 1 << (bit % 8);
            prop_assert!(Certificate::decode(&bytes).is_err());
        }

        #[test]
        fn arbitrary_bytes_are_answered(bytes in prop::collection::vec(any::<u8>(), 0..400), first in 0..3_u8) {
            let mut bytes = bytes;
            if let Some(byte) = bytes.first_mut() { *byte = first; }
            prop_assert!(Certificate::decode(&bytes).is_err());
        }
    }
}
