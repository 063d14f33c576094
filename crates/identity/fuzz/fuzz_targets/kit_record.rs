//! A kit's record or its revocation, from a ward or from another keeper: never panics, takes memory in proportion, is
//! written as it was read, and opens with no secret but its own.

#![no_main]

use heirloom_fuzzkit::bounded;
use heirloom_identity::{KitRecord, KitSecret, Revocation};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Ok(record) = bounded(bytes, KitRecord::decode) {
        assert_eq!(record.encode(), bytes);
        assert!(record.open(&KitSecret::from_bytes([0; 32])).is_err());
    }
    if let Ok(revocation) = bounded(bytes, Revocation::decode) {
        assert_eq!(revocation.encode(), bytes);
    }
});
