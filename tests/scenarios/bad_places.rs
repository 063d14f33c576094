//! Homes and addresses that cannot be used as they are: each attempt says what failed, why and what to do,
//! and harms nothing.

use std::ffi::OsString;
use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;

use heirloom_testkit::photo;
use serde_json::{Value, json};

use crate::harness::{self, Client, Served, SmallDisk, TestHome, write};

/// A home with three photos.
fn small_home() -> TestHome {
    let home = TestHome::new();
    fill(&home);
    home
}

fn fill(home: &TestHome) {
    for n in 1..=3 {
        write(&home.beside("source").join(format!("{n}.png")), &photo(n, Some("2024:05:01 10:00:00")));
    }
    assert_eq!(home.import(&home.beside("source")).counts(), [3, 0, 0, 0]);
}

/// Goal: one process has a home; a second `serve` names the first, and the first goes on.
/// Method: serve twice; then a command that needs the home while another command, not a node, has it.
#[test]
fn a_second_serve_names_the_first() {
    let home = small_home();
    let served = home.serve();
    let second = harness::run(home.arguments_to_serve());
    second.refused(&["in use", &served.id().to_string(), "stop"]);
    assert_eq!(served.client().get("/api/server/ping").unwrap().status, 200);
    served.kill();
    let after = home.serve();
    assert_eq!(home.status()["assets"], 3, "a killed node's lock and socket are in nobody's way");
    after.stop();
}

/// Goal: a taken port is explained, and the home stays as it was.
/// Method: listen on a port and let the node try the same.
#[test]
fn a_port_in_use_is_explained() {
    let home = small_home();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let output = home.run(&["serve"], &["--listen".as_ref(), address.as_ref()]);
    output.refused(&[&address, "another program", "--listen"]);
    assert_eq!(home.problems(), [] as [Value; 0]);
}

/// Goal: every verb says that there is no home, and how to make one; none makes half of one.
/// Method: each verb on a folder that is not there, and `serve` on one with something else in it.
#[test]
fn a_missing_home_is_explained() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("nothing");
    for verb in ["status", "doctor", "rebuild"] {
        harness::run([verb, "--home", root.to_str().unwrap()]).refused(&["no home", "heirloom init"]);
    }
    harness::run(["import", "--home", root.to_str().unwrap(), "."]).refused(&["no home", "heirloom init"]);
    assert!(!root.exists());
    let notes = write(&folder.path().join("other/notes.txt"), b"something else");
    harness::run(["serve", "--home", notes.parent().unwrap().to_str().unwrap()])
        .refused(&["no home", "heirloom init"]);
    assert_eq!(fs::read(&notes).unwrap(), b"something else");
}

/// Goal: where nothing is, `serve` shows how to begin, and leaves nothing behind when nobody does.
/// Method: serve a folder that is not there; ask what the page asks; stop.
#[test]
fn an_empty_folder_shows_how_to_begin() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("nothing");
    let arguments = ["serve", "--home", root.to_str().unwrap(), "--listen", "127.0.0.1:0"];
    let served = Served::start(arguments.map(OsString::from).to_vec());
    let client = served.client();
    let setup = client.get("/api/setup").unwrap();
    assert_eq!((setup.status, setup.json()), (200, json!({ "state": "fresh", "needsCode": false })));
    assert_eq!(client.get("/api/users/me").unwrap().status, 404);
    served.stop();
    assert!(!root.exists());
}

/// Goal: a read-only disk is explained; nothing on it changes, and it works again once writable.
/// Method: a home on a small disk that is remounted read-only; each verb; remounted back.
#[test]
fn a_read_only_home_is_explained() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("disk");
    fs::create_dir(&place).unwrap();
    let Some(disk) = SmallDisk::mount(&place, 16) else { return };
    let home = TestHome::at(folder, place.join("home"));
    fill(&home);
    disk.remount("ro");
    for verb in ["serve", "status", "doctor"] {
        home.run(&[verb], &[]).refused(&["read-only", "home"]);
    }
    home.run(&["import"], &[home.beside("source").as_os_str()]).refused(&["read-only", "mount it writable"]);
    disk.remount("rw");
    assert_eq!(home.status()["assets"], 3);
    assert_eq!(home.problems(), [] as [Value; 0]);
    drop(disk);
}

/// Goal: a home whose folder this user may not write is explained. Method: take the permission away; root may
/// write everywhere, so this is tried as somebody else only.
#[test]
fn a_home_of_someone_else_is_explained() {
    let home = small_home();
    if rustix::process::geteuid().is_root() {
        println!("SKIPPED: root may write everywhere");
        return;
    }
    let lock = home.root().join("lock");
    fs::set_permissions(&lock, fs::Permissions::from_mode(0o400)).unwrap();
    home.run(&["status"], &[]).refused(&["another user", "owner"]);
    fs::set_permissions(&lock, fs::Permissions::from_mode(0o600)).unwrap();
    assert_eq!(home.status()["assets"], 3);
}

