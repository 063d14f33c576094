//! A change record from a disk or a backup. The signer and the space are those of the vectors.

#![no_main]

use heirloom_identity::{ChangeRecord, NodeKeys, Root, SpaceId};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let counting = |first: u8, index: usize| first.wrapping_add(index.to_le_bytes()[0]);
    let signer = NodeKeys::from_bytes(&std::array::from_fn(|index| counting(0x40, index))).signer().id();
    let household = Root::from_bytes(std::array::from_fn(|index| counting(0, index))).authority().household();
    let space = SpaceId::library(&household);
    if let Ok(record) = ChangeRecord::decode_verified(&signer, &space, bytes.to_vec()) {
        assert_eq!(record.as_bytes(), bytes);
    }
});
