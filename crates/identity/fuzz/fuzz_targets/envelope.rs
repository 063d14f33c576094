//! An envelope from a peer, and what stands inside of one: never panics, takes memory in proportion, is written as it was
//! read, and opens with no secret but its own.

#![no_main]

use heirloom_fuzzkit::bounded;
use heirloom_identity::{Envelope, EpochSecret, SpaceId, fuzzing};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Ok(envelope) = bounded(bytes, Envelope::decode) {
        assert_eq!(envelope.as_bytes(), bytes);
        let space = SpaceId::from_bytes([3; 32]);
        assert!(envelope.open(&space, &EpochSecret::from_bytes([9; 32])).is_err());
    }
    if let Some(written) = bounded(bytes, fuzzing::content_again) {
        assert_eq!(*written, *bytes);
    }
});
