//! Random histories of edits, reopenings and lost snapshots always give what a plain map would.

use std::collections::BTreeMap;

use heirloom_identity::AssetId;
use heirloom_spaces::{Edit, MarkChange, Marks, PlaceMark, TakenMark};
use proptest::prelude::*;

use crate::home::{Home, NOW_MS, all, asset, edit, month};

/// What happens to a library.
#[derive(Debug, Clone)]
enum Step {
    Edit(Vec<Edit>),
    Reopen,
    LoseSnapshots,
}

fn change() -> impl Strategy<Value = MarkChange> {
    let taken = (any::<i64>(), prop::option::of(-1080..=1080_i32))
        .prop_map(|(local_ms, offset_minutes)| TakenMark { local_ms, offset_minutes });
    let place = (-90.0..=90.0_f64, -180.0..=180.0_f64)
        .prop_map(|(latitude, longitude)| PlaceMark { latitude, longitude });
    prop_oneof![
        any::<bool>().prop_map(MarkChange::Favourite),
        prop::option::of("\\PC{0,12}").prop_map(MarkChange::Caption),
        prop::option::of(0..=5_u8).prop_map(MarkChange::Rating),
        any::<bool>().prop_map(MarkChange::Archived),
        prop::option::of(taken).prop_map(MarkChange::Taken),
        prop::option::of(place).prop_map(MarkChange::Place),
    ]
}

/// Asset `n` was added in month `n` of 2026, so that more documents are used than stay loaded.
fn one_edit() -> impl Strategy<Value = Edit> {
    (1..=12_u8, change()).prop_map(|(n, change)| edit(n, 202_600 + i32::from(n), change))
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => prop::collection::vec(one_edit(), 0..8).prop_map(Step::Edit),
        1 => Just(Step::Reopen),
        1 => Just(Step::LoseSnapshots),
    ]
}

fn apply(model: &mut BTreeMap<AssetId, Marks>, edit: &Edit) {
    let marks = model.entry(edit.asset).or_default();
    match edit.change.clone() {
        MarkChange::Favourite(yes) => marks.favourite = yes,
        MarkChange::Caption(text) => marks.caption = text,
        MarkChange::Rating(stars) => marks.rating = stars,
        MarkChange::Archived(yes) => marks.archived = yes,
        MarkChange::Taken(taken) => marks.taken = taken,
        MarkChange::Place(place) => marks.place = place,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn a_library_is_a_map_that_survives(steps in prop::collection::vec(step(), 1..25)) {
        let home = Home::new();
        let mut library = home.library();
        let mut model: BTreeMap<AssetId, Marks> = BTreeMap::new();
        for step in steps {
            match step {
                Step::Edit(edits) => {
                    edits.iter().for_each(|edit| apply(&mut model, edit));
                    for (asset, marks) in library.edit(&edits, NOW_MS).unwrap() {
                        prop_assert_eq!(&marks, &model[&asset]);
                    }
                }
                Step::Reopen => library = home.library(),
                Step::LoseSnapshots => home.sql("DELETE FROM library_snapshots"),
            }
        }
        model.retain(|_, marks| *marks != Marks::default());
        prop_assert_eq!(&all(&library), &model);
        prop_assert_eq!(&all(&home.library()), &model);
        prop_assert_eq!(library.verify().unwrap().damage, vec![]);
    }
}

#[test]
fn many_changes_make_a_snapshot_that_may_be_lost() {
    let home = Home::new();
    let library = home.library();
    for n in 0..=600_u32 {
        let change = MarkChange::Caption(Some(n.to_string()));
        library.edit(&[edit(u8::try_from(n % 5).unwrap(), 202_607, change)], NOW_MS).unwrap();
    }
    let before = all(&library);
    assert_eq!(home.count("SELECT through FROM library_snapshots"), 512, "one every 256 changes");
    assert_eq!(all(&home.library()), before);
    home.sql("DELETE FROM library_snapshots");
    let library = home.library();
    assert_eq!(all(&library), before);
    // The next edit notices that much was replayed.
    library.edit(&[edit(1, 202_607, MarkChange::Favourite(true))], NOW_MS).unwrap();
    assert_eq!(home.count("SELECT through FROM library_snapshots"), 602);
    assert!(home.library().marks(&asset(1), month(202_607)).unwrap().favourite);
}
