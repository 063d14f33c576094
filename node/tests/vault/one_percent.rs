//! Keepers that lose, spoil or cut off one pack in a hundred: they are found out, everything is sent again, and no photo is
//! at risk meanwhile.
//!
//! Method of all: two homes keep everything of a third, in far more than a hundred packs; at one of them one pack in a
//! hundred is damaged without a word. Then days pass on which promises are checked and copies are made, as many as the
//! promise says at most.

use std::path::{Path, PathBuf};

use heirloom_vault::policy::DAY_MS;

use crate::homes::{Scratch, files_below, photos, run};
use crate::peers::{Place, keeper_and_ward, keeps_for};

/// Small enough that photos of 192 KB fill one each, and not so small that metadata counts as large.
const PACK_BYTES: usize = 220_436;
const PHOTOS: u32 = 120;
/// Every pack is asked for within so many days.
const ASKED_DAYS: u32 = 30;
/// Every keeper has read everything again after so many.
const READ_DAYS: u32 = 36;

/// Anna, whose photos are complete with Ben and Carla.
async fn with_many_packs() -> (Place, Place, Place) {
    let (anna, ben) = keeper_and_ward().await;
    assert!(anna.home.vault.engine.set_pack_bytes(PACK_BYTES));
    let carla = Place::up(Scratch::new("Carla")).await;
    keeps_for(&carla, &anna).await;
    photos(&anna.home, 0..PHOTOS);
    run(&anna.home).await;
    assert_eq!(anna.complete(2), u64::from(PHOTOS));
    (anna, ben, carla)
}

/// One in a hundred of all packs that a keeper has, each full of photos; which ones is as good as chance.
fn one_in_a_hundred(keeper: &Place, ward: &Place) -> Vec<PathBuf> {
    let folder = keeper.kept(ward).join("packs");
    let mut packs = files_below(&folder);
    packs.retain(|(path, _)| path.extension().is_some_and(|ending| ending == "pack"));
    let count = packs.len();
    assert!(count > 100, "{count} packs are no hundred");
    packs.retain(|(_, bytes)| usize::try_from(*bytes) == Ok(PACK_BYTES));
    packs.into_iter().take(count.div_ceil(100)).map(|(path, _)| folder.join(path)).collect()
}

fn is_whole(pack: &Path) -> bool {
    let name = pack.file_stem().unwrap().to_str().unwrap();
    std::fs::read(pack).is_ok_and(|bytes| blake3::hash(&bytes).to_hex().as_str() == name)
}

/// Lets days pass until all of these packs are whole again; whether people were told in between.
async fn until_mended(anna: &Place, reads: Option<&Place>, hit: &[PathBuf], days: u32) -> bool {
    let mut was_told = false;
    for day in 0..=days {
        assert_eq!(anna.complete(1), u64::from(PHOTOS), "day {day}: a photo is at risk");
        if hit.iter().all(|pack| is_whole(pack)) {
            return was_told;
        }
        anna.scratch.pass(DAY_MS);
        anna.check(DAY_MS).await;
        if let Some(keeper) = reads {
            keeper.check(DAY_MS).await;
        }
        was_told |= anna.said() == [("lost", "attention")];
        run(&anna.home).await;
    }
    panic!("packs are still damaged after {days} days");
}

/// Everything counts as safe again, and the one keeper alone gives all of it back.
async fn check_all_is_well(anna: &Place, ben: &Place) {
    run(&anna.home).await;
    assert_eq!((anna.complete(2), anna.said()), (u64::from(PHOTOS), Vec::new()));
    assert_eq!(anna.back_from(ben).await, PHOTOS as usize);
}

/// Goal: what a keeper lost is noticed by asking alone.
#[tokio::test(flavor = "multi_thread")]
async fn one_pack_in_a_hundred_that_is_lost_is_sent_again() {
    let (anna, ben, _carla) = with_many_packs().await;
    let hit = one_in_a_hundred(&ben, &anna);
    hit.iter().for_each(|pack| std::fs::remove_file(pack).unwrap());
    assert!(until_mended(&anna, None, &hit, ASKED_DAYS).await, "people were told");
    check_all_is_well(&anna, &ben).await;
}

/// Goal: a pack that was cut off is noticed by asking alone, as one that is gone.
#[tokio::test(flavor = "multi_thread")]
async fn one_pack_in_a_hundred_that_is_cut_off_is_sent_again() {
    let (anna, ben, _carla) = with_many_packs().await;
    let hit = one_in_a_hundred(&ben, &anna);
    for pack in &hit {
        std::fs::File::options().write(true).open(pack).unwrap().set_len(PACK_BYTES as u64 / 2).unwrap();
    }
    assert!(until_mended(&anna, None, &hit, ASKED_DAYS).await, "people were told");
    check_all_is_well(&anna, &ben).await;
}

/// Goal: one bit that flipped in a pack is noticed by asking, or when the keeper reads its disk again.
#[tokio::test(flavor = "multi_thread")]
async fn one_pack_in_a_hundred_in_which_a_bit_flips_is_sent_again() {
    let (anna, ben, _carla) = with_many_packs().await;
    let hit = one_in_a_hundred(&ben, &anna);
    for (at, pack) in hit.iter().enumerate() {
        let mut bytes = std::fs::read(pack).unwrap();
        bytes[77_777 * (at + 1)] ^= 1 << at;
        std::fs::write(pack, &bytes).unwrap();
    }
    until_mended(&anna, Some(&ben), &hit, READ_DAYS).await;
    check_all_is_well(&anna, &ben).await;
}
