//! An invitation as a link: what the inviter's people give to the other home's people.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
};

use data_encoding::BASE64URL_NOPAD;
use thiserror::Error;
use zeroize::{Zeroize, Zeroizing};

use crate::{
    card::is_plain,
    ids::{HouseholdId, InvitationId, NodeId},
    labels,
    pairing::SECRET_BYTES,
    wire::{Reader, Writer},
};

/// The version that this code writes and reads.
const VERSION: u8 = 1;
/// How many addresses an invitation carries.
pub const ADDRESSES_MAX: usize = 16;
/// How long the relay's URL may be.
pub const RELAY_BYTES_MAX: usize = 255;
/// How much of the home's name an invitation carries.
const NAME_BYTES_MAX: usize = 80;
/// How many bytes of a hash tell a whole link from a cut one.
const CHECK_BYTES: usize = 4;
/// Everything before the addresses.
const FIXED_BYTES: usize = 1 + 32 + 32 + SECRET_BYTES + 8;
/// The longest invitation, before it is written as text.
const INVITATION_BYTES_MAX: usize =
    FIXED_BYTES + 1 + ADDRESSES_MAX * 19 + 1 + RELAY_BYTES_MAX + 1 + NAME_BYTES_MAX + CHECK_BYTES;
/// How long a link is at most; every chat carries that.
pub const LINK_BYTES_MAX: usize = 1023;
/// How much text is looked at: a link, and what a chat may have put around it.
const TEXT_BYTES_MAX: usize = 4096;
/// What links of ours begin with.
const SCHEME: &str = "heirloom://pair";
/// Addresses begin with one of these.
const IP_V4: u8 = 4;
const IP_V6: u8 = 6;

/// Why a text is no invitation.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum InvitationError {
    /// Something else entirely.
    #[error("this is no invitation; one begins with heirloom://pair#")]
    NotALink,
    /// Part of it is missing or changed.
    #[error(
        "the invitation is incomplete or was changed on its way; copy the whole link, or ask for a new one"
    )]
    Damaged,
    /// Written by a version that this program doesn't know.
    #[error("the invitation has version {0}, this program reads version 1; update Heirloom and try again")]
    Version(u8),
    /// A relay's URL that an invitation can't carry.
    #[error("a relay's URL in an invitation is at most 255 bytes of plain text")]
    Relay,
}

/// Where to find the inviter's node, and the secret that is good for one pairing. Whoever reads it can try to pair, so
/// it is given to one home only, and ends within a day. `Debug` doesn't show the secret; it is wiped when dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct Invitation {
    node: NodeId,
    household: HouseholdId,
    secret: [u8; SECRET_BYTES],
    addresses: Vec<SocketAddr>,
    relay: Option<String>,
    expires_at_ms: i64,
    name: String,
}

impl Invitation {
    /// Makes an invitation. `secret` is 16 fresh random bytes; `expires_at_ms` is in milliseconds since the Unix epoch,
    /// UTC. Of the addresses the first [`ADDRESSES_MAX`] that somebody could dial are carried, once each; the name is
    /// cleaned and cut to what fits.
    ///
    /// # Errors
    /// [`InvitationError::Relay`].
    pub fn new(
        node: NodeId,
        household: HouseholdId,
        secret: [u8; SECRET_BYTES],
        addresses: &[SocketAddr],
        relay: Option<String>,
        expires_at_ms: i64,
        name: &str,
    ) -> Result<Self, InvitationError> {
        if relay.as_deref().is_some_and(|relay| !is_relay(relay)) {
            return Err(InvitationError::Relay);
        }
        let mut kept: Vec<SocketAddr> = Vec::new();
        for address in addresses {
            // What is left out here (a scope, a flow) means nothing on another machine.
            let address = SocketAddr::new(address.ip(), address.port());
            if kept.len() < ADDRESSES_MAX && is_dialable(&address) && !kept.contains(&address) {
                kept.push(address);
            }
        }
        let name = carried_name(name);
        Ok(Self { node, household, secret, addresses: kept, relay, expires_at_ms, name })
    }

    /// The invitation as a link: `heirloom://pair#` and base64url, at most [`LINK_BYTES_MAX`] bytes. It is as secret as
    /// the invitation.
    pub fn link(&self) -> Zeroizing<String> {
        Zeroizing::new(format!("{SCHEME}#{}", *self.text()))
    }

    /// The base64url behind the `#`, for a web page's address that ends in `#pair=` and this.
    pub fn text(&self) -> Zeroizing<String> {
        let mut bytes = Writer::with_capacity(INVITATION_BYTES_MAX);
        bytes.u8(VERSION).bytes(self.node.as_bytes()).bytes(self.household.as_bytes()).bytes(&self.secret);
        bytes.i64(self.expires_at_ms);
        bytes.u8(u8::try_from(self.addresses.len()).expect("at most 16 addresses"));
        for address in &self.addresses {
            match address.ip() {
                IpAddr::V4(ip) => bytes.u8(IP_V4).bytes(&ip.octets()),
                IpAddr::V6(ip) => bytes.u8(IP_V6).bytes(&ip.octets()),
            };
            bytes.u16(address.port());
        }
        for text in [self.relay.as_deref().unwrap_or_default(), &self.name] {
            bytes.u8(u8::try_from(text.len()).expect("at most 255 bytes")).bytes(text.as_bytes());
        }
        let check = check(bytes.as_bytes());
        bytes.bytes(&check);
        let bytes = Zeroizing::new(bytes.into_bytes());
        Zeroizing::new(BASE64URL_NOPAD.encode(&bytes))
    }

