//! Places and wishes.

use super::*;
use crate::store::{Ask, Reported, S3Place, TARGETS_MAX, TargetsError};

fn bucket() -> S3Place {
    S3Place {
        endpoint: "http://127.0.0.1:9000".to_owned(),
        bucket: "photos".to_owned(),
        prefix: "us".to_owned(),
        region: "eu".to_owned(),
        access_key: "who we are".to_owned(),
        secret_key: "very secret".to_owned(),
    }
}

#[test]
fn a_place_is_known_once_and_its_keys_are_never_shown() {
    let store = fixture();
    let places = [
        Place::Household(home(1)),
        Place::Folder("/media/usb".to_owned()),
        Place::S3(bucket()),
        Place::S3(S3Place { prefix: "others".to_owned(), ..bucket() }),
    ];
    let ids: Vec<_> =
        places.iter().map(|place| store.add_target(place, Standing::Active, NOW).unwrap()).collect();
    for (place, id) in places.iter().zip(&ids) {
        assert_eq!(store.add_target(place, Standing::Active, NOW + 1).unwrap(), *id);
    }
    let rows = store.targets().unwrap();
    assert_eq!(rows.iter().map(|row| row.place.clone()).collect::<Vec<_>>(), places);
    assert_eq!(store.target_of(&home(1)).unwrap().unwrap().id, ids[0]);
    let shown = format!("{rows:?}");
    assert!(!shown.contains("very secret") && !shown.contains("who we are"), "{shown}");
    let renewed = Place::S3(S3Place { secret_key: "newer".to_owned(), ..bucket() });
    store.add_target(&renewed, Standing::Active, NOW).unwrap();
    assert_eq!(store.target(ids[2]).unwrap().unwrap().place, renewed);
    store.remove_target(ids[0]).unwrap();
    assert_ne!(
        store.add_target(&places[0], Standing::Active, NOW).unwrap(),
        ids[0],
        "numbers are not used again"
    );
}

#[test]
fn a_bucket_has_a_limit_that_a_person_sets() {
    let store = fixture();
    let id = store.add_target(&Place::S3(bucket()), Standing::Active, NOW).unwrap();
    let limit = |id| store.target(id).unwrap().unwrap().asked_bytes;
    store.limit_bucket(id, Some(5_000)).unwrap();
    store.add_target(&Place::S3(bucket()), Standing::Active, NOW).unwrap();
    assert_eq!(limit(id), Some(5_000), "new keys change nothing of it");
    store.limit_bucket(id, None).unwrap();
    assert_eq!(limit(id), None);
    let asked = store.ask_target(home(1), 500, NOW).unwrap();
    store.limit_bucket(asked, Some(5)).unwrap();
    assert_eq!(limit(asked), Some(500), "a home is asked, not limited");
}

#[test]
fn places_are_bounded() {
    let store = fixture();
    for number in 0..TARGETS_MAX {
        store.add_target(&Place::Folder(number.to_string()), Standing::Active, NOW).unwrap();
    }
    let more = store.add_target(&Place::Folder("more".to_owned()), Standing::Active, NOW);
    assert!(matches!(more, Err(TargetsError::TooMany)));
    let long = store.add_target(&Place::Folder("x".repeat(5_000)), Standing::Active, NOW);
    assert!(matches!(long, Err(TargetsError::TooLong)));
}

#[test]
fn an_agreement_goes_through_its_life() {
    let store = fixture();
    let id = store.ask_target(home(1), 500, NOW).unwrap();
    let row = || store.target(id).unwrap().unwrap();
    assert_eq!((row().standing, row().asked_bytes), (Standing::Asked, Some(500)));
    store.target_refused(id, &"no ".repeat(2_000)).unwrap();
    assert_eq!(row().standing, Standing::Refused);
    assert_eq!(row().refusal.unwrap().chars().count(), 1024);
    store.ask_target(home(1), 300, NOW).unwrap();
    store.target_granted(id, Some(300)).unwrap();
    assert_eq!((row().standing, row().refusal, row().reported.quota), (Standing::Active, None, Some(300)));
    // It is asked for more: it keeps what it has meanwhile.
    store.ask_target(home(1), 900, NOW).unwrap();
    assert_eq!((row().standing, row().asked_bytes), (Standing::Active, Some(900)));
    store.place(id, &[store.packed("a", BlobKind::Table, &["a".to_owned()])]);
    store.leave_target(id).unwrap();
    assert_eq!(row().standing, Standing::Leaving);
    assert_eq!(store.pending_for(id, 10).unwrap(), []);
    store.target_granted(id, Some(900)).unwrap();
    assert_eq!(row().standing, Standing::Leaving, "only a person takes that back");
}

