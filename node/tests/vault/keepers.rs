//! Keepers over days and weeks: off and back, full, without their disk, or with an older one.

use std::path::PathBuf;
use std::sync::Arc;

use heirloom::protocols::vault::PeerTarget;
use heirloom::vault::status::status;
use heirloom::vault::worker;
use heirloom_vault::policy::{CopyState, DAY_MS, Policy};
use tokio_util::sync::CancellationToken;

use crate::homes::{Scratch, copy, files_below, household, photo, photos, run};
use crate::peers::{Place, connected, gone, keeper_and_ward, keeps_for};
use crate::readback::Readback;

/// The shelf of originals.
const ORIGINALS: u8 = 3;
/// What is said of keepers.
const OF_KEEPERS: [&str; 7] = ["away", "absent", "replaced", "full", "lost", "diskAbsent", "unchecked"];

impl Place {
    /// Days pass while this home is on: each day promises are checked and copies are made.
    pub(crate) async fn days(&self, days: i64) {
        for _ in 0..days {
            self.scratch.pass(DAY_MS);
            self.check(DAY_MS).await;
            run(&self.home).await;
        }
    }

    pub(crate) async fn check(&self, passed_ms: i64) {
        worker::check_promises(&self.home, passed_ms, &CancellationToken::new()).await;
    }

    /// What people here read of their keepers, and how bad it is.
    pub(crate) fn said(&self) -> Vec<(&'static str, &'static str)> {
        let reasons = status(&self.home).unwrap().reasons.into_iter();
        let of_keepers = reasons.filter(|reason| OF_KEEPERS.contains(&reason.kind));
        of_keepers.map(|reason| (reason.kind, reason.level)).collect()
    }

    /// Photos that are complete in so many other homes.
    pub(crate) fn complete(&self, homes: u32) -> u64 {
        let now_ms = self.home.vault.engine.now();
        self.home.vault.store.overview(now_ms, &Policy::default()).unwrap().photos.at_least(homes)
    }

    /// How the copies of originals at a keeper stand.
    fn originals_at(&self, keeper: &Self) -> Vec<CopyState> {
        let id = self.home.vault.store.target_of(&household(&keeper.home)).unwrap().unwrap().id;
        let packs = self.home.vault.store.pack_copies().unwrap().into_iter();
        let copies = packs.filter(|pack| pack.shelf == ORIGINALS).flat_map(|pack| pack.copies);
        copies.filter(|copy| copy.target == id).map(|copy| copy.state).collect()
    }

    /// Everything back from one keeper alone: how many originals.
    pub(crate) async fn back_from(&self, keeper: &Self) -> usize {
        let target = PeerTarget::new(Arc::clone(&self.home), household(&keeper.home));
        Readback::of(Arc::new(target), &self.scratch.phrase).await.originals().await.len()
    }

    /// What this home keeps for another.
    pub(crate) fn kept(&self, ward: &Self) -> PathBuf {
        self.home.layout.kept().join(household(&ward.home).to_string())
    }

    /// From now on no more is kept for another home than so much.
    fn keeps_at_most(&self, ward: &Self, quota: u64) {
        self.home.vault.keeper.agree(&household(&ward.home), quota, 1, [0; 16]).unwrap();
    }

    fn used_by(&self, ward: &Self) -> u64 {
        self.home.vault.keeper.ward(&household(&ward.home)).unwrap().used
    }
}

/// A keeper is off for so many days, of which people read this, and back again.
async fn off_for(anna: &Place, keeper: Place, days: i64, said: &[(&str, &str)]) -> Place {
    let keeper = off(anna, keeper).await;
    anna.days(days).await;
    assert_eq!(anna.said(), said, "after {days} days");
    let keeper = on(anna, keeper).await;
    run(&anna.home).await;
    assert_eq!(anna.said(), [], "it is back after {days} days");
    keeper
}

/// Goal: a keeper that is off is mentioned after 3 days, an alarm after 5, and replaced after 14; when it is back, what is too
/// much goes there and makes room, and nothing is lost. Method: two keepers with everything and a third with room; one of the
/// two is off three times, and has little room the third time: enough for what is new of metadata, and no more.
#[tokio::test(flavor = "multi_thread")]
async fn a_keeper_that_is_off_is_missed_replaced_and_welcome_again() {
    let (anna, ben) = keeper_and_ward().await;
    // A twentieth of all is more than one pack, so that some may go without a person.
    assert!(anna.home.vault.engine.set_pack_bytes(220_436));
    let carla = Place::up(Scratch::new("Carla")).await;
    keeps_for(&carla, &anna).await;
    photos(&anna.home, 0..30);
    run(&anna.home).await;
    assert_eq!(anna.complete(2), 30);
    let dora = Place::up(Scratch::new("Dora")).await;
    keeps_for(&dora, &anna).await;

    let ben = off_for(&anna, ben, 3, &[("away", "attention")]).await;
    let ben = off_for(&anna, ben, 5, &[("absent", "danger")]).await;
    assert_eq!(anna.originals_at(&dora), [], "whoever is missed for days is not replaced yet");
    let little = ben.used_by(&anna);
    ben.keeps_at_most(&anna, little + little / 7);
    run(&anna.home).await;

    let ben = off_for(&anna, ben, 14, &[("replaced", "attention")]).await;
    let replaced = anna.originals_at(&dora);
    assert!(!replaced.is_empty() && replaced.iter().all(|state| *state == CopyState::Proven), "{replaced:?}");
    run(&anna.home).await;
    let proven =
        |keeper| anna.originals_at(keeper).iter().filter(|state| **state == CopyState::Proven).count();
    assert!(proven(&ben) < proven(&carla), "one copy more than wanted, and little room");
    assert_eq!((anna.complete(2), anna.said()), (30, Vec::new()));
    for keeper in [&ben, &carla, &dora] {
        assert_eq!(anna.back_from(keeper).await, 30, "what was taken away is held");
    }
    let held = ben.used_by(&anna);
    for _ in 0..31 {
        ben.check(DAY_MS).await;
    }
    assert!(ben.used_by(&anna) < held, "what was held for a month makes room");
    run(&anna.home).await;
    assert_eq!((anna.complete(2), anna.said()), (30, Vec::new()));
}

