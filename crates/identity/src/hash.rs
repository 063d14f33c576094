//! Hashes of an original's bytes.
//!
//! BLAKE3 names bytes everywhere in Heirloom. SHA-1 is kept beside it only because the clients that back phones up
//! ask "do you have this?" by SHA-1; nothing trusts it. [`Hasher`] makes both while the bytes are in the processor's
//! cache, so a file is read once.

use data_encoding::BASE64;
use sha1::Digest;

use crate::ids::{IdError, hex_id};

/// How much is given to one hash before the other sees it: small enough to stay in the cache, large enough for BLAKE3
/// to use the widest vectors.
const BLOCK_BYTES: usize = 64 * 1024;

hex_id! {
    /// BLAKE3 of an original's bytes: the name of those bytes.
    ContentHash, 32
}
hex_id! {
    /// SHA-1 of an original's bytes: what backup clients ask for. Proves nothing, names nothing.
    Sha1, 20
}

impl ContentHash {
    /// Hashes bytes that are in memory.
    pub fn of(bytes: &[u8]) -> Self {
        Self::from_bytes(*blake3::hash(bytes).as_bytes())
    }
}

impl Sha1 {
    /// The 28 characters of standard base64 that Immich's clients use.
    pub fn to_base64(&self) -> String {
        BASE64.encode(self.as_bytes())
    }

    /// Reads what a client may send: 40 hexadecimal digits of either case, or 28 characters of base64.
    ///
    /// # Errors
    /// [`IdError::NotHex`] when it is neither.
    pub fn from_client(text: &str) -> Result<Self, IdError> {
        let decoded = BASE64.decode(text.as_bytes()).ok().and_then(|bytes| bytes.try_into().ok());
        match decoded {
            Some(bytes) => Ok(Self::from_bytes(bytes)),
            None => text.to_ascii_lowercase().parse(),
        }
    }
}

/// Both hashes of the same bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hashes {
    /// BLAKE3.
    pub content: ContentHash,
    /// SHA-1.
    pub sha1: Sha1,
}

impl Hashes {
    /// Hashes bytes that are in memory.
    pub fn of(bytes: &[u8]) -> Self {
        let mut hasher = Hasher::new();
        hasher.update(bytes);
        hasher.finish()
    }
}

/// Makes both hashes in one pass over the bytes.
#[derive(Clone, Default)]
pub struct Hasher {
    blake3: blake3::Hasher,
    sha1: sha1::Sha1,
}

impl Hasher {
    /// Starts with no bytes.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds bytes. How they are divided over calls makes no difference.
    pub fn update(&mut self, bytes: &[u8]) {
        for block in bytes.chunks(BLOCK_BYTES) {
            self.blake3.update(block);
            self.sha1.update(block);
        }
    }

    /// The hashes of everything added.
    pub fn finish(self) -> Hashes {
        Hashes {
            content: ContentHash::from_bytes(*self.blake3.finalize().as_bytes()),
            sha1: Sha1::from_bytes(self.sha1.finalize().into()),
        }
    }
}

impl std::fmt::Debug for Hasher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Hasher({} bytes)", self.blake3.count())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_values() {
        let hashes = Hashes::of(b"abc");
        assert_eq!(
            hashes.content.to_string(),
            "6437b3ac38465133ffb63b75273a8db548c558465d79db03fd359c6cd5bd9d85"
        );
        assert_eq!(hashes.sha1.to_string(), "a9993e364706816aba3e25717850c26c9cd0d89d");
    }

    #[test]
    fn clients_may_write_sha1_either_way() {
        let sha1 = Hashes::of(b"abc").sha1;
        for text in [sha1.to_string(), sha1.to_string().to_uppercase(), sha1.to_base64()] {
            assert_eq!(Sha1::from_client(&text), Ok(sha1), "{text}");
        }
        for text in ["", "abc", "qZk+NkcGgWq6PiVxeFDCbJzQ2J", &"g".repeat(40)] {
            assert!(Sha1::from_client(text).is_err(), "{text}");
        }
    }

    #[test]
    fn division_makes_no_difference() {
        let bytes: Vec<u8> = (0..200_000_u32).map(|n| n.to_le_bytes()[0]).collect();
        let mut hasher = Hasher::new();
        for piece in bytes.chunks(7_777) {
            hasher.update(piece);
        }
        assert_eq!(hasher.finish(), Hashes::of(&bytes));
    }
}
