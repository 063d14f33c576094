//! The recovery phrase: 24 English words (BIP-39) that spell the household's [`Root`].
//!
//! Whoever holds the words is the household, so the text exists only while it is shown, printed or typed, and is wiped
//! afterwards. Reading is forgiving about what people do with a sheet (capitals, line breaks, numbers in front of words)
//! and exact about the words: a misspelt one is named with its place and the nearest word of the list, and 24 right
//! words in a wrong order are told apart from a misspelt one. When it is known whose phrase it should be, [`find_wrong_word`]
//! says what to put right. Drawn in `docs/formats/phrase.md`.

mod repair;

use std::fmt;

use bip39::{Language, Mnemonic};
use thiserror::Error;
use zeroize::Zeroizing;

pub use repair::{GUESSES_MAX, Guess, PhraseFix, find_wrong_word, guesses};

use crate::{ids::HouseholdId, keys::Root};

/// How many words a phrase has.
pub const WORD_COUNT: usize = 24;

/// How much of an unknown word an error repeats, in characters: enough to find it, not enough to leak a pasted secret.
const SHOWN_CHARS_MAX: usize = 12;

/// Why a text is not a phrase.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum PhraseError {
    /// Too few or too many words.
    #[error(
        "a recovery phrase has 24 words, this text has {found}; check that no line is missing or doubled"
    )]
    WordCount {
        /// How many words were found.
        found: usize,
    },
    /// A word that isn't in the list.
    #[error("word {position}, \"{word}\", is not in the word list; did you mean \"{suggestion}\"?")]
    UnknownWord {
        /// Which word, counted from 1.
        position: usize,
        /// The beginning of what was typed.
        word: String,
        /// The nearest word of the list.
        suggestion: &'static str,
    },
    /// All words are in the list, but together they aren't a phrase.
    #[error(
        "all 24 words are in the word list, but they don't belong together: \
         one was copied wrongly or two are swapped; compare each with the sheet"
    )]
    Checksum,
}

/// The 24 words. Wiped from memory when dropped; `Debug` shows none of them.
#[derive(Clone)]
pub struct Phrase(Root);

impl Phrase {
    /// The words that spell this root.
    pub fn of(root: &Root) -> Self {
        Self(root.clone())
    }

    /// Reads what a person typed or pasted.
    ///
    /// Capitals, white space and line breaks don't matter; numbers such as `7.` or `7)` between the words are skipped.
    ///
    /// # Errors
    /// [`PhraseError`] says which word is unknown, or that the number of words or the checksum is wrong. An unknown
    /// word is reported before a wrong number of words.
    pub fn parse(text: &str) -> Result<Self, PhraseError> {
        let text = Zeroizing::new(text.to_lowercase());
        let mut normal = Zeroizing::new(String::with_capacity(text.len()));
        let mut found = 0;
        for word in tokens(&text) {
            found += 1;
            check_word(found, word)?;
            normal.push_str(word);
            normal.push(' ');
        }
        if found != WORD_COUNT {
            return Err(PhraseError::WordCount { found });
        }
        let mnemonic = Mnemonic::parse_in_normalized(Language::English, normal.trim_end())
            .map_err(|_| PhraseError::Checksum)?;
        let (entropy, _) = mnemonic.to_entropy_array();
        let entropy = Zeroizing::new(entropy);
        let root = entropy[..32].try_into().expect("24 words hold 32 bytes of entropy");
        Ok(Self(Root::from_bytes(root)))
    }

    /// The secret that the words spell.
    pub fn root(&self) -> &Root {
        &self.0
    }

    /// Whether this is the household's phrase. A well-formed phrase may be another's: one word in 256 that is copied
    /// wrongly still fits the checksum.
    pub fn is_of(&self, household: &HouseholdId) -> bool {
        self.0.authority().household() == *household
    }

    /// All words, with single spaces between them.
    pub fn text(&self) -> Zeroizing<String> {
        let words = self.words();
        let mut text = Zeroizing::new(String::with_capacity(WORD_COUNT * 9));
        for (index, word) in words.iter().enumerate() {
            if index > 0 {
                text.push(' ');
            }
            text.push_str(word);
        }
        text
    }

    /// The words in their order. They point into the public list; don't keep them longer than they are shown.
    pub fn words(&self) -> [&'static str; WORD_COUNT] {
        let mnemonic = Mnemonic::from_entropy_in(Language::English, self.0.as_bytes())
            .expect("32 bytes are a length that BIP-39 knows");
        let mut words = [""; WORD_COUNT];
        for (place, word) in words.iter_mut().zip(mnemonic.words()) {
            *place = word;
        }
        words
    }
}

impl fmt::Debug for Phrase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Phrase(secret)")
    }
}

/// The words of a text in lower case: everything between white space but the numbers on a sheet.
fn tokens(text: &str) -> impl Iterator<Item = &str> {
    text.split_whitespace().filter(|token| !is_number(token))
}

