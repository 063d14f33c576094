//! The real processes are killed (SIGKILL) while copies are made, placed, collected, repaired and restored.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::time::Duration;

use heirloom_identity::ContentHash;
use heirloom_testkit::photo;
use serde_json::Value;

use crate::family::{House, pair};
use crate::harness::{self, Chance, TestHome, files_below, write};
use crate::vault::{keeps, safe_in};

/// Photos that each round adds.
const PHOTOS_PER_ROUND: u32 = 6;
/// After how many microseconds at most a process is killed.
const MOMENT_US_MAX: u64 = 900_000;
/// The same for a restore, which is over soon.
const RESTORE_MOMENT_US_MAX: u64 = 400_000;

/// How many times somebody is killed while copies are made, and how many times while they are restored.
fn rounds() -> u32 {
    if std::env::var_os("HEIRLOOM_TEST_LONG").is_some() { 250 } else { 25 }
}

/// Every pack in a keeper's folder is whole: its name is the hash of its bytes.
fn expect_whole_packs(keeper: &TestHome) -> usize {
    let packs = files_below(&keeper.root().join("kept"));
    let packs = packs.iter().filter(|file| file.extension().is_some_and(|ending| ending == "pack"));
    let whole = |file: &std::path::PathBuf| {
        let hash = ContentHash::of(&fs::read(file).unwrap()).to_string();
        assert_eq!(file.file_stem().unwrap().to_str().unwrap(), hash, "a pack that is not what it is called");
    };
    packs.map(whole).count()
}

/// Goal: whoever is killed while copies are made, nothing that was proven is lost and nothing needs a person.
/// Method: add photos, ask for a run, kill the ward or the keeper at some moment, start it again; rot some originals
/// now and then; at the end all is safe, every kept pack is whole, and a restore gives every original back.
#[test]
fn crash_backing_up() {
    let (mut smiths, mut nonna) = (House::new("The Smiths"), House::new("Nonna"));
    pair(&smiths, &nonna);
    keeps(&nonna, &smiths);
    let mut chance = Chance::new(41);
    let folder = smiths.home.beside("source");
    for round in 0..rounds() {
        for n in 0..PHOTOS_PER_ROUND {
            let number = round * PHOTOS_PER_ROUND + n;
            let day = format!("2024:{:02}:{:02} 10:00:00", number % 12 + 1, number % 28 + 1);
            write(&folder.join(format!("IMG_{number}.png")), &photo(number, Some(&day)));
        }
        smiths.home.import(&folder);
        if round % 5 == 4 {
            rot_one(&smiths.home, &mut chance);
        }
        let verb = ["run", "repair", "audit", "run"][usize::try_from(chance.below(4)).unwrap()];
        let command = harness::spawn(smiths.home.arguments(&["vault", verb], &[]));
        let until = harness::soon(Duration::from_micros(chance.below(MOMENT_US_MAX)));
        // Whether it says something by then does not matter.
        drop(command.line_until(until));
        if chance.below(2) == 0 {
            smiths = smiths.unplug().on();
        } else {
            nonna = nonna.unplug().on();
        }
        drop(command.kill());
        expect_whole_packs(&nonna.home);
    }
    smiths.home.must(&["vault", "repair"], &[]);
    safe_in(&smiths, 1);
    assert!(expect_whole_packs(&nonna.home) > 0);
    let before = smiths.home.originals();
    assert_eq!(before.len(), usize::try_from(rounds() * PHOTOS_PER_ROUND).unwrap());
    assert!(smiths.home.problems().is_empty(), "{:?}", smiths.home.problems());
    let lost = smiths.unplug();
    restore_with_kills(&lost.home, &nonna, &before, &mut chance);
}

/// Flips a bit of one original.
fn rot_one(home: &TestHome, chance: &mut Chance) {
    let files = files_below(&home.root().join("library/anna"));
    let file = &files[usize::try_from(chance.below(files.len() as u64)).unwrap()];
    let mut bytes = fs::read(file).unwrap();
    let at = usize::try_from(chance.below(bytes.len() as u64)).unwrap();
    bytes[at] ^= 1;
    fs::write(file, bytes).unwrap();
}

/// Restores on new computers whose plug is pulled again and again; each that comes to its end holds everything.
fn restore_with_kills(lost: &TestHome, keeper: &House, before: &[(String, Vec<u8>)], chance: &mut Chance) {
    // From a disk: a keeper lets nobody begin more than ten recoveries in a minute.
    let disk = keeper.home.beside("usb");
    fs::create_dir(&disk).unwrap();
    let ward = lost.founded["household"].as_str().unwrap();
    keeper.home.must(&["vault", "write-usb"], &[ward.as_ref(), disk.as_ref()]);
    let link = disk.to_str().unwrap();
    let (mut new, mut killed) = (TestHome::elsewhere(&lost.founded), 0);
    for _ in 0..rounds() {
        let running = harness::spawn(restoring(&new, link));
        let until = harness::soon(Duration::from_micros(chance.below(RESTORE_MOMENT_US_MAX)));
        let mut lines = Vec::new();
        while let Ok(line) = running.line_until(until) {
            lines.push(line);
        }
        let (rest, was_running) = running.kill();
        lines.extend(rest);
        killed += u32::from(was_running);
        // A home that was killed when all was there has nothing left to restore.
        let is_whole = |line: &String| line.contains("\"done\":true") || line.contains("already a home");
        if lines.last().is_some_and(is_whole) {
            expect_whole(&new, before);
            new = TestHome::elsewhere(&lost.founded);
        }
    }
    println!("{killed} of {} restores were killed before their end", rounds());
    let output = harness::run(restoring(&new, link));
    let is_done = output.lines.last().is_some_and(|line: &Value| line["done"] == true);
    assert!(
        is_done || output.stderr.contains("already a home"),
        "{} {:?}",
        output.stderr,
        output.lines.last()
    );
    expect_whole(&new, before);
}

fn restoring(new: &TestHome, link: &str) -> Vec<OsString> {
    let phrase = new.phrase_file();
    let rest: [&OsStr; 6] = [
        "--phrase-file".as_ref(),
        phrase.as_ref(),
        "--from".as_ref(),
        link.as_ref(),
        "--p2p-listen".as_ref(),
        "127.0.0.1:0".as_ref(),
    ];
    new.arguments(&["restore"], &rest)
}

fn expect_whole(home: &TestHome, before: &[(String, Vec<u8>)]) {
    assert!(home.originals() == before, "every original, byte for byte");
    assert!(home.problems().is_empty(), "{:?}", home.problems());
}
