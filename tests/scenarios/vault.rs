//! A house burns down: copies in other homes, and everything back from 24 words and one of them.
//!
//! Goal: what the guide promises to a family, played with real nodes, real files and the real commands. Method: homes
//! pair and agree to keep copies; one of them is deleted to the last byte; a new one is made from the phrase and one
//! keeper, and compared with what the old one held.

use std::ffi::OsStr;
use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::family::{House, pair};
use crate::harness::{Client, News, TestHome, files_below, write};

const QUOTA: &str = "2GB";

/// `keeper` agrees to keep copies for `ward`.
pub(crate) fn keeps(keeper: &House, ward: &House) {
    ward.home.must(&["vault", "ask"], &[keeper.household().as_ref(), "--bytes".as_ref(), QUOTA.as_ref()]);
    keeper.home.must(&["vault", "keep"], &[ward.household().as_ref(), "--quota".as_ref(), QUOTA.as_ref()]);
}

pub(crate) fn vault_status(house: &House) -> Value {
    house.home.must(&["vault", "status"], &[]).remove(0)
}

/// Everything is placed and proven in this many other homes.
pub(crate) fn safe_in(house: &House, homes: u64) -> Value {
    house.home.must(&["vault", "run"], &[]);
    let status = || Some(vault_status(house)).filter(|status| status["complete_homes"] == homes);
    News::listen(&house.page).until(status)
}

/// What people decided in a home, as its pages show it.
pub(crate) fn decisions(page: &Client) -> Value {
    let get = |path: &str| {
        let answer = page.get(path).unwrap();
        assert_eq!(answer.status, 200, "{path}: {}", answer.head);
        answer.json()
    };
    let mut albums = get("/api/albums");
    let mut talks = Vec::new();
    for album in albums.as_array_mut().unwrap() {
        let id = album["id"].as_str().unwrap().to_owned();
        let entries = get(&format!("/api/albums/{id}/entries?from=0&count=500"))["entries"].clone();
        let captions: Vec<Value> = entries
            .as_array()
            .unwrap()
            .iter()
            .map(|entry| {
                json!([entry["content"], entry["fileName"], entry["caption"], entry["by"]["household"]])
            })
            .collect();
        let comments: Vec<Value> = get(&format!("/api/activities?albumId={id}"))
            .as_array()
            .unwrap()
            .iter()
            .map(|one| one["comment"].clone())
            .collect();
        talks.push(json!([id, album["albumName"], album["description"], captions, comments]));
    }
    let peers: Vec<Value> = get("/api/peers")
        .as_array()
        .unwrap()
        .iter()
        .map(|peer| json!([peer["household"], peer["name"]]))
        .collect();
    json!({"albums": talks, "peers": peers, "me": get("/api/users/me")})
}

/// A favourite and a caption for every photo whose number says so.
fn decide(house: &House, assets: &[String]) {
    for (number, asset) in assets.iter().enumerate() {
        let body = json!({
            "isFavorite": number % 3 == 0,
            "description": if number % 2 == 0 { format!("Photo {number}, by the lake") } else { String::new() },
        });
        let answer = house.page.send_json("PUT", &format!("/api/assets/{asset}"), &body).unwrap();
        assert_eq!(answer.status, 200, "{}", answer.head);
    }
}

/// What the home says of each photo, without what is local to one run.
fn details(page: &Client, assets: &[String]) -> Vec<Value> {
    let detail = |asset: &String| {
        let answer = page.get(&format!("/api/assets/{asset}")).unwrap();
        assert_eq!(answer.status, 200, "{}", answer.head);
        let all = answer.json();
        json!([
            all["id"],
            all["originalFileName"],
            all["checksum"],
            all["isFavorite"],
            all["exifInfo"]["description"],
            all["localDateTime"],
            all["exifInfo"]["fileSizeInByte"]
        ])
    };
    assets.iter().map(detail).collect()
}

fn assets_of(imported: &[Value]) -> Vec<String> {
    imported.iter().filter_map(|line| line["asset"].as_str().map(str::to_owned)).collect()
}

/// Restores a household onto a new computer; returns its home and the last line that `restore` said.
pub(crate) fn restore(lost: &TestHome, from: &OsStr) -> (TestHome, Value) {
    let new = TestHome::elsewhere(&lost.founded);
    let phrase = new.phrase_file();
    let output = crate::harness::run(new.arguments(
        &["restore"],
        &[
            "--phrase-file".as_ref(),
            phrase.as_ref(),
            "--from".as_ref(),
            from,
            "--p2p-listen".as_ref(),
            "127.0.0.1:0".as_ref(),
        ],
    ));
    assert!(output.ok, "{} {:?}", output.stderr, output.lines.last());
    let done = output.lines.last().unwrap().clone();
    assert_eq!(done["done"], true, "{done}");
    (new, done)
}

