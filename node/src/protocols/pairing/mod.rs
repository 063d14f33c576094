//! Pairing: how two homes that never met come to trust each other.
//!
//! ```text
//! guest (opened the link)                   inviter (made it)
//!   Knock   {certificate, commitment}   →
//!                                       ←   Answer {certificate, nonce}
//!   GuestProof {nonce, proof}           →
//!                                       ←   InviterProof {proof}
//!   Name    {name, people}              →   both show the same six words
//!                                       ←   Waiting …          a person here looks at name and words
//!                                       ←   Confirmed {card, address}    or Refused
//!   Card    {card, address}             →   recorded here
//!                                       ←   Done               recorded there
//! ```
//! Until the person has confirmed, neither side has more of the other than its certificate, its name and the first
//! names of its people; cards with receive keys follow only then. The secret itself never travels. An invitation
//! belongs to the first node that proved its secret: that one may come again when the connection was lost, every
//! other is told that it was used. Drawn in `docs/formats/pairing.md` and `docs/formats/hello.md`.
//!
//! Read first: [`Pairings`], then [`inviter`], [`guest`].

pub mod guest;
pub mod inviter;
pub mod messages;

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use heirloom_identity::{HouseholdId, InvitationId, NodeId};
use tokio::sync::watch;

pub use messages::{Problem, TalkMessage};

/// How long an invitation lives.
pub const INVITATION_MS: i64 = 24 * 60 * 60 * 1000;
/// How long the other side may take for one step that needs no person.
pub const STEP_TIMEOUT: Duration = Duration::from_secs(20);
/// How often the guest hears that a person is still being asked.
pub const WAITING_EVERY: Duration = Duration::from_secs(5);
/// Pairings that are shown; the oldest that has ended goes first.
const PAIRINGS_MAX: usize = 32;
/// How long a pairing that ended is shown.
const SHOWN_AFTERWARDS: Duration = Duration::from_secs(10 * 60);

/// Which side this home is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PairingRole {
    /// It made the invitation.
    Inviter,
    /// It opened the link.
    Guest,
}

/// How far a pairing has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PairingState {
    /// For the other home, or for a person there.
    Waiting,
    /// For a person here.
    Confirm,
    /// The homes are paired.
    Done,
    /// They are not.
    Failed,
}

/// Somebody of the other home.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// Their name.
    pub name: String,
}

/// A pairing as a page shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pairing {
    /// Names it; for the inviter the invitation's id.
    pub id: String,
    /// Which side this home is on.
    pub role: PairingRole,
    /// How far it has come.
    pub state: PairingState,
    /// The other home's name for itself; empty while nobody has come.
    pub name: String,
    /// Who lives there.
    pub people: Vec<Person>,
    /// The six words, once both sides have them.
    pub words: Vec<String>,
    /// Why it failed: a word of [`Problem`], or a sentence.
    pub reason: Option<String>,
    /// When the invitation ends, milliseconds since the Unix epoch, UTC.
    pub expires_ms: i64,
    /// The other household, once it is paired.
    pub household: Option<HouseholdId>,
}

/// What a person here said to a guest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// Let it in; what people here call it, if not as it calls itself.
    Confirm(Option<String>),
    /// Turn it away.
    Deny,
}

/// The pairings of this run, open and just ended.
#[derive(Debug)]
pub struct Pairings {
    entries: Mutex<Vec<Entry>>,
    changed: watch::Sender<u64>,
}

#[derive(Debug)]
struct Entry {
    shown: Pairing,
    /// The other node; a decision counts for it alone.
    node: Option<NodeId>,
    /// The invitation that this home follows, if it is the guest.
    follows: Option<InvitationId>,
    decision: watch::Sender<Option<Decision>>,
    ended: Option<Instant>,
}

impl Default for Pairings {
    fn default() -> Self {
        Self { entries: Mutex::default(), changed: watch::Sender::new(0) }
    }
}

impl Pairings {
    /// Everything that is to be shown, oldest first.
    pub fn list(&self) -> Vec<Pairing> {
        self.lock().iter().map(|entry| entry.shown.clone()).collect()
    }

    /// One pairing.
    pub fn get(&self, id: &str) -> Option<Pairing> {
        self.lock().iter().find(|entry| entry.shown.id == id).map(|entry| entry.shown.clone())
    }

