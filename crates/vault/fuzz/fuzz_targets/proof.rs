//! A keeper's answer to a challenge, and what a keeper reads from its disk to make one: never panics, takes memory in
//! proportion, and nothing but the one true proof is a proof, however it was bent.

#![no_main]

use std::sync::LazyLock;

use heirloom_fuzzkit::bounded;
use heirloom_vault::PackId;
use heirloom_vault::proof::{Challenge, group_count, outboard, prove, verify};

/// Sizes of the packs that are asked about: one with a last group that is short, one with an even tree.
const SIZES: [u32; 2] = [77_936, 131_072];

struct Pack {
    id: PackId,
    bytes: Vec<u8>,
    outboard: Vec<u8>,
}

static PACKS: LazyLock<[Pack; 2]> = LazyLock::new(|| {
    SIZES.map(|size| {
        let mut state = size;
        let bytes: Vec<u8> = std::iter::repeat_with(|| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            state.to_be_bytes()[0]
        })
        .take(size as usize)
        .collect();
        let (id, outboard) = outboard(&bytes);
        Pack { id, bytes, outboard }
    })
});

/// Which pack and group, the answer as it came, and how the true answer or what it is made from was bent: at which places
/// to what, and how much is left.
type Input<'a> = (bool, u8, &'a [u8], Vec<(u16, u8)>, u16);

libfuzzer_sys::fuzz_target!(|input: Input<'_>| {
    let (which, group, answer, edits, left) = input;
    let pack = &PACKS[usize::from(which)];
    let bytes = SIZES[usize::from(which)];
    let challenge = Challenge { pack: pack.id, bytes, group: u32::from(group) % group_count(bytes) };
    let range = challenge.range();
    let held = &pack.bytes[range.start as usize..range.end as usize];
    let right = prove(&challenge, held, &pack.outboard).expect("the pack is whole");
    assert!(verify(&challenge, &right));

    assert_eq!(bounded(answer, |answer| verify(&challenge, answer)), *answer == *right);
    let bent = bend(&right, &edits, left);
    assert_eq!(bounded(&bent, |bent| verify(&challenge, bent)), bent == right);

    let senseless = Challenge { bytes: u32::from(left) << 12, group: u32::from(group) << 16, ..challenge };
    assert!(!verify(&senseless, &bent));

    // What a disk gives: a proof that comes of it is right all the same.
    for (held, outboard) in [
        (bend(held, &edits, left), pack.outboard.clone()),
        (held.to_vec(), bend(&pack.outboard, &edits, left)),
        (held.to_vec(), answer.to_vec()),
    ] {
        if let Ok(proof) = prove(&challenge, &held, &outboard) {
            assert!(verify(&challenge, &proof));
        }
    }
});

fn bend(right: &[u8], edits: &[(u16, u8)], left: u16) -> Vec<u8> {
    let mut bent = right.to_vec();
    for (place, byte) in edits {
        let place = usize::from(*place) % bent.len();
        bent[place] = *byte;
    }
    if left != 0 {
        bent.truncate(usize::from(left) % (right.len() + 1));
    }
    bent
}
