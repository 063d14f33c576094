//! Whatever happened, in whatever order: a catalog that is thrown away and fed again is equal, and a page
//! that only ever asked for what changed sees the same as one that just came.

use std::collections::{BTreeMap, BTreeSet};

use heirloom_catalog::{Arrival, Catalog, Derivation, Kind, Marks, View};
use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::*;

use crate::home::{Home, Skeleton, account, arrival_of, at};

/// Photos in a history: few, so that their steps meet.
const PHOTOS: u32 = 9;

#[derive(Debug, Clone)]
enum Step {
    Arrive(u32),
    ArriveDerived(u32, Derivation),
    Derive(u32, Derivation),
    Fail(u32),
    Mark(u32, Marks),
    Look,
}

fn step() -> impl Strategy<Value = Step> {
    let photo = || 1..=PHOTOS;
    prop_oneof![
        3 => photo().prop_map(Step::Arrive),
        2 => (photo(), derivation()).prop_map(|(photo, derivation)| Step::ArriveDerived(photo, derivation)),
        3 => (photo(), derivation()).prop_map(|(photo, derivation)| Step::Derive(photo, derivation)),
        1 => photo().prop_map(Step::Fail),
        4 => (photo(), marks()).prop_map(|(photo, marks)| Step::Mark(photo, marks)),
        2 => Just(Step::Look),
    ]
}

fn time() -> impl Strategy<Value = i64> {
    prop_oneof![
        5 => (2023_i64..2025, 1_i64..=3, 1_i64..=28, 0_i64..24).prop_map(|(y, m, d, h)| at(y, m, d, h)),
        1 => any::<i64>(),
    ]
}

fn derivation() -> impl Strategy<Value = Derivation> {
    let size = (0_u32..5_000, 0_u32..5_000, of(any::<u32>()));
    let date = (of(time()), of(-840_i32..840));
    let place = (of(-100.0..100.0), of(prop_oneof![Just(f64::NAN), -180.0..180.0]));
    let words = (of("[ a-z]{0,4}"), of(0_u8..7), vec("[a-z]{0,3}", 0..3));
    let look = (of(vec(any::<u8>(), 0..300)), of(any::<[u8; 3]>()), 1_u32..3);
    (size, date, place, words, look).prop_map(|(size, date, place, words, look)| Derivation {
        width: size.0,
        height: size.1,
        duration_ms: size.2,
        taken_local_ms: date.0,
        offset_minutes: date.1,
        latitude: place.0,
        longitude: place.1,
        description: words.0,
        rating: words.1,
        warnings: words.2,
        thumbhash: look.0,
        colour: look.1,
        version: look.2,
        ..Derivation::default()
    })
}

fn marks() -> impl Strategy<Value = Marks> {
    let place = (-90.0..90.0, -180.0..180.0);
    let taken = (time(), of(-840_i32..840));
    (any::<bool>(), any::<bool>(), of("[ a-z]{0,4}"), of(0_u8..6), of(taken), of(place)).prop_map(
        |(favourite, archived, caption, rating, taken, place)| Marks {
            favourite,
            archived,
            caption,
            rating,
            taken,
            place,
        },
    )
}

/// The ledger's row of a photo.
fn photo(local_id: u32) -> Arrival {
    let mut arrival =
        arrival_of(account(u8::from(local_id > 6) + 1), local_id, i64::from(local_id) * 86_400_000);
    if local_id.is_multiple_of(4) {
        arrival.kind = Kind::Video;
    }
    arrival
}

/// What is left of a history when the catalog is gone.
#[derive(Default)]
struct Truth {
    ledger: BTreeSet<u32>,
    derived: BTreeMap<u32, Derivation>,
    failed: BTreeSet<u32>,
    marks: BTreeMap<u32, Marks>,
}

impl Truth {
    fn derive(&mut self, local_id: u32, derivation: Derivation) {
        if self.ledger.contains(&local_id) {
            self.failed.remove(&local_id);
            self.derived.insert(local_id, derivation);
        }
    }

    /// Feeds a new catalog: arrivals in the order of the ledger, then the rest in either order.
    fn feed(&self, catalog: &Catalog, marks_first: bool) {
        let arrivals: Vec<Arrival> = self.ledger.iter().copied().map(photo).collect();
        let marks: Vec<_> = self.marks.iter().map(|(id, marks)| (photo(*id).asset, marks.clone())).collect();
        if marks_first {
            catalog.marked(&marks).unwrap();
        }
        catalog.insert(&arrivals).unwrap();
        for (local_id, derivation) in self.derived.clone() {
            assert!(catalog.derived(local_id, derivation).unwrap());
        }
        for local_id in &self.failed {
            catalog.failed(*local_id, "unreadable", 99).unwrap();
        }
        catalog.marked(&marks).unwrap();
    }
}