/// Goal: what a keeper has no room for goes to a third home, and what it has stays. Method: of two keepers one allows no more
/// than it has; a third has room; then there are new photos.
#[tokio::test(flavor = "multi_thread")]
async fn a_full_keeper_leads_to_a_third_home() {
    let (anna, ben) = keeper_and_ward().await;
    let carla = Place::up(Scratch::new("Carla")).await;
    keeps_for(&carla, &anna).await;
    photos(&anna.home, 0..3);
    run(&anna.home).await;
    let dora = Place::up(Scratch::new("Dora")).await;
    keeps_for(&dora, &anna).await;
    run(&anna.home).await;
    assert_eq!((anna.complete(2), anna.originals_at(&dora)), (3, Vec::new()));
    let before = anna.originals_at(&ben).len();
    ben.keeps_at_most(&anna, ben.used_by(&anna));

    photos(&anna.home, 3..6);
    run(&anna.home).await;
    run(&anna.home).await;
    assert_eq!(anna.complete(2), 6, "{:?}", anna.said());
    assert_eq!(anna.said(), [("full", "attention")]);
    let proven =
        |keeper| anna.originals_at(keeper).iter().filter(|state| **state == CopyState::Proven).count();
    assert!(proven(&dora) > 0);
    assert_eq!(proven(&ben), before, "what it has stays, and nothing more goes there");
}

/// Goal: a keeper's disk that is not mounted is no loss and gets nothing. Method: the folder goes for two days, in which there
/// is a new photo, and is put back.
#[tokio::test(flavor = "multi_thread")]
async fn a_keeper_without_its_disk_loses_nothing() {
    let (anna, ben) = keeper_and_ward().await;
    photos(&anna.home, 0..3);
    run(&anna.home).await;
    let (kept, away) = (ben.kept(&anna), ben.scratch.beside("away"));
    std::fs::rename(&kept, &away).unwrap();
    photo(&anna.home, 3);
    anna.days(2).await;
    let keeper = status(&anna.home).unwrap().keepers.remove(0);
    assert_eq!((keeper.state, keeper.photos), ("diskAbsent", 3));
    assert_eq!(anna.said(), [("diskAbsent", "attention")], "and no word of a loss");
    assert!(!kept.exists() || files_below(&kept).is_empty(), "nothing is written beside the disk");
    std::fs::rename(&away, &kept).unwrap();
    run(&anna.home).await;
    assert_eq!((anna.complete(1), anna.said()), (4, Vec::new()));
}

/// Goal: a keeper that is set back to an older disk counts for no more than it has, and gets the rest again, the newest list
/// with it. Method: its whole folder, or only what it keeps, is replaced by a copy from before the last photos.
#[tokio::test(flavor = "multi_thread")]
async fn a_keeper_with_an_older_disk_gets_the_rest_again() {
    for part in ["", "kept"] {
        let (anna, ben) = keeper_and_ward().await;
        photos(&anna.home, 0..2);
        run(&anna.home).await;
        let ben = off(&anna, ben).await;
        let (now, image) = (ben.root().join(part), ben.beside("image"));
        copy(&now, &image);
        let ben = on(&anna, ben).await;
        photos(&anna.home, 2..5);
        run(&anna.home).await;
        assert_eq!(anna.complete(1), 5);
        let ben = off(&anna, ben).await;
        std::fs::rename(&now, ben.beside("newer")).unwrap();
        copy(&image, &now);
        let ben = on(&anna, ben).await;

        run(&anna.home).await;
        run(&anna.home).await;
        assert_eq!((anna.complete(1), anna.said()), (5, Vec::new()), "{part:?}");
        let last = anna.home.vault.store.last_head().unwrap().unwrap().number;
        let there = ben.home.vault.keeper.ward(&household(&anna.home)).unwrap().last_head.unwrap();
        assert_eq!(there.number, last, "{part:?}");
        assert_eq!(anna.back_from(&ben).await, 5, "{part:?}");
        ben.check(DAY_MS).await;
        let alarms = ben.home.vault.store.alarms().unwrap();
        assert_eq!(alarms.iter().any(|alarm| alarm.kind == "old_disk"), part == "kept", "{alarms:?}");
    }
}

async fn off(anna: &Place, keeper: Place) -> Scratch {
    let id = household(&keeper.home);
    let keeper = keeper.down().await;
    gone(anna, &id).await;
    keeper
}

async fn on(anna: &Place, keeper: Scratch) -> Place {
    let keeper = Place::up(keeper).await;
    connected(anna, &keeper).await;
    keeper
}
