//! Kits from their randomness to the root that they give back, and everything that may go wrong on the way.

use proptest::prelude::*;

use super::*;
use crate::{fixture::Home, keys::Root};

const KIT: KitId = KitId::from_bytes([7; 16]);
const NONCE: [u8; 24] = [5; 24];

fn root() -> Root {
    Root::from_bytes([1; 32])
}

fn kit(quorum: Quorum) -> (KitRecord, Vec<KitShare>) {
    let secret = KitSecret::from_bytes([2; 32]);
    let shares = secret.split(&root().authority().household(), &KIT, quorum, &[3; 32]);
    (KitRecord::seal(&root(), &secret, &shares, 1_784_000_000_000, NONCE).unwrap(), shares)
}

fn changed(share: &KitShare, place: usize) -> KitShare {
    let mut bytes = share.encode();
    bytes[place] ^= 1;
    KitShare::decode(&bytes).unwrap()
}

/// The shares whose bits are set in `mask`.
fn chosen(shares: &[KitShare], mask: u32) -> Vec<KitShare> {
    (0..).zip(shares).filter(|(bit, _)| mask >> bit & 1 == 1).map(|(_, share)| share.clone()).collect()
}

#[test]
fn enough_shares_open_the_record_whichever_they_are() {
    for quorum in [Quorum::TwoOfThree, Quorum::ThreeOfFive] {
        let (record, shares) = kit(quorum);
        assert_eq!(
            shares.iter().map(KitShare::index).collect::<Vec<_>>(),
            (1..=quorum.count()).collect::<Vec<_>>()
        );
        for mask in 0..1_u32 << quorum.count() {
            let mut some = chosen(&shares, mask);
            some.reverse();
            let result = KitSecret::combine(&some);
            if some.len() >= usize::from(quorum.threshold()) {
                assert_eq!(record.open(&result.unwrap()).unwrap().as_bytes(), root().as_bytes(), "{mask:b}");
            } else {
                let needed = if some.is_empty() { 2 } else { quorum.threshold() };
                assert_eq!(result.unwrap_err(), KitError::TooFew { needed, found: some.len() }, "{mask:b}");
            }
        }
    }
}

#[test]
fn fewer_shares_than_needed_fit_every_secret() {
    // Two points of the polynomials of a kit of three in five: for every first byte of the secret there is a third point
    // that gives it.
    let (_, shares) = kit(Quorum::ThreeOfFive);
    let third = shares[2].encode();
    let mut secrets: Vec<u8> = (0..=u8::MAX)
        .map(|byte| {
            let mut third = third.clone();
            third[52] = byte;
            let third = KitShare::decode(&third).unwrap();
            KitSecret::combine(&[shares[0].clone(), shares[1].clone(), third]).unwrap().0[0]
        })
        .collect();
    secrets.sort_unstable();
    assert_eq!(secrets, (0..=u8::MAX).collect::<Vec<_>>());
}

#[test]
fn doubled_mixed_and_changed_shares_are_noticed() {
    let (record, shares) = kit(Quorum::ThreeOfFive);
    let twice = [shares[0].clone(), shares[1].clone(), shares[1].clone()];
    assert_eq!(KitSecret::combine(&twice).unwrap_err(), KitError::Twice(2));
    let (_, others) = kit(Quorum::TwoOfThree);
    let mixed = [shares[0].clone(), shares[1].clone(), others[2].clone()];
    assert_eq!(KitSecret::combine(&mixed).unwrap_err(), KitError::Mixed);
    let wrong = [shares[0].clone(), shares[1].clone(), changed(&shares[2], 60)];
    assert_eq!(record.open(&KitSecret::combine(&wrong).unwrap()).unwrap_err(), KitError::Open);
    assert!(shares.iter().all(|share| record.holds(share)));
    assert!(!others.iter().any(|share| record.holds(share)));
    for place in [1, 33, 51, 52, 83] {
        assert!(!record.holds(&changed(&shares[1], place)), "byte {place}");
    }
}

#[test]
fn only_all_shares_of_the_secret_seal_and_only_the_household_s_root_comes_out() {
    let (_, shares) = kit(Quorum::TwoOfThree);
    let secret = KitSecret::from_bytes([2; 32]);
    let seal = |root: &Root, secret: &KitSecret, shares: &[KitShare]| {
        KitRecord::seal(root, secret, shares, 0, NONCE).map(drop)
    };
    assert_eq!(seal(&root(), &secret, &shares), Ok(()));
    assert_eq!(seal(&root(), &secret, &shares[..2]), Err(KitError::Shares));
    let turned: Vec<KitShare> = shares.iter().rev().cloned().collect();
    assert_eq!(seal(&root(), &secret, &turned), Err(KitError::Shares));
    assert_eq!(seal(&root(), &KitSecret::from_bytes([9; 32]), &shares), Err(KitError::Shares));
    assert_eq!(seal(&Root::from_bytes([9; 32]), &secret, &shares), Err(KitError::WrongHousehold));
}

