//! Relays over which a restore reaches homes: those that invitations name, and the one that a person typed. What they ask
//! for was lost with the old home's settings.

use heirloom_identity::Invitation;
use heirloom_net::{NodeAddress, RelayConfig};

use super::Problem;
use crate::protocols::start::certificates_in;
use crate::protocols::vault::recover_client::address_of;

/// The longest address or token that is read.
const TEXT_BYTES_MAX: usize = 255;
/// How long a relay's certificates may be together; one has some 2 KB.
pub(super) const ROOTS_BYTES_MAX: usize = 64 << 10;

/// What a person knows of the relay.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RelayAccess {
    /// Its address, tried where that of an invitation leads nowhere, and kept in the restored home's settings.
    pub url: Option<String>,
    /// What relays ask for before they carry anything.
    pub token: Option<String>,
    /// Certificates (DER) that they are checked against, instead of the public ones.
    pub roots: Vec<Vec<u8>>,
}

impl RelayAccess {
    /// Reads what a person typed; whatever is empty was not meant. `certificate` are the bytes of a file.
    ///
    /// # Errors
    /// [`Problem::Origin`]: what is wrong with it.
    pub fn read(url: &str, token: &str, certificate: Vec<u8>) -> Result<Self, Problem> {
        let (url, token) = (url.trim(), token.trim());
        if url.len() > TEXT_BYTES_MAX || token.len() > TEXT_BYTES_MAX {
            return Err(Problem::Origin("the relay's address or its password is too long".to_owned()));
        }
        if !url.is_empty() && !is_address(url) {
            return Err(Problem::Origin(format!(
                "“{url}” is not the address of a relay; it begins with https://, like https://relay.example.org"
            )));
        }
        let roots = if certificate.is_empty() { Some(Vec::new()) } else { certificates_in(certificate) };
        let roots = roots.ok_or_else(|| {
            Problem::Origin(
                "the file with the relay's certificate is damaged, or is another file; ask whoever runs the relay".to_owned(),
            )
        })?;
        if roots.iter().map(Vec::len).sum::<usize>() > ROOTS_BYTES_MAX {
            return Err(Problem::Origin(
                "the file with the relay's certificate has too many in it, or is another file; ask whoever runs the relay \
                 for theirs alone"
                    .to_owned(),
            ));
        }
        let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        Ok(Self { url: some(url), token: some(token), roots })
    }

    /// Whether nothing is known.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The relays that this machine uses while it asks these homes.
    pub(super) fn configs<'a>(&'a self, homes: impl Iterator<Item = &'a Invitation>) -> Vec<RelayConfig> {
        let mut urls: Vec<&str> = homes.filter_map(Invitation::relay).chain(self.url.as_deref()).collect();
        urls.sort_unstable();
        urls.dedup();
        let relay = |url: &str| RelayConfig {
            url: url.to_owned(),
            token: self.token.clone().filter(|_| self.is_meant(url)),
            quic_port: None,
        };
        urls.into_iter().map(relay).collect()
    }

    /// Whether the token is for this relay: for the one that was typed; where none was, for that of the invitation, if
    /// nobody on the way can read it.
    fn is_meant(&self, url: &str) -> bool {
        self.url.as_deref().map_or_else(
            || url.starts_with("https://"),
            |typed| typed.trim_end_matches('/') == url.trim_end_matches('/'),
        )
    }

    /// Where a home may be, in the order in which that is tried: as its invitation says, then at the relay that was typed.
    pub(super) fn addresses(&self, home: &Invitation) -> Vec<NodeAddress> {
        let told = address_of(home);
        match &self.url {
            Some(url) if told.relay.is_none() => vec![NodeAddress { relay: Some(url.clone()), ..told }],
            Some(url) if told.relay.as_ref() != Some(url) => {
                let other = NodeAddress { relay: Some(url.clone()), ..told.clone() };
                vec![told, other]
            }
            _ => vec![told],
        }
    }
}

/// Whether a text looks like a relay's address.
fn is_address(url: &str) -> bool {
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    rest.is_some_and(|rest| !rest.is_empty() && !rest.starts_with('/') && !rest.contains(char::is_whitespace))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_goes_to_the_relay_that_it_is_for() {
        let read = |url: &str| RelayAccess::read(url, "secret", Vec::new()).unwrap();
        let typed = read("https://relay.example.org");
        assert!(typed.is_meant("https://relay.example.org/"));
        assert!(!typed.is_meant("https://another.example.org"), "an invitation may name anybody's");
        assert_eq!(typed.configs(std::iter::empty())[0].token.as_deref(), Some("secret"));
        assert!(read("").is_meant("https://another.example.org"));
        assert!(!read("").is_meant("http://another.example.org"), "everybody on the way would read it");
    }

    #[test]
    fn what_was_typed_is_judged_and_nothing_means_nothing() {
        assert!(RelayAccess::read(" ", "", Vec::new()).unwrap().is_empty());
        let read =
            RelayAccess::read(" https://relay.example.org ", " secret ", b"\x30\x82".to_vec()).unwrap();
        assert_eq!(read.url.as_deref(), Some("https://relay.example.org"));
        assert_eq!((read.token.as_deref(), read.roots.len()), (Some("secret"), 1));
        let said = |url: &str, token: &str, file: &[u8]| {
            RelayAccess::read(url, token, file.to_vec()).unwrap_err().to_string()
        };
        for url in ["relay.example.org", "https://", "https:///x", "https://a b", "ftp://a"] {
            assert!(said(url, "", b"").contains("begins with https://"), "{url}");
        }
        assert!(said("", &"x".repeat(256), b"").contains("too long"));
        let bundle = [&b"\x30\x82"[..], &vec![0; ROOTS_BYTES_MAX]].concat();
        assert!(said("", "", &bundle).contains("too many"));
        assert!(
            said("", "", b"-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----").contains("damaged")
        );
    }
}
