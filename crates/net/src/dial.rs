//! Dialling: from a node's id to an admitted connection, or to a reason why not.

use std::sync::Arc;
use std::time::Duration;

use heirloom_identity::NodeId;
use iroh::endpoint::{
    ConnectError as IrohError, ConnectWithOptsError, ConnectingError, Connection as Quic, ConnectionError,
};
use thiserror::Error;
use tokio::sync::watch;
use tokio::time::timeout;
use tracing::debug;

use crate::codes::{CloseCode, Reason};
use crate::connection::Connection;
use crate::gate::{Protocol, Refusal};
use crate::greeting;
use crate::monitor;
use crate::names::endpoint_of;
use crate::net::Shared;
use crate::pairs::{Dial, Outcome, Wanted};

/// The TLS alert "no application protocol", as QUIC writes it.
const NO_SUCH_PROTOCOL: u64 = 0x100 + 120;
/// The codes of QUIC that stand for a TLS alert.
const TLS_ALERTS: std::ops::Range<u64> = 0x100..0x200;

/// Why there is no connection.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ConnectError {
    /// No address of that node is known, and nobody on the local network knew one.
    #[error("no address of that node is known")]
    NoAddress,
    /// Nothing was heard from that node at any address.
    #[error("that node did not answer within {} s", .0.as_secs_f32())]
    TimedOut(Duration),
    /// The gate of the other side said no.
    #[error("that node refused: {} (code {})", .0.reason, .0.code)]
    Refused(Refusal),
    /// Our own gate said no.
    #[error("not allowed here: {} (code {})", .0.reason, .0.code)]
    NotAdmitted(Refusal),
    /// The other side has as many connections as it wants.
    #[error("that node has too many connections now")]
    Busy,
    /// The other side counts too many attempts from here.
    #[error("too many attempts; try again in a minute")]
    TooOften,
    /// We have as many connections as we want.
    #[error("too many connections here")]
    TooMany,
    /// Whoever answers at that address can't prove to be that node.
    #[error("another node answers at that address: {0}")]
    WrongNode(String),
    /// The other side runs something that doesn't know this protocol.
    #[error("that node does not know this protocol")]
    UnknownProtocol,
    /// The connection ended before it was greeted.
    #[error("the connection ended at once: {0}")]
    Lost(Reason),
    /// That is our own id, or no id at all.
    #[error("there is no such other node")]
    NoSuchNode,
    /// The network was closed here.
    #[error("the network is closed")]
    Closed,
}

impl ConnectError {
    fn of_reason(reason: Reason, limit: Duration) -> Self {
        match reason {
            Reason::Peer { code: CloseCode::BUSY, .. } => Self::Busy,
            Reason::Peer { code: CloseCode::TOO_OFTEN, .. } => Self::TooOften,
            Reason::TimedOut => Self::TimedOut(limit),
            Reason::Peer { code, text } => match code.refused(&text) {
                Some(refusal) => Self::Refused(refusal),
                None => Self::Lost(Reason::Peer { code, text }),
            },
            other @ (Reason::Local | Reason::Lost(_)) => Self::Lost(other),
        }
    }

    fn of_connection(error: ConnectionError, limit: Duration) -> Self {
        let alert = match &error {
            ConnectionError::TransportError(error) => u64::from(error.code),
            ConnectionError::ConnectionClosed(close) => u64::from(close.error_code),
            _ => return Self::of_reason(error.into(), limit),
        };
        match alert {
            NO_SUCH_PROTOCOL => Self::UnknownProtocol,
            code if TLS_ALERTS.contains(&code) => Self::WrongNode(error.to_string()),
            _ => Self::of_reason(error.into(), limit),
        }
    }

    fn of_iroh(error: IrohError, limit: Duration) -> Self {
        let other = |error: &dyn std::fmt::Display| Self::Lost(Reason::Lost(error.to_string()));
        match error {
            IrohError::Connect { source, .. } => match source {
                ConnectWithOptsError::NoAddress { .. } => Self::NoAddress,
                ConnectWithOptsError::SelfConnect { .. } => Self::NoSuchNode,
                ConnectWithOptsError::EndpointClosed { .. } => Self::Closed,
                source => other(&source),
            },
            IrohError::Connecting { source: ConnectingError::ConnectionError { source, .. }, .. }
            | IrohError::Connection { source, .. } => Self::of_connection(source, limit),
            IrohError::Connecting { source, .. } => other(&source),
            error => other(&error),
        }
    }
}

