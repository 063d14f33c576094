//! One file, now, because somebody looks at it: fetched from a copy, checked, and put where it belongs.
//!
//! In a home that is being restored the timeline is there before its photos. Several people who want the same file wait
//! for one fetch, and a fetch goes on when the one who asked gives up waiting.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use heirloom_identity::ContentHash;
use heirloom_vault::BlobKind;
use tokio::sync::watch;

use super::engine::Outcome;
use super::fetch::{FetchError, Reader};
use super::polite::blocking;
use super::{besides, heal, local};
use crate::home::Home;
use crate::workers::cache;

/// Files that are fetched on demand at the same time.
const DEMANDS_MAX: usize = 16;
/// How long whoever looks at a picture waits for it.
const PICTURE_WAIT: Duration = Duration::from_secs(10);
/// How long whoever asks for an original waits for it.
const ORIGINAL_WAIT: Duration = Duration::from_mins(1);

/// Why a file cannot be had now.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unreachable {
    /// The vault does not have it.
    #[error("there is no copy of it")]
    NotKept,
    /// No place that may have it can be reached.
    #[error("no home that keeps a copy can be reached now")]
    Off,
    /// It is on its way, and takes longer than anybody waits.
    #[error("it is still on its way")]
    TakesLong,
    /// Too many files are on their way.
    #[error("too many files are on their way; try again soon")]
    Busy,
    /// It came, or did not, and something failed.
    #[error("{0}")]
    Failed(String),
}

/// Has an original, thumbnail or preview of the photo with these bytes brought where it belongs, and waits for it.
///
/// # Errors
/// See [`Unreachable`].
pub async fn demand(home: &Arc<Home>, content: ContentHash, kind: BlobKind) -> Result<(), Unreachable> {
    let mut outcome = begin(home, content, kind)?;
    let wait = if kind == BlobKind::Original { ORIGINAL_WAIT } else { PICTURE_WAIT };
    let ended = tokio::time::timeout(wait, outcome.wait_for(Option::is_some)).await;
    let gone = || Unreachable::Failed("this home is going to sleep".to_owned());
    let ended = ended.map_err(|_| Unreachable::TakesLong)?.map_err(|_| gone())?;
    ended.clone().unwrap_or_else(|| Err(gone()))
}

/// Joins the fetch of a file, or begins one.
fn begin(
    home: &Arc<Home>,
    content: ContentHash,
    kind: BlobKind,
) -> Result<watch::Receiver<Outcome>, Unreachable> {
    let engine = &home.vault.engine;
    let mut fetching = engine.fetching.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(outcome) = fetching.get(&(content, kind)) {
        return Ok(outcome.clone());
    }
    if fetching.len() >= DEMANDS_MAX {
        return Err(Unreachable::Busy);
    }
    let (tell, outcome) = watch::channel(None);
    fetching.insert((content, kind), outcome.clone());
    drop(fetching);
    let (home, stop) = (Arc::clone(home), engine.stop.clone());
    engine.tasks.spawn(async move {
        let came = tokio::select! {
            () = stop.cancelled() => Err(FetchError::Unreachable),
            came = fetch(&home, content, kind) => came,
        };
        let mut fetching = home.vault.engine.fetching.lock().unwrap_or_else(PoisonError::into_inner);
        fetching.remove(&(content, kind));
        drop(fetching);
        // Whoever asked may be gone.
        tell.send(Some(came.map_err(Unreachable::from))).unwrap_or_default();
    });
    Ok(outcome)
}

async fn fetch(home: &Arc<Home>, content: ContentHash, kind: BlobKind) -> Result<(), FetchError> {
    let reader = Reader::of(home, &[]).await?;
    if kind == BlobKind::Original {
        let at = Arc::clone(home);
        let file = blocking(move || Ok(at.ledger.file(&content)?)).await?.ok_or(FetchError::NotKept)?;
        heal::bring_one(home, &reader, &file).await?;
        return Ok(());
    }
    let at = Arc::clone(home);
    let found = blocking(move || {
        let store = &at.vault.store;
        let Some(photo) = store.picture_of(&content)? else { return Ok(None) };
        let blob = if kind == BlobKind::Preview { photo.picture.preview } else { photo.picture.thumbnail };
        Ok(blob.map(|blob| (local::picture_path(&at, &photo, kind), blob)))
    });
    let (path, blob) = found.await?.ok_or(FetchError::NotKept)?;
    let bytes = besides::in_memory(home, &reader, &blob).await?;
    blocking(move || Ok(cache::write_file(&path, &bytes)?)).await?;
    Ok(())
}

impl From<FetchError> for Unreachable {
    fn from(error: FetchError) -> Self {
        match error {
            FetchError::NotKept | FetchError::NoKey => Self::NotKept,
            FetchError::Unreachable => Self::Off,
            other => Self::Failed(other.to_string()),
        }
    }
}