    /// Shows a pairing with this node; one with the same id and node goes on and keeps what a person said.
    /// Returns where the person's decision arrives.
    pub(in crate::protocols) fn begin(
        &self,
        shown: Pairing,
        node: Option<NodeId>,
    ) -> watch::Receiver<Option<Decision>> {
        let mut entries = self.lock();
        sweep(&mut entries);
        let known = entries.iter_mut().find(|entry| entry.shown.id == shown.id);
        let decision = match known {
            Some(entry) => {
                if entry.node != node {
                    entry.decision = watch::Sender::new(None);
                    entry.node = node;
                }
                entry.shown = shown;
                entry.ended = None;
                entry.decision.subscribe()
            }
            None => {
                let decision = watch::Sender::new(None);
                let receiver = decision.subscribe();
                entries.push(Entry { shown, node, follows: None, decision, ended: None });
                receiver
            }
        };
        drop(entries);
        self.tell();
        decision
    }

    /// Shows that this home follows an invitation. An answer that closes says that a person gave it up, or took a newer
    /// one of the same home.
    pub(in crate::protocols) fn follow(
        &self,
        shown: Pairing,
        node: NodeId,
        invitation: InvitationId,
    ) -> watch::Receiver<Option<Decision>> {
        let id = shown.id.clone();
        let given_up = self.begin(shown, Some(node));
        if let Some(entry) = self.lock().iter_mut().find(|entry| entry.shown.id == id) {
            entry.follows = Some(invitation);
        }
        given_up
    }

    /// What became of following this invitation, if that has not ended.
    pub(in crate::protocols) fn followed(&self, invitation: &InvitationId) -> Option<Pairing> {
        let entries = self.lock();
        let mut open = entries.iter().filter(|entry| entry.ended.is_none());
        open.find(|entry| entry.follows.as_ref() == Some(invitation)).map(|entry| entry.shown.clone())
    }

    /// Stops following the invitations of a home, because there is a newer one.
    pub(in crate::protocols) fn supersede(&self, household: &HouseholdId) {
        for entry in self.lock().iter_mut() {
            let is_open = entry.follows.is_some() && entry.ended.is_none();
            if is_open && entry.shown.household.as_ref() == Some(household) {
                entry.decision = watch::Sender::new(None);
                entry.shown.state = PairingState::Failed;
                entry.shown.reason = Some(Problem::Expired.word().to_owned());
                entry.ended = Some(Instant::now());
            }
        }
        self.tell();
    }

    /// Stops following an invitation, because a person here gave up; says whether one was followed.
    pub(in crate::protocols) fn give_up(&self, id: &str) -> bool {
        let mut entries = self.lock();
        let before = entries.len();
        entries.retain(|entry| entry.shown.id != id || entry.follows.is_none() || entry.ended.is_some());
        let was_followed = entries.len() < before;
        drop(entries);
        self.tell();
        was_followed
    }

    /// Changes what is shown of a pairing that has not ended.
    pub(in crate::protocols) fn update(&self, id: &str, change: impl FnOnce(&mut Pairing)) {
        let mut entries = self.lock();
        if let Some(entry) = entries.iter_mut().find(|entry| entry.shown.id == id && entry.ended.is_none()) {
            change(&mut entry.shown);
            if matches!(entry.shown.state, PairingState::Done | PairingState::Failed) {
                entry.ended = Some(Instant::now());
            }
        }
        drop(entries);
        self.tell();
    }

    /// Ends a pairing without success.
    pub(in crate::protocols) fn fail(&self, id: &str, reason: String) {
        self.update(id, |shown| {
            shown.state = PairingState::Failed;
            shown.reason = Some(reason);
        });
    }

    /// Shows a pairing no longer.
    pub(in crate::protocols) fn forget(&self, id: &str) {
        self.lock().retain(|entry| entry.shown.id != id);
        self.tell();
    }

    /// Passes on what a person said; says whether there was somebody to say it of.
    pub(in crate::protocols) fn decide(&self, id: &str, decision: Decision) -> bool {
        let entries = self.lock();
        let open = entries.iter().find(|entry| entry.shown.id == id && entry.ended.is_none());
        match open.filter(|entry| entry.shown.state == PairingState::Confirm) {
            Some(entry) => {
                entry.decision.send_replace(Some(decision));
                true
            }
            None => false,
        }
    }

