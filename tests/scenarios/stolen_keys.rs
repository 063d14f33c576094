//! Somebody copied a home's disk, and with it the keys of its computer.

use std::ffi::OsStr;
use std::process::Command;

use crate::family::{House, pair};
use crate::harness::{Client, News, TestHome};
use crate::vault::{keeps, safe_in, vault_status};

/// Goal: after `heirloom keys renew` the copied keys are worth nothing, and neither sharing nor copies need anybody's word.
/// Method: the folder is copied while the node is off; it is served elsewhere after the home got new keys with its words.
#[test]
fn stolen_keys_are_worth_nothing_after_new_ones() {
    let (smiths, nonna) = (House::new("The Smiths"), House::new("Nonna"));
    pair(&smiths, &nonna);
    keeps(&nonna, &smiths);
    let files = smiths.photos(1..7);
    smiths.home.import(files[0].parent().unwrap());
    let album = smiths.create("Summer");
    smiths.add(&album, &files[..2]);
    smiths.share(&album, &nonna, "contributor");
    nonna.sees(&album, 2);
    safe_in(&smiths, 1);
    let key = smiths.home.key();
    smiths.home.must(&["vault", "run"], &[]);

    let phrase = smiths.home.phrase_file();
    let words: [&OsStr; 2] = ["--phrase-file".as_ref(), phrase.as_ref()];
    smiths.home.run(&["keys", "renew"], &words).refused(&["stop Heirloom first"]);
    let smiths = smiths.off();
    let stolen = TestHome::elsewhere(&smiths.home.founded);
    let copied = Command::new("cp").arg("-a").arg(smiths.home.root()).arg(stolen.root()).status().unwrap();
    assert!(copied.success());
    let other = nonna.home.phrase_file();
    let wrong: [&OsStr; 2] = ["--phrase-file".as_ref(), other.as_ref()];
    smiths.home.run(&["keys", "renew"], &wrong).refused(&["not this household's"]);
    let renewed = smiths.home.must(&["keys", "renew"], &words).remove(0);
    assert_eq!(renewed["generation"], 2);

    // Nobody is asked for anything.
    let smiths = smiths.on();
    smiths.home.import(&smiths.photos(20..21)[0]);
    smiths.add(&album, &smiths.photos(21..22));
    nonna.sees(&album, 3);
    nonna.add(&album, &nonna.photos(50..51));
    smiths.sees(&album, 4);
    safe_in(&smiths, 1);
    let status = vault_status(&smiths);
    assert_eq!((&status["pending"], &status["keepers"][0]["state"]), (&0.into(), &"ok".into()), "{status}");

    // The thief is told, sees nothing that is new, and changes nothing.
    let thief = stolen.serve();
    let page = Client::with_key(thief.address, &key);
    let vault = || page.get("/api/vault").unwrap().json();
    News::listen(&page).until(|| Some(()).filter(|()| vault()["replaced"] == true));
    let entries = page.get(&format!("/api/albums/{album}/entries?from=0&count=50")).unwrap().json();
    assert_eq!(entries["entries"].as_array().unwrap().len(), 2, "{entries}");
    assert!(!stolen.run(&["album", "add"], &[album.as_ref(), files[4].as_os_str()]).ok);
    smiths.add(&album, &smiths.photos(22..23));
    nonna.sees(&album, 5);
    thief.stop();
    safe_in(&smiths, 1);
}
