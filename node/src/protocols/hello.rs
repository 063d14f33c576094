//! Hello: the first stream of every connection between two homes, before anything else is said.
//!
//! The side that dialled says who it is: its certificate, its card, where it can be found, and the highest
//! certificate of the other home that it knows. The other side looks whether that home is paired and the certificate
//! current, and answers in kind or says why not. So a home whose machine was replaced is known by its new one, and a
//! machine that was replaced learns of it from whomever it meets first.
//!
//! Later each side may open a further stream of this kind to say that its card or its address changed. Drawn in
//! `docs/formats/hello.md`. Read first: [`Introduction`], [`judge`].

use std::time::Duration;

use heirloom_identity::{Card, Certificate, HouseholdId, NodeId};
use heirloom_net::{Connection, FramedStream, NodeAddress, Priority, StreamKind};
use serde::{Deserialize, Serialize};

use super::book::{Book, TurnedAway};
use crate::ledger::peers::{Peer, PeerState};

/// Versions of what is spoken on a connection between homes, lowest and highest.
pub const VERSIONS: (u16, u16) = (1, 1);
/// Bytes of one message.
pub const MESSAGE_BYTES_MAX: usize = 64 << 10;
/// How long a home that is paired may take to say hello.
pub const HELLO_TIMEOUT: Duration = Duration::from_secs(15);
/// How long a stranger may take to show a certificate that makes it none.
pub const STRANGER_TIMEOUT: Duration = Duration::from_secs(5);
/// Characters of a refusal's reason that are kept.
const REASON_CHARS_MAX: usize = 200;

/// What is said on a stream of this kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum HelloMessage {
    /// From the side that dialled.
    Hello(Introduction),
    /// From the other side, when it takes the connection.
    Welcome(Introduction),
    /// From the other side, when it does not.
    Refused {
        /// See [`TurnedAway`].
        code: u16,
        /// The same in words.
        reason: String,
        /// A certificate that outranks that of the side which is turned away.
        certificate: Option<Vec<u8>>,
    },
    /// What the sender says about itself has changed.
    Card(Vec<u8>),
    /// The sender can be found elsewhere now.
    Address(Vec<u8>),
}

/// Who speaks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Introduction {
    /// Lowest and highest version that it speaks; in a welcome both are the one that is spoken.
    pub versions: (u16, u16),
    /// Its certificate.
    pub certificate: Vec<u8>,
    /// What it says about itself.
    pub card: Vec<u8>,
    /// Where it can be found.
    pub address: Vec<u8>,
    /// The highest certificate of the other home that it knows.
    pub yours: Option<Vec<u8>>,
}

/// An introduction that was read and found to be that of a home which is paired.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Introduced {
    /// The home as it is known from now on.
    pub peer: Peer,
    /// Whether its certificate or its card is newer than what was known.
    pub is_news: bool,
    /// Where it can be found.
    pub address: Option<NodeAddress>,
    /// A certificate that outranks ours: another node has taken our place.
    pub outranks_us: Option<Certificate>,
    /// The version that is spoken.
    pub version: u16,
}

/// Why an introduction was not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejected {
    /// The reason.
    pub why: TurnedAway,
    /// The certificate that outranks the one shown.
    pub certificate: Option<Certificate>,
    /// A certificate that outranks ours, if one was shown.
    pub outranks_us: Option<Certificate>,
}

impl Rejected {
    fn because(why: TurnedAway) -> Box<Self> {
        Box::new(Self { why, certificate: None, outranks_us: None })
    }

    /// The message that says so.
    pub fn message(&self) -> HelloMessage {
        HelloMessage::Refused {
            code: self.why as u16,
            reason: self.why.words().to_owned(),
            certificate: self.certificate.as_ref().map(|certificate| certificate.encode().to_vec()),
        }
    }
}

impl HelloMessage {
    /// The bytes, as postcard writes them.
    pub fn encode(&self) -> Vec<u8> {
        postcard::to_stdvec(self).expect("a message can be written to memory")
    }

