//! What is wrong with a phrase that somebody copied, when it is known whose it should be.
//!
//! The household's id decides: a change that gives the phrase of that household is the right one, so there is never a
//! choice between two. The checksum in the phrase sorts out all but one in 256 changes before a key is derived, which
//! keeps the search of all single words short.

use std::fmt;

use bip39::Language;
use sha2::{Digest, Sha256};
use zeroize::{Zeroize, Zeroizing};

use super::{WORD_COUNT, shown, tokens};
use crate::{ids::HouseholdId, keys::Root};

/// How many bits a word is.
const WORD_BITS: u32 = 11;
/// The bits of all words: the root and its checksum.
const PHRASE_BYTES: usize = 33;

/// The places of 24 words in the list: as secret as the phrase.
type Places = Zeroizing<[u16; WORD_COUNT]>;

/// What must be put right so that a text is a household's phrase. Positions count from 1. `Debug` shows no word.
#[derive(Clone, PartialEq, Eq)]
pub enum PhraseFix {
    /// One word is another than on the sheet.
    Word {
        /// Which word.
        position: usize,
        /// The beginning of what was typed.
        typed: String,
        /// What must stand there.
        likely: &'static str,
    },
    /// Two words stand in each other's place.
    Swapped {
        /// The place of one.
        first: usize,
        /// The place of the other, which is later.
        second: usize,
    },
}

impl fmt::Display for PhraseFix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Word { position, typed, likely } => {
                write!(f, "word {position}, \"{typed}\", should be \"{likely}\"")
            }
            Self::Swapped { first, second } => write!(f, "words {first} and {second} are swapped"),
        }
    }
}

impl fmt::Debug for PhraseFix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Word { position, .. } => write!(f, "Word({position}, secret)"),
            Self::Swapped { first, second } => write!(f, "Swapped({first}, {second})"),
        }
    }
}

impl Drop for PhraseFix {
    fn drop(&mut self) {
        if let Self::Word { typed, .. } = self {
            typed.zeroize();
        }
    }
}

/// Finds what is wrong with a text that should be this household's phrase: one wrong word, whether the list has it or
/// not, or two words in each other's place. `None` when nothing is wrong, or more than that.
pub fn find_wrong_word(text: &str, household: &HouseholdId) -> Option<PhraseFix> {
    let text = Zeroizing::new(text.to_lowercase());
    let (places, unknown) = typed(&text)?;
    let fix = |position: usize, right: u16| word_fix(&text, position, right);
    match unknown {
        Some(position) => replace(&places, position, household).and_then(|right| fix(position, right)),
        None if is_phrase_of(&places, household) => None,
        None => swapped(&places, household).or_else(|| {
            let mut positions = 0..WORD_COUNT;
            positions.find_map(|position| fix(position, replace(&places, position, household)?))
        }),
    }
}

/// Guesses that [`guesses`] gives at most: 24 words with some 2,048 / 256 candidates each, and 276 pairs, of which one in
/// 256 fits the checksum; several times that.
pub const GUESSES_MAX: usize = 768;

/// A phrase that somebody may have meant, and what they typed wrongly then.
pub struct Guess {
    /// The root of that phrase.
    pub root: Root,
    /// What is wrong then.
    pub fix: PhraseFix,
}

/// Every phrase that differs from a text in one word or in the order of two, at most [`GUESSES_MAX`]: for asking a home
/// that keeps copies which of them it knows. Empty when more than that is wrong. As secret as a phrase.
pub fn guesses(text: &str) -> Vec<Guess> {
    let text = Zeroizing::new(text.to_lowercase());
    let Some((places, unknown)) = typed(&text) else { return Vec::new() };
    let mut all = Vec::new();
    for position in (0..WORD_COUNT).filter(|position| unknown.is_none_or(|only| only == *position)) {
        let mut tried = places.clone();
        for candidate in (0..1 << WORD_BITS).filter(|word| unknown.is_some() || *word != places[position]) {
            tried[position] = candidate;
            if let (Some(root), Some(fix)) = (root_of(&tried), word_fix(&text, position, candidate)) {
                all.push(Guess { root, fix });
            }
        }
    }
    if unknown.is_none() {
        for (first, second) in pairs() {
            let mut tried = places.clone();
            tried.swap(first, second);
            if let Some(root) = root_of(&tried).filter(|_| tried[first] != tried[second]) {
                all.push(Guess { root, fix: PhraseFix::Swapped { first: first + 1, second: second + 1 } });
            }
        }
    }
    all.truncate(GUESSES_MAX);
    all
}

