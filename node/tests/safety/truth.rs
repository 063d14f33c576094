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

/// What a database and its log hold while the home is open: both are on the disk, and the log has bytes.
fn while_open(scratch: &Scratch) -> Vec<(&'static str, Vec<u8>, Vec<u8>)> {
    let home = scratch.open();
    home.ledger.set_setting("a test's", "1").unwrap();
    home.library.begin_stream([9; 16]).unwrap();
    let files = ["home.sqlite", "spaces.sqlite"].map(|name| {
        let read = |name: &str| fs::read(scratch.root().join(name)).unwrap();
        (name, read(name), read(&format!("{name}-wal")))
    });
    home.close();
    files.into()
}

/// Goal: a database that is lost while its log is left, as after a power cut, is as lost as one without: `SQLite` would throw
/// that log away and begin anew. Method: the files of a home that is open.
#[test]
fn a_log_alone_is_no_database() {
    let scratch = with_photos();
    for (name, bytes, log) in while_open(&scratch) {
        let path = scratch.root().join(name);
        let log_path = scratch.root().join(format!("{name}-wal"));
        let good = fs::read(&path).unwrap();
        assert!(!log.is_empty() && !bytes.is_empty(), "{name}");
        for what in ["gone", "empty"] {
            damage(&path, what);
            fs::write(&log_path, &log).unwrap();
            let said = refused(&scratch, name);
            assert!(said.contains("is gone, or empty") && said.contains("Nothing was changed"), "{said}");
            assert_eq!(fs::read(&log_path).unwrap(), log, "{name}, {what}: its last commits were destroyed");
            fs::remove_file(&log_path).unwrap();
            fs::write(&path, &good).unwrap();
        }
        // With the file back its log counts again.
        fs::write(&path, &bytes).unwrap();
        fs::write(&log_path, &log).unwrap();
        scratch.open().close();
    }
    assert_eq!(scratch.open().ledger.totals().unwrap().0, 3);
}

/// Goal: decisions that are lost before an upgraded home noted that they were there are missed too. Method: a home with photos
/// whose ledger does not have the note yet, as after an upgrade, or of a copy of before.
#[test]
fn decisions_that_were_never_noted_are_missed() {
    let scratch = with_photos();
    let forget = || {
        let ledger = Connection::open(scratch.root().join("home.sqlite")).unwrap();
        assert_eq!(ledger.execute("DELETE FROM settings WHERE key = 'spaces-begun'", []).unwrap(), 1);
    };
    forget();
    scratch.open().close();
    for what in ["gone", "empty"] {
        forget();
        let path = scratch.root().join("spaces.sqlite");
        let good = fs::read(&path).unwrap();
        damage(&path, what);
        let said = refused(&scratch, "spaces.sqlite");
        assert!(said.contains("is gone, or empty"), "{said}");
        fs::write(&path, good).unwrap();
        scratch.open().close();
    }
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

/// Goal: what keeps the books about copies from being opened is said of the right one, and sends nobody into a restore.
#[test]
fn a_book_that_is_held_is_called_by_its_name() {
    let scratch = with_photos();
    for name in ["keeper.sqlite", "vault.sqlite"] {
        let other = Connection::open(scratch.root().join(name)).unwrap();
        other.pragma_update(None, "locking_mode", "EXCLUSIVE").unwrap();
        other.execute_batch("BEGIN EXCLUSIVE").unwrap();
        let said = refused(&scratch, name);
        assert!(said.contains(&format!("{name} is held by another program")), "{said}");
        assert!(!said.contains("restore"), "{said}");
    }
    scratch.open();
}
