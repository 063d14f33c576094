//! The end of a kit: its household's word that nobody shall open it any more.

use thiserror::Error;

use super::KitId;
use crate::{
    certificate::{Certificate, CertificateError},
    ids::HouseholdId,
    keys::{SIGNATURE_BYTES, Signer, verify},
    labels,
    wire::{Reader, Writer},
};

/// The version that this code writes and reads.
const VERSION: u8 = 1;
/// The algorithm byte of Ed25519.
const ED25519: u8 = 1;
/// Everything before the signature.
const BODY_BYTES: usize = 2 + Certificate::BYTES + 16 + 8;

/// Why bytes are not a revocation, or why one can't be signed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum RevocationError {
    /// Too short or too long.
    #[error("a kit's revocation has 264 bytes, this has {0}")]
    Length(usize),
    /// Written by a version that this program doesn't know.
    #[error(
        "the revocation has version {0}, this program reads version 1; a newer program may have written it"
    )]
    Version(u8),
    /// Signed in a way that this program doesn't know.
    #[error(
        "the revocation's signature algorithm {0} is unknown, only 1 (Ed25519) is; a newer program may know it"
    )]
    Algorithm(u8),
    /// The certificate inside is none.
    #[error("the revocation's certificate is not good: {0}")]
    Certificate(#[from] CertificateError),
    /// Signed with a key that the certificate doesn't name.
    #[error("the signing key is not the one that the certificate names")]
    WrongSigner,
    /// The signer didn't sign these bytes.
    #[error("the revocation's signature is not its household's node's: it was damaged or forged")]
    Signature,
}

/// Ends a kit: keepers drop its record, holders' nodes give out no share of it. Every value of this type has a valid
/// certificate and a valid signature by the key it names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revocation {
    certificate: Certificate,
    kit: KitId,
    at_ms: i64,
    signature: [u8; SIGNATURE_BYTES],
}

impl Revocation {
    /// How many bytes every revocation has.
    pub const BYTES: usize = BODY_BYTES + SIGNATURE_BYTES;

    /// Signs the end of a kit of the certificate's household. `at_ms` is in milliseconds since the Unix epoch, UTC.
    ///
    /// # Errors
    /// [`RevocationError::WrongSigner`].
    pub fn sign(
        signer: &Signer,
        certificate: &Certificate,
        kit: KitId,
        at_ms: i64,
    ) -> Result<Self, RevocationError> {
        if signer.id() != *certificate.signer() {
            return Err(RevocationError::WrongSigner);
        }
        let signature = signer.sign(labels::KIT_REVOCATION, &body(certificate, &kit, at_ms));
        Ok(Self { certificate: certificate.clone(), kit, at_ms, signature })
    }

    /// Reads a revocation, and verifies the certificate in it and the signature by the key that the certificate names.
    ///
    /// Says nothing about whether the kit is that household's: see [`Revocation::household`].
    ///
    /// # Errors
    /// Any [`RevocationError`] but [`RevocationError::WrongSigner`].
    pub fn decode(bytes: &[u8]) -> Result<Self, RevocationError> {
        let length = || RevocationError::Length(bytes.len());
        let mut reader = Reader(bytes);
        match reader.u8().ok_or_else(length)? {
            VERSION => {}
            other => return Err(RevocationError::Version(other)),
        }
        if bytes.len() != Self::BYTES {
            return Err(length());
        }
        match reader.u8().ok_or_else(length)? {
            ED25519 => {}
            other => return Err(RevocationError::Algorithm(other)),
        }
        let certificate = Certificate::decode(reader.take(Certificate::BYTES).ok_or_else(length)?)?;
        let kit = KitId::from_bytes(reader.array().ok_or_else(length)?);
        let at_ms = reader.i64().ok_or_else(length)?;
        let signature = reader.array().ok_or_else(length)?;
        let signer = certificate.signer().as_bytes();
        if !verify(signer, labels::KIT_REVOCATION, &bytes[..BODY_BYTES], &signature) {
            return Err(RevocationError::Signature);
        }
        Ok(Self { certificate, kit, at_ms, signature })
    }

    /// The revocation's only encoding.
    pub fn encode(&self) -> Vec<u8> {
        [&body(&self.certificate, &self.kit, self.at_ms)[..], &self.signature].concat()
    }

    /// The household that ends its kit.
    pub fn household(&self) -> &HouseholdId {
        self.certificate.household()
    }

    /// The certificate of the node that signed it.
    pub fn certificate(&self) -> &Certificate {
        &self.certificate
    }

    /// The kit that ends.
    pub fn kit(&self) -> &KitId {
        &self.kit
    }

    /// When it ended, in milliseconds since the Unix epoch, UTC.
    pub fn at_ms(&self) -> i64 {
        self.at_ms
    }
}

fn body(certificate: &Certificate, kit: &KitId, at_ms: i64) -> Vec<u8> {
    let mut body = Writer::with_capacity(BODY_BYTES);
    body.u8(VERSION).u8(ED25519).bytes(&certificate.encode()).bytes(kit.as_bytes()).i64(at_ms);
    body.into_bytes()
}
