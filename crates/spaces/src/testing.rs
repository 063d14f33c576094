//! A scratch home for this crate's own tests.

use heirloom_identity::{Certificate, NodeKeys, Root};
use heirloom_store::{Database, Durability};
use tempfile::TempDir;

use crate::{Library, LibraryKeys, MIGRATIONS};

/// A folder with a `spaces.sqlite`, gone when dropped.
pub(crate) struct Home {
    folder: TempDir,
}

impl Home {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn database(&self) -> Database {
        let path = self.folder.path().join("spaces.sqlite");
        Database::open(&path, Durability::Full, MIGRATIONS).unwrap()
    }

    pub(crate) fn library(&self) -> Library {
        Library::open(self.database(), keys(1), [9; 16]).unwrap()
    }
}

/// The keys of the household's node of this generation.
pub(crate) fn keys(generation: u8) -> LibraryKeys {
    let mut secrets = [generation; 64];
    secrets[0] ^= 0xff;
    let node = NodeKeys::from_bytes(&secrets);
    let authority = Root::from_bytes([1; 32]).authority();
    let certificate =
        Certificate::issue(&authority, u32::from(generation), node.node(), node.signer().id(), 0).unwrap();
    LibraryKeys::new(certificate, node.signer().clone()).unwrap()
}
