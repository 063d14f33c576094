//! Opening packs that others kept: nothing in them is believed before it decrypts.

use heirloom_identity::{HouseholdId, Keyring, PackKey};

use super::{
    CHUNK_BYTES, CHUNK_DOMAIN, HEADER_BYTES, PackError, PackHeader, TAG_BYTES, TRAILER_BYTES, cipher_bytes,
    is_size_class, open_index, open_trailer,
};
use crate::blob::{Entry, PackId, PackRef};

/// The key of one pack.
///
/// # Errors
/// [`PackError::NoKey`].
pub fn key_of(keys: &Keyring, household: &HouseholdId, pack: &PackRef) -> Result<PackKey, PackError> {
    let key = keys.of(pack.generation).ok_or(PackError::NoKey(pack.generation))?;
    Ok(key.pack_key(household, &pack.salt))
}

/// Reads what a pack holds, from the pack alone. `bytes` is all of it; that it is what `id` stands for is checked first.
///
/// # Errors
/// Any [`PackError`] but [`PackError::Piece`].
pub fn index(
    keys: &Keyring,
    household: &HouseholdId,
    id: &PackId,
    bytes: &[u8],
) -> Result<(PackRef, Vec<Entry>), PackError> {
    let length = bytes.len() as u64;
    if !is_size_class(length) {
        return Err(PackError::Size(length));
    }
    let (header, _) = bytes.split_first_chunk::<HEADER_BYTES>().ok_or(PackError::Size(length))?;
    let (_, trailer) = bytes.split_last_chunk::<TRAILER_BYTES>().ok_or(PackError::Size(length))?;
    let PackHeader { generation, salt } = PackHeader::decode(header)?;
    if PackId::of(bytes) != *id {
        return Err(PackError::Name);
    }
    let size = u32::try_from(length).map_err(|_| PackError::Size(length))?;
    let pack = PackRef { id: *id, generation, salt, bytes: size };
    let key = key_of(keys, household, &pack)?;
    let trailer = open_trailer(&key, length, trailer)?;
    let place = |at: u64| usize::try_from(at).map_err(|_| PackError::Index);
    let sealed = bytes.get(place(trailer.index.start)?..place(trailer.index.end)?).ok_or(PackError::Index)?;
    Ok((pack, open_index(&key, &trailer, sealed.to_vec())?))
}

/// Decrypts a piece in the buffer that its ciphertext came in: the bytes of [`piece_range`](super::piece_range).
///
/// That the blob is what its hash says is checked by whoever has all of it; [`Assembly`](crate::Assembly) does.
///
/// # Errors
/// [`PackError::Piece`].
pub fn open_piece(key: &PackKey, entry: &Entry, mut cipher: Vec<u8>) -> Result<Vec<u8>, PackError> {
    if cipher.len() as u64 != cipher_bytes(entry.bytes.into()) {
        return Err(PackError::Piece);
    }
    let (mut from, mut to) = (0, 0);
    let mut number = u64::from(entry.first_chunk);
    while from < cipher.len() {
        let sealed = chunk_cipher_bytes(cipher.len() - from);
        let plain = open_chunk(key, number, &mut cipher[from..from + sealed])?.len();
        cipher.copy_within(from..from + plain, to);
        (from, to, number) = (from + sealed, to + plain, number + 1);
    }
    cipher.truncate(to);
    Ok(cipher)
}

/// How much of `left` bytes of a piece's ciphertext is its next chunk.
pub(crate) fn chunk_cipher_bytes(left: usize) -> usize {
    left.min(CHUNK_BYTES + TAG_BYTES)
}

/// Decrypts one chunk in place.
pub(crate) fn open_chunk<'a>(
    key: &PackKey,
    number: u64,
    sealed: &'a mut [u8],
) -> Result<&'a mut [u8], PackError> {
    key.open(CHUNK_DOMAIN, number, sealed).map_err(|_| PackError::Piece)
}
