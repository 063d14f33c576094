//! Places of the household's own that hold a copy beside those in other homes: a folder on another disk, a bucket of an
//! object store. Adding and removing them, and everything that a person may have got wrong about them.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use heirloom_store::StoreError;
use heirloom_vault::policy::{Standing, TargetId};
use heirloom_vault::store::{Place, S3Place, TargetsError};
use heirloom_vault::target::{FolderTarget, S3Target};
use heirloom_vault::{Target, TargetError};

use super::place::Seen;
use super::polite::blocking;
use super::{known_places, remembered};
use crate::home::{Home, OUTRANKED};
use crate::random;

/// Longest path of a folder, longest part of a bucket's address.
const TEXT_BYTES_MAX: usize = 1024;

/// Why a folder or a bucket is not used.
#[derive(Debug, thiserror::Error)]
pub enum PlaceError {
    /// What was typed cannot be used; says why and what to do.
    #[error("{0}")]
    Unfit(String),
    /// It could not be tried now.
    #[error("{0}")]
    Away(String),
    /// There is no such place.
    #[error("no such folder or bucket is used; `heirloom vault status` shows those that are")]
    Unknown,
    /// The vault has no keys yet.
    #[error(
        "copies are locked with a key that only the recovery phrase makes; type it once on the Safety page, or with `heirloom phrase verify`"
    )]
    NoKeys,
    /// This node was replaced.
    #[error("{OUTRANKED}")]
    Outranked,
    /// The disk there is full.
    #[error("the disk there is full; make room, or choose a larger one")]
    Full,
    /// Something here failed.
    #[error(transparent)]
    Here(#[from] anyhow::Error),
}

impl From<StoreError> for PlaceError {
    fn from(error: StoreError) -> Self {
        Self::Here(error.into())
    }
}

impl From<TargetsError> for PlaceError {
    fn from(error: TargetsError) -> Self {
        match error {
            TargetsError::Store(error) => error.into(),
            other => Self::Unfit(other.to_string()),
        }
    }
}

/// A place that is used from now on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Added {
    /// Its number.
    pub id: TargetId,
    /// Whether it lies on the same disk as the photos, which helps against mistakes, not when that disk fails.
    pub is_same_disk: bool,
}

/// Uses a folder from now on; makes it if it isn't there.
///
/// # Errors
/// See [`PlaceError`].
pub async fn add_folder(home: &Arc<Home>, folder: PathBuf) -> Result<Added, PlaceError> {
    may_add(home)?;
    let at = Arc::clone(home);
    let added = blocking(move || {
        let add = || -> Result<Added, PlaceError> {
            let folder = usable_folder(&at, &folder)?;
            let text = folder.to_str().ok_or_else(|| {
                PlaceError::Unfit(format!(
                    "the name {} cannot be written down; rename the folder",
                    folder.display()
                ))
            })?;
            let household = at.keys.certificate.household();
            let disk = FolderTarget::create(&folder, household, random::bytes()?, Arc::clone(&at.disk))
                .map_err(|error| in_words(error, text))?;
            let is_same_disk = is_same_disk(&folder, at.layout.root());
            let place = Place::Folder(text.to_owned());
            let id = at.vault.store.add_target(&place, Standing::Active, at.vault.engine.now())?;
            known_places::note_disk(&at.vault.store, text, disk)?;
            Ok(Added { id, is_same_disk })
        };
        Ok(add())
    });
    let added = added.await??;
    began(home).await?;
    Ok(added)
}

/// Uses a bucket from now on, after its keys were tried.
///
/// # Errors
/// See [`PlaceError`]; no error says a key.
pub async fn add_bucket(
    home: &Arc<Home>,
    bucket: S3Place,
    bytes_max: Option<u64>,
) -> Result<Added, PlaceError> {
    may_add(home)?;
    let bucket = tidied(bucket)?;
    let clock = Arc::clone(home);
    let household = *home.keys.certificate.household();
    let name = format!("the bucket {}", bucket.bucket);
    let target = S3Target::new(&bucket, household, false, Arc::new(move || clock.vault.engine.now()))
        .map_err(|error| in_words(error, &name))?;
    target.prepare(random::bytes()?).await.map_err(|error| in_words(error, &name))?;
    // Whoever may write may not be allowed to list, and without that nothing can be checked.
    target.list(None).await.map_err(|error| in_words(error, &name))?;
    let at = Arc::clone(home);
    let added = blocking(move || {
        Ok(at.vault.store.add_target(&Place::S3(bucket), Standing::Active, at.vault.engine.now()))
    });
    let (id, at) = (added.await??, Arc::clone(home));
    blocking(move || at.vault.limit_bucket(id, bytes_max)).await?;
    began(home).await?;
    Ok(Added { id, is_same_disk: false })
}

/// No longer uses a folder or a bucket. What is there stays.
///
/// # Errors
/// See [`PlaceError`].
pub async fn remove(home: &Arc<Home>, id: TargetId) -> Result<(), PlaceError> {
    let at = Arc::clone(home);
    let removed = blocking(move || {
        let own = at.vault.store.target(id)?.filter(|row| row.household().is_none());
        let Some(row) = own else { return Ok(Err(PlaceError::Unknown)) };
        remembered::forget_place(&at.ledger, &row.place)?;
        at.vault.store.remove_target(row.id)?;
        Ok(Ok(()))
    });
    removed.await??;
    Ok(began(home).await?)
}

