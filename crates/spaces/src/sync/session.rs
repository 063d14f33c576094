//! One sync with one peer.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use heirloom_identity::{
    CertificateId, ContentHash, EpochId, HouseholdId, Operation, OperationId, Pseudonym, SpaceId, StreamKey,
};

use crate::albums::{Albums, Standing};
use crate::replica::rows::{self, Head};
use crate::sync::answer::{Ends, heads_digest, operations_digest};
use crate::sync::message::{OFFERS_MAX, Offer, SyncMessage};
use crate::sync::{Reason, SyncError};

/// How many unknown spaces a peer may offer in one session.
const NEW_SPACES_MAX: usize = 256;
/// How many things of a peer may be refused before the session ends.
const PROBLEMS_MAX: usize = 64;
/// How often a peer may ask the same of one space.
const REPEATS_MAX: u32 = 32;
/// How many ends of one stream are remembered of a peer.
const ENDS_MAX: usize = 128;
/// How many refused things, and how many repeats of a question, are forgiven each time that is offered again.
const FORGIVEN: (usize, u32) = (4, 2);

/// A sync with a peer, for the life of one connection. Sans-IO: what [`SyncSession::receive`] gives is to be sent in
/// this order. Blocks for as long as the disk takes.
pub struct SyncSession {
    pub(super) albums: Albums,
    pub(super) peer: HouseholdId,
    spaces: HashMap<Pseudonym, Progress>,
    problems: Vec<SyncError>,
    problem_count: usize,
}

/// How far the sync of one space is.
#[derive(Default)]
pub(super) struct Progress {
    /// What the peer has.
    pub(super) operations: HashSet<OperationId>,
    pub(super) ends: Ends,
    /// Whether the peer said where its streams end.
    pub(super) knows_ends: bool,
    /// The certificates that the peer was sent.
    pub(super) certificates: HashSet<CertificateId>,
    /// Where our streams ended when we last asked for what is past them.
    pub(super) asked: Option<[u8; 32]>,
    /// Envelopes came whose authors are no members, or that follow unknown operations.
    pub(super) asks_again: bool,
    pub(super) asked_secrets: Vec<EpochId>,
    pub(super) asked_operations: usize,
    /// What we had, and what we knew to be missing, when we last asked for operations.
    pub(super) asked_ids: Option<[u8; 32]>,
    /// How many secrets we had when the peer was last offered the space.
    offered_secrets: usize,
    pub(super) earlier: BTreeSet<StreamKey>,
    /// Operations of an album that isn't here yet.
    pub(super) buffer: Vec<Operation>,
    pub(super) buffer_bytes: usize,
    /// What the peer last asked, and how often.
    pub(super) repeated: ([u8; 32], u32),
}

/// What a peer is in an album.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Peer {
    Member,
    /// It was one.
    Former,
    /// As far as we know it never was.
    Stranger,
}

/// What to send.
pub(super) type Replies = Result<Vec<SyncMessage>, SyncError>;

impl SyncSession {
    pub(crate) fn new(albums: Albums, peer: HouseholdId) -> Self {
        Self { albums, peer, spaces: HashMap::new(), problems: Vec::new(), problem_count: 0 }
    }

    /// The household on the other side.
    pub fn peer(&self) -> &HouseholdId {
        &self.peer
    }

    /// What was refused of the peer since the last call; none of it ended the session. The peer was told.
    pub fn problems(&mut self) -> Vec<SyncError> {
        std::mem::take(&mut self.problems)
    }

    /// What to send first: what we have of every space that concerns the peer.
    ///
    /// # Errors
    /// A [`SyncError`] when our own albums can't be read.
    pub fn open(&mut self) -> Replies {
        let mut offers = Vec::new();
        for (space, standing) in self.albums.standings() {
            if self.standing_of_peer(&standing) != Peer::Stranger {
                offers.push(self.offer(&space)?);
            }
        }
        Ok(offers.chunks(OFFERS_MAX).map(|offers| SyncMessage::Offer(offers.to_vec())).collect())
    }

    /// What to send now and then, so that whatever went wrong meanwhile is made good: the offers of [`Self::open`] again.
    /// A peer that has the same is silent.
    ///
    /// # Errors
    /// A [`SyncError`] when our own albums can't be read.
    pub fn offer_again(&mut self) -> Replies {
        self.problem_count = self.problem_count.saturating_sub(FORGIVEN.0);
        for progress in self.spaces.values_mut() {
            progress.repeated.1 = progress.repeated.1.saturating_sub(FORGIVEN.1);
        }
        self.open()
    }

