//! The household's secret keys and the node's.
//!
//! | key | comes from | lives | speaks for |
//! |---|---|---|---|
//! | [`Root`] | the phrase | in memory during setup and recovery | the household |
//! | [`AuthorityKey`] | the root | in memory during setup and recovery | the household: signs certificates |
//! | [`WrappingKey`] | the root | in memory during setup and recovery | wraps the vault's keys |
//! | [`NodeKeys`] | randomness | in the node's key file, readable by its owner only | one machine |
//!
//! All of them are wiped from memory when dropped, and their `Debug` shows public halves only. The derivations are
//! written down in `docs/formats/phrase.md`.

use std::fmt;

use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::{
    ids::{HouseholdId, NodeId, SignerId},
    labels,
};

/// How many bytes an Ed25519 signature has.
pub(crate) const SIGNATURE_BYTES: usize = 64;

/// The household's 32 secret bytes, from which its authority and wrapping keys are derived. The phrase spells them.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct Root([u8; 32]);

impl Root {
    /// Takes 32 bytes: from a phrase, or fresh from the system's randomness.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The secret bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The key that signs for the household.
    pub fn authority(&self) -> AuthorityKey {
        AuthorityKey(SigningKey::from_bytes(&self.derive(labels::AUTHORITY)))
    }

    /// The key that wraps the vault's keys.
    pub fn wrapping(&self) -> WrappingKey {
        WrappingKey(*self.derive(labels::WRAPPING))
    }

    fn derive(&self, context: &str) -> Zeroizing<[u8; 32]> {
        derive(context, &[&self.0])
    }
}

impl fmt::Debug for Root {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Root(secret)")
    }
}

/// Signs certificates in the household's name. Never kept on disk after setup.
#[derive(Clone)]
pub struct AuthorityKey(SigningKey);

impl AuthorityKey {
    /// The household that this key is.
    pub fn household(&self) -> HouseholdId {
        HouseholdId::from_bytes(self.0.verifying_key().to_bytes())
    }

    /// Signs `label ‖ body`.
    pub(crate) fn sign(&self, label: &[u8], body: &[u8]) -> [u8; SIGNATURE_BYTES] {
        self.0.sign(&labelled(label, body)).to_bytes()
    }
}

impl fmt::Debug for AuthorityKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AuthorityKey({}, secret)", self.household())
    }
}

/// Encrypts the vault's keys, so that the phrase and a keeper are enough to restore.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct WrappingKey([u8; 32]);

impl WrappingKey {
    /// The secret bytes, for an AEAD cipher.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for WrappingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WrappingKey(secret)")
    }
}

/// A node's Ed25519 key for change records.
#[derive(Clone)]
pub struct Signer(SigningKey);

impl Signer {
    /// Makes the key from its 32 secret bytes.
    pub fn from_bytes(secret: &[u8; 32]) -> Self {
        Self(SigningKey::from_bytes(secret))
    }

    /// The public half.
    pub fn id(&self) -> SignerId {
        SignerId::from_bytes(self.0.verifying_key().to_bytes())
    }

    /// Signs `label ‖ body`.
    pub(crate) fn sign(&self, label: &[u8], body: &[u8]) -> [u8; SIGNATURE_BYTES] {
        self.0.sign(&labelled(label, body)).to_bytes()
    }
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signer({}, secret)", self.id())
    }
}

/// The two keys that a node makes for itself, one purpose each.
#[derive(Clone)]
pub struct NodeKeys {
    /// Ed25519 secret of the network endpoint. The transport takes it as it is.
    endpoint: SigningKey,
    /// Signs change records.
    signing: Signer,
}

impl NodeKeys {
    /// How many bytes [`NodeKeys::to_bytes`] gives.
    pub const BYTES: usize = 64;

    /// Makes the keys from 64 fresh random bytes, or from what [`NodeKeys::to_bytes`] gave: the endpoint's secret
    /// first, then the signing key's.
    pub fn from_bytes(bytes: &[u8; Self::BYTES]) -> Self {
        let (endpoint, signing) = bytes.split_at(32);
        let secret = |half: &[u8]| {
            Zeroizing::new(<[u8; 32]>::try_from(half).expect("64 bytes split in the middle give 32 and 32"))
        };
        Self {
            endpoint: SigningKey::from_bytes(&secret(endpoint)),
            signing: Signer::from_bytes(&secret(signing)),
        }
    }

