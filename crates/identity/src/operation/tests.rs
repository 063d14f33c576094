//! Operations made and read, wrong ones refused.

use proptest::prelude::*;

use super::*;
use crate::{
    change_record::StreamId,
    envelope::StreamKey,
    epoch::{ENCLOSED_BYTES, WRAP_BYTES},
    fixture::Home,
    ids::{AccountId, CertificateId, EnvelopeHash, EpochId},
    receive::ReceivePublic,
    role::Role,
};

const SPACE: SpaceId = SpaceId::from_bytes([3; 32]);

fn household(seed: u8) -> HouseholdId {
    HouseholdId::from_bytes([seed; 32])
}

fn receive() -> ReceivePublic {
    Home::new(2).receive.public()
}

fn entry(stream: u8, seq: u64, hash: u8) -> CutEntry {
    let certificate = CertificateId::from_bytes([stream; 32]);
    let stream = StreamKey { certificate, incarnation: StreamId::from_bytes([stream; 16]) };
    CutEntry { stream, seq, hash: EnvelopeHash::from_bytes([hash; 32]) }
}

fn sign(parents: u8, action: Action) -> Result<Operation, OperationError> {
    let home = Home::new(1);
    let parents = (0..parents).map(|seed| OperationId::from_bytes([seed; 32])).collect();
    Operation::sign(home.signer(), &home.certificate, Some(SPACE), parents, action, -5)
}

fn create() -> Operation {
    let home = Home::new(1);
    let action = Action::Create { nonce: [8; 16], receive: receive() };
    Operation::sign(home.signer(), &home.certificate, None, vec![], action, 0).unwrap()
}

fn rekey(wraps: &[u8], previous: &[u8]) -> Rekey {
    Rekey {
        epoch: EpochId::from_bytes([1; 32]),
        parents: previous.iter().map(|seed| EpochId::from_bytes([*seed; 32])).collect(),
        wraps: wraps.iter().map(|seed| (household(*seed), vec![*seed; WRAP_BYTES])).collect(),
        previous: previous
            .iter()
            .map(|seed| (EpochId::from_bytes([*seed; 32]), vec![*seed; ENCLOSED_BYTES]))
            .collect(),
    }
}

#[test]
fn the_first_operation_makes_the_space() {
    let first = create();
    assert_eq!(first.space(), SpaceId::album(&first.id()));
    assert_eq!(first.author(), *Home::new(1).certificate.household());
    let home = Home::new(1);
    let sign = |space, parents, action| {
        Operation::sign(home.signer(), &home.certificate, space, parents, action, 0).unwrap_err()
    };
    let begin = Action::Create { nonce: [8; 16], receive: receive() };
    let transfer = Action::Transfer { household: household(2) };
    assert_eq!(sign(Some(SPACE), vec![], begin.clone()), OperationError::Beginning);
    assert_eq!(sign(None, vec![first.id()], begin), OperationError::Beginning);
    assert_eq!(sign(None, vec![first.id()], transfer.clone()), OperationError::Beginning);
    assert_eq!(sign(Some(SPACE), vec![], transfer.clone()), OperationError::Beginning);
    assert_eq!(sign(Some(NO_SPACE), vec![first.id()], transfer.clone()), OperationError::Beginning);
    let other = Home::new(2);
    let error =
        Operation::sign(other.signer(), &home.certificate, Some(SPACE), vec![first.id()], transfer, 0);
    assert_eq!(error.unwrap_err(), OperationError::WrongSigner);
}

#[test]
fn lists_are_sorted_when_signing_and_have_limits() {
    let accounts = |count: u8| (0..count).rev().map(|seed| AccountId::from_random([seed; 16])).collect();
    let set =
        |count| Action::SetRole { household: household(2), role: Role::Admin, accounts: accounts(count) };
    let signed = sign(16, set(32)).unwrap();
    let Action::SetRole { accounts, .. } = signed.action() else { panic!("{signed:?}") };
    assert!(is_ascending(accounts) && accounts.len() == 32);
    assert!(matches!(sign(1, set(33)), Err(OperationError::TooMany { max: 32, found: 33, .. })));
    assert!(matches!(sign(17, set(1)), Err(OperationError::TooMany { max: 16, found: 17, .. })));

    let cut = |count: u16| {
        let entries = (0..count).rev().map(|n| entry(n.to_le_bytes()[0], 1 + u64::from(n), 1)).collect();
        Action::Remove { household: household(2), cut: Cut(entries) }
    };
    let largest = sign(16, cut(256)).unwrap();
    assert!(largest.as_bytes().len() <= OPERATION_BYTES_MAX);
    assert!(matches!(sign(1, cut(257)), Err(OperationError::TooMany { max: 256, found: 257, .. })));
    let fork = Action::Leave { cut: Cut(vec![entry(1, 5, 2), entry(1, 5, 1), entry(1, 5, 2)]) };
    let Action::Leave { cut } = sign(1, fork).unwrap().action().clone() else { panic!("another action") };
    assert_eq!(cut.0, [entry(1, 5, 1), entry(1, 5, 2)]);
    let nothing = Action::Leave { cut: Cut(vec![entry(1, 0, 2)]) };
    assert_eq!(sign(1, nothing).unwrap_err(), OperationError::CutPosition);
}

