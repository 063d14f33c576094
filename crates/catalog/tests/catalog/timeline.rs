//! What a page gets.

use heirloom_catalog::timeline::COLUMNS_PART_PHOTOS;
use heirloom_catalog::{Arrival, BucketFilter, Derivation, Kind, Marks, View};

use crate::home::{Home, Skeleton, account, arrival, at, derivation};

/// Four photos in two months, and one put away.
fn album() -> Home {
    let home = Home::new();
    let mut film = arrival(3, 0);
    film.kind = Kind::Video;
    let film_derivation =
        Derivation { duration_ms: Some(4_200), thumbhash: None, ..derivation(Some(at(2024, 5, 3, 12))) };
    home.catalog
        .insert_derived_all(vec![
            (arrival(1, 0), derivation(Some(at(2024, 5, 3, 12)))),
            (arrival(2, 0), derivation(Some(at(2024, 5, 31, 23)))),
            (film, film_derivation),
            (arrival(4, 0), derivation(Some(at(2023, 12, 24, 18)))),
            (arrival(5, 0), derivation(Some(at(2023, 12, 25, 9)))),
        ])
        .unwrap();
    home.mark(2, Marks { favourite: true, caption: Some("Lake".to_owned()), ..Marks::default() });
    home.mark(5, Marks { favourite: true, archived: true, ..Marks::default() });
    home
}

