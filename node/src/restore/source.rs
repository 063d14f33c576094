//! Where a restore gets things from: a home that keeps copies, named by its invitation, a folder that a keeper wrote, or a
//! bucket.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use heirloom_identity::{HouseholdId, Invitation};
use heirloom_store::RealDisk;
use heirloom_vault::Target;
use heirloom_vault::folder::{Expected, MARKER_NAME, Marker};
use heirloom_vault::store::S3Place;
use heirloom_vault::target::FolderTarget;
use tokio::time::Instant;

use super::bucket::Variables;
use super::{Problem, bucket};
use crate::clock;
use crate::vault::place::{FOLDER_TIME, Limited};

/// Sources of one restore.
pub const SOURCES_MAX: usize = 32;
/// Wrong answers after which a source is asked last.
const DOUBTS_MAX: u32 = 3;
/// Folders that are looked through for a vault.
const FOLDERS_MAX: usize = 256;
/// What every marker begins with, whatever its version.
const MARKER_BEGINS: &str = "Heirloom vault, version ";
/// The longest marker that is read.
const MARKER_BYTES_MAX: u64 = 1 << 10;

/// A place that packs are read from.
pub struct Source {
    /// What a person calls it.
    pub name: String,
    /// The place.
    pub target: Arc<dyn Target>,
    doubts: AtomicU32,
    /// Since when it does not answer.
    silent_since: Mutex<Option<Instant>>,
}

impl Source {
    /// A place that nothing bad is known of.
    pub fn new(name: String, target: Arc<dyn Target>) -> Arc<Self> {
        Arc::new(Self { name, target, doubts: AtomicU32::new(0), silent_since: Mutex::default() })
    }

    /// Notes that it sent something wrong.
    pub fn doubt(&self, why: &str) {
        tracing::warn!(source = self.name, why, "a source of the restore is not right");
        self.doubts.fetch_add(1, Ordering::Relaxed);
    }

    /// Notes that it answered, or did not.
    pub fn answered(&self, answered: bool) {
        let mut since = self.silent_since.lock().unwrap_or_else(PoisonError::into_inner);
        if answered {
            *since = None;
        } else {
            since.get_or_insert_with(Instant::now);
        }
    }

    /// Whether it has not answered for so long.
    pub fn is_silent_for(&self, limit: Duration) -> bool {
        let since = *self.silent_since.lock().unwrap_or_else(PoisonError::into_inner);
        since.is_some_and(|since| since.elapsed() >= limit)
    }

    /// Whether it sent so much that is wrong that it is asked last.
    pub fn is_doubtful(&self) -> bool {
        self.doubts.load(Ordering::Relaxed) >= DOUBTS_MAX
    }
}

/// What a person named as a place to restore from.
#[derive(Debug, Clone)]
pub enum Origin {
    /// A home.
    Home(Box<Invitation>),
    /// A bucket, with its keys.
    Bucket(Box<S3Place>),
    /// A folder, and the vaults found in it.
    Folder {
        /// As it was named.
        place: PathBuf,
        /// Each vault's folder and what its marker says.
        vaults: Vec<(PathBuf, Marker)>,
    },
}

impl Origin {
    /// Reads what a person typed: an invitation's link, a bucket, or a folder.
    ///
    /// # Errors
    /// [`Problem::Origin`], [`Problem::NoVault`].
    pub fn read(text: &str) -> Result<Self, Problem> {
        Self::read_with(text, &bucket::environment)
    }

    /// [`Origin::read`], with the keys of buckets from elsewhere than this program's environment.
    ///
    /// # Errors
    /// Those of [`Origin::read`].
    pub fn read_with(text: &str, variable: Variables<'_>) -> Result<Self, Problem> {
        let text = text.trim();
        if let Some(place) = bucket::read(text, variable)? {
            return Ok(Self::Bucket(Box::new(place)));
        }
        if text.contains("://") || text.contains("#pair") {
            return match Invitation::parse(text) {
                Ok(invitation) => Ok(Self::Home(Box::new(invitation))),
                Err(error) => Err(Problem::Origin(error.to_string())),
            };
        }
        let place = std::path::absolute(text)
            .map_err(|_| Problem::Origin("name an invitation or a folder to restore from".to_owned()))?;
        if !place.is_dir() {
            return match Invitation::parse(text) {
                Ok(invitation) => Ok(Self::Home(Box::new(invitation))),
                Err(_) => Err(Problem::Origin(format!(
                    "there is no folder {}; is the disk plugged in? Otherwise paste the whole invitation, which begins with heirloom://",
                    place.display()
                ))),
            };
        }
        let vaults = vaults_in(&place)?;
        if vaults.is_empty() {
            return Err(Problem::NoVault { place: place.display().to_string() });
        }
        Ok(Self::Folder { place, vaults })
    }