/// The places of what was typed, and which of the words is none; `None` when there are not 24, or more than one is none.
fn typed(text: &str) -> Option<(Places, Option<usize>)> {
    let mut places: Places = Zeroizing::new([0; WORD_COUNT]);
    let mut unknown = None;
    let mut found = 0;
    for word in tokens(text) {
        let place = places.get_mut(found)?;
        match Language::English.find_word(word) {
            Some(known) => *place = known,
            None if unknown.is_none() => unknown = Some(found),
            None => return None,
        }
        found += 1;
    }
    (found == WORD_COUNT).then_some((places, unknown))
}

fn word_fix(text: &str, position: usize, right: u16) -> Option<PhraseFix> {
    let word = tokens(text).nth(position)?;
    let likely = *Language::English.word_list().get(usize::from(right))?;
    Some(PhraseFix::Word { position: position + 1, typed: shown(word), likely })
}

fn pairs() -> impl Iterator<Item = (usize, usize)> {
    (0..WORD_COUNT).flat_map(|first| (first + 1..WORD_COUNT).map(move |second| (first, second)))
}

/// The word for this position that makes the phrase the household's.
fn replace(places: &Places, position: usize, household: &HouseholdId) -> Option<u16> {
    let mut places = places.clone();
    (0..1 << WORD_BITS).find(|candidate| {
        places[position] = *candidate;
        is_phrase_of(&places, household)
    })
}

/// The two words that must change places to make the phrase the household's; neighbours are tried as all others are.
fn swapped(places: &Places, household: &HouseholdId) -> Option<PhraseFix> {
    let (first, second) = pairs().find(|(first, second)| {
        let mut places = places.clone();
        places.swap(*first, *second);
        is_phrase_of(&places, household)
    })?;
    Some(PhraseFix::Swapped { first: first + 1, second: second + 1 })
}

fn is_phrase_of(places: &Places, household: &HouseholdId) -> bool {
    root_of(places).is_some_and(|root| root.authority().household() == *household)
}

/// The root that the words spell, if their checksum is right.
fn root_of(places: &Places) -> Option<Root> {
    let bytes = packed(places);
    let (root, [checksum]) = bytes.split_first_chunk::<32>()? else { return None };
    (Sha256::digest(root)[0] == *checksum).then(|| Root::from_bytes(*root))
}

