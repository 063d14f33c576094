//! Packs that the disk can't read any more, and disks that have no room, or too little.

use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex};

use heirloom_store::rusqlite::Connection;
use heirloom_store::{Database, Disk, DraftFile, Durability, RealDisk, StoreError};
use heirloom_vault::folder::{Expected, MARKER_NAME, PackFolder};
use heirloom_vault::keeper::{AlarmKind, Copied, WardState};
use heirloom_vault::target::FolderTarget;
use heirloom_vault::{Answer, Keeper, KeeperError, PackId, Room, Target, TargetError, proof};

use crate::faults::{agreed, alarms, fill};
use crate::world::{self, Home, Household, QUOTA, ids, pack, proves, question};

/// A file that gives the same error as a sector that failed: the memory of this process, of which the first page is nobody's.
const UNREADABLE: &str = "/proc/self/mem";

/// How often somebody looks whether a disk is back.
const LOOKS_MAX: u32 = 1_000_000;

/// Puts something in a pack's place of which not a byte can be read.
fn spoil(path: &Path) {
    std::fs::remove_file(path).unwrap();
    std::os::unix::fs::symlink(UNREADABLE, path).unwrap();
}

/// Goal: a pack that can't be read is found within 35 days, is said to be bad, and is taken again; the others are read as
/// always. Method: the system itself gives the error of a failed sector for three packs out of forty.
#[cfg(target_os = "linux")]
#[test]
fn a_sector_that_failed_is_found_and_sent_again() {
    let (home, ward) = agreed();
    let id = ward.id();
    let packs = fill(&home, &ward, 0..40, 2000);
    let broken = &packs[7..10];
    broken.iter().for_each(|(pack, _)| spoil(&home.pack_path(&id, pack)));
    home.days(36);
    let report = home.keeper.scrub_step(u64::MAX).unwrap();
    assert_eq!((report.packs, report.bad.len()), (40, 3));
    assert_eq!(home.keeper.bad(&id, 10).unwrap().len(), 3);
    assert!(alarms(&home).iter().all(|(kind, _)| *kind == AlarmKind::Damaged));
    assert_eq!(ids(&home.keeper, &id).len(), 37);
    for (pack, content) in broken {
        assert!(home.place(&id).join("damaged").join(format!("{pack}.pack")).is_symlink(), "set aside");
        home.keeper.put(&id, pack, content, Room::Common).unwrap();
    }
    assert!(packs.iter().all(|(pack, content)| proves(&home.keeper, &id, pack, content.len())));
}

/// Goal: a pack that comes again goes in the place of one that can't be read, also before anybody found that out.
#[cfg(target_os = "linux")]
#[test]
fn a_pack_takes_the_place_of_one_that_cannot_be_read() {
    let (home, ward) = agreed();
    let id = ward.id();
    let packs = fill(&home, &ward, 0..3, 2000);
    spoil(&home.pack_path(&id, &packs[1].0));
    let (pack, content) = &packs[1];
    home.keeper.put(&id, pack, content, Room::Common).unwrap();
    assert_eq!(home.keeper.read(&id, pack, 0..2000).unwrap(), *content);
}

/// A pack as large as an empty folder says that it is, so that a folder in its place passes for it until it is read.
fn as_large_as_a_folder(scratch: &Path) -> (PackId, Vec<u8>) {
    let probe = scratch.join("probe");
    std::fs::create_dir(&probe).unwrap();
    let bytes = std::fs::metadata(&probe).unwrap().len();
    pack(77, usize::try_from(bytes).unwrap().max(1))
}

fn spoil_in_size(path: &Path) {
    std::fs::remove_file(path).unwrap();
    std::fs::create_dir(path).unwrap();
}