    /// Reads what a person pasted: a link of ours, or any http(s) address that ends in `#pair=` and an invitation. White
    /// space and line breaks that a chat put in are skipped.
    ///
    /// Whether it has expired is for the caller, who has a clock: [`Invitation::expires_at_ms`].
    ///
    /// # Errors
    /// [`InvitationError::NotALink`], [`InvitationError::Damaged`] and [`InvitationError::Version`].
    pub fn parse(text: &str) -> Result<Self, InvitationError> {
        if text.len() > TEXT_BYTES_MAX {
            return Err(InvitationError::NotALink);
        }
        let mut plain = Zeroizing::new(String::with_capacity(text.len()));
        plain.extend(text.chars().filter(|letter| !letter.is_whitespace() && is_plain(*letter)));
        let (before, after) = plain.split_once('#').ok_or(InvitationError::NotALink)?;
        let before = before.to_ascii_lowercase();
        let encoded = if before == SCHEME || before.strip_suffix('/') == Some(SCHEME) {
            after
        } else if before.starts_with("https://") || before.starts_with("http://") {
            after.strip_prefix("pair=").ok_or(InvitationError::NotALink)?
        } else {
            return Err(InvitationError::NotALink);
        };
        let bytes = BASE64URL_NOPAD.decode(encoded.as_bytes()).map_err(|_| InvitationError::Damaged)?;
        Self::decode(&Zeroizing::new(bytes))
    }

    fn decode(bytes: &[u8]) -> Result<Self, InvitationError> {
        match bytes.first() {
            Some(&VERSION) => {}
            Some(&other) => return Err(InvitationError::Version(other)),
            None => return Err(InvitationError::Damaged),
        }
        let (body, found) = bytes.split_last_chunk::<CHECK_BYTES>().ok_or(InvitationError::Damaged)?;
        if check(body) != *found {
            return Err(InvitationError::Damaged);
        }
        Self::read(&mut Reader(&body[1..])).ok_or(InvitationError::Damaged)
    }

    /// Reads everything after the version; only what [`Invitation::text`] writes is read.
    fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let node = NodeId::from_bytes(reader.array()?);
        let household = HouseholdId::from_bytes(reader.array()?);
        let secret = Zeroizing::new(reader.array()?);
        let expires_at_ms = reader.i64()?;
        let count = usize::from(reader.u8()?);
        if count > ADDRESSES_MAX {
            return None;
        }
        let mut addresses = Vec::with_capacity(count);
        for _ in 0..count {
            let ip = match reader.u8()? {
                IP_V4 => Ipv4Addr::from(reader.array::<4>()?).into(),
                IP_V6 => Ipv6Addr::from(reader.array::<16>()?).into(),
                _ => return None,
            };
            let address = SocketAddr::new(ip, reader.u16()?);
            if !is_dialable(&address) || addresses.contains(&address) {
                return None;
            }
            addresses.push(address);
        }
        let [relay, name] = [read_text(reader)?, read_text(reader)?];
        let good = reader.is_empty() && (relay.is_empty() || is_relay(relay)) && carried_name(name) == name;
        let relay = (!relay.is_empty()).then(|| relay.to_owned());
        let name = name.to_owned();
        good.then(|| Self { node, household, secret: *secret, addresses, relay, expires_at_ms, name })
    }

    /// The invitation's id: what the guest says to tell the inviter which one it was given.
    pub fn id(&self) -> InvitationId {
        InvitationId::of(&self.secret)
    }

    /// The inviter's node.
    pub fn node(&self) -> &NodeId {
        &self.node
    }

    /// The inviter's household: a guest accepts no other's certificate.
    pub fn household(&self) -> &HouseholdId {
        &self.household
    }

    /// The secret that is good for one pairing.
    pub fn secret(&self) -> &[u8; SECRET_BYTES] {
        &self.secret
    }

    /// Where the inviter's node may be reached, the best first.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// The URL of the relay that the inviter's node is at.
    pub fn relay(&self) -> Option<&str> {
        self.relay.as_deref()
    }

    /// When it ends, in milliseconds since the Unix epoch, UTC.
    pub fn expires_at_ms(&self) -> i64 {
        self.expires_at_ms
    }

    /// The inviter's name, as far as it fits: for people to recognise, proves nothing.
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl InvitationId {
    /// The id of the invitation with this secret, so that the inviter needs to keep no more than the secret.
    pub fn of(secret: &[u8; SECRET_BYTES]) -> Self {
        Self::from_bytes(blake3::derive_key(labels::INVITATION, secret))
    }
}

impl Drop for Invitation {
    fn drop(&mut self) {
        self.secret.zeroize();
    }
}

impl fmt::Debug for Invitation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Invitation({} of {}, secret)", self.id(), self.household)
    }
}

/// The first bytes of the invitation's hash. It notices what chats do to links; what a person does to them on purpose is
/// noticed by the proofs.
fn check(body: &[u8]) -> [u8; CHECK_BYTES] {
    let [check @ .., _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _] =
        *blake3::hash(body).as_bytes();
    check
}

fn is_dialable(address: &SocketAddr) -> bool {
    address.port() != 0 && !address.ip().is_unspecified() && !address.ip().is_multicast()
}

fn is_relay(url: &str) -> bool {
    (1..=RELAY_BYTES_MAX).contains(&url.len()) && url.bytes().all(|byte| byte.is_ascii_graphic())
}

/// As much of a name as an invitation carries.
fn carried_name(name: &str) -> String {
    let mut kept = String::new();
    for letter in crate::card::clean_name(name).chars() {
        if kept.len() + letter.len_utf8() > NAME_BYTES_MAX {
            break;
        }
        kept.push(letter);
    }
    kept.trim_end().to_owned()
}

fn read_text<'a>(reader: &mut Reader<'a>) -> Option<&'a str> {
    let length = usize::from(reader.u8()?);
    std::str::from_utf8(reader.take(length)?).ok()
}
