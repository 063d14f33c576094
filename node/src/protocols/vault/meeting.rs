//! What two homes say about their agreements whenever they meet.
//!
//! Each asks the other how it stands with it, so that neither depends on what it remembers: a home that was restored, or
//! lost its tables, learns from its keepers what they keep for it. Then waiting notices are delivered, damaged packs are
//! asked for, and keepers of one household compare its heads.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use heirloom_identity::{HouseholdId, VaultHead};
use heirloom_net::Connection;
use heirloom_vault::TargetError;
use heirloom_vault::policy::{Policy, Standing};
use heirloom_vault::store::{Ask, Place, Reported, TargetRow};
use tokio::time::timeout;

use super::asking::Line;
use super::messages::{Kept, StateOfUs};
use super::{heads, notices};
use crate::clock;
use crate::home::Home;
use crate::protocols::network::Network;
use crate::vault::{deletions, recount};

/// The kind of the alarm that a home no longer keeps copies.
const ALARM_ENDED: &str = "ended";
/// How long a meeting may take.
const MEETING_TIMEOUT: Duration = Duration::from_secs(5 * 60);

/// Everything that is said when a home connects.
pub(in crate::protocols) async fn meet(network: Arc<Network>, peer: HouseholdId, connection: Connection) {
    let line = Line::new(connection);
    let met = async {
        tokio::select! {
            met = timeout(MEETING_TIMEOUT, all(&network, peer, &line)) => met,
            () = network.stopping.cancelled() => Ok(Ok(())),
        }
    };
    match met.await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::debug!(peer = %peer, "a home was not heard about copies: {error:#}"),
        Err(_) => tracing::debug!(peer = %peer, "a home took too long to say how it stands"),
    }
    network.home.vault.wake();
}

async fn all(network: &Arc<Network>, peer: HouseholdId, line: &Line) -> anyhow::Result<()> {
    match look(network, peer, line).await {
        // A program that is too old to keep copies has nothing more to say about them.
        Err(error) if matches!(error.downcast_ref(), Some(TargetError::Refused(_))) => return Ok(()),
        looked => looked?,
    }
    notices::deliver(network, peer, line).await?;
    crate::vault::kits::owner::meet(&network.home, peer, line).await?;
    compare_heads(network, peer, line).await
}

/// Compares the heads of wards that both keep for.
pub(in crate::protocols) async fn compare_heads(
    network: &Arc<Network>,
    peer: HouseholdId,
    line: &Line,
) -> anyhow::Result<()> {
    heads::exchange(network, peer, line).await
}

/// Compares heads with every home that is connected, now and then.
pub(in crate::protocols) async fn compare_all_heads(network: &Arc<Network>) {
    for (peer, connection) in network.linked() {
        let compared = timeout(MEETING_TIMEOUT, compare_heads(network, peer, &Line::new(connection))).await;
        if !matches!(compared, Ok(Ok(()))) {
            tracing::debug!(peer = %peer, "heads were not compared");
        }
    }
}

/// Asks another home how it stands with this one, soon.
pub(super) fn look_soon(network: &Arc<Network>, peer: HouseholdId) {
    let Some(connection) = network.connection(&peer) else { return };
    let looking = Arc::clone(network);
    network.tasks.spawn(async move {
        let looked = async {
            if let Err(error) = look(&looking, peer, &Line::new(connection)).await {
                tracing::debug!(peer = %peer, "a home was not heard about copies: {error:#}");
            }
            looking.home.vault.wake();
        };
        tokio::select! { () = looked => {}, () = looking.stopping.cancelled() => {} }
    });
}

/// Asks another home how it stands with this one, and records it.
pub(super) async fn look(network: &Arc<Network>, peer: HouseholdId, line: &Line) -> anyhow::Result<()> {
    let wishes = *lock(&network.home.vault.wishes);
    let state = line.state().await?;
    let is_keeper = state.kept.as_ref().is_some_and(|kept| !kept.ended);
    let is_known = network.blocking(move |home| Ok(home.vault.store.target_of(&peer)?.is_some())).await?;
    if is_keeper && !is_known && keeps_our_heads(network, line).await? {
        let add = move |home: &Home| {
            let place = Place::Household(peer);
            Ok(home.vault.store.add_target(&place, Standing::Active, clock::now_ms())?)
        };
        network.blocking(add).await?;
    }
    network.blocking(move |home| note(home, &peer, &state, wishes)).await?;
    if is_keeper {
        let damaged = line.damaged().await?;
        if !damaged.is_empty() {
            network.blocking(move |home| notices::note_damaged(home, &peer, &damaged)).await?;
        }
    }
    Ok(())
}

/// Whether another home has heads of this household: then it keeps for us, although we do not remember it.
async fn keeps_our_heads(network: &Network, line: &Line) -> anyhow::Result<bool> {
    let us = network.home.keys.certificate.household();
    let heads = line.heads().await?;
    Ok(heads.iter().any(|head| VaultHead::decode(head).is_ok_and(|head| head.household() == us)))
}

/// Records how another home stands with this one. `wishes` is how many wishes had been heard when
/// it was asked: what it said of its wish is older than one that came since.
fn note(home: &Home, peer: &HouseholdId, state: &StateOfUs, wishes: u64) -> anyhow::Result<()> {
    let target = home.vault.store.target_of(peer)?;
    let kept = state.kept.as_ref().filter(|kept| !kept.ended);
    match (target, kept) {
        (Some(target), Some(kept)) => note_kept(home, &target, kept)?,
        (Some(target), None) => note_not_kept(home, peer, &target, state)?,
        (None, _) => {}
    }
    let heard = lock(&home.vault.wishes);
    if *heard == wishes {
        note_wish(home, peer, state.wants)?;
    }
    Ok(())
}