#[test]
fn a_home_is_away_only_while_others_are_reached() {
    let store = fixture();
    let (anna, ben) = (store.keeper(1), store.keeper(2));
    let policy = Policy::default();
    let away = |id| store.target(id).unwrap().unwrap().away_ms;
    store.time_passed(DAY_MS, &[anna], false).unwrap();
    assert_eq!((away(anna), away(ben), store.alone_ms().unwrap()), (0, DAY_MS, 0));
    // Nobody at all: that is this home's own line.
    store.time_passed(DAY_MS, &[], false).unwrap();
    assert_eq!((away(anna), away(ben), store.alone_ms().unwrap()), (0, DAY_MS, DAY_MS));
    // Somebody who keeps nothing was reached.
    store.time_passed(3 * DAY_MS, &[], true).unwrap();
    assert_eq!((away(anna), away(ben), store.alone_ms().unwrap()), (3 * DAY_MS, 4 * DAY_MS, 0));
    store.time_passed(-5, &[], true).unwrap();
    assert_eq!(away(ben), 4 * DAY_MS);
    let reported = Reported { quota: Some(9), used: 4, held: 1, free: Some(5) };
    store.target_seen(ben, reported, &policy, NOW).unwrap();
    let row = store.target(ben).unwrap().unwrap();
    assert_eq!((row.away_ms, row.returned_ms, row.seen_ms), (0, Some(NOW), Some(NOW)));
    assert_eq!(row.reported, reported);
    // A short absence is no return.
    store.time_passed(DAY_MS, &[anna], true).unwrap();
    store.target_seen(ben, reported, &policy, NOW + 9).unwrap();
    assert_eq!(store.target(ben).unwrap().unwrap().returned_ms, Some(NOW));
}

#[test]
fn a_disk_that_is_not_there_is_remembered_since_when() {
    let store = fixture();
    let anna = store.keeper(1);
    let row = || store.target(anna).unwrap().unwrap();
    store.target_disk_absent(anna, NOW).unwrap();
    store.target_disk_absent(anna, NOW + 5).unwrap();
    assert_eq!((row().absent_ms, row().seen_ms), (Some(NOW), Some(NOW + 5)));
    // Its copies are as far away as if it were off.
    store.time_passed(4 * DAY_MS, &[anna], true).unwrap();
    assert_eq!(row().away_ms, 4 * DAY_MS);
    assert!(!row().holder(Default::default(), true).on);
    store.set_target_full(anna, true, NOW + 6).unwrap();
    store.set_target_full(anna, true, NOW + 7).unwrap();
    store.set_target_trouble(anna, Some("odd")).unwrap();
    assert_eq!((row().full_ms, row().trouble.as_deref()), (Some(NOW + 6), Some("odd")));
    store.target_seen(anna, Reported::default(), &Policy::default(), NOW + 8).unwrap();
    store.set_target_full(anna, false, NOW + 8).unwrap();
    assert_eq!((row().absent_ms, row().full_ms, row().trouble), (None, None, None));
    assert_eq!((row().away_ms, row().returned_ms), (0, Some(NOW + 8)));
}

#[test]
fn wishes_of_others_wait_and_are_bounded() {
    let store = fixture();
    for number in 0..100 {
        store.note_ask(Ask { household: home(number), bytes: 5, at_ms: NOW + i64::from(number) }).unwrap();
    }
    assert_eq!(store.asks().unwrap().len(), 64);
    let again = Ask { household: home(0), bytes: 7, at_ms: NOW + 500 };
    store.note_ask(again).unwrap();
    assert_eq!(store.asks().unwrap().last(), Some(&again));
    store.forget_ask(&home(0)).unwrap();
    assert_eq!(store.asks().unwrap().len(), 63);
}
