//! What people agree on: who keeps how much for whom. Each function records the wish here and tells the other home, now
//! if it is connected, else when it is met ([`meeting`]).

use std::sync::Arc;

use anyhow::{Context, bail};
use heirloom_identity::HouseholdId;
use heirloom_vault::policy::Standing;
use heirloom_vault::{DeleteOutcome, KeeperError};

use super::asking::Line;
use super::messages::{Notice, VaultRequest};
use super::{PeerTarget, meeting, notices};
use crate::clock;
use crate::home::Home;
use crate::ledger::peers::PeerState;
use crate::vault::{deletions, remembered};

/// The least that is worth keeping.
pub const QUOTA_MIN: u64 = 64 << 20;

/// Asks another home to keep so many bytes; a person there decides.
///
/// # Errors
/// When that home is not paired, the vault has no keys yet, or it could not be saved.
pub async fn ask(home: &Arc<Home>, household: HouseholdId, bytes: u64) -> anyhow::Result<()> {
    if bytes < QUOTA_MIN {
        bail!("ask for at least {} MB", QUOTA_MIN >> 20);
    }
    let record = move |home: &Home| {
        home.must_be_current()?;
        must_be_paired(home, &household)?;
        if home.keys.vault().is_none() {
            bail!("copies need keys that only the recovery phrase makes; run `heirloom phrase verify` once");
        }
        Ok(home.vault.store.ask_target(household, bytes, clock::now_ms())?)
    };
    on_a_thread(home, record).await?;
    tell(home, household, VaultRequest::Ask { bytes }).await;
    Ok(())
}

/// No longer wants another home to keep copies. What is there stays until enough others have it, and 30 days longer.
///
/// # Errors
/// When that home keeps nothing for this one, or it could not be saved.
pub async fn end_keeper(home: &Arc<Home>, household: HouseholdId) -> anyhow::Result<()> {
    let record = move |home: &Home| {
        home.must_be_current()?;
        let store = &home.vault.store;
        let target = store.target_of(&household)?.context("that home was never asked to keep copies")?;
        remembered::forget_place(&home.ledger, &target.place)?;
        match target.standing {
            Standing::Asked | Standing::Refused => Ok(store.remove_target(target.id)?),
            Standing::Active | Standing::Leaving => Ok(store.leave_target(target.id)?),
        }
    };
    on_a_thread(home, record).await?;
    home.vault.wake();
    tell(home, household, VaultRequest::Ask { bytes: 0 }).await;
    Ok(())
}

/// Keeps copies for another home, at most so many bytes; also changes how many.
///
/// # Errors
/// When that home is not paired, or it could not be saved.
pub async fn keep(home: &Arc<Home>, household: HouseholdId, quota: u64) -> anyhow::Result<()> {
    if quota < QUOTA_MIN {
        bail!("keep at least {} MB, or end the agreement", QUOTA_MIN >> 20);
    }
    let record = move |home: &Home| {
        must_be_paired(home, &household)?;
        home.vault.keeper.agree(&household, quota, clock::now_ms(), crate::random::bytes()?)?;
        meeting::set_declined(home, &household, false)?;
        home.vault.store.forget_ask(&household)?;
        notices::wait_for(home, household, Notice::Agreement)
    };
    on_a_thread(home, record).await?;
    agreed(home, household);
    Ok(())
}

/// Ends keeping copies for another home, or declines its wish. What is here is held for 30 days.
///
/// # Errors
/// When it neither asked nor is kept for, or it could not be saved.
pub async fn end_ward(home: &Arc<Home>, household: HouseholdId) -> anyhow::Result<()> {
    let record = move |home: &Home| {
        let asked = home.vault.store.asks()?.iter().any(|ask| ask.household == household);
        let ended = match home.vault.keeper.end(&household) {
            Ok(()) => true,
            Err(KeeperError::NotAWard) => false,
            Err(error) => return Err(error.into()),
        };
        if !asked && !ended {
            bail!("this home keeps no copies for that one, so there is nothing to end");
        }
        meeting::set_declined(home, &household, true)?;
        home.vault.store.forget_ask(&household)?;
        notices::wait_for(home, household, Notice::Agreement)
    };
    on_a_thread(home, record).await?;
    agreed(home, household);
    Ok(())
}

/// What a person here thinks of the deletion that a ward asked for.
///
/// # Errors
/// When nothing waits, or it could not be saved.
pub async fn answer_ward(
    home: &Arc<Home>,
    household: HouseholdId,
    allow: bool,
) -> anyhow::Result<DeleteOutcome> {
    use heirloom_vault::keeper::Home::Keeper;
    let answer = move |home: &Home| {
        let outcome = home.vault.keeper.answer_deletion(&household, Keeper, allow)?;
        notices::wait_for(home, household, Notice::Agreement)?;
        Ok(outcome)
    };
    let outcome = on_a_thread(home, answer).await?;
    agreed(home, household);
    Ok(outcome)
}

/// What a person here thinks of the deletion that this home asked a keeper for.
///
/// # Errors
/// When the keeper is not connected, or nothing waits there.
pub async fn answer_keeper(
    home: &Arc<Home>,
    household: HouseholdId,
    allow: bool,
) -> anyhow::Result<DeleteOutcome> {
    use heirloom_vault::Target;
    home.must_be_current()?;
    let outcome = PeerTarget::new(Arc::clone(home), household).answer_deletion(allow).await?;
    on_a_thread(home, move |home| deletions::settle(&home.vault.store, &household)).await?;
    Ok(outcome)
}

/// Lets those in who recover, and tells the other home.
fn agreed(home: &Arc<Home>, household: HouseholdId) {
    if let Some(network) = home.network() {
        network.book.set_keeps(true);
        notices::deliver_soon(&network, household);
    }
}

/// Tells another home, if it is connected; and looks what it says to it.
async fn tell(home: &Arc<Home>, household: HouseholdId, request: VaultRequest) {
    let Some(network) = home.network() else { return };
    let Some(connection) = network.connection(&household) else {
        return network.wake_dialer(&household);
    };
    if let Err(error) = Line::new(connection).tell(request).await {
        tracing::debug!(peer = %household, %error, "a home hears of a wish when it is met again");
    }
    meeting::look_soon(&network, household);
}

fn must_be_paired(home: &Home, household: &HouseholdId) -> anyhow::Result<()> {
    let peer = home.ledger.peer(household)?;
    if peer.is_none_or(|peer| peer.state != PeerState::Paired) {
        bail!("no such home is connected with this one; `heirloom peer list` shows those that are");
    }
    Ok(())
}

async fn on_a_thread<T: Send + 'static>(
    home: &Arc<Home>,
    work: impl FnOnce(&Home) -> anyhow::Result<T> + Send + 'static,
) -> anyhow::Result<T> {
    let home = Arc::clone(home);
    tokio::task::spawn_blocking(move || work(&home)).await.context("a thread ended unexpectedly")?
}