/// Returns the connection with this node: the living one, or a new one.
pub(crate) async fn connect(
    shared: &Arc<Shared>,
    node: &NodeId,
    protocol: Protocol,
    limit: Duration,
) -> Result<Connection, ConnectError> {
    if shared.stop.is_cancelled() {
        return Err(ConnectError::Closed);
    }
    if *node == shared.me || endpoint_of(node).is_none() {
        return Err(ConnectError::NoSuchNode);
    }
    shared.gate.admit(node, protocol).map_err(ConnectError::NotAdmitted)?;
    if protocol != Protocol::Home {
        return reach(shared, node, protocol, limit).await;
    }
    match shared.pairs.want(node) {
        Wanted::Live(connection) => Ok(connection),
        Wanted::Joined(outcome) => settled(outcome, limit).await,
        Wanted::Dial(dial, outcome) => {
            shared.tasks.spawn(dial_home(shared.clone(), *node, dial, limit));
            settled(outcome, limit).await
        }
    }
}

/// Waits for the outcome of a dial that a task of its own makes.
async fn settled(mut outcome: watch::Receiver<Outcome>, limit: Duration) -> Result<Connection, ConnectError> {
    match timeout(limit, outcome.wait_for(Option::is_some)).await {
        Ok(Ok(outcome)) => outcome.clone().unwrap_or(Err(ConnectError::Closed)),
        Ok(Err(_)) => Err(ConnectError::Closed),
        Err(_) => Err(ConnectError::TimedOut(limit)),
    }
}

/// Makes one dial for everybody who waits for it.
async fn dial_home(shared: Arc<Shared>, node: NodeId, dial: Arc<Dial>, limit: Duration) {
    let reached = tokio::select! {
        () = dial.cancelled.cancelled() => return,
        () = shared.stop.cancelled() => Err(ConnectError::Closed),
        reached = reach(&shared, &node, Protocol::Home, limit) => reached,
    };
    match reached {
        Ok(connection) => {
            let fresh = connection.serial();
            if let Ok(kept) = shared.pairs.answered(&dial, connection)
                && kept.serial() == fresh
            {
                shared.tasks.spawn(monitor::watch(shared.clone(), kept));
            }
        }
        Err(error) => {
            debug!(peer = %node, %error, "dial failed");
            shared.pairs.failed(&node, &dial, error);
        }
    }
}

/// Dials, greets and waits for the answer.
async fn reach(
    shared: &Shared,
    node: &NodeId,
    protocol: Protocol,
    limit: Duration,
) -> Result<Connection, ConnectError> {
    let dialling = async {
        let id = endpoint_of(node).ok_or(ConnectError::NoSuchNode)?;
        let quic = match shared.endpoint.connect(id, protocol.alpn()).await {
            Ok(quic) => quic,
            Err(IrohError::Connecting { source: ConnectingError::LocallyRejected { .. }, .. }) => {
                let refusal = shared.gate.admit(node, protocol).err();
                return Err(refusal.map_or(ConnectError::Lost(Reason::Local), ConnectError::NotAdmitted));
            }
            Err(error) => return Err(ConnectError::of_iroh(error, limit)),
        };
        greet(shared, quic, *node, protocol, limit).await
    };
    timeout(limit, dialling).await.unwrap_or(Err(ConnectError::TimedOut(limit)))
}

async fn greet(
    shared: &Shared,
    quic: Quic,
    node: NodeId,
    protocol: Protocol,
    limit: Duration,
) -> Result<Connection, ConnectError> {
    let greeting = async {
        let (mut send, mut recv) = quic.open_bi().await.ok()?;
        if !greeting::send(&mut send, shared.pairs.stamp()).await {
            return None;
        }
        greeting::receive(&mut recv).await
    };
    match greeting.await {
        Some(stamp) => Ok(Connection::new(quic, node, protocol, true, stamp)),
        None => {
            if quic.close_reason().is_none() {
                quic.close(CloseCode::PROTOCOL.into(), b"no greeting");
            }
            Err(ConnectError::of_connection(quic.closed().await, limit))
        }
    }
}
