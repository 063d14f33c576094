//! How often someone may try to guess a password: a sliding window for each email and each address.
//!
//! A failure is counted before the password is looked at, so that many tries at once count too, and is taken
//! back when the password was right. The tables are bounded; when one is full, the entry with the fewest
//! failures goes, so that a flood of new names doesn't wash away the one that is under attack.

use std::collections::{HashMap, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::sync::{Mutex, PoisonError};

use axum::extract::ConnectInfo;
use axum::http::request::Parts;

use super::limits::{
    LOGIN_FAILURES_PER_ADDRESS_MAX, LOGIN_FAILURES_PER_EMAIL_MAX, LOGIN_KEYS_MAX, LOGIN_WINDOW_MS,
};

/// Recent failures; lives as long as the process.
#[derive(Debug)]
pub struct LoginLimits {
    tables: Mutex<(Table, Table)>,
}

/// Too many failures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wait {
    /// Seconds until the next try is looked at.
    pub secs: u64,
}

/// A sign-in that is being tried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    email: String,
    address: Option<String>,
}

impl Attempt {
    /// A try to sign in as `email` from `address`, where that is known.
    pub fn new(email: &str, address: Option<IpAddr>) -> Self {
        Self { email: email.trim().to_lowercase(), address: address.map(network) }
    }
}

impl LoginLimits {
    /// No failures yet.
    #[must_use]
    pub fn new() -> Self {
        let tables = (Table::new(LOGIN_FAILURES_PER_EMAIL_MAX), Table::new(LOGIN_FAILURES_PER_ADDRESS_MAX));
        Self { tables: Mutex::new(tables) }
    }

    /// Counts a try as failed, or says how long to wait.
    ///
    /// # Errors
    /// [`Wait`] when either bound is reached; the try is then not counted.
    pub fn begin(&self, attempt: &Attempt, now_ms: i64) -> Result<(), Wait> {
        let mut tables = self.tables.lock().unwrap_or_else(PoisonError::into_inner);
        let (emails, addresses) = &mut *tables;
        let address_wait = attempt.address.as_ref().and_then(|address| addresses.wait(address, now_ms));
        if let Some(wait) = emails.wait(&attempt.email, now_ms).max(address_wait) {
            return Err(Wait { secs: u64::try_from(wait).unwrap_or(0).div_ceil(1000) });
        }
        emails.count(&attempt.email, now_ms);
        if let Some(address) = &attempt.address {
            addresses.count(address, now_ms);
        }
        Ok(())
    }

    /// Takes a try back that was right after all, and forgets the email's earlier failures.
    pub fn succeeded(&self, attempt: &Attempt) {
        let mut tables = self.tables.lock().unwrap_or_else(PoisonError::into_inner);
        let (emails, addresses) = &mut *tables;
        emails.failures.remove(&attempt.email);
        if let Some(times) = attempt.address.as_ref().and_then(|address| addresses.failures.get_mut(address))
        {
            times.pop_back();
        }
    }
}

impl Default for LoginLimits {
    fn default() -> Self {
        Self::new()
    }
}

/// Where a request comes from: the peer, or what a reverse proxy on this machine says of it.
pub fn client_address(parts: &Parts) -> Option<IpAddr> {
    let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>()?.0.ip();
    if !peer.is_loopback() {
        return Some(peer);
    }
    // The last entry is the one that the nearest proxy wrote; those before it are the client's word.
    let said = parts.headers.get_all("x-forwarded-for").into_iter().next_back();
    let said = said.and_then(|value| value.to_str().ok()?.rsplit(',').next()?.trim().parse().ok());
    said.or(Some(peer))
}

/// The network that one customer of a provider has: a /64 of IPv6, one address of IPv4.
fn network(address: IpAddr) -> String {
    match address.to_canonical() {
        IpAddr::V4(v4) => v4.to_string(),
        IpAddr::V6(v6) => {
            let [a, b, c, d, ..] = v6.segments();
            format!("{a:x}:{b:x}:{c:x}:{d:x}::/64")
        }
    }
}

