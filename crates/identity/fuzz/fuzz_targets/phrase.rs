//! The phrase as somebody typed or pasted it: never panics, takes memory in proportion, and its text is read again.

#![no_main]

use heirloom_fuzzkit::bounded;
use heirloom_identity::{HouseholdId, Phrase, PhraseError, find_wrong_word, guesses};

/// No household has it.
const NOBODY: HouseholdId = HouseholdId::from_bytes([0xff; 32]);
/// Of inputs with lengths that this divides, what is wrong is searched.
const SEARCH_EVERY: usize = 16;

libfuzzer_sys::fuzz_target!(|text: &str| {
    match bounded(text.as_bytes(), |_| Phrase::parse(text)) {
        Ok(phrase) => {
            let again = Phrase::parse(&phrase.text()).expect("a phrase reads its own text");
            assert_eq!(again.root().as_bytes(), phrase.root().as_bytes());
            assert!(find_wrong_word(text, &phrase.root().authority().household()).is_none());
        }
        // With 24 words of which one at most is unknown, thousands of phrases are searched: that is for some inputs only.
        Err(PhraseError::Checksum | PhraseError::UnknownWord { .. }) if text.len() % SEARCH_EVERY == 0 => {
            assert!(bounded(text.as_bytes(), |_| find_wrong_word(text, &NOBODY)).is_none());
            for guess in bounded(text.as_bytes(), |_| guesses(text)) {
                assert!(!Phrase::of(&guess.root).text().is_empty());
            }
        }
        Err(_) => {}
    }
});
