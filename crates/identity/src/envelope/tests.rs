//! Envelopes sealed, verified and opened, wrong ones refused at the right step.

use proptest::prelude::*;

use super::*;
use crate::{fixture::Home, ids::AccountId};

const SPACE: SpaceId = SpaceId::from_bytes([3; 32]);

fn header(home: &Home, seq: u64) -> Header {
    Header {
        space: SPACE,
        stream: StreamKey { certificate: home.certificate.id(), incarnation: StreamId::from_bytes([4; 16]) },
        seq,
        prev: if seq == 1 { EnvelopeHash::NONE } else { EnvelopeHash::from_bytes([5; 32]) },
        heads: vec![OperationId::from_bytes([7; 32]), OperationId::from_bytes([6; 32])],
    }
}

fn content(document: &str, change: &[u8]) -> Content {
    Content {
        account: AccountId::from_random([1; 16]),
        document: document.parse().unwrap(),
        change: change.to_vec(),
        at_ms: -5,
    }
}

fn secret() -> EpochSecret {
    EpochSecret::from_bytes([9; 32])
}

fn seal(seq: u64, document: &str, change: &[u8]) -> Envelope {
    let home = Home::new(1);
    let content = content(document, change);
    Envelope::seal(home.signer(), &header(&home, seq), &secret(), &content, [2; 24]).unwrap()
}

/// An envelope around this plaintext, whatever it is, signed and encrypted as it should be.
fn around(plaintext: &[u8]) -> Envelope {
    let good = seal(1, "talk", b"change");
    let start = good.ciphertext.start;
    let mut bytes = good.encoded[..start].to_vec();
    let length = u32::try_from(plaintext.len() + TAG_BYTES).unwrap();
    bytes[start - 4..].copy_from_slice(&length.to_le_bytes());
    let key = secret().content_key(&SPACE);
    bytes.extend(secretbox::encrypt(&key, &good.nonce, &bound(&SPACE, &bytes), plaintext));
    let signature = Home::new(1).signer().sign(labels::ENVELOPE, &bytes);
    bytes.extend(signature);
    Envelope::decode(&bytes).unwrap()
}

#[test]
fn a_stream_has_one_actor_of_its_own() {
    let stream = header(&Home::new(1), 1).stream;
    let again = StreamKey { incarnation: StreamId::from_bytes([5; 16]), ..stream };
    let elsewhere = StreamKey { certificate: Home::new(2).certificate.id(), ..stream };
    assert_eq!(stream.actor(), header(&Home::new(1), 2).stream.actor());
    assert_ne!(stream.actor(), again.actor());
    assert_ne!(stream.actor(), elsewhere.actor());
}

#[test]
fn only_the_right_space_and_epoch_open() {
    let envelope = seal(1, "entries", b"change");
    assert_eq!(envelope.open(&SPACE, &secret()).unwrap(), content("entries", b"change"));
    let other = SpaceId::from_bytes([4; 32]);
    assert_eq!(envelope.open(&other, &secret()).unwrap_err(), EnvelopeError::WrongSpace);
    let wrong = EpochSecret::from_bytes([8; 32]);
    let error = envelope.open(&SPACE, &wrong).unwrap_err();
    assert_eq!(error, EnvelopeError::WrongEpoch { expected: wrong.id(), found: secret().id() });
}

#[test]
fn only_the_stream_s_certificate_verifies() {
    let envelope = seal(1, "entries", b"change");
    let [home, other] = [1, 2].map(Home::new);
    assert_eq!(envelope.verify(&home.certificate), Ok(()));
    let error = envelope.verify(&other.certificate).unwrap_err();
    let (expected, found) = (home.certificate.id(), other.certificate.id());
    assert_eq!(error, EnvelopeError::WrongCertificate { expected, found });
    let forged =
        Envelope::seal(other.signer(), &header(&home, 1), &secret(), &content("talk", b""), [2; 24]).unwrap();
    assert_eq!(forged.verify(&home.certificate), Err(EnvelopeError::Signature));
}