    /// Takes in a message and gives the answers. `now_ms` is now, in milliseconds since the Unix epoch, UTC.
    ///
    /// # Errors
    /// A fatal [`SyncError`]: the session is over. What was refused and isn't fatal is in [`SyncSession::problems`].
    pub fn receive(&mut self, message: SyncMessage, now_ms: i64) -> Replies {
        let space = message.space();
        let replies = match message {
            SyncMessage::Offer(offers) => self.on_offers(&offers),
            SyncMessage::AskOperations { space, have } => {
                self.on_ask_operations(Pseudonym::from_bytes(space), &have)
            }
            SyncMessage::Operations { space, operations, more } => {
                self.on_operations(Pseudonym::from_bytes(space), &operations, more, now_ms)
            }
            SyncMessage::AskEnvelopes { space, have } => {
                self.on_ask_envelopes(Pseudonym::from_bytes(space), &have, now_ms)
            }
            SyncMessage::Envelopes { space, certificates, envelopes, more } => {
                let space = Pseudonym::from_bytes(space);
                self.on_envelopes(space, &certificates, &envelopes, more, now_ms)
            }
            SyncMessage::AskEarlier { space, streams } => {
                self.on_ask_earlier(Pseudonym::from_bytes(space), &streams)
            }
            SyncMessage::AskSecrets { space, epochs } => {
                self.on_ask_secrets(Pseudonym::from_bytes(space), &epochs)
            }
            SyncMessage::Secrets { space, secrets } => {
                self.on_secrets(Pseudonym::from_bytes(space), &secrets, now_ms)
            }
            // Nothing is to be done about it.
            SyncMessage::Refused { .. } => Ok(Vec::new()),
        };
        let (mut replies, slight) = match replies {
            Ok(replies) => (replies, None),
            Err(error) if error.fatal => return Err(error),
            Err(error) => (Vec::new(), Some(error)),
        };
        let refused = self.problems.len();
        if let Some(error) = slight {
            self.problem(error.what, error.reason, error.space);
        }
        let told = space.unwrap_or_default();
        for problem in self.problems.iter().skip(refused.saturating_sub(8)) {
            replies.push(SyncMessage::Refused {
                space: told,
                reason: problem.reason.code(),
                text: problem.to_string(),
            });
        }
        if self.problem_count > PROBLEMS_MAX {
            return Err(SyncError::fatal("more than once what can't be used", Reason::Flood));
        }
        Ok(replies)
    }

    /// What the peer lacks of a space now, as far as is known; sent at once after something changed.
    ///
    /// # Errors
    /// A [`SyncError`] when our own album can't be read.
    pub fn push(&mut self, space: &SpaceId) -> Replies {
        let Some(standing) = self.albums.standing(space) else { return Ok(Vec::new()) };
        let peer = self.standing_of_peer(&standing);
        if peer == Peer::Stranger {
            return Ok(Vec::new());
        }
        let pseudonym = space.pseudonym();
        if !self.spaces.get(&pseudonym).is_some_and(|progress| progress.knows_ends || peer == Peer::Former) {
            return Ok(vec![SyncMessage::Offer(vec![self.offer(space)?])]);
        }
        let mut messages = self.operations(space, peer, false)?;
        if peer == Peer::Member {
            messages.extend(self.envelopes(space, false)?);
            // Secrets aren't pushed; a peer that waits for one asks again when it is offered the space.
            let secrets = self.albums.look(space, |_, replica| Ok(replica.secrets.len()))?;
            if self.progress(&pseudonym).offered_secrets != secrets {
                messages.push(SyncMessage::Offer(vec![self.offer(space)?]));
            }
        }
        Ok(messages)
    }

    fn on_offers(&mut self, offers: &[Offer]) -> Replies {
        let mut replies = Vec::new();
        for offer in offers {
            replies.extend(self.on_offer(offer)?);
        }
        Ok(replies)
    }

    fn on_offer(&mut self, offer: &Offer) -> Replies {
        let pseudonym = Pseudonym::from_bytes(offer.space);
        let Some((space, standing)) = self.known(&pseudonym) else {
            let unknown =
                self.spaces.keys().filter(|space| self.albums.by_pseudonym(space).is_none()).count();
            if unknown >= NEW_SPACES_MAX {
                return Err(SyncError::slight("offers of many albums", Reason::Flood, None));
            }
            let progress = self.spaces.entry(pseudonym).or_default();
            progress.asked_operations += 1;
            (progress.asked, progress.asked_ids) = (None, None);
            let have = progress.buffer.iter().map(|operation| *operation.id().as_bytes()).collect();
            return Ok(vec![SyncMessage::AskOperations { space: offer.space, have }]);
        };
        let peer = self.standing_of_peer(&standing);
        if peer == Peer::Stranger {
            // It may have been invited by somebody else: its operations say so.
            return Ok(vec![SyncMessage::AskOperations { space: offer.space, have: Vec::new() }]);
        }
        let (ours, ids, heads) = self.offer_of(&space)?;
        let mut replies = Vec::new();
        if ours.operations != offer.operations {
            replies.extend(self.ask_operations(&space, peer, None)?);
        } else {
            self.progress(&pseudonym).operations = ids.into_iter().collect();
            let both = peer == Peer::Member && standing.our_role().is_some();
            if both && ours.state != offer.state {
                self.problem("another reading of the same membership", Reason::Diverged, Some(space));
            }
        }
        if peer != Peer::Member || standing.our_role().is_none() {
            return Ok(replies);
        }
        if ours.envelopes != offer.envelopes {
            replies.extend(self.ask_envelopes(&space, true)?);
        } else {
            let progress = self.progress(&pseudonym);
            heads.iter().for_each(|head| progress.note(head));
            progress.knows_ends = true;
        }
        self.progress(&pseudonym).asked_secrets.clear();
        replies.extend(self.ask_secrets(&space)?);
        Ok(replies)
    }

