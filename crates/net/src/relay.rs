//! Keeps an eye on the relays: says when none is reached, and puts them in anew when iroh's client hangs.
//!
//! iroh chooses a home relay among those of the configuration and keeps a connection with it. Two things need help. A
//! relay whose certificate isn't trusted is never chosen, and nothing says why. And the client may hang in
//! "connecting" for hours (n0-computer/iroh#4476); taking the relays out and putting them in anew gets it going again.

use std::sync::Arc;
use std::time::Duration;

use iroh::endpoint::RelayStatus;
use n0_watcher::Watcher as _;
use tokio::time::{Instant, sleep_until};
use tracing::{info, warn};

use crate::config::RelayConfig;
use crate::limits::{RELAY_PATIENCE, RELAY_WEDGED, RELAY_WEDGED_MAX};
use crate::net::Shared;

/// How this node stands with its relays.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RelayState {
    /// There are none in the configuration.
    None,
    /// None is reached yet.
    Connecting,
    /// One is reached, and others reach us through it.
    Connected {
        /// Its URL.
        url: String,
    },
    /// A relay doesn't want us.
    Denied {
        /// Its URL.
        url: String,
        /// What it said.
        reason: String,
    },
    /// None was reached for [`RELAY_PATIENCE`]: the address is wrong, the network blocks it, or its certificate isn't
    /// trusted.
    Unreachable {
        /// What the last attempt said, when there is something.
        error: Option<String>,
    },
}

/// What has to be done about the relays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Action {
    /// Tell a person that none is reached.
    Warn,
    /// Put them in anew.
    Renew,
}

/// Decides when something has to be done. Knows no clock.
#[derive(Debug)]
struct Watchdog {
    lost_at: Instant,
    warned: bool,
    renew_at: Instant,
    patience: Duration,
}

impl Watchdog {
    fn new(now: Instant) -> Self {
        Self { lost_at: now, warned: false, renew_at: now + RELAY_WEDGED, patience: RELAY_WEDGED }
    }

    fn look(&mut self, now: Instant, connected: bool) -> Option<Action> {
        if connected {
            *self = Self::new(now);
            return None;
        }
        if now >= self.renew_at {
            self.patience = (self.patience * 2).min(RELAY_WEDGED_MAX);
            self.renew_at = now + self.patience;
            return Some(Action::Renew);
        }
        let late = !self.warned && now >= self.lost_at + RELAY_PATIENCE;
        self.warned |= late;
        late.then_some(Action::Warn)
    }

    /// When to look again even if nothing happens.
    fn next(&self) -> Instant {
        if self.warned { self.renew_at } else { self.renew_at.min(self.lost_at + RELAY_PATIENCE) }
    }
}

/// Follows the relays until the network is closed.
pub(crate) async fn watch(shared: Arc<Shared>) {
    let mut status = shared.endpoint.home_relay_status();
    let mut watchdog = Watchdog::new(Instant::now());
    loop {
        let seen = status.get();
        let connected = seen.iter().any(RelayStatus::is_connected);
        let action = watchdog.look(Instant::now(), connected);
        let state = state_of(&seen, watchdog.warned);
        let changed = shared.relay.send_if_modified(|current| {
            let changed = *current != state;
            *current = state.clone();
            changed
        });
        if changed {
            tell(&state);
        }
        match action {
            Some(Action::Warn) => warn!(
                relays = %urls(&shared.relays),
                "no relay is reached: wrong address, blocked network, or a certificate that is not trusted"
            ),
            Some(Action::Renew) => renew(&shared).await,
            None => {}
        }
        tokio::select! {
            () = shared.stop.cancelled() => return,
            updated = status.updated() => if updated.is_err() { return },
            () = sleep_until(watchdog.next()), if !connected => {}
        }
    }
}

fn state_of(seen: &[RelayStatus], late: bool) -> RelayState {
    if let Some(status) = seen.iter().find(|status| status.is_connected()) {
        return RelayState::Connected { url: status.url().to_string() };
    }
    let denied =
        |status: &RelayStatus| Some((status.url().to_string(), status.auth_denied_reason()?.to_owned()));
    if let Some((url, reason)) = seen.iter().find_map(denied) {
        return RelayState::Denied { url, reason };
    }
    if !late {
        return RelayState::Connecting;
    }
    let error = seen.iter().find_map(|status| Some(status.last_error()?.to_string()));
    RelayState::Unreachable { error }
}

fn tell(state: &RelayState) {
    match state {
        RelayState::Connected { url } => info!(%url, "reachable through a relay"),
        RelayState::Denied { url, reason } => warn!(%url, %reason, "a relay does not want us"),
        RelayState::None | RelayState::Connecting | RelayState::Unreachable { .. } => {}
    }
}

/// Takes the relays out and puts them in anew.
async fn renew(shared: &Shared) {
    warn!(relays = %urls(&shared.relays), "no relay is reached; putting the relays in anew");
    // The configuration was checked at the start.
    for relay in shared.relays.iter().filter_map(|relay| relay.to_iroh().ok()) {
        shared.endpoint.remove_relay(&relay.url).await;
        shared.endpoint.insert_relay(relay.url.clone(), Arc::new(relay)).await;
    }
    shared.endpoint.network_change().await;
}

fn urls(relays: &[RelayConfig]) -> String {
    relays.iter().map(|relay| relay.url.as_str()).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_relay_that_is_never_reached_is_reported_once_and_renewed_ever_more_rarely() {
        let start = Instant::now();
        let mut watchdog = Watchdog::new(start);
        let mut done = Vec::new();
        while watchdog.next() < start + Duration::from_secs(2 * 3600) {
            let now = watchdog.next();
            let action = watchdog.look(now, false).expect("it asked to be looked at now");
            done.push((action, (now - start).as_secs()));
        }
        assert_eq!(done[0], (Action::Warn, 30));
        assert!(done[1..].iter().all(|(action, _)| *action == Action::Renew));
        let times: Vec<u64> = done[1..].iter().map(|(_, seconds)| *seconds).collect();
        assert_eq!(times, [120, 360, 840, 1800, 3600, 5400]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_relay_that_returns_starts_it_all_over() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut watchdog = Watchdog::new(start);
        assert_eq!(watchdog.look(at(29), false), None);
        assert_eq!(watchdog.look(at(31), false), Some(Action::Warn));
        assert_eq!(watchdog.look(at(40), false), None);
        assert_eq!(watchdog.look(at(119), true), None);
        assert_eq!(watchdog.look(at(121), false), None, "it was reached a moment ago");
        assert_eq!(watchdog.look(at(150), false), Some(Action::Warn));
        assert_eq!(watchdog.look(at(239), false), Some(Action::Renew));
    }
}