/// Does one step to the catalog and to the truth beside it.
fn take(step: Step, catalog: &Catalog, truth: &mut Truth) {
    match step {
        Step::Arrive(id) => {
            catalog.insert(&[photo(id)]).unwrap();
            truth.ledger.insert(id);
        }
        Step::ArriveDerived(id, derivation) => {
            catalog.insert_derived(photo(id), derivation.clone()).unwrap();
            truth.ledger.insert(id);
            truth.derive(id, derivation);
        }
        Step::Derive(id, derivation) => {
            assert_eq!(catalog.derived(id, derivation.clone()).unwrap(), truth.ledger.contains(&id));
            truth.derive(id, derivation);
        }
        Step::Fail(id) => {
            assert_eq!(catalog.failed(id, "unreadable", 7).unwrap(), truth.ledger.contains(&id));
            if truth.ledger.contains(&id) && !truth.derived.contains_key(&id) {
                truth.failed.insert(id);
            }
        }
        Step::Mark(id, marks) => {
            catalog.marked(&[(photo(id).asset, marks.clone())]).unwrap();
            truth.marks.insert(id, marks);
        }
        Step::Look => {}
    }
}

/// A page that knows a view and asks only for what changed.
fn look(catalog: &Catalog, view: View, known: Option<Skeleton>) -> Skeleton {
    let since = known.as_ref().map(|known| known.rev);
    let newer = Skeleton::read(&catalog.skeleton(&account(1), view, since).unwrap());
    match known {
        Some(known) => known.merged(newer),
        None => newer,
    }
}

/// Columns and skeleton describe the same photos in the same order.
fn check_columns(catalog: &Catalog, view: View, skeleton: &Skeleton) {
    for month in &skeleton.months {
        let columns = catalog.columns(&account(1), view, month.month, 0, true).unwrap().unwrap();
        assert_eq!((columns.rev, columns.id.len()), (month.rev, month.count()));
        let mut seconds = 0;
        let mut days: Vec<(u32, u32)> = Vec::new();
        for step in &columns.at {
            seconds += step;
            let day = u32::try_from(seconds / 86_400 + 1).unwrap();
            match days.last_mut() {
                Some((last, count)) if *last == day => *count += 1,
                _ => days.push((day, 1)),
            }
        }
        assert_eq!(days, month.days);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn a_rebuilt_catalog_is_equal(steps in vec(step(), 0..40), marks_first: bool) {
        let home = Home::new();
        let mut truth = Truth::default();
        let mut pages: BTreeMap<View, Skeleton> = BTreeMap::new();
        for step in steps {
            let looks = matches!(step, Step::Look);
            take(step, &home.catalog, &mut truth);
            for view in [View::All, View::Favourites] {
                if looks {
                    let seen = look(&home.catalog, view, pages.remove(&view));
                    check_columns(&home.catalog, view, &seen);
                    pages.insert(view, seen);
                }
            }
        }
        for view in [View::All, View::Favourites] {
            let fresh = look(&home.reopened(), view, None);
            let seen = look(&home.catalog, view, pages.remove(&view));
            prop_assert_eq!(Skeleton { partial: false, ..seen }, fresh);
        }
        let waiting = truth.ledger.len() - truth.derived.len() - truth.failed.len();
        let counts = home.catalog.counts().unwrap();
        prop_assert_eq!(usize::try_from(counts.waiting).unwrap(), waiting);
        prop_assert_eq!(home.catalog.queue_due(1, 0).unwrap(), 0, "no photo lacks a job");

        let rebuilt = Home::new();
        truth.feed(&rebuilt.catalog, marks_first);
        prop_assert_eq!(home.catalog.dump().unwrap(), rebuilt.catalog.dump().unwrap());
        prop_assert_eq!(home.catalog.digest().unwrap(), rebuilt.catalog.digest().unwrap());
        if let Some(id) = truth.ledger.first() {
            let marks = Marks { caption: Some("another".to_owned()), ..Marks::default() };
            rebuilt.catalog.marked(&[(photo(*id).asset, marks)]).unwrap();
            prop_assert_ne!(home.catalog.digest().unwrap(), rebuilt.catalog.digest().unwrap());
        }
    }
}
