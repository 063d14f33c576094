//! Places that lose packs, damage them, lie, fill up, refuse, or are not there.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use heirloom::home::Home;
use heirloom::vault::audits::{self, AuditReport, Scope};
use heirloom::vault::drills::{self, DrillReport};
use heirloom_vault::policy::TargetId;
use heirloom_vault::store::{Place, TargetCounts};
use tokio_util::sync::CancellationToken;

use crate::faulty::{Fault, Faulty};
use crate::homes::{DAY_MS, Scratch, add_folder, household, photo, photos, run};
use crate::readback::{self, Readback};

/// A home whose photos are all in one folder.
async fn backed_up(count: u32) -> (Scratch, Arc<Home>, PathBuf, TargetId) {
    let scratch = Scratch::new("Anna");
    let home = scratch.open();
    photos(&home, 0..count);
    let folder = scratch.beside("disk");
    let id = add_folder(&home, &folder);
    run(&home).await;
    (scratch, home, folder, id)
}

/// The same, with a place that can be made to misbehave.
async fn misbehaving(count: u32) -> (Scratch, Arc<Home>, PathBuf, TargetId, Arc<Faulty>) {
    let (scratch, home, folder, id) = backed_up(count).await;
    let faulty = Faulty::new(readback::target(&folder, &household(&home)));
    let place = Place::Folder(folder.to_str().unwrap().to_owned());
    home.vault.engine.hold_open(id, place, Arc::clone(&faulty) as Arc<dyn heirloom_vault::Target>);
    (scratch, home, folder, id, faulty)
}

async fn audit(home: &Arc<Home>) -> AuditReport {
    audits::run(home, Scope::Everything, 1, &CancellationToken::new()).await.unwrap()
}

async fn drill(home: &Arc<Home>) -> DrillReport {
    drills::run(home, 1, &CancellationToken::new()).await.unwrap()
}

fn counts(home: &Home, id: TargetId) -> TargetCounts {
    let (store, policy) = (&home.vault.store, heirloom_vault::Policy::default());
    store.overview(home.vault.engine.now(), &policy).unwrap().targets[&id]
}

/// The packs in a folder, the largest first.
fn packs(folder: &Path) -> Vec<PathBuf> {
    let files = crate::homes::files_below(&folder.join("packs"));
    let mut packs: Vec<_> =
        files.into_iter().filter(|(path, _)| path.extension().unwrap() == "pack").collect();
    packs.sort_by_key(|(_, bytes)| std::cmp::Reverse(*bytes));
    packs.into_iter().map(|(path, _)| folder.join("packs").join(path)).collect()
}

/// Removes what is derived from a pack, so that a proof is made from its bytes.
fn forget_outboard(pack: &Path) {
    std::fs::remove_file(pack.with_extension("obao")).unwrap_or_default();
}

