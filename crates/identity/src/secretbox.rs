//! XChaCha20-Poly1305 with everything as an argument: the one place that calls the cipher.

use chacha20poly1305::{
    KeyInit, XChaCha20Poly1305, XNonce,
    aead::{Aead, Payload},
};
use zeroize::Zeroizing;

/// How long a nonce is: long enough that random ones don't meet.
pub(crate) const NONCE_BYTES: usize = 24;
/// How many bytes the cipher adds to a plaintext.
pub const TAG_BYTES: usize = 16;

/// Encrypts; the result is bound to `bound`, which isn't part of it.
pub(crate) fn encrypt(key: &[u8; 32], nonce: &[u8; NONCE_BYTES], bound: &[u8], plaintext: &[u8]) -> Vec<u8> {
    XChaCha20Poly1305::new(key.into())
        .encrypt(&XNonce::from(*nonce), Payload { msg: plaintext, aad: bound })
        .expect("no plaintext of ours comes near the cipher's limit of 256 GiB")
}

/// Decrypts, or answers `None` when key, nonce, bound data or ciphertext don't belong together.
pub(crate) fn decrypt(
    key: &[u8; 32],
    nonce: &[u8; NONCE_BYTES],
    bound: &[u8],
    ciphertext: &[u8],
) -> Option<Zeroizing<Vec<u8>>> {
    XChaCha20Poly1305::new(key.into())
        .decrypt(&XNonce::from(*nonce), Payload { msg: ciphertext, aad: bound })
        .ok()
        .map(Zeroizing::new)
}
