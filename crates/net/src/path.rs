//! How a node is reached right now: directly, through a relay, or not at all.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use iroh::TransportAddr;
use iroh::endpoint::Connection as Quic;

/// The way that bytes take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PathKind {
    /// No connection.
    Off,
    /// Through a relay, which sees only ciphertext.
    Relay,
    /// From node to node.
    Direct,
}

/// How a node is reached right now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Path {
    /// The way that bytes take.
    pub kind: PathKind,
    /// Time there and back; `None` without a connection.
    pub rtt: Option<Duration>,
    /// Whether the other node is in the same local network: it is reached directly, at an address that no router
    /// passes on into the Internet.
    pub is_local: bool,
}

impl Path {
    /// No connection.
    pub const OFF: Self = Self { kind: PathKind::Off, rtt: None, is_local: false };

    /// The path that a connection has chosen; while it changes its mind, the one that it falls back to.
    pub(crate) fn of(quic: &Quic) -> Self {
        if quic.close_reason().is_some() {
            return Self::OFF;
        }
        let paths = quic.paths();
        let chosen = paths.iter().find(|path| path.is_selected());
        let chosen = chosen.or_else(|| paths.iter().find(|path| path.is_relay()));
        let Some(path) = chosen.or_else(|| paths.iter().next()) else {
            return Self::OFF;
        };
        let kind = if path.is_relay() { PathKind::Relay } else { PathKind::Direct };
        let is_local = matches!(path.remote_addr(), TransportAddr::Ip(address) if is_local(address));
        Self { kind, rtt: Some(path.rtt()), is_local }
    }
}

/// Whether an address is one of a local network.
fn is_local(address: &SocketAddr) -> bool {
    match address.ip().to_canonical() {
        IpAddr::V4(ip) => ip.is_loopback() || ip.is_private() || ip.is_link_local(),
        IpAddr::V6(ip) => ip.is_loopback() || ip.is_unique_local() || ip.is_unicast_link_local(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(address: &str, expected: bool) {
        assert_eq!(is_local(&address.parse().unwrap()), expected, "{address}");
    }

    #[test]
    fn local_addresses_are_told_from_those_of_the_internet() {
        check("127.0.0.1:1", true);
        check("192.168.1.7:1", true);
        check("10.0.0.7:1", true);
        check("169.254.3.4:1", true);
        check("[::1]:1", true);
        check("[fe80::1]:1", true);
        check("[fd00::1]:1", true);
        check("[::ffff:192.168.1.7]:1", true);
        check("203.0.113.7:1", false);
        check("[2001:db8::1]:1", false);
        check("100.64.0.1:1", false);
    }
}
