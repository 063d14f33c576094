//! Alarms and history.

use super::*;
use crate::store::{Drill, Heal, NewAlarm};

fn alarm(kind: &'static str, household: Option<u8>) -> NewAlarm {
    let (text, advice) = ("It is so.".to_owned(), "Do that.".to_owned());
    NewAlarm { kind, household: household.map(home), text, advice }
}

#[test]
fn there_is_one_alarm_of_a_kind_and_home_until_it_is_over() {
    let store = fixture();
    store.raise(&alarm("absent", Some(1)), NOW).unwrap();
    store.raise(&alarm("absent", Some(2)), NOW + 1).unwrap();
    store.raise(&alarm("phrase", None), NOW + 2).unwrap();
    store.raise(&NewAlarm { text: "Still so.".to_owned(), ..alarm("absent", Some(1)) }, NOW + 9).unwrap();
    let alarms = store.alarms().unwrap();
    assert_eq!(alarms.len(), 3);
    assert_eq!((alarms[0].kind.as_str(), alarms[0].household), ("phrase", None));
    let first = alarms.iter().find(|one| one.household == Some(home(1))).unwrap();
    assert_eq!((first.text.as_str(), first.at_ms, first.last_ms), ("Still so.", NOW, NOW + 9));
    store.alarm_seen(first.id).unwrap();
    store.raise(&alarm("absent", Some(1)), NOW + 10).unwrap();
    assert!(store.alarms().unwrap().last().unwrap().seen, "it is the same absence");
    store.lower("absent", Some(home(1))).unwrap();
    assert_eq!(store.alarms().unwrap().len(), 2);
    store.raise(&alarm("absent", Some(1)), NOW + 20).unwrap();
    assert!(!store.alarms().unwrap()[0].seen, "it is another one");
}

#[test]
fn what_happens_again_is_to_be_seen_again() {
    let store = fixture();
    store.report(&alarm("restore", Some(1)), NOW).unwrap();
    let id = store.alarms().unwrap()[0].id;
    store.report(&alarm("restore", Some(1)), NOW + 1).unwrap();
    assert_eq!(store.alarms().unwrap()[0].at_ms, NOW, "not seen yet: since when it began");
    store.alarm_seen(id).unwrap();
    store.report(&alarm("restore", Some(1)), NOW + 2).unwrap();
    let alarms = store.alarms().unwrap();
    assert_eq!((alarms.len(), alarms[0].seen, alarms[0].at_ms), (1, false, NOW + 2));
}

#[test]
fn alarms_are_bounded() {
    let store = fixture();
    for number in 0..400_i64 {
        let mut household = [0; 32];
        household[..8].copy_from_slice(&number.to_le_bytes());
        let one = NewAlarm { household: Some(HouseholdId::from_bytes(household)), ..alarm("absent", None) };
        store.raise(&one, NOW + number).unwrap();
    }
    let alarms = store.alarms().unwrap();
    assert_eq!(alarms.len(), 256);
    assert_eq!(alarms[0].at_ms, NOW + 399);
}

#[test]
fn history_is_told_newest_first() {
    let store = fixture();
    let anna = store.keeper(1);
    for (number, target) in [(1, Some(anna)), (2, None)] {
        let at_ms = NOW + i64::try_from(number).unwrap();
        store.record_drill(Drill { at_ms, target, photos: number, bytes: 10, problems: 0 }).unwrap();
        let name = "x".repeat(300);
        store.record_heal(&Heal { at_ms, content: blob("a"), name, target }).unwrap();
        store.note_growth(number, number * 10, NOW).unwrap();
    }
    let drills = store.drills(10).unwrap();
    assert_eq!(
        drills.iter().map(|one| (one.photos, one.target)).collect::<Vec<_>>(),
        [(2, None), (1, Some(anna))]
    );
    let heals = store.heals(1).unwrap();
    assert_eq!((heals.len(), heals[0].at_ms, heals[0].name.len()), (1, NOW + 2, 255));
    let growth = store.growth().unwrap();
    assert_eq!((growth.len(), growth[0].day, growth[0].photos), (1, 20_000, 2));
}
