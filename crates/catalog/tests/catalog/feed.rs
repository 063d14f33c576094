//! What goes in, twice and in odd orders.

use heirloom_catalog::{AssetRef, CatalogError, DatedBy, Derivation, Marks, State, View};

use crate::home::{Home, account, arrival, arrival_of, at, derivation};

#[test]
fn a_photo_is_in_the_timeline_before_it_is_derived() {
    let home = Home::new();
    assert_eq!(home.catalog.insert(&[arrival(1, at(2024, 5, 3, 12))]).unwrap(), 1);
    let skeleton = home.skeleton(View::All, None);
    assert_eq!((skeleton.months[0].month, &skeleton.months[0].days), (202_405, &vec![(3, 1)]));
    let columns = home.catalog.columns(&account(1), View::All, 202_405, 0, true).unwrap().unwrap();
    assert_eq!((columns.flags, columns.v, columns.h.as_deref()), (vec![64], vec![0], Some("AA==")));
    assert_eq!(home.catalog.counts().unwrap().waiting, 1);

    assert!(home.catalog.derived(1, derivation(Some(at(2023, 1, 2, 3)))).unwrap());
    let skeleton = home.skeleton(View::All, None);
    assert_eq!(skeleton.months.len(), 1);
    assert_eq!((skeleton.months[0].month, skeleton.months[0].colours[0]), (202_301, 0xf800));
    let columns = home.catalog.columns(&account(1), View::All, 202_301, 0, true).unwrap().unwrap();
    assert_eq!((columns.flags, columns.v, columns.h.as_deref()), (vec![0], vec![1], Some("AwECAw==")));
    assert_eq!(home.catalog.counts().unwrap().waiting, 0);
}

#[test]
fn what_comes_twice_changes_nothing() {
    let home = Home::new();
    let arrivals = [arrival(1, 0), arrival(2, 0)];
    assert_eq!(home.catalog.insert(&arrivals).unwrap(), 2);
    let (digest, rev) = (home.catalog.digest().unwrap(), home.catalog.revision(&account(1)).unwrap());
    assert_eq!(home.catalog.insert(&arrivals).unwrap(), 0);
    let marks = (arrivals[0].asset, Marks::default());
    assert_eq!(home.catalog.marked(&[marks.clone(), marks]).unwrap(), 0);
    assert_eq!(home.catalog.digest().unwrap(), digest);
    assert_eq!(home.catalog.revision(&account(1)).unwrap(), rev);
    assert_eq!(home.catalog.fed().unwrap().assets, 2);
    assert_eq!(home.catalog.fed().unwrap().last_local_id, 2);
}

#[test]
fn a_number_never_stands_for_two_photos() {
    let home = Home::new();
    home.catalog.insert(&[arrival(1, 0)]).unwrap();
    let mut other = arrival(2, 0);
    other.local_id = 1;
    let mut moved = arrival(1, 0);
    moved.local_id = 9;
    for wrong in [other, moved] {
        let error = home.catalog.insert(&[arrival(3, 0), wrong.clone()]).unwrap_err();
        assert!(
            matches!(error, CatalogError::OutOfStep { local_id } if local_id == wrong.local_id),
            "{error}"
        );
    }
    assert_eq!(home.catalog.fed().unwrap().assets, 1, "a batch is taken whole or not at all");
}

#[test]
fn marks_may_come_before_their_photo() {
    let home = Home::new();
    let photo = arrival(1, 0);
    let marks = Marks { favourite: true, taken: Some((at(1999, 12, 31, 23), Some(60))), ..Marks::default() };
    assert_eq!(home.catalog.marked(&[(photo.asset, marks)]).unwrap(), 1);
    home.catalog.insert_derived(photo, derivation(Some(at(2024, 1, 1, 0)))).unwrap();
    let detail = home.catalog.asset(&AssetRef::Local(1)).unwrap().unwrap();
    assert_eq!((detail.favourite, detail.month, detail.dated_by), (true, 199_912, DatedBy::Person));
    assert_eq!(detail.taken_utc_ms(), at(1999, 12, 31, 22));
    assert_eq!(home.catalog.counts().unwrap().waiting, 0, "an import that derived leaves no job");
}

#[test]
fn a_file_that_fails_keeps_its_place() {
    let home = Home::new();
    home.catalog.insert(&[arrival(1, at(2024, 5, 3, 12))]).unwrap();
    assert!(home.catalog.failed(1, "the picture is cut off", 7).unwrap());
    let detail = home.catalog.asset(&AssetRef::Local(1)).unwrap().unwrap();
    assert_eq!((detail.state, detail.failure.as_deref()), (State::Failed, Some("the picture is cut off")));
    let columns = home.catalog.columns(&account(1), View::All, 202_405, 0, false).unwrap().unwrap();
    assert_eq!((columns.flags, columns.h), (vec![32], None));
    home.catalog.derived(1, derivation(None)).unwrap();
    home.catalog.failed(1, "a later version cannot read it", 8).unwrap();
    let detail = home.catalog.asset(&AssetRef::Local(1)).unwrap().unwrap();
    assert_eq!((detail.state, detail.failure), (State::Derived, None), "its pictures are still there");
    assert_eq!(home.catalog.problems(9).unwrap().len(), 1);
}

#[test]
fn unknown_photos_are_said_to_be_unknown() {
    let home = Home::new();
    assert!(!home.catalog.derived(5, Derivation::default()).unwrap());
    assert!(!home.catalog.failed(5, "?", 0).unwrap());
    assert!(home.catalog.asset(&AssetRef::Local(5)).unwrap().is_none());
    assert!(home.catalog.problems(9).unwrap().is_empty());
}

#[test]
fn accounts_are_kept_apart() {
    let home = Home::new();
    home.catalog.insert(&[arrival_of(account(1), 1, 0), arrival_of(account(2), 2, 0)]).unwrap();
    for (number, local_id) in [(1, 1_i64), (2, 2)] {
        let columns = home.catalog.columns(&account(number), View::All, 197_001, 0, false).unwrap().unwrap();
        assert_eq!((columns.id, columns.owners), (vec![local_id], vec![account(number)]));
        assert_eq!(home.catalog.statistics(&account(number)).unwrap().images, 1);
        assert_eq!(home.catalog.revision(&account(number)).unwrap(), 1);
    }
    let totals = home.catalog.totals().unwrap();
    assert_eq!((totals.assets, totals.bytes, totals.accounts), (2, 2_003, 2));
}

#[test]
fn a_rebuilt_catalog_continues_its_revisions() {
    let old = Home::new();
    old.catalog.insert(&[arrival(1, 0), arrival(2, 0)]).unwrap();
    let new = Home::new();
    new.catalog.raise_revisions(old.catalog.revision_high().unwrap() + 1).unwrap();
    new.catalog.insert(&[arrival(1, 0)]).unwrap();
    assert_eq!(new.catalog.revision(&account(1)).unwrap(), 4);
    assert_eq!(new.catalog.revision_high().unwrap(), 4);
    assert!(!new.skeleton(View::All, Some(3)).months.is_empty());
}
