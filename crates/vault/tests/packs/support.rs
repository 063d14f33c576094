//! A household with fixed keys, salts that count, and bytes made from a number.

use std::collections::BTreeMap;
use std::io;

use heirloom_identity::{ContentHash, HouseholdId, Keyring, VaultKey};
use heirloom_vault::packer::Salts;
use heirloom_vault::{BlobKind, Packer, SealedPack};

pub(crate) fn household() -> HouseholdId {
    HouseholdId::from_bytes([0x48; 32])
}

pub(crate) fn key() -> VaultKey {
    VaultKey::from_bytes(1, [7; 32])
}

pub(crate) fn keys() -> Keyring {
    Keyring::new(vec![key()]).unwrap()
}

pub(crate) fn salt(number: u64) -> [u8; 32] {
    *blake3::hash(&number.to_le_bytes()).as_bytes()
}

pub(crate) fn salts() -> Salts {
    let mut number = 0;
    Box::new(move || {
        number += 1;
        salt(number)
    })
}

pub(crate) fn packer(pack_bytes: usize) -> Packer {
    Packer::new(key(), household(), salts()).with_packs_of(pack_bytes)
}

/// Bytes that differ for every seed, and are not random to look at.
pub(crate) fn content(seed: u64, bytes: usize) -> Vec<u8> {
    let mut content = format!("photo {seed} of the summer holiday; ").into_bytes();
    content.resize(bytes.max(content.len()), 0x20);
    for (place, byte) in content.iter_mut().enumerate().skip(64) {
        *byte = ((place as u64 / 97).wrapping_add(seed) % 61) as u8;
    }
    content.truncate(bytes);
    content
}

/// Everything that a packer handed out.
#[derive(Default)]
pub(crate) struct Packs(pub(crate) Vec<SealedPack>);

impl Packs {
    pub(crate) fn add(&mut self, packer: &mut Packer, kind: BlobKind, blob: &[u8]) -> ContentHash {
        let hash = ContentHash::of(blob);
        packer.add(kind, hash, blob.len() as u64, &mut &blob[..], &mut |pack| self.take(pack)).unwrap();
        hash
    }

    pub(crate) fn take(&mut self, pack: SealedPack) -> io::Result<()> {
        self.0.push(pack);
        Ok(())
    }

    pub(crate) fn bytes(&self) -> BTreeMap<heirloom_vault::PackId, &[u8]> {
        self.0.iter().map(|sealed| (sealed.pack.id, &sealed.bytes[..])).collect()
    }
}
