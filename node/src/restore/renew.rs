//! Telling albums of the new node: its receive key replaces the old one, a new epoch shuts the old machine out, and
//! whatever that does from then on has no effect.
//!
//! A renewal also takes away what the old node did beside it. What it did after the last backup is in other homes, so the
//! restored home listens to them first, and renews when it has heard of everything. Homes may be off for a night or a
//! weekend, and this home's line may need mending first, so it waits for days before it renews without them.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use heirloom_identity::HouseholdId;
use heirloom_spaces::AlbumError;
use tokio::time::Instant;

use crate::clock;
use crate::home::Home;
use crate::restore::blocking;

/// How long this home must have been on, with its network, before albums are renewed without having heard of members.
const WAIT_MAX: Duration = Duration::from_secs(3 * 24 * 60 * 60);
/// The setting that says for how many milliseconds it has been.
const SETTING_WAITED: &str = "renewal_waited_ms";
/// How often that is written.
const NOTED_EVERY: Duration = Duration::from_secs(5 * 60);
/// How long a member must have been connected, so that its album was synced.
const SETTLED: Duration = Duration::from_secs(10);
/// How often is looked in the first minutes.
const ROUND: Duration = Duration::from_millis(500);
/// How often is looked later.
const LATE_ROUND: Duration = Duration::from_secs(5);
/// How long it is looked often.
const OFTEN: Duration = Duration::from_secs(10 * 60);

/// Renews every album that this household is a member of, once somebody else in it was heard; ends when none is left.
///
/// # Errors
/// When the database fails.
pub(super) async fn when_met(home: &Arc<Home>) -> anyhow::Result<()> {
    let began = Instant::now();
    let mut waited = Waited::load(home).await?;
    let mut since: HashMap<HouseholdId, Instant> = HashMap::new();
    loop {
        let at = Arc::clone(home);
        let due = blocking(move || due(&at)).await?;
        if due.is_empty() {
            return waited.forget(home).await;
        }
        let network = home.network();
        waited.pass(network.is_some());
        waited.note(home).await?;
        let is_late = waited.total >= WAIT_MAX;
        for album in due {
            let mut is_heard = false;
            for other in &album.others {
                let is_connected =
                    network.as_ref().is_some_and(|network| network.connection(other).is_some());
                if !is_connected {
                    since.remove(other);
                    continue;
                }
                is_heard |= since.entry(*other).or_insert_with(Instant::now).elapsed() >= SETTLED;
            }
            if is_heard || is_late || album.others.is_empty() {
                let at = Arc::clone(home);
                blocking(move || renew(&at, &album)).await?;
            }
        }
        tokio::time::sleep(if began.elapsed() < OFTEN { ROUND } else { LATE_ROUND }).await;
    }
}

/// For how long members could have been heard, over all starts of the program.
struct Waited {
    total: Duration,
    noted: Duration,
    counted_at: Instant,
}

impl Waited {
    async fn load(home: &Arc<Home>) -> anyhow::Result<Self> {
        let at = Arc::clone(home);
        let text = blocking(move || Ok(at.ledger.setting(SETTING_WAITED)?)).await?;
        let total = text.and_then(|text| text.parse().ok()).map_or(Duration::ZERO, Duration::from_millis);
        Ok(Self { total, noted: total, counted_at: Instant::now() })
    }

    /// Counts what passed since the last time, if it counts.
    fn pass(&mut self, counts: bool) {
        let now = Instant::now();
        if counts {
            self.total = self.total.saturating_add(now.duration_since(self.counted_at));
        }
        self.counted_at = now;
    }

    async fn note(&mut self, home: &Arc<Home>) -> anyhow::Result<()> {
        if self.total.saturating_sub(self.noted) < NOTED_EVERY {
            return Ok(());
        }
        self.noted = self.total;
        let (at, text) = (Arc::clone(home), self.total.as_millis().to_string());
        blocking(move || Ok(at.ledger.set_setting(SETTING_WAITED, &text)?)).await
    }

    /// The next restore waits anew.
    async fn forget(self, home: &Arc<Home>) -> anyhow::Result<()> {
        if self.noted == Duration::ZERO {
            return Ok(());
        }
        let at = Arc::clone(home);
        blocking(move || Ok(at.ledger.set_setting(SETTING_WAITED, "0")?)).await
    }
}

/// An album that does not know the new receive key.
struct Due {
    space: heirloom_identity::SpaceId,
    others: Vec<HouseholdId>,
}

fn due(home: &Home) -> anyhow::Result<Vec<Due>> {
    let ours = *home.keys.certificate.household();
    let newest = home.keys.receive.first().context("this home has no receive key")?.public();
    let mut due = Vec::new();
    for album in home.albums.list()? {
        let members = &album.membership.members;
        let is_due = members.get(&ours).is_some_and(|member| member.receive != newest);
        if is_due && !home.is_outranked() {
            let others = members.keys().filter(|household| **household != ours).copied().collect();
            due.push(Due { space: album.space, others });
        }
    }
    Ok(due)
}

fn renew(home: &Home, album: &Due) -> anyhow::Result<()> {
    match home.albums.renew(&album.space, clock::now_ms()) {
        // A membership that ended meanwhile needs no key.
        Ok(()) | Err(AlbumError::Refused(_) | AlbumError::Ended | AlbumError::Unknown(_)) => Ok(()),
        Err(AlbumError::Full(what)) => {
            tracing::warn!(space = %album.space, what, "an album could not be told of the new node");
            Ok(())
        }
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn only_days_with_a_network_count() {
        let mut waited = Waited { total: Duration::ZERO, noted: Duration::ZERO, counted_at: Instant::now() };
        tokio::time::advance(WAIT_MAX).await;
        waited.pass(false);
        assert_eq!(waited.total, Duration::ZERO);
        tokio::time::advance(WAIT_MAX / 2).await;
        waited.pass(true);
        assert!(waited.total < WAIT_MAX);
        tokio::time::advance(WAIT_MAX / 2).await;
        waited.pass(true);
        assert_eq!(waited.total, WAIT_MAX);
    }
}
