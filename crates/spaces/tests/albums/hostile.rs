//! Peers that mean harm, or are broken.

use automerge::{ActorId, AutoCommit, ROOT, ScalarValue, transaction::Transactable};
use heirloom_identity::{
    Certificate, Content, Envelope, EnvelopeHash, EpochSecret, Header, OperationId, Role, SpaceId, StreamId,
    StreamKey,
};
use heirloom_spaces::{AlbumEdit, Reason, SyncMessage, SyncSession};
use heirloom_store::StoreError;
use heirloom_store::rusqlite::Connection;
use proptest::prelude::*;

use crate::family::{Home, Link, NOW_MS, assert_equal, content, facts, shared, shown, sync, sync_all};

/// A stream of a home that is written by hand.
pub(crate) struct Forger {
    keys: heirloom_spaces::AlbumKeys,
    space: SpaceId,
    pub(crate) key: StreamKey,
    secret: EpochSecret,
    heads: Vec<OperationId>,
    pub(crate) seq: u64,
    pub(crate) prev: EnvelopeHash,
}

impl Forger {
    pub(crate) fn new(home: &Home, space: &SpaceId) -> Self {
        let keys = home.keys();
        let key =
            StreamKey { certificate: keys.certificate.id(), incarnation: StreamId::from_bytes([0xee; 16]) };
        let newest = |conn: &Connection| {
            let secret: [u8; 32] =
                conn.query_row("SELECT secret FROM album_secrets LIMIT 1", [], |row| row.get(0))?;
            let head: [u8; 32] =
                conn.query_row("SELECT id FROM album_operations ORDER BY number DESC", [], |row| row.get(0))?;
            Ok::<_, StoreError>((EpochSecret::from_bytes(secret), vec![OperationId::from_bytes(head)]))
        };
        let (secret, heads) = home.database().read(newest).unwrap();
        Self { keys, space: *space, key, secret, heads, seq: 0, prev: EnvelopeHash::NONE }
    }

    pub(crate) fn actor(&self) -> ActorId {
        ActorId::from(self.key.actor())
    }

    pub(crate) fn seal(&mut self, document: &str, change: Vec<u8>) -> Envelope {
        let header = Header {
            space: self.space,
            stream: self.key,
            seq: self.seq + 1,
            prev: self.prev,
            heads: self.heads.clone(),
        };
        let content = Content {
            account: crate::family::account(2),
            document: document.parse().unwrap(),
            change,
            at_ms: i64::MAX,
        };
        let envelope = Envelope::seal(&self.keys.signer, &header, &self.secret, &content, [5; 24]).unwrap();
        (self.seq, self.prev) = (envelope.seq(), envelope.hash());
        envelope
    }

    pub(crate) fn message(&self, envelopes: &[Envelope]) -> SyncMessage {
        SyncMessage::Envelopes {
            space: *self.space.pseudonym().as_bytes(),
            certificates: vec![self.keys.certificate.encode().to_vec()],
            envelopes: envelopes.iter().map(Envelope::encode).collect(),
            more: false,
        }
    }
}

/// A change by this actor that puts one value.
pub(crate) fn change(actor: ActorId, key: &str, value: ScalarValue) -> Vec<u8> {
    let mut doc = AutoCommit::new().with_actor(actor);
    doc.put(ROOT, key, value).unwrap();
    doc.commit();
    doc.get_last_local_change().unwrap().raw_bytes().to_vec()
}

pub(crate) fn session(at: &Home, peer: &Home) -> SyncSession {
    at.albums.session(peer.id())
}

fn reasons(session: &mut SyncSession) -> Vec<Reason> {
    session.problems().into_iter().map(|problem| problem.reason).collect()
}

pub(crate) fn entry_key(home: &Home, name: &str) -> String {
    format!("e/{}/{}", &home.id().to_string()[..16], content(name))
}

#[test]
fn nobody_overwrites_what_another_home_added() {
    let [anna, ben] = [Home::new(1), Home::new(2)];
    let space = shared(&[&anna, &ben]);
    anna.add(&space, &["a"]);
    sync(&anna, &ben);
    let before = shown(&anna, &space);
    let mut forger = Forger::new(&ben, &space);
    let forged = [
        // Another's entry, in one's own name and in the other's.
        change(forger.actor(), &entry_key(&anna, "a"), ScalarValue::Bytes(vec![1])),
        change(ActorId::from([7; 16]), "title", "x".into()),
        b"no change at all".to_vec(),
        Vec::new(),
    ];
    let envelopes: Vec<Envelope> = forged.into_iter().map(|bytes| forger.seal("entries", bytes)).collect();
    let mut session = session(&anna, &ben);
    session.receive(forger.message(&envelopes), NOW_MS).unwrap();
    assert_eq!(shown(&anna, &space), before);
    assert_eq!(
        anna.count("SELECT count(*) FROM album_envelopes WHERE document IS NOT NULL AND needs IS NULL"),
        4
    );

    // What it may write it writes, whatever it claims of the time.
    let mut forger = Forger {
        key: StreamKey { incarnation: StreamId::from_bytes([0xdd; 16]), ..forger.key },
        ..Forger::new(&ben, &space)
    };
    let good = change(forger.actor(), "title", "far in the future".into());
    let envelope = forger.seal("about", good);
    session.receive(forger.message(&[envelope]), NOW_MS).unwrap();
    assert!(anna.albums.activity(&space, 100).unwrap().iter().all(|line| line.at_ms <= NOW_MS));
    sync_all(&[&anna, &ben]);
    assert_equal(&[&anna, &ben], &space);
}