    fn offer(&mut self, space: &SpaceId) -> Result<Offer, SyncError> {
        let (offer, _, _) = self.offer_of(space)?;
        Ok(offer)
    }

    /// An offer with what its digests are over, read in one go: an edit that comes between must not be taken for something
    /// that a peer with the same digests has.
    fn offer_of(&mut self, space: &SpaceId) -> Result<(Offer, Vec<OperationId>, Vec<Head>), SyncError> {
        let household = self.peer;
        let (offer, ids, heads, secrets) = self.albums.look(space, |conn, replica| {
            let former = !replica.membership.members.contains_key(&household);
            let shown = former.then(|| replica.up_to_removals(&household));
            let ids = replica.operations.ids();
            let ids: Vec<OperationId> =
                ids.filter(|id| shown.as_ref().is_none_or(|shown| shown.contains(id))).collect();
            let heads = if former { Vec::new() } else { rows::heads(conn, replica.row)? };
            let envelopes = if former { [0; 32] } else { heads_digest(&heads) };
            let offer = Offer {
                space: *space.pseudonym().as_bytes(),
                operations: operations_digest(ids.iter().copied()),
                state: if former { [0; 32] } else { replica.membership.digest },
                envelopes,
            };
            Ok((offer, ids, heads, replica.secrets.len()))
        })?;
        self.progress(&space.pseudonym()).offered_secrets = secrets;
        Ok((offer, ids, heads))
    }

    pub(super) fn heads(&self, space: &SpaceId) -> Result<Vec<Head>, SyncError> {
        Ok(self.albums.look(space, |conn, replica| rows::heads(conn, replica.row))?)
    }

    pub(super) fn progress(&mut self, pseudonym: &Pseudonym) -> &mut Progress {
        self.spaces.entry(*pseudonym).or_default()
    }

    /// The bytes of operations that are held of albums that aren't here yet.
    pub(super) fn buffered(&self) -> usize {
        self.spaces.values().map(|progress| progress.buffer_bytes).sum()
    }

    pub(super) fn known(&self, pseudonym: &Pseudonym) -> Option<(SpaceId, Arc<Standing>)> {
        let space = self.albums.by_pseudonym(pseudonym)?;
        Some((space, self.albums.standing(&space)?))
    }

    pub(super) fn require(&self, pseudonym: &Pseudonym) -> Result<(SpaceId, Arc<Standing>), SyncError> {
        self.known(pseudonym)
            .ok_or_else(|| SyncError::slight("something for an album", Reason::WrongSpace, None))
    }

    pub(super) fn standing_of_peer(&self, standing: &Standing) -> Peer {
        if standing.membership.members.contains_key(&self.peer) {
            Peer::Member
        } else if standing.membership.removals.iter().any(|removal| removal.household == self.peer) {
            Peer::Former
        } else {
            Peer::Stranger
        }
    }

    pub(super) fn problem(&mut self, what: &'static str, reason: Reason, space: Option<SpaceId>) {
        self.problem_count += 1;
        if self.problems.len() < PROBLEMS_MAX {
            self.problems.push(SyncError::slight(what, reason, space));
        }
    }

    /// Ends the session of a peer that asks the same again and again.
    pub(super) fn count_repeat(&mut self, pseudonym: &Pseudonym, question: &[u8]) -> Result<(), SyncError> {
        let digest = *ContentHash::of(question).as_bytes();
        let progress = self.progress(pseudonym);
        let (last, count) = progress.repeated;
        progress.repeated = (digest, if last == digest { count + 1 } else { 0 });
        if progress.repeated.1 > REPEATS_MAX {
            return Err(SyncError::fatal("the same question again and again", Reason::Flood));
        }
        Ok(())
    }
}

impl std::fmt::Debug for SyncSession {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SyncSession").field("peer", &self.peer).finish_non_exhaustive()
    }
}

impl Progress {
    /// Notes that the peer has an envelope, and so everything before it on its branch.
    pub(super) fn note(&mut self, head: &Head) {
        let ends = self.ends.entry(head.stream).or_default();
        ends.entry(head.seq).or_default().insert(head.hash);
        while ends.len() > ENDS_MAX {
            ends.pop_first();
        }
    }
}

impl SyncMessage {
    /// The space that it is about, if it is about one.
    fn space(&self) -> Option<[u8; 32]> {
        match self {
            Self::Offer(_) => None,
            Self::AskOperations { space, .. }
            | Self::Operations { space, .. }
            | Self::AskEnvelopes { space, .. }
            | Self::Envelopes { space, .. }
            | Self::AskEarlier { space, .. }
            | Self::AskSecrets { space, .. }
            | Self::Secrets { space, .. }
            | Self::Refused { space, .. } => Some(*space),
        }
    }
}
