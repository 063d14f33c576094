//! Bringing one original: fetched, checked, and put back under its old name.

use std::io::ErrorKind;
use std::sync::Arc;

use heirloom_identity::ContentHash;
use heirloom_vault::policy::TargetId;
use heirloom_vault::store::{Heal, OriginalState};

use crate::home::{Home, library};
use crate::ledger::assets::StoredFile;
use crate::vault::besides;
use crate::vault::fetch::{FetchError, Reader};
use crate::vault::packing::scrub_at;
use crate::vault::polite::blocking;
use crate::vault::put_back::{Back, Part, put_back};

/// Room on the disk that originals which come back leave.
const LEAVE_BYTES: u64 = 512 << 20;

/// Whether what comes back is told to people one by one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Telling {
    /// A photo was lost and is back: that is news.
    Each,
    /// A restore brings everything.
    Nothing,
}

/// Fetches one original and puts it in its place.
pub(super) async fn bring(
    home: &Arc<Home>,
    reader: &Reader,
    file: &StoredFile,
    telling: Telling,
) -> Result<Back, FetchError> {
    let content = file.hashes.content;
    let (at, bytes) = (Arc::clone(home), file.bytes);
    let brought = match besides::fetch(home, reader, &content, move |_| begin(&at, bytes)).await {
        Ok((part, from)) => finish(home, content, part, from, telling).await,
        Err(error) => Err(error),
    };
    if let Err(FetchError::NotKept | FetchError::Damaged | FetchError::Unreachable) = &brought {
        let at = Arc::clone(home);
        blocking(move || note_state(&at, content)).await?;
    }
    brought
}

/// Fetches one original because somebody looks at it.
pub(in crate::vault) async fn bring_one(
    home: &Arc<Home>,
    reader: &Reader,
    file: &StoredFile,
) -> Result<Back, FetchError> {
    bring(home, reader, file, Telling::Nothing).await
}

/// A file for an original that comes, if there is room for it.
fn begin(home: &Home, bytes: u64) -> Result<Part, FetchError> {
    if home.is_library_away().map_err(anyhow::Error::from)? {
        return Err(FetchError::Here(anyhow::anyhow!(library::AWAY)));
    }
    if !home.has_room_for_own(bytes, LEAVE_BYTES) {
        return Err(FetchError::Write(ErrorKind::StorageFull.into()));
    }
    Part::begin(home).map_err(FetchError::Write)
}

async fn finish(
    home: &Arc<Home>,
    content: ContentHash,
    part: Part,
    from: Option<TargetId>,
    telling: Telling,
) -> Result<Back, FetchError> {
    let home = Arc::clone(home);
    blocking(move || {
        let back = put_back(&home, &content, part)?;
        let now_ms = home.vault.engine.now();
        home.vault.store.scrubbed(&[(content, scrub_at(&content, now_ms))])?;
        if let (Back::Placed(set_aside), Telling::Each) = (&back, telling) {
            let name = home.ledger.assets_of(&content)?.first().map(|entry| entry.given_name.clone());
            let name = name.unwrap_or_default();
            tracing::info!(name, aside = ?set_aside, "a photo that was damaged or gone is back");
            home.vault.store.record_heal(&Heal { at_ms: now_ms, content, name, target: from })?;
        }
        Ok(back)
    })
    .await
    .map_err(FetchError::from)
}

/// Notes how an original that could not be brought is here.
fn note_state(home: &Home, content: ContentHash) -> anyhow::Result<()> {
    let Some(file) = home.ledger.file(&content)? else { return Ok(()) };
    let is_there = home.layout.original(&file.path).exists();
    let state = if is_there { OriginalState::Damaged } else { OriginalState::Missing };
    if home.vault.store.picture_of(&content)?.is_some_and(|photo| photo.original == state) {
        return Ok(());
    }
    Ok(home.vault.store.set_original_state(&[content], state)?)
}
