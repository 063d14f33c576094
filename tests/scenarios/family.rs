//! Homes that share: real nodes with real network endpoints on this machine, and the words people would use.

use std::ffi::OsStr;
use std::fs;
use std::path::PathBuf;

use heirloom_testkit::photo;
use serde_json::{Value, json};

use crate::harness::{Client, News, Served, TestHome, write};

/// A home that is being served, and a page that is open in it.
pub(crate) struct House {
    pub(crate) home: TestHome,
    pub(crate) served: Served,
    pub(crate) page: Client,
    key: String,
}

impl House {
    pub(crate) fn new(name: &str) -> Self {
        let home = TestHome::of(name);
        let key = home.key();
        let served = home.serve();
        let page = Client::with_key(served.address, &key);
        Self { home, served, page, key }
    }

    /// A home that came back on another computer; `key` is one that it had before.
    pub(crate) fn returned(home: TestHome, served: Served, key: &str) -> Self {
        let page = Client::with_key(served.address, key);
        Self { home, served, page, key: key.to_owned() }
    }

    pub(crate) fn household(&self) -> &str {
        self.home.founded["household"].as_str().unwrap()
    }

    /// Ends the node in order and leaves the home.
    pub(crate) fn off(self) -> Off {
        self.served.stop();
        Off { home: self.home, key: self.key }
    }

    /// Pulls the plug.
    pub(crate) fn unplug(self) -> Off {
        self.served.kill();
        Off { home: self.home, key: self.key }
    }

    /// Photos with these numbers, in a folder beside the home.
    pub(crate) fn photos(&self, numbers: std::ops::Range<u32>) -> Vec<PathBuf> {
        let day = |number: u32| format!("2024:07:{:02} 10:00:00", number % 28 + 1);
        let file = |number| {
            let path = self.home.beside(&format!("photos/IMG_{number}.png"));
            write(&path, &photo(number, Some(&day(number))))
        };
        numbers.map(file).collect()
    }

    /// Adds files to an album.
    pub(crate) fn add(&self, album: &str, files: &[PathBuf]) {
        let rest: Vec<&OsStr> =
            [OsStr::new(album)].into_iter().chain(files.iter().map(|file| file.as_os_str())).collect();
        self.home.must(&["album", "add"], &rest);
    }

    pub(crate) fn create(&self, name: &str) -> String {
        let line = self.home.must(&["album", "create"], &[name.as_ref()]).remove(0);
        line["id"].as_str().unwrap().to_owned()
    }

    pub(crate) fn share(&self, album: &str, with: &Self, role: &str) {
        let rest: [&OsStr; 4] = [album.as_ref(), with.household().as_ref(), "--role".as_ref(), role.as_ref()];
        self.home.must(&["album", "share"], &rest);
    }

    pub(crate) fn album(&self, id: &str) -> Option<Value> {
        let answer = self.page.get(&format!("/api/albums/{id}")).unwrap();
        (answer.status == 200).then(|| answer.json())
    }

    pub(crate) fn entries(&self, album: &str) -> Vec<Value> {
        let answer = self.page.get(&format!("/api/albums/{album}/entries?from=0&count=500")).unwrap();
        if answer.status != 200 {
            return Vec::new();
        }
        answer.json()["entries"].as_array().unwrap().clone()
    }

    /// The contents of an album, once there are this many.
    pub(crate) fn sees(&self, album: &str, count: usize) -> Vec<Value> {
        let enough = || Some(self.entries(album)).filter(|entries| entries.len() == count);
        News::listen(&self.page).until(enough)
    }

    /// What the album looks like once it is as wanted.
    pub(crate) fn waits_for(&self, album: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        News::listen(&self.page).until(|| self.album(album).filter(&wanted))
    }

    pub(crate) fn comment(&self, album: &str, text: &str) {
        let body = json!({"albumId": album, "type": "comment", "comment": text});
        let answer = self.page.send_json("POST", "/api/activities", &body).unwrap();
        assert_eq!(answer.status, 201, "{}", answer.head);
    }

    pub(crate) fn comments(&self, album: &str) -> Vec<String> {
        let answer = self.page.get(&format!("/api/activities?albumId={album}")).unwrap();
        assert_eq!(answer.status, 200, "{}", answer.head);
        let all = answer.json();
        let text = |activity: &Value| activity["comment"].as_str().map(str::to_owned);
        all.as_array().unwrap().iter().filter_map(text).collect()
    }
}

/// A home whose computer is off.
pub(crate) struct Off {
    pub(crate) home: TestHome,
    key: String,
}

impl Off {
    pub(crate) fn on(self) -> House {
        let served = self.home.serve();
        let page = Client::with_key(served.address, &self.key);
        House { home: self.home, served, page, key: self.key }
    }
}

