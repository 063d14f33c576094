//! Originals that vanished behind the program's back, and homes that lost a file: what comes again takes the
//! lost one's place, and nothing that is there is overwritten.

use heirloom::care::{doctor, export};
use heirloom::home::create;
use heirloom::ingest::import::FileOutcome;
use heirloom::ingest::keep::held_by_sha1;
use heirloom::ledger::accounts::NewAccount;
use heirloom_identity::{AccountId, Hashes};
use heirloom_testkit::photo;

use crate::homes::{self, Scratch, anna, problems, write};

/// Goal: a photo whose original is gone can be imported again, and nobody is told before that it is safe.
/// Method: import, delete the original, ask by checksum, import the unchanged folder again.
#[test]
fn a_lost_original_is_put_back_by_importing_again() {
    let scratch = Scratch::new();
    let source = scratch.beside("source");
    write(&source.join("one.png"), &photo(1, None));
    let home = scratch.open();
    let (lines, _) = homes::import(&home, &source);
    std::fs::remove_file(scratch.root().join("library").join(&scratch.originals()[0].0)).unwrap();
    let sum = Hashes::of(&photo(1, None)).sha1;
    assert!(held_by_sha1(&home, &anna(&home), &[sum]).unwrap().is_empty(), "a phone would delete its copy");
    let (again, _) = homes::import(&home, &source);
    assert_eq!((again[0].outcome, again[0].asset), (FileOutcome::Duplicate, lines[0].asset));
    assert_eq!(scratch.originals()[0].1, photo(1, None));
    assert_eq!(problems(&home), []);
    assert_eq!(held_by_sha1(&home, &anna(&home), &[sum]).unwrap().len(), 1);
}

/// Goal: the same bytes of a second person are stored anew when the first one's file is gone, and both have
/// them. Method: two accounts; the file is deleted between the two imports.
#[test]
fn a_second_owner_heals_the_first_ones_file() {
    let scratch = Scratch::new();
    let source = scratch.beside("source");
    write(&source.join("one.png"), &photo(1, None));
    let home = scratch.open();
    homes::import(&home, &source);
    std::fs::remove_file(scratch.root().join("library").join(&scratch.originals()[0].0)).unwrap();
    let ben = ben(&home);
    let summary = heirloom::ingest::import::import(&home, ben, &[source], &mut |_| true);
    assert_eq!((summary.added, scratch.originals().len()), (1, 1));
    assert_eq!(problems(&home), []);
}

/// Goal: an export gives every photo a file of its own. Method: a photo that two people share is stored under
/// the name that another photo of the second one has in their own folder.
#[test]
fn shared_bytes_never_meet_a_photo_of_the_same_name() {
    let scratch = Scratch::new();
    let (shared, own) = (scratch.beside("shared"), scratch.beside("own"));
    write(&shared.join("one.png"), &photo(1, None));
    write(&own.join("one.png"), &photo(2, None));
    let home = scratch.open();
    homes::import(&home, &shared);
    let ben = ben(&home);
    for folder in [shared, own] {
        heirloom::ingest::import::import(&home, ben, &[folder], &mut |_| true);
    }
    let target = scratch.beside("export");
    let summary = export::export(&home, &target, &mut |_| true).unwrap();
    assert_eq!((summary.copied, summary.there, summary.failed), (3, 0, 0));
    let read = |path: &str| std::fs::read(target.join(path)).unwrap();
    assert_eq!(read("ben/undated/one.png"), photo(2, None));
    assert_eq!(read("ben/shared/anna/undated/one.png"), photo(1, None));
}

/// Goal: making a home never harms one that only lost its settings. Method: delete `config.toml`, try to
/// found again, then do what the message says.
#[test]
fn founding_again_never_harms_a_home_without_settings() {
    let scratch = Scratch::new();
    let source = scratch.beside("source");
    write(&source.join("one.png"), &photo(1, None));
    let home = scratch.open();
    homes::import(&home, &source);
    home.close();
    drop(home);
    let config = scratch.root().join("config.toml");
    std::fs::remove_file(&config).unwrap();
    let founding = create::Founding {
        name: "x",
        email: "x@x.example",
        password: "long enough",
        passphrase: None,
        now_ms: 0,
    };
    let refused = create::create(&scratch.root(), &founding).err().unwrap().to_string();
    assert!(refused.contains("has lost its config.toml"), "{refused}");
    std::fs::write(&config, "").unwrap();
    let home = scratch.open();
    let findings = doctor::examine(&home, true, &mut |_| true).unwrap();
    assert_eq!((findings.assets_checked, findings.problems.len()), (1, 0));
}

fn ben(home: &heirloom::home::Home) -> AccountId {
    let id = AccountId::from_random([7; 16]);
    let new = NewAccount {
        id,
        email: "ben@home.example".to_owned(),
        name: "Ben".to_owned(),
        password: String::new(),
        admin: false,
        created_ms: 1,
    };
    home.ledger.add_account(new).unwrap();
    id
}