#[test]
fn a_forged_viewers_photo_has_no_effect() {
    let [anna, ben] = [Home::new(1), Home::new(2)];
    let space = anna.albums.create(anna.account(), "Summer", NOW_MS).unwrap();
    anna.invite(&space, &ben, Role::Viewer);
    sync(&anna, &ben);
    let mut forger = Forger::new(&ben, &space);
    // The membership as it is, with Ben in it.
    let packed = ScalarValue::Bytes(vec![1; 60]);
    let bytes = change(forger.actor(), &entry_key(&ben, "x"), packed);
    let envelope = forger.seal("entries", bytes);
    session(&anna, &ben).receive(forger.message(&[envelope]), NOW_MS).unwrap();
    assert_eq!(anna.album(&space).entries, 0);
    assert_eq!(
        anna.count("SELECT count(*) FROM album_envelopes WHERE document = 'entries' AND counted = 0"),
        1
    );
}

#[test]
fn bad_envelopes_are_refused_with_a_reason_and_disturb_nothing() {
    let [anna, ben, carla] = [Home::new(1), Home::new(2), Home::new(3)];
    let space = shared(&[&anna, &ben]);
    let mut forger = Forger::new(&ben, &space);
    let bytes = change(forger.actor(), "description", "good".into());
    let good = forger.seal("about", bytes);
    let encoded = good.encode();
    let mut flipped = encoded.clone();
    let last = flipped.len() - 1;
    flipped[last] ^= 1;
    let mut future = encoded.clone();
    future[0] = 9;
    let mut foreign = Forger::new(&ben, &space);
    foreign.space = SpaceId::from_bytes([9; 32]);
    let elsewhere = foreign.seal("about", vec![1]).encode();
    let mut stranger = Forger::new(&ben, &space);
    stranger.keys = carla.keys();
    stranger.key = StreamKey { certificate: carla.keys().certificate.id(), ..stranger.key };
    let uninvited = stranger.seal("about", vec![1]).encode();

    let message = |envelopes: Vec<Vec<u8>>, certificates: &[&Certificate]| SyncMessage::Envelopes {
        space: *space.pseudonym().as_bytes(),
        certificates: certificates.iter().map(|one| one.encode().to_vec()).collect(),
        envelopes,
        more: false,
    };
    let (bens, carlas) = (ben.keys().certificate, carla.keys().certificate);
    for (bad, certificates, reason) in [
        (b"garbage".to_vec(), vec![&bens], Reason::FutureVersion),
        (encoded[..100].to_vec(), vec![&bens], Reason::Malformed),
        (flipped, vec![&bens], Reason::BadSignature),
        (future, vec![&bens], Reason::FutureVersion),
        (elsewhere, vec![&bens], Reason::WrongSpace),
        (uninvited.clone(), vec![], Reason::UnknownCertificate),
        (uninvited, vec![&carlas], Reason::NotMember),
    ] {
        let mut session = session(&anna, &ben);
        let replies = session.receive(message(vec![bad, encoded.clone()], &certificates), NOW_MS).unwrap();
        assert_eq!(reasons(&mut session), [reason]);
        let told = replies.iter().any(
            |reply| matches!(reply, SyncMessage::Refused { reason: code, .. } if *code == reason.code()),
        );
        assert!(told, "{reason:?} is told");
    }
    assert_eq!(anna.album(&space).description, "good", "what is good beside it is taken");
}