/// Whether a token only numbers the word after it: `7`, `7.`, `7)`, `07:`.
fn is_number(token: &str) -> bool {
    let digits = token.trim_end_matches(['.', ')', ':']);
    !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
}

fn check_word(position: usize, word: &str) -> Result<(), PhraseError> {
    if Language::English.find_word(word).is_some() {
        return Ok(());
    }
    Err(PhraseError::UnknownWord { position, word: shown(word), suggestion: nearest(word) })
}

/// The beginning of a word that somebody typed.
fn shown(word: &str) -> String {
    let mut shown: String = word.chars().take(SHOWN_CHARS_MAX).collect();
    if shown.len() < word.len() {
        shown.push('…');
    }
    shown
}

/// The word of the list that a person most likely meant: the one that differs in the fewest letters, and among equals
/// the one that begins alike for longest (the first four letters of every word in the list are its own).
fn nearest(word: &str) -> &'static str {
    let typed: Vec<char> = word.chars().take(2 * SHOWN_CHARS_MAX).collect();
    let list = Language::English.word_list();
    let mut beginning_so = Language::English.words_by_prefix_iter(word);
    if let (Some(only), None) = (beginning_so.next(), beginning_so.next()) {
        return only;
    }
    let key = |candidate: &str| {
        let candidate: Vec<char> = candidate.chars().collect();
        let alike = candidate.iter().zip(&typed).take_while(|(a, b)| a == b).count();
        (edits(&candidate, &typed), usize::MAX - alike)
    };
    list.iter().min_by_key(|candidate| key(candidate)).expect("the word list has 2,048 words")
}

/// How many letters must be changed, added, left out or swapped with their neighbour to make one word the other.
fn edits(a: &[char], b: &[char]) -> usize {
    let mut before: Vec<usize> = Vec::new();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, &letter) in a.iter().enumerate() {
        let mut next = vec![i + 1];
        for (j, &other) in b.iter().enumerate() {
            let mut cost = (row[j] + usize::from(letter != other)).min(row[j + 1] + 1).min(next[j] + 1);
            if i > 0 && j > 0 && letter == b[j - 1] && a[i - 1] == other {
                cost = cost.min(before[j - 1] + 1);
            }
            next.push(cost);
        }
        before = std::mem::replace(&mut row, next);
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn sheet() -> String {
        Phrase::of(&Root::from_bytes([0; 32])).text().to_string()
    }

    fn check_suggestion(typed: &str, expected: &str) {
        let text = sheet().replacen("abandon", typed, 1);
        let Err(PhraseError::UnknownWord { position, suggestion, .. }) = Phrase::parse(&text) else {
            panic!("{typed} is in the list");
        };
        assert_eq!((position, suggestion), (1, expected));
    }

    #[test]
    fn a_misspelt_word_is_named_with_its_neighbour() {
        check_suggestion("abandom", "abandon");
        check_suggestion("aband", "abandon");
        check_suggestion("zeebra", "zebra");
        check_suggestion("freind", "friend");
        check_suggestion("photto", "photo");
    }

    #[test]
    fn swapped_words_are_told_apart_from_misspelt_ones() {
        let good = Phrase::of(&Root::from_bytes(std::array::from_fn(|n| u8::try_from(n).unwrap())));
        let mut words = good.words().to_vec();
        words.swap(3, 4);
        assert_eq!(Phrase::parse(&words.join(" ")).unwrap_err(), PhraseError::Checksum);
        assert_eq!(Phrase::parse(&words[..23].join(" ")).unwrap_err(), PhraseError::WordCount { found: 23 });
        assert_eq!(Phrase::parse("").unwrap_err(), PhraseError::WordCount { found: 0 });
    }

    #[test]
    fn a_numbered_sheet_in_capitals_is_read() {
        let phrase = Phrase::of(&Root::from_bytes([9; 32]));
        let lines: String = phrase
            .words()
            .iter()
            .enumerate()
            .map(|(n, w)| format!("{:2}. {}\r\n", n + 1, w.to_uppercase()))
            .collect();
        assert_eq!(Phrase::parse(&lines).unwrap().root().as_bytes(), &[9; 32]);
    }

    #[test]
    fn an_error_repeats_only_the_beginning_of_a_pasted_secret() {
        let error = Phrase::parse("correct-horse-battery-staple").unwrap_err();
        assert!(!error.to_string().contains("staple"), "{error}");
    }

    proptest! {
        #[test]
        fn words_spell_the_root(bytes: [u8; 32]) {
            let phrase = Phrase::of(&Root::from_bytes(bytes));
            let read = Phrase::parse(&phrase.text()).unwrap();
            prop_assert_eq!(read.root().as_bytes(), &bytes);
        }
    }

    proptest! {
        // Few, because each unknown word is compared with the whole list.
        #![proptest_config(ProptestConfig::with_cases(24))]

        #[test]
        fn any_text_is_answered(text in "\\PC{0,200}") {
            prop_assert!(Phrase::parse(&text).is_err());
        }
    }
}
