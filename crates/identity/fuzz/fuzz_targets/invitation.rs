//! A link that somebody pasted; and the bytes inside one, with the hash at their end put right, because no fuzzer guesses
//! four bytes of a hash: never panics, takes memory in proportion, and has one spelling inside.

#![no_main]

use data_encoding::BASE64URL_NOPAD;
use heirloom_fuzzkit::bounded;
use heirloom_identity::Invitation;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Ok(text) = std::str::from_utf8(bytes) {
        check(text);
    }
    let whole = [bytes, &blake3::hash(bytes).as_bytes()[..4]].concat();
    let encoded = BASE64URL_NOPAD.encode(&whole);
    if let Some(invitation) = check(&format!("heirloom://pair#{encoded}")) {
        assert_eq!(*invitation.text(), encoded);
    }
});

fn check(text: &str) -> Option<Invitation> {
    let invitation = bounded(text.as_bytes(), |_| Invitation::parse(text)).ok()?;
    assert_eq!(Invitation::parse(&invitation.link()).as_ref(), Ok(&invitation));
    Some(invitation)
}