/// Goal: whoever reads a part that the disk can't read is told so of that part, and the pack stays; whoever asks for a proof
/// hears that the pack is lost, and sends it again.
#[test]
fn a_part_that_cannot_be_read_is_missing_when_it_is_asked_for() {
    let (home, ward) = agreed();
    let id = ward.id();
    fill(&home, &ward, 0..3, 2000);
    let (broken, content) = as_large_as_a_folder(home.scratch.path());
    home.keeper.put(&id, &broken, &content, Room::Common).unwrap();
    spoil_in_size(&home.pack_path(&id, &broken));
    let bytes = content.len() as u64;
    assert!(matches!(home.keeper.read(&id, &broken, 0..bytes), Err(KeeperError::Wrong(_))));
    assert!(home.pack_path(&id, &broken).exists(), "other parts of it may be read");
    let answers = home.keeper.prove(&id, &[question(&broken, content.len(), 0)]).unwrap();
    assert_eq!(answers, [Answer::Missing]);
    assert_eq!(home.keeper.bad(&id, 10).unwrap(), [broken]);
    home.keeper.put(&id, &broken, &content, Room::Common).unwrap();
    assert!(proves(&home.keeper, &id, &broken, content.len()));
    assert_eq!(ids(&home.keeper, &id).len(), 4);
}

/// Goal: a disk for a relative whose house burnt down is written although a part of this one can't be read.
#[test]
fn a_copy_is_written_of_what_can_be_read() {
    let (home, ward) = agreed();
    let id = ward.id();
    let packs = fill(&home, &ward, 0..5, 2000);
    let (broken, content) = as_large_as_a_folder(home.scratch.path());
    home.keeper.put(&id, &broken, &content, Room::Common).unwrap();
    home.keeper.put_head(&id, ward.node(1, 0).head(1, None, 0).as_bytes()).unwrap();
    spoil_in_size(&home.pack_path(&id, &broken));
    let usb = home.scratch.path().join("usb");
    let copied = home.keeper.write_copy(&id, &usb, [5; 16], &mut |_| true).unwrap();
    assert_eq!((copied.packs, copied.bad, copied.unread, copied.left_out()), (5, 0, 1, 1));
    assert_eq!(home.keeper.bad(&id, 10).unwrap(), [], "nothing is said of a pack that can't be read now");
    let expected = Expected { household: id, disks: Vec::new() };
    let folder = PackFolder::open(&usb, &expected, Arc::new(RealDisk)).unwrap();
    assert!(packs.iter().all(|(pack, _)| folder.check(pack).is_ok()));
    assert_eq!(folder.heads().unwrap().len(), 1);
}

/// Goal: a disk that fails in the middle does not pass for one whose packs were written, neither with many packs nor with few.
#[test]
fn a_disk_of_which_nothing_can_be_read_ends_a_copy() {
    for packs in [40, 3] {
        let (home, ward) = agreed();
        let id = ward.id();
        let bytes = as_large_as_a_folder(home.scratch.path()).1.len();
        let packs = fill(&home, &ward, 0..packs, bytes);
        home.keeper.put_head(&id, ward.node(1, 0).head(1, None, 0).as_bytes()).unwrap();
        packs.iter().for_each(|(pack, _)| spoil_in_size(&home.pack_path(&id, pack)));
        let usb = home.scratch.path().join("usb");
        let mut seen = 0;
        let mut tell = |copied: &Copied| {
            seen = copied.unread;
            true
        };
        let outcome = home.keeper.write_copy(&id, &usb, [5; 16], &mut tell);
        let Err(KeeperError::Io(why)) = outcome else { panic!("{outcome:?}") };
        assert!(why.contains("may be failing"), "{why}");
        assert!(seen < 8, "it does not run through all of them: {seen}");
        assert_eq!(home.keeper.bad(&id, 10).unwrap(), []);
    }
}

/// Goal: the same for a folder of the household's own, which nobody reads through once a month.
#[tokio::test]
async fn a_folder_says_which_pack_it_cannot_read() {
    let (scratch, ward) = (world::scratch(), Household::new(9));
    let place = scratch.path().join("vault");
    FolderTarget::create(&place, &ward.id(), [3; 16], Arc::new(RealDisk)).unwrap();
    let expected = Expected { household: ward.id(), disks: Vec::new() };
    let clock = Arc::new(|| 0);
    let target = FolderTarget::new(place.clone(), expected, Arc::new(RealDisk), clock).unwrap();
    let (broken, content) = as_large_as_a_folder(scratch.path());
    let (other, rest) = pack(5, 3000);
    for (pack, content) in [(broken, &content), (other, &rest)] {
        target.put(pack, content.clone().into(), Room::Common).await.unwrap();
    }
    let name = broken.to_string();
    let path = place.join("packs").join(&name[..2]).join(format!("{name}.pack"));
    spoil_in_size(&path);
    let bytes = content.len() as u64;
    assert!(
        matches!(target.get(broken, 0..bytes).await, Err(TargetError::Wrong(_))),
        "not the place's fault"
    );
    assert!(path.exists());
    let asked = [question(&broken, content.len(), 0), question(&other, 3000, 0)];
    let answers = target.prove(asked.to_vec()).await.unwrap();
    assert_eq!(answers[0].1, Answer::Missing);
    assert!(matches!(&answers[1].1, Answer::Proof(bytes) if proof::verify(&asked[1], bytes)));
    target.put(broken, content.clone().into(), Room::Common).await.unwrap();
    assert_eq!(target.get(broken, 0..bytes).await.unwrap(), content);
}

