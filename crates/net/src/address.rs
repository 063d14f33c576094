//! Where a node can be reached: its relay and its own addresses.

use std::net::SocketAddr;

use heirloom_identity::NodeId;
use iroh::EndpointAddr;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::limits::{ADDRESS_BYTES_MAX, ADDRESSES_MAX, RELAY_URL_BYTES_MAX};
use crate::names::node_of;

/// Where a node can be reached. Whatever it was decoded from, it keeps to the limits below.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Unchecked")]
pub struct NodeAddress {
    /// The node.
    pub node: NodeId,
    /// URL of the relay that it listens at, at most 255 bytes.
    pub relay: Option<String>,
    /// Addresses of its own, at most 16.
    pub direct: Vec<SocketAddr>,
}

/// Why bytes are no address of a node.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum AddressError {
    /// More bytes than an address may have.
    #[error("an address of a node takes at most {ADDRESS_BYTES_MAX} bytes, this has {0}")]
    TooLong(usize),
    /// The bytes aren't one.
    #[error("these bytes are no address of a node: {0}")]
    Malformed(postcard::Error),
}

#[derive(Deserialize)]
struct Unchecked {
    node: NodeId,
    relay: Option<String>,
    direct: Vec<SocketAddr>,
}

impl TryFrom<Unchecked> for NodeAddress {
    type Error = &'static str;

    fn try_from(unchecked: Unchecked) -> Result<Self, Self::Error> {
        let Unchecked { node, relay, direct } = unchecked;
        if direct.len() > ADDRESSES_MAX {
            return Err("a node has too many addresses");
        }
        if relay.as_ref().is_some_and(|url| url.len() > RELAY_URL_BYTES_MAX) {
            return Err("the URL of a relay is too long");
        }
        Ok(Self { node, relay, direct })
    }
}

impl NodeAddress {
    /// The bytes, as postcard writes them.
    pub fn encode(&self) -> Vec<u8> {
        postcard::to_stdvec(self).expect("an address of a node can be written to memory")
    }

    /// Reads what [`encode`](Self::encode) wrote.
    pub fn decode(bytes: &[u8]) -> Result<Self, AddressError> {
        if bytes.len() > ADDRESS_BYTES_MAX {
            return Err(AddressError::TooLong(bytes.len()));
        }
        postcard::from_bytes(bytes).map_err(AddressError::Malformed)
    }

    /// What iroh knows of a node, in our words and within our limits; `first` comes first.
    pub(crate) fn from_endpoint(address: &EndpointAddr, first: Option<SocketAddr>) -> Self {
        let mut direct: Vec<SocketAddr> = first.into_iter().collect();
        direct.extend(address.ip_addrs().copied().filter(|one| Some(*one) != first));
        direct.truncate(ADDRESSES_MAX);
        let relay = address.relay_urls().next().map(ToString::to_string);
        let relay = relay.filter(|url| url.len() <= RELAY_URL_BYTES_MAX);
        Self { node: node_of(address.id), relay, direct }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(count: u16) -> NodeAddress {
        NodeAddress {
            node: NodeId::from_bytes([7; 32]),
            relay: Some("https://relay.example.org/".to_owned()),
            direct: (0..count).map(|port| SocketAddr::from(([192, 0, 2, 1], port))).collect(),
        }
    }

    #[test]
    fn an_address_comes_back_as_it_was() {
        assert_eq!(NodeAddress::decode(&address(16).encode()), Ok(address(16)));
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_break_the_limits(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..300)) {
            if let Ok(address) = NodeAddress::decode(&bytes) {
                assert!(address.direct.len() <= ADDRESSES_MAX);
                assert!(address.relay.as_ref().is_none_or(|url| url.len() <= RELAY_URL_BYTES_MAX));
                assert_eq!(NodeAddress::decode(&address.encode()), Ok(address));
            }
        }

        #[test]
        fn no_damage_breaks_the_limits(place: usize, value: u8) {
            let mut bytes = address(16).encode();
            let place = place % bytes.len();
            bytes[place] = value;
            if let Ok(address) = NodeAddress::decode(&bytes) {
                assert!(address.direct.len() <= ADDRESSES_MAX);
            }
        }
    }

    #[test]
    fn too_much_of_anything_is_refused() {
        let refused = |address: NodeAddress| NodeAddress::decode(&address.encode()).is_err();
        assert!(refused(address(17)));
        assert!(refused(NodeAddress { relay: Some("x".repeat(256)), ..address(1) }));
        assert_eq!(NodeAddress::decode(&[0; 4000]), Err(AddressError::TooLong(4000)));
        assert!(NodeAddress::decode(&[]).is_err());
        // A length of 2⁶³ addresses must not be believed.
        let mut bytes = address(0).encode();
        bytes.pop();
        bytes.extend([0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f]);
        assert!(NodeAddress::decode(&bytes).is_err());
    }
}
