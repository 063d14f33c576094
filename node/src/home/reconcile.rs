//! What a start does about what the last run may have left, so that nothing ever needs a person to repair.
//!
//! | left by a crash | what happens |
//! |---|---|
//! | a draft in `inbox/` | removed: it was never acknowledged |
//! | a ledger row that the catalog lacks | shown in the catalog again, with a job |
//! | a decision that the catalog lacks | taken from the library space again |
//! | a photo without a thumbnail and without a job | gets a job |
//! | a job that was running | runs again, or is set aside when the program ended ten times while it ran |
//! | a complete file in `library/` without a row | [adopted](adopt_orphans) |

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use heirloom_catalog::Marks;
use heirloom_identity::{AccountId, AssetId};

use super::Home;
use super::library::MARKER_NAME;
use crate::ingest::IngestError;
use crate::ingest::draft::DRAFT_ENDING;
use crate::ingest::keep::adopt;
use crate::ingest::walk::{Found, walk};
use crate::workers::derive::DERIVATION_VERSION;
use crate::{clock, index};

/// Where originals of other homes lie below the library. Nobody owns them here, so none of them is ever adopted.
const SHARED_PREFIX: &str = "shared/";
/// Ledger rows fed to the catalog in one transaction.
const BATCH: u32 = 1_000;

/// Brings inbox, catalog and jobs in step with the ledger and the library space. Quick when nothing is amiss.
///
/// # Errors
/// When a database or the inbox cannot be used.
pub fn at_start(home: &Arc<Home>) -> anyhow::Result<()> {
    clear_inbox(home)?;
    let catalog = home.catalog();
    catalog.recover(clock::now_ms()).context("cannot recover the list of jobs")?;
    let (assets, _) = home.ledger.totals()?;
    let shown = catalog.totals()?.assets;
    let is_behind = home.was_unclean || shown == 0 && assets > 0;
    if is_behind {
        // Pages remember revisions; those of changes that were lost must not be given to others.
        let seconds = u32::try_from(clock::now_ms() / 1000).unwrap_or(0);
        catalog.raise_revisions(catalog.revision_high()?.saturating_add(1).max(seconds))?;
    }
    if assets != shown {
        tracing::info!(assets, shown, "showing photos again that the catalog lacks");
        feed_entries(home)?;
    }
    catalog.queue_due(DERIVATION_VERSION, clock::now_ms()).context("cannot queue what is to be derived")?;
    if is_behind {
        feed_marks(home)?;
    }
    Ok(())
}

/// Shows every ledger row in the catalog, in order of arrival; those that are there stay as they are.
///
/// # Errors
/// When a database fails.
pub fn feed_entries(home: &Home) -> anyhow::Result<()> {
    let catalog = home.catalog();
    let mut after = 0;
    loop {
        let entries = home.ledger.entries_after(after, BATCH)?;
        let Some(last) = entries.last() else { return Ok(()) };
        after = last.seq;
        catalog.insert(&entries.iter().map(index::arrival).collect::<Vec<_>>())?;
    }
}

/// Shows every decision in the catalog.
///
/// # Errors
/// When a database fails.
pub fn feed_marks(home: &Home) -> anyhow::Result<()> {
    let mut batch: Vec<(AssetId, Marks)> = Vec::new();
    let mut outcome = Ok(0);
    home.library.for_each(|asset, marks| {
        batch.push((asset, index::to_catalog(marks)));
        if batch.len() >= usize::try_from(BATCH).unwrap_or(1) && outcome.is_ok() {
            outcome = home.catalog().marked(&std::mem::take(&mut batch));
        }
    })?;
    outcome?;
    home.catalog().marked(&batch)?;
    Ok(())
}

fn clear_inbox(home: &Home) -> anyhow::Result<()> {
    let inbox = home.layout.inbox();
    let attempt = || format!("cannot tidy {}", inbox.display());
    for entry in std::fs::read_dir(&inbox).with_context(attempt)? {
        let path = entry.with_context(attempt)?.path();
        if path.extension().is_some_and(|ending| ending == DRAFT_ENDING) {
            home.disk.remove(&path).with_context(attempt)?;
        }
    }
    Ok(())
}

/// Makes an asset of each complete photo that lies in the library without a ledger row. Such a file is what
/// a crash leaves between giving it its name and recording it, so its bytes are whole.
///
/// Returns how many were adopted. A file that cannot be adopted stays where it is; `heirloom doctor` names it.
///
/// # Errors
/// When the ledger cannot be read.
pub fn adopt_orphans(home: &Arc<Home>) -> anyhow::Result<u64> {
    let owners = owners(home)?;
    let (mut adopted, mut all_looked_at) = (0, true);
    for (path, account) in orphans(home, &owners)? {
        match account.map(|account| adopt(home, account, &path)) {
            Some(Ok(_)) => adopted += 1,
            Some(Err(error)) => {
                tracing::warn!(%error, path, "a file in the library stays unknown");
                all_looked_at &= matches!(error, IngestError::NotAPhoto(_));
            }
            None => {}
        }
    }
    if adopted > 0 {
        tracing::info!(adopted, "took in photos that an interrupted import had placed");
    }
    if all_looked_at {
        home.adoption_done();
    }
    Ok(adopted)
}

/// Accounts by the name of their folder.
///
/// # Errors
/// When the ledger cannot be read.
pub fn owners(home: &Home) -> anyhow::Result<HashMap<String, AccountId>> {
    Ok(home.ledger.accounts()?.into_iter().map(|account| (account.slug, account.id)).collect())
}

/// Files in `library/` that the ledger does not know, with the account whose folder they are in.
///
/// # Errors
/// When the ledger cannot be read.
pub fn orphans(
    home: &Home,
    owners: &HashMap<String, AccountId>,
) -> anyhow::Result<Vec<(String, Option<AccountId>)>> {
    let library = home.layout.library();
    let mut unknown = Vec::new();
    let mut outcome = Ok(());
    walk(&library, &mut |found| {
        let Found::Folder { folder, files } = found else { return true };
        for (name, _) in files {
            let Some(path) = relative(&library, &folder.join(name)) else { continue };
            if path.starts_with(MARKER_NAME) {
                continue;
            }
            let is_shared = path.starts_with(SHARED_PREFIX);
            let known = match home.ledger.path_known(&path) {
                Ok(false) if is_shared => home.ledger.shared_path_known(&path),
                known => known,
            };
            match known {
                Ok(true) => {}
                Ok(false) => {
                    let owner = path.split('/').next().and_then(|slug| owners.get(slug)).copied();
                    unknown.push((path, owner.filter(|_| !is_shared)));
                }
                Err(error) => {
                    outcome = Err(error);
                    return false;
                }
            }
        }
        true
    });
    outcome?;
    Ok(unknown)
}

/// A path below the library as the ledger writes it; `None` for names that are not UTF-8, which the ledger
/// never gives.
fn relative(library: &Path, path: &Path) -> Option<String> {
    let below = path.strip_prefix(library).ok()?;
    let parts: Option<Vec<&str>> = below.components().map(|part| part.as_os_str().to_str()).collect();
    parts.map(|parts| parts.join("/"))
}
