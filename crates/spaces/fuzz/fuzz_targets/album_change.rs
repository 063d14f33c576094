//! Changes to an album by a member who means harm, as they come out of its envelopes: never panics outside of Automerge,
//! whose panics are caught, takes bounded memory, and shows the same every time. A change's checksum is put right, because
//! no fuzzer guesses one.

#![no_main]

use std::panic;
use std::sync::LazyLock;

use heirloom_fuzzkit::within;
use heirloom_spaces::fuzzing::{honest_changes, show};
use sha2::{Digest, Sha256};

/// Memory that the changes of one input may take: Automerge sets aside some for each of 16,384 values in 32 columns.
const ROOM_BYTES: usize = 256 << 20;
/// Changes of one input.
const CHANGES_MAX: usize = 8;
/// Where a change's body begins: behind magic number, checksum and type.
const BODY_AT: usize = 9;

static HONEST: LazyLock<Vec<Vec<u8>>> = LazyLock::new(honest_changes);

/// Of which honest change it is made, how that is bent, how much is cut off, and what comes in its place if anything.
type Bent<'a> = (u8, Vec<(u16, u8)>, u8, &'a [u8]);

libfuzzer_sys::fuzz_target!(
    init: {
        // libFuzzer's own hook ends the program at any panic, also one that is caught.
        let ends = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            let is_ours = info.location().is_none_or(|place| !place.file().contains("automerge"));
            if is_ours {
                ends(info);
            }
        }));
    },
    |input: (u8, Vec<Bent<'_>>)| {
        let (kind, bent) = input;
        let changes: Vec<Vec<u8>> = bent.iter().take(CHANGES_MAX).map(change).collect();
        let changes: Vec<&[u8]> = changes.iter().map(Vec::as_slice).collect();
        let shown = within(ROOM_BYTES, || show(kind, &changes));
        assert_eq!(show(kind, &changes), shown);
    }
);

fn change((which, edits, cut, made_up): &Bent<'_>) -> Vec<u8> {
    let honest = &HONEST[usize::from(*which) % HONEST.len()];
    let mut body = if made_up.is_empty() { inside(honest).to_vec() } else { made_up.to_vec() };
    body.truncate(body.len() - usize::from(*cut).min(body.len()));
    for (place, byte) in edits {
        if let Some(at) = body.get_mut(usize::from(*place)) {
            *at = *byte;
        }
    }
    let mut hashed = vec![1];
    let mut length = body.len();
    while length >= 0x80 {
        hashed.push((length & 0x7f) as u8 | 0x80);
        length >>= 7;
    }
    hashed.push(length as u8);
    hashed.extend_from_slice(&body);
    [&[0x85, 0x6f, 0x4a, 0x83][..], &Sha256::digest(&hashed)[..4], &hashed].concat()
}

/// What stands behind the length.
fn inside(change: &[u8]) -> &[u8] {
    let length = change[BODY_AT..].iter().take_while(|byte| **byte & 0x80 != 0).count() + 1;
    &change[BODY_AT + length..]
}
