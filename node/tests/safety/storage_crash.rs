//! The power goes at every step of an import and of an upload, on a disk that keeps only what was synced.
//!
//! `kill -9` leaves the page cache alone, so it says nothing about fsync; this does. The databases are real
//! files and keep every commit: the harder case, since a row without its file is a photo lost.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;

use heirloom::home::Home;
use heirloom::ingest::draft::Writing;
use heirloom::ingest::{Incoming, keep_draft};
use heirloom::ledger::assets::Origin;
use heirloom_identity::AssetId;
use heirloom_store::{Disk, DraftFile};
use heirloom_testkit::{CrashDisk, photo};

use crate::homes::{self, Scratch, anna, problems};

/// What the node said is safe.
type Acknowledged = BTreeMap<AssetId, Vec<u8>>;

/// Photos whose names and contents meet in every way: the same name in two folders, names that differ by
/// case, the same bytes twice, two months, none.
fn arrivals() -> Vec<(&'static str, Vec<u8>)> {
    let (may, june) = (Some("2024:05:01 10:00:00"), Some("2024:06:01 10:00:00"));
    vec![
        ("a/IMG.png", photo(1, may)),
        ("a/copy.png", photo(1, may)),
        ("a/img.png", photo(2, may)),
        ("b/IMG.png", photo(3, may)),
        ("b/june.png", photo(4, june)),
        ("b/scan.png", photo(5, None)),
    ]
}

/// How many different photos those are.
const CONTENTS: usize = 5;

/// One way in: gives the photos to the home and says which of them were acknowledged.
type WayIn = fn(&Arc<Home>, &Path) -> Acknowledged;

fn by_import(home: &Arc<Home>, source: &Path) -> Acknowledged {
    let (lines, _) = homes::import(home, source);
    let safe = lines.into_iter().filter_map(|line| Some((line.asset?, std::fs::read(line.path).unwrap())));
    safe.collect()
}

fn by_upload(home: &Arc<Home>, _: &Path) -> Acknowledged {
    let upload = |(name, bytes): (&str, Vec<u8>)| {
        let mut writing = Writing::start(&home.disk, &home.layout.inbox()).ok()?;
        let (first, second) = bytes.split_at(bytes.len() / 2);
        writing.write(first).ok()?;
        writing.write(second).ok()?;
        let given_name = name.rsplit('/').next().unwrap().to_owned();
        let incoming = Incoming {
            account: anna(home),
            given_name,
            modified_ms: 5,
            origin: Origin::Upload,
            source: None,
        };
        let kept = keep_draft(home, incoming, writing.finish().ok()?).ok()?;
        Some((kept.entry().asset, bytes))
    };
    arrivals().into_iter().filter_map(upload).collect()
}

/// Goal: whenever the power goes, every acknowledged photo is there with its bytes, nothing partial lies under
/// a final name, the doctor is content, and the same photos can be given again.
/// Method: count the steps of an undisturbed run, then cut the power at each of them.
fn cut_at_every_step(way_in: WayIn, seed: u64) {
    let undisturbed = CrashDisk::steady();
    let all = run(way_in, &undisturbed, seed);
    assert_eq!(all, CONTENTS);
    let mut acknowledged = Vec::new();
    for step in 0..=undisturbed.steps() {
        acknowledged.push(run(way_in, &CrashDisk::new(step), seed.wrapping_add(step << 8)));
    }
    assert!(acknowledged.is_sorted(), "a later crash keeps at least as much: {acknowledged:?}");
    assert_eq!((acknowledged.first(), acknowledged.last()), (Some(&0), Some(&CONTENTS)));
}

/// One life with one power cut; returns how many photos were acknowledged before it.
fn run(way_in: WayIn, disk: &CrashDisk, seed: u64) -> usize {
    let scratch = Scratch::new();
    let source = scratch.beside("source");
    for (name, bytes) in arrivals() {
        homes::write(&source.join(name), &bytes);
    }
    // A home that the power left before it was open acknowledged nothing.
    let opened = scratch.try_open_on(Arc::new(disk.clone()) as Arc<dyn Disk>);
    let acknowledged = opened.map_or_else(|_| Acknowledged::new(), |home| way_in(&home, &source));
    disk.lose_power(seed).unwrap();
    let home = scratch.recover();
    check(&scratch, &home, &acknowledged);
    let again = way_in(&home, &source);
    assert_eq!(again.len(), CONTENTS, "not everything arrives after the crash");
    check(&scratch, &home, &again);
    assert_eq!(home.ledger.totals().unwrap().0, u64::try_from(CONTENTS).unwrap());
    assert_eq!(scratch.originals().len(), CONTENTS, "each content lies there once");
    home.close();
    acknowledged.len()
}

/// Everything that was promised is there, and nothing else.
fn check(scratch: &Scratch, home: &Arc<Home>, acknowledged: &Acknowledged) {
    for (asset, bytes) in acknowledged {
        let entry = home.ledger.entry(asset).unwrap().expect("an acknowledged photo is gone from the ledger");
        let original = std::fs::read(home.layout.original(&entry.file.path));
        assert_eq!(&original.expect("an acknowledged photo is gone from the library"), bytes);
    }
    let whole: Vec<_> = arrivals().into_iter().map(|(_, bytes)| bytes).collect();
    for (path, bytes) in scratch.originals() {
        assert!(whole.contains(&bytes), "{} is not whole", path.display());
    }
    assert_eq!(problems(home), []);
    assert_eq!(std::fs::read_dir(home.layout.inbox()).unwrap().count(), 0, "drafts are left in the inbox");
}

/// See [`cut_at_every_step`].
#[test]
fn an_import_survives_a_power_cut_1() {
    [1, 4].into_iter().for_each(|seed| cut_at_every_step(by_import, seed));
}

