//! The real disk never overwrites and creates what is missing.

use std::io::ErrorKind;

use heirloom_store::{Disk, RealDisk, SyncedFolders, place_new};

#[test]
fn a_draft_gets_its_name_once() {
    let root = tempfile::tempdir().unwrap();
    let (draft, other) = (root.path().join("a.part"), root.path().join("b.part"));
    let name = root.path().join("2026/2026-07/IMG_1.JPG");
    for (path, bytes) in [(&draft, b"first"), (&other, b"other")] {
        let mut file = RealDisk.create_new(path).unwrap();
        file.write_all(bytes).unwrap();
        file.sync().unwrap();
    }
    place_new(&RealDisk, &SyncedFolders::default(), root.path(), &draft, &name).unwrap();
    let taken = place_new(&RealDisk, &SyncedFolders::default(), root.path(), &other, &name).unwrap_err();
    assert_eq!(taken.kind(), ErrorKind::AlreadyExists);
    assert_eq!(std::fs::read(&name).unwrap(), b"first");
    assert!(other.exists() && !draft.exists());
}

#[test]
fn a_file_is_created_only_where_none_is_and_removing_twice_is_fine() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("x");
    drop(RealDisk.create_new(&path).unwrap());
    assert_eq!(RealDisk.create_new(&path).err().unwrap().kind(), ErrorKind::AlreadyExists);
    RealDisk.remove(&path).unwrap();
    RealDisk.remove(&path).unwrap();
}

#[test]
fn a_large_file_is_what_was_written() {
    let root = tempfile::tempdir().unwrap();
    let memory = tempfile::tempdir_in("/dev/shm");
    let folders = [root.path()].into_iter().chain(memory.as_ref().ok().map(tempfile::TempDir::path));
    for folder in folders {
        for (number, length) in [0, 1, 4095, 4096, 524_288, 524_289, 3_000_000].into_iter().enumerate() {
            let bytes: Vec<u8> = (0..length).map(|place| u8::try_from(place % 251).unwrap()).collect();
            let path = folder.join(number.to_string());
            let mut file = RealDisk.create_large(&path).unwrap();
            for part in bytes.chunks(70_001) {
                file.write_all(part).unwrap();
            }
            file.sync().unwrap();
            assert_eq!(std::fs::read(&path).unwrap(), bytes);
            // It goes on where it was, on a block's border or not.
            file.write_all(&bytes).unwrap();
            file.sync().unwrap();
            assert_eq!(std::fs::read(&path).unwrap(), [&bytes[..], &bytes].concat());
            assert_eq!(RealDisk.create_large(&path).err().unwrap().kind(), ErrorKind::AlreadyExists);
        }
    }
}
