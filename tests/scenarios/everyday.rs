//! What a household does every day: begin, import, look, add people.

use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use heirloom_testkit::photo;

use crate::harness::{self, EMAIL, TestHome, write};

fn summer(folder: &Path) {
    for day in 1..=9 {
        let taken = format!("2024:07:{day:02} 10:00:00");
        write(&folder.join(format!("IMG_{day}.png")), &photo(day, Some(&taken)));
    }
    write(&folder.join("scans/undated.png"), &photo(100, None));
    write(&folder.join("notes.txt"), b"not a photo");
}

/// Goal: `init` answers with what scripts rely on, gives the phrase once, and never harms a home that is there.
/// Method: found a home, look at the answer and the files' permissions, found it again, found one with a
/// phrase file.
#[test]
fn a_household_begins() {
    let home = TestHome::new();
    let phrase = home.founded["phrase"].as_str().unwrap();
    assert_eq!(phrase.split(' ').count(), 24);
    assert_eq!(home.founded["household"].as_str().unwrap().len(), 64);
    assert!(home.founded["node"].is_string() && home.founded["account"].is_string());
    let mode = |name: &str| fs::metadata(home.root().join(name)).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode("keys.toml"), mode("")), (0o600, 0o700));
    let kept = harness::files_below(home.root()).into_iter().map(|path| fs::read(path).unwrap());
    assert!(
        !kept.into_iter().any(|bytes| contains(&bytes, phrase.as_bytes())),
        "the phrase is kept somewhere"
    );

    let found = |name: &str, rest: &[&str]| {
        let (root, password) = (home.beside(name), home.beside("password"));
        let words = ["init", "--json", "--name", "Again", "--account", EMAIL, "--home"];
        let paths = [root.as_os_str(), "--password-file".as_ref(), password.as_os_str()];
        let rest = rest.iter().map(std::ffi::OsStr::new);
        harness::run(words.iter().map(std::ffi::OsStr::new).chain(paths).chain(rest))
    };
    found("home", &[]).refused(&["already a home"]);
    assert_eq!(home.status()["name"], "The Smiths");
    let sheet = home.beside("phrase.txt");
    let second = found("second", &["--phrase-file", sheet.to_str().unwrap()]);
    assert!(second.ok && second.line()["phrase"].is_null(), "{}", second.stderr);
    assert_eq!(fs::read_to_string(&sheet).unwrap().split_whitespace().count(), 24);
    assert_eq!(fs::metadata(&sheet).unwrap().permissions().mode() & 0o777, 0o600);
    found("third", &["--phrase-file", sheet.to_str().unwrap()]).refused(&["exists", "new file"]);
    assert!(!home.beside("third").exists(), "a home was made although its phrase has no place");
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

/// Goal: accounts are added, listed, changed and given keys, with the node down and up.
/// Method: each verb once with the node down, then over the socket; what they give is tried at the sign-in.
#[test]
fn people_sign_in() {
    let home = TestHome::new();
    let password = write(&home.beside("bob"), b"another horse");
    let password = password.as_os_str();
    let add =
        |email: &str| home.run(&["account", "add"], &[email.as_ref(), "--password-file".as_ref(), password]);
    let bob = add("bob@example.org");
    assert_eq!((bob.line()["name"].as_str(), bob.line()["folder"].as_str()), (Some("Bob"), Some("bob")));
    add("BOB@example.org").refused(&["already has an account", "reset-password"]);
    let served = home.serve();
    assert_eq!(fs::metadata(home.root().join("control.sock")).unwrap().permissions().mode() & 0o777, 0o600);
    add("bob@elsewhere.org").line();
    let people = home.must(&["account", "list"], &[]);
    let folders: Vec<_> = people.iter().map(|person| person["folder"].as_str().unwrap()).collect();
    assert_eq!(folders.len(), 3);
    assert!(folders.contains(&"anna") && folders.contains(&"bob"), "{folders:?}");

    let mut client = served.client();
    assert_eq!(client.sign_in("bob@example.org", "wrong horse 123").unwrap().status, 401);
    assert_eq!(client.get("/api/users/me").unwrap().status, 401);
    assert_eq!(client.sign_in("Bob@Example.org", "another horse").unwrap().status, 201);
    assert_eq!(client.get("/api/users/me").unwrap().json()["email"], "bob@example.org");
    let new = write(&home.beside("new"), b"yet another horse");
    home.must(
        &["account", "reset-password"],
        &["bob@example.org".as_ref(), "--password-file".as_ref(), new.as_os_str()],
    );
    assert_eq!(client.get("/api/users/me").unwrap().status, 401, "a new password ends every session");
    let keyed = harness::Client::with_key(served.address, &home.key());
    assert_eq!(keyed.get("/api/users/me").unwrap().json()["email"], EMAIL);
    home.run(&["account", "api-key"], &["nobody@example.org".as_ref()])
        .refused(&["nobody@example.org", "list"]);
    served.stop();
    assert!(!home.root().join("control.sock").exists());
}

