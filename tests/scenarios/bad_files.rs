//! Files that are not what they seem, or not there when they are wanted: each is named with its reason, the
//! original is kept where there is one, and every other file arrives.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::path::Path;

use heirloom_testkit::photo;
use serde_json::Value;

use crate::harness::{Client, Imported, TestHome, bomb_png, huge_jpeg, write};

/// A home, and a folder with a good photo before and after (in the order of names) what the test puts there.
fn with_neighbours() -> (TestHome, std::path::PathBuf) {
    let home = TestHome::new();
    let source = home.beside("source");
    write(&source.join("a_before.png"), &photo(1001, None));
    write(&source.join("z_after.png"), &photo(1002, None));
    (home, source)
}

/// The neighbours of a bad file arrived.
#[track_caller]
fn rest_went_on(imported: &Imported) {
    assert_eq!(imported.file("a_before.png")["outcome"], "added");
    assert_eq!(imported.file("z_after.png")["outcome"], "added");
}

#[track_caller]
fn reason(line: &Value, outcome: &str, says: &[&str]) {
    assert_eq!(line["outcome"], outcome, "{line}");
    let reason = line["reason"].as_str().unwrap();
    for word in says {
        assert!(reason.to_lowercase().contains(word), "{word:?} is missing in {reason:?}");
    }
}

/// The only file that the doctor knows as set aside, with its reason.
#[track_caller]
fn set_aside(home: &TestHome) -> String {
    let problems = home.problems();
    assert_eq!(problems.len(), 1, "{problems:?}");
    assert_eq!(problems[0]["kind"], "set-aside");
    problems[0]["advice"].as_str().unwrap().to_owned()
}

/// Goal: a photo that was cut off is kept, because it may be the only copy, and is set aside with its reason.
/// Method: half a photo between two good ones; import, doctor, compare bytes.
#[test]
fn a_truncated_photo_is_kept_and_set_aside() {
    let (home, source) = with_neighbours();
    let half = &photo(1, Some("2024:05:01 10:00:00"))[..120];
    write(&source.join("half.png"), half);
    let imported = home.import(&source);
    rest_went_on(&imported);
    assert_eq!(imported.file("half.png")["outcome"], "added");
    assert!(home.originals().iter().any(|(_, bytes)| bytes == half));
    let reason = set_aside(&home);
    assert!(reason.contains("ends too early") && reason.contains("copy it again"), "{reason}");
    assert_eq!(home.import(&source).counts(), [0, 3, 0, 0], "it is not tried again at every import");
}

/// Goal: an empty file is refused with words that help.
/// Method: a file of no bytes with a photo's name.
#[test]
fn an_empty_file_is_refused() {
    let (home, source) = with_neighbours();
    write(&source.join("empty.jpg"), b"");
    let imported = home.import(&source);
    rest_went_on(&imported);
    reason(imported.file("empty.jpg"), "failed", &["empty", "copy it again"]);
    assert_eq!(home.problems(), [] as [Value; 0]);
}

/// Goal: the content decides, not the name: a PNG called `.jpg` is kept and shown, text called `.jpg` is
/// refused, and the photo keeps the name it came with.
/// Method: both between two good photos; the thumbnail of the first is fetched.
#[test]
fn a_wrong_extension_deceives_nobody() {
    let (home, source) = with_neighbours();
    write(&source.join("really_png.jpg"), &photo(2, None));
    write(&source.join("text.jpg"), b"Dear diary, this is no photo at all.");
    let imported = home.import(&source);
    rest_went_on(&imported);
    reason(imported.file("text.jpg"), "failed", &["not a picture"]);
    let asset = imported.file("really_png.jpg")["asset"].as_str().unwrap();
    assert!(home.originals().iter().any(|(name, _)| name == "undated/really_png.jpg"));
    let served = home.serve();
    let client = Client::with_key(served.address, &home.key());
    assert_eq!(client.get(&format!("/api/assets/{asset}/thumbnail")).unwrap().status, 200);
    assert_eq!(client.get(&format!("/api/assets/{asset}")).unwrap().json()["originalMimeType"], "image/png");
    served.stop();
    assert_eq!(home.problems(), [] as [Value; 0]);
}

/// Goal: a photo of 200 megapixels, as phones make them, is kept and shown.
/// Method: a real JPEG of 20,000 × 10,000 pixels that takes 0.8 MB; its preview has to come.
#[test]
fn two_hundred_megapixels_are_shown() {
    let (home, source) = with_neighbours();
    write(&source.join("huge.jpg"), &huge_jpeg(20_000, 10_000));
    let imported = home.import(&source);
    rest_went_on(&imported);
    let asset = imported.file("huge.jpg")["asset"].as_str().unwrap();
    assert_eq!(home.problems(), [] as [Value; 0]);
    let served = home.serve();
    let client = Client::with_key(served.address, &home.key());
    let preview = client.get(&format!("/api/assets/{asset}/thumbnail?size=preview")).unwrap();
    assert_eq!((preview.status, &preview.body[..2]), (200, &[0xFF, 0xD8][..]));
    served.stop();
}

