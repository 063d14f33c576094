//! Counting what a place has: after a restore nobody here knows, after a long absence nobody should take it on trust.
//!
//! The place's list says what it claims to have. Claims are then proved; what it does not claim is asked for, and lost if
//! it cannot be proved; what nobody here knows is of no use to anybody and is deleted, which a keeper holds for 30 days.
//! Unless the place has heads of a newer state than this home came from: then what is unknown here may be the only copy of
//! photos, nothing is deleted, and people are told.

use std::collections::HashSet;
use std::sync::Arc;

use heirloom_identity::{HouseholdId, VaultHead};
use heirloom_vault::policy::{DAY_MS, TargetId};
use heirloom_vault::proof::CHALLENGES_MAX;
use heirloom_vault::store::{NewAlarm, Place};
use heirloom_vault::target::{DELETE_MAX, LIST_MAX};
use heirloom_vault::{Challenge, PackId, PackRef, Target};

use super::lane::random_challenge;
use super::polite::blocking;
use super::{audits, place};
use crate::api::dates::iso;
use crate::home::Home;
use crate::restore::SETTING_RESTORED_STATE;

/// How often a place is counted when nothing else is a reason to.
const COUNT_EVERY_MS: i64 = 7 * 24 * 60 * 60 * 1000;
/// Pages of a list that are read: 16 million packs.
const PAGES_MAX: usize = 4_096;
/// Packs that were sent and not proved that are asked for in one go.
const UNPROVEN_MAX: usize = 4_096;

/// Says that this node's own books are older than what a place has: from then on nothing that they do not know is deleted.
const SETTING_SET_BACK: &str = "set-back";
/// The alarm that a place has a newer state of the home than this one.
const ALARM_NEWER: &str = "newer-state";

/// Counts a place if there is a reason to, and has it prove what it took without proving. Gives the newest head that this
/// node signed and its books do not know, when the place turned out to have one.
///
/// # Errors
/// When a database cannot be read or written.
pub(super) async fn recount(
    home: &Arc<Home>,
    id: TargetId,
    target: &Arc<dyn Target>,
) -> anyhow::Result<Option<VaultHead>> {
    let at = Arc::clone(home);
    let mut forgotten = None;
    if blocking(move || is_due(&at, id)).await? {
        let Some(heads) = compare_heads(home, id, target).await? else { return Ok(None) };
        forgotten = heads.forgotten;
        if !count(home, id, target).await? {
            return Ok(forgotten);
        }
    }
    let at = Arc::clone(home);
    let unproven = blocking(move || Ok(at.vault.store.unproven_at(id, UNPROVEN_MAX)?)).await?;
    ask(home, id, target, &unproven).await?;
    Ok(forgotten)
}

fn is_due(home: &Home, id: TargetId) -> anyhow::Result<bool> {
    let store = &home.vault.store;
    let Some(row) = store.target(id)? else { return Ok(false) };
    let Some(counted) = store.moment(&counted(id))? else { return Ok(true) };
    let now_ms = home.vault.engine.now();
    let has_returned = row.returned_ms.is_some_and(|returned| returned > counted);
    // A count of tomorrow was noted by a clock that was ahead.
    let is_dreamt = counted.saturating_sub(now_ms) > DAY_MS;
    Ok(has_returned || is_dreamt || now_ms.saturating_sub(counted) >= COUNT_EVERY_MS)
}

/// The setting that holds when a place was last counted.
fn counted(id: TargetId) -> String {
    format!("counted-{id}")
}

/// The setting that holds when the newest state was made that a place has and this home does not come from.
fn newer(id: TargetId) -> String {
    format!("newer-{id}")
}

/// A place says how many packs it has: one that has fewer than it proved has begun anew, or lost some, and is counted.
///
/// # Errors
/// When the database cannot be read or written.
pub(super) fn note_packs(home: &Home, id: TargetId, packs: u64) -> anyhow::Result<()> {
    let store = &home.vault.store;
    if packs < store.proven_at(id)? {
        store.set_setting(&counted(id), "")?;
    }
    Ok(())
}

