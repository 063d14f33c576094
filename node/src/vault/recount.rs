//! Counting what a place has: after a restore nobody here knows, after a long absence nobody should take it on trust.
//!
//! The place's list says what it claims to have. Claims are then proved; what it does not claim is asked for, and lost if
//! it cannot be proved; what nobody here knows is of no use to anybody and is deleted, which a keeper holds for 30 days.
//! Unless the place has heads of a newer state than this home came from: then what is unknown here may be the only copy of
//! photos: nothing is deleted until it was brought home ([`super::newer`]), and people are told.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use heirloom_identity::VaultHead;
use heirloom_store::StoreError;
use heirloom_vault::policy::{DAY_MS, TargetId};
use heirloom_vault::proof::CHALLENGES_MAX;
use heirloom_vault::store::{NewAlarm, VaultStore};
use heirloom_vault::target::{DELETE_MAX, LIST_MAX};
use heirloom_vault::{Challenge, PackId, PackRef, Target};

use super::lane::random_challenge;
use super::polite::blocking;
use super::{audits, newer, place, refill, strangers};
use crate::home::Home;
use crate::restore::SETTING_RESTORED_STATE;

/// How often a place is counted when nothing else is a reason to.
const COUNT_EVERY_MS: i64 = 7 * 24 * 60 * 60 * 1000;
/// Pages of a list that are read: a place may send them with a name or two each.
const PAGES_MAX: usize = 65_536;
/// Packs that were sent and not proved that are asked for in one go.
const UNPROVEN_MAX: usize = 4_096;
/// The alarm that a place has a state which only a newer program reads.
const ALARM_UNREADABLE: &str = "newer-program";
/// The version of heads that this program reads, their first byte.
const VERSION: u8 = 1;
/// Packs that a place may list for each that is known here, and beyond that: more is no mistake, and costs memory.
const LISTED_PER_KNOWN: usize = 2;
const LISTED_BEYOND: usize = 65_536;

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
    let is_due = blocking(move || {
        strangers::note_on(&at)?;
        is_due(&at, id)
    });
    if is_due.await? {
        let Some(found) = compare_heads(home, id, target).await? else { return Ok(None) };
        forgotten = found;
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

/// Doubt that a place has a newer state than the one that this home comes from.
pub(super) fn newer(id: TargetId) -> String {
    format!("newer-{id}")
}

/// Doubt that a place has a state that only a newer program reads.
fn unread(id: TargetId) -> String {
    format!("newer-unread-{id}")
}

/// A place says how many packs it has: one that has fewer than it proved has begun anew, or lost some, or somebody had some
/// deleted there, and is counted. Whether that is news.
///
/// # Errors
/// When the database cannot be read or written.
pub(crate) fn note_packs(home: &Home, id: TargetId, packs: u64) -> anyhow::Result<bool> {
    Ok(packs < home.vault.store.proven_at(id)? && count_soon(home, id)?)
}

/// A place says which is its newest head: one that this home does not know of is looked at. Whether that is news.
///
/// # Errors
/// When the database cannot be read or written.
pub(crate) fn note_head(home: &Home, id: TargetId, number: u64) -> anyhow::Result<bool> {
    let last = home.vault.store.last_head()?.map_or(0, |last| last.number);
    Ok(number > last && count_soon(home, id)?)
}

/// The place is counted by the next run; whether that is news.
fn count_soon(home: &Home, id: TargetId) -> anyhow::Result<bool> {
    let (store, key) = (&home.vault.store, counted(id));
    let is_news = store.setting(&key)?.is_some_and(|counted| !counted.is_empty());
    store.set_setting(&key, "")?;
    Ok(is_news)
}

/// Looks at the heads that a place has: whether it still has what it took, and whether it has something that this home does
/// not know of. The newest that this node signed and its books do not know, if there is one; `None` when they cannot be
/// read.
async fn compare_heads(
    home: &Arc<Home>,
    id: TargetId,
    target: &Arc<dyn Target>,
) -> anyhow::Result<Option<Option<VaultHead>>> {
    let Ok(heads) = target.heads().await else { return Ok(None) };
    let at = Arc::clone(home);
    blocking(move || {
        let has_unreadable = heads.iter().any(|head| head.first().is_some_and(|version| *version > VERSION));
        let heads: Vec<_> = heads.iter().filter_map(|head| VaultHead::decode(head).ok()).collect();
        Ok(Some(look_at_heads(&at, id, &heads, has_unreadable)?))
    })
    .await
}

/// What the heads of a place say; see [`compare_heads`].
pub(super) fn look_at_heads(
    home: &Home,
    id: TargetId,
    heads: &[VaultHead],
    has_unreadable: bool,
) -> anyhow::Result<Option<VaultHead>> {
    let (store, certificate) = (&home.vault.store, &home.keys.certificate);
    let ours = heads.iter().filter(|head| head.household() == certificate.household());
    let newest = ours.clone().map(VaultHead::number).max();
    if store.head_at(id)? > newest {
        store.head_lost_at(id, newest)?;
    }
    let forgotten = strangers::look_at_heads(home, id, heads)?;
    let from = home.ledger.setting(SETTING_RESTORED_STATE)?.and_then(|text| text.parse::<i64>().ok());
    let last = store.last_head()?.map(|last| last.number);
    let mut unknown = Vec::new();
    for head in ours.filter(|head| head.certificate() != certificate) {
        let is_known = match strangers::knows(store, head)? {
            Some(is_known) => is_known,
            // After keys were renewed this home's own older heads are no longer all remembered.
            None => from.is_none() && Some(head.number()) <= last,
        };
        if Some(head.made_at_ms()) > from && !is_known {
            unknown.push(head);
        }
    }
    newer::note(home, id, &unknown, false, &newer(id))?;
    note_unreadable(home, id, has_unreadable)?;
    Ok(forgotten)
}

/// Tells people of a state that this program cannot read, and doubts; nothing of it can be brought home by this program.
fn note_unreadable(home: &Home, id: TargetId, is_there: bool) -> anyhow::Result<()> {
    let store = &home.vault.store;
    let household = store.target(id)?.and_then(|row| row.household());
    if !is_there {
        return Ok(store.lower(ALARM_UNREADABLE, household)?);
    }
    strangers::doubt(home, &unread(id))?;
    let text = format!(
        "{} has a state of your home that a newer Heirloom wrote, or that is damaged.",
        strangers::name_of(home, id)?
    );
    let advice = "Install the newest Heirloom here: what came since is then brought home. Nothing is deleted there meanwhile; \
                  homes forget older states after 30 days.";
    let alarm = NewAlarm { kind: ALARM_UNREADABLE, household, text, advice: advice.to_owned() };
    Ok(store.raise(&alarm, home.vault.engine.now())?)
}

/// Reads the list of a place; `false` when it could not be read to its end.
async fn count(home: &Arc<Home>, id: TargetId, target: &Arc<dyn Target>) -> anyhow::Result<bool> {
    let (mut claimed, mut after, mut listed) = (HashSet::new(), None, 0);
    let at = Arc::clone(home);
    let known = blocking(move || Ok(at.vault.store.pack_count()?)).await?;
    let listed_max = known.saturating_mul(LISTED_PER_KNOWN).saturating_add(LISTED_BEYOND);
    for _ in 0..PAGES_MAX {
        let Ok(page) = target.list(after).await else { return Ok(false) };
        let sizes: HashMap<PackId, u64> = page.into_iter().take(LIST_MAX).collect();
        let mut page: Vec<PackId> = sizes.keys().copied().collect();
        page.sort_unstable();
        let Some(last) = page.last().copied() else { break };
        if after.is_some_and(|after| last <= after) {
            return Ok(false);
        }
        after = Some(last);
        listed += page.len();
        if listed > listed_max {
            note_endless(home, id).await?;
            return Ok(false);
        }
        let at = Arc::clone(home);
        let (page, unknown) = blocking(move || {
            let store = &at.vault.store;
            store.found_at(id, &page, at.vault.engine.now())?;
            let unknown = store.unknown_of(&page)?;
            Ok((page, unknown))
        })
        .await?;
        claimed.extend(page);
        let unknown = unknown.into_iter().map(|pack| (pack, sizes.get(&pack).copied().unwrap_or(0)));
        delete_unknown(home, id, target, unknown.collect()).await?;
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

/// A place lists far more packs than this home ever made: it is broken, or lies.
async fn note_endless(home: &Arc<Home>, id: TargetId) -> anyhow::Result<()> {
    let at = Arc::clone(home);
    blocking(move || {
        let trouble = "it lists far more packs than this home has sent; its list is not believed";
        Ok(at.vault.store.set_target_trouble(id, Some(trouble))?)
    })
    .await
}

/// Packs that this home knows nothing of, though it knows what every head lists: left by a run that a restore undid.
async fn delete_unknown(
    home: &Arc<Home>,
    id: TargetId,
    target: &Arc<dyn Target>,
    mut unknown: Vec<(PackId, u64)>,
) -> anyhow::Result<()> {
    let at = Arc::clone(home);
    let is_complete = blocking(move || {
        // Without a head of its own this home may not know its packs yet; and what is unknown may be all that there is of
        // photos that are still to be packed or sent.
        let store = &at.vault.store;
        let has_head = store.last_head()?.is_some() && !refill::is_owed(store)? && !at.is_outranked();
        let has_all = store.unpacked_pictures(i64::MAX, 1)?.is_empty()
            && (store.pending_for(id, 1)?.is_empty() || waits_for_room(store, id)?);
        let doubts = [newer(id), unread(id), strangers::SET_BACK.to_owned()];
        let has_doubt = doubts.iter().map(|doubt| strangers::has_doubt(&at, doubt));
        let is_newest = !has_doubt.collect::<Result<Vec<_>, _>>()?.contains(&true);
        Ok(has_head && has_all && is_newest)
    })
    .await?;
    if !is_complete || unknown.is_empty() || place::is_restoring(home) {
        return Ok(());
    }
    // No more than goes without asking people, the smallest first; the rest has time.
    let Ok(state) = target.state().await else { return Ok(()) };
    let mut left = state.deletable.unwrap_or(u64::MAX);
    unknown.sort_by_key(|(_, bytes)| *bytes);
    let fits = unknown.iter().take_while(|(_, bytes)| {
        let fits = *bytes <= left;
        left = left.saturating_sub(*bytes);
        fits
    });
    let fits: Vec<PackId> = fits.map(|(pack, _)| *pack).collect();
    for packs in fits.chunks(DELETE_MAX) {
        if let Err(error) = target.delete(packs.to_vec()).await {
            tracing::debug!(%error, "packs that nobody needs stay a little longer");
        }
    }
    Ok(())
}

/// Whether a place has no room for what is still to be sent there, while every original is here and whole: what is unknown
/// there is nobody's last copy then, and without it going nothing more would ever come.
fn waits_for_room(store: &VaultStore, id: TargetId) -> Result<bool, StoreError> {
    let is_full = store.target(id)?.is_some_and(|row| row.full_ms.is_some());
    Ok(is_full && store.originals_away(i64::MAX, 1)?.is_empty())
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
        strangers::look_for_deletions(home, id, target, &outcomes).await?;
        audits::record(home, id, outcomes).await?;
        if !is_answered {
            break;
        }
    }
    Ok(())
}
