//! Every message is read back as it was written, and nothing else is read at all.

use heirloom_vault::proof::GROUP_BYTES;
use proptest::prelude::*;

use super::*;

fn pack(number: u8) -> PackId {
    PackId::from_bytes([number; 32])
}

fn challenge() -> Challenge {
    Challenge { pack: pack(1), bytes: 65_536, group: 3 }
}

fn requests() -> Vec<VaultRequest> {
    vec![
        VaultRequest::State,
        VaultRequest::Ask { bytes: u64::MAX },
        VaultRequest::Put { pack: pack(1), bytes: 32 << 20, room: Room::Reserve },
        VaultRequest::Get { pack: pack(1), from: 5, to: 32 << 20 },
        VaultRequest::List { after: Some(pack(2)) },
        VaultRequest::Prove(vec![challenge(); CHALLENGES_MAX]),
        VaultRequest::Delete(vec![pack(3); DELETE_MAX]),
        VaultRequest::PutHead(vec![7; HEAD_BYTES_MAX]),
        VaultRequest::Heads,
        VaultRequest::NewestOf(vec![[7; 32]; MARKS_MAX]),
        VaultRequest::PutKit(vec![7; KIT_BYTES_MAX]),
        VaultRequest::Kits,
        VaultRequest::Notice(Notice::Agreement),
        VaultRequest::Notice(Notice::Recovery { node: NodeId::from_bytes([1; 32]), at_ms: -1 }),
        VaultRequest::Notice(Notice::Deletion { packs: 1, bytes: 2, at_ms: 3 }),
        VaultRequest::Notice(Notice::Fork { number: 9, at_ms: 3 }),
        VaultRequest::Notice(Notice::NotAsked { packs: 7, at_ms: 3 }),
        VaultRequest::Notice(Notice::Damaged(vec![pack(1); DAMAGED_MAX])),
        VaultRequest::AnswerDeletion { allow: true },
        VaultRequest::Damaged,
    ]
}

fn answers() -> Vec<VaultAnswer> {
    let state =
        TargetState { quota: Some(1), used: 2, held: 3, free: None, packs: 4, deletable: None, asked: true };
    let kept = Kept { state, head: 5, disk_is_there: true, ended: false };
    let packs = (0..LIST_MAX).map(|n| {
        let mut id = [0; 32];
        id[..8].copy_from_slice(&(n as u64).to_be_bytes());
        (PackId::from_bytes(id), 32 << 20)
    });
    vec![
        VaultAnswer::Done,
        VaultAnswer::State(StateOfUs { kept: Some(kept), asked: Some(6), wants: None, declined: true }),
        VaultAnswer::Send,
        VaultAnswer::Bytes(32 << 20),
        VaultAnswer::Packs(packs.collect()),
        VaultAnswer::Proofs(64),
        VaultAnswer::Deleted(DeleteOutcome { held: 1, waits_for_person: true }),
        VaultAnswer::Items(64),
        VaultAnswer::Newest(vec![1; HEAD_BYTES_MAX]),
        VaultAnswer::Refused(VaultRefusal::Full { quota: 1, used: 2 }),
        VaultAnswer::Refused(VaultRefusal::Fork),
        VaultAnswer::Damaged(vec![pack(1); DAMAGED_MAX]),
    ]
}

#[test]
fn the_largest_messages_come_back_as_they_were() {
    for request in requests() {
        assert_eq!(VaultRequest::decode(&request.encode()), Some(request.clone()), "{request:?}");
        let asked = RecoveryMessage::Ask(request);
        assert_eq!(RecoveryMessage::decode(&asked.encode()), Some(asked));
    }
    for answer in answers() {
        assert_eq!(VaultAnswer::decode(&answer.encode()), Some(answer));
    }
    let proof = Answer::Proof(vec![1; PROOF_BYTES_MAX]);
    assert_eq!(decode_answer(&encode_answer(&proof)), Some(proof));
    assert!(GROUP_BYTES as usize <= PROOF_BYTES_MAX);
}

/// The numbers on the wire never change their meaning.
#[test]
fn every_message_has_its_number() {
    let numbers: Vec<_> = requests().iter().map(|request| request.encode()[0]).collect();
    assert_eq!(numbers, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 12, 12, 12, 12, 12, 13, 14]);
    let numbers: Vec<_> = answers().iter().map(|answer| answer.encode()[0]).collect();
    assert_eq!(numbers, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 10]);
}

