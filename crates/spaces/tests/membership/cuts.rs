//! Which envelopes count: roles at what their authors knew, and cuts.

use heirloom_identity::{
    Action, CertificateId, Cut, CutEntry, EnvelopeHash, OperationId, Role, StreamId, StreamKey,
};
use heirloom_spaces::membership::{Admission, Authored, Verdict, cut_for};

use crate::album::{Album, Home, add, apart, remove, set};

use Role::{Admin, Contributor, Viewer};

fn stream(home: &Home, incarnation: u8) -> StreamKey {
    StreamKey { certificate: home.certificate.id(), incarnation: StreamId::from_bytes([incarnation; 16]) }
}

fn hash(number: u64) -> EnvelopeHash {
    EnvelopeHash::from_bytes([u8::try_from(number).unwrap(); 32])
}

fn entry(stream: StreamKey, seq: u64) -> CutEntry {
    CutEntry { stream, seq, hash: hash(seq) }
}

/// Asks about envelope `seq` of a stream whose only branch has the hashes of [`hash`].
fn ask(album: &Album, home: &Home, heads: &[OperationId], key: StreamKey, seq: u64) -> Verdict {
    let authored = Authored { household: home.id(), heads, stream: key, seq, hash: hash(seq) };
    Admission::new(&album.operations).admit(&authored, Contributor, |end| end.hash == hash(end.seq))
}

#[test]
fn the_role_at_the_time_decides() {
    let (mut album, homes, last) = Album::with(&[Viewer]);
    let [owner, anna] = apart(&homes);
    let key = stream(anna, 1);
    let promoted = album.by(owner, &[last], set(anna, Contributor));
    assert_eq!(ask(&album, anna, &[last], key, 1), Verdict::NoRole);
    assert_eq!(ask(&album, anna, &[promoted], key, 1), Verdict::Counts);
    let unknown = OperationId::from_bytes([9; 32]);
    assert_eq!(ask(&album, anna, &[last, unknown], key, 1), Verdict::Unknown);
    assert_eq!(ask(&album, &Home::new(9), &[promoted], key, 1), Verdict::NoRole);
}

#[test]
fn a_removal_keeps_what_its_cut_names() {
    let (mut album, homes, last) = Album::with(&[Contributor]);
    let [owner, anna] = apart(&homes);
    let (known, fresh) = (stream(anna, 1), stream(anna, 2));
    let ends = [
        (anna.id(), entry(known, 5)),
        (anna.id(), entry(known, 5)),
        (owner.id(), entry(stream(owner, 1), 9)),
    ];
    let cut = cut_for(&anna.id(), ends);
    assert_eq!(cut, Cut(vec![entry(known, 5)]));
    let removal = album.by(owner, &[last], Action::Remove { household: anna.id(), cut });
    for (key, seq, expected) in [
        (known, 1, Verdict::Counts),
        (known, 5, Verdict::Counts),
        (known, 6, Verdict::BeyondCut(removal)),
        (fresh, 1, Verdict::BeyondCut(removal)),
    ] {
        assert_eq!(ask(&album, anna, &[last], key, seq), expected, "{seq}");
    }
    // The same numbers on another branch of the stream.
    let forged = Authored { household: anna.id(), heads: &[last], stream: known, seq: 5, hash: hash(77) };
    let mut admission = Admission::new(&album.operations);
    assert_eq!(admission.admit(&forged, Contributor, |_| false), Verdict::BeyondCut(removal));
    let forged = Authored { seq: 3, ..forged };
    assert_eq!(admission.admit(&forged, Contributor, |_| false), Verdict::BeyondCut(removal));
    // Who knew of the removal had no role.
    assert_eq!(ask(&album, anna, &[removal], known, 2), Verdict::NoRole);
    // Invited again, what follows the invitation counts, and what was cut off stays cut off.
    let again = album.by(owner, &[removal], add(anna, Contributor));
    assert_eq!(ask(&album, anna, &[again], fresh, 2), Verdict::Counts);
    assert_eq!(ask(&album, anna, &[last], fresh, 1), Verdict::BeyondCut(removal));
}

#[test]
fn an_invitation_that_never_counted_gave_no_role() {
    let (mut album, homes, last) = Album::with(&[Admin]);
    let [owner, anna] = apart(&homes);
    let friend = Home::new(9);
    let invited = album.by(anna, &[last], add(&friend, Contributor));
    assert_eq!(ask(&album, &friend, &[invited], stream(&friend, 1), 1), Verdict::Counts);
    album.by(owner, &[last], remove(anna));
    assert_eq!(ask(&album, &friend, &[invited], stream(&friend, 1), 1), Verdict::NoRole);
}

#[test]
fn a_cut_names_at_most_256_ends() {
    let home = Home::new(1);
    let ends = (0..300_u64).map(|number| {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&number.to_be_bytes());
        let stream = StreamKey { certificate: CertificateId::from_bytes(bytes), ..stream(&home, 1) };
        (home.id(), CutEntry { stream, seq: number + 1, hash: hash(1) })
    });
    let cut = cut_for(&home.id(), ends);
    assert_eq!(cut.0.len(), 256);
    assert!(cut.0.is_sorted() && cut.0.iter().all(|entry| entry.seq > 44));
}