#[test]
fn bad_messages_end_the_session() {
    assert!(SyncMessage::decode(&[0xff; 10]).unwrap_err().fatal);
    assert_eq!(SyncMessage::decode(&vec![0; 1024 * 1024 + 1]).unwrap_err().reason, Reason::Oversized);
    let bytes = SyncMessage::Offer(Vec::new()).encode();
    assert_eq!(SyncMessage::decode(&[&bytes[..], &[0]].concat()).unwrap_err().reason, Reason::Malformed);
    // A list that claims 10^12 values in a few bytes.
    assert!(SyncMessage::decode(&[0, 0x80, 0xa0, 0x94, 0xa5, 0x8d, 0x1d]).is_err());

    let [anna, ben] = [Home::new(1), Home::new(2)];
    let space = shared(&[&anna, &ben]);
    let question = SyncMessage::AskOperations { space: *space.pseudonym().as_bytes(), have: vec![[1; 32]] };
    let mut flood = session(&anna, &ben);
    let ended = (0..100).find_map(|_| flood.receive(question.clone(), NOW_MS).err());
    assert_eq!(ended.unwrap().reason, Reason::Flood);

    let mut flood = session(&anna, &ben);
    let unknown = SyncMessage::AskEnvelopes { space: [7; 32], have: Vec::new() };
    let ended = (0..100).find_map(|_| flood.receive(unknown.clone(), NOW_MS).err());
    assert_eq!(ended.unwrap().reason, Reason::Flood);
}

#[test]
fn strangers_learn_nothing() {
    let [anna, ben, carla] = [Home::new(1), Home::new(2), Home::new(3)];
    let space = shared(&[&anna, &ben]);
    anna.add(&space, &["a"]);
    let name = *space.pseudonym().as_bytes();
    let mut session = session(&anna, &carla);
    assert!(session.open().unwrap().is_empty());
    assert!(session.push(&space).unwrap().is_empty());
    for question in [
        SyncMessage::AskOperations { space: name, have: Vec::new() },
        SyncMessage::AskEnvelopes { space: name, have: Vec::new() },
        SyncMessage::AskSecrets { space: name, epochs: vec![[1; 32]] },
        SyncMessage::AskEarlier { space: name, streams: Vec::new() },
        SyncMessage::Envelopes { space: name, certificates: vec![], envelopes: vec![], more: true },
        SyncMessage::Secrets { space: name, secrets: vec![] },
    ] {
        let replies = session.receive(question, NOW_MS).unwrap();
        assert!(replies.iter().all(|reply| matches!(reply, SyncMessage::Refused { .. })), "{replies:?}");
        assert_eq!(reasons(&mut session), [Reason::NotMember]);
    }
}

#[test]
fn what_waits_for_its_predecessor_is_bounded() {
    let [anna, ben] = [Home::new(1), Home::new(2)];
    let space = shared(&[&anna, &ben]);
    let mut forger = Forger::new(&ben, &space);
    let mut doc = AutoCommit::new().with_actor(forger.actor());
    let mut envelopes = Vec::new();
    for n in 0..4200 {
        doc.put(ROOT, "title", format!("title {n}")).unwrap();
        doc.commit();
        let bytes = doc.get_last_local_change().unwrap().raw_bytes().to_vec();
        envelopes.push(forger.seal("about", bytes));
    }
    let mut session = session(&anna, &ben);
    for part in envelopes[1..].chunks(1000) {
        session.receive(forger.message(part), NOW_MS).unwrap();
    }
    assert_eq!(anna.count("SELECT count(*) FROM album_pending"), 4096);
    assert!(reasons(&mut session).contains(&Reason::Flood));
    // The first one brings them all in.
    session.receive(forger.message(&envelopes[..1]), NOW_MS).unwrap();
    assert_eq!(anna.count("SELECT count(*) FROM album_pending"), 0);
    assert_eq!(anna.album(&space).title, "title 4096");
}

#[test]
fn a_wrong_secret_is_refused() {
    let [anna, ben] = [Home::new(1), Home::new(2)];
    let space = anna.albums.create(anna.account(), "Summer", NOW_MS).unwrap();
    anna.add(&space, &["a"]);
    anna.invite(&space, &ben, Role::Contributor);
    let mut link = Link::new(&anna, &ben);
    let mut refused = 0;
    while let Some((to_right, bytes)) = link.under_way.pop_front() {
        match SyncMessage::decode(&bytes).unwrap() {
            SyncMessage::Secrets { space, secrets } => {
                let wrong = secrets.iter().map(|(epoch, sealed)| (*epoch, vec![1; sealed.len()])).collect();
                let mut other = session(&ben, &anna);
                other.receive(SyncMessage::Secrets { space, secrets: wrong }, NOW_MS).unwrap();
                refused += reasons(&mut other).iter().filter(|reason| **reason == Reason::WrongEpoch).count();
                link.deliver(to_right, &bytes);
            }
            _ => link.deliver(to_right, &bytes),
        }
    }
    assert!(refused > 0);
    assert_eq!(ben.names(&space), ["a"]);
    assert_eq!(ben.albums.entry(&space, &content("a")).unwrap().unwrap().facts, facts("a", anna.account()));
    anna.edit(&space, &[AlbumEdit::Title("x".to_owned())]);
}

proptest! {
    #[test]
    fn arbitrary_messages_are_answered(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        if let Ok(message) = SyncMessage::decode(&bytes) {
            prop_assert_eq!(SyncMessage::decode(&message.encode()), Ok(message));
        }
    }
}