#[test]
fn limits_hold_when_sealing() {
    let home = Home::new(1);
    let seal = |header: Header, change: &[u8]| {
        Envelope::seal(home.signer(), &header, &secret(), &content(&"a".repeat(64), change), [2; 24])
    };
    let heads = |count: u8| Header {
        heads: (0..count).map(|seed| OperationId::from_bytes([seed; 32])).collect(),
        ..header(&home, 1)
    };
    let change = vec![7; CHANGE_BYTES_MAX + 1];
    let largest = seal(heads(16), &change[1..]).unwrap();
    assert_eq!(largest.as_bytes().len(), ENVELOPE_BYTES_MAX);
    assert_eq!(largest.open(&SPACE, &secret()).unwrap().change, change[1..]);
    assert_eq!(seal(heads(1), &change).unwrap_err(), EnvelopeError::ChangeTooLarge(CHANGE_BYTES_MAX + 1));
    assert_eq!(seal(heads(0), b"").unwrap_err(), EnvelopeError::HeadCount(0));
    assert_eq!(seal(heads(17), b"").unwrap_err(), EnvelopeError::HeadCount(17));
    let seq_0 = Header { seq: 0, ..heads(1) };
    let orphan = Header { seq: 2, ..heads(1) };
    let early = Header { prev: EnvelopeHash::from_bytes([1; 32]), ..heads(1) };
    for wrong in [seq_0, orphan, early] {
        assert!(matches!(seal(wrong, b""), Err(EnvelopeError::Position { .. })));
    }
}

#[test]
fn the_length_shows_only_roughly() {
    let sizes: Vec<usize> =
        [0, 60, 98, 99, 900, 1500].map(|n| seal(1, "a", &vec![1; n]).ciphertext.len() - TAG_BYTES).to_vec();
    assert_eq!(sizes, [128, 128, 128, 256, 1024, 1536]);
    for length in 1..200_000 {
        let padded = content::padded_length(length);
        assert!(padded >= length && padded - length < 128.max(length / 8), "{length} → {padded}");
        assert_eq!(content::padded_length(padded), padded);
    }
}

#[test]
fn padding_has_one_length_and_is_zero() {
    let good = content("talk", b"change").padded().unwrap();
    assert_eq!(around(&good).open(&SPACE, &secret()).unwrap(), content("talk", b"change"));
    let mut dirty = good.to_vec();
    dirty[127] = 1;
    let long = [&good[..], &[0; 128]].concat();
    let mut cut_name = good.to_vec();
    cut_name[24] = 200;
    let mut long_change = good.to_vec();
    long_change[29..33].copy_from_slice(&u32::MAX.to_le_bytes());
    let mut bad_name = good.to_vec();
    bad_name[25] = b'T';
    for bad in [dirty, long, cut_name, long_change, bad_name] {
        assert_eq!(around(&bad).open(&SPACE, &secret()).unwrap_err(), EnvelopeError::Content);
    }
}

#[test]
fn a_ciphertext_has_a_padded_length() {
    let mut bytes = seal(1, "talk", b"change").encode();
    let place = FIXED_BYTES + 64 + 24;
    for length in [0, 16, 127 + 16, 129 + 16, 1 << 20, u32::MAX] {
        bytes[place..place + 4].copy_from_slice(&length.to_le_bytes());
        let error = Envelope::decode(&bytes).unwrap_err();
        assert_eq!(error, EnvelopeError::CiphertextLength(u64::from(length)));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn encoding_comes_back(
        seq in 1..=u64::MAX,
        document in "[a-z0-9/-]{1,64}",
        change in prop::collection::vec(any::<u8>(), 0..3000),
    ) {
        let envelope = seal(seq, &document, &change);
        let read = Envelope::decode(envelope.as_bytes()).unwrap();
        prop_assert_eq!(read.verify(&Home::new(1).certificate), Ok(()));
        prop_assert_eq!(read.open(&SPACE, &secret()).unwrap(), content(&document, &change));
        prop_assert!(is_ascending(read.heads()));
        prop_assert_eq!(read, envelope);
    }

    #[test]
    fn any_flipped_bit_is_noticed(place in any::<prop::sample::Index>(), bit in 0..8_u8) {
        let mut bytes = seal(2, "talk", b"change").encode();
        let place = place.index(bytes.len());
        bytes[place] ^= 1 << bit;
        let read = Envelope::decode(&bytes);
        prop_assert!(read.is_err() || read.clone().unwrap().verify(&Home::new(1).certificate).is_err());
        // The signature aside, the ciphertext alone notices too.
        if let Ok(envelope) = read && place < envelope.ciphertext.end {
            prop_assert!(envelope.open(&SPACE, &secret()).is_err());
        }
    }

    #[test]
    fn arbitrary_bytes_are_answered(bytes in prop::collection::vec(any::<u8>(), 0..900), fit: bool) {
        let mut bytes = bytes;
        let good = seal(1, "talk", b"change");
        let keep = if fit { FIXED_BYTES.min(bytes.len()) } else { 0 };
        bytes[..keep].copy_from_slice(&good.as_bytes()[..keep]);
        if let Ok(envelope) = Envelope::decode(&bytes) {
            prop_assert!(envelope.verify(&Home::new(1).certificate).is_err());
            prop_assert!(envelope.open(&SPACE, &secret()).is_err());
        }
    }
}
