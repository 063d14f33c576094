//! An envelope from a peer, and what opening it makes of it.

#![no_main]

use heirloom_identity::{Envelope, EpochSecret, SpaceId};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Ok(envelope) = Envelope::decode(bytes) {
        assert_eq!(envelope.as_bytes(), bytes);
        let space = SpaceId::from_bytes([3; 32]);
        assert!(envelope.open(&space, &EpochSecret::from_bytes([9; 32])).is_err());
    }
});