    /// Waits until a pairing has ended or needs a person; `None` when it is not known (any more).
    pub async fn settled(&self, id: &str) -> Option<Pairing> {
        let mut changed = self.changed.subscribe();
        loop {
            changed.borrow_and_update();
            let shown = self.get(id)?;
            if matches!(shown.state, PairingState::Done | PairingState::Failed) {
                return Some(shown);
            }
            changed.changed().await.ok()?;
        }
    }

    /// Hears of every change.
    pub fn watch(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    fn tell(&self) {
        self.changed.send_modify(|count| *count = count.wrapping_add(1));
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Entry>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Forgets what ended a while ago, and the oldest of what ended when there is too much.
fn sweep(entries: &mut Vec<Entry>) {
    entries.retain(|entry| entry.ended.is_none_or(|at| at.elapsed() < SHOWN_AFTERWARDS));
    while entries.len() >= PAIRINGS_MAX {
        let Some(oldest) = entries.iter().position(|entry| entry.ended.is_some()) else { return };
        entries.remove(oldest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(id: &str, state: PairingState) -> Pairing {
        Pairing {
            id: id.to_owned(),
            role: PairingRole::Inviter,
            state,
            name: String::new(),
            people: Vec::new(),
            words: Vec::new(),
            reason: None,
            expires_ms: 0,
            household: None,
        }
    }

    #[test]
    fn a_persons_word_holds_for_the_node_it_was_said_of() {
        let pairings = Pairings::default();
        let [guest, other] = [1, 2].map(|n| Some(NodeId::from_bytes([n; 32])));
        let first = pairings.begin(shown("a", PairingState::Confirm), guest);
        assert!(pairings.decide("a", Decision::Confirm(None)));
        assert_eq!(*first.borrow(), Some(Decision::Confirm(None)));
        let again = pairings.begin(shown("a", PairingState::Confirm), guest);
        assert_eq!(*again.borrow(), Some(Decision::Confirm(None)), "the same node comes again");
        let stranger = pairings.begin(shown("a", PairingState::Confirm), other);
        assert_eq!(*stranger.borrow(), None);
    }

    #[test]
    fn what_is_followed_ends_when_a_person_says_so() {
        let pairings = Pairings::default();
        let home = HouseholdId::from_bytes([3; 32]);
        let follow = |id: &str, invitation: u8| {
            let shown = Pairing {
                role: PairingRole::Guest,
                household: Some(home),
                ..shown(id, PairingState::Waiting)
            };
            let invitation = InvitationId::from_bytes([invitation; 32]);
            (pairings.follow(shown, NodeId::from_bytes([1; 32]), invitation), invitation)
        };
        let (first, invitation) = follow("a", 1);
        assert_eq!(pairings.followed(&invitation).unwrap().id, "a");
        assert!(first.has_changed().is_ok());
        pairings.supersede(&home);
        assert!(first.has_changed().is_err(), "the task hears that it is over");
        assert_eq!(pairings.followed(&invitation), None);
        assert_eq!(pairings.get("a").unwrap().state, PairingState::Failed);
        assert!(!pairings.give_up("a"), "it ended before");
        let (second, _) = follow("b", 2);
        assert!(pairings.give_up("b"));
        assert!(second.has_changed().is_err());
        assert_eq!(pairings.get("b"), None);
        pairings.begin(shown("c", PairingState::Waiting), None);
        assert!(!pairings.give_up("c"), "an invitation of this home is taken back otherwise");
    }

    #[test]
    fn nobody_decides_about_what_has_ended() {
        let pairings = Pairings::default();
        pairings.begin(shown("a", PairingState::Confirm), None);
        pairings.fail("a", "denied".to_owned());
        assert!(!pairings.decide("a", Decision::Deny));
        assert!(!pairings.decide("b", Decision::Deny));
        assert_eq!(pairings.get("a").unwrap().reason.as_deref(), Some("denied"));
    }

    #[test]
    fn what_is_shown_is_bounded() {
        let pairings = Pairings::default();
        for number in 0..2 * PAIRINGS_MAX {
            let id = number.to_string();
            pairings.begin(shown(&id, PairingState::Waiting), None);
            pairings.fail(&id, String::new());
        }
        assert_eq!(pairings.list().len(), PAIRINGS_MAX);
    }
}
