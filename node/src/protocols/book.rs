//! Who is who: the homes this one is paired with, in memory, and the gate that asks it.
//!
//! The ledger is the truth; the book is read at the start and changed with it. [`Gate::admit`] is asked during
//! every handshake, so it only looks up. A node that is in nobody's certificate is let through to say hello and no
//! further ([`hello`](super::hello)): it may be the new machine of a home that is paired, and its certificate says so.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::{Duration, Instant};

use heirloom_identity::{HouseholdId, NodeId};
use heirloom_net::{CloseCode, Gate, Protocol, Refusal};

use crate::clock;
use crate::ledger::Ledger;
use crate::ledger::invitations::InvitationState;
use crate::ledger::peers::{Peer, PeerState};

/// Nodes that are being dialled to pair, at the same time.
pub const GUESTS_MAX: usize = 4;

/// How long a home that misbehaved stays out.
pub const PENALTY: Duration = Duration::from_secs(60);

/// Why a home is turned away, as a number on the wire; `docs/formats/hello.md`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TurnedAway {
    /// It is not paired with this home, or no longer.
    NotPaired = 1,
    /// Nobody is invited now.
    NoInvitation = 2,
    /// Another node has taken its place.
    Outranked = 3,
    /// What it sent makes no sense.
    Malformed = 4,
    /// It speaks only versions that this program does not.
    Version = 5,
    /// It does what a program of ours would not.
    Misbehaved = 6,
    /// Nothing is kept here for anybody.
    NothingKept = 7,
}

impl TurnedAway {
    /// What the other side is told.
    pub fn words(self) -> &'static str {
        match self {
            Self::NotPaired => "not paired with this home, or no longer",
            Self::NoInvitation => "no invitation is open here",
            Self::Outranked => "another node has taken the place of this one",
            Self::Malformed => "the message makes no sense here",
            Self::Version => "no version in common; one of the two programs is too old",
            Self::Misbehaved => "too many messages that make no sense here",
            Self::NothingKept => "this home keeps nothing for others",
        }
    }

    /// The refusal that carries it.
    pub fn refusal(self) -> Refusal {
        Refusal { code: self as u16, reason: self.words().to_owned() }
    }

    /// The code with which a connection is closed later than at the gate.
    pub fn close_code(self) -> CloseCode {
        CloseCode(CloseCode::REFUSED.0 + self as u32)
    }

    /// What a close code of the other side means.
    pub fn of(code: CloseCode) -> Option<Self> {
        let known = [
            Self::NotPaired,
            Self::NoInvitation,
            Self::Outranked,
            Self::Malformed,
            Self::Version,
            Self::Misbehaved,
            Self::NothingKept,
        ];
        known.into_iter().find(|reason| reason.close_code() == code)
    }
}

/// The homes this one knows.
#[derive(Debug, Default)]
pub struct Book {
    pages: RwLock<Pages>,
    /// Whether this home keeps packs of any other.
    keeps: AtomicBool,
}

#[derive(Debug, Default)]
struct Pages {
    peers: BTreeMap<HouseholdId, Peer>,
    by_node: HashMap<NodeId, HouseholdId>,
    /// Nodes that a person here wants to pair with, and how often they are being dialled.
    hosts: HashMap<NodeId, usize>,
    /// Homes that misbehaved, and until when they stay out.
    penalties: HashMap<HouseholdId, Instant>,
    /// Until when somebody may come with an invitation, by the invitation.
    invitations: HashMap<[u8; 32], i64>,
}

