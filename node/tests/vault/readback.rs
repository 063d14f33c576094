//! Everything back from a folder of packs, with the phrase and nothing else: what a restore has to go by.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use heirloom_identity::{ContentHash, HouseholdId, Keyring, Phrase, VaultHead};
use heirloom_store::RealDisk;
use heirloom_vault::folder::Expected;
use heirloom_vault::target::FolderTarget;
use heirloom_vault::{BlobKind, Index, Located, Pointer, Root, Segment, Target, fetch_blob};

/// A vault as its newest head says.
pub(crate) struct Readback {
    target: Arc<dyn Target>,
    keyring: Keyring,
    household: HouseholdId,
    pub(crate) head: VaultHead,
    pub(crate) root: Root,
    pub(crate) index: Index,
}

/// The folder as a target.
pub(crate) fn target(folder: &Path, household: &HouseholdId) -> Arc<dyn Target> {
    let expected = Expected { household: *household, disks: Vec::new() };
    let clock = Arc::new(heirloom::clock::now_ms);
    Arc::new(FolderTarget::new(folder.to_owned(), expected, Arc::new(RealDisk), clock).unwrap())
}

impl Readback {
    /// Opens the newest head in a folder.
    pub(crate) async fn of_folder(folder: &Path, phrase: &Phrase) -> Self {
        let household = phrase.root().authority().household();
        Self::of(target(folder, &household), phrase).await
    }

    /// Opens the newest head at a place.
    pub(crate) async fn of(target: Arc<dyn Target>, phrase: &Phrase) -> Self {
        let household = phrase.root().authority().household();
        let heads = target.heads().await.unwrap();
        let head = VaultHead::decode(heads.first().expect("a head is there")).unwrap();
        let keyring = Keyring::unwrap(&phrase.root().wrapping(), &household, head.keyring()).unwrap();
        let newest = keyring.newest();
        let pointer = newest.open_root(&household, head.number(), head.pointer()).unwrap();
        let pointer = Pointer::decode(&pointer).unwrap();
        let fetch = |located| blob(&target, &keyring, &household, located);
        let root = Root::decode(&fetch(pointer.root).await).unwrap();
        let mut segments = Vec::new();
        for segment in &root.segments {
            segments.push(Segment::decode(&fetch(segment.clone()).await).unwrap());
        }
        let index = Index::new(&segments);
        Self { target, keyring, household, head, root, index }
    }

    /// A blob, checked.
    pub(crate) async fn blob(&self, blob_hash: &ContentHash) -> Vec<u8> {
        let located = self.index.lookup(blob_hash).unwrap_or_else(|| panic!("{blob_hash} is in no segment"));
        blob(&self.target, &self.keyring, &self.household, located).await
    }

    /// A file of the home.
    pub(crate) async fn file(&self, name: &str) -> Vec<u8> {
        let file = self.root.files.iter().find(|file| file.name == name).expect("the file is there");
        let mut bytes = Vec::new();
        for chunk in &file.chunks {
            bytes.extend(self.blob(chunk).await);
        }
        assert_eq!(bytes.len() as u64, file.bytes);
        bytes
    }

    /// Every original, by its hash.
    pub(crate) async fn originals(&self) -> BTreeMap<ContentHash, Vec<u8>> {
        let mut originals = BTreeMap::new();
        for located in self.index.of_kind(BlobKind::Original) {
            originals.insert(located.blob, self.blob(&located.blob).await);
        }
        originals
    }
}

async fn blob(
    target: &Arc<dyn Target>,
    keyring: &Keyring,
    household: &HouseholdId,
    located: Located,
) -> Vec<u8> {
    let mut packs = BTreeMap::new();
    for (pack, _) in &located.pieces {
        let bytes = target.get(pack.id, 0..u64::from(pack.bytes)).await.unwrap();
        packs.insert(pack.id, bytes);
    }
    let mut out = Vec::new();
    let mut fetch = |pack: &heirloom_vault::PackRef, range: std::ops::Range<u64>| {
        let range = usize::try_from(range.start).unwrap()..usize::try_from(range.end).unwrap();
        Ok(packs[&pack.id][range].to_vec())
    };
    fetch_blob(keyring, household, located, &mut fetch, &mut out).unwrap();
    out
}
