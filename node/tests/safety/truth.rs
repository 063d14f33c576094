//! `home.sqlite` and `spaces.sqlite` are the truth: whatever happens to them, the home begins no new ones, says in words what is
//! wrong and what to do, and every photo stays where it is.

use std::fs;
use std::path::Path;

use heirloom_store::rusqlite::Connection;
use heirloom_testkit::photo;

use crate::homes::{self, Scratch, write};

/// A home with photos, closed in order.
fn with_photos() -> Scratch {
    let scratch = Scratch::new();
    for number in 0..3 {
        write(&scratch.beside("source").join(format!("{number}.png")), &photo(number, None));
    }
    let home = scratch.open();
    homes::import(&home, &scratch.beside("source"));
    home.close();
    scratch
}

/// Why the home does not start, in words; nothing may have changed.
fn refused(scratch: &Scratch, name: &str) -> String {
    let path = scratch.root().join(name);
    let (before, originals) = (fs::read(&path).ok(), scratch.originals());
    let opened = scratch.try_open_on(std::sync::Arc::new(heirloom_store::RealDisk));
    let said = format!("{:#}", opened.err().unwrap());
    assert_eq!(fs::read(&path).ok(), before, "{name} was changed");
    assert_eq!(scratch.originals(), originals);
    assert!(said.contains(path.to_str().unwrap()), "{said}");
    said
}

fn damage(path: &Path, what: &str) {
    let mut bytes = fs::read(path).unwrap();
    match what {
        "gone" => return fs::remove_file(path).unwrap(),
        "empty" => bytes.clear(),
        "noise" => bytes.fill(7),
        _ => bytes[..100].fill(0),
    }
    fs::write(path, bytes).unwrap();
}

/// Goal: neither database is begun anew, however it is lost, and who reads the words knows which file, where the photos are and
/// what to do; with the file back the home is as before.
#[test]
fn the_truth_is_never_begun_anew() {
    let scratch = with_photos();
    for name in ["home.sqlite", "spaces.sqlite"] {
        let path = scratch.root().join(name);
        let good = fs::read(&path).unwrap();
        for what in ["gone", "empty", "noise", "a header of zeros"] {
            damage(&path, what);
            let said = refused(&scratch, name);
            let library = scratch.root().join("library");
            for word in [library.to_str().unwrap(), "heirloom restore --home", "Nothing was changed"] {
                assert!(said.contains(word), "{name}, {what}: {said}");
            }
            assert_eq!(path.exists(), what != "gone", "{name} was begun anew");
            fs::write(&path, &good).unwrap();
        }
    }
    let home = scratch.open();
    assert_eq!(home.ledger.totals().unwrap().0, 3);
    assert_eq!(homes::problems(&home), []);
}

/// Goal: a database that another program holds, or that may not be opened, is no damage, and said to be what it is. Method: a
/// folder in its place; another connection that lets go of nothing.
#[test]
fn what_only_cannot_be_opened_is_said_to_be_so() {
    let scratch = with_photos();
    let path = scratch.root().join("spaces.sqlite");
    fs::rename(&path, scratch.beside("aside")).unwrap();
    fs::create_dir(&path).unwrap();
    let opened = scratch.try_open_on(std::sync::Arc::new(heirloom_store::RealDisk));
    let said = format!("{:#}", opened.err().unwrap());
    assert!(said.contains("cannot be opened for writing") && said.contains("spaces.sqlite"), "{said}");
    fs::remove_dir(&path).unwrap();
    fs::rename(scratch.beside("aside"), &path).unwrap();
    let other = Connection::open(&path).unwrap();
    other.pragma_update(None, "locking_mode", "EXCLUSIVE").unwrap();
    other.execute_batch("BEGIN EXCLUSIVE").unwrap();
    let said = refused(&scratch, "spaces.sqlite");
    assert!(said.contains("held by another program"), "{said}");
    drop(other);
    scratch.open();
}

/// Goal: an index that can't be opened now, while its file is whole, is not derived again for hours. Method: another connection
/// that lets go of nothing; then the home opens as always, with the same file.
#[test]
fn an_index_that_is_held_is_not_thrown_away() {
    let scratch = with_photos();
    let path = scratch.root().join("catalog.sqlite");
    let other = Connection::open(&path).unwrap();
    other.pragma_update(None, "locking_mode", "EXCLUSIVE").unwrap();
    other.execute_batch("BEGIN EXCLUSIVE").unwrap();
    let said = refused(&scratch, "catalog.sqlite");
    assert!(said.contains("nothing was lost"), "{said}");
    drop(other);
    assert_eq!(scratch.open().catalog().totals().unwrap().assets, 3);
}
