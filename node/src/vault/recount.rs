//! Counting what a place has: after a restore nobody here knows, after a long absence nobody should take it on trust.
//!
//! The place's list says what it claims to have. Claims are then proved; what it does not claim is asked for, and lost if
//! it cannot be proved; what nobody here knows is of no use to anybody and is deleted, which a keeper holds for 30 days.

use std::collections::HashSet;
use std::sync::Arc;

use heirloom_vault::policy::TargetId;
use heirloom_vault::proof::CHALLENGES_MAX;
use heirloom_vault::target::{DELETE_MAX, LIST_MAX};
use heirloom_vault::{Challenge, PackId, PackRef, Target};

use super::lane::random_challenge;
use super::polite::blocking;
use super::{audits, place};
use crate::home::Home;

/// How often a place is counted when nothing else is a reason to.
const COUNT_EVERY_MS: i64 = 7 * 24 * 60 * 60 * 1000;
/// Pages of a list that are read: 16 million packs.
const PAGES_MAX: usize = 4_096;
/// Packs that were sent and not proved that are asked for in one go.
const UNPROVEN_MAX: usize = 4_096;

/// Counts a place if there is a reason to, and has it prove what it took without proving.
///
/// # Errors
/// When a database cannot be read or written.
pub(super) async fn recount(home: &Arc<Home>, id: TargetId, target: &Arc<dyn Target>) -> anyhow::Result<()> {
    let at = Arc::clone(home);
    if blocking(move || is_due(&at, id)).await? && !count(home, id, target).await? {
        return Ok(());
    }
    let at = Arc::clone(home);
    let unproven = blocking(move || Ok(at.vault.store.unproven_at(id, UNPROVEN_MAX)?)).await?;
    ask(home, id, target, &unproven).await
}

fn is_due(home: &Home, id: TargetId) -> anyhow::Result<bool> {
    let store = &home.vault.store;
    let Some(row) = store.target(id)? else { return Ok(false) };
    let Some(counted) = store.moment(&counted(id))? else { return Ok(true) };
    let now_ms = home.vault.engine.now();
    let has_returned = row.returned_ms.is_some_and(|returned| returned > counted);
    Ok(has_returned || now_ms.saturating_sub(counted) >= COUNT_EVERY_MS)
}

/// The setting that holds when a place was last counted.
fn counted(id: TargetId) -> String {
    format!("counted-{id}")
}

/// Reads the list of a place; `false` when it could not be read to its end.
async fn count(home: &Arc<Home>, id: TargetId, target: &Arc<dyn Target>) -> anyhow::Result<bool> {
    let (mut claimed, mut after) = (HashSet::new(), None);
    for _ in 0..PAGES_MAX {
        let Ok(page) = target.list(after).await else { return Ok(false) };
        let page: Vec<PackId> = page.into_iter().take(LIST_MAX).map(|(pack, _)| pack).collect();
        let Some(last) = page.last().copied() else { break };
        if after.is_some_and(|after| last <= after) {
            return Ok(false);
        }
        after = Some(last);
        let at = Arc::clone(home);
        let (page, unknown) = blocking(move || {
            let store = &at.vault.store;
            store.found_at(id, &page, at.vault.engine.now())?;
            let unknown = store.unknown_of(&page)?;
            Ok((page, unknown))
        })
        .await?;
        claimed.extend(page);
        delete_unknown(home, id, target, unknown).await?;
    }
    let at = Arc::clone(home);
    let unclaimed = blocking(move || {
        let store = &at.vault.store;
        let held = store.held_at(id)?.into_iter().filter(|held| !claimed.contains(&held.pack));
        let known: Result<Vec<_>, _> = held.map(|held| store.pack(&held.pack)).collect();
        Ok(known?.into_iter().flatten().map(|(pack, _)| pack).collect::<Vec<PackRef>>())
    });
    ask(home, id, target, &unclaimed.await?).await?;
    let at = Arc::clone(home);
    blocking(move || Ok(at.vault.store.set_moment(&counted(id), at.vault.engine.now())?)).await?;
    Ok(true)
}

/// Packs that this home knows nothing of, though it knows what every head lists: left by a run that a restore undid.
async fn delete_unknown(
    home: &Arc<Home>,
    id: TargetId,
    target: &Arc<dyn Target>,
    unknown: Vec<PackId>,
) -> anyhow::Result<()> {
    let at = Arc::clone(home);
    let is_complete = blocking(move || {
        // Without a head of its own this home may not know its packs yet; and what is unknown may be all that there is of
        // photos that are still to be packed or sent.
        let store = &at.vault.store;
        let has_head = store.last_head()?.is_some() && !at.is_outranked();
        let has_all =
            store.unpacked_pictures(i64::MAX, 1)?.is_empty() && store.pending_for(id, 1)?.is_empty();
        Ok(has_head && has_all)
    })
    .await?;
    if !is_complete || unknown.is_empty() || place::is_restoring(home) {
        return Ok(());
    }
    for packs in unknown.chunks(DELETE_MAX) {
        if let Err(error) = target.delete(packs.to_vec()).await {
            tracing::debug!(%error, "packs that nobody needs stay a little longer");
        }
    }
    Ok(())
}

/// Has packs proved, one part of each.
async fn ask(
    home: &Arc<Home>,
    id: TargetId,
    target: &Arc<dyn Target>,
    packs: &[PackRef],
) -> anyhow::Result<()> {
    for packs in packs.chunks(CHALLENGES_MAX) {
        let challenges: Vec<Challenge> = packs.iter().map(random_challenge).collect::<Result<_, _>>()?;
        let outcomes = audits::ask(target, &challenges).await;
        let is_answered = outcomes
            .iter()
            .any(|(_, outcome)| outcome.is_loss() || *outcome == heirloom_vault::policy::audit::Outcome::Ok);
        audits::record(home, id, outcomes).await?;
        if !is_answered {
            break;
        }
    }
    Ok(())
}
