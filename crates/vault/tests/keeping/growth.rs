//! How much wards take, day by day.

use heirloom_vault::Room;
use heirloom_vault::policy::forecast::{LOOK_BACK_DAYS, bytes_per_month};

use crate::world::{DAY_MS, Home, Household, QUOTA, pack};

/// Goal: a keeper knows how fast what each ward takes grows, ward by ward, for half a year and no longer.
#[test]
fn what_wards_take_is_noted_day_by_day() {
    let home = Home::new();
    let wards = [Household::new(9), Household::new(10)].map(|ward| ward.id());
    for ward in &wards {
        home.keeper.agree(ward, QUOTA, 5, [3; 16]).unwrap();
    }
    for day in 0..30 {
        let (pack, content) = pack(u32::try_from(day).unwrap(), 70_000);
        home.keeper.put(&wards[0], &pack, &content, Room::Common).unwrap();
        // The last word of a day counts.
        home.keeper.note_growth(day * DAY_MS).unwrap();
        home.keeper.note_growth(day * DAY_MS + 1).unwrap();
    }
    let grown = home.keeper.growth(&wards[0]).unwrap();
    assert_eq!((grown.len(), grown[0].day, grown[29].bytes), (30, 0, 30 * 70_000));
    let month = bytes_per_month(&grown).unwrap();
    assert!((2_000_000..2_300_000).contains(&month), "{month}");
    assert_eq!(bytes_per_month(&home.keeper.growth(&wards[1]).unwrap()), Some(0));

    home.keeper.note_growth((29 + 2 * LOOK_BACK_DAYS) * DAY_MS).unwrap();
    assert_eq!(home.keeper.growth(&wards[0]).unwrap().len(), 2, "the last of then, and today");
    assert_eq!(home.keeper.growth(&Household::new(11).id()).unwrap(), []);
}
