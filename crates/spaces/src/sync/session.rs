//! One sync with one peer.

use std::collections::{BTreeSet, HashMap, HashSet};

use heirloom_identity::{
    Certificate, CertificateError, CertificateId, Envelope, EnvelopeError, EnvelopeHash, EpochId, HouseholdId,
    Operation, OperationError, OperationId, Pseudonym, SpaceId, StreamKey,
};

use crate::albums::{Albums, Standing};
use crate::membership::{Inserted, OPERATIONS_MAX, Operations, evaluate};
use crate::replica::rows::{self, Head};
use crate::sync::answer::{self, Ends, envelopes_for, haves, heads_digest, operations_digest, operations_for};
use crate::sync::message::{HAVES_MAX, Have, OFFERS_MAX, Offer, SECRETS_MAX, StreamName, SyncMessage};
use crate::sync::{Reason, SyncError};

/// How many unknown spaces a peer may offer in one session.
const NEW_SPACES_MAX: usize = 256;
/// How many things of a peer may be refused before the session ends.
const PROBLEMS_MAX: usize = 64;
/// How often a peer may ask the same of one space.
const REPEATS_MAX: u32 = 32;
/// How many ends of one stream are remembered of a peer.
const ENDS_MAX: usize = 128;
/// How many operations of an album that isn't here yet are held.
const BUFFER_MAX: usize = OPERATIONS_MAX;

/// A sync with a peer, for the life of one connection. Sans-IO: what [`SyncSession::receive`] gives is to be sent in
/// this order. Blocks for as long as the disk takes.
pub struct SyncSession {
    albums: Albums,
    peer: HouseholdId,
    spaces: HashMap<Pseudonym, Progress>,
    problems: Vec<SyncError>,
    problem_count: usize,
}

/// How far the sync of one space is.
#[derive(Default)]
struct Progress {
    /// What the peer has.
    operations: HashSet<OperationId>,
    ends: Ends,
    /// Whether the peer said where its streams end.
    knows_ends: bool,
    /// The certificates that the peer was sent.
    certificates: HashSet<CertificateId>,
    /// Where our streams ended when we last asked for what is past them.
    asked: Option<[u8; 32]>,
    asked_secrets: Vec<EpochId>,
    asked_operations: usize,
    earlier: BTreeSet<StreamKey>,
    /// Operations of an album that isn't here yet.
    buffer: Vec<Operation>,
    /// What the peer last asked, and how often.
    repeated: ([u8; 32], u32),
}

/// What a peer is in an album.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Peer {
    Member,
    /// It was one.
    Former,
    /// As far as we know it never was.
    Stranger,
}