    /// Reads a message; `None` when it is none.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        if bytes.len() > MESSAGE_BYTES_MAX {
            return None;
        }
        let (message, rest) = postcard::take_from_bytes(bytes).ok()?;
        rest.is_empty().then_some(message)
    }
}

/// Judges an introduction: is it that of a paired home, from the node that its newest certificate names?
///
/// `own` is our certificate, `node` the one that the connection proved.
///
/// # Errors
/// [`Rejected`], with what the other side must be told.
pub fn judge(
    book: &Book,
    own: &Certificate,
    node: &NodeId,
    said: &Introduction,
) -> Result<Introduced, Box<Rejected>> {
    let outranks_us = said.yours.as_deref().and_then(|bytes| outranking(own, bytes));
    let reject = |why| Box::new(Rejected { why, certificate: None, outranks_us: outranks_us.clone() });
    let certificate =
        Certificate::decode(&said.certificate).map_err(|_| Rejected::because(TurnedAway::Malformed))?;
    if certificate.node() != node {
        return Err(Rejected::because(TurnedAway::Malformed));
    }
    let known = book.peer(certificate.household()).filter(|peer| peer.state == PeerState::Paired);
    // What a stranger says about us counts for nothing.
    let known = known.ok_or_else(|| Rejected::because(TurnedAway::NotPaired))?;
    if known.certificate.outranks(&certificate) {
        let certificate = Some(known.certificate);
        return Err(Box::new(Rejected { why: TurnedAway::Outranked, certificate, outranks_us }));
    }
    let version = VERSIONS.1.min(said.versions.1);
    if version < VERSIONS.0.max(said.versions.0) {
        return Err(reject(TurnedAway::Version));
    }
    let card = Card::decode(&said.card).ok().filter(|card| *card.certificate() == certificate);
    let card = card.ok_or_else(|| reject(TurnedAway::Malformed))?;
    let (peer, is_news) = renewed(&known, certificate, card);
    let address = useful_address(node, &said.address);
    Ok(Introduced { peer, is_news, address, outranks_us, version })
}

/// A home with a certificate and a card that are at least as new as what was known; says whether either is newer.
fn renewed(known: &Peer, certificate: Certificate, card: Card) -> (Peer, bool) {
    let is_new_node = certificate.outranks(&known.certificate);
    let is_new_card = is_new_node || known.card.as_ref().is_none_or(|known| card.replaces(known));
    let card = if is_new_card { Some(card) } else { known.card.clone() };
    (Peer { certificate, card, ..known.clone() }, is_new_node || is_new_card)
}

/// An address that a node gave, if it is its own and says anything.
pub fn useful_address(node: &NodeId, bytes: &[u8]) -> Option<NodeAddress> {
    let address = NodeAddress::decode(bytes).ok()?;
    let says_something = address.relay.is_some() || !address.direct.is_empty();
    (address.node == *node && says_something).then_some(address)
}

/// A card that came later on a connection, if it is newer than what is known.
pub fn newer_card(known: &Peer, bytes: &[u8]) -> Option<Card> {
    let card = Card::decode(bytes).ok()?;
    let is_newer = known.card.as_ref().is_none_or(|known| card.replaces(known));
    (*card.certificate() == known.certificate && is_newer).then_some(card)
}

/// A certificate of our own household that outranks ours, if these bytes are one.
pub fn outranking(own: &Certificate, bytes: &[u8]) -> Option<Certificate> {
    let certificate = Certificate::decode_for(own.household(), bytes).ok()?;
    certificate.outranks(own).then_some(certificate)
}

/// What became of saying hello.
#[derive(Debug)]
pub enum Greeted {
    /// The other home takes the connection.
    Welcome(Box<Introduced>),
    /// It does not; its words, and a certificate that outranks ours if it showed one.
    TurnedAway {
        /// See [`TurnedAway`].
        code: u16,
        /// What it said.
        reason: String,
        /// A certificate that outranks ours.
        outranks_us: Option<Box<Certificate>>,
    },
}