/// Everything is in the folder again and can be read.
async fn check_whole(scratch: &Scratch, folder: &Path, photos: usize) {
    let back = Readback::of_folder(folder, &scratch.phrase).await;
    assert_eq!(back.originals().await.len(), photos);
    for pack in packs(folder) {
        let bytes = std::fs::read(&pack).unwrap();
        assert_eq!(pack.file_stem().unwrap().to_str().unwrap(), blake3::hash(&bytes).to_hex().as_str());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_healthy_place_proves_everything() {
    let (_scratch, home, folder, id) = backed_up(4).await;
    let report = audit(&home).await;
    assert_eq!(report.asked, packs(&folder).len() as u64);
    assert_eq!((report.ok, report.wrong, report.missing), (report.asked, 0, 0));
    assert_eq!(counts(&home, id).photos, 4, "every photo is complete there");
    let report = drill(&home).await;
    assert_eq!((report.photos, report.problems), (4, 0));
    assert_eq!(home.vault.store.drills(1).unwrap()[0].photos, 4);
}

/// Goal: packs that are lost are noticed by asking, counted as lost, and sent again.
#[tokio::test(flavor = "multi_thread")]
async fn lost_packs_are_found_and_sent_again() {
    let (scratch, home, folder, id) = backed_up(6).await;
    let lost = packs(&folder).swap_remove(0);
    std::fs::remove_file(&lost).unwrap();
    let report = audit(&home).await;
    assert_eq!((report.missing, report.wrong), (1, 0));
    assert_eq!(counts(&home, id).lost, 1);
    assert!(counts(&home, id).photos < 6, "photos in a lost pack are not safe there");
    run(&home).await;
    assert!(lost.is_file(), "the pack was written again and sent");
    assert_eq!(counts(&home, id).photos, 6);
    check_whole(&scratch, &folder, 6).await;
}

/// Goal: a pack in which bits flipped, and one that was cut off, prove nothing.
#[tokio::test(flavor = "multi_thread")]
async fn damaged_packs_are_found_and_sent_again() {
    let (scratch, home, folder, _) = backed_up(6).await;
    let all = packs(&folder);
    let (flipped, cut) = (&all[0], &all[1]);
    let mut bytes = std::fs::read(flipped).unwrap();
    // One bit in each of the parts that may be asked for.
    bytes.chunks_mut(16 * 1024).for_each(|group| group[100] ^= 1);
    std::fs::write(flipped, &bytes).unwrap();
    let bytes = std::fs::read(cut).unwrap();
    std::fs::write(cut, &bytes[..bytes.len() / 2]).unwrap();
    [flipped, cut].into_iter().for_each(|pack| forget_outboard(pack));
    let report = audit(&home).await;
    assert_eq!(report.wrong + report.missing, 2, "{report:?}");
    run(&home).await;
    check_whole(&scratch, &folder, 6).await;
}

/// Goal: what a drill cannot get back is found to be lost, and sent again.
#[tokio::test(flavor = "multi_thread")]
async fn a_drill_finds_what_no_question_hit() {
    let (scratch, home, folder, _) = backed_up(3).await;
    let pack = packs(&folder).swap_remove(0);
    let mut bytes = std::fs::read(&pack).unwrap();
    bytes[200_000] ^= 1;
    std::fs::write(&pack, &bytes).unwrap();
    let report = drill(&home).await;
    // The other photos of that pack are not looked for there any more.
    assert_eq!((report.problems, report.photos + report.unreachable), (1, 2), "{report:?}");
    run(&home).await;
    check_whole(&scratch, &folder, 3).await;
    assert_eq!(drill(&home).await.problems, 0);
}

/// Goal: nothing counts that was not proved. Method: a place that says that it took packs, and throws them away.
#[tokio::test(flavor = "multi_thread")]
async fn a_place_that_lies_counts_for_nothing() {
    let (_scratch, home, _folder, id, place) = misbehaving(2).await;
    place.set(Fault::TakesNothing);
    photo(&home, 50);
    let report = run(&home).await;
    assert_eq!(report.places[0].packs, 0, "{report:?}");
    assert_eq!(report.head, None, "nothing new is proved anywhere, so nothing new is signed");
    assert_eq!(counts(&home, id).photos, 2);
    place.set(Fault::MakesUp);
    let report = audit(&home).await;
    assert_eq!((report.ok, report.wrong), (0, report.asked));
    assert_eq!(counts(&home, id).photos, 0, "what was made up proves nothing");
    place.set(Fault::None);
    run(&home).await;
    assert_eq!(counts(&home, id).photos, 3);
}

/// Goal: silence is never a loss. Method: a place that is off, and one whose disk is not there; both come back.
#[tokio::test(flavor = "multi_thread")]
async fn silence_is_no_loss() {
    let (scratch, home, _folder, id, place) = misbehaving(3).await;
    for (fault, days) in [(Fault::Off, 3), (Fault::DiskAbsent, 5), (Fault::Off, 14)] {
        place.set(fault);
        scratch.pass(days * DAY_MS / 2);
        let report = audit(&home).await;
        assert_eq!((report.ok, report.wrong, report.missing), (0, 0, 0), "{fault:?}");
        let report = run(&home).await;
        assert_eq!(report.places[0].packs, 0);
        assert_eq!((counts(&home, id).lost, counts(&home, id).photos), (0, 3), "{fault:?}");
        place.set(Fault::None);
        let report = audit(&home).await;
        assert_eq!(report.ok, report.asked);
        assert_eq!(run(&home).await.places[0].packs, 0, "nothing has to be sent again");
    }
    let row = home.vault.store.target(id).unwrap().unwrap();
    assert_eq!(row.absent_ms, None, "the disk is back");
}

/// Goal: an unmounted disk, which looks like an empty folder, loses nothing and gets nothing.
#[tokio::test(flavor = "multi_thread")]
async fn an_unmounted_disk_is_no_loss() {
    let (scratch, home, folder, id) = backed_up(3).await;
    std::fs::rename(&folder, scratch.beside("away")).unwrap();
    std::fs::create_dir(&folder).unwrap();
    photo(&home, 50);
    assert_eq!(audit(&home).await.missing, 0);
    run(&home).await;
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 0, "nothing is written beside the disk");
    assert_eq!(counts(&home, id).photos, 3);
    std::fs::remove_dir(&folder).unwrap();
    std::fs::rename(scratch.beside("away"), &folder).unwrap();
    run(&home).await;
    assert_eq!(counts(&home, id).photos, 4);
    check_whole(&scratch, &folder, 4).await;
}

/// Goal: a place that is full, or refuses, is said to be so, keeps what it has, and is used again when it can.
#[tokio::test(flavor = "multi_thread")]
async fn full_and_refusing_places_hold_up_nothing() {
    for fault in [Fault::Full, Fault::Refuses] {
        let (_scratch, home, _folder, id, place) = misbehaving(2).await;
        place.set(fault);
        photo(&home, 50);
        run(&home).await;
        let row = home.vault.store.target(id).unwrap().unwrap();
        match fault {
            Fault::Full => assert!(row.full_ms.is_some()),
            _ => assert!(row.trouble.is_some_and(|trouble| trouble.contains("no"))),
        }
        assert_eq!(counts(&home, id).photos, 2, "what it has still counts");
        place.set(Fault::None);
        run(&home).await;
        assert_eq!(counts(&home, id).photos, 3, "{fault:?}");
    }
}

/// Goal: a place whose line is too slow for all the photos can be restored from all the same. Method: a place that breaks off
/// whenever photos are sent, run after run, so that its queue never ends.
#[tokio::test(flavor = "multi_thread")]
async fn a_place_with_an_endless_queue_has_a_head() {
    let scratch = Scratch::new("Anna");
    let home = scratch.open();
    photos(&home, 0..3);
    let folder = scratch.beside("disk");
    let id = add_folder(&home, &folder);
    let faulty = Faulty::new(readback::target(&folder, &household(&home)));
    let place = Place::Folder(folder.to_str().unwrap().to_owned());
    home.vault.engine.hold_open(id, place, Arc::clone(&faulty) as Arc<dyn heirloom_vault::Target>);
    faulty.set(Fault::ShortLine);
    for _ in 0..4 {
        run(&home).await;
    }
    assert!(!home.vault.store.pending_for(id, 1).unwrap().is_empty(), "the photos still wait");
    let back = Readback::of_folder(&folder, &scratch.phrase).await;
    assert_eq!(back.root.household_name, "Anna");
    assert!(!back.file("home.sqlite").await.is_empty());
    faulty.set(Fault::None);
    run(&home).await;
    check_whole(&scratch, &folder, 3).await;
}

/// Goal: a home whose disk was set back to an older image deletes nothing of what came since, and says so.
#[tokio::test(flavor = "multi_thread")]
async fn a_home_that_was_set_back_deletes_nothing_newer() {
    let (scratch, home, folder, _) = backed_up(2).await;
    crate::crash::closed(home);
    crate::homes::copy(&scratch.root(), &scratch.beside("image"));
    let before = packs(&folder);
    let home = scratch.open();
    photos(&home, 50..53);
    scratch.pass(DAY_MS);
    run(&home).await;
    crate::crash::closed(home);
    let newer: Vec<_> = packs(&folder).into_iter().filter(|pack| !before.contains(pack)).collect();
    assert!(!newer.is_empty());

    std::fs::rename(scratch.root(), scratch.beside("lost")).unwrap();
    std::fs::rename(scratch.beside("image"), scratch.root()).unwrap();
    let home = scratch.open();
    for _ in 0..4 {
        scratch.pass(8 * DAY_MS);
        run(&home).await;
    }
    for pack in &newer {
        assert!(pack.is_file(), "it may be the only copy of a photo");
    }
    let alarms = home.vault.store.alarms().unwrap();
    assert!(alarms.iter().any(|alarm| alarm.kind == "newer-state"), "{alarms:?}");
    assert!(Readback::of_folder(&folder, &scratch.phrase).await.head.number() > 2, "it counts on");
}

/// Goal: a place that begins anew is noticed at once, gets everything again, and the head with it.
#[tokio::test(flavor = "multi_thread")]
async fn a_place_that_begins_anew_gets_the_head_again() {
    let (scratch, home, folder, id) = backed_up(3).await;
    for below in ["packs", "heads"] {
        for (path, _) in crate::homes::files_below(&folder.join(below)) {
            std::fs::remove_file(folder.join(below).join(path)).unwrap();
        }
    }
    run(&home).await;
    run(&home).await;
    assert_eq!(counts(&home, id).photos, 3);
    check_whole(&scratch, &folder, 3).await;
}