#[test]
fn a_sheet_typed_wrongly_says_where() {
    let share = &kit(Quorum::TwoOfThree).1[0];
    let text = share.text();
    assert_eq!(text.lines().count(), 5);
    let typed = text.to_lowercase().replace(' ', "-").replace('0', "o").replace('1', "l");
    assert_eq!(KitShare::parse(&typed).as_ref(), Ok(share));
    let letters: Vec<char> = text.chars().filter(|letter| !letter.is_whitespace()).collect();
    for place in 0..letters.len() {
        let group = place / 8 + 1;
        for other in ['0', 'Z', '7', 'C'].into_iter().filter(|other| *other != letters[place]) {
            let mut wrong = letters.clone();
            wrong[place] = other;
            assert_eq!(KitShare::parse(&String::from_iter(wrong)), Err(KitError::Group(group)));
        }
        let next = (place + 1) % letters.len();
        if letters[place] != letters[next] && next / 8 + 1 == group {
            let mut wrong = letters.clone();
            wrong.swap(place, next);
            assert_eq!(KitShare::parse(&String::from_iter(wrong)), Err(KitError::Group(group)));
        }
    }
    let mut swapped = letters.clone();
    (0..8).for_each(|place| swapped.swap(8 + place, 24 + place));
    assert_eq!(KitShare::parse(&String::from_iter(swapped)), Err(KitError::Group(2)));
    assert_eq!(KitShare::parse(&text[..text.len() - 9]), Err(KitError::Letters(152)));
    assert_eq!(KitShare::parse(&format!("{}0", *text)), Err(KitError::Letters(161)));
    assert_eq!(KitShare::parse(&format!("{}U", *text)), Err(KitError::Letter('U')));
    assert_eq!(KitShare::parse(""), Err(KitError::Letters(0)));
    assert!(KitShare::parse(&"0".repeat(1 << 20)).is_err());
    // A group from another sheet is right in itself.
    let mut mixed = text.to_string();
    mixed.replace_range(mixed.len() - 8.., &kit(Quorum::TwoOfThree).1[1].text()[mixed.len() - 8..]);
    assert_eq!(KitShare::parse(&mixed), Err(KitError::Sheet));
}

#[test]
fn only_the_certified_node_ends_a_kit() {
    let [home, other] = [1, 2].map(Home::new);
    let revocation = Revocation::sign(home.signer(), &home.certificate, KIT, 1_784).unwrap();
    let bytes = revocation.encode();
    assert_eq!((bytes.len(), revocation.kit(), revocation.at_ms()), (Revocation::BYTES, &KIT, 1_784));
    assert_eq!(Revocation::decode(&bytes).unwrap(), revocation);
    let wrong = Revocation::sign(other.signer(), &home.certificate, KIT, 1_784).unwrap_err();
    assert_eq!(wrong, RevocationError::WrongSigner);
    for place in 0..bytes.len() {
        let mut flipped = bytes.clone();
        flipped[place] ^= 0x10;
        assert!(Revocation::decode(&flipped).is_err(), "byte {place}");
    }
}

#[test]
fn debug_shows_no_secret() {
    let (_, shares) = kit(Quorum::TwoOfThree);
    let shown = format!("{:?} {shares:?}", KitSecret::from_bytes([0x5a; 32]));
    assert!(!shown.contains("5a5a5a") && !shown.contains("90, 90"), "{shown}");
    let second = data_encoding::HEXLOWER.encode(&shares[1].point()[1..5]);
    assert!(shown.contains("2 of kit") && !shown.contains(&second), "{shown}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_is_split_comes_back(secret: [u8; 32], random: [u8; 32], kit: [u8; 16], at: i64, five: bool, mask in 0..32_u32) {
        let quorum = if five { Quorum::ThreeOfFive } else { Quorum::TwoOfThree };
        let secret = KitSecret::from_bytes(secret);
        let shares = secret.split(&root().authority().household(), &KitId::from_bytes(kit), quorum, &random);
        for share in &shares {
            prop_assert_eq!(&KitShare::decode(&share.encode()).unwrap(), share);
            prop_assert_eq!(&KitShare::parse(&share.text()).unwrap(), share);
        }
        let record = KitRecord::seal(&root(), &secret, &shares, at, NONCE).unwrap();
        prop_assert_eq!(KitRecord::decode(&record.encode()).unwrap(), record);
        let some = chosen(&shares, mask);
        if some.len() >= usize::from(quorum.threshold()) {
            prop_assert_eq!(KitSecret::combine(&some).unwrap().0, secret.0);
        }
    }

    #[test]
    fn any_flipped_bit_of_a_record_is_noticed(place in any::<prop::sample::Index>(), bit in 0..8_u8) {
        let (record, shares) = kit(Quorum::ThreeOfFive);
        let mut bytes = record.encode();
        prop_assert_eq!(bytes.len(), KIT_RECORD_BYTES_MAX);
        let place = place.index(bytes.len());
        bytes[place] ^= 1 << bit;
        let opened = KitRecord::decode(&bytes).and_then(|record| record.open(&KitSecret::combine(&shares)?));
        prop_assert!(opened.is_err());
    }

    #[test]
    fn arbitrary_bytes_are_answered(bytes in prop::collection::vec(any::<u8>(), 0..400), fit: bool) {
        let mut bytes = bytes;
        if fit && bytes.len() > 51 {
            bytes[0] = 1;
            bytes[49..51].copy_from_slice(&[2, 3]);
        }
        for written in [KitShare::decode(&bytes).map(|share| share.encode().to_vec()), KitRecord::decode(&bytes).map(|record| record.encode())].into_iter().flatten() {
            prop_assert_eq!(&written, &bytes);
        }
        prop_assert!(Revocation::decode(&bytes).is_err());
    }

    #[test]
    fn any_text_is_answered(text in "\\PC{0,300}") {
        prop_assert!(KitShare::parse(&text).is_err());
    }
}
