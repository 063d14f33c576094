//! A link that somebody pasted.

#![no_main]

use heirloom_identity::Invitation;

libfuzzer_sys::fuzz_target!(|text: &str| {
    if let Ok(invitation) = Invitation::parse(text) {
        assert_eq!(Invitation::parse(&invitation.link()).as_ref(), Ok(&invitation));
    }
});