/// Goal: the house burns down, and everything is back.
/// Method: four homes; one backs up into two of them and shares an album with a third; its folder is deleted; it comes
/// back from the phrase and one keeper; every original is compared byte for byte, and every decision.
#[test]
fn a_burnt_house_comes_back() {
    let (smiths, nonna) = (House::new("The Smiths"), House::new("Nonna"));
    let (bens, carla) = (House::new("Ben's"), House::new("Carla"));
    for other in [&nonna, &bens, &carla] {
        pair(&smiths, other);
    }
    keeps(&nonna, &smiths);
    keeps(&bens, &smiths);

    let files = smiths.photos(1..31);
    let imported = smiths.home.import(files[0].parent().unwrap());
    let assets = assets_of(&imported.files);
    assert_eq!(assets.len(), 30);
    decide(&smiths, &assets);
    let album = smiths.create("Summer");
    smiths.add(&album, &files[..6]);
    smiths.share(&album, &carla, "contributor");
    carla.sees(&album, 6);
    carla.add(&album, &carla.photos(60..62));
    smiths.sees(&album, 8);
    carla.comment(&album, "How big they have grown!");
    News::listen(&smiths.page).until(|| Some(()).filter(|()| smiths.comments(&album).len() == 1));

    let status = safe_in(&smiths, 2);
    assert!(status["sentence"].as_str().unwrap().contains("2 other homes"), "{status}");
    assert_eq!(status["pending"], 0, "{status}");

    let before = (smiths.home.originals(), details(&smiths.page, &assets), decisions(&smiths.page));
    let (key, household) = (smiths.home.key(), smiths.household().to_owned());
    // The key is part of what must come back.
    smiths.home.must(&["vault", "run"], &[]);
    let lost = smiths.unplug();
    fs::remove_dir_all(lost.home.root()).unwrap();
    assert!(files_below(lost.home.root()).is_empty());

    let invitation = nonna.home.must(&["peer", "invite"], &[]).remove(0);
    let (new, done) = restore(&lost.home, invitation["link"].as_str().unwrap().as_ref());
    assert_eq!(done["assets"], 30, "{done}");
    assert_eq!(new.originals(), before.0, "every original, byte for byte");
    assert!(new.problems().is_empty(), "{:?}", new.problems());

    let served = new.serve();
    let page = Client::with_key(served.address, &key);
    assert_eq!(details(&page, &assets), before.1);
    assert_eq!(decisions(&page), before.2);
    assert_eq!(new.status()["household"], household.as_str());
    for asset in &assets {
        let picture = page.get(&format!("/api/assets/{asset}/thumbnail?size=preview")).unwrap();
        assert_eq!(picture.status, 200, "{}", picture.head);
    }

    // The other homes accept the new computer without being asked, and the album goes on.
    let back = House::returned(new, served, &key);
    let connected = |house: &House| {
        let peers = back.page.get("/api/peers").unwrap().json();
        let path = |peer: &Value| peer["household"] == house.household() && peer["path"] != "off";
        peers.as_array().unwrap().iter().any(path).then_some(())
    };
    for other in [&nonna, &bens, &carla] {
        News::listen(&back.page).until(|| connected(other));
    }
    carla.comment(&album, "Welcome back");
    News::listen(&back.page).until(|| Some(()).filter(|()| back.comments(&album).len() == 2));
    back.comment(&album, "Good to be back");
    News::listen(&carla.page).until(|| Some(()).filter(|()| carla.comments(&album).len() == 3));
    back.add(&album, &back.photos(80..82));
    carla.sees(&album, 10);
    safe_in(&back, 2);
}

/// Goal: a disk that a keeper wrote is enough, when no connection is.
/// Method: the keeper writes a folder; all nodes but the new one are off.
#[test]
fn a_disk_from_a_keeper_is_enough() {
    let (smiths, nonna) = (House::new("The Smiths"), House::new("Nonna"));
    pair(&smiths, &nonna);
    keeps(&nonna, &smiths);
    let files = smiths.photos(1..13);
    smiths.home.import(files[0].parent().unwrap());
    safe_in(&smiths, 1);
    let before = smiths.home.originals();

    let disk = nonna.home.beside("usb");
    fs::create_dir(&disk).unwrap();
    nonna.home.must(&["vault", "write-usb"], &[smiths.household().as_ref(), disk.as_ref()]);
    let (lost, nonna) = (smiths.unplug(), nonna.off());
    fs::remove_dir_all(lost.home.root()).unwrap();

    let (new, done) = restore(&lost.home, disk.as_os_str());
    assert_eq!(done["assets"], 12);
    assert_eq!(new.originals(), before);
    drop(nonna);
}