#[test]
fn more_than_may_be_asked_is_no_request() {
    let check =
        |request: VaultRequest| assert_eq!(VaultRequest::decode(&request.encode()), None, "{request:?}");
    let put = |bytes| VaultRequest::Put { pack: pack(1), bytes, room: Room::Common };
    check(put(0));
    check(put((32 << 20) + 1));
    check(put(1));
    check(put((64 << 10) + 1));
    check(VaultRequest::Get { pack: pack(1), from: 5, to: 5 });
    check(VaultRequest::Get { pack: pack(1), from: 5, to: (32 << 20) + 1 });
    check(VaultRequest::Prove(Vec::new()));
    check(VaultRequest::Prove(vec![challenge(); CHALLENGES_MAX + 1]));
    check(VaultRequest::Prove(vec![Challenge { group: 4, ..challenge() }]));
    check(VaultRequest::Delete(Vec::new()));
    check(VaultRequest::Delete(vec![pack(1); DELETE_MAX + 1]));
    check(VaultRequest::PutHead(vec![0; HEAD_BYTES_MAX + 1]));
    check(VaultRequest::PutKit(vec![0; KIT_BYTES_MAX + 1]));
    check(VaultRequest::NewestOf(Vec::new()));
    check(VaultRequest::NewestOf(vec![[0; 32]; MARKS_MAX + 1]));
    check(VaultRequest::Notice(Notice::Damaged(Vec::new())));
    check(VaultRequest::Notice(Notice::Damaged(vec![pack(1); DAMAGED_MAX + 1])));
    assert_eq!(VaultRequest::decode(&[]), None);
    assert_eq!(VaultRequest::decode(&vec![0; MESSAGE_BYTES_MAX + 1]), None);
    let mut longer = VaultRequest::State.encode();
    longer.push(0);
    assert_eq!(VaultRequest::decode(&longer), None);
    // A list that claims 2⁶³ packs.
    assert_eq!(VaultRequest::decode(&[6, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f]), None);
}

#[test]
fn more_than_was_asked_for_is_no_answer() {
    let check = |answer: VaultAnswer| assert_eq!(VaultAnswer::decode(&answer.encode()), None, "{answer:?}");
    check(VaultAnswer::Bytes((32 << 20) + 1));
    check(VaultAnswer::Proofs(65));
    check(VaultAnswer::Items(257));
    check(VaultAnswer::Packs(vec![(pack(2), 1), (pack(1), 1)]));
    check(VaultAnswer::Packs(vec![(pack(1), 1), (pack(1), 1)]));
    check(VaultAnswer::Packs(vec![(pack(1), u32::MAX)]));
    check(VaultAnswer::Newest(vec![0; HEAD_BYTES_MAX + 1]));
    check(VaultAnswer::Damaged(vec![pack(1); DAMAGED_MAX + 1]));
    assert_eq!(decode_answer(&encode_answer(&Answer::Proof(vec![0; PROOF_BYTES_MAX + 100]))), None);
}

proptest! {
    #[test]
    fn no_bytes_break_the_limits(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        if let Some(request) = VaultRequest::decode(&bytes) {
            prop_assert!(request.is_sound());
            prop_assert_eq!(VaultRequest::decode(&request.encode()), Some(request));
        }
        if let Some(answer) = VaultAnswer::decode(&bytes) {
            prop_assert!(answer.is_sound());
            prop_assert_eq!(VaultAnswer::decode(&answer.encode()), Some(answer));
        }
        if let Some(message) = RecoveryMessage::decode(&bytes) {
            prop_assert_eq!(RecoveryMessage::decode(&message.encode()), Some(message));
        }
        if let Some(answer) = decode_answer(&bytes) {
            prop_assert_eq!(decode_answer(&encode_answer(&answer)), Some(answer));
        }
    }

    #[test]
    fn no_damage_breaks_the_limits(which in 0_usize..19, place: usize, value: u8) {
        let mut bytes = requests()[which].encode();
        let place = place % bytes.len();
        bytes[place] = value;
        prop_assert!(VaultRequest::decode(&bytes).is_none_or(|request| request.is_sound()));
        let all = answers();
        let mut bytes = all[which % all.len()].encode();
        let place = place % bytes.len();
        bytes[place] = value;
        prop_assert!(VaultAnswer::decode(&bytes).is_none_or(|answer| answer.is_sound()));
    }
}
