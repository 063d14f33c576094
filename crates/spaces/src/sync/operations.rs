//! Operations and secrets in a sync: asked for, sent, taken in.

use heirloom_identity::{
    Certificate, ContentHash, EpochId, Operation, OperationError, OperationId, Pseudonym, SpaceId,
};

use crate::albums::Standing;
use crate::membership::{Inserted, OPERATIONS_MAX, Operations, evaluate};
use crate::replica::rows;
use crate::sync::answer::operations_for;
use crate::sync::message::{SECRETS_MAX, SyncMessage};
use crate::sync::session::{Peer, Replies, SyncSession};
use crate::sync::{Reason, SyncError};

/// How many operations of an album that isn't here yet are held.
const BUFFER_MAX: usize = OPERATIONS_MAX;
/// How many bytes of them are held in one session, of all such albums together.
const BUFFER_BYTES_MAX: usize = 32 << 20;

impl SyncSession {
    pub(super) fn on_ask_operations(&mut self, pseudonym: Pseudonym, have: &[[u8; 32]]) -> Replies {
        let (space, standing) = self.require(&pseudonym)?;
        let peer = self.standing_of_peer(&standing);
        if peer == Peer::Stranger {
            return Err(SyncError::slight("a question about an album", Reason::NotMember, Some(space)));
        }
        self.count_repeat(&pseudonym, have.as_flattened())?;
        let have: Vec<OperationId> = have.iter().copied().map(OperationId::from_bytes).collect();
        let (known, lacking): (Vec<_>, Vec<_>) = self.albums.look(&space, |_, replica| {
            Ok(have.into_iter().partition(|id| replica.operations.contains(id)))
        })?;
        // What the peer says it has is all it has: it may have put the album away meanwhile.
        self.progress(&pseudonym).operations = known.into_iter().collect();
        let mut replies = self.operations(&space, peer, true)?;
        if !lacking.is_empty() {
            replies.extend(self.ask_operations(&space, peer, Some(&lacking))?);
        }
        Ok(replies)
    }

    pub(super) fn on_operations(
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
        let Some((space, _)) = self.known(&pseudonym) else {
            return self.on_operations_of_new(pseudonym, operations, more, now_ms);
        };
        let ids: Vec<OperationId> = operations.iter().map(Operation::id).collect();
        let peer = self.peer;
        let taken = self.albums.change(space, Some(peer), now_ms, move |work, replica| {
            let taken = replica.take_operations(work, operations)?;
            replica.ensure_receives(work)?;
            Ok(taken)
        })?;
        if taken.refused {
            self.problem("a membership operation", Reason::NotMember, Some(space));
        }
        let Some(standing) = self.albums.standing(&space) else { return Ok(Vec::new()) };
        let peer = self.standing_of_peer(&standing);
        let (known, gaps) = self.albums.look(&space, |_, replica| {
            let known = ids.into_iter().filter(|id| replica.operations.contains(id));
            Ok((known.collect::<Vec<_>>(), replica.operations.missing_parents()))
        })?;
        let progress = self.progress(&pseudonym);
        progress.operations.extend(known);
        if progress.asks_again && !taken.added.is_empty() {
            (progress.asks_again, progress.asked) = (false, None);
        }
        // Of two homes that send the same, one brings nothing new; what is here says whether there is more to ask for.
        let mut replies = if more || !gaps.is_empty() {
            self.ask_operations(&space, peer, Some(&gaps))?
        } else {
            Vec::new()
        };
        if more && !replies.is_empty() {
            return Ok(replies);
        }
        replies.extend(self.after_operations(&space)?);
        Ok(replies)
    }