/// Goal: an import keeps every photo under a readable name, skips what is none, and says so line by line;
/// with the node up the same happens through it, and its timeline shows the photos.
/// Method: one folder with the node down, a second one with it up; compare files, lines, `status` and the API.
#[test]
fn photos_arrive_with_the_node_down_and_up() {
    let home = TestHome::new();
    let (first, second) = (home.beside("first"), home.beside("second"));
    summer(&first);
    let imported = home.import(&first);
    assert_eq!(imported.counts(), [10, 0, 1, 0]);
    assert_eq!(imported.file("notes.txt")["outcome"], "skipped");
    let kept = home.originals();
    assert!(kept.contains(&("2024/2024-07/IMG_3.png".to_owned(), photo(3, Some("2024:07:03 10:00:00")))));
    assert!(kept.contains(&("undated/undated.png".to_owned(), photo(100, None))));
    assert!(first.join("IMG_1.png").exists(), "an import leaves the folder as it is");

    let served = home.serve();
    write(&second.join("IMG_1.png"), &photo(201, Some("2023:01:01 10:00:00")));
    write(&second.join("again.png"), &photo(3, Some("2024:07:03 10:00:00")));
    let imported = home.import(&second);
    assert_eq!(imported.counts(), [1, 1, 0, 0]);
    let status = home.status();
    assert_eq!((status["assets"].as_u64(), status["accounts"].as_u64()), (Some(11), Some(1)));
    assert_eq!(status["jobs"], serde_json::json!({"waiting": 0, "running": 0, "failed": 0}));
    assert_eq!(status["household"], home.founded["household"]);
    let client = harness::Client::with_key(served.address, &home.key());
    assert_eq!(client.get("/api/assets/statistics").unwrap().json()["total"], 11);
    let asset = imported.file("IMG_1.png")["asset"].as_str().unwrap();
    let original = client.get(&format!("/api/assets/{asset}/original")).unwrap();
    assert_eq!(original.body, photo(201, Some("2023:01:01 10:00:00")));
    let thumbnail = client.get(&format!("/api/assets/{asset}/thumbnail")).unwrap();
    assert_eq!((thumbnail.status, &thumbnail.body[..4]), (200, &b"RIFF"[..]));
    served.stop();
    assert_eq!(home.problems(), [] as [serde_json::Value; 0]);
}

/// Goal: a second import of a folder opens no file whose size and time are known, and adds nothing.
/// Method: between the two imports every file gets other bytes, all of them new photos, with the old size and
/// time: whoever opened one would add it. Then one file gets a new time, and only that one is read.
#[test]
fn a_second_import_opens_no_file() {
    let home = TestHome::new();
    let source = home.beside("source");
    summer(&source);
    home.import(&source);
    for path in harness::files_below(&source) {
        if path.extension().is_some_and(|ending| ending == "png") {
            swap_bytes(&path);
        }
    }
    let again = home.import(&source);
    assert_eq!(again.counts(), [0, 10, 1, 0]);
    assert!(again.file("IMG_1.png")["reason"].as_str().unwrap().contains("not opened"));
    assert!(again.file("IMG_1.png")["asset"].is_string());
    let served = home.serve();
    assert_eq!(home.import(&source).counts(), [0, 10, 1, 0], "with the node up");
    served.stop();
    assert_eq!(home.status()["assets"], 10);

    let touched = File::options().write(true).open(source.join("IMG_4.png")).unwrap();
    touched.set_modified(std::time::SystemTime::UNIX_EPOCH).unwrap();
    let third = home.import(&source);
    assert_eq!((third.counts(), &third.file("IMG_4.png")["outcome"]), ([1, 9, 1, 0], &"added".into()));
}

/// Gives a photo other pixels, with the same size and time.
fn swap_bytes(path: &Path) {
    let (before, meta) = (fs::read(path).unwrap(), fs::metadata(path).unwrap());
    let dated = before.windows(4).any(|window| window == b"eXIf");
    let other = photo(
        before.iter().map(|byte| u32::from(*byte)).sum::<u32>() + 1000,
        dated.then_some("2020:01:01 00:00:00"),
    );
    assert_eq!(other.len(), before.len());
    fs::write(path, &other).unwrap();
    File::options().write(true).open(path).unwrap().set_modified(meta.modified().unwrap()).unwrap();
}

/// Goal: two people of a household may own the same photo; it is stored once, and is each one's own.
/// Method: import one folder for both, look at the files and at both timelines.
#[test]
fn two_people_own_the_same_photo() {
    let home = TestHome::new();
    let password = write(&home.beside("bob"), b"another horse");
    home.must(
        &["account", "add"],
        &["bob@example.org".as_ref(), "--password-file".as_ref(), password.as_os_str()],
    );
    let source = home.beside("source");
    write(&source.join("one.png"), &photo(1, None));
    let for_bob = ["--account".as_ref(), "bob@example.org".as_ref(), source.as_os_str()];
    let annas = home.import(&source).file("one.png")["asset"].clone();
    let bobs = home.must(&["import"], &for_bob).remove(0);
    assert_eq!(bobs["outcome"], "added");
    assert_ne!(bobs["asset"], annas);
    assert_eq!(home.library_files().len(), 1);
    assert_eq!(
        (&home.status()["assets"], &home.status()["bytes"]),
        (&2.into(), &photo(1, None).len().into())
    );
    let served = home.serve();
    let client = harness::Client::with_key(served.address, &home.key());
    assert_eq!(client.get(&format!("/api/assets/{}", annas.as_str().unwrap())).unwrap().status, 200);
    let foreign = client.get(&format!("/api/assets/{}/original", bobs["asset"].as_str().unwrap())).unwrap();
    assert!((400..500).contains(&foreign.status), "{}", foreign.head);
    served.stop();
}
