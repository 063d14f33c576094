//! Looking after a home: doctor, rebuild, export.

use std::fs;

use heirloom_testkit::photo;
use serde_json::{Value, json};

use crate::harness::{Client, Served, TestHome, files_below, without_revisions, write};

/// What a page sees of a timeline, without the revisions.
fn seen(home: &TestHome, served: &Served) -> (Vec<u8>, Vec<Value>) {
    let client = Client::with_key(served.address, &home.key());
    let skeleton = client.get("/api/timeline/all/skeleton").unwrap().body;
    let columns = ["2024-05", "2024-06"].map(|month| {
        let answer = client.get(&format!("/api/timeline/all/columns/{month}?hash=1")).unwrap();
        assert_eq!(answer.status, 200, "{}", answer.head);
        let mut columns = answer.json();
        columns.as_object_mut().unwrap().remove("rev");
        columns
    });
    (without_revisions(&skeleton), columns.to_vec())
}

fn a_home_with_decisions() -> TestHome {
    let home = TestHome::new();
    let source = home.beside("source");
    for n in 1..=8 {
        let taken = format!("2024:0{}:0{n} 10:00:00", 5 + n % 2);
        write(&source.join(format!("{n}.png")), &photo(n, Some(&taken)));
    }
    write(&source.join("broken.png"), &photo(90, None)[..60]);
    let imported = home.import(&source);
    let served = home.serve();
    let client = Client::with_key(served.address, &home.key());
    let change = |name: &str, change: Value| {
        let asset = imported.file(name)["asset"].as_str().unwrap().to_owned();
        let answer = client.send_json("PUT", &format!("/api/assets/{asset}"), &change).unwrap();
        assert_eq!(answer.status, 200, "{}", String::from_utf8_lossy(&answer.body));
    };
    change("/1.png", json!({"isFavorite": true, "description": "Oma & <Opa>"}));
    change("/2.png", json!({"rating": 4, "latitude": 47.5, "longitude": 8.5}));
    change("/3.png", json!({"dateTimeOriginal": "2024-05-20T08:00:00.000Z"}));
    served.stop();
    home
}

/// Goal: the catalog and the thumbnails can be thrown away; the same timeline comes back.
/// Method: read skeleton and columns; rebuild with the node up, rebuild with it down, delete catalog and cache
/// behind its back; compare every time.
#[test]
fn a_rebuild_gives_the_same_timeline() {
    let home = a_home_with_decisions();
    let served = home.serve();
    let before = seen(&home, &served);
    let rebuilt = home.must(&["rebuild"], &[]);
    assert_eq!(rebuilt.last().unwrap(), &json!({"done": true, "assets": 9, "failed": 1}));
    assert_eq!(seen(&home, &served), before, "with the node up");
    served.stop();
    home.must(&["rebuild"], &[]);
    let served = home.serve();
    assert_eq!(seen(&home, &served), before, "with the node down");
    served.stop();

    for name in ["catalog.sqlite", "catalog.sqlite-wal", "catalog.sqlite-shm"] {
        drop(fs::remove_file(home.root().join(name)));
    }
    fs::remove_dir_all(home.root().join("cache")).unwrap();
    fs::create_dir(home.root().join("cache")).unwrap();
    let served = home.serve();
    // An import of nothing ends when every thumbnail is made.
    fs::create_dir(home.beside("nothing")).unwrap();
    home.import(&home.beside("nothing"));
    assert_eq!(seen(&home, &served), before, "after catalog and cache were deleted");
    served.stop();
}

/// Goal: an export holds every original byte for byte and what people decided beside it; a second one copies
/// nothing; a damaged original is named and the rest still comes out.
/// Method: export, compare every file, read a sidecar; export again; damage one original and export elsewhere.
#[test]
fn an_export_is_readable_without_the_program() {
    let home = a_home_with_decisions();
    let to = home.beside("export");
    let lines = home.must(&["export"], &["--to".as_ref(), to.as_os_str()]);
    assert_eq!(lines.last().unwrap()["copied"], 9);
    let originals = home.originals();
    for (name, bytes) in &originals {
        assert_eq!(&fs::read(to.join("anna").join(name)).unwrap(), bytes, "{name}");
        assert!(to.join("anna").join(format!("{name}.xmp")).is_file(), "{name} has no sidecar");
    }
    assert_eq!(files_below(&to).len(), 2 * originals.len());
    let sidecar = fs::read_to_string(to.join("anna/2024/2024-06/1.png.xmp")).unwrap();
    assert!(sidecar.contains("Oma &amp; &lt;Opa&gt;") && sidecar.contains("Favourite"), "{sidecar}");
    let again = home.must(&["export"], &["--to".as_ref(), to.as_os_str()]);
    assert_eq!((&again.last().unwrap()["copied"], &again.last().unwrap()["there"]), (&0.into(), &9.into()));
    home.run(&["export"], &["--to".as_ref(), home.root().join("inside").as_os_str()]).refused(&["outside"]);

    let damaged = home.root().join("library/anna/2024/2024-06/5.png");
    let mut bytes = fs::read(&damaged).unwrap();
    bytes[40] ^= 1;
    fs::write(&damaged, bytes).unwrap();
    let elsewhere = home.beside("elsewhere");
    let output = home.run(&["export"], &["--to".as_ref(), elsewhere.as_os_str()]);
    output.refused(&["1 originals could not be exported", "doctor"]);
    assert_eq!(files_below(&elsewhere).len(), 2 * 8, "the others came out, and nothing of the damaged one");
}

/// Goal: the doctor finds each kind of trouble with an original, says what to do, and changes nothing.
/// Method: bend a byte, cut, remove, and add files in the library behind the program's back.
#[test]
fn the_doctor_names_what_is_wrong() {
    let home = a_home_with_decisions();
    let kinds = |home: &TestHome| {
        let mut kinds: Vec<_> =
            home.problems().iter().map(|problem| problem["kind"].as_str().unwrap().to_owned()).collect();
        kinds.sort();
        kinds
    };
    assert_eq!(kinds(&home), ["set-aside"], "the broken photo is known from the start");
    let library = home.root().join("library/anna/2024");
    let bent = library.join("2024-06/1.png");
    let mut bytes = fs::read(&bent).unwrap();
    bytes[50] ^= 1;
    fs::write(&bent, bytes).unwrap();
    fs::write(library.join("2024-06/3.png"), b"short").unwrap();
    fs::remove_file(library.join("2024-06/5.png")).unwrap();
    write(&library.join("stranger.png"), &photo(77, None));
    assert_eq!(kinds(&home), ["changed", "changed", "missing", "set-aside", "unknown-file"]);
    assert!(
        home.problems()
            .iter()
            .all(|problem| problem["advice"].as_str().is_some_and(|advice| advice.len() > 10))
    );
    assert_eq!(
        kinds(&home),
        ["changed", "changed", "missing", "set-aside", "unknown-file"],
        "looking changes nothing"
    );
}