    /// Operations of an album that isn't here: it is taken in when they say that this home was invited.
    pub(super) fn on_operations_of_new(
        &mut self,
        pseudonym: Pseudonym,
        operations: Vec<Operation>,
        more: bool,
        now_ms: i64,
    ) -> Replies {
        let ours = self.albums.household();
        let came = !operations.is_empty();
        let bytes: usize = operations.iter().map(|operation| operation.as_bytes().len()).sum();
        let is_full = self.buffered() + bytes > BUFFER_BYTES_MAX;
        let progress = self.progress(&pseudonym);
        if progress.asked_operations == 0 {
            return Err(SyncError::slight("operations nobody asked for", Reason::WrongSpace, None));
        }
        if is_full || progress.buffer.len() + operations.len() > BUFFER_MAX {
            (progress.buffer, progress.buffer_bytes) = (Vec::new(), 0);
            return Err(SyncError::slight("operations of an album", Reason::Flood, None));
        }
        progress.buffer.extend(operations);
        progress.buffer_bytes += bytes;
        if more && came {
            let have = progress.buffer.iter().map(|operation| *operation.id().as_bytes()).collect();
            return Ok(vec![SyncMessage::AskOperations { space: *pseudonym.as_bytes(), have }]);
        }
        let buffer = std::mem::take(&mut progress.buffer);
        progress.buffer_bytes = 0;
        let Some(space) = buffer.first().map(Operation::space) else { return Ok(Vec::new()) };
        let mut operations = Operations::new(space);
        let certificates: Vec<Certificate> = buffer.iter().map(|one| one.certificate().clone()).collect();
        let refused = buffer.into_iter().map(|one| operations.insert(one));
        if refused.filter(|inserted| matches!(inserted, Inserted::Refused(_))).count() > 0 {
            self.problem("a membership operation", Reason::NotMember, Some(space));
        }
        if evaluate(&operations).role(&ours).is_none() {
            // Pushed by a peer that doesn't know that the album was put away here: the beginning is missing.
            let missing = operations.missing_parents();
            let progress = self.progress(&pseudonym);
            let key = *ContentHash::of(&missing.iter().flat_map(|id| *id.as_bytes()).collect::<Vec<u8>>())
                .as_bytes();
            if !missing.is_empty() && progress.asked_ids != Some(key) {
                progress.asked_ids = Some(key);
                let space = *pseudonym.as_bytes();
                return Ok(vec![SyncMessage::AskOperations { space, have: Vec::new() }]);
            }
            return Err(SyncError::slight("an album without us", Reason::NotMember, Some(space)));
        }
        let peer = self.peer;
        let came: Vec<OperationId> = operations.ids().collect();
        self.albums.transact(space, Some(peer), now_ms, move |work, state| {
            for certificate in &certificates {
                rows::insert_certificate(work.conn, certificate)?;
            }
            let replica = state.found(work, operations)?;
            replica.refresh(work)?;
            replica.ensure_receives(work)
        })?;
        let progress = self.progress(&pseudonym);
        progress.operations = came.into_iter().collect();
        progress.asked = None;
        self.after_operations(&space)
    }

    /// Goes on to envelopes and secrets once the operations are there.
    pub(super) fn after_operations(&mut self, space: &SpaceId) -> Replies {
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

    pub(super) fn on_ask_secrets(&mut self, pseudonym: Pseudonym, epochs: &[[u8; 32]]) -> Replies {
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

    pub(super) fn on_secrets(
        &mut self,
        pseudonym: Pseudonym,
        secrets: &[([u8; 32], Vec<u8>)],
        now_ms: i64,
    ) -> Replies {
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
        if taken > 0 {
            // What could not be opened may have been left out; now it can be taken in.
            return self.ask_envelopes(&space, true);
        }
        Ok(Vec::new())
    }

    /// What to answer when one of the two isn't a member any more: the operations that say so. A stranger is refused.
    pub(super) fn unless_members(
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

    /// Asks for operations; when it is said which are `missing`, not twice for the same ones with the same in hand.
    pub(super) fn ask_operations(
        &mut self,
        space: &SpaceId,
        peer: Peer,
        missing: Option<&[OperationId]>,
    ) -> Replies {
        let household = self.peer;
        let have = self.albums.look(space, |_, replica| {
            let shown = (peer == Peer::Former).then(|| replica.up_to_removals(&household));
            let ids = replica.operations.ids();
            let ids = ids.filter(|id| shown.as_ref().is_none_or(|shown| shown.contains(id)));
            Ok(ids.map(|id| *id.as_bytes()).collect::<Vec<_>>())
        })?;
        let have = if peer == Peer::Stranger { Vec::new() } else { have };
        let mut bytes = have.as_flattened().to_vec();
        bytes.push(0);
        missing.unwrap_or_default().iter().for_each(|id| bytes.extend(id.as_bytes()));
        let key = *ContentHash::of(&bytes).as_bytes();
        let progress = self.progress(&space.pseudonym());
        if missing.is_some() && progress.asked_ids == Some(key) {
            return Ok(Vec::new());
        }
        progress.asked_operations += 1;
        progress.asked_ids = Some(key);
        Ok(vec![SyncMessage::AskOperations { space: *space.pseudonym().as_bytes(), have }])
    }

    pub(super) fn ask_secrets(&mut self, space: &SpaceId) -> Replies {
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
    pub(super) fn operations(&mut self, space: &SpaceId, peer: Peer, asked: bool) -> Replies {
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