/// The folder or bucket that is meant: by its number, its path, or its name.
///
/// # Errors
/// See [`PlaceError`].
pub fn find(home: &Home, text: &str) -> Result<TargetId, PlaceError> {
    let path = std::path::absolute(text).ok();
    let number = text.parse::<TargetId>().ok();
    let rows = home.vault.store.targets()?;
    let is_meant = |place: &Place| match place {
        Place::Household(_) => false,
        Place::Folder(folder) => folder == text || path.as_deref() == Some(Path::new(folder)),
        Place::S3(bucket) => bucket_name(bucket) == text || bucket.bucket == text,
    };
    let own = || rows.iter().filter(|row| row.household().is_none());
    let found = own().find(|row| is_meant(&row.place)).or_else(|| own().find(|row| Some(row.id) == number));
    found.map(|row| row.id).ok_or(PlaceError::Unknown)
}

/// What people call a bucket.
pub fn bucket_name(bucket: &S3Place) -> String {
    let S3Place { bucket, prefix, .. } = bucket;
    if prefix.is_empty() { bucket.clone() } else { format!("{bucket}/{prefix}") }
}

/// A folder that may hold packs, its parent resolved: a name that means something else tomorrow is not written down.
///
/// # Errors
/// [`PlaceError::Unfit`] and [`PlaceError::Away`], with what to do.
pub(super) fn usable_folder(home: &Home, folder: &Path) -> Result<PathBuf, PlaceError> {
    let unfit = |why: String| Err(PlaceError::Unfit(why));
    let shown = folder.display();
    if !folder.is_absolute() {
        return unfit("name the whole path of the folder, like /media/usb/heirloom".to_owned());
    }
    if folder.as_os_str().len() > TEXT_BYTES_MAX || folder.as_os_str().as_encoded_bytes().contains(&0) {
        return unfit("that path is too long, or no path".to_owned());
    }
    // A share that hangs does so here, on a thread that nobody waits for.
    if home.vault.engine.folder_looks.at(folder, |folder| folder.canonicalize().is_ok()) == Seen::Silent {
        let why = format!("{shown} does not answer; is the disk or the network share all right?");
        return Err(PlaceError::Away(why));
    }
    let resolved = match folder.canonicalize() {
        Ok(found) => found,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let (Some(parent), Some(name)) = (folder.parent(), folder.file_name()) else {
                return unfit(format!("{shown} is no folder"));
            };
            let Ok(parent) = parent.canonicalize() else {
                return Err(PlaceError::Away(format!(
                    "{} is not there; is the disk plugged in?",
                    parent.display()
                )));
            };
            parent.join(name)
        }
        Err(error) => return unfit(format!("{shown} cannot be used: {error}")),
    };
    if resolved.exists() && !resolved.is_dir() {
        return unfit(format!("{shown} is a file; name a folder"));
    }
    let root = home.layout.root().canonicalize().unwrap_or_else(|_| home.layout.root().to_owned());
    if resolved.starts_with(&root) {
        return unfit(format!("{shown} is in the home's own folder; name one on another disk"));
    }
    Ok(resolved)
}

fn may_add(home: &Home) -> Result<(), PlaceError> {
    if home.is_outranked() {
        return Err(PlaceError::Outranked);
    }
    home.keys.vault().map(drop).ok_or(PlaceError::NoKeys)
}

async fn began(home: &Arc<Home>) -> anyhow::Result<()> {
    let at = Arc::clone(home);
    blocking(move || remembered::note(&at)).await?;
    home.vault.wake();
    Ok(())
}

fn tidied(mut bucket: S3Place) -> Result<S3Place, PlaceError> {
    for (what, text) in [
        ("the address", &mut bucket.endpoint),
        ("the bucket's name", &mut bucket.bucket),
        ("the folder in it", &mut bucket.prefix),
        ("the region", &mut bucket.region),
        ("the access key", &mut bucket.access_key),
        ("the secret key", &mut bucket.secret_key),
    ] {
        *text = text.trim().to_owned();
        if text.len() > TEXT_BYTES_MAX {
            return Err(PlaceError::Unfit(format!("{what} is too long")));
        }
        if text.is_empty() && !matches!(what, "the folder in it" | "the region") {
            return Err(PlaceError::Unfit(format!("{what} is missing")));
        }
    }
    bucket.prefix = bucket.prefix.trim_matches('/').to_owned();
    Ok(bucket)
}

fn in_words(error: TargetError, what: &str) -> PlaceError {
    match error {
        TargetError::Full { .. } => PlaceError::Full,
        TargetError::Refused(why) | TargetError::Wrong(why) | TargetError::Io(why) => {
            PlaceError::Unfit(format!("{what} cannot be used: {why}"))
        }
        TargetError::Missing => PlaceError::Unfit(format!("{what} is not there; make it first")),
        TargetError::Offline => PlaceError::Away(format!("{what} cannot be reached now")),
        other => PlaceError::Away(format!("{what} cannot be used now: {other}")),
    }
}

fn is_same_disk(folder: &Path, root: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let disk = |path: &Path| std::fs::metadata(path).ok().map(|meta| meta.dev());
    disk(folder).is_some_and(|one| Some(one) == disk(root))
}