/// Goal: damaged settings and keys are explained with file and line, and never overwritten.
/// Method: write nonsense into each, try, put it back.
#[test]
fn damaged_settings_are_explained() {
    let home = small_home();
    let config = home.root().join("config.toml");
    let good = fs::read_to_string(&config).unwrap();
    for (bad, says) in [
        ("listen = \"not an address\"", "line 1"),
        ("lisen = \"127.0.0.1:2283\"", "lisen"),
        ("listen = [[", "line 1"),
        ("\0\0\0\0", "config.toml"),
    ] {
        fs::write(&config, bad).unwrap();
        home.run(&["status"], &[]).refused(&["config.toml", says]);
        assert_eq!(fs::read_to_string(&config).unwrap(), bad);
    }
    fs::write(&config, good).unwrap();
    let keys = home.root().join("keys.toml");
    let good = fs::read(&keys).unwrap();
    fs::write(&keys, &good[..good.len() / 2]).unwrap();
    home.run(&["status"], &[]).refused(&["keys.toml"]);
    fs::write(&keys, good).unwrap();
    assert_eq!(home.status()["assets"], 3);
}

/// Changes a file's bytes for the worse.
type Damage<'a> = &'a dyn Fn(&mut Vec<u8>);

/// Goal: a damaged catalog comes back by itself, with everything it showed, and no page takes the new one for
/// the one it knows.
/// Method: the file is replaced by noise, cut in the middle, and damaged behind its first page; each time the
/// node starts, the timeline is the same and its revision no lower (it counts on from the clock's seconds).
#[test]
fn a_damaged_catalog_comes_back() {
    let home = small_home();
    let key = home.key();
    let look = || {
        let served = home.serve();
        fs::create_dir_all(home.beside("nothing")).unwrap();
        // An import of nothing ends when every thumbnail is made.
        home.import(&home.beside("nothing"));
        let skeleton = Client::with_key(served.address, &key).get("/api/timeline/all/skeleton").unwrap().body;
        served.stop();
        let revision = u32::from_le_bytes(skeleton[4..8].try_into().unwrap());
        (harness::without_revisions(&skeleton), revision)
    };
    let (before, mut revision) = look();
    let catalog = home.root().join("catalog.sqlite");
    let noise = |bytes: &mut [u8]| {
        let mut chance = harness::Chance::new(1);
        bytes.fill_with(|| u8::try_from(chance.below(256)).unwrap());
    };
    let damages: [(&str, Damage<'_>); 4] = [
        ("noise", &|bytes| noise(bytes)),
        ("cut", &|bytes| bytes.truncate(bytes.len() / 2)),
        ("noise behind the first page", &|bytes| noise(&mut bytes[4096..])),
        ("empty", &|bytes| bytes.clear()),
    ];
    for (what, damage) in damages {
        let mut bytes = fs::read(&catalog).unwrap();
        damage(&mut bytes);
        fs::write(&catalog, bytes).unwrap();
        let (after, now) = look();
        assert!(after == before, "{what}: the timeline differs");
        assert!(now >= revision, "{what}: the revision went from {revision} to {now}");
        revision = now;
        assert_eq!(home.problems(), [] as [Value; 0], "{what}");
    }
}

/// Goal: a ledger or decisions written by a newer program are left alone, with advice; a newer catalog is
/// derived again, since nothing in it is the only copy.
/// Method: raise the version that SQLite keeps in each file's header (bytes 60 to 64).
#[test]
fn a_newer_database_is_left_alone() {
    let home = small_home();
    for name in ["home.sqlite", "spaces.sqlite"] {
        let path = home.root().join(name);
        let good = fs::read(&path).unwrap();
        let mut newer = good.clone();
        newer[60..64].copy_from_slice(&9_999_u32.to_be_bytes());
        fs::write(&path, &newer).unwrap();
        home.run(&["status"], &[]).refused(&[name, "9999", "update Heirloom"]);
        assert_eq!(fs::read(&path).unwrap()[60..64], newer[60..64], "it was changed");
        fs::write(&path, good).unwrap();
    }
    let path = home.root().join("catalog.sqlite");
    let mut newer = fs::read(&path).unwrap();
    newer[60..64].copy_from_slice(&9_999_u32.to_be_bytes());
    fs::write(&path, newer).unwrap();
    assert_eq!(home.status()["assets"], 3);
    assert_eq!(home.problems(), [] as [Value; 0]);
}