impl Book {
    /// Reads what the ledger knows.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn read(ledger: &Ledger) -> anyhow::Result<Self> {
        let book = Self::default();
        for peer in ledger.peers()? {
            book.put(peer);
        }
        book.read_invitations(ledger)?;
        Ok(book)
    }

    /// Looks up again which invitations are open, or may still be finished by the guest that has them.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn read_invitations(&self, ledger: &Ledger) -> anyhow::Result<()> {
        let usable = [InvitationState::Open, InvitationState::Done];
        let rows = ledger.invitations()?;
        let open = rows.iter().filter(|row| usable.contains(&row.state));
        self.write().invitations = open.map(|row| (row.id, row.expires_ms)).collect();
        Ok(())
    }

    /// Writes down what is known of a home.
    pub fn put(&self, peer: Peer) {
        let mut pages = self.write();
        pages.by_node.retain(|_, household| *household != peer.household);
        pages.by_node.insert(*peer.certificate.node(), peer.household);
        pages.peers.insert(peer.household, peer);
    }

    /// Changes what is known of a home, as it is at this moment; returns what it is then.
    pub fn change(&self, household: &HouseholdId, change: impl FnOnce(&mut Peer)) -> Option<Peer> {
        let mut pages = self.write();
        let peer = pages.peers.get_mut(household)?;
        let before = *peer.certificate.node();
        change(peer);
        let changed = peer.clone();
        pages.by_node.remove(&before);
        pages.by_node.insert(*changed.certificate.node(), *household);
        Some(changed)
    }

    /// Whether a home is paired now.
    pub fn is_paired(&self, household: &HouseholdId) -> bool {
        self.pages().peers.get(household).is_some_and(|peer| peer.state == PeerState::Paired)
    }

    /// One home.
    pub fn peer(&self, household: &HouseholdId) -> Option<Peer> {
        self.pages().peers.get(household).cloned()
    }

    /// The home whose node this is, by its newest certificate.
    pub fn by_node(&self, node: &NodeId) -> Option<Peer> {
        let pages = self.pages();
        pages.by_node.get(node).and_then(|household| pages.peers.get(household)).cloned()
    }

    /// Every home.
    pub fn peers(&self) -> Vec<Peer> {
        self.pages().peers.values().cloned().collect()
    }

    /// Lets a node be dialled to pair, until the answer is dropped; `None` when too many are.
    pub fn expect_host(self: &Arc<Self>, node: NodeId) -> Option<Expected> {
        let mut pages = self.write();
        if pages.hosts.values().sum::<usize>() >= GUESTS_MAX {
            return None;
        }
        *pages.hosts.entry(node).or_default() += 1;
        drop(pages);
        Some(Expected { book: Arc::clone(self), node })
    }

    /// Keeps a home that misbehaved out for [`PENALTY`], so that it can cost this one little.
    pub fn penalise(&self, household: HouseholdId) {
        let mut pages = self.write();
        let now = Instant::now();
        pages.penalties.retain(|_, until| *until > now);
        pages.penalties.insert(household, now + PENALTY);
    }

    fn is_penalised(&self, household: &HouseholdId) -> bool {
        self.pages().penalties.get(household).is_some_and(|until| *until > Instant::now())
    }

    fn admits_home(&self, node: &NodeId) -> Result<(), Refusal> {
        let peer = self.by_node(node);
        if peer.as_ref().is_some_and(|peer| self.is_penalised(&peer.household)) {
            return Err(TurnedAway::Misbehaved.refusal());
        }
        match peer.map(|peer| peer.state) {
            // A stranger may show a certificate, and nothing else.
            Some(PeerState::Paired) | None => Ok(()),
            Some(PeerState::Blocked | PeerState::Removed) => Err(TurnedAway::NotPaired.refusal()),
        }
    }

    fn admits_pairing(&self, node: &NodeId, now_ms: i64) -> Result<(), Refusal> {
        let pages = self.pages();
        let is_expected = pages.hosts.contains_key(node);
        let is_open = pages.invitations.values().any(|expires_ms| now_ms < *expires_ms);
        if is_expected || is_open { Ok(()) } else { Err(TurnedAway::NoInvitation.refusal()) }
    }

    /// Says whether this home keeps packs of any other; if not, nobody has anything to recover here.
    pub fn set_keeps(&self, keeps: bool) {
        self.keeps.store(keeps, Ordering::Relaxed);
    }

    /// Whoever was invited may ask, so that an open door says nothing about what is held here.
    fn admits_recovery(&self, now_ms: i64) -> Result<(), Refusal> {
        let is_open = || self.pages().invitations.values().any(|expires_ms| now_ms < *expires_ms);
        let admits = self.keeps.load(Ordering::Relaxed) || is_open();
        if admits { Ok(()) } else { Err(TurnedAway::NothingKept.refusal()) }
    }

    fn pages(&self) -> RwLockReadGuard<'_, Pages> {
        self.pages.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Pages> {
        self.pages.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Gate for Book {
    fn admit(&self, node: &NodeId, protocol: Protocol) -> Result<(), Refusal> {
        match protocol {
            Protocol::Home => self.admits_home(node),
            Protocol::Pair => self.admits_pairing(node, clock::now_ms()),
            Protocol::Recover => self.admits_recovery(clock::now_ms()),
        }
    }
}

/// A node that may be dialled to pair, as long as this lives.
#[derive(Debug)]
pub struct Expected {
    book: Arc<Book>,
    node: NodeId,
}

impl Drop for Expected {
    fn drop(&mut self) {
        let mut pages = self.book.write();
        if let Some(count) = pages.hosts.get_mut(&self.node) {
            *count -= 1;
            if *count == 0 {
                pages.hosts.remove(&self.node);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::peers::tests::peer;

    #[test]
    fn only_paired_homes_come_in() {
        let book = Book::default();
        let known = peer(1);
        let node = *known.certificate.node();
        book.put(known.clone());
        assert!(book.admit(&node, Protocol::Home).is_ok());
        for state in [PeerState::Blocked, PeerState::Removed] {
            book.put(Peer { state, ..known.clone() });
            let refusal = book.admit(&node, Protocol::Home).unwrap_err();
            assert_eq!(refusal, TurnedAway::NotPaired.refusal());
        }
    }

    #[test]
    fn pairing_is_closed_unless_somebody_is_invited_or_dialled() {
        let book = Arc::new(Book::default());
        let node = NodeId::from_bytes([3; 32]);
        assert_eq!(book.admits_pairing(&node, 5), Err(TurnedAway::NoInvitation.refusal()));
        book.write().invitations.insert([1; 32], 6);
        assert!(book.admits_pairing(&node, 5).is_ok());
        assert!(book.admits_pairing(&node, 6).is_err());
        let expected = book.expect_host(node).unwrap();
        assert!(book.admits_pairing(&node, 7).is_ok());
        drop(expected);
        assert!(book.admits_pairing(&node, 7).is_err());
        let all: Vec<_> = (0..GUESTS_MAX).map(|_| book.expect_host(node).unwrap()).collect();
        assert!(book.expect_host(node).is_none());
        drop(all);
    }

    #[test]
    fn who_keeps_nothing_has_no_door_for_recovery() {
        let book = Book::default();
        let node = NodeId::from_bytes([3; 32]);
        assert_eq!(book.admit(&node, Protocol::Recover), Err(TurnedAway::NothingKept.refusal()));
        book.set_keeps(true);
        assert_eq!(book.admit(&node, Protocol::Recover), Ok(()));
    }

    #[test]
    fn a_reason_survives_the_wire() {
        assert_eq!(TurnedAway::of(TurnedAway::Outranked.close_code()), Some(TurnedAway::Outranked));
        assert_eq!(TurnedAway::of(CloseCode::DONE), None);
    }
}
