//! A request for a file from a peer: never panics, takes memory in proportion, asks for nothing beyond the file, means the
//! same when it is written again, and means nothing before it is whole.

#![no_main]

use heirloom_fuzzkit::bounded;
use heirloom_net::fuzzing::request_again;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Ok(Some((written, length))) = bounded(bytes, request_again) else { return };
    assert!(written.len() <= length);
    for cut in 0..length {
        assert!(matches!(request_again(&bytes[..cut]), Ok(None)));
    }
    assert_eq!(request_again(&bytes[..length]), Ok(Some((written, length))));
});
