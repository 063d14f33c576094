//! Members that write more than anybody wants: what honest ones write still comes in.

use automerge::{AutoCommit, ROOT, ScalarValue, transaction::Transactable};
use heirloom_identity::{Envelope, EnvelopeHash, Role, SpaceId, StreamId, StreamKey};
use heirloom_spaces::AlbumEdit;

use crate::family::{Home, NOW_MS, assert_equal, content, shared, sync, sync_all};
use crate::hostile::{Forger, change, entry_key, session};

fn give(forger: &Forger, to: &Home, from: &Home, envelopes: &[Envelope]) {
    let mut session = session(to, from);
    for part in envelopes.chunks(1000) {
        session.receive(forger.message(part), NOW_MS).unwrap();
    }
}

fn with_viewer() -> ([Home; 3], SpaceId) {
    let homes = [Home::new(1), Home::new(2), Home::new(3)];
    let [anna, ben, carla] = &homes;
    let space = shared(&[anna, carla]);
    anna.invite(&space, ben, Role::Viewer);
    sync_all(&[anna, ben, carla]);
    (homes, space)
}

#[test]
fn what_one_home_writes_in_vain_takes_no_room_from_others() {
    let ([anna, ben, carla], space) = with_viewer();
    let mut forger = Forger::new(&ben, &space);
    let mut big = Vec::new();
    for n in 0..45 {
        let value = ScalarValue::Bytes(vec![n; 400 * 1024]);
        let bytes = change(forger.actor(), &entry_key(&ben, "x"), value);
        big.push(forger.seal("entries", bytes));
    }
    for envelope in &big {
        give(&forger, &anna, &ben, std::slice::from_ref(envelope));
    }
    let kept = anna.count("SELECT sum(length(envelope)) FROM album_envelopes WHERE counted = 0");
    assert!((15 << 20..18 << 20).contains(&kept), "{kept}");

    carla.add(&space, &["a"]);
    ben.edit(&space, &[AlbumEdit::Comment { entry: None, text: "honest".to_owned() }]);
    sync(&anna, &carla);
    sync(&anna, &ben);
    assert_eq!(anna.names(&space), ["a"]);
    assert_eq!(anna.albums.comments(&space, None).unwrap().len(), 1, "in another stream, and counting");
}

#[test]
fn one_homes_many_streams_and_branches_shut_out_nobody_else() {
    let ([anna, ben, carla], space) = with_viewer();
    let mut streams = Vec::new();
    for n in 0..200 {
        let mut forger = Forger::new(&ben, &space);
        forger.key = StreamKey { incarnation: StreamId::from_bytes([n; 16]), ..forger.key };
        let bytes =
            change(forger.actor(), &format!("m/{}/{:016x}", &ben.id().to_string()[..16], n), 1.into());
        streams.push(forger.seal("talk", bytes));
    }
    give(&Forger::new(&ben, &space), &anna, &ben, &streams);
    let bens =
        anna.count("SELECT count(*) FROM album_streams GROUP BY household ORDER BY count(*) DESC LIMIT 1");
    assert_eq!(bens, 128);

    // One stream in more branches than are kept, each of which goes on.
    let mut forger = Forger::new(&carla, &space);
    let mut doc = AutoCommit::new().with_actor(forger.actor());
    let mut seal = |forger: &mut Forger, n: u32| {
        doc.put(ROOT, "new", n).unwrap();
        doc.commit();
        let bytes = doc.get_last_local_change().unwrap().raw_bytes().to_vec();
        forger.seal("talk", bytes)
    };
    let (mut firsts, mut seconds) = (Vec::new(), Vec::new());
    for n in 0..70 {
        (forger.seq, forger.prev) = (0, EnvelopeHash::NONE);
        firsts.push(seal(&mut forger, 2 * n));
        seconds.push(seal(&mut forger, 2 * n + 1));
    }
    give(&forger, &anna, &carla, &firsts);
    assert_eq!(anna.count("SELECT count(*) FROM album_envelopes WHERE is_head = 1 AND seq = 1 AND stream = (SELECT stream FROM album_envelopes WHERE is_head = 1 GROUP BY stream ORDER BY count(*) DESC LIMIT 1)"), 64);
    give(&forger, &anna, &carla, &seconds);
    assert_eq!(
        anna.count(
            "SELECT count(*) FROM album_envelopes WHERE is_head = 1 AND seq = 2 AND document = 'talk'"
        ),
        64
    );

    carla.add(&space, &["a"]);
    sync(&anna, &carla);
    assert_eq!(anna.names(&space), ["a"]);
}

