//! From a head to everything it stands for: the phrase opens the keyring, the keyring the pointer, the pointer the root,
//! the root the segments.

use std::sync::Arc;

use heirloom_identity::{Keyring, KeyringError, Phrase, VaultHead};
use heirloom_vault::{Index, Located, ManifestError, Pointer, Root, Segment};

use super::fetch::{Fetcher, Lack};
use super::source::Source;
use super::{Problem, Restoring};

/// A state of the household, opened.
pub(crate) struct Opened {
    /// The head.
    pub(crate) head: VaultHead,
    /// Every key of the vault.
    pub(crate) keyring: Arc<Keyring>,
    /// Where the root is.
    pub(crate) root_at: Located,
    /// What a home consists of.
    pub(crate) root: Root,
    /// Which packs there are.
    pub(crate) segments: Vec<Segment>,
    /// Where every blob is.
    pub(crate) index: Arc<Index>,
    /// What fetches them.
    pub(crate) fetcher: Fetcher,
}

/// Opens the state that a head stands for.
///
/// # Errors
/// [`Problem::Incomplete`] when another head may do better, [`Problem::Away`], [`Problem::Newer`].
pub(super) async fn open(
    head: VaultHead,
    phrase: &Phrase,
    sources: &[Arc<Source>],
    restoring: &Arc<Restoring>,
) -> Result<Opened, Problem> {
    let household = *head.household();
    let keyring = Keyring::unwrap(&phrase.root().wrapping(), &household, head.keyring());
    let keyring = Arc::new(keyring.map_err(|error| match error {
        KeyringError::Version(_) => Problem::Newer(error.to_string()),
        other => Problem::Incomplete(other.to_string()),
    })?);
    let fetcher = Fetcher::new(sources.to_vec(), Arc::clone(&keyring), household);
    read(head, keyring, fetcher.patient(Arc::clone(restoring))).await
}

/// Reads the state that a head stands for, with the vault's keys at hand.
///
/// # Errors
/// As [`open`].
pub(crate) async fn read(
    head: VaultHead,
    keyring: Arc<Keyring>,
    fetcher: Fetcher,
) -> Result<Opened, Problem> {
    let household = *head.household();
    // It was sealed with the key that was the newest when it was signed.
    let pointer = keyring.keys().iter();
    let pointer =
        pointer.map(|key| key.open_root(&household, head.number(), head.pointer())).find(Result::is_ok);
    let pointer = pointer.and_then(Result::ok);
    let pointer = pointer.ok_or_else(|| Problem::Incomplete("no key opens the signed list".to_owned()))?;
    let root_at = Pointer::decode(&pointer).map_err(|error| malformed(&error))?.root;
    let root = fetcher.blob(&root_at).await.map_err(|lack| lacking(lack, "the list of everything"))?;
    let root = Root::decode(&root).map_err(|error| malformed(&error))?;
    let mut segments = Vec::with_capacity(root.segments.len());
    for at in &root.segments {
        let bytes = fetcher.blob(at).await.map_err(|lack| lacking(lack, "the list of copies"))?;
        segments.push(Segment::decode(&bytes).map_err(|error| malformed(&error))?);
    }
    let index = Arc::new(Index::new(&segments));
    let known = Arc::clone(&index);
    let fetcher = fetcher.looking_besides(move |blob, without| known.lookup_without(blob, without));
    Ok(Opened { head, keyring, root_at, root, segments, index, fetcher })
}

fn malformed(error: &ManifestError) -> Problem {
    match error {
        ManifestError::Version(_) => Problem::Newer(error.to_string()),
        ManifestError::Malformed | ManifestError::TooMany { .. } => Problem::Incomplete(error.to_string()),
    }
}

fn lacking(lack: Lack, what: &str) -> Problem {
    match lack {
        Lack::Away => Problem::Away { what: what.to_owned() },
        Lack::Lost => Problem::Incomplete(format!("{what} is in none of them")),
    }
}
