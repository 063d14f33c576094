//! The file [`PLACES`] of the manifest: which disks and buckets of one's own hold copies, so that a restored home can say
//! what is to be added again, and tells its own disk from one that was lent. It holds names, and no keys.

use std::path::Path;

use heirloom_store::StoreError;
use heirloom_vault::folder::{DiskId, MARKER_NAME, Marker};
use heirloom_vault::policy::Standing;
use heirloom_vault::store::{Place, S3Place, VaultStore};
use serde::{Deserialize, Serialize};

use super::own_places::bucket_name;
use crate::home::Home;

/// The file's name; TOML.
pub const PLACES: &str = "places";
/// The longest such file that is read.
pub const PLACES_BYTES_MAX: u64 = 1 << 20;

/// Disks and buckets of one's own.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct KnownPlaces {
    /// Folders.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub folder: Vec<KnownFolder>,
    /// Buckets.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub bucket: Vec<KnownBucket>,
}

/// A folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KnownFolder {
    /// Where it was.
    pub path: String,
    /// Which one it is, as its marker says; `None` when it was never there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disk: Option<String>,
}

/// A bucket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KnownBucket {
    /// The store's address.
    pub endpoint: String,
    /// The bucket.
    pub bucket: String,
    /// The folder in it.
    pub prefix: String,
}

impl KnownPlaces {
    /// The places that are used now. Reads no disk: one that hangs would hold up the start.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub(super) fn of(home: &Home) -> anyhow::Result<Self> {
        let mut places = Self::default();
        let mut rows = home.vault.store.targets()?;
        rows.retain(|row| row.standing == Standing::Active);
        rows.sort_by_key(|row| row.id);
        for row in rows {
            match row.place {
                Place::Household(_) => {}
                Place::Folder(path) => {
                    let disk = disk_of(&home.vault.store, &path)?;
                    places.folder.push(KnownFolder { path, disk });
                }
                Place::S3(S3Place { endpoint, bucket, prefix, .. }) => {
                    places.bucket.push(KnownBucket { endpoint, bucket, prefix });
                }
            }
        }
        Ok(places)
    }

    /// Reads the file; `None` when there is none, or it is not to be understood.
    pub fn load(path: &Path) -> Option<Self> {
        std::fs::metadata(path).ok().filter(|meta| meta.len() <= PLACES_BYTES_MAX)?;
        toml::from_str(&std::fs::read_to_string(path).ok()?).ok()
    }

    /// Whether this folder is one of them, wherever it was then.
    pub fn has_folder(&self, folder: &str) -> bool {
        let disk = marked(folder).map(|marker| marker.disk.to_string());
        disk.is_some() && self.folder.iter().any(|known| known.disk == disk)
    }

    /// What people call those that are not among `used`.
    pub fn besides(&self, used: &[Place]) -> Vec<String> {
        let is_used = |known: &KnownFolder| {
            used.iter().any(|place| match place {
                Place::Folder(folder) => {
                    known.disk.is_some() && marked(folder).map(|marker| marker.disk.to_string()) == known.disk
                }
                Place::Household(_) | Place::S3(_) => false,
            })
        };
        let folders = self.folder.iter().filter(|known| !is_used(known)).map(|known| known.path.clone());
        let is_same = |known: &KnownBucket, place: &Place| match place {
            Place::S3(s3) => {
                (&s3.endpoint, &s3.bucket, &s3.prefix) == (&known.endpoint, &known.bucket, &known.prefix)
            }
            Place::Household(_) | Place::Folder(_) => false,
        };
        let buckets = self.bucket.iter().filter(|known| !used.iter().any(|place| is_same(known, place)));
        let buckets = buckets.map(|KnownBucket { endpoint, bucket, prefix }| {
            let name = if prefix.is_empty() { bucket.clone() } else { format!("{bucket}/{prefix}") };
            format!("the bucket {name} at {endpoint}")
        });
        folders.chain(buckets).collect()
    }
}

/// What people call a place of their own.
pub fn name_of(place: &Place) -> Option<String> {
    match place {
        Place::Household(_) => None,
        Place::Folder(folder) => Some(folder.clone()),
        Place::S3(bucket) => Some(format!("the bucket {}", bucket_name(bucket))),
    }
}

fn marked(folder: &str) -> Option<Marker> {
    Marker::from_text(&std::fs::read_to_string(Path::new(folder).join(MARKER_NAME)).ok()?)
}

/// Notes which disk a folder is on, as the folder itself said.
///
/// # Errors
/// When it could not be saved.
pub fn note_disk(store: &VaultStore, path: &str, disk: DiskId) -> Result<(), StoreError> {
    if disk_of(store, path)? == Some(disk.to_string()) {
        return Ok(());
    }
    store.set_setting(&setting_of(path), &disk.to_string())
}

/// Which disk a folder was on when it was there last.
fn disk_of(store: &VaultStore, path: &str) -> Result<Option<String>, StoreError> {
    Ok(store.setting(&setting_of(path))?.filter(|disk| disk.parse::<DiskId>().is_ok()))
}

fn setting_of(path: &str) -> String {
    format!("disk-of/{path}")
}
