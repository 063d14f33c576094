//! A scratch home with a `spaces.sqlite`.

use std::collections::BTreeMap;

use heirloom_identity::{AccountId, AssetId, Certificate, ContentHash, NodeKeys, Root};
use heirloom_spaces::{Edit, Library, LibraryKeys, MIGRATIONS, MarkChange, Marks, Month};
use heirloom_store::{Database, Durability, StoreError, rusqlite::Connection};
use tempfile::TempDir;

/// A moment in 2026.
pub(crate) const NOW_MS: i64 = 1_784_000_000_000;

/// A folder that is gone when dropped.
pub(crate) struct Home {
    folder: TempDir,
}

impl Home {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn database(&self) -> Database {
        let path = self.folder.path().join("spaces.sqlite");
        // Full durability is for the program; hundreds of histories needn't wait for the disk.
        Database::open(&path, Durability::Normal, MIGRATIONS).unwrap()
    }

    pub(crate) fn library(&self) -> Library {
        Library::open(self.database(), keys(1), [9; 16]).unwrap()
    }

    /// Runs SQL behind the library's back.
    pub(crate) fn sql(&self, sql: &'static str) {
        self.database().write::<_, StoreError, _>(move |conn| Ok(conn.execute_batch(sql)?)).unwrap();
    }

    pub(crate) fn count(&self, sql: &'static str) -> i64 {
        self.database()
            .read::<_, StoreError, _>(|conn: &Connection| Ok(conn.query_row(sql, [], |row| row.get(0))?))
            .unwrap()
    }
}

/// The keys of the household's node of this generation.
pub(crate) fn keys(generation: u8) -> LibraryKeys {
    keys_of(1, generation)
}

/// The keys of some household's node of this generation.
pub(crate) fn keys_of(household: u8, generation: u8) -> LibraryKeys {
    let mut secrets = [generation; NodeKeys::BYTES];
    secrets[0] ^= 0xff;
    let node = NodeKeys::from_bytes(&secrets);
    let authority = Root::from_bytes([household; 32]).authority();
    let certificate =
        Certificate::issue(&authority, u32::from(generation), node.node(), node.signer().id(), 0).unwrap();
    LibraryKeys::new(certificate, node.signer().clone()).unwrap()
}

pub(crate) fn asset(n: u8) -> AssetId {
    AssetId::derive(&AccountId::from_random([1; 16]), &ContentHash::from_bytes([n; 32]))
}

pub(crate) fn month(number: i32) -> Month {
    Month::from_number(number).unwrap()
}

pub(crate) fn edit(n: u8, added: i32, change: MarkChange) -> Edit {
    Edit { asset: asset(n), added: month(added), change }
}

pub(crate) fn caption(text: &str) -> MarkChange {
    MarkChange::Caption(Some(text.to_owned()))
}

/// Everything that [`Library::for_each`] shows, without assets whose marks were all taken back.
pub(crate) fn all(library: &Library) -> BTreeMap<AssetId, Marks> {
    let mut all = BTreeMap::new();
    library
        .for_each(|asset, marks| {
            if *marks != Marks::default() {
                assert!(all.insert(asset, marks.clone()).is_none(), "{asset} was shown twice");
            }
        })
        .unwrap();
    all
}