/// It keeps something for us.
fn note_kept(home: &Home, target: &TargetRow, kept: &Kept) -> anyhow::Result<()> {
    let (store, now_ms) = (&home.vault.store, home.vault.engine.now());
    let state = &kept.state;
    // A wish for more room is answered by a larger quota only.
    let answers = target.asked_bytes.is_none_or(|asked| state.quota.is_none_or(|quota| quota >= asked));
    if matches!(target.standing, Standing::Asked | Standing::Refused) || answers {
        store.target_granted(target.id, state.quota)?;
        store.lower(ALARM_ENDED, target.household())?;
    }
    if kept.disk_is_there {
        let reported = Reported { quota: state.quota, used: state.used, held: state.held, free: state.free };
        store.target_seen(target.id, reported, &Policy::default(), now_ms)?;
        recount::note_packs(home, target.id, state.packs)?;
        recount::note_head(home, target.id, kept.head)?;
    } else {
        store.target_disk_absent(target.id, now_ms)?;
    }
    match target.household() {
        Some(keeper) if !state.asked => deletions::settle(store, &keeper),
        _ => Ok(()),
    }
}

/// It keeps nothing for us, or no more.
fn note_not_kept(
    home: &Home,
    peer: &HouseholdId,
    target: &TargetRow,
    state: &StateOfUs,
) -> anyhow::Result<()> {
    match target.standing {
        Standing::Asked if state.declined => home.vault.store.target_refused(target.id, "it said no")?,
        Standing::Active | Standing::Leaving => {
            home.vault.store.target_refused(target.id, "it ended the agreement")?;
            if target.standing == Standing::Active {
                let name = notices::name_of(home, peer)?;
                let text = format!("{name} no longer keeps copies for you.");
                notices::alarm(home, ALARM_ENDED, peer, &text, "Ask another home to keep copies instead.")?;
            }
        }
        Standing::Asked | Standing::Refused => {}
    }
    Ok(())
}

/// It wants us to keep something for it, or no more.
fn note_wish(home: &Home, peer: &HouseholdId, wants: Option<u64>) -> anyhow::Result<()> {
    let before = wish_of(home, peer)?;
    match wants {
        Some(bytes) if !is_answered(home, peer, bytes)? => {
            if before != Some(bytes) {
                home.vault.store.note_ask(Ask { household: *peer, bytes, at_ms: clock::now_ms() })?;
            }
        }
        _ => {
            if wants.is_none() {
                set_declined(home, peer, false)?;
            }
            if before.is_some() {
                home.vault.store.forget_ask(peer)?;
            }
        }
    }
    Ok(())
}

/// Whether a wish was granted or declined already.
fn is_answered(home: &Home, peer: &HouseholdId, bytes: u64) -> anyhow::Result<bool> {
    use heirloom_vault::KeeperError;
    use heirloom_vault::keeper::WardState;
    let granted = match home.vault.keeper.ward(peer) {
        Ok(ward) => ward.state != WardState::Ended && ward.quota >= bytes,
        Err(KeeperError::NotAWard) => false,
        Err(error) => return Err(error.into()),
    };
    Ok(granted || is_declined(home, peer)?)
}

fn wish_of(home: &Home, peer: &HouseholdId) -> anyhow::Result<Option<u64>> {
    Ok(home.vault.store.asks()?.into_iter().find(|ask| ask.household == *peer).map(|ask| ask.bytes))
}

/// What another home asked of this one and is not answered, what this one asks of it, and whether its wish was declined.
pub(super) fn wishes(home: &Home, peer: &HouseholdId) -> anyhow::Result<(Option<u64>, Option<u64>, bool)> {
    let target = home.vault.store.target_of(peer)?;
    let wants = target.filter(|target| matches!(target.standing, Standing::Asked | Standing::Active));
    Ok((wish_of(home, peer)?, wants.and_then(|target| target.asked_bytes), is_declined(home, peer)?))
}

/// A person in another home asks this one to keep so much, or takes that back.
pub(super) async fn wished(network: &Arc<Network>, peer: HouseholdId, bytes: u64) -> anyhow::Result<()> {
    let record = move |home: &Home| {
        let mut heard = lock(&home.vault.wishes);
        *heard += 1;
        // Asked anew, a person here decides anew.
        set_declined(home, &peer, false)?;
        note_wish(home, &peer, (bytes > 0).then_some(bytes))
    };
    network.blocking(record).await
}

fn lock(wishes: &Mutex<u64>) -> MutexGuard<'_, u64> {
    wishes.lock().unwrap_or_else(PoisonError::into_inner)
}

fn setting_declined(peer: &HouseholdId) -> String {
    format!("declined:{peer}")
}

fn is_declined(home: &Home, peer: &HouseholdId) -> anyhow::Result<bool> {
    Ok(home.vault.store.setting(&setting_declined(peer))?.is_some_and(|text| text == "yes"))
}

/// Remembers that a person here declined another home's wish, so that it is not shown again until that home's people ask
/// again.
pub(super) fn set_declined(home: &Home, peer: &HouseholdId, declined: bool) -> anyhow::Result<()> {
    if is_declined(home, peer)? != declined {
        home.vault.store.set_setting(&setting_declined(peer), if declined { "yes" } else { "" })?;
    }
    Ok(())
}