/// Times of recent failures, oldest first.
#[derive(Debug)]
struct Table {
    failures: HashMap<String, VecDeque<i64>>,
    failures_max: usize,
}

impl Table {
    fn new(failures_max: usize) -> Self {
        Self { failures: HashMap::new(), failures_max }
    }

    /// Milliseconds until another try is allowed, when it isn't now.
    fn wait(&mut self, key: &str, now_ms: i64) -> Option<i64> {
        let times = self.failures.get_mut(key)?;
        forget_old(times, now_ms);
        let oldest = times.len().checked_sub(self.failures_max).and_then(|index| times.get(index))?;
        Some(oldest + LOGIN_WINDOW_MS - now_ms)
    }

    fn count(&mut self, key: &str, now_ms: i64) {
        if !self.failures.contains_key(key) && self.failures.len() >= LOGIN_KEYS_MAX {
            self.make_room(now_ms);
        }
        self.failures.entry(key.to_owned()).or_default().push_back(now_ms);
    }

    fn make_room(&mut self, now_ms: i64) {
        self.failures.retain(|_, times| {
            forget_old(times, now_ms);
            !times.is_empty()
        });
        if self.failures.len() < LOGIN_KEYS_MAX {
            return;
        }
        let least = self.failures.iter().min_by_key(|(_, times)| (times.len(), times.back().copied()));
        if let Some(key) = least.map(|(key, _)| key.clone()) {
            self.failures.remove(&key);
        }
    }
}

fn forget_old(times: &mut VecDeque<i64>, now_ms: i64) {
    // A clock that was set back must not lock anybody out for longer than the window.
    times.retain(|at| *at > now_ms - LOGIN_WINDOW_MS && *at <= now_ms);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attempt(email: &str, address: &str) -> Attempt {
        Attempt::new(email, address.parse().ok())
    }

    #[test]
    fn the_window_slides() {
        let limits = LoginLimits::new();
        let anna = attempt("anna@x", "10.0.0.1");
        for n in 0..10 {
            assert_eq!(limits.begin(&anna, n * 1000), Ok(()));
        }
        assert_eq!(limits.begin(&attempt(" ANNA@x", "10.0.0.2"), 10_000), Err(Wait { secs: 890 }));
        assert_eq!(limits.begin(&attempt("ben@x", "10.0.0.1"), 10_000), Ok(()));
        assert_eq!(limits.begin(&anna, LOGIN_WINDOW_MS), Ok(()));
        assert_eq!(limits.begin(&anna, LOGIN_WINDOW_MS), Err(Wait { secs: 1 }));
    }

    #[test]
    fn an_address_is_limited_over_all_emails() {
        let limits = LoginLimits::new();
        for n in 0..30 {
            assert_eq!(limits.begin(&attempt(&format!("{n}@x"), "2001:db8::1"), 0), Ok(()));
        }
        assert!(limits.begin(&attempt("new@x", "2001:db8::2"), 1).is_err());
        assert!(limits.begin(&attempt("new@x", "2001:db8:1::2"), 1).is_ok());
    }

    #[test]
    fn the_right_password_clears_the_slate() {
        let limits = LoginLimits::new();
        let anna = attempt("anna@x", "10.0.0.1");
        for n in 0..1000 {
            assert_eq!(limits.begin(&anna, n), Ok(()));
            limits.succeeded(&anna);
        }
    }

    #[test]
    fn a_flood_of_names_does_not_wash_away_the_one_under_attack() {
        let limits = LoginLimits::new();
        let victim = Attempt::new("victim@x", None);
        for _ in 0..10 {
            assert_eq!(limits.begin(&victim, 0), Ok(()));
        }
        for n in 0..LOGIN_KEYS_MAX + 10 {
            assert_eq!(limits.begin(&Attempt::new(&format!("{n}@x"), None), 1), Ok(()));
        }
        assert!(limits.begin(&victim, 2).is_err());
        assert!(limits.tables.lock().unwrap().0.failures.len() <= LOGIN_KEYS_MAX);
    }
}