#[test]
fn an_epoch_has_whole_wraps_and_one_per_household() {
    let good = sign(1, Action::Rekey(rekey(&[3, 1, 2], &[9, 8]))).unwrap();
    let Action::Rekey(read) = good.action() else { panic!("{good:?}") };
    assert_eq!(*read, rekey(&[1, 2, 3], &[8, 9]));
    let twice = sign(1, Action::Rekey(rekey(&[1, 1], &[]))).unwrap_err();
    assert_eq!(twice, OperationError::Order("wraps"));
    let twice = sign(1, Action::Rekey(Rekey { parents: vec![], ..rekey(&[1], &[7, 7]) })).unwrap_err();
    assert_eq!(twice, OperationError::Order("earlier epochs"));
    let mut short = rekey(&[1], &[]);
    short.wraps[0].1.pop();
    assert_eq!(sign(1, Action::Rekey(short)).unwrap_err(), OperationError::Sealed(WRAP_BYTES - 1));
    let many: Vec<u8> = (0..65).collect();
    assert!(sign(1, Action::Rekey(rekey(&many[..64], &many[..16]))).is_ok());
    for crowded in [rekey(&many, &[]), rekey(&[], &many[..17])] {
        assert!(matches!(sign(1, Action::Rekey(crowded)), Err(OperationError::TooMany { .. })));
    }
}

#[test]
fn a_receive_key_that_keeps_nothing_secret_is_refused() {
    let nowhere = ReceivePublic::from_bytes([0; 32]);
    let add = Action::Add { household: household(2), role: Role::Viewer, receive: nowhere, accounts: vec![] };
    assert_eq!(sign(1, add).unwrap_err(), OperationError::ReceiveKey);
    assert_eq!(sign(1, Action::Renew { receive: nowhere }).unwrap_err(), OperationError::ReceiveKey);
}

#[test]
fn bytes_past_the_limit_are_refused_unread() {
    let mut bytes = create().encode();
    bytes.resize(OPERATION_BYTES_MAX + 1, 0);
    assert_eq!(Operation::decode(&bytes).unwrap_err(), OperationError::TooLarge(OPERATION_BYTES_MAX + 1));
    bytes.pop();
    assert!(matches!(Operation::decode(&bytes), Err(OperationError::Trailing(_))));
}

fn any_action() -> impl Strategy<Value = Action> {
    let accounts = || {
        prop::collection::vec(any::<[u8; 16]>(), 0..4)
            .prop_map(|list| list.into_iter().map(AccountId::from_bytes).collect())
    };
    let role = || (1..=4_u8).prop_map(|number| Role::from_number(number).unwrap());
    let cut = || {
        prop::collection::vec((any::<u8>(), 1..=u64::MAX, any::<u8>()), 0..6).prop_map(|list| {
            Cut(list.into_iter().map(|(stream, seq, hash)| entry(stream, seq, hash)).collect())
        })
    };
    let target = || any::<u8>().prop_map(household);
    let key = || any::<[u8; 32]>().prop_map(|secret| crate::ReceiveKey::from_bytes(&secret).public());
    prop_oneof![
        (target(), role(), key(), accounts()).prop_map(|(household, role, receive, accounts)| Action::Add {
            household,
            role,
            receive,
            accounts
        }),
        (target(), role(), accounts()).prop_map(|(household, role, accounts)| Action::SetRole {
            household,
            role,
            accounts
        }),
        (target(), cut()).prop_map(|(household, cut)| Action::Remove { household, cut }),
        cut().prop_map(|cut| Action::Leave { cut }),
        target().prop_map(|household| Action::Transfer { household }),
        (prop::collection::btree_set(any::<u8>(), 0..5), prop::collection::btree_set(any::<u8>(), 0..3))
            .prop_map(|(wraps, previous)| {
                let list = |set: std::collections::BTreeSet<u8>| set.into_iter().collect::<Vec<_>>();
                Action::Rekey(rekey(&list(wraps), &list(previous)))
            }),
        key().prop_map(|receive| Action::Renew { receive }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn encoding_comes_back(action in any_action(), parents in 1..=16_u8) {
        let operation = sign(parents, action.clone()).unwrap();
        let read = Operation::decode(operation.as_bytes()).unwrap();
        prop_assert_eq!(&read, &operation);
        let mut sorted = action;
        sorted.sort();
        prop_assert_eq!(read.action(), &sorted);
        prop_assert_eq!((read.space(), read.at_ms()), (SPACE, -5));
    }

    #[test]
    fn any_flipped_bit_is_noticed(
        action in any_action(),
        place in any::<prop::sample::Index>(),
        bit in 0..8_u8,
    ) {
        let mut bytes = sign(2, action).unwrap().encode();
        let place = place.index(bytes.len());
        bytes[place] ^= 1 << bit;
        prop_assert!(Operation::decode(&bytes).is_err());
    }

    #[test]
    fn arbitrary_bytes_are_answered(bytes in prop::collection::vec(any::<u8>(), 0..600), fit: bool) {
        let mut bytes = bytes;
        let good = create();
        if fit && bytes.len() > 217 { bytes[..217].copy_from_slice(&good.as_bytes()[..217]); }
        prop_assert!(Operation::decode(&bytes).is_err());
    }
}