/// Pairs two homes as scripts do.
pub(crate) fn pair(inviter: &House, guest: &House) {
    let invitation = inviter.home.must(&["peer", "invite"], &["--auto-confirm".as_ref()]).remove(0);
    let link = invitation["link"].as_str().unwrap();
    let accepted = guest.home.must(&["peer", "accept"], &[link.as_ref()]).remove(0);
    assert_eq!(accepted["household"], inviter.household());
    let words = |house: &House, other: &House| {
        let peers = house.home.must(&["peer", "list"], &[]);
        let peers = peers.iter().flat_map(|line| line.as_array().cloned().unwrap_or(vec![line.clone()]));
        let peer = peers.into_iter().find(|peer| peer["household"] == other.household());
        peer.unwrap_or_else(|| panic!("the other home is not in the list"))["words"].clone()
    };
    assert_eq!(words(inviter, guest), words(guest, inviter), "both see the same words");
    assert_eq!(accepted["words"], words(guest, inviter));
}

fn names(entries: &[Value]) -> Vec<String> {
    let mut names: Vec<_> =
        entries.iter().map(|entry| entry["fileName"].as_str().unwrap().to_owned()).collect();
    names.sort();
    names
}

/// Goal: two families pair, share an album that both may edit, and a third may only look.
/// Method: three nodes; photos, a caption and comments from two of them; everything is read in the others' pages.
#[test]
fn families_share_an_album() {
    let (smiths, nonna, bens) = (House::new("The Smiths"), House::new("Nonna"), House::new("Ben's"));
    pair(&smiths, &nonna);
    pair(&smiths, &bens);
    let album = smiths.create("Summer");
    smiths.add(&album, &smiths.photos(1..7));
    smiths.share(&album, &nonna, "contributor");
    smiths.share(&album, &bens, "viewer");
    nonna.sees(&album, 6);
    nonna.add(&album, &nonna.photos(50..52));
    let all = smiths.sees(&album, 8);
    assert_eq!(names(&bens.sees(&album, 8)), names(&all));
    let by = |number: u32| {
        let name = format!("IMG_{number}.png");
        all.iter().find(|entry| entry["fileName"] == name.as_str()).unwrap()["by"]["household"].clone()
    };
    assert_eq!((by(1), by(50)), (json!(smiths.household()), json!(nonna.household())));

    let refused = bens.home.run(&["album", "add"], &[album.as_ref(), bens.photos(90..91)[0].as_os_str()]);
    refused.refused(&["rights", "ask the home that owns it"]);
    nonna.comment(&album, "How big they have grown!");
    let mut news = News::listen(&bens.page);
    news.until(|| Some(()).filter(|()| bens.comments(&album) == ["How big they have grown!"]));

    // The pictures follow by themselves, the original when it is opened.
    let entry = &nonna.entries(&album)[0];
    let path = format!("/api/albums/{album}/entries/{}", entry["content"].as_str().unwrap());
    let thumbnail = || {
        let answer = nonna.page.get(&format!("{path}/thumbnail?size=thumbnail")).unwrap();
        (answer.status == 200).then_some(answer.body)
    };
    assert!(News::listen(&nonna.page).until(thumbnail).starts_with(b"RIFF"));
    let original = nonna.page.get(&format!("{path}/original")).unwrap();
    let name = entry["fileName"].as_str().unwrap();
    assert_eq!(original.body, fs::read(smiths.home.beside(&format!("photos/{name}"))).unwrap());
}

/// Goal: what each home did while the other was off is kept by both.
/// Method: switch one off, edit in the other, swap, edit again, switch both on.
#[test]
fn homes_that_were_off_agree_again() {
    let (smiths, nonna) = (House::new("The Smiths"), House::new("Nonna"));
    pair(&smiths, &nonna);
    let album = smiths.create("Winter");
    smiths.share(&album, &nonna, "contributor");
    nonna.waits_for(&album, |_| true);

    let nonna = nonna.off();
    smiths.add(&album, &smiths.photos(1..4));
    smiths.comment(&album, "from the Smiths");
    let smiths = smiths.off();
    let nonna = nonna.on();
    nonna.add(&album, &nonna.photos(60..63));
    nonna.comment(&album, "from Nonna");
    let smiths = smiths.on();
    let both = |house: &House| {
        house.sees(&album, 6);
        let mut comments = house.comments(&album);
        comments.sort();
        comments
    };
    assert_eq!(both(&smiths), ["from Nonna", "from the Smiths"]);
    assert_eq!(both(&nonna), ["from Nonna", "from the Smiths"]);
    assert_eq!(names(&smiths.entries(&album)), names(&nonna.entries(&album)));
}

