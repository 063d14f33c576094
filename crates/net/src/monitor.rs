//! Watches a `Home` connection from its admission to its end, and tells whoever listens.

use std::sync::Arc;

use futures_util::StreamExt;
use heirloom_identity::NodeId;
use tracing::info;

use crate::codes::Reason;
use crate::connection::Connection;
use crate::net::Shared;
use crate::path::{Path, PathKind};

/// What happens on the network, for whoever listens. A listener that falls behind asks for the state instead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NetEvent {
    /// A node is connected now.
    Connected(NodeId),
    /// A node is reached another way now.
    Path(NodeId, Path),
    /// A node isn't connected any more.
    Disconnected(NodeId, Reason),
    /// An admitted node was seen on the local network; dialling it is worth a try.
    Found(NodeId),
}

/// Follows one connection until it ends.
pub(crate) async fn watch(shared: Arc<Shared>, connection: Connection) {
    let node = connection.node();
    info!(peer = %node, dialled = connection.dialled(), "connected");
    shared.tell(NetEvent::Connected(node));
    let quic = connection.quic().clone();
    let mut known = PathKind::Off;
    let mut paths = quic.paths_stream();
    let reason = loop {
        tokio::select! {
            error = quic.closed() => break Reason::from(error),
            Some(_) = paths.next() => {
                let path = Path::of(&quic);
                if path.kind != known && path.kind != PathKind::Off {
                    known = path.kind;
                    info!(peer = %node, path = ?path.kind, "path");
                    shared.tell(NetEvent::Path(node, path));
                }
            }
        }
    };
    info!(peer = %node, %reason, "disconnected");
    if shared.pairs.ended(&connection) {
        shared.tell(NetEvent::Disconnected(node, reason));
    }
}
