//! A certificate from a stranger.

#![no_main]

use heirloom_identity::Certificate;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Ok(certificate) = Certificate::decode(bytes) {
        assert_eq!(certificate.encode(), bytes);
    }
});