/// See [`cut_at_every_step`].
#[test]
fn an_import_survives_a_power_cut_2() {
    [2, 5].into_iter().for_each(|seed| cut_at_every_step(by_import, seed));
}

/// See [`cut_at_every_step`].
#[test]
fn an_import_survives_a_power_cut_3() {
    [3, 6].into_iter().for_each(|seed| cut_at_every_step(by_import, seed));
}

/// See [`cut_at_every_step`].
#[test]
fn an_upload_survives_a_power_cut_1() {
    [1, 4].into_iter().for_each(|seed| cut_at_every_step(by_upload, seed));
}

/// See [`cut_at_every_step`].
#[test]
fn an_upload_survives_a_power_cut_2() {
    [2, 5].into_iter().for_each(|seed| cut_at_every_step(by_upload, seed));
}

/// See [`cut_at_every_step`].
#[test]
fn an_upload_survives_a_power_cut_3() {
    [3, 6].into_iter().for_each(|seed| cut_at_every_step(by_upload, seed));
}

/// Goal: power cuts that follow each other add up to nothing worse than one.
/// Method: lives that end early, one after the other, on the same home, until the import is complete.
#[test]
fn power_cuts_may_follow_each_other() {
    for seed in 1..=8_u64 {
        let scratch = Scratch::new();
        let source = scratch.beside("source");
        for (name, bytes) in arrivals() {
            homes::write(&source.join(name), &bytes);
        }
        let mut acknowledged = Acknowledged::new();
        for life in 0..6 {
            let disk = CrashDisk::new(3 + (seed * 7 + life * 5) % 12);
            let home = scratch.open_on(Arc::new(disk.clone()) as Arc<dyn Disk>);
            if home.was_unclean {
                heirloom::home::reconcile::adopt_orphans(&home).unwrap();
            }
            acknowledged.extend(if life % 2 == 0 {
                by_import(&home, &source)
            } else {
                by_upload(&home, &source)
            });
            drop(home);
            disk.lose_power(seed ^ life).unwrap();
        }
        let home = scratch.recover();
        check(&scratch, &home, &acknowledged);
        assert_eq!(by_import(&home, &source).len(), CONTENTS);
        assert_eq!(scratch.originals().len(), CONTENTS, "each content lies there once");
    }
}
/// Goal: a folder that somebody else made a moment ago (another thread, a run that was killed) is made durable
/// before a photo in it is acknowledged. Method: the folders of the first photo are there but were never
/// synced; import it; cut the power.
#[test]
fn a_photo_in_a_folder_that_was_never_synced_is_safe() {
    for seed in 0..16 {
        let scratch = Scratch::new();
        let (source, disk) = (scratch.beside("source"), CrashDisk::steady());
        homes::write(&source.join("one.png"), &photo(1, Some("2024:05:01 10:00:00")));
        for folder in ["library/anna", "library/anna/2024", "library/anna/2024/2024-05"] {
            disk.create_dir(&scratch.root().join(folder)).unwrap();
        }
        let acknowledged = by_import(&scratch.open_on(Arc::new(disk.clone()) as Arc<dyn Disk>), &source);
        assert_eq!(acknowledged.len(), 1);
        disk.lose_power(seed).unwrap();
        let home = scratch.recover();
        let (asset, bytes) = acknowledged.first_key_value().unwrap();
        let entry = home.ledger.entry(asset).unwrap().unwrap();
        let original = std::fs::read(home.layout.original(&entry.file.path));
        assert_eq!(original.ok().as_ref(), Some(bytes), "seed {seed}: acknowledged and lost");
    }
}

/// A disk that says it synced names, or bytes, and did not.
struct Careless {
    disk: CrashDisk,
    syncs_bytes: bool,
    syncs_names: bool,
}

struct CarelessFile {
    file: Box<dyn DraftFile>,
    syncs: bool,
}

impl Disk for Careless {
    fn create_new(&self, path: &Path) -> io::Result<Box<dyn DraftFile>> {
        Ok(Box::new(CarelessFile { file: self.disk.create_new(path)?, syncs: self.syncs_bytes }))
    }

    fn rename_new(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.disk.rename_new(from, to)
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        if self.syncs_names { self.disk.sync_dir(path) } else { Ok(()) }
    }

    fn create_dir(&self, path: &Path) -> io::Result<()> {
        self.disk.create_dir(path)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.disk.remove(path)
    }
}

impl Write for CarelessFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl DraftFile for CarelessFile {
    fn sync(&mut self) -> io::Result<()> {
        if self.syncs { self.file.sync() } else { Ok(()) }
    }
}

/// Goal: these tests would notice a missing fsync. Method: leave out the one of the bytes, then the one of the
/// names, and find an acknowledged photo lost.
#[test]
fn a_missing_fsync_is_noticed() {
    for (syncs_bytes, syncs_names) in [(false, true), (true, false)] {
        let lost = (0..8).any(|seed| {
            let (scratch, disk) = (Scratch::new(), CrashDisk::steady());
            let source = scratch.beside("source");
            homes::write(&source.join("one.png"), &photo(1, Some("2024:05:01 10:00:00")));
            let careless = Careless { disk: disk.clone(), syncs_bytes, syncs_names };
            assert_eq!(by_import(&scratch.open_on(Arc::new(careless)), &source).len(), 1);
            disk.lose_power(seed).unwrap();
            !scratch.originals().iter().any(|(_, bytes)| *bytes == photo(1, Some("2024:05:01 10:00:00")))
        });
        assert!(lost, "bytes synced: {syncs_bytes}, names synced: {syncs_names}, and nothing was lost");
    }
}
