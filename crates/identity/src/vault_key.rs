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
    keys::{derive, stream},
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
        let mut bytes = stream(&self.padding);
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const HOME: HouseholdId = HouseholdId::from_bytes([3; 32]);
    const OTHER: HouseholdId = HouseholdId::from_bytes([4; 32]);
    const NONCE: [u8; NONCE_BYTES] = [5; NONCE_BYTES];

    fn key() -> VaultKey {
        VaultKey::from_bytes(1, [1; 32])
    }

    fn sealed(key: &PackKey, domain: u8, number: u64, plain: &[u8]) -> Vec<u8> {
        let mut buffer = plain.to_vec();
        key.seal(domain, number, &mut buffer, 0);
        buffer
    }

    #[test]
    fn every_generation_household_and_salt_has_its_own_pack_key() {
        let [first, second] = [1, 2].map(|generation| VaultKey::from_bytes(generation, [1; 32]));
        let keys = [
            first.pack_key(&HOME, &[0; 32]),
            first.pack_key(&HOME, &[1; 32]),
            first.pack_key(&OTHER, &[0; 32]),
            second.pack_key(&HOME, &[0; 32]),
            VaultKey::from_bytes(1, [2; 32]).pack_key(&HOME, &[0; 32]),
        ];
        for (index, one) in keys.iter().enumerate() {
            for (other_index, other) in keys.iter().enumerate() {
                let opened = other.open(0, 0, &mut sealed(one, 0, 0, b"chunk")).is_ok();
                assert_eq!(opened, index == other_index);
                let [mut a, mut b] = [[0; 40]; 2];
                one.padding(&mut a);
                other.padding(&mut b);
                assert_eq!(a == b, index == other_index);
            }
        }
    }

    #[test]
    fn a_chunk_is_sealed_where_it_stands_and_opens_at_its_place_only() {
        let key = key().pack_key(&HOME, &[2; 32]);
        let mut pack = b"header".to_vec();
        pack.reserve(100);
        let room = pack.as_ptr();
        pack.extend_from_slice(b"chunk");
        key.seal(1, 7, &mut pack, 6);
        assert_eq!((pack.as_ptr(), pack.len(), &pack[..6]), (room, 6 + 5 + TAG_BYTES, &b"header"[..]));
        let chunk = pack[6..].to_vec();
        for (domain, number) in [(0, 7), (2, 7), (1, 6), (1, 7 + (1 << 56))] {
            let mut tried = chunk.clone();
            assert_eq!(key.open(domain, number, &mut tried), Err(VaultKeyError::Open));
            assert_eq!(tried, chunk);
        }
        assert_eq!(key.open(1, 7, &mut pack[6..]).unwrap(), b"chunk");
        let short = VaultKeyError::Length { expected: TAG_BYTES, found: 15 };
        assert_eq!(key.open(1, 7, &mut [0; 15]), Err(short));
        assert_eq!(key.open(1, 8, &mut sealed(&key, 1, 8, b"")).unwrap(), b"");
    }

    #[test]
    fn a_pointer_opens_for_its_household_number_and_key_only() {
        let seal = |plain: &[u8]| key().seal_root(&HOME, 9, NONCE, plain);
        let pointer = seal(b"where").unwrap();
        assert_eq!(**key().open_root(&HOME, 9, &pointer).unwrap(), *b"where");
        for result in [
            key().open_root(&OTHER, 9, &pointer),
            key().open_root(&HOME, 8, &pointer),
            VaultKey::from_bytes(2, [1; 32]).open_root(&HOME, 9, &pointer),
            VaultKey::from_bytes(1, [2; 32]).open_root(&HOME, 9, &pointer),
        ] {
            assert_eq!(result.unwrap_err(), VaultKeyError::Open);
        }
        let [shortest, longest] = [0, POINTER_PLAIN_BYTES_MAX].map(|length| seal(&vec![1; length]).unwrap());
        assert_eq!([shortest.len(), longest.len()], [POINTER_BYTES; 2]);
        assert_eq!(key().open_root(&HOME, 9, &longest).unwrap().len(), POINTER_PLAIN_BYTES_MAX);
        assert_eq!(seal(&[1; 511]).unwrap_err(), VaultKeyError::PointerTooLong(511));
        assert_eq!(seal(&vec![1; 1 << 17]).unwrap_err(), VaultKeyError::PointerTooLong(1 << 17));
        for place in 0..pointer.len() {
            let mut flipped = pointer.clone();
            flipped[place] ^= 0x10;
            assert!(key().open_root(&HOME, 9, &flipped).is_err(), "byte {place}");
        }
    }

    #[test]
    fn a_pointer_has_one_spelling() {
        let forge = |padded: &[u8]| {
            let bound = key().pointer_bound(&HOME, 9);
            [&NONCE[..], &secretbox::encrypt(&key().pointer_key(&HOME), &NONCE, &bound, padded)].concat()
        };
        let mut padded = [0; POINTER_PADDED_BYTES];
        assert!(key().open_root(&HOME, 9, &forge(&padded)).unwrap().is_empty());
        padded[POINTER_PADDED_BYTES - 1] = 1;
        assert_eq!(key().open_root(&HOME, 9, &forge(&padded)).unwrap_err(), VaultKeyError::Open);
        padded[..2].copy_from_slice(&511_u16.to_le_bytes());
        assert_eq!(key().open_root(&HOME, 9, &forge(&padded)).unwrap_err(), VaultKeyError::Open);
    }

    #[test]
    fn debug_shows_no_secret() {
        let key = VaultKey::from_bytes(1, [0x5a; 32]);
        let shown = format!("{key:?} {:?}", key.pack_key(&HOME, &[0x5a; 32]));
        assert_eq!(shown, "VaultKey(generation 1, secret) PackKey(secret)");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn what_is_sealed_comes_back(
            secret: [u8; 32], generation: u32, salt: [u8; 32], domain: u8, number: u64,
            plain in prop::collection::vec(any::<u8>(), 0..300), place in any::<prop::sample::Index>(), bit in 0..8_u8,
        ) {
            let key = VaultKey::from_bytes(generation, secret).pack_key(&HOME, &salt);
            let mut bytes = sealed(&key, domain, number, &plain);
            let mut flipped = bytes.clone();
            let place = place.index(flipped.len());
            flipped[place] ^= 1 << bit;
            prop_assert_eq!(key.open(domain, number, &mut flipped), Err(VaultKeyError::Open));
            prop_assert_eq!(&*key.open(domain, number, &mut bytes).unwrap(), &plain[..]);
        }

        #[test]
        fn a_pointer_comes_back(plain in prop::collection::vec(any::<u8>(), 0..=POINTER_PLAIN_BYTES_MAX), number: u64) {
            let pointer = key().seal_root(&HOME, number, NONCE, &plain).unwrap();
            prop_assert_eq!(&**key().open_root(&HOME, number, &pointer).unwrap(), &plain[..]);
        }

        #[test]
        fn arbitrary_bytes_are_answered(bytes in prop::collection::vec(any::<u8>(), 0..600), fit: bool) {
            let mut bytes = bytes;
            if fit { bytes.resize(POINTER_BYTES, 0); }
            prop_assert!(key().open_root(&HOME, 1, &bytes).is_err());
            prop_assert!(key().pack_key(&HOME, &[0; 32]).open(0, 0, &mut bytes).is_err());
        }
    }
}
