//! A file that opens with a passphrase: the node's keys, where somebody doesn't want them to lie open on the disk.
//!
//! Argon2id makes a key of the passphrase, XChaCha20-Poly1305 encrypts. How much work guessing is stands in the file, so
//! that it can grow; a reader refuses what would take more memory than it has. Drawn in `docs/formats/sealed-file.md`.

use argon2::{Algorithm, Argon2, Params, Version};
use thiserror::Error;
use zeroize::Zeroizing;

use crate::{
    keys::derive,
    labels,
    secretbox::{self, NONCE_BYTES, TAG_BYTES},
    wire::{Reader, Writer},
};

/// What such a file begins with.
const MAGIC: &[u8; 8] = b"hlsealed";
/// The version that this code writes and reads.
const VERSION: u8 = 1;
/// The algorithm byte of Argon2id and XChaCha20-Poly1305.
const ARGON2ID_XCHACHA: u8 = 1;
/// How long the salt is.
pub const SALT_BYTES: usize = 16;
/// Everything before the ciphertext.
const HEADER_BYTES: usize = MAGIC.len() + 2 + 4 + 4 + 1 + SALT_BYTES + NONCE_BYTES;
/// How much a sealed file may hold.
pub const PLAINTEXT_BYTES_MAX: usize = 64 * 1024;

/// What guessing a passphrase costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Cost {
    memory_kib: u32,
    passes: u32,
    lanes: u8,
}

/// A bit more than a tenth of a second and 64 MiB on a small server.
const COST: Cost = Cost { memory_kib: 64 * 1024, passes: 3, lanes: 1 };
/// The most that a reader spends.
const COST_MAX: Cost = Cost { memory_kib: 256 * 1024, passes: 16, lanes: 4 };

/// Why a file can't be locked or unlocked.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SealedFileError {
    /// An empty passphrase protects nothing.
    #[error("the passphrase is empty")]
    EmptyPassphrase,
    /// More than [`PLAINTEXT_BYTES_MAX`].
    #[error("a sealed file holds at most 64 KiB, this would hold {0} bytes")]
    TooLarge(usize),
    /// Something else entirely, or cut off.
    #[error("this is no sealed file, or it is cut off")]
    NotSealed,
    /// Written by a version that this program doesn't know.
    #[error(
        "the sealed file has version {0}, this program reads version 1; a newer program may have written it"
    )]
    Version(u8),
    /// Sealed in a way that this program doesn't know.
    #[error(
        "the sealed file's algorithm {0} is unknown, only 1 (Argon2id and XChaCha20-Poly1305) is; \
         a newer program may know it"
    )]
    Algorithm(u8),
    /// Parameters that no reader should follow.
    #[error(
        "the sealed file asks for {memory_kib} KiB of memory, {passes} passes and {lanes} lanes; \
         between 8 KiB per lane and 256 MiB, 1 to 16 passes and 1 to 4 lanes are read"
    )]
    Cost {
        /// How much memory.
        memory_kib: u32,
        /// How many passes.
        passes: u32,
        /// How many lanes.
        lanes: u8,
    },
    /// Another passphrase, or damage; the two can't be told apart.
    #[error("the passphrase is wrong, or the sealed file was damaged")]
    Open,
}

/// Encrypts a file's bytes. The passphrase counts as its UTF-8 bytes, exactly as typed; `salt` and `nonce` are fresh
/// random bytes for every file.
///
/// # Errors
/// [`SealedFileError::EmptyPassphrase`], [`SealedFileError::TooLarge`].
pub fn lock(
    passphrase: &str,
    salt: [u8; SALT_BYTES],
    nonce: [u8; NONCE_BYTES],
    plaintext: &[u8],
) -> Result<Vec<u8>, SealedFileError> {
    lock_at(COST, passphrase, salt, nonce, plaintext)
}

