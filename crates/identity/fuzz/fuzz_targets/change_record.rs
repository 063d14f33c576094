//! A change record from a disk or a backup: never panics, takes memory in proportion, and is kept as it was read. The
//! signer and the space are those of the vectors.

#![no_main]

use std::sync::LazyLock;

use heirloom_fuzzkit::bounded;
use heirloom_identity::{ChangeRecord, NodeKeys, Root, SignerId, SpaceId};

static EXPECTED: LazyLock<(SignerId, SpaceId)> = LazyLock::new(|| {
    let counting = |first: u8, index: usize| first.wrapping_add(index.to_le_bytes()[0]);
    let node = NodeKeys::from_bytes(&std::array::from_fn(|index| counting(0x40, index)));
    let root = Root::from_bytes(std::array::from_fn(|index| counting(0, index)));
    (node.signer().id(), SpaceId::library(&root.authority().household()))
});

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let (signer, space) = &*EXPECTED;
    if let Ok(record) = bounded(bytes, |bytes| ChangeRecord::decode_verified(signer, space, bytes.to_vec())) {
        assert_eq!(record.as_bytes(), bytes);
    }
});
