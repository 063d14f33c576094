//! A vault head from a ward, from another keeper or from a disk: never panics, takes memory in proportion, and is written
//! as it was read.

#![no_main]

use heirloom_fuzzkit::bounded;
use heirloom_identity::VaultHead;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Ok(head) = bounded(bytes, VaultHead::decode) {
        assert_eq!(head.as_bytes(), bytes);
    }
});
