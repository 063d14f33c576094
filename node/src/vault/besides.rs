//! A blob from whichever packs it stands in.
//!
//! Merging and packing anew leave blobs in two packs for a while, and a restored home knows every pack that its manifest
//! lists. So a pack that is lost everywhere, or kept only by who is off, need not mean that its blobs are: what could not be
//! had from some packs is looked for besides them.

use std::collections::HashSet;
use std::io::Write;
use std::sync::Arc;

use heirloom_identity::ContentHash;
use heirloom_vault::policy::TargetId;
use heirloom_vault::{Located, PackId};

use super::fetch::{Failed, FetchError, Reader};
use super::polite::blocking;
use crate::home::Home;

/// Packings of one blob that are tried.
const PACKINGS_MAX: u32 = 8;
/// Bytes that are set aside at once for a blob in memory.
const AHEAD_BYTES_MAX: u64 = 1 << 20;

/// Fetches a blob of this home's vault into what `begin` gives, which is asked for anew for each attempt, and says which
/// place its last part came from.
///
/// # Errors
/// [`FetchError`]; of several packings the most hopeful: one that is out of reach may be there tomorrow.
pub(super) async fn fetch<W: Write + Send + 'static>(
    home: &Arc<Home>,
    reader: &Reader,
    blob: &ContentHash,
    begin: impl Fn(u64) -> Result<W, FetchError> + Send + Sync + 'static,
) -> Result<(W, Option<TargetId>), FetchError> {
    let at = Arc::clone(home);
    let locate = move |blob: &ContentHash, without: &HashSet<PackId>| {
        Ok(at.vault.store.locate_without(blob, without)?)
    };
    fetch_located(Arc::new(locate), reader, blob, begin).await
}

/// Where a blob stands, besides some packs.
pub(super) type Locate =
    dyn Fn(&ContentHash, &HashSet<PackId>) -> anyhow::Result<Option<Located>> + Send + Sync;

/// As [`fetch`], of whatever vault `locate` knows.
///
/// # Errors
/// As [`fetch`].
pub(super) async fn fetch_located<W: Write + Send + 'static>(
    locate: Arc<Locate>,
    reader: &Reader,
    blob: &ContentHash,
    begin: impl Fn(u64) -> Result<W, FetchError> + Send + Sync + 'static,
) -> Result<(W, Option<TargetId>), FetchError> {
    let (blob, begin) = (*blob, Arc::new(begin));
    let (mut without, mut told) = (HashSet::new(), FetchError::NotKept);
    for _ in 0..PACKINGS_MAX {
        let (locate, begin, besides) = (Arc::clone(&locate), Arc::clone(&begin), without.clone());
        let begun = blocking(move || {
            let Some(located) = locate(&blob, &besides)? else { return Ok(None) };
            Ok(Some(begin(located.size).map(|out| (located, out))))
        });
        let Some(begun) = begun.await? else { break };
        let (located, out) = begun?;
        match reader.try_blob(located, out).await {
            Ok(came) => return Ok(came),
            Err(Failed { error, packs }) if packs.is_empty() => return Err(error),
            Err(Failed { error, packs }) => {
                tracing::debug!(%error, %blob, "looking for it in other packs");
                without.extend(packs);
                told = if hope(&error) > hope(&told) { error } else { told };
            }
        }
    }
    Err(told)
}

/// A blob in memory, for those that are small.
///
/// # Errors
/// As [`fetch`].
pub(super) async fn in_memory(
    home: &Arc<Home>,
    reader: &Reader,
    blob: &ContentHash,
) -> Result<Vec<u8>, FetchError> {
    let room = |size: u64| usize::try_from(size.min(AHEAD_BYTES_MAX)).unwrap_or(0);
    Ok(fetch(home, reader, blob, move |size| Ok(Vec::with_capacity(room(size)))).await?.0)
}

/// How likely it is that the blob comes another time.
fn hope(error: &FetchError) -> u8 {
    match error {
        FetchError::NotKept => 0,
        FetchError::NoKey => 1,
        FetchError::Damaged => 2,
        FetchError::Unreachable => 3,
        FetchError::Write(_) | FetchError::Here(_) => 4,
    }
}