/// Goal: a home that was removed sees that, keeps what it had, and gets nothing that came after; invited again it
/// sees everything.
/// Method: remove, add, look in both; invite again, look.
#[test]
fn a_removed_home_gets_nothing_new() {
    let (smiths, nonna) = (House::new("The Smiths"), House::new("Nonna"));
    pair(&smiths, &nonna);
    let album = smiths.create("Birthday");
    smiths.add(&album, &smiths.photos(1..3));
    smiths.share(&album, &nonna, "contributor");
    nonna.sees(&album, 2);
    smiths.home.must(&["album", "remove"], &[album.as_ref(), nonna.household().as_ref()]);
    let ended = nonna.waits_for(&album, |album| !album["ended"].is_null());
    assert_eq!(
        ended["ended"]["by"]["household"].as_str().or(ended["ended"]["by"].as_str()),
        Some(smiths.household())
    );

    smiths.add(&album, &smiths.photos(10..14));
    smiths.sees(&album, 6);
    // A second album tells when everything before it has arrived: the homes are still paired.
    let after = smiths.create("Later");
    smiths.share(&after, &nonna, "viewer");
    nonna.waits_for(&after, |_| true);
    assert_eq!(nonna.entries(&album).len(), 2);
    nonna.home.run(&["album", "add"], &[album.as_ref(), nonna.photos(70..71)[0].as_os_str()]).refused(&[]);

    smiths.share(&album, &nonna, "viewer");
    nonna.sees(&album, 6);
}

/// Goal: an invitation works once, for the home it was made for, and never for a stranger; a blocked home is out.
/// Method: use one twice, damage one, pair and block.
#[test]
fn invitations_work_once() {
    let (smiths, nonna, bens) = (House::new("The Smiths"), House::new("Nonna"), House::new("Ben's"));
    let invitation = smiths.home.must(&["peer", "invite"], &["--auto-confirm".as_ref()]).remove(0);
    let link = invitation["link"].as_str().unwrap().to_owned();
    nonna.home.must(&["peer", "accept"], &[link.as_ref()]);
    bens.home.run(&["peer", "accept"], &[link.as_ref()]).refused(&["invitation"]);
    let broken = link[..link.len() - 4].to_owned();
    bens.home.run(&["peer", "accept"], &[broken.as_ref()]).refused(&["invitation"]);
    smiths.home.run(&["peer", "accept"], &[link.as_ref()]).refused(&[]);

    let list = |house: &House| house.page.get("/api/peers").unwrap().json();
    News::listen(&smiths.page)
        .until(|| list(&smiths).as_array().unwrap().first().filter(|peer| peer["path"] != "off").cloned());
    smiths.home.must(&["peer", "block"], &[nonna.household().as_ref()]);
    assert_eq!(list(&smiths)[0]["blocked"], true);
    News::listen(&nonna.page)
        .until(|| list(&nonna).as_array().unwrap().first().filter(|peer| peer["path"] == "off").cloned());
}

/// Goal: originals that a home keeps survive any interruption, and are the same bytes.
/// Method: ask for originals, kill the receiving node in the middle and start it again, several times; compare.
#[test]
fn crash_keeping_originals() {
    let (smiths, nonna) = (House::new("The Smiths"), House::new("Nonna"));
    pair(&smiths, &nonna);
    let album = smiths.create("Everything");
    let files = smiths.photos(1..41);
    smiths.add(&album, &files);
    smiths.share(&album, &nonna, "viewer");
    nonna.sees(&album, 40);
    let keep = json!({"keep": "originals"});
    let mut nonna = nonna;
    let answer = nonna.page.send_json("PATCH", &format!("/api/albums/{album}"), &keep).unwrap();
    assert_eq!(answer.status, 200, "{}", answer.head);
    let here =
        |house: &House| house.entries(&album).iter().filter(|entry| entry["original"] == "here").count();
    for least in [1, 5, 12] {
        News::listen(&nonna.page).until(|| Some(()).filter(|()| here(&nonna) >= least));
        nonna = nonna.unplug().on();
    }
    News::listen(&nonna.page).until(|| Some(()).filter(|()| here(&nonna) == 40));
    for entry in nonna.entries(&album) {
        let content = entry["content"].as_str().unwrap();
        let original = nonna.page.get(&format!("/api/albums/{album}/entries/{content}/original")).unwrap();
        let name = entry["fileName"].as_str().unwrap();
        assert!(original.body == fs::read(smiths.home.beside(&format!("photos/{name}"))).unwrap(), "{name}");
    }
    assert!(nonna.home.problems().is_empty());
}
