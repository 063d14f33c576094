//! What the network needs to know to start.

use std::net::SocketAddr;

use iroh::{RelayConfig as IrohRelay, RelayMap, RelayMode};
use thiserror::Error;
use zeroize::Zeroizing;

use crate::limits::{RELAY_URL_BYTES_MAX, RELAYS_MAX};

/// How this node appears on the network. No server stands in here unless the owner wrote it into the configuration.
pub struct NetConfig {
    /// The node's key; its public half is the node's id.
    pub secret: Zeroizing<[u8; 32]>,
    /// Addresses to listen on, UDP. Port 0 takes any. One of version 6 may fail while one of version 4 works.
    pub listen: Vec<SocketAddr>,
    /// The address under which a router forwards to us, when a person set that up.
    pub external: Option<SocketAddr>,
    /// Relays, at most 8.
    pub relays: Vec<RelayConfig>,
    /// Certificates (DER) that relays are checked against, instead of the public ones; empty: the public ones.
    pub relay_roots: Vec<Vec<u8>>,
    /// Whether to find and be found by multicast DNS on the local network.
    pub mdns: bool,
}

/// One relay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RelayConfig {
    /// Its URL, `https://…` (`http://…` in a laboratory).
    pub url: String,
    /// What it wants to be shown, when it is choosy.
    pub token: Option<String>,
    /// UDP port at which it tells us our own address; `None`: the usual one, 7842.
    pub quic_port: Option<u16>,
}

impl RelayConfig {
    /// A relay that asks for nothing.
    pub fn new(url: impl Into<String>) -> Self {
        Self { url: url.into(), token: None, quic_port: None }
    }
}

/// Why the network could not start.
#[derive(Debug, Error)]
pub enum NetError {
    /// A relay's URL makes no sense.
    #[error("{url:?} is not the URL of a relay: {reason}")]
    RelayUrl {
        /// What the configuration says.
        url: String,
        /// What is wrong with it.
        reason: String,
    },
    /// More relays than anybody needs.
    #[error("at most {RELAYS_MAX} relays, the configuration has {0}")]
    TooManyRelays(usize),
    /// There is nothing to listen on.
    #[error("the configuration names no address to listen on")]
    NothingToListenOn,
    /// An address can't be listened on, or iroh failed otherwise.
    #[error("cannot open the network on {listen}")]
    Bind {
        /// The addresses asked for.
        listen: String,
        /// What iroh said.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl RelayConfig {
    /// Whether this is the same relay, however its URL is spelt.
    pub(crate) fn same_url(&self, url: &str) -> bool {
        let parse = |url: &str| url.parse::<iroh::RelayUrl>().ok();
        parse(&self.url).is_some_and(|ours| parse(url) == Some(ours))
    }

    /// The relay in iroh's words.
    pub(crate) fn to_iroh(&self) -> Result<IrohRelay, NetError> {
        let bad = |reason: String| NetError::RelayUrl { url: self.url.clone(), reason };
        if self.url.len() > RELAY_URL_BYTES_MAX {
            return Err(bad(format!("longer than {RELAY_URL_BYTES_MAX} bytes")));
        }
        if !self.url.starts_with("https://") && !self.url.starts_with("http://") {
            return Err(bad("it begins with neither https:// nor http://".to_owned()));
        }
        let url: iroh::RelayUrl = self.url.parse().map_err(|error| bad(format!("{error}")))?;
        let mut relay = IrohRelay::from(url);
        if let (Some(port), Some(quic)) = (self.quic_port, &mut relay.quic) {
            quic.port = port;
        }
        Ok(match &self.token {
            Some(token) => relay.with_auth_token(token),
            None => relay,
        })
    }
}

/// The relays of the configuration as iroh wants them.
pub(crate) fn relay_mode(relays: &[RelayConfig]) -> Result<RelayMode, NetError> {
    if relays.len() > RELAYS_MAX {
        return Err(NetError::TooManyRelays(relays.len()));
    }
    if relays.is_empty() {
        return Ok(RelayMode::Disabled);
    }
    let map = RelayMap::empty();
    for relay in relays {
        let relay = relay.to_iroh()?;
        map.insert(relay.url.clone(), relay.into());
    }
    Ok(RelayMode::Custom(map))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(url: &str, expected: bool) {
        assert_eq!(RelayConfig::new(url).to_iroh().is_ok(), expected, "{url:?}");
    }

    #[test]
    fn a_relay_has_a_web_address() {
        check("https://relay.example.org", true);
        check("http://192.0.2.1:3340", true);
        check("relay.example.org", false);
        check("ftp://relay.example.org", false);
        check("https://", false);
        check(&format!("https://{}.example.org", "x".repeat(300)), false);
    }

    #[test]
    fn the_port_for_address_discovery_is_kept() {
        let relay = RelayConfig { quic_port: Some(9), ..RelayConfig::new("https://relay.example.org") };
        assert_eq!(relay.to_iroh().unwrap().quic.unwrap().port, 9);
        let usual = RelayConfig::new("https://relay.example.org").to_iroh().unwrap();
        assert_eq!(usual.quic.unwrap().port, 7842);
    }

    #[test]
    fn relays_are_counted() {
        let many = vec![RelayConfig::new("https://relay.example.org"); RELAYS_MAX + 1];
        assert!(matches!(relay_mode(&many), Err(NetError::TooManyRelays(_))));
        assert!(matches!(relay_mode(&[]), Ok(RelayMode::Disabled)));
    }
}