/// Goal: who types a wrong word, or asks the wrong home, is told which and what to do, and nothing is made.
/// Method: each mistake once, against a real keeper; then the right phrase at the same place.
#[test]
fn a_wrong_phrase_is_explained() {
    let (smiths, nonna, bens) = (House::new("The Smiths"), House::new("Nonna"), House::new("Ben's"));
    pair(&smiths, &nonna);
    pair(&nonna, &bens);
    keeps(&nonna, &smiths);
    let files = smiths.photos(1..4);
    smiths.home.import(files[0].parent().unwrap());
    safe_in(&smiths, 1);
    let new = TestHome::elsewhere(&smiths.home.founded);
    let right = fs::read_to_string(new.phrase_file()).unwrap();
    let lost = smiths.unplug();
    let link = |house: &House| {
        house.home.must(&["peer", "invite"], &[]).remove(0)["link"].as_str().unwrap().to_owned()
    };
    let attempt = |text: &str, from: &str| {
        let file = write(&new.beside("typed.txt"), text.as_bytes());
        let rest: [&OsStr; 6] = [
            "--phrase-file".as_ref(),
            file.as_ref(),
            "--from".as_ref(),
            from.as_ref(),
            "--p2p-listen".as_ref(),
            "127.0.0.1:0".as_ref(),
        ];
        crate::harness::run(new.arguments(&["restore"], &rest))
    };
    let words: Vec<&str> = right.split_whitespace().collect();
    let changed = |at: usize, to: &str| {
        let mut words = words.clone();
        words[at] = to;
        words.join(" ")
    };
    let keeper = link(&nonna);
    let other = if words[6] == "abandon" { "zoo" } else { "abandon" };
    attempt(&changed(4, "hosue"), &keeper).refused(&["5", "hosue"]);
    attempt(&changed(6, other), &keeper).refused(&["7"]);
    attempt(&words[..23].join(" "), &keeper).refused(&["23"]);
    attempt(&right, &link(&bens)).refused(&["keeps"]);
    assert!(!new.root().join("config.toml").exists(), "nothing was made of a wrong phrase");
    let done = attempt(&right, &keeper);
    assert!(done.ok, "{}", done.stderr);
    assert_eq!(new.originals(), lost.home.originals());
}

/// Goal: rot on the home's own disk is healed from a keeper without anyone asking, and the bad file is kept aside.
/// Method: flip a byte of one original, delete another, ask for a repair.
#[test]
fn rot_at_home_is_healed() {
    let (smiths, nonna) = (House::new("The Smiths"), House::new("Nonna"));
    pair(&smiths, &nonna);
    keeps(&nonna, &smiths);
    let files = smiths.photos(1..9);
    smiths.home.import(files[0].parent().unwrap());
    safe_in(&smiths, 1);
    let before = smiths.home.originals();
    let library = smiths.home.root().join("library/anna");
    let (rotten, gone) = (library.join(&before[2].0), library.join(&before[5].0));
    let mut bytes = fs::read(&rotten).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&rotten, bytes).unwrap();
    fs::remove_file(&gone).unwrap();

    smiths.home.must(&["vault", "repair"], &[]);
    assert_eq!(smiths.home.originals(), before);
    assert_eq!(files_below(&smiths.home.root().join("damaged")).len(), 1, "the rotten file is kept aside");
    let told = smiths.page.get("/api/vault").unwrap().json();
    assert_eq!(told["heals"].as_array().unwrap().len(), 2, "{}", told["heals"]);
    assert!(smiths.home.problems().is_empty());
}

/// Goal: a keeper can prove nothing about the contents.
/// Method: everything in its folder is read: names are ids, sizes are classes, and nothing of the photos is in it.
#[test]
fn a_keeper_sees_ids_sizes_and_times() {
    let (smiths, nonna) = (House::new("The Smiths"), House::new("Nonna"));
    pair(&smiths, &nonna);
    keeps(&nonna, &smiths);
    let files = smiths.photos(1..6);
    smiths.home.import(files[0].parent().unwrap());
    safe_in(&smiths, 1);
    let originals = smiths.home.originals();
    let kept = nonna.home.root().join("kept");
    let mut seen = 0;
    for file in files_below(&kept) {
        let bytes = fs::read(&file).unwrap();
        let is_pack = file.extension().is_some_and(|ending| ending == "pack");
        if is_pack {
            seen += 1;
            let hex = file.file_stem().unwrap().to_str().unwrap();
            assert!(hex.len() == 64 && hex.bytes().all(|byte| byte.is_ascii_hexdigit()), "{hex}");
            assert!(bytes.len() >= 64 << 10, "{} bytes are no size class", bytes.len());
        }
        expect_no_trace(&file, &bytes, &originals);
    }
    assert!(seen > 0, "the keeper keeps something");
}

/// Neither names nor pieces of any original stand in `bytes`.
fn expect_no_trace(file: &Path, bytes: &[u8], originals: &[(String, Vec<u8>)]) {
    let contains = |needle: &[u8]| bytes.windows(needle.len()).any(|window| window == needle);
    for (name, content) in originals {
        let name = name.rsplit('/').next().unwrap();
        assert!(!contains(name.as_bytes()), "{} names {name}", file.display());
        let middle = content.len() / 2;
        assert!(!contains(&content[middle..middle + 24]), "{} holds a part of {name}", file.display());
    }
}
