//! What is said when the words, or what they should open, are not right.

use heirloom::restore::{Order, Problem};
use heirloom_identity::{Phrase, Root};

use crate::house::{House, refused};

/// The words of the house with some of them replaced.
fn with(words: &[&'static str], changes: &[(usize, &str)]) -> String {
    let mut words: Vec<&str> = words.to_vec();
    for (position, word) in changes {
        words[position - 1] = word;
    }
    words.join(" ")
}

/// Goal: whoever mistypes learns where to look. Method: every way to get words wrong, against a folder that names the
/// household.
#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_word_is_found_where_the_household_is_known() {
    let house = House::found("Anna");
    let (folder, _) = house.add_folder("disk");
    house.back_up().await;
    let (new, place) = (house.beside("new"), folder.to_str().unwrap());
    let words = house.phrase.words();
    let other = |position: usize| if words[position - 1] == "zebra" { "abandon" } else { "zebra" };
    let order = |text: &str| Order::read(&new, text, &[place.to_owned()]).map(drop);

    // One word of the list in the place of another, and one that is in no list.
    for typed in [other(7), "zzzzzz"] {
        let said = order(&with(&words, &[(7, typed)])).unwrap_err();
        let Problem::Word(word) = &said else { panic!("{said}") };
        assert_eq!((word.position, word.likely.as_str()), (7, words[6]));
        assert_eq!(word.typed, typed);
        assert!(said.to_string().contains(words[6]), "{said}");
    }
    let (first, second) = (0..23).map(|at| (at, at + 1)).find(|(a, b)| words[*a] != words[*b]).unwrap();
    let swapped = with(&words, &[(first + 1, words[second]), (second + 1, words[first])]);
    let said = order(&swapped).unwrap_err();
    assert!(
        matches!(said, Problem::Swapped { first: at, second: after } if (at, after) == (first + 1, second + 1)),
        "{said}"
    );

    // Two wrong words cannot be told; another household's phrase is one.
    let said = order(&with(&words, &[(3, other(3)), (9, other(9))])).unwrap_err();
    assert!(matches!(said, Problem::Phrase(_) | Problem::OtherHousehold { .. }), "{said}");
    let stranger = Phrase::of(&Root::from_bytes([9; 32])).text();
    let said = order(&stranger).unwrap_err();
    assert!(matches!(said, Problem::OtherHousehold { .. }) && said.to_string().contains("disk"), "{said}");
    let said = order(&words[..23].join(" ")).unwrap_err();
    assert!(said.to_string().contains("24 words"), "{said}");
    // People type in lines, with numbers and capitals.
    let sheet: String =
        words.iter().enumerate().map(|(at, word)| format!("{}. {}\n", at + 1, word.to_uppercase())).collect();
    order(&sheet).unwrap();
    assert!(!new.exists(), "nothing was written for words that are wrong");
}

/// Goal: a home that keeps nothing for the household is told from one that is off. Method: two homes up, one of which
/// keeps copies; then that one is stopped.
#[tokio::test(flavor = "multi_thread")]
async fn the_right_words_at_the_wrong_home() {
    let anna = House::found("Anna");
    let mut ben = House::found_up("Ben").await;
    let link = ben.network().invite(true).await.unwrap().link.to_string();
    let new = anna.beside("new");
    let said = refused(&new, &anna.words(), &[&link]).await;
    assert!(said.contains("Ben keeps nothing for your household"), "{said}");
    assert!(said.contains("invitation") && said.contains("agreed to keep"), "{said}");
    ben.stop().await;
    let said = refused(&new, &anna.words(), &[&link]).await;
    assert!(said.contains("Ben") && said.contains("is on"), "{said}");
    let said = refused(&new, &anna.words(), &["heirloom://pair#cut-off"]).await;
    assert!(said.contains("incomplete"), "{said}");
    let said = refused(&new, &anna.words(), &["/nowhere/at/all"]).await;
    assert!(said.contains("plugged in"), "{said}");
    let said = refused(&new, &anna.words(), &[]).await;
    assert!(said.contains("invitation"), "{said}");
}
