//! Envelopes in a sync: asked for, sent, verified, taken in.

use std::collections::{BTreeSet, HashMap, HashSet, hash_map::Entry};

use heirloom_identity::{
    Certificate, CertificateError, CertificateId, Envelope, EnvelopeError, EnvelopeHash, HouseholdId,
    OperationId, Pseudonym, SpaceId,
};

use crate::replica::rows::{self, Head};
use crate::sync::answer::{self, envelopes_for, haves, heads_digest};
use crate::sync::message::{HAVES_MAX, Have, StreamName, SyncMessage};
use crate::sync::session::{Peer, Replies, SyncSession};
use crate::sync::{Reason, SyncError};

impl SyncSession {
    pub(super) fn on_ask_envelopes(&mut self, pseudonym: Pseudonym, have: &[Have], now_ms: i64) -> Replies {
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
        progress.certificates.clear();
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
    pub(super) fn notice_own(&self, space: &SpaceId, have: &[Have], now_ms: i64) -> Result<(), SyncError> {
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

    pub(super) fn on_envelopes(
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
        let heads: BTreeSet<OperationId> =
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
        let unknown: Vec<OperationId> = self.albums.look(&space, |_, replica| {
            Ok(heads.into_iter().filter(|head| !replica.operations.contains(head)).collect())
        })?;
        if !unknown.is_empty() {
            replies.extend(self.ask_operations(&space, Peer::Member, Some(&unknown))?);
        }
        // Their author's invitation may be among the operations that are still to come.
        if !unknown.is_empty() || received.refused.contains(&Reason::NotMember) {
            self.progress(&pseudonym).asks_again = true;
        }
        replies.extend(self.ask_secrets(&space)?);
        // Of two homes that send the same, one brings nothing new; the ends say whether there is more to ask for.
        if more || received.pending > 0 {
            replies.extend(self.ask_envelopes(&space, false)?);
        }
        Ok(replies)
    }

    /// Reads envelopes and verifies them; what isn't good is left out and noted.
    #[expect(clippy::type_complexity, reason = "a pair of lists that exists between two lines")]
    pub(super) fn verified(
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
            let certificate = match known.entry(id) {
                Entry::Occupied(entry) => entry.into_mut(),
                Entry::Vacant(entry) => match self.albums.rows(|conn| rows::certificate(conn, &id))? {
                    Some(certificate) => entry.insert(certificate),
                    None => {
                        self.problem("an envelope", Reason::UnknownCertificate, Some(*space));
                        continue;
                    }
                },
            };
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

    pub(super) fn on_ask_earlier(&mut self, pseudonym: Pseudonym, streams: &[StreamName]) -> Replies {
        let (space, standing) = self.require(&pseudonym)?;
        if let Some(replies) = self.unless_members(&space, &standing, "a question about an album")? {
            return Ok(replies);
        }
        let bytes: Vec<u8> =
            streams.iter().flat_map(|one| [&one.certificate[..], &one.incarnation].concat()).collect();
        self.count_repeat(&pseudonym, &bytes)?;
        let here: HashSet<_> = self.heads(&space)?.into_iter().map(|head| head.stream).collect();
        let asked = streams.iter().take(HAVES_MAX).map(answer::key).filter(|stream| here.contains(stream));
        self.progress(&pseudonym).earlier.extend(asked);
        self.ask_envelopes(&space, true)
    }

    /// Asks for what is past the ends of our streams; unless forced, not twice for the same ends.
    pub(super) fn ask_envelopes(&mut self, space: &SpaceId, force: bool) -> Replies {
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

    /// The envelopes that the peer lacks.
    pub(super) fn envelopes(&mut self, space: &SpaceId, asked: bool) -> Replies {
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
}

fn reason_of_envelope(error: &EnvelopeError) -> Reason {
    match error {
        EnvelopeError::Version(_) | EnvelopeError::Algorithm(_) => Reason::FutureVersion,
        _ => Reason::Malformed,
    }
}
