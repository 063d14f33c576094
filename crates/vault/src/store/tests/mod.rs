//! Tests of the store, on a real file.

mod alarms;
mod copies;
mod counts;
mod heads;
mod packs;
mod plans;
mod rebuild;
mod targets;

use heirloom_identity::{ContentHash, HouseholdId};

use super::{HeadRow, Picture, Place, VaultStore, open_database};
use crate::policy::placement::Assignment;
use crate::policy::{DAY_MS, Policy, Standing, TargetId};
use crate::{BlobKind, Entry, PackId, PackRef};

/// A moment long after the beginning of time.
pub(super) const NOW: i64 = 20_000 * DAY_MS;
pub(super) const WITHIN: i64 = 30 * DAY_MS;

pub(super) struct Fixture {
    pub(super) store: VaultStore,
    _folder: tempfile::TempDir,
}

impl std::ops::Deref for Fixture {
    type Target = VaultStore;

    fn deref(&self) -> &VaultStore {
        &self.store
    }
}

pub(super) fn fixture() -> Fixture {
    let folder = tempfile::tempdir().unwrap();
    let db = open_database(&folder.path().join("vault.sqlite")).unwrap();
    Fixture { store: VaultStore::new(db), _folder: folder }
}

pub(super) fn blob(name: &str) -> ContentHash {
    ContentHash::of(name.as_bytes())
}

pub(super) fn home(number: u8) -> HouseholdId {
    HouseholdId::from_bytes([number; 32])
}

pub(super) fn pack_ref(name: &str) -> PackRef {
    let id = PackId::of(name.as_bytes());
    PackRef { id, generation: 1, salt: *PackId::of(id.as_bytes()).as_bytes(), bytes: 65_536 }
}

/// A whole blob of ten bytes.
pub(super) fn entry(kind: BlobKind, name: &str, place: u32) -> Entry {
    piece(kind, name, 10, 0, 10, place)
}

pub(super) fn piece(kind: BlobKind, name: &str, size: u64, at: u64, bytes: u32, place: u32) -> Entry {
    Entry { kind, blob: blob(name), size, at, bytes, offset: 44 + place * 26, first_chunk: place }
}

pub(super) fn picture(number: u32) -> Picture {
    Picture {
        content: blob(&format!("original {number}")),
        thumbnail: Some(blob(&format!("thumbnail {number}"))),
        preview: Some(blob(&format!("preview {number}"))),
        bytes: 1_000,
        arrived_ms: NOW + i64::from(number),
    }
}

impl Fixture {
    /// Records a pack of whole blobs.
    pub(super) fn packed(&self, name: &str, kind: BlobKind, blobs: &[String]) -> PackId {
        let entries: Vec<_> = blobs.iter().zip(0..).map(|(blob, place)| entry(kind, blob, place)).collect();
        let pack = pack_ref(name);
        self.record_pack(&pack, &entries, NOW).unwrap();
        pack.id
    }

    /// Notes photos and packs each of their three kinds together.
    pub(super) fn photos(&self, name: &str, numbers: &[u32]) -> [PackId; 3] {
        self.note(numbers);
        let names = |what: &str| numbers.iter().map(|number| format!("{what} {number}")).collect::<Vec<_>>();
        [
            self.packed(&format!("{name} thumbnails"), BlobKind::Thumbnail, &names("thumbnail")),
            self.packed(&format!("{name} previews"), BlobKind::Preview, &names("preview")),
            self.packed(&format!("{name} originals"), BlobKind::Original, &names("original")),
        ]
    }

    pub(super) fn note(&self, numbers: &[u32]) {
        let pictures: Vec<_> = numbers.iter().map(|number| (picture(*number), NOW)).collect();
        self.note_pictures(&pictures).unwrap();
    }

    pub(super) fn keeper(&self, number: u8) -> TargetId {
        self.add_target(&Place::Household(home(number)), Standing::Active, NOW).unwrap()
    }

    pub(super) fn place(&self, target: TargetId, packs: &[PackId]) {
        let assignments: Vec<_> = packs.iter().map(|pack| Assignment { pack: *pack, target }).collect();
        self.assign(&assignments).unwrap();
    }

    /// Places, sends and proves packs.
    pub(super) fn prove(&self, target: TargetId, packs: &[PackId], at_ms: i64) {
        self.place(target, packs);
        self.mark_sent(target, packs, at_ms).unwrap();
        self.mark_proven(target, packs, at_ms).unwrap();
    }

    /// Lists everything in a segment and makes a head of it.
    pub(super) fn head(&self, number: u64, lists: &[PackId]) {
        let segment = format!("segment {number}");
        self.packed(&segment, BlobKind::Segment, std::slice::from_ref(&segment));
        let drops = self.dropped_unwritten(100).unwrap();
        self.note_segment(&blob(&segment), lists, &drops, &[], NOW).unwrap();
        let root = format!("root {number}");
        self.packed(&root, BlobKind::Root, std::slice::from_ref(&root));
        let head = HeadRow { number, hash: [7; 32], at_ms: NOW, head: vec![1, 2, 3] };
        self.record_head(&head, &[blob(&root)]).unwrap();
    }

    /// A place proves all that a restore from the newest head begins with, and gets that head.
    pub(super) fn head_to(&self, target: TargetId, number: u64, at_ms: i64) {
        let awaited = self.head_awaits(target).unwrap().unwrap_or_default();
        self.prove(target, &awaited, at_ms);
        self.set_head_at(target, number).unwrap();
    }
}

#[test]
fn settings_stay() {
    let store = fixture();
    assert_eq!(store.setting("a").unwrap(), None);
    store.set_setting("a", "b").unwrap();
    store.set_moment("run", NOW).unwrap();
    assert_eq!(store.setting("a").unwrap().as_deref(), Some("b"));
    assert_eq!(store.moment("run").unwrap(), Some(NOW));
    assert_eq!(store.moment("a").unwrap(), None);
}

/// What a page or a program reads about a policy is what the promise says.
#[test]
fn the_policy_is_the_promise() {
    let policy = Policy::default();
    assert_eq!((policy.copies, policy.samples_per_day), (2, 64));
    assert_eq!(policy.audit_within_ms, WITHIN);
}
