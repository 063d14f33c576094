//! How a node is reached right now: directly, through a relay, or not at all.

use std::time::Duration;

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
}

impl Path {
    /// No connection.
    pub const OFF: Self = Self { kind: PathKind::Off, rtt: None };

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
        Self { kind, rtt: Some(path.rtt()) }
    }
}