/// Says hello on a connection that this side dialled, to reach `household`.
///
/// # Errors
/// What went wrong, in words; the caller closes the connection.
pub async fn say(
    connection: &Connection,
    book: &Book,
    own: &Certificate,
    household: &HouseholdId,
    introduction: Introduction,
) -> anyhow::Result<Greeted> {
    let mut stream = connection.open(StreamKind::Hello, Priority::CONTROL).await?;
    stream.send(&HelloMessage::Hello(introduction).encode()).await?;
    let answer = receive(&mut stream, HELLO_TIMEOUT).await?;
    let node = connection.node();
    match answer {
        HelloMessage::Welcome(said) => match judge(book, own, &node, &said) {
            Ok(introduced) if introduced.peer.household == *household => {
                Ok(Greeted::Welcome(Box::new(introduced)))
            }
            Ok(_) => anyhow::bail!("another home answered than the one that was called"),
            Err(rejected) => anyhow::bail!("it answers, but: {}", rejected.why.words()),
        },
        HelloMessage::Refused { code, reason, certificate } => Ok(Greeted::TurnedAway {
            code,
            reason: tame(&reason),
            outranks_us: certificate.as_deref().and_then(|bytes| outranking(own, bytes)).map(Box::new),
        }),
        HelloMessage::Hello(_) | HelloMessage::Card(_) | HelloMessage::Address(_) => {
            anyhow::bail!("it answers in a way that makes no sense")
        }
    }
}

/// Reads one message.
///
/// # Errors
/// When the stream ends, stalls, or says something else.
pub async fn receive(stream: &mut FramedStream, limit: Duration) -> anyhow::Result<HelloMessage> {
    let frame = stream.recv_within(MESSAGE_BYTES_MAX, limit).await?;
    let frame = frame.ok_or_else(|| anyhow::anyhow!("it went away without a word"))?;
    HelloMessage::decode(&frame).ok_or_else(|| anyhow::anyhow!("it says something that makes no sense"))
}

/// A text of the other side as it may be shown.
pub fn tame(text: &str) -> String {
    text.chars().filter(|char| !char.is_control()).take(REASON_CHARS_MAX).collect()
}

#[cfg(test)]
mod tests {
    use heirloom_identity::{AuthorityKey, NodeKeys, ReceiveKey, Root};

    use super::*;

    /// A node of a household, with its certificate.
    struct Node {
        keys: NodeKeys,
        certificate: Certificate,
    }

    fn authority(household: u8) -> AuthorityKey {
        Root::from_bytes([household; 32]).authority()
    }

    fn node(household: u8, generation: u32) -> Node {
        let mut secrets = [household; 64];
        secrets[..4].copy_from_slice(&generation.to_le_bytes());
        let keys = NodeKeys::from_bytes(&secrets);
        let signer = keys.signer().id();
        let certificate =
            Certificate::issue(&authority(household), generation, keys.node(), signer, 1).unwrap();
        Node { keys, certificate }
    }

    fn card(node: &Node, number: u64) -> Card {
        let receive = ReceiveKey::from_bytes(&[8; 32]).public();
        let signer = node.keys.signer();
        Card::issue(signer, &node.certificate, number, receive, "Nonna", Vec::new(), 1).unwrap()
    }

    fn introduction(node: &Node, number: u64) -> Introduction {
        Introduction {
            versions: VERSIONS,
            certificate: node.certificate.encode().to_vec(),
            card: card(node, number).encode(),
            address: Vec::new(),
            yours: None,
        }
    }

    /// A book with household 2, as its node of this generation introduced itself with card 5.
    fn book(generation: u32) -> Book {
        let book = Book::default();
        let known = node(2, generation);
        book.put(Peer {
            household: *known.certificate.household(),
            card: Some(card(&known, 5)),
            certificate: known.certificate,
            given_name: None,
            state: PeerState::Paired,
            words: Vec::new(),
            address: None,
            paired_ms: 1,
            last_seen_ms: None,
            refusal: None,
        });
        book
    }

    fn hear(book: &Book, node: &NodeId, said: &Introduction) -> Result<Introduced, Box<Rejected>> {
        judge(book, &self::node(1, 3).certificate, node, said)
    }