/// Ben's stream forks; Anna built on the one branch, Carla on the other.
#[test]
fn what_was_built_on_a_change_that_lost_is_said_again() {
    let [anna, ben, carla] = [Home::new(1), Home::new(2), Home::new(3)];
    let space = shared(&[&anna, &ben, &carla]);
    anna.add(&space, &["a"]);
    sync_all(&[&anna, &ben, &carla]);
    // Two changes with one number, in branches of one stream.
    let mut forger = Forger::new(&ben, &space);
    let bytes = |forger: &Forger, text: &str| change(forger.actor(), "of a newer program", text.into());
    let (first, second) = (bytes(&forger, "x"), bytes(&forger, "y"));
    let seen = forger.seal("talk", first);
    (forger.seq, forger.prev) = (0, EnvelopeHash::NONE);
    let other = forger.seal("talk", second);
    give(&forger, &anna, &ben, std::slice::from_ref(&seen));
    anna.edit(&space, &[AlbumEdit::Comment { entry: None, text: "from Anna".to_owned() }]);
    give(&forger, &carla, &ben, std::slice::from_ref(&other));
    let comment = AlbumEdit::Comment { entry: Some(content("a")), text: "from Carla".to_owned() };
    carla.edit(&space, &[comment]);
    sync_all(&[&anna, &ben, &carla]);
    sync_all(&[&anna, &ben, &carla]);
    assert_equal(&[&anna, &ben, &carla], &space);
    assert_eq!(anna.albums.comments(&space, None).unwrap().len(), 1);
    assert_eq!(anna.albums.comments(&space, Some(&content("a"))).unwrap().len(), 1);
}

#[test]
fn a_change_beside_its_actors_own_past_counts_nowhere() {
    let [anna, ben, carla] = [Home::new(1), Home::new(2), Home::new(3)];
    let space = shared(&[&anna, &ben, &carla]);
    let mut forger = Forger::new(&ben, &space);
    let other = change(forger.actor(), "first", 1.into());
    // Its second change depends on nothing, not even on its first.
    let mut second: automerge::ExpandedChange =
        automerge::Change::from_bytes(other.clone()).unwrap().decode();
    second.seq = 2;
    second.hash = None;
    let second = automerge::Change::from(second).raw_bytes().to_vec();
    let envelopes = [forger.seal("talk", other), forger.seal("talk", second)];
    // One by one at one home, together at the other.
    give(&forger, &anna, &ben, &envelopes[..1]);
    give(&forger, &anna, &ben, &envelopes[1..]);
    give(&forger, &carla, &ben, &envelopes);
    for home in [&anna, &carla] {
        assert_eq!(home.count("SELECT sum(counted) FROM album_envelopes WHERE document = 'talk'"), 1);
    }
    anna.edit(&space, &[AlbumEdit::Comment { entry: None, text: "goes on".to_owned() }]);
    sync_all(&[&anna, &ben, &carla]);
    assert_equal(&[&anna, &ben, &carla], &space);
    assert_eq!(carla.albums.comments(&space, None).unwrap().len(), 1);
}

/// A change whose predecessor list names another key's operation.
#[test]
fn no_change_hides_what_stands_at_another_key() {
    let [anna, ben, carla] = [Home::new(1), Home::new(2), Home::new(3)];
    let space = shared(&[&anna, &ben, &carla]);
    anna.add(&space, &["a"]);
    sync_all(&[&anna, &ben, &carla]);
    let victim = anna.count("SELECT first_op FROM album_envelopes WHERE document = 'entries'");
    let (actor, dep): ([u8; 16], [u8; 32]) = anna
        .database()
        .read::<_, heirloom_store::StoreError, _>(|conn| {
            let sql = "SELECT s.certificate, s.incarnation, e.change_hash FROM album_envelopes e
                 JOIN album_streams s ON s.number = e.stream WHERE e.document = 'entries'";
            Ok(conn.query_row(sql, [], |row| {
                let key = StreamKey {
                    certificate: heirloom_identity::CertificateId::from_bytes(row.get(0)?),
                    incarnation: StreamId::from_bytes(row.get(1)?),
                };
                Ok((key.actor(), row.get(2)?))
            })?)
        })
        .unwrap();
    let mut forger = Forger::new(&ben, &space);
    for key in ["zz".to_owned(), entry_key(&ben, "zzz"), format!("c/{}", content("a"))] {
        forger.key.incarnation = StreamId::from_bytes([forger.key.incarnation.as_bytes()[0] + 1; 16]);
        (forger.seq, forger.prev) = (0, EnvelopeHash::NONE);
        let mut forged: automerge::ExpandedChange =
            automerge::Change::from_bytes(change(forger.actor(), &key, 1.into())).unwrap().decode();
        forged.deps = vec![automerge::ChangeHash(dep)];
        forged.start_op = u64::try_from(victim + 1).unwrap().try_into().unwrap();
        forged.hash = None;
        let named = automerge::legacy::OpId(u64::try_from(victim).unwrap(), actor.into());
        forged.operations[0].pred = vec![named].into();
        let bytes = automerge::Change::from(forged).raw_bytes().to_vec();
        let envelope = forger.seal("entries", bytes);
        give(&forger, &anna, &ben, &[envelope]);
        assert_eq!(anna.names(&space), ["a"], "{key}");
        assert_eq!(anna.count("SELECT counted FROM album_envelopes ORDER BY number DESC LIMIT 1"), 0);
    }
    sync_all(&[&anna, &ben, &carla]);
    assert_equal(&[&anna, &ben, &carla], &space);
}
