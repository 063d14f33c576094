//! A membership operation from a peer.

#![no_main]

use heirloom_identity::Operation;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Ok(operation) = Operation::decode(bytes) {
        assert_eq!(operation.as_bytes(), bytes);
    }
});
