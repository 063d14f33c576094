//! A vault head from a ward, from another keeper or from a disk.

#![no_main]

use heirloom_identity::VaultHead;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Ok(head) = VaultHead::decode(bytes) {
        assert_eq!(head.as_bytes(), bytes);
    }
});