/// Goal: a picture that would burst the memory is kept as a file, set aside with its reason, and the node
/// lives on, also after a restart.
/// Method: a PNG whose header claims 3,600 megapixels, imported through a serving node.
#[test]
fn a_decompression_bomb_is_set_aside() {
    let (home, source) = with_neighbours();
    let bomb = bomb_png();
    write(&source.join("bomb.png"), &bomb);
    let served = home.serve();
    let imported = home.import(&source);
    rest_went_on(&imported);
    assert_eq!(imported.file("bomb.png")["outcome"], "added");
    let reason = set_aside(&home);
    assert!(reason.contains("3600 megapixels") && reason.contains("limit"), "{reason}");
    let client = Client::with_key(served.address, &home.key());
    let problems = client.get("/api/problems").unwrap().json();
    assert_eq!(problems[0]["name"], "bomb.png", "{problems}");
    assert!(home.originals().iter().any(|(_, bytes)| *bytes == bomb));
    served.stop();
    home.serve().stop();
}

/// Goal: what cannot be opened or read is named, and the rest goes on.
/// Method: a link to nothing, a file on which every read fails (the memory of a process, at address 0, which
/// fails for root too), a folder that is a link to itself.
#[test]
fn unreadable_files_are_named() {
    let (home, source) = with_neighbours();
    symlink("/nowhere/at/all.jpg", source.join("dangling.jpg")).unwrap();
    symlink("/proc/self/mem", source.join("mem.jpg")).unwrap();
    symlink("circle.jpg", source.join("circle.jpg")).unwrap();
    let imported = home.import(&source);
    rest_went_on(&imported);
    reason(imported.file("dangling.jpg"), "failed", &["cannot be read", "no such file"]);
    reason(imported.file("mem.jpg"), "failed", &["cannot read"]);
    reason(imported.file("circle.jpg"), "failed", &["cannot be read", "symbolic link"]);
    let missing = home.import(&home.beside("no such folder"));
    assert_eq!(missing.counts(), [0, 0, 0, 1]);
    reason(&missing.files[0], "failed", &["no such file"]);
    assert_eq!(home.problems(), [] as [Value; 0]);
}

/// Goal: folders that are linked in a circle are walked once, and the import ends.
/// Method: a folder with links to itself, to its parent, and to a neighbour that links back.
#[test]
fn a_symlink_loop_is_walked_once() {
    let (home, source) = with_neighbours();
    write(&source.join("one/inner.png"), &photo(3, None));
    symlink(&source, source.join("one/up")).unwrap();
    symlink(".", source.join("one/self")).unwrap();
    symlink("../one", source.join("one/again")).unwrap();
    let imported = home.import(&source);
    rest_went_on(&imported);
    assert_eq!(imported.counts(), [3, 0, 0, 0], "{:?}", imported.files);
}

/// Goal: a name that is no UTF-8 is imported, stored under a readable name, and known again.
/// Method: Latin-1 names, two of which become the same readable one; import twice.
#[test]
fn a_name_that_is_not_utf8_is_kept() {
    let (home, source) = with_neighbours();
    for (name, seed) in [(&b"h\xfctte.png"[..], 4), (b"h\xe4tte.png", 5)] {
        write(&source.join(OsStr::from_bytes(name)), &photo(seed, None));
    }
    let imported = home.import(&source);
    rest_went_on(&imported);
    assert_eq!(imported.counts(), [4, 0, 0, 0]);
    let names: Vec<_> = home.originals().into_iter().map(|(name, _)| name).collect();
    assert!(names.contains(&"undated/h_tte.png".to_owned()), "{names:?}");
    assert!(names.contains(&"undated/h_tte_1.png".to_owned()), "{names:?}");
    assert_eq!(home.import(&source).counts(), [0, 4, 0, 0]);
    assert_eq!(home.problems(), [] as [Value; 0]);
}

/// Goal: names that differ by case alone are both kept under names that no file system confuses.
/// Method: three twins with different bytes, and one with the same bytes.
#[test]
fn case_only_twins_are_both_kept() {
    let (home, source) = with_neighbours();
    for (name, seed) in [("IMG.png", 6), ("img.png", 7), ("sub/Img.PNG", 8), ("sub/copy.png", 6)] {
        write(&source.join(name), &photo(seed, None));
    }
    let imported = home.import(&source);
    rest_went_on(&imported);
    assert_eq!(imported.counts(), [5, 1, 0, 0]);
    let kept = home.originals();
    for seed in [6, 7, 8] {
        assert_eq!(kept.iter().filter(|(_, bytes)| *bytes == photo(seed, None)).count(), 1);
    }
    let folded: std::collections::BTreeSet<_> = kept.iter().map(|(name, _)| name.to_lowercase()).collect();
    assert_eq!(folded.len(), kept.len(), "{folded:?}");
}

/// Goal: a home's own library is never imported into itself.
/// Method: import the folder that holds the home.
#[test]
fn the_library_is_not_imported_into_itself() {
    let (home, source) = with_neighbours();
    home.import(&source);
    let around: &Path = home.root().parent().unwrap();
    let imported = home.import(around);
    assert_eq!(imported.counts()[0], 0, "{:?}", imported.files);
    assert_eq!(home.library_files().len(), 2);
}
