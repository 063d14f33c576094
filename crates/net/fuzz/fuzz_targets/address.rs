//! A node's address from a peer, and the small texts of a connection: never panics, takes memory in proportion, keeps its
//! limits, and is read back as it was.

#![no_main]

use heirloom_fuzzkit::bounded;
use heirloom_net::NodeAddress;
use heirloom_net::fuzzing::{greeting_again, reason};
use heirloom_net::limits::{ADDRESSES_MAX, REASON_BYTES_MAX, RELAY_URL_BYTES_MAX};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Ok(address) = bounded(bytes, NodeAddress::decode) {
        assert!(address.direct.len() <= ADDRESSES_MAX);
        assert!(address.relay.as_ref().is_none_or(|url| url.len() <= RELAY_URL_BYTES_MAX));
        assert_eq!(NodeAddress::decode(&address.encode()), Ok(address));
    }
    if let Ok(greeting) = <[u8; 17]>::try_from(bytes) {
        assert!(greeting_again(&greeting).is_none_or(|again| again == greeting));
    }
    let shown = bounded(bytes, reason);
    assert!(shown.len() <= REASON_BYTES_MAX && !shown.contains(char::is_control));
});
