//! Checking a sheet at a home that is well, and giving the vault of an older home its keys.

use heirloom::home::phrase::{self, PhraseProblem, verified_ms};
use heirloom_identity::{Keyring, Phrase, Root};

use crate::house::{House, open};

/// Goal: a sheet is proved right or wrong. Method: right words, one wrong, another household's.
#[test]
fn a_sheet_is_proved() {
    let house = House::found("Anna");
    assert_eq!(verified_ms(&house.home).unwrap(), None);
    let checked = phrase::check(&house.home, &house.words(), 5).unwrap();
    assert!(!checked.enabled_vault);
    assert_eq!(verified_ms(&house.home).unwrap(), Some(5));
    let words = house.words();
    let wrong = words.replacen(house.phrase.words()[4], "zzzz", 1);
    let Err(PhraseProblem::Wrong { message, word }) = phrase::check(&house.home, &wrong, 6) else {
        panic!("wrong words were taken")
    };
    let word = word.unwrap();
    assert_eq!(word.likely, house.phrase.words()[word.position - 1]);
    assert!(message.contains(&word.likely), "{message}");
    let stranger = Phrase::of(&Root::from_bytes([9; 32])).text();
    let said = phrase::check(&house.home, &stranger, 7).unwrap_err().to_string();
    assert!(said.contains("not this household's"), "{said}");
    assert_eq!(verified_ms(&house.home).unwrap(), Some(5));
}

/// Goal: a home from before there was a vault gets its keys from the words, without a restart. Method: `keys.toml` as
/// the release before wrote it.
#[test]
fn the_words_enable_the_vault_of_an_older_home() {
    let house = House::found("Anna");
    let (root, words) = (house.home.layout.root().to_owned(), house.words());
    house.home.close();
    let House { folder, home, .. } = house;
    let household = *home.keys.certificate.household();
    drop(home);
    let path = root.join("keys.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    let kept = text.lines().filter(|line| !line.starts_with("vault_"));
    let older: String =
        kept.map(|line| format!("{}\n", line.replace("version = 3", "version = 2"))).collect();
    std::fs::write(&path, older).unwrap();

    let home = open(&root);
    assert!(home.keys.vault().is_none());
    assert!(phrase::check(&home, &words, 1).unwrap().enabled_vault);
    let vault = home.keys.vault().unwrap();
    let wrapping = Phrase::parse(&words).unwrap().root().wrapping();
    let opened = Keyring::unwrap(&wrapping, &household, &vault.wrapped).unwrap();
    assert_eq!(*opened.newest().to_bytes(), *vault.keyring.newest().to_bytes());
    let wrapped = vault.wrapped.clone();
    assert!(!phrase::check(&home, &words, 2).unwrap().enabled_vault);
    home.close();
    drop(home);
    assert_eq!(open(&root).keys.vault().unwrap().wrapped, wrapped);
    drop(folder);
}
