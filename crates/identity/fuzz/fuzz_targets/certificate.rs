//! A certificate from a stranger: never panics, takes memory in proportion, and is written as it was read.

#![no_main]

use heirloom_fuzzkit::bounded;
use heirloom_identity::Certificate;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Ok(certificate) = bounded(bytes, Certificate::decode) {
        assert_eq!(certificate.encode(), bytes);
    }
});
