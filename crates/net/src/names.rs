//! Our words for nodes and addresses, and iroh's.

use heirloom_identity::NodeId;
use iroh::{EndpointAddr, EndpointId, TransportAddr};

use crate::address::NodeAddress;

/// The node behind iroh's id.
pub(crate) fn node_of(id: EndpointId) -> NodeId {
    NodeId::from_bytes(*id.as_bytes())
}

/// iroh's id of a node; `None` for 32 bytes that are no key.
pub(crate) fn endpoint_of(node: &NodeId) -> Option<EndpointId> {
    EndpointId::from_bytes(node.as_bytes()).ok()
}

/// iroh's words for an address; `None` when the node is no key. A relay's URL that doesn't parse is left out.
pub(crate) fn endpoint_addr(address: &NodeAddress) -> Option<EndpointAddr> {
    let relay = address.relay.as_deref().and_then(|url| url.parse().ok()).map(TransportAddr::Relay);
    let direct = address.direct.iter().copied().map(TransportAddr::Ip);
    Some(EndpointAddr::from_parts(endpoint_of(&address.node)?, relay.into_iter().chain(direct)))
}
