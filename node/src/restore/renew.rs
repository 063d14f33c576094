//! Telling albums of the new node: its receive key replaces the old one, a new epoch shuts the old machine out, and
//! whatever that does from then on has no effect.
//!
//! A renewal also takes away what the old node did beside it. What it did after the last backup is in other homes, so the
//! restored home listens to them first, and renews when it has heard of everything, or after a while.

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

/// How long members may stay away before albums are renewed without having heard of them.
const WAIT_MAX: Duration = Duration::from_secs(10 * 60);
/// How long a member must have been connected, so that its album was synced.
const SETTLED: Duration = Duration::from_secs(10);
/// How often is looked.
const ROUND: Duration = Duration::from_millis(500);

/// Renews every album that this household is a member of, once somebody else in it was heard; ends when none is left.
///
/// # Errors
/// When the database fails.
pub(super) async fn when_met(home: &Arc<Home>) -> anyhow::Result<()> {
    let began = Instant::now();
    let mut since: HashMap<HouseholdId, Instant> = HashMap::new();
    loop {
        let at = Arc::clone(home);
        let due = blocking(move || due(&at)).await?;
        if due.is_empty() {
            return Ok(());
        }
        let network = home.network();
        let is_late = began.elapsed() >= WAIT_MAX;
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
        tokio::time::sleep(ROUND).await;
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
