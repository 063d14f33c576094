//! Finding nodes on the local network by multicast DNS, under a service name of our own.
//!
//! Whoever shares the local network can announce anything. Only what is announced for nodes that the gate admits is
//! heeded, and only addresses, no relays; an address is only where to dial: the handshake proves who answers. Others on
//! the network can see that a Heirloom node is there, its id and its addresses.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

use futures_util::{Stream, StreamExt};
use heirloom_identity::NodeId;
use iroh::EndpointId;
use iroh::address_lookup::{AddrFilter, AddressLookup, EndpointData, EndpointInfo, Error, Item};
use iroh_mdns_address_lookup::{DiscoveryEvent, MdnsAddressLookup};

use crate::gate::{Gate, Protocol};
use crate::monitor::NetEvent;
use crate::names::node_of;
use crate::net::Shared;

/// The name under which nodes look for each other: `_heirloom._udp.local`.
const SERVICE: &str = "heirloom";

/// Looks up admitted nodes only.
#[derive(Clone)]
pub(crate) struct Neighbours {
    mdns: MdnsAddressLookup,
    gate: Arc<dyn Gate>,
}

impl fmt::Debug for Neighbours {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Neighbours")
    }
}

impl Neighbours {
    /// Starts to announce and to listen; an error where the machine has no network for it.
    pub(crate) fn start(id: EndpointId, gate: Arc<dyn Gate>) -> Result<Self, String> {
        let builder = MdnsAddressLookup::builder().service_name(SERVICE).addr_filter(AddrFilter::ip_only());
        let mdns = builder.build(id);
        Ok(Self { mdns: mdns.map_err(|error| error.to_string())?, gate })
    }

    fn admits(&self, node: &NodeId) -> bool {
        let admits = |protocol| self.gate.admit(node, protocol).is_ok();
        admits(Protocol::Home) || admits(Protocol::Recover)
    }

    /// Tells about admitted nodes that show up, until the network is closed.
    pub(crate) async fn watch(self, shared: Arc<Shared>) {
        let mut events = self.mdns.subscribe().await;
        loop {
            let event = tokio::select! {
                () = shared.stop.cancelled() => return,
                event = events.next() => event,
            };
            match event {
                None => return,
                Some(DiscoveryEvent::Discovered { endpoint_info, .. }) => {
                    let node = node_of(endpoint_info.endpoint_id);
                    if self.admits(&node) {
                        shared.tell(NetEvent::Found(node));
                    }
                }
                Some(_) => {}
            }
        }
    }
}

impl AddressLookup for Neighbours {
    fn publish(&self, data: &EndpointData) {
        self.mdns.publish(data);
    }

    fn resolve(&self, id: EndpointId) -> Option<Pin<Box<dyn Stream<Item = Result<Item, Error>> + Send>>> {
        let found = if self.admits(&node_of(id)) { self.mdns.resolve(id) } else { None };
        Some(found?.map(|item| item.map(|item| without_relays(&item))).boxed())
    }
}

fn without_relays(item: &Item) -> Item {
    let info = item.endpoint_info();
    let data = info.data.apply_filter(&AddrFilter::ip_only()).into_owned();
    Item::new(EndpointInfo::from_parts(info.endpoint_id, data), item.provenance(), item.last_updated())
}