type Replies = Result<Vec<SyncMessage>, SyncError>;

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

    /// Takes in a message and gives the answers. `now_ms` is now, in milliseconds since the Unix epoch, UTC.
    ///
    /// # Errors
    /// A fatal [`SyncError`]: the session is over. What was refused and isn't fatal is in [`SyncSession::problems`].
    pub fn receive(&mut self, message: SyncMessage, now_ms: i64) -> Replies {
        let space = message.space();
        let replies = match message {
            SyncMessage::Offer(offers) => self.on_offers(&offers),
            SyncMessage::AskOperations { space, have } => self.on_ask_operations(Pseudonym::from_bytes(space), &have),
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
            // Nothing is to be done about it; that it comes again and again is.
            SyncMessage::Refused { .. } => {
                self.problem_count += 1;
                Ok(Vec::new())
            }
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
            let unknown = self.spaces.keys().filter(|space| self.albums.by_pseudonym(space).is_none()).count();
            if unknown >= NEW_SPACES_MAX {
                return Err(SyncError::slight("offers of many albums", Reason::Flood, None));
            }
            let progress = self.spaces.entry(pseudonym).or_default();
            progress.asked_operations += 1;
            let have = progress.buffer.iter().map(|operation| *operation.id().as_bytes()).collect();
            return Ok(vec![SyncMessage::AskOperations { space: offer.space, have }]);
        };
        let peer = self.standing_of_peer(&standing);
        if peer == Peer::Stranger {
            // It may have been invited by somebody else: its operations say so.
            return Ok(vec![SyncMessage::AskOperations { space: offer.space, have: Vec::new() }]);
        }
        let ours = self.offer(&space)?;
        let mut replies = Vec::new();
        if ours.operations != offer.operations {
            replies.extend(self.ask_operations(&space, peer)?);
        } else {
            let ids: Vec<OperationId> = self.albums.look(&space, |_, replica| Ok(replica.operations.ids().collect()))?;
            self.progress(&pseudonym).operations.extend(ids);
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
            let heads = self.heads(&space)?;
            let progress = self.progress(&pseudonym);
            heads.iter().for_each(|head| progress.note(head));
            progress.knows_ends = true;
        }
        replies.extend(self.ask_secrets(&space)?);
        Ok(replies)
    }

    fn on_ask_operations(&mut self, pseudonym: Pseudonym, have: &[[u8; 32]]) -> Replies {
        let (space, standing) = self.require(&pseudonym)?;
        let peer = self.standing_of_peer(&standing);
        if peer == Peer::Stranger {
            return Err(SyncError::slight("a question about an album", Reason::NotMember, Some(space)));
        }
        self.count_repeat(&pseudonym, have.as_flattened())?;
        let have: Vec<OperationId> = have.iter().copied().map(OperationId::from_bytes).collect();
        let lacking = self.albums.look(&space, |_, replica| {
            Ok(have.iter().any(|id| !replica.operations.contains(id)))
        })?;
        self.progress(&pseudonym).operations.extend(have);
        let mut replies = self.operations(&space, peer, true)?;
        if lacking {
            replies.extend(self.ask_operations(&space, peer)?);
        }
        Ok(replies)
    }

    fn on_operations(
        &mut self,
        pseudonym: Pseudonym,
        encoded: &[Vec<u8>],
        more: bool,
        now_ms: i64,
    ) -> Replies {
        let mut operations = Vec::with_capacity(encoded.len());
        for bytes in encoded {
            match Operation::decode(bytes) {
                Ok(operation) if operation.space().pseudonym() == pseudonym => operations.push(operation),
                Ok(_) => self.problem("a membership operation", Reason::WrongSpace, None),
                Err(error) => self.problem("a membership operation", reason_of_operation(&error), None),
            }
        }
        let ids: Vec<OperationId> = operations.iter().map(Operation::id).collect();
        self.progress(&pseudonym).operations.extend(ids);
        let Some((space, _)) = self.known(&pseudonym) else {
            return self.on_operations_of_new(pseudonym, operations, more, now_ms);
        };
        let peer = self.peer;
        let taken = self.albums.change(space, Some(peer), now_ms, move |work, replica| {
            replica.take_operations(work, operations)
        })?;
        if let Some(text) = taken.refused {
            let _reason: String = text;
            self.problem("a membership operation", Reason::NotMember, Some(space));
        }
        let Some(standing) = self.albums.standing(&space) else { return Ok(Vec::new()) };
        let peer = self.standing_of_peer(&standing);
        if more && !taken.added.is_empty() {
            return self.ask_operations(&space, peer);
        }
        let gaps = self.albums.look(&space, |_, replica| Ok(!replica.operations.missing_parents().is_empty()))?;
        let mut replies = if gaps { self.ask_operations(&space, peer)? } else { Vec::new() };
        replies.extend(self.after_operations(&space)?);
        Ok(replies)
    }

    /// Operations of an album that isn't here: it is taken in when they say that this home was invited.
    fn on_operations_of_new(
        &mut self,
        pseudonym: Pseudonym,
        operations: Vec<Operation>,
        more: bool,
        now_ms: i64,
    ) -> Replies {
        let ours = self.albums.household();
        let came = !operations.is_empty();
        let progress = self.progress(&pseudonym);
        if progress.asked_operations == 0 {
            return Err(SyncError::slight("operations nobody asked for", Reason::WrongSpace, None));
        }
        if progress.buffer.len() + operations.len() > BUFFER_MAX {
            progress.buffer.clear();
            return Err(SyncError::slight("operations of an album", Reason::Flood, None));
        }
        progress.buffer.extend(operations);
        if more && came {
            let have = progress.buffer.iter().map(|operation| *operation.id().as_bytes()).collect();
            return Ok(vec![SyncMessage::AskOperations { space: *pseudonym.as_bytes(), have }]);
        }
        let buffer = std::mem::take(&mut progress.buffer);
        let Some(space) = buffer.first().map(Operation::space) else { return Ok(Vec::new()) };
        let mut operations = Operations::new(space);
        let certificates: Vec<Certificate> = buffer.iter().map(|one| one.certificate().clone()).collect();
        let refused = buffer.into_iter().map(|one| operations.insert(one));
        if refused.filter(|inserted| matches!(inserted, Inserted::Refused(_))).count() > 0 {
            self.problem("a membership operation", Reason::NotMember, Some(space));
        }
        if evaluate(&operations).role(&ours).is_none() {
            return Err(SyncError::slight("an album without us", Reason::NotMember, Some(space)));
        }
        let peer = self.peer;
        self.albums.transact(space, Some(peer), now_ms, move |work, state| {
            for certificate in &certificates {
                rows::insert_certificate(work.conn, certificate)?;
            }
            let replica = state.found(work, operations)?;
            replica.refresh(work)
        })?;
        self.after_operations(&space)
    }

    /// Goes on to envelopes and secrets once the operations are there.
    fn after_operations(&mut self, space: &SpaceId) -> Replies {
        let Some(standing) = self.albums.standing(space) else { return Ok(Vec::new()) };
        if self.standing_of_peer(&standing) != Peer::Member || standing.our_role().is_none() {
            return Ok(Vec::new());
        }
        let mut replies = self.ask_secrets(space)?;
        if self.progress(&space.pseudonym()).asked.is_none() {
            replies.extend(self.ask_envelopes(space, true)?);
        }
        Ok(replies)
    }

    fn on_ask_envelopes(&mut self, pseudonym: Pseudonym, have: &[Have], now_ms: i64) -> Replies {
        let (space, standing) = self.require(&pseudonym)?;
        if let Some(replies) = self.unless_members(&space, &standing, "a question about an album")? {
            return Ok(replies);
        }
        let ends = have.iter().flat_map(|have| [&have.hash[..], &have.seq.to_le_bytes()].concat());
        self.count_repeat(&pseudonym, &ends.collect::<Vec<u8>>())?;
        self.notice_own(&space, have, now_ms)?;
        let progress = self.progress(&pseudonym);
        // What the peer says it has is all it has: it may have been put back from a copy.
        progress.ends.clear();
        for have in have {
            let stream = answer::key(&have.stream);
            let places = have.earlier.iter().copied().chain([(have.seq, have.hash)]);
            for (seq, hash) in places {
                progress.note(&Head { stream, seq, hash: EnvelopeHash::from_bytes(hash) });
            }
        }
        progress.knows_ends = true;
        self.envelopes(&space, true)
    }

    /// A peer that has envelopes of ours which we lack shows that our disk is older than we are.
    fn notice_own(&self, space: &SpaceId, have: &[Have], now_ms: i64) -> Result<(), SyncError> {
        let ours = self.albums.certificate();
        let own = have.iter().filter(|have| have.stream.certificate == *ours.as_bytes());
        let own: Vec<EnvelopeHash> = own.map(|have| EnvelopeHash::from_bytes(have.hash)).collect();
        let lacking = self.albums.look(space, |conn, replica| {
            let mut lacking = false;
            for hash in &own {
                lacking |= rows::find(conn, replica.row, hash)?.is_none();
            }
            Ok(lacking && replica.incarnation.is_some())
        })?;
        if lacking {
            self.albums.change(*space, Some(self.peer), now_ms, |work, replica| {
                replica.begin_incarnation_later(work.conn)
            })?;
        }
        Ok(())
    }

    fn on_envelopes(
        &mut self,
        pseudonym: Pseudonym,
        certificates: &[Vec<u8>],
        encoded: &[Vec<u8>],
        more: bool,
        now_ms: i64,
    ) -> Replies {
        let (space, standing) = self.require(&pseudonym)?;
        if let Some(replies) = self.unless_members(&space, &standing, "envelopes")? {
            return Ok(replies);
        }
        let (certificates, envelopes) = self.verified(&space, certificates, encoded)?;
        let heads: HashSet<OperationId> =
            envelopes.iter().flat_map(|(envelope, _)| envelope.heads().iter().copied()).collect();
        let progress = self.progress(&pseudonym);
        for (envelope, _) in &envelopes {
            progress.note(&Head { stream: envelope.stream(), seq: envelope.seq(), hash: envelope.hash() });
        }
        let received = self.albums.change(space, Some(self.peer), now_ms, move |work, replica| {
            for certificate in certificates.values() {
                rows::insert_certificate(work.conn, certificate)?;
            }
            replica.take_envelopes(work, envelopes)
        })?;
        for reason in &received.refused {
            self.problem("an envelope", *reason, Some(space));
        }
        let mut replies = Vec::new();
        let unknown = self.albums.look(&space, |_, replica| {
            Ok(heads.iter().any(|head| !replica.operations.contains(head)))
        })?;
        if unknown {
            replies.extend(self.ask_operations(&space, Peer::Member)?);
        }
        replies.extend(self.ask_secrets(&space)?);
        if (more && received.stored > 0) || received.pending > 0 {
            replies.extend(self.ask_envelopes(&space, false)?);
        }
        Ok(replies)
    }

    /// Reads envelopes and verifies them; what isn't good is left out and noted.
    #[expect(clippy::type_complexity, reason = "a pair of lists that exists between two lines")]
    fn verified(
        &mut self,
        space: &SpaceId,
        certificates: &[Vec<u8>],
        encoded: &[Vec<u8>],
    ) -> Result<(HashMap<CertificateId, Certificate>, Vec<(Envelope, HouseholdId)>), SyncError> {
        let mut known: HashMap<CertificateId, Certificate> = HashMap::new();
        for bytes in certificates {
            match Certificate::decode(bytes) {
                Ok(certificate) => drop(known.insert(certificate.id(), certificate)),
                Err(CertificateError::Version(_) | CertificateError::Algorithm(_)) => {
                    self.problem("a certificate", Reason::FutureVersion, Some(*space));
                }
                Err(_) => self.problem("a certificate", Reason::BadSignature, Some(*space)),
            }
        }
        let mut envelopes = Vec::with_capacity(encoded.len());
        for bytes in encoded {
            let envelope = match Envelope::decode(bytes) {
                Ok(envelope) if envelope.pseudonym() == space.pseudonym() => envelope,
                Ok(_) => {
                    self.problem("an envelope", Reason::WrongSpace, Some(*space));
                    continue;
                }
                Err(error) => {
                    self.problem("an envelope", reason_of_envelope(&error), Some(*space));
                    continue;
                }
            };
            let id = envelope.stream().certificate;
            if !known.contains_key(&id) {
                match self.albums.rows(|conn| rows::certificate(conn, &id))? {
                    Some(certificate) => drop(known.insert(id, certificate)),
                    None => {
                        self.problem("an envelope", Reason::UnknownCertificate, Some(*space));
                        continue;
                    }
                }
            }
            let certificate = &known[&id];
            match envelope.verify(certificate) {
                Ok(()) => envelopes.push((envelope, *certificate.household())),
                Err(_) => self.problem("an envelope", Reason::BadSignature, Some(*space)),
            }
        }
        // Only what something here needs is kept.
        let used: HashSet<CertificateId> =
            envelopes.iter().map(|(envelope, _)| envelope.stream().certificate).collect();
        known.retain(|id, _| used.contains(id));
        Ok((known, envelopes))
    }

    fn on_ask_earlier(&mut self, pseudonym: Pseudonym, streams: &[StreamName]) -> Replies {
        let (space, standing) = self.require(&pseudonym)?;
        if let Some(replies) = self.unless_members(&space, &standing, "a question about an album")? {
            return Ok(replies);
        }
        let bytes: Vec<u8> = streams.iter().flat_map(|one| [&one.certificate[..], &one.incarnation].concat()).collect();
        self.count_repeat(&pseudonym, &bytes)?;
        let progress = self.progress(&pseudonym);
        progress.earlier.extend(streams.iter().take(HAVES_MAX).map(answer::key));
        self.ask_envelopes(&space, true)
    }

    fn on_ask_secrets(&mut self, pseudonym: Pseudonym, epochs: &[[u8; 32]]) -> Replies {
        let (space, standing) = self.require(&pseudonym)?;
        if let Some(replies) = self.unless_members(&space, &standing, "a question for secrets")? {
            return Ok(replies);
        }
        self.count_repeat(&pseudonym, epochs.as_flattened())?;
        let epochs: Vec<EpochId> = epochs.iter().copied().map(EpochId::from_bytes).collect();
        let (albums, peer) = (&self.albums, self.peer);
        let wraps =
            albums.look(&space, |_, replica| Ok(replica.wraps_for(&|| albums.random32(), &peer, &epochs)))?;
        if wraps.is_empty() {
            return Ok(Vec::new());
        }
        let secrets = wraps.into_iter().map(|(epoch, sealed)| (*epoch.as_bytes(), sealed)).collect();
        Ok(vec![SyncMessage::Secrets { space: *pseudonym.as_bytes(), secrets }])
    }

    fn on_secrets(&mut self, pseudonym: Pseudonym, secrets: &[([u8; 32], Vec<u8>)], now_ms: i64) -> Replies {
        let (space, standing) = self.require(&pseudonym)?;
        if let Some(replies) = self.unless_members(&space, &standing, "secrets")? {
            return Ok(replies);
        }
        let wraps: Vec<(EpochId, Vec<u8>)> =
            secrets.iter().map(|(epoch, sealed)| (EpochId::from_bytes(*epoch), sealed.clone())).collect();
        let expected = self.albums.look(&space, |_, replica| {
            let missing = replica.epochs_missing();
            Ok(wraps.iter().filter(|(epoch, _)| missing.contains(epoch)).count())
        })?;
        let taken = self.albums.change(space, Some(self.peer), now_ms, move |work, replica| {
            replica.take_secrets(work, &wraps)
        })?;
        if taken < expected {
            self.problem("a secret", Reason::WrongEpoch, Some(space));
        }
        Ok(Vec::new())
    }

    /// What to answer when one of the two isn't a member any more: the operations that say so. A stranger is refused.
    fn unless_members(
        &mut self,
        space: &SpaceId,
        standing: &Standing,
        what: &'static str,
    ) -> Result<Option<Vec<SyncMessage>>, SyncError> {
        match self.standing_of_peer(standing) {
            Peer::Stranger => Err(SyncError::slight(what, Reason::NotMember, Some(*space))),
            Peer::Member if standing.our_role().is_some() => Ok(None),
            peer => self.operations(space, peer, false).map(Some),
        }
    }

    fn ask_operations(&mut self, space: &SpaceId, peer: Peer) -> Replies {
        let household = self.peer;
        let have = self.albums.look(space, |_, replica| {
            let shown = (peer == Peer::Former).then(|| replica.up_to_removals(&household));
            let ids = replica.operations.ids();
            let ids = ids.filter(|id| shown.as_ref().is_none_or(|shown| shown.contains(id)));
            Ok(ids.map(|id| *id.as_bytes()).collect::<Vec<_>>())
        })?;
        let have = if peer == Peer::Stranger { Vec::new() } else { have };
        self.progress(&space.pseudonym()).asked_operations += 1;
        Ok(vec![SyncMessage::AskOperations { space: *space.pseudonym().as_bytes(), have }])
    }

    /// Asks for what is past the ends of our streams; unless forced, not twice for the same ends.
    fn ask_envelopes(&mut self, space: &SpaceId, force: bool) -> Replies {
        let pseudonym = space.pseudonym();
        let earlier = self.progress(&pseudonym).earlier.clone();
        let (have, digest) = self.albums.look(space, |conn, replica| {
            let digest = heads_digest(&rows::heads(conn, replica.row)?);
            Ok((haves(conn, replica.row, &earlier)?, digest))
        })?;
        let progress = self.progress(&pseudonym);
        if !force && progress.asked == Some(digest) {
            return Ok(Vec::new());
        }
        progress.asked = Some(digest);
        Ok(vec![SyncMessage::AskEnvelopes { space: *pseudonym.as_bytes(), have }])
    }

    fn ask_secrets(&mut self, space: &SpaceId) -> Replies {
        let missing = self.albums.look(space, |_, replica| Ok(replica.epochs_missing()))?;
        let progress = self.progress(&space.pseudonym());
        if missing.is_empty() || progress.asked_secrets == missing {
            return Ok(Vec::new());
        }
        progress.asked_secrets.clone_from(&missing);
        let epochs = missing.iter().take(SECRETS_MAX).map(|epoch| *epoch.as_bytes()).collect();
        Ok(vec![SyncMessage::AskSecrets { space: *space.pseudonym().as_bytes(), epochs }])
    }

    /// The operations that the peer lacks and may see; an empty message only when it `asked`.
    fn operations(&mut self, space: &SpaceId, peer: Peer, asked: bool) -> Replies {
        let pseudonym = space.pseudonym();
        let household = self.peer;
        let known = std::mem::take(&mut self.progress(&pseudonym).operations);
        let found = self.albums.look(space, |_, replica| {
            let shown = (peer == Peer::Former).then(|| replica.up_to_removals(&household));
            Ok(operations_for(&replica.operations, shown.as_ref(), &known))
        });
        let progress = self.progress(&pseudonym);
        progress.operations = known;
        let (ids, operations, more) = found?;
        if operations.is_empty() && !asked {
            return Ok(Vec::new());
        }
        progress.operations.extend(ids);
        Ok(vec![SyncMessage::Operations { space: *pseudonym.as_bytes(), operations, more }])
    }

    /// The envelopes that the peer lacks.
    fn envelopes(&mut self, space: &SpaceId, asked: bool) -> Replies {
        let pseudonym = space.pseudonym();
        let (ends, certificates) = {
            let progress = self.progress(&pseudonym);
            (std::mem::take(&mut progress.ends), std::mem::take(&mut progress.certificates))
        };
        let batch =
            self.albums.look(space, |conn, replica| envelopes_for(conn, replica.row, &ends, &certificates));
        let progress = self.progress(&pseudonym);
        (progress.ends, progress.certificates) = (ends, certificates);
        let batch = batch?;
        batch.ends.iter().for_each(|head| {
            progress.note(head);
            progress.certificates.insert(head.stream.certificate);
        });
        let mut replies = Vec::new();
        let name = *pseudonym.as_bytes();
        if !batch.envelopes.is_empty() {
            replies.push(SyncMessage::Envelopes {
                space: name,
                certificates: batch.certificates,
                envelopes: batch.envelopes,
                more: batch.more,
            });
        }
        if asked && !batch.forked.is_empty() {
            let streams = batch.forked.iter().map(answer::name).collect();
            replies.push(SyncMessage::AskEarlier { space: name, streams });
        }
        if asked && batch.unknown {
            replies.extend(self.ask_envelopes(space, false)?);
        }
        Ok(replies)
    }

    fn offer(&self, space: &SpaceId) -> Result<Offer, SyncError> {
        let household = self.peer;
        let offer = self.albums.look(space, |conn, replica| {
            let former = !replica.membership.members.contains_key(&household);
            let shown = former.then(|| replica.up_to_removals(&household));
            let ids = replica.operations.ids();
            let ids = ids.filter(|id| shown.as_ref().is_none_or(|shown| shown.contains(id)));
            let envelopes =
                if former { [0; 32] } else { heads_digest(&rows::heads(conn, replica.row)?) };
            Ok(Offer {
                space: *space.pseudonym().as_bytes(),
                operations: operations_digest(ids),
                state: if former { [0; 32] } else { replica.membership.digest },
                envelopes,
            })
        })?;
        Ok(offer)
    }

    fn heads(&self, space: &SpaceId) -> Result<Vec<Head>, SyncError> {
        Ok(self.albums.look(space, |conn, replica| rows::heads(conn, replica.row))?)
    }

    fn progress(&mut self, pseudonym: &Pseudonym) -> &mut Progress {
        self.spaces.entry(*pseudonym).or_default()
    }

    fn known(&self, pseudonym: &Pseudonym) -> Option<(SpaceId, std::sync::Arc<Standing>)> {
        let space = self.albums.by_pseudonym(pseudonym)?;
        Some((space, self.albums.standing(&space)?))
    }

    fn require(&self, pseudonym: &Pseudonym) -> Result<(SpaceId, std::sync::Arc<Standing>), SyncError> {
        self.known(pseudonym).ok_or_else(|| SyncError::slight("something for an album", Reason::WrongSpace, None))
    }

    fn standing_of_peer(&self, standing: &Standing) -> Peer {
        if standing.membership.members.contains_key(&self.peer) {
            Peer::Member
        } else if standing.membership.removals.iter().any(|removal| removal.household == self.peer) {
            Peer::Former
        } else {
            Peer::Stranger
        }
    }

    fn problem(&mut self, what: &'static str, reason: Reason, space: Option<SpaceId>) {
        self.problem_count += 1;
        if self.problems.len() < PROBLEMS_MAX {
            self.problems.push(SyncError::slight(what, reason, space));
        }
    }

    /// Ends the session of a peer that asks the same again and again.
    fn count_repeat(&mut self, pseudonym: &Pseudonym, question: &[u8]) -> Result<(), SyncError> {
        let digest = *heirloom_identity::ContentHash::of(question).as_bytes();
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
    fn note(&mut self, head: &Head) {
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

fn reason_of_operation(error: &OperationError) -> Reason {
    match error {
        OperationError::Version(_) | OperationError::Algorithm(_) | OperationError::Kind(_) => {
            Reason::FutureVersion
        }
        OperationError::Signature => Reason::BadSignature,
        OperationError::TooLarge(_) => Reason::Oversized,
        _ => Reason::Malformed,
    }
}

fn reason_of_envelope(error: &EnvelopeError) -> Reason {
    match error {
        EnvelopeError::Version(_) | EnvelopeError::Algorithm(_) => Reason::FutureVersion,
        _ => Reason::Malformed,
    }
}