    #[test]
    fn the_newest_certificate_and_card_count() {
        let (book, known, new) = (book(2), node(2, 2), node(2, 3));
        let same = hear(&book, &known.keys.node(), &introduction(&known, 5)).unwrap();
        assert!(!same.is_news);
        let renamed = hear(&book, &known.keys.node(), &introduction(&known, 6)).unwrap();
        assert!(renamed.is_news && renamed.peer.card.unwrap().number() == 6);
        let older = hear(&book, &known.keys.node(), &introduction(&known, 4)).unwrap();
        assert!(!older.is_news && older.peer.card.unwrap().number() == 5);
        let replaced = hear(&book, &new.keys.node(), &introduction(&new, 1)).unwrap();
        assert!(replaced.is_news);
        assert_eq!(replaced.peer.certificate, new.certificate);
    }

    #[test]
    fn a_node_that_was_replaced_is_shown_by_which() {
        let (book, old) = (book(2), node(2, 1));
        let rejected = hear(&book, &old.keys.node(), &introduction(&old, 9)).unwrap_err();
        assert_eq!(rejected.why, TurnedAway::Outranked);
        assert_eq!(rejected.certificate, Some(node(2, 2).certificate));
    }

    #[test]
    fn we_learn_that_we_were_replaced_from_homes_that_are_paired_only() {
        let newer = node(1, 4).certificate;
        let yours = Some(newer.encode().to_vec());
        let known = node(2, 2);
        let said = Introduction { yours: yours.clone(), ..introduction(&known, 5) };
        assert_eq!(hear(&book(2), &known.keys.node(), &said).unwrap().outranks_us, Some(newer));
        let stranger = node(9, 1);
        let said = Introduction { yours, ..introduction(&stranger, 5) };
        let rejected = hear(&book(2), &stranger.keys.node(), &said).unwrap_err();
        assert_eq!(rejected, Rejected::because(TurnedAway::NotPaired));
        // Our own certificate, an older one, and another household's mean nothing.
        for other in [node(1, 3), node(1, 2), node(9, 9)] {
            let yours = Some(other.certificate.encode().to_vec());
            let said = Introduction { yours, ..introduction(&known, 5) };
            assert_eq!(hear(&book(2), &known.keys.node(), &said).unwrap().outranks_us, None);
        }
    }

    #[test]
    fn what_does_not_fit_together_is_refused() {
        let known = node(2, 2);
        let check = |node: &NodeId, said: &Introduction, expected| {
            assert_eq!(hear(&book(2), node, said).unwrap_err().why, expected);
        };
        let good = introduction(&known, 5);
        check(&node(2, 9).keys.node(), &good, TurnedAway::Malformed);
        let mut said = good.clone();
        said.card = card(&node(2, 9), 7).encode();
        check(&known.keys.node(), &said, TurnedAway::Malformed);
        said.card = vec![0; 10];
        check(&known.keys.node(), &said, TurnedAway::Malformed);
        said = Introduction { certificate: vec![1; Certificate::BYTES], ..good.clone() };
        check(&known.keys.node(), &said, TurnedAway::Malformed);
        said = Introduction { versions: (2, 3), ..good.clone() };
        check(&known.keys.node(), &said, TurnedAway::Version);
        said = Introduction { versions: (1, 3), ..good };
        assert_eq!(hear(&book(2), &known.keys.node(), &said).unwrap().version, 1);
    }

    #[test]
    fn messages_come_back_and_nothing_else_is_one() {
        for message in [
            HelloMessage::Hello(introduction(&node(2, 2), 5)),
            HelloMessage::Refused { code: 1, reason: "no".to_owned(), certificate: None },
            HelloMessage::Address(vec![1, 2]),
        ] {
            let mut bytes = message.encode();
            assert_eq!(HelloMessage::decode(&bytes), Some(message));
            bytes.push(0);
            assert_eq!(HelloMessage::decode(&bytes), None);
        }
        assert_eq!(HelloMessage::decode(&[3, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f]), None);
        assert_eq!(HelloMessage::decode(&vec![3; MESSAGE_BYTES_MAX + 1]), None);
        assert_eq!(tame("a\u{1b}[31mb\n"), "a[31mb");
    }
}