    /// Whose vaults lie in it; none for a home, which tells nobody, and a bucket, which is not asked yet.
    pub fn households(&self) -> Vec<HouseholdId> {
        match self {
            Self::Home(_) | Self::Bucket(_) => Vec::new(),
            Self::Folder { vaults, .. } => vaults.iter().map(|(_, marker)| marker.household).collect(),
        }
    }
}

/// The vaults in a folder: the folder itself, or folders in it.
fn vaults_in(place: &Path) -> Result<Vec<(PathBuf, Marker)>, Problem> {
    if let Some(found) = vault_at(place)? {
        return Ok(vec![(place.to_owned(), found)]);
    }
    let folders = std::fs::read_dir(place).into_iter().flatten().take(FOLDERS_MAX).flatten();
    let mut folders: Vec<PathBuf> = folders.map(|entry| entry.path()).collect();
    folders.sort();
    let mut found = Vec::new();
    for folder in folders {
        if let Some(marker) = vault_at(&folder)? {
            found.push((folder, marker));
        }
    }
    Ok(found)
}

fn vault_at(folder: &Path) -> Result<Option<Marker>, Problem> {
    let path = folder.join(MARKER_NAME);
    let length = std::fs::metadata(&path).map_or(u64::MAX, |meta| meta.len());
    if length > MARKER_BYTES_MAX {
        return Ok(None);
    }
    let Ok(text) = std::fs::read_to_string(&path) else { return Ok(None) };
    match Marker::from_text(&text) {
        None if text.starts_with(MARKER_BEGINS) => {
            let place = folder.display();
            Err(Problem::Newer(format!(
                "the copies in {place} were written by a newer program, or are damaged"
            )))
        }
        marker => Ok(marker),
    }
}

/// Opens a folder of packs, to read from; one that does not answer is as good as one whose disk is not there.
///
/// # Errors
/// [`Problem::NoVault`] when it is not that household's, or not there.
pub fn open_folder(folder: &Path, household: HouseholdId) -> Result<Arc<dyn Target>, Problem> {
    let expected = Expected { household, disks: Vec::new() };
    let target = FolderTarget::new(folder.to_owned(), expected, Arc::new(RealDisk), Arc::new(clock::now_ms));
    match target {
        Ok(target) => Ok(Arc::new(Limited::new(target, FOLDER_TIME))),
        Err(error) => Err(Problem::Unreachable(format!("{}: {error}", folder.display()))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use heirloom_vault::folder::DiskId;

    #[test]
    fn a_vault_is_found_in_the_folder_and_below() {
        let disk = tempfile::tempdir().unwrap();
        let marker = |byte| Marker { household: HouseholdId::from_bytes([byte; 32]), disk: DiskId([1; 16]) };
        let said = |text: &str| Origin::read(text).unwrap_err().to_string();
        let place = disk.path().display().to_string();
        assert!(said(&place).contains("HEIRLOOM-VAULT"));
        assert!(said(&format!("{place}/none")).contains("plugged in"));
        assert!(said("heirloom://pair#abc").contains("invitation"));
        for byte in [1, 2] {
            let folder = disk.path().join(format!("{byte}"));
            std::fs::create_dir(&folder).unwrap();
            std::fs::write(folder.join(MARKER_NAME), marker(byte).to_text()).unwrap();
        }
        assert_eq!(Origin::read(&place).unwrap().households(), [marker(1).household, marker(2).household]);
        let below = format!("{place}/2");
        assert_eq!(Origin::read(&below).unwrap().households(), [marker(2).household]);
    }
}