/// The words' bits in a row, the most significant first.
fn packed(places: &Places) -> Zeroizing<[u8; PHRASE_BYTES]> {
    let mut bytes = Zeroizing::new([0; PHRASE_BYTES]);
    let (mut bits, mut count, mut end) = (0_u32, 0, 0);
    for place in places.iter() {
        bits = (bits << WORD_BITS) | u32::from(*place);
        count += WORD_BITS;
        while count >= 8 {
            count -= 8;
            bytes[end] = (bits >> count).to_le_bytes()[0];
            end += 1;
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::phrase::{Phrase, PhraseError};

    fn of(root: [u8; 32]) -> (Vec<&'static str>, HouseholdId) {
        let root = Root::from_bytes(root);
        (Phrase::of(&root).words().to_vec(), root.authority().household())
    }

    fn with(words: &[&str], position: usize, word: &str) -> String {
        let mut words = words.to_vec();
        words[position - 1] = word;
        words.join(" ")
    }

    #[test]
    fn an_unknown_word_is_found_even_when_the_nearest_is_not_the_right_one() {
        let (words, household) = of(std::array::from_fn(|n| u8::try_from(n).unwrap()));
        assert_eq!(words[2], "liar");
        for typed in ["liarr", "lion3", "löwe", "supercalifragilistic"] {
            let fix = find_wrong_word(&with(&words, 3, typed), &household).unwrap();
            let PhraseFix::Word { position, likely, .. } = &fix else { panic!("{fix}") };
            assert_eq!((*position, *likely), (3, "liar"), "{typed}");
        }
        let fix = find_wrong_word(&with(&words, 3, "supercalifragilistic"), &household).unwrap();
        assert_eq!(fix.to_string(), "word 3, \"supercalifra…\", should be \"liar\"");
        assert_eq!(format!("{fix:?}"), "Word(3, secret)");
    }

    #[test]
    fn a_wrong_word_is_found_when_the_checksum_happens_to_fit() {
        let (words, household) = of([7; 32]);
        let list = Language::English.word_list();
        let fits = |word: &&&str| Phrase::parse(&with(&words, 9, word)).is_ok() && **word != words[8];
        let wrong = list.iter().find(fits).expect("one word in 256 fits the checksum");
        let fix = find_wrong_word(&with(&words, 9, wrong), &household);
        assert_eq!(fix, Some(PhraseFix::Word { position: 9, typed: (*wrong).to_owned(), likely: words[8] }));
    }

    #[test]
    fn nothing_is_said_about_what_is_right_or_beyond_repair() {
        let (words, household) = of([7; 32]);
        assert_eq!(find_wrong_word(&words.join(" "), &household), None);
        let twice = with(&words, 3, "aple").replacen(words[8], "zzz", 1);
        let two_wrong = with(&words, 3, "zoo").replacen(words[8], "art", 1);
        let [short, long] = [words[1..].join(" "), format!("{} zoo", words.join(" "))];
        for text in ["", &twice, &two_wrong, &short, &long, &"zoo ".repeat(10_000)] {
            assert_eq!(find_wrong_word(text, &household), None);
        }
        let (_, stranger) = of([8; 32]);
        assert_eq!(find_wrong_word(&words.join(" "), &stranger), None);
    }

    #[test]
    fn the_right_phrase_is_among_the_guesses() {
        let (words, household) = of(std::array::from_fn(|n| u8::try_from(n).unwrap()));
        let mut swapped = words.clone();
        swapped.swap(3, 11);
        let other = if words[8] == "zoo" { "art" } else { "zoo" };
        for text in [with(&words, 9, other), with(&words, 3, "aple"), swapped.join(" ")] {
            let all = guesses(&text);
            assert!(all.len() <= GUESSES_MAX, "{}", all.len());
            let right = all.iter().find(|guess| guess.root.authority().household() == household).unwrap();
            assert_eq!(Some(&right.fix), find_wrong_word(&text, &household).as_ref());
        }
        assert!(guesses("zoo zoo").is_empty());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(12))]

        #[test]
        fn any_one_word_of_the_list_is_found(root: [u8; 32], position in 1..=WORD_COUNT, other in 0..2048_usize) {
            let (words, household) = of(root);
            let wrong = Language::English.word_list()[other];
            prop_assume!(wrong != words[position - 1]);
            let fix = find_wrong_word(&with(&words, position, wrong), &household);
            let likely = words[position - 1];
            prop_assert_eq!(fix, Some(PhraseFix::Word { position, typed: wrong.to_owned(), likely }));
        }

        #[test]
        fn any_two_swapped_words_are_found(root: [u8; 32], first in 1..WORD_COUNT, apart in 1..WORD_COUNT) {
            let second = (first + apart).min(WORD_COUNT);
            let (mut words, household) = of(root);
            prop_assume!(words[first - 1] != words[second - 1]);
            words.swap(first - 1, second - 1);
            let text = words.join("\n");
            prop_assert!(matches!(Phrase::parse(&text), Ok(_) | Err(PhraseError::Checksum)));
            prop_assert_eq!(find_wrong_word(&text, &household), Some(PhraseFix::Swapped { first, second }));
        }
    }
}