/// A disk that moves nothing of some names.
#[derive(Clone, Default)]
struct Stiff(Arc<Mutex<Vec<PackId>>>);

impl Disk for Stiff {
    fn create_new(&self, path: &Path) -> io::Result<Box<dyn DraftFile>> {
        RealDisk.create_new(path)
    }
    fn rename_new(&self, from: &Path, to: &Path) -> io::Result<()> {
        let name = from.file_name().unwrap().to_str().unwrap().to_owned();
        if self.0.lock().unwrap().iter().any(|pack| name.starts_with(&pack.to_string())) {
            return Err(rustix::io::Errno::ROFS.into());
        }
        RealDisk.rename_new(from, to)
    }
    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        RealDisk.sync_dir(path)
    }
    fn create_dir(&self, path: &Path) -> io::Result<()> {
        RealDisk.create_dir(path)
    }
    fn remove(&self, path: &Path) -> io::Result<()> {
        RealDisk.remove(path)
    }
}

/// Goal: a pack that can be neither read nor moved is no loss yet, and keeps no other from being read. Method: it is the first
/// that is due, and the disk moves it only a day later.
#[cfg(target_os = "linux")]
#[test]
fn a_pack_that_is_stuck_holds_up_no_other() {
    let disk = Stiff::default();
    let (home, ward) = (Home::on(Arc::new(disk.clone())).unwrap(), Household::new(9));
    let id = ward.id();
    home.keeper.agree(&id, QUOTA, 5, [3; 16]).unwrap();
    let packs = fill(&home, &ward, 0..40, 2000);
    for (pack, _) in &packs[..5] {
        spoil(&home.pack_path(&id, pack));
        disk.0.lock().unwrap().push(*pack);
    }
    world::flip(&home.pack_path(&id, &packs[20].0));
    home.days(36);
    let report = home.keeper.scrub_step(u64::MAX).unwrap();
    assert_eq!((report.packs, report.bad), (40, vec![(id, packs[20].0)]));
    assert_eq!(home.keeper.scrub_step(u64::MAX).unwrap().packs, 0, "they are not the first of every step");
    disk.0.lock().unwrap().clear();
    home.days(1);
    assert_eq!(home.keeper.scrub_step(u64::MAX).unwrap().bad.len(), 5);
}

/// Goal: what its people said stays free of a keeper's disk: more than there is, and nothing is taken, which is said; little,
/// and packs are.
#[test]
fn a_keeper_leaves_as_much_free_as_it_was_told() {
    let (home, ward) = agreed();
    let id = ward.id();
    let packs = fill(&home, &ward, 0..2, 2000);
    let Home { scratch, keeper } = home;
    let keeper = keeper.leaving_free(Some(u64::MAX / 2));
    let (new, content) = pack(9, 2000);
    for room in [Room::Common, Room::Reserve] {
        let refused = keeper.put(&id, &new, &content, room).unwrap_err();
        assert!(matches!(refused, KeeperError::Full { .. }), "{refused}");
        assert!(refused.to_string().contains("full"), "{refused}");
    }
    assert_eq!(keeper.state(&id).unwrap().free, Some(0));
    assert!(
        packs.iter().all(|(pack, content)| proves(&keeper, &id, pack, content.len())),
        "what is here stays"
    );
    let keeper = keeper.leaving_free(Some(1));
    assert!(keeper.state(&id).unwrap().free > Some(0));
    keeper.put(&id, &new, &content, Room::Common).unwrap();
    drop((keeper, scratch));
}