/// Decrypts what [`lock`] gave. Takes 64 MiB of memory for a moment; at most 256 MiB for a file that asks for it.
///
/// # Errors
/// Any [`SealedFileError`].
pub fn unlock(passphrase: &str, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, SealedFileError> {
    if passphrase.is_empty() {
        return Err(SealedFileError::EmptyPassphrase);
    }
    let cut = || SealedFileError::NotSealed;
    let mut reader = Reader(sealed);
    if reader.array() != Some(*MAGIC) {
        return Err(SealedFileError::NotSealed);
    }
    match reader.u8().ok_or_else(cut)? {
        VERSION => {}
        other => return Err(SealedFileError::Version(other)),
    }
    match reader.u8().ok_or_else(cut)? {
        ARGON2ID_XCHACHA => {}
        other => return Err(SealedFileError::Algorithm(other)),
    }
    let cost = Cost {
        memory_kib: reader.u32().ok_or_else(cut)?,
        passes: reader.u32().ok_or_else(cut)?,
        lanes: reader.u8().ok_or_else(cut)?,
    };
    let salt = reader.array().ok_or_else(cut)?;
    let nonce = reader.array().ok_or_else(cut)?;
    let ciphertext = reader.0;
    if ciphertext.len() < TAG_BYTES {
        return Err(SealedFileError::NotSealed);
    }
    if ciphertext.len() > PLAINTEXT_BYTES_MAX + TAG_BYTES {
        return Err(SealedFileError::TooLarge(ciphertext.len() - TAG_BYTES));
    }
    let key = cost.key(passphrase, &salt)?;
    secretbox::decrypt(&key, &nonce, &bound(&sealed[..HEADER_BYTES]), ciphertext).ok_or(SealedFileError::Open)
}

/// Whether the bytes begin as a sealed file does.
pub fn is_sealed(bytes: &[u8]) -> bool {
    bytes.starts_with(MAGIC)
}

fn lock_at(
    cost: Cost,
    passphrase: &str,
    salt: [u8; SALT_BYTES],
    nonce: [u8; NONCE_BYTES],
    plaintext: &[u8],
) -> Result<Vec<u8>, SealedFileError> {
    if passphrase.is_empty() {
        return Err(SealedFileError::EmptyPassphrase);
    }
    if plaintext.len() > PLAINTEXT_BYTES_MAX {
        return Err(SealedFileError::TooLarge(plaintext.len()));
    }
    let mut file = Writer::with_capacity(HEADER_BYTES + plaintext.len() + TAG_BYTES);
    file.bytes(MAGIC).u8(VERSION).u8(ARGON2ID_XCHACHA);
    file.u32(cost.memory_kib).u32(cost.passes).u8(cost.lanes).bytes(&salt).bytes(&nonce);
    let key = cost.key(passphrase, &salt)?;
    let ciphertext = secretbox::encrypt(&key, &nonce, &bound(file.as_bytes()), plaintext);
    file.bytes(&ciphertext);
    Ok(file.into_bytes())
}

fn bound(header: &[u8]) -> Vec<u8> {
    [labels::SEALED_FILE, header].concat()
}

impl Cost {
    /// The key that this passphrase gives at this cost.
    fn key(self, passphrase: &str, salt: &[u8; SALT_BYTES]) -> Result<Zeroizing<[u8; 32]>, SealedFileError> {
        let Self { memory_kib, passes, lanes } = self;
        let refused = SealedFileError::Cost { memory_kib, passes, lanes };
        let bearable = memory_kib <= COST_MAX.memory_kib
            && memory_kib >= 8 * u32::from(lanes)
            && (1..=COST_MAX.passes).contains(&passes)
            && (1..=COST_MAX.lanes).contains(&lanes);
        if !bearable {
            return Err(refused);
        }
        let params =
            Params::new(memory_kib, passes, u32::from(lanes), Some(32)).map_err(|_| refused.clone())?;
        let mut stretched = Zeroizing::new([0; 32]);
        Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
            .hash_password_into(passphrase.as_bytes(), salt, &mut *stretched)
            .map_err(|_| refused)?;
        Ok(derive(labels::SEALED_FILE_KEY, &[&*stretched]))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Cheap enough to be tried often.
    const CHEAP: Cost = Cost { memory_kib: 32, passes: 1, lanes: 1 };

    fn locked(plaintext: &[u8]) -> Vec<u8> {
        lock_at(CHEAP, "correct horse", [1; 16], [2; 24], plaintext).unwrap()
    }

    #[test]
    fn only_the_passphrase_opens() {
        let sealed = lock("correct horse", [1; 16], [2; 24], b"keys").unwrap();
        assert!(is_sealed(&sealed));
        assert_eq!(**unlock("correct horse", &sealed).unwrap(), b"keys"[..]);
        assert_eq!(unlock("correct horse ", &sealed).unwrap_err(), SealedFileError::Open);
        assert_eq!(unlock("", &sealed).unwrap_err(), SealedFileError::EmptyPassphrase);
        assert_eq!(lock("", [1; 16], [2; 24], b"keys"), Err(SealedFileError::EmptyPassphrase));
    }

    #[test]
    fn limits_hold_both_ways() {
        let plaintext = vec![7; PLAINTEXT_BYTES_MAX + 1];
        assert_eq!(lock("a", [0; 16], [0; 24], &plaintext), Err(SealedFileError::TooLarge(65_537)));
        let mut sealed = locked(&plaintext[1..]);
        assert_eq!(unlock("correct horse", &sealed).unwrap().len(), PLAINTEXT_BYTES_MAX);
        sealed.push(0);
        assert_eq!(unlock("correct horse", &sealed).unwrap_err(), SealedFileError::TooLarge(65_537));
    }

    #[test]
    fn a_file_that_asks_for_too_much_is_refused_before_the_work() {
        for (place, new) in [(10, [1, 0, 4, 0]), (10, [7, 0, 0, 0]), (14, [17, 0, 0, 0]), (14, [0; 4])] {
            let mut sealed = locked(b"keys");
            sealed[place..place + 4].copy_from_slice(&new);
            let error = unlock("correct horse", &sealed).unwrap_err();
            assert!(matches!(error, SealedFileError::Cost { .. }), "{error}");
        }
        for lanes in [0, 5] {
            let mut sealed = locked(b"keys");
            sealed[18] = lanes;
            let error = unlock("correct horse", &sealed).unwrap_err();
            assert!(matches!(error, SealedFileError::Cost { .. }), "{error}");
        }
    }

    proptest! {
        #[test]
        fn what_is_locked_comes_back(plaintext in prop::collection::vec(any::<u8>(), 0..200)) {
            prop_assert_eq!(&**unlock("correct horse", &locked(&plaintext)).unwrap(), &plaintext[..]);
        }

        #[test]
        fn any_flipped_bit_is_noticed(place in any::<prop::sample::Index>(), bit in 0..8_u8) {
            let mut sealed = locked(b"keys");
            let place = place.index(sealed.len());
            // A flipped bit of the cost may ask for 256 MiB, which is allowed and slow.
            prop_assume!(!(10..19).contains(&place));
            sealed[place] ^= 1 << bit;
            prop_assert!(unlock("correct horse", &sealed).is_err());
        }

        #[test]
        fn arbitrary_bytes_are_answered(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let mut bytes = bytes;
            if bytes.len() > 19 { bytes[..19].copy_from_slice(&locked(b"")[..19]); }
            prop_assert!(unlock("correct horse", &bytes).is_err());
        }
    }
}
