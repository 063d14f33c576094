//! A membership operation from a peer: never panics, takes memory in proportion, and is written as it was read.

#![no_main]

use heirloom_fuzzkit::bounded;
use heirloom_identity::Operation;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Ok(operation) = bounded(bytes, Operation::decode) {
        assert_eq!(operation.as_bytes(), bytes);
    }
});