/// Goal: a keeper whose books find no room on the disk says that it is full, and takes the pack once there is room; what it
/// had is proved all the while. Method: SQLite is told how large the file may be.
#[test]
fn books_that_find_no_room_are_a_full_keeper() {
    let (scratch, ward) = (world::scratch(), Household::new(9));
    let (id, path) = (ward.id(), scratch.path().join("keeper.sqlite"));
    let db = Database::open(&path, Durability::Normal, heirloom_vault::KEEPER_MIGRATIONS).unwrap();
    let keeper = Keeper::open(db.clone(), scratch.path().join("kept"), Arc::new(RealDisk)).unwrap();
    let home = Home { scratch, keeper };
    home.keeper.agree(&id, QUOTA, 5, [3; 16]).unwrap();
    let packs = fill(&home, &ward, 0..2, 2000);
    let limit = |pages: u32| {
        let set = move |conn: &Connection| -> Result<(), StoreError> {
            Ok(conn.query_row(&format!("PRAGMA max_page_count = {pages}"), [], |_| Ok(()))?)
        };
        db.write(set).unwrap();
    };
    limit(1);
    let mut refused = None;
    for number in 100..1_000 {
        let (new, content) = pack(number, 200);
        if let Err(error) = home.keeper.put(&id, &new, &content, Room::Common) {
            refused = Some((new, content, TargetError::from(error)));
            break;
        }
    }
    let (new, content, error) = refused.unwrap();
    assert!(matches!(error, TargetError::Full { .. }), "{error}");
    assert!(packs.iter().all(|(pack, content)| proves(&home.keeper, &id, pack, content.len())));
    limit(u32::MAX / 4);
    home.keeper.put(&id, &new, &content, Room::Common).unwrap();
    assert!(proves(&home.keeper, &id, &new, content.len()));
}

/// Goal: a ward's disk that does not answer is busy, and then as good as one that is not there: whoever asks hears so after
/// some seconds, other wards are served,
/// and nothing counts as lost; when it answers, all is as before. Method: a pipe in the place of the marker, which holds
/// whoever reads it.
#[test]
fn a_disk_that_does_not_answer_is_not_there() {
    let (home, ward) = agreed();
    let (id, other) = (ward.id(), Household::new(8));
    let packs = fill(&home, &ward, 0..3, 2000);
    home.keeper.agree(&other.id(), QUOTA, 5, [7; 16]).unwrap();
    let marker = home.place(&id).join(MARKER_NAME);
    let right = std::fs::read(&marker).unwrap();
    std::fs::remove_file(&marker).unwrap();
    assert!(std::process::Command::new("mkfifo").arg(&marker).status().unwrap().success());
    assert_eq!(home.keeper.ward(&id).unwrap().state, WardState::DiskAbsent);
    assert!(matches!(
        home.keeper.read(&id, &packs[0].0, 0..10),
        Err(KeeperError::Busy | KeeperError::DiskAbsent)
    ));
    let answers = home.keeper.prove(&id, &[question(&packs[0].0, 2000, 0)]).unwrap();
    assert!(matches!(answers[..], [Answer::Busy | Answer::DiskAbsent]), "{answers:?}");
    fill(&home, &other, 10..13, 2000);
    home.days(36);
    assert_eq!(home.keeper.scrub_step(u64::MAX).unwrap().packs, 3, "those of the other one");
    let pipe = home.place(&id).join("pipe");
    std::fs::rename(&marker, &pipe).unwrap();
    std::fs::write(&marker, right).unwrap();
    drop(std::fs::OpenOptions::new().write(true).open(&pipe).unwrap());
    // Whoever was stuck takes a moment to be gone.
    let is_back = || home.keeper.ward(&id).unwrap().state == WardState::Keeping;
    let mut looks = 0..LOOKS_MAX;
    assert!(looks.any(|_| {
        std::thread::yield_now();
        is_back()
    }));
    assert!(packs.iter().all(|(pack, content)| proves(&home.keeper, &id, pack, content.len())));
    assert_eq!((home.keeper.ward(&id).unwrap().state, alarms(&home)), (WardState::Keeping, vec![]));
}