/// What the heads of a place say.
struct Compared {
    /// The newest that this node signed, if its books do not know it.
    forgotten: Option<VaultHead>,
}

/// Looks at the heads that a place has: whether it still has what it took, and whether it has something newer than this
/// home knows of; `None` when they cannot be read.
async fn compare_heads(
    home: &Arc<Home>,
    id: TargetId,
    target: &Arc<dyn Target>,
) -> anyhow::Result<Option<Compared>> {
    let Ok(heads) = target.heads().await else { return Ok(None) };
    let at = Arc::clone(home);
    blocking(move || {
        let (store, certificate) = (&at.vault.store, &at.keys.certificate);
        let heads = heads.iter().filter_map(|head| VaultHead::decode(head).ok());
        let heads: Vec<_> = heads.filter(|head| head.household() == certificate.household()).collect();
        let newest = heads.iter().map(VaultHead::number).max();
        if store.head_at(id)? > newest {
            store.head_lost_at(id, newest)?;
        }
        let last = store.last_head()?.map(|last| last.number);
        let own = heads.iter().filter(|head| head.certificate() == certificate && Some(head.number()) > last);
        let forgotten = own.max_by_key(|head| head.number()).cloned();
        if let Some(head) = &forgotten {
            note_set_back(&at, head)?;
        }
        let from = at.ledger.setting(SETTING_RESTORED_STATE)?.and_then(|text| text.parse::<i64>().ok());
        let others = heads.iter().filter(|head| head.certificate() != certificate);
        let made_ms = others.map(VaultHead::made_at_ms).filter(|made_ms| Some(*made_ms) > from).max();
        if let Some(made_ms) = made_ms {
            store.set_moment(&newer(id), made_ms)?;
            let row = store.target(id)?;
            tell_of_newer(&at, row.map(|row| row.place).as_ref(), made_ms)?;
        }
        Ok(Some(Compared { forgotten }))
    })
    .await
}

/// This node signed a head that its books do not know: they were set back to an older state.
///
/// # Errors
/// When it could not be saved.
pub(super) fn note_set_back(home: &Home, head: &VaultHead) -> anyhow::Result<()> {
    let store = &home.vault.store;
    store.set_moment(SETTING_SET_BACK, head.made_at_ms())?;
    let text =
        format!("This home was set back: its copies know a newer state, of {}.", day(head.made_at_ms()));
    let advice = "Photos that came since may be in the copies only; nothing is deleted there. To have them, restore \
                  this home from the copies into an empty folder.";
    raise(home, None, text, advice)
}

fn tell_of_newer(home: &Home, place: Option<&Place>, made_ms: i64) -> anyhow::Result<()> {
    let household = match place {
        Some(Place::Household(household)) => Some(*household),
        _ => None,
    };
    let name = match (place, household) {
        (_, Some(household)) => {
            let peer = home.ledger.peer(&household)?;
            peer.map_or_else(|| household.to_string()[..8].to_owned(), |peer| peer.name())
        }
        (Some(Place::Folder(folder)), None) => folder.clone(),
        _ => "A bucket".to_owned(),
    };
    let text =
        format!("{name} has a newer state of your home than the one that was restored, of {}.", day(made_ms));
    let advice = "This home deletes nothing there. To have what came since, restore once more from there within 30 days: \
                  homes forget older states after that.";
    raise(home, household, text, advice)
}

fn raise(home: &Home, household: Option<HouseholdId>, text: String, advice: &str) -> anyhow::Result<()> {
    let alarm = NewAlarm { kind: ALARM_NEWER, household, text, advice: advice.to_owned() };
    Ok(home.vault.store.raise(&alarm, home.vault.engine.now())?)
}

fn day(ms: i64) -> String {
    iso(ms).chars().take(10).collect()
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
        let is_newest = store.setting(&newer(id))?.is_none() && store.setting(SETTING_SET_BACK)?.is_none();
        Ok(has_head && has_all && is_newest)
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