#[test]
fn columns_as_json() {
    let home = album();
    let columns = home.catalog.columns(&account(1), View::All, 202_405, 0, true).unwrap().unwrap();
    let json = serde_json::to_string(&columns).unwrap();
    insta::assert_snapshot!(json.replace(",\"", ",\n\""), @r#"
    {"rev":6,
    "month":"2024-05",
    "part":0,
    "parts":1,
    "first":0,
    "count":3,
    "id":[2,1,-2],
    "at":[2674800,-2458800,0],
    "flags":[20,1,0],
    "owner":[0,0,0],
    "owners":["01010101-0101-4101-8101-010101010101"],
    "duration":[0,4200,0],
    "v":[1,1,1],
    "h":"AwECAwADAQID"}
    "#);
}

#[test]
fn views_and_months() {
    let home = album();
    let months = |view| -> Vec<(i32, u32)> {
        let months = home.catalog.months(&account(1), view).unwrap();
        months.iter().map(|month| (month.month, month.count)).collect()
    };
    assert_eq!(months(View::All), [(202_405, 3), (202_312, 1)]);
    assert_eq!(months(View::Favourites), [(202_405, 1)]);
    let favourites = home.skeleton(View::Favourites, None);
    assert_eq!(favourites.months[0].days, [(31, 1)]);
    assert!(home.catalog.months(&account(9), View::All).unwrap().is_empty());
    assert!(Skeleton::read(&home.catalog.skeleton(&account(9), View::All, None).unwrap()).months.is_empty());
}

#[test]
fn what_is_not_there_is_none() {
    let home = album();
    for (month, part) in [(202_404, 0), (202_405, 1), (202_405, u32::MAX), (0, 0), (i32::MAX, 0)] {
        assert_eq!(home.catalog.columns(&account(1), View::All, month, part, false).unwrap(), None);
    }
    assert_eq!(home.catalog.columns(&account(1), View::Favourites, 202_312, 0, false).unwrap(), None);
}

#[test]
fn only_what_changed_is_sent_again() {
    let home = album();
    let known = home.skeleton(View::All, None);
    let nothing = home.skeleton(View::All, Some(known.rev));
    assert_eq!((nothing.partial, nothing.months.len(), nothing.rev), (true, 0, known.rev));
    home.mark(4, Marks { archived: true, ..Marks::default() });
    let newer = home.skeleton(View::All, Some(known.rev));
    assert_eq!(
        newer.months.iter().map(|month| (month.month, month.count())).collect::<Vec<_>>(),
        [(202_312, 0)]
    );
    let changes = home.catalog.changed_since(&account(1), known.rev).unwrap();
    assert_eq!((changes.rev, changes.months), (newer.rev, vec![202_312]));
    assert_eq!(known.merged(newer).months, home.skeleton(View::All, None).months);
    for strange in [0, u32::MAX] {
        assert!(!home.skeleton(View::All, Some(strange)).partial, "{strange}");
    }
}

#[test]
fn a_corrected_date_moves_a_photo() {
    let home = album();
    let known = home.skeleton(View::All, None);
    home.mark(1, Marks { taken: Some((at(2020, 2, 29, 1), None)), ..Marks::default() });
    let newer = home.skeleton(View::All, Some(known.rev));
    let months: Vec<_> = newer.months.iter().map(|month| (month.month, month.count())).collect();
    assert_eq!(months, [(202_405, 2), (202_002, 1)]);
    let old = home.catalog.columns(&account(1), View::All, 202_405, 0, false).unwrap().unwrap();
    assert_eq!(old.id, [2, 1]);
}

#[test]
fn a_long_month_comes_in_parts() {
    let home = Home::new();
    let count = 2 * COLUMNS_PART_PHOTOS + 7;
    // Many photos of the same second, so that the order within it counts.
    let photo = |number: usize| -> (Arrival, Derivation) {
        let second = i64::try_from(number / 1_500).unwrap();
        let local_id = u32::try_from(number + 1).unwrap();
        (arrival(local_id, 0), derivation(Some(at(2024, 5, 3, 12) + second * 1_000)))
    };
    home.catalog.insert_derived_all((0..count).map(photo).collect()).unwrap();
    let mut ids = Vec::new();
    for part in 0..3 {
        let columns =
            home.catalog.columns(&account(1), View::All, 202_405, part, part == 1).unwrap().unwrap();
        assert_eq!((columns.parts, usize::try_from(columns.first).unwrap()), (3, ids.len()));
        assert_eq!(usize::try_from(columns.count).unwrap(), columns.id.len());
        let mut id = 0;
        ids.extend(columns.id.iter().map(|step| {
            id += step;
            id
        }));
    }
    let newest_first: Vec<i64> = (1..=i64::try_from(count).unwrap()).rev().collect();
    assert_eq!(ids, newest_first);
}

#[test]
fn buckets_for_other_clients() {
    let home = album();
    let buckets = |favourite, archived| -> Vec<(i32, u32)> {
        let buckets = home.catalog.buckets(&account(1), BucketFilter { favourite, archived }).unwrap();
        buckets.iter().map(|bucket| (bucket.month, bucket.count)).collect()
    };
    assert_eq!(buckets(None, Some(false)), [(202_405, 3), (202_312, 1)]);
    assert_eq!(buckets(Some(true), Some(false)), [(202_405, 1)]);
    assert_eq!(buckets(None, Some(true)), [(202_312, 1)]);
    assert_eq!(buckets(None, None), [(202_405, 3), (202_312, 2)]);
    assert_eq!(buckets(Some(false), None), [(202_405, 2), (202_312, 1)]);
    let filter = BucketFilter { archived: Some(false), favourite: None };
    let photos = home.catalog.bucket(&account(1), 202_405, filter).unwrap();
    assert_eq!(photos.iter().map(|photo| photo.local_id).collect::<Vec<_>>(), [2, 3, 1]);
    assert_eq!((photos[1].kind, photos[1].duration_ms), (Kind::Video, 4_200));
    assert!((photos[0].ratio() - 4.0 / 3.0).abs() < 1e-9);
    assert!(home.catalog.bucket(&account(9), 202_405, filter).unwrap().is_empty());
}

#[test]
fn a_page_that_watches_an_import_sees_whole_months() {
    let home = Home::new();
    let catalog = home.catalog.clone();
    let import = std::thread::spawn(move || {
        for batch in 0..30_u32 {
            let photo = |number: u32| {
                let day = i64::from(number % 60);
                (arrival(number, 0), derivation(Some(at(2024, 4, 1, 0) + day * 86_400_000)))
            };
            catalog.insert_derived_all((1..=20).map(|number| photo(batch * 20 + number)).collect()).unwrap();
        }
    });
    let mut known = home.skeleton(View::All, None);
    while !import.is_finished() {
        known = known.clone().merged(home.skeleton(View::All, Some(known.rev)));
        for month in &known.months {
            let columns =
                home.catalog.columns(&account(1), View::All, month.month, 0, false).unwrap().unwrap();
            // Later than the skeleton, never earlier; and of the same state when it says so.
            assert!(columns.rev >= month.rev);
            assert!(columns.rev > month.rev || columns.id.len() == month.count());
        }
    }
    import.join().unwrap();
    known = known.clone().merged(home.skeleton(View::All, Some(known.rev)));
    let fresh = home.skeleton(View::All, None);
    assert_eq!((known.rev, &known.months), (fresh.rev, &fresh.months));
    assert_eq!(fresh.months.iter().map(|month| month.count()).sum::<usize>(), 600);
}
