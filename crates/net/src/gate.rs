//! The gate: who may speak which protocol with this home.
//!
//! The gate itself belongs to the program, which knows certificates, invitations and blocked homes; it is asked with a
//! [`NodeId`] that the handshake has proven. It is asked when the handshake is done, before any byte of a protocol is
//! read, and once more before a connection is handed on, since somebody may have been blocked in between.

use std::{fmt, sync::Arc};

use heirloom_identity::NodeId;
use iroh::endpoint::{AfterHandshakeOutcome, Connection, EndpointHooks};

use crate::codes::{CloseCode, shortened};
use crate::names::node_of;

/// What two nodes talk about; each is a protocol name (ALPN) of its own in the handshake.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// Strangers get to know each other: `heirloom/pair/1`.
    Pair,
    /// Homes that know each other: `heirloom/home/1`. One connection per pair of nodes carries all their streams.
    Home,
    /// A household that lost everything asks for what is kept for it: `heirloom/recover/1`.
    Recover,
}

impl Protocol {
    pub(crate) const ALL: [Self; 3] = [Self::Pair, Self::Home, Self::Recover];

    /// The name in the handshake.
    pub const fn alpn(self) -> &'static [u8] {
        match self {
            Self::Pair => b"heirloom/pair/1",
            Self::Home => b"heirloom/home/1",
            Self::Recover => b"heirloom/recover/1",
        }
    }

    pub(crate) fn of_alpn(alpn: &[u8]) -> Option<Self> {
        Self::ALL.into_iter().find(|protocol| protocol.alpn() == alpn)
    }
}

/// A no, with what the other side is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// A number that the program chooses.
    pub code: u16,
    /// A plain sentence; the first 200 bytes are sent.
    pub reason: String,
}

/// Decides who may speak which protocol. Asked often and from many tasks: it answers at once, without waiting.
pub trait Gate: Send + Sync {
    /// Whether this node may speak this protocol with us now, whoever dialled.
    fn admit(&self, node: &NodeId, protocol: Protocol) -> Result<(), Refusal>;
}

/// The gate as iroh asks it, after every handshake in either direction.
pub(crate) struct Hooks(pub(crate) Arc<dyn Gate>);

impl fmt::Debug for Hooks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hooks")
    }
}

impl EndpointHooks for Hooks {
    async fn after_handshake<'a>(&'a self, connection: &'a Connection) -> AfterHandshakeOutcome {
        let Some(protocol) = Protocol::of_alpn(connection.alpn()) else {
            return AfterHandshakeOutcome::Reject {
                error_code: CloseCode::PROTOCOL.into(),
                reason: b"no such protocol".to_vec(),
            };
        };
        match self.0.admit(&node_of(connection.remote_id()), protocol) {
            Ok(()) => AfterHandshakeOutcome::Accept,
            Err(refusal) => AfterHandshakeOutcome::Reject {
                error_code: CloseCode::of(&refusal).into(),
                reason: shortened(&refusal.reason).as_bytes().to_vec(),
            },
        }
    }
}
