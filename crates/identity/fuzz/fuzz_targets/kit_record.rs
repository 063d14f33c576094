//! A kit's record or its revocation, from a ward or from another keeper.

#![no_main]

use heirloom_identity::{KitRecord, KitSecret, Revocation};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Ok(record) = KitRecord::decode(bytes) {
        assert_eq!(record.encode(), bytes);
        assert!(record.open(&KitSecret::from_bytes([0; 32])).is_err());
    }
    if let Ok(revocation) = Revocation::decode(bytes) {
        assert_eq!(revocation.encode(), bytes);
    }
});
