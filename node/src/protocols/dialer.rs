//! Keeps in touch with one home: connects, waits while connected, and tries again, at first soon, then rarely.

use std::sync::Arc;
use std::time::Duration;

use heirloom_identity::HouseholdId;
use heirloom_net::{ConnectError, Protocol};
use tokio::sync::Notify;
use tokio::time::{Instant, timeout};

use super::book::TurnedAway;
use super::link;
use super::network::Network;
use crate::ledger::peers::{Peer, PeerState};

/// Time between two attempts, at first and at most; it doubles.
const PAUSE: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(5 * 60));
/// A connection that lasted this long was a good one: the next attempt comes soon.
const GOOD: Duration = Duration::from_secs(30);
/// How long a connection that somebody else serves may take to be greeted.
const SETTLING: Duration = Duration::from_secs(2);
/// How soon an attempt follows on news of the other home; the later, the more attempts were in vain.
const HURRY: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(5));

/// Begins to keep in touch with a home; fine if that is done already.
pub(super) fn start(network: &Arc<Network>, household: HouseholdId) {
    let Some(wake) = network.take_dialer(household) else { return };
    let network = Arc::clone(network);
    network.clone().tasks.spawn(async move {
        tokio::select! {
            () = keep(&network, household, &wake) => {}
            () = network.stopping.cancelled() => {}
        }
    });
}

async fn keep(network: &Arc<Network>, household: HouseholdId, wake: &Notify) {
    let mut pause = PAUSE.0;
    loop {
        let peer = network.peer(&household).filter(|peer| peer.state == PeerState::Paired);
        let Some(peer) = peer.filter(|_| !network.home.is_outranked()) else {
            // It may be paired again.
            wake.notified().await;
            continue;
        };
        let began = Instant::now();
        if network.connection(&household).is_some() {
            // The end of the connection wakes.
            wake.notified().await;
        } else {
            attempt(network, &peer, wake).await;
        }
        if began.elapsed() > GOOD {
            pause = PAUSE.0;
        }
        if network.connection(&household).is_some() {
            continue;
        }
        if timeout(jittered(pause), wake.notified()).await.is_ok() {
            tokio::time::sleep((pause / 8).clamp(HURRY.0, HURRY.1)).await;
        }
        pause = (2 * pause).min(PAUSE.1);
    }
}

/// One attempt, to the end of the connection it makes. News of the other home while it is being called end the attempt,
/// because a new one may know better where to call.
async fn attempt(network: &Arc<Network>, peer: &Peer, wake: &Notify) {
    let called = tokio::select! {
        called = network.net.connect(peer.certificate.node(), Protocol::Home) => called,
        () = wake.notified() => return wake.notify_one(),
    };
    match called {
        Ok(connection) => {
            if connection.claim() {
                link::serve(network, connection).await;
            } else {
                tokio::time::sleep(SETTLING).await;
            }
        }
        Err(ConnectError::Refused(refusal)) => {
            network.refused(&peer.household, refusal.code, &refusal.reason).await;
        }
        Err(error) => tracing::debug!(peer = %peer.household, %error, "not reached"),
    }
}

impl Network {
    /// Notes that a home turned this one away, so that a person can see why it stays away.
    pub(super) async fn refused(&self, household: &HouseholdId, code: u16, reason: &str) {
        if code != TurnedAway::NotPaired as u16 && code != TurnedAway::Version as u16 {
            tracing::info!(peer = %household, code, reason, "turned away");
            return;
        }
        let Some(peer) = self.book.peer(household) else { return };
        let words = if code == TurnedAway::NotPaired as u16 {
            TurnedAway::NotPaired.words()
        } else {
            TurnedAway::Version.words()
        };
        if peer.refusal.as_deref() == Some(words) {
            return;
        }
        tracing::info!(peer = %household, reason, "turned away");
        let household = *household;
        let saved =
            self.blocking(move |home| Ok(home.ledger.peer_refused(&household, words.to_owned())?)).await;
        if let Err(error) = saved {
            tracing::warn!(%error, "could not record that a home turned this one away");
        }
        self.book.change(&household, |peer| peer.refusal = Some(words.to_owned()));
        self.tell_peers();
    }
}

/// Between three quarters and five quarters of a pause, so that homes that were cut off together do not all come back
/// in the same moment.
fn jittered(pause: Duration) -> Duration {
    let [byte] = crate::random::bytes::<1>().unwrap_or([128]);
    pause.mul_f64(0.75 + f64::from(byte) / 512.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_differ_and_stay_within_bounds() {
        let pause = Duration::from_secs(100);
        let all: Vec<_> = (0..100).map(|_| jittered(pause)).collect();
        assert!(all.iter().all(|one| (75..=125).contains(&one.as_secs())));
        assert!(all.iter().any(|one| *one != all[0]));
    }
}
