//! A disk that fills up in the middle of an import or of uploads: a clear word, nothing acknowledged lost,
//! and on it goes once there is room. Where this user may not mount a small disk, the same is tried in one
//! process by `node/tests/safety/troubled_disk.rs`.

use std::fs;
use std::path::Path;

use heirloom_testkit::photo;
use serde_json::Value;

use crate::harness::{Client, SmallDisk, TestHome, files_below, padded_photo, write};

const PHOTOS: u32 = 40;
const PADDING: usize = 300_000;

fn source(home: &TestHome) -> std::path::PathBuf {
    for n in 0..PHOTOS {
        write(&home.beside("source").join(format!("{n:02}.png")), &padded_photo(n, None, PADDING));
    }
    home.beside("source")
}

fn small_disk(folder: &Path) -> Option<(SmallDisk, std::path::PathBuf)> {
    let place = folder.join("disk");
    fs::create_dir(&place).unwrap();
    Some((SmallDisk::mount(&place, 8)?, place.join("home")))
}

/// Every photo under a final name is whole.
#[track_caller]
fn all_whole(home: &TestHome) {
    for (name, bytes) in home.originals() {
        let n: u32 = name.trim_start_matches("undated/").trim_end_matches(".png").parse().unwrap_or(u32::MAX);
        assert!(bytes == padded_photo(n, None, PADDING), "{name} is not one of the photos");
    }
}

/// Goal: an import that fills the disk ends with a clear error; what it acknowledged is whole; once there is
/// room the same command finishes the work.
/// Method: 12 MB of photos into a disk of 8 MB; then the disk grows.
#[test]
fn an_import_that_fills_the_disk_goes_on_later() {
    let folder = tempfile::tempdir().unwrap();
    let Some((disk, root)) = small_disk(folder.path()) else { return };
    let home = TestHome::at(folder, root);
    let source = source(&home);
    let output = home.run(&["import"], &[source.as_os_str()]);
    output.refused(&["the disk is full", "free some space"]);
    let lines = || output.lines.iter();
    let added: Vec<&Value> = lines().filter(|line| line["outcome"] == "added").collect();
    let summary = lines().find(|line| line["done"] == true).unwrap();
    assert_eq!(summary["added"].as_u64().unwrap(), u64::try_from(added.len()).unwrap());
    assert!(added.len() > 5 && summary["stopped"].as_str().unwrap().contains("full"), "{summary}");
    assert!(summary["failed"].as_u64().unwrap() < 5, "no use in trying every file: {summary}");
    all_whole(&home);

    disk.remount("size=64m");
    for line in &added {
        let name = format!("undated/{}", line["path"].as_str().unwrap().rsplit('/').next().unwrap());
        assert!(
            home.originals().iter().any(|(kept, _)| *kept == name),
            "{name} was acknowledged and is gone"
        );
    }
    let again = home.import(&source);
    assert_eq!(again.counts()[3], 0, "{}", again.summary);
    assert!(again.counts()[1] >= u64::try_from(added.len()).unwrap(), "{}", again.summary);
    assert_eq!((home.originals().len(), &home.status()["assets"]), (40, &PHOTOS.into()));
    all_whole(&home);
    assert_eq!(home.problems(), [] as [Value; 0]);
    assert_eq!(files_below(&home.root().join("inbox")).len(), 0);
    drop(disk);
}

/// Goal: uploads to a full disk are answered with 507 and words, the node goes on serving what it has, and
/// takes more once there is room.
/// Method: upload until refused; read everything back; the disk grows; upload the rest.
#[test]
fn uploads_to_a_full_disk_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let Some((disk, root)) = small_disk(folder.path()) else { return };
    let home = TestHome::at(folder, root);
    let served = home.serve();
    let client = Client::with_key(served.address, &home.key());
    let upload = |n: u32| client.upload(&format!("{n:02}.png"), &padded_photo(n, None, PADDING)).unwrap();
    let mut kept = Vec::new();
    let refused = loop {
        let n = u32::try_from(kept.len()).unwrap();
        assert!(n < PHOTOS, "the disk never filled up");
        let answer = upload(n);
        if answer.status != 201 {
            break answer;
        }
        kept.push(answer.json()["id"].as_str().unwrap().to_owned());
    };
    assert_eq!(refused.status, 507, "{}", refused.head);
    let words = refused.json().to_string();
    assert!(words.contains("full") && words.contains("space"), "{words}");
    assert!(kept.len() > 5);
    for (id, n) in kept.iter().zip(0..) {
        let original = client.get(&format!("/api/assets/{id}/original")).unwrap();
        assert!(original.status == 200 && original.body == padded_photo(n, None, PADDING), "{n}");
    }
    all_whole(&home);
    disk.remount("size=64m");
    for n in u32::try_from(kept.len()).unwrap()..PHOTOS {
        let answer = upload(n);
        assert_eq!(answer.status, 201, "{}", String::from_utf8_lossy(&answer.body));
    }
    assert_eq!(client.upload("small.png", &photo(999, None)).unwrap().status, 201);
    served.stop();
    assert_eq!(home.status()["assets"], PHOTOS + 1);
    assert_eq!(home.problems(), [] as [Value; 0]);
    assert_eq!(files_below(&home.root().join("inbox")).len(), 0);
    drop(disk);
}