    /// Both secrets, for the node's key file.
    pub fn to_bytes(&self) -> Zeroizing<[u8; Self::BYTES]> {
        let mut bytes = Zeroizing::new([0; Self::BYTES]);
        bytes[..32].copy_from_slice(self.endpoint.as_bytes());
        bytes[32..].copy_from_slice(self.signing.0.as_bytes());
        bytes
    }

    /// The node as the network knows it.
    pub fn node(&self) -> NodeId {
        NodeId::from_bytes(self.endpoint.verifying_key().to_bytes())
    }

    /// The endpoint's secret, for the transport only.
    pub fn endpoint_secret(&self) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(self.endpoint.to_bytes())
    }

    /// The key that signs change records.
    pub fn signer(&self) -> &Signer {
        &self.signing
    }
}

impl fmt::Debug for NodeKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NodeKeys({}, {:?})", self.node(), self.signing)
    }
}

/// Whether `signature` over `label ‖ body` was made by the secret half of `public`.
///
/// Strict: a public key of small order, a key or signature that isn't encoded canonically, and so any second signature
/// made from a first without the secret, are all refused.
pub(crate) fn verify(
    public: &[u8; 32],
    label: &[u8],
    body: &[u8],
    signature: &[u8; SIGNATURE_BYTES],
) -> bool {
    let Ok(key) = VerifyingKey::from_bytes(public) else { return false };
    key.to_bytes() == *public
        && key.verify_strict(&labelled(label, body), &Signature::from_bytes(signature)).is_ok()
}

/// Derives a secret from others with BLAKE3, and leaves none of them behind in memory.
pub(crate) fn derive(context: &str, parts: &[&[u8]]) -> Zeroizing<[u8; 32]> {
    let mut hasher = blake3::Hasher::new_derive_key(context);
    for part in parts {
        hasher.update(part);
    }
    let mut output = hasher.finalize_xof();
    let mut key = Zeroizing::new([0; 32]);
    output.fill(&mut *key);
    output.zeroize();
    hasher.zeroize();
    key
}

/// The bytes that follow from a key, as many as somebody takes; whoever takes them wipes the reader.
pub(crate) fn stream(key: &[u8; 32]) -> blake3::OutputReader {
    let mut hasher = blake3::Hasher::new_keyed(key);
    let output = hasher.finalize_xof();
    hasher.zeroize();
    output
}

fn labelled(label: &[u8], body: &[u8]) -> Vec<u8> {
    [label, body].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_no_secret() {
        let root = Root::from_bytes([0x5a; 32]);
        let keys = NodeKeys::from_bytes(&[0x5a; 64]);
        let shown = format!("{root:?} {:?} {:?} {keys:?}", root.authority(), root.wrapping());
        assert!(!shown.contains("5a5a5a"), "{shown}");
        assert!(!shown.contains("90, 90, 90"), "{shown}");
        assert!(shown.contains(&root.authority().household().to_string()));
    }

    #[test]
    fn node_keys_come_back_from_bytes() {
        let bytes: [u8; 64] = std::array::from_fn(|n| u8::try_from(n).unwrap());
        let keys = NodeKeys::from_bytes(&bytes);
        assert_eq!(*keys.to_bytes(), bytes);
        assert_eq!(*keys.endpoint_secret(), bytes[..32]);
        assert_ne!(keys.node().as_bytes(), keys.signer().id().as_bytes());
    }

    #[test]
    fn a_label_keeps_purposes_apart() {
        let signer = Signer::from_bytes(&[7; 32]);
        let signature = signer.sign(labels::CHANGE_RECORD, b"body");
        assert!(verify(signer.id().as_bytes(), labels::CHANGE_RECORD, b"body", &signature));
        assert!(!verify(signer.id().as_bytes(), labels::CERTIFICATE, b"body", &signature));
    }

    #[test]
    fn a_key_of_small_order_signs_nothing() {
        let mut identity = [0; 32];
        identity[0] = 1;
        let mut signature = [0; 64];
        signature[0] = 1;
        assert!(!verify(&identity, labels::CERTIFICATE, b"anything", &signature));
    }
}
