//! A household with fixed keys, its folder of packs, and the walk from a head to everything else.

use std::io;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use heirloom_identity::{Certificate, HeadHash, HouseholdId, Keyring, NodeKeys, Root as Secret, VaultHead};
use heirloom_store::RealDisk;
use heirloom_vault::folder::{DiskId, Expected, Marker, PackFolder};
use heirloom_vault::{Index, Located, PackRef, Pointer, Root, Segment, fetch_blob};

use crate::Outcome;

/// What the words of the phrase stand for.
fn secret() -> Secret {
    Secret::from_bytes([0x42; 32])
}

/// The household of the bench.
pub(crate) fn household() -> HouseholdId {
    secret().authority().household()
}

/// A new store.
pub(crate) fn create(store: &Path) -> Outcome<PackFolder> {
    let marker = Marker { household: household(), disk: DiskId([1; 16]) };
    Ok(PackFolder::create(store, marker, Arc::new(RealDisk))?)
}

/// A store that is there.
pub(crate) fn open(store: &Path) -> Outcome<PackFolder> {
    let expected = Expected { household: household(), disks: Vec::new() };
    Ok(PackFolder::open(store, &expected, Arc::new(RealDisk))?)
}

/// Signs the first head and stores it.
pub(crate) fn put_head(folder: &PackFolder, keys: &Keyring, pointer: &Pointer) -> Outcome<()> {
    let authority = secret().authority();
    // Two keys, which differ.
    let mut secrets = [7; NodeKeys::BYTES];
    secrets[0] = 8;
    let node = NodeKeys::from_bytes(&secrets);
    let certificate = Certificate::issue(&authority, 1, node.node(), node.signer().id(), 0)?;
    let wrapped = keys.wrap(&secret().wrapping(), &household(), [1; 24]);
    let sealed = keys.newest().seal_root(&household(), 1, [2; 24], &pointer.encode()?)?;
    let head = VaultHead::sign(node.signer(), &certificate, 1, HeadHash::NONE, 0, &wrapped, &sealed)?;
    Ok(folder.put_head(&head)?)
}

/// Everything that a restore knows, from the head and the phrase.
pub(crate) struct Manifest {
    pub(crate) keys: Keyring,
    pub(crate) root: Root,
    pub(crate) index: Index,
}

/// Walks from the newest head to the index of all blobs.
pub(crate) fn manifest(folder: &PackFolder) -> Outcome<Manifest> {
    let heads = folder.heads()?;
    let head = heads.first().ok_or("there is no head")?;
    let keys = Keyring::unwrap(&secret().wrapping(), &household(), head.keyring())?;
    let pointer = keys.newest().open_root(&household(), head.number(), head.pointer())?;
    let pointer = Pointer::decode(&pointer)?;
    let root = Root::decode(&fetch(folder, &keys, pointer.root)?)?;
    let segments = root.segments.iter().map(|place| {
        let encoded = fetch(folder, &keys, place.clone())?;
        Ok(Segment::decode(&encoded)?)
    });
    let index = Index::new(&segments.collect::<Outcome<Vec<_>>>()?);
    Ok(Manifest { keys, root, index })
}

/// A blob from the store, in memory.
pub(crate) fn fetch(folder: &PackFolder, keys: &Keyring, located: Located) -> Outcome<Vec<u8>> {
    let mut out = Vec::new();
    fetch_blob(keys, &household(), located, &mut |pack, range| read(folder, pack, &range), &mut out)?;
    Ok(out)
}

/// Part of a pack.
pub(crate) fn read(folder: &PackFolder, pack: &PackRef, range: &Range<u64>) -> io::Result<Vec<u8>> {
    folder.read(&pack.id, range).map_err(io::Error::other)
}
