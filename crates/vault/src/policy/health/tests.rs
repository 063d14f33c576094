//! What people read, state by state.

use proptest::prelude::*;

use super::*;
use crate::policy::{DAY_MS, HOMES_COUNTED_MAX};

const NOW: i64 = 20_000 * DAY_MS;

fn photos(none: u64, one: u64, two: u64) -> PhotoCounts {
    let mut in_homes = [0; HOMES_COUNTED_MAX + 1];
    (in_homes[0], in_homes[1], in_homes[2]) = (none, one, two);
    PhotoCounts { total: none + one + two, in_homes, nowhere: none, ..PhotoCounts::default() }
}

fn home(name: &str) -> HomeFacts {
    HomeFacts {
        name: name.to_owned(),
        standing: Standing::Active,
        photos: 100,
        pending_packs: 0,
        lost: 0,
        stale: 0,
        away_ms: 0,
        absent_ms: None,
        full: false,
        refusal: None,
        trouble: None,
        behind_ms: 0,
    }
}

/// Everything is as it should be.
fn well() -> Facts {
    Facts {
        now_ms: NOW,
        enabled: true,
        enabled_ms: NOW - 100 * DAY_MS,
        books_owed: false,
        photos: photos(0, 0, 8_310),
        homes: vec![home("Nonna"), home("The Smiths")],
        places: Vec::new(),
        alone_ms: 0,
        unlisted_ms: 0,
        phrase_verified_ms: Some(NOW - 90 * DAY_MS),
        drills: DrillFacts { last: Some((NOW - 3 * DAY_MS, 0)), possible_since_ms: Some(NOW - 90 * DAY_MS) },
        originals: OriginalFacts::default(),
        deletions: DeletionFacts::default(),
        disk_is_full: false,
    }
}

fn check(facts: &Facts, level: Level, kinds: &[&str], sentence: &str) {
    let health = assess(facts, &Policy::default());
    assert_eq!(health.sentence, sentence);
    assert_eq!(health.level, level, "{health:#?}");
    assert_eq!(health.reasons.iter().map(|reason| reason.kind).collect::<Vec<_>>(), kinds);
}

const SAFE: &str = "Every photo is complete in 2 other homes. All copies checked within 30 days.";

#[test]
fn all_is_well() {
    check(&well(), Level::Safe, &[], SAFE);
    assert_eq!(assess(&well(), &Policy::default()).complete_homes, 2);
    let none = Facts { photos: photos(0, 0, 0), ..well() };
    check(&none, Level::Safe, &[], "There are no photos here yet.");
}

/// Goal: while it is not known where copies are, nothing is called safe, and nothing is said to be nowhere.
#[test]
fn lost_books_are_never_safe() {
    let sentence = "What this home knew about its copies was lost, and is made anew from them. Until that is done, nobody \
                    here can say which photos are safe.";
    for counted in [photos(0, 0, 0), photos(8_310, 0, 0), photos(0, 0, 8_310)] {
        let owed = Facts { books_owed: true, photos: counted, ..well() };
        check(&owed, Level::Danger, &["booksOwed"], sentence);
        check(&Facts { homes: Vec::new(), ..owed }, Level::Danger, &["booksOwed"], sentence);
    }
}

#[test]
fn a_home_without_photos_loses_none() {
    let empty = "There are no photos here yet.";
    let alone = Facts { photos: photos(0, 0, 0), homes: Vec::new(), ..well() };
    check(&alone, Level::Off, &["noHome"], empty);
    let nonna = |home: HomeFacts| Facts { homes: vec![HomeFacts { photos: 0, ..home }], ..alone.clone() };
    let leaving = nonna(HomeFacts { standing: Standing::Leaving, ..home("Nonna") });
    check(&leaving, Level::Off, &["noHome"], empty);
    let one = format!("{empty} Only 1 other home keeps copies for you.");
    check(&nonna(home("Nonna")), Level::Attention, &["oneHome"], &one);
    // Nothing is in danger where there is nothing.
    for days in [5, 14] {
        let facts = nonna(HomeFacts { away_ms: days * DAY_MS, ..home("Nonna") });
        assert_eq!(assess(&facts, &Policy::default()).level, Level::Attention, "{days}");
    }
    let line = Facts { alone_ms: 6 * DAY_MS, ..nonna(home("Nonna")) };
    assert_eq!(assess(&line, &Policy::default()).level, Level::Attention);
}

#[test]
fn the_only_home_is_left() {
    // What is counted leaves such a home out: its copies are on their way out.
    let leaving = HomeFacts { standing: Standing::Leaving, photos: 8_310, ..home("Nonna") };
    let facts = Facts { homes: vec![leaving], photos: photos(8_310, 0, 0), ..well() };
    let sentence =
        "Your photos are in this home, and for a while longer at Nonna; no other home keeps copies.";
    check(&facts, Level::Off, &["noHome"], sentence);
    let disk = PlaceFacts {
        name: "the blue disk".to_owned(),
        photos: 8_310,
        lost: 0,
        stale: 0,
        absent_ms: None,
        full: false,
    };
    check(
        &Facts { places: vec![disk], ..facts },
        Level::Attention,
        &["noHome"],
        "0 of 8,310 photos are complete in another home. Your photos are here, on a second disk, and for a while \
         longer at Nonna; no other home keeps copies.",
    );
}

#[test]
fn another_computer_is_the_home() {
    let health = replaced(&photos(4, 1, 0));
    assert_eq!((health.level, health.complete_homes), (Level::Attention, 0));
    assert_eq!(health.sentence, "Another computer has taken the place of this one.");
    let [reason] = &health.reasons[..] else { panic!("{health:#?}") };
    assert_eq!((reason.kind, reason.level, &reason.text), ("outranked", Level::Attention, &health.sentence));
    assert!(reason.advice.contains("new computer") && reason.advice.contains("plain files"));
}

#[test]
fn nobody_keeps_anything_yet() {
    let facts = Facts { homes: Vec::new(), photos: photos(8_310, 0, 0), ..well() };
    let only_here = "Your photos are only in this home. If it burns down, they are gone.";
    check(&facts, Level::Off, &["noHome"], only_here);
    let new = Facts { enabled: false, ..facts.clone() };
    check(&new, Level::Off, &["notSetUp"], "Copies in other homes are not set up yet.");
    let disk = PlaceFacts {
        name: "the blue disk".to_owned(),
        photos: 8_310,
        lost: 0,
        stale: 0,
        absent_ms: Some(NOW - 31 * DAY_MS),
        full: false,
    };
    let disk = Facts { places: vec![disk], ..facts.clone() };
    check(
        &disk,
        Level::Attention,
        &["noHome", "placeAbsent"],
        "0 of 8,310 photos are complete in another home. Your photos are here and on a second disk, but in no other \
         home.",
    );
    let asked = HomeFacts { standing: Standing::Asked, photos: 0, ..home("Nonna") };
    check(
        &Facts { homes: vec![asked], ..facts },
        Level::Attention,
        &["asked"],
        "0 of 8,310 photos are complete in another home. Nonna has not answered yet whether it keeps copies for you.",
    );
}

#[test]
fn copies_are_on_the_way() {
    let sending = |name| HomeFacts { pending_packs: 7, ..home(name) };
    let homes = vec![sending("Nonna"), sending("The Smiths")];
    let first = Facts { homes: homes.clone(), photos: photos(7_000, 106, 1_204), ..well() };
    check(&first, Level::Attention, &["uploading"], "1,204 of 8,310 photos are complete in 2 other homes.");
    assert_eq!(
        assess(&first, &Policy::default()).reasons[0].text,
        "Copies are on the way: 1,204 of 8,310 photos are complete in 2 other homes."
    );
    let new = Facts { homes: homes.clone(), photos: photos(10, 2, 8_310), ..well() };
    let sentence = "All photos but 12 photos are complete in 2 other homes; the rest are on the way.";
    check(&new, Level::Attention, &["uploading"], &sentence.replace("12 photos", "12"));
    let one = Facts { homes, photos: photos(1, 0, 8_310), ..well() };
    let sentence = "All photos but one are complete in 2 other homes; it is on the way.";
    check(&one, Level::Attention, &["uploading"], sentence);
    let stuck = Facts { photos: photos(10, 0, 8_310), ..well() };
    check(&stuck, Level::Attention, &["incomplete"], "All photos but 10 are complete in 2 other homes.");
}

#[test]
fn one_home_is_not_enough() {
    let facts = Facts { homes: vec![home("Nonna")], photos: photos(0, 8_310, 0), ..well() };
    check(
        &facts,
        Level::Attention,
        &["oneHome"],
        "Every photo is complete in 1 other home. Only 1 other home keeps copies for you.",
    );
    // A household that wishes for one copy is not told that it is safe either.
    let policy = Policy { copies: 1, ..Policy::default() };
    assert_eq!(assess(&facts, &policy).level, Level::Attention);
}

#[test]
fn a_home_is_missing() {
    let away = |days: i64| Facts {
        homes: vec![HomeFacts { away_ms: days * DAY_MS, ..home("Nonna") }, home("The Smiths")],
        ..well()
    };
    check(&away(2), Level::Safe, &[], SAFE);
    let so = |days: u32| format!("Nonna has not been reached for {days} days.");
    check(&away(3), Level::Attention, &["away"], &format!("{SAFE} {}", so(3)));
    check(&away(5), Level::Danger, &["absent"], &format!("{} {SAFE}", so(5)));
    check(&away(14), Level::Attention, &["replaced"], &format!("{SAFE} {}", so(14)));
    let alone = Facts { photos: photos(0, 8_310, 0), ..away(14) };
    let health = assess(&alone, &Policy::default());
    assert_eq!(health.level, Level::Danger);
    assert_eq!(health.sentence, format!("{} Every photo is complete in 1 other home.", so(14)));
}

#[test]
fn the_own_line_is_down() {
    let facts = |hours: i64| Facts { alone_ms: hours * DAY_MS / 24, ..well() };
    check(&facts(5), Level::Safe, &[], SAFE);
    let so = "This home has not reached any other home for";
    check(&facts(6), Level::Attention, &["alone"], &format!("{SAFE} {so} some hours."));
    check(&facts(49), Level::Attention, &["alone"], &format!("{SAFE} {so} 2 days."));
    check(&facts(5 * 24), Level::Danger, &["alone"], &format!("{so} 5 days. {SAFE}"));
}

#[test]
fn a_keeper_is_full_refuses_or_has_no_disk() {
    let with = |change: fn(&mut HomeFacts), photos| {
        let mut facts = Facts { photos, ..well() };
        change(&mut facts.homes[0]);
        facts
    };
    let full = with(|home| home.full = true, photos(0, 8_310, 0));
    check(
        &full,
        Level::Attention,
        &["incomplete", "full"],
        "Every photo is complete in 1 other home. Nonna has no more room for your photos.",
    );
    let refused = |home: &mut HomeFacts| {
        home.standing = Standing::Refused;
        home.refusal = Some("my disk is small".to_owned());
    };
    check(
        &with(refused, photos(0, 8_310, 0)),
        Level::Attention,
        &["oneHome", "refused"],
        "Every photo is complete in 1 other home. Only 1 other home keeps copies for you.",
    );
    let reasons = assess(&with(refused, photos(0, 8_310, 0)), &Policy::default()).reasons;
    assert_eq!(reasons[1].text, "Nonna does not keep copies for you (“my disk is small”).");
    let absent = with(|home| home.absent_ms = Some(NOW - DAY_MS), photos(0, 0, 8_310));
    check(
        &absent,
        Level::Attention,
        &["diskAbsent"],
        &format!("{SAFE} Nonna is on, but the disk with your copies is not plugged in there."),
    );
}

#[test]
fn a_loss_was_found() {
    let lost = HomeFacts { lost: 3, pending_packs: 3, ..home("Nonna") };
    let facts = Facts { homes: vec![lost, home("The Smiths")], photos: photos(0, 40, 8_270), ..well() };
    let found = "A check found 3 parts of your photos damaged or gone at Nonna.";
    check(
        &facts,
        Level::Attention,
        &["uploading", "lost"],
        &format!("All photos but 40 are complete in 2 other homes; the rest are on the way. {found}"),
    );
    let worse = Facts { photos: photos(5, 35, 8_270), ..facts };
    let health = assess(&worse, &Policy::default());
    assert_eq!((health.level, health.reasons[0].text.as_str()), (Level::Danger, found));
}

#[test]
fn copies_were_not_checked() {
    let stale = HomeFacts { stale: 9, ..home("Nonna") };
    let facts = Facts { homes: vec![stale, home("The Smiths")], photos: photos(0, 8_310, 0), ..well() };
    check(
        &facts,
        Level::Attention,
        &["incomplete", "unchecked"],
        "Every photo is complete in 1 other home. Some copies at Nonna have not been checked for 30 days.",
    );
}

/// Next to two homes that proved everything stands one, or a disk, that did not: not all was checked.
#[test]
fn all_is_checked_only_when_all_is_checked() {
    let stale = HomeFacts { stale: 9, ..home("The Joneses") };
    let facts = Facts { homes: vec![home("Nonna"), home("The Smiths"), stale], ..well() };
    check(
        &facts,
        Level::Attention,
        &["unchecked"],
        "Every photo is complete in 2 other homes. Some copies at The Joneses have not been checked for 30 days.",
    );
    let disk = PlaceFacts {
        name: "the blue disk".to_owned(),
        photos: 9,
        lost: 0,
        stale: 1,
        absent_ms: None,
        full: false,
    };
    let facts = Facts { places: vec![disk], ..well() };
    check(&facts, Level::Safe, &[], "Every photo is complete in 2 other homes.");
}

#[test]
fn a_home_takes_nothing_new() {
    let rest = photos(10, 0, 8_310);
    let sentence = "All photos but 10 are complete in 2 other homes.";
    let broken = HomeFacts { pending_packs: 7, trouble: Some("no".to_owned()), ..home("Nonna") };
    let facts = Facts { homes: vec![broken, home("The Smiths")], photos: rest, ..well() };
    let told = format!("{sentence} Something goes wrong with the copies at Nonna.");
    check(&facts, Level::Attention, &["incomplete", "trouble"], &told);
    let full = HomeFacts { pending_packs: 7, full: true, ..home("Nonna") };
    let facts = Facts { homes: vec![full, home("The Smiths")], photos: rest, ..well() };
    let told = format!("{sentence} Nonna has no more room for your photos.");
    check(&facts, Level::Attention, &["incomplete", "full"], &told);
    let behind = |days: i64, photos| Facts {
        homes: vec![HomeFacts { behind_ms: days * DAY_MS, ..home("Nonna") }, home("The Smiths")],
        photos,
        ..well()
    };
    let late = "The newest list of your photos has not reached Nonna for 5 days.";
    check(&behind(2, rest), Level::Attention, &["incomplete"], sentence);
    check(&behind(5, rest), Level::Danger, &["behind", "incomplete"], &format!("{late} {sentence}"));
    check(&behind(5, photos(0, 0, 8_310)), Level::Attention, &["behind"], &format!("{SAFE} {late}"));
}

#[test]
fn what_is_new_could_not_be_listed_for_days() {
    let facts = |days: i64| Facts { unlisted_ms: days * DAY_MS, ..well() };
    check(&facts(2), Level::Safe, &[], SAFE);
    let told =
        |days| format!("{SAFE} What is new here has not been saved in any other home for {days} days.");
    check(&facts(3), Level::Attention, &["unlisted"], &told(3));
    let told = format!("What is new here has not been saved in any other home for 6 days. {SAFE}");
    check(&facts(6), Level::Danger, &["unlisted"], &told);
    // Without anybody to save it at, that is what is said.
    let alone = Facts { homes: Vec::new(), photos: photos(8_310, 0, 0), ..facts(6) };
    let kinds: Vec<_> = assess(&alone, &Policy::default()).reasons.iter().map(|reason| reason.kind).collect();
    assert_eq!(kinds, ["noHome"]);
}

#[test]
fn somebody_wants_to_delete() {
    let ours = DeletionFacts { of_ours_at: vec!["Nonna".to_owned()], of_theirs: Vec::new() };
    check(
        &Facts { deletions: ours, ..well() },
        Level::Danger,
        &["deletion"],
        &format!("Somebody wants to delete many copies of your photos at Nonna. {SAFE}"),
    );
    let theirs = DeletionFacts { of_ours_at: Vec::new(), of_theirs: vec!["Nonna".to_owned()] };
    check(
        &Facts { deletions: theirs, ..well() },
        Level::Attention,
        &["deletionAsked"],
        &format!("{SAFE} Nonna wants to delete many of the copies that you keep for them."),
    );
}

#[test]
fn originals_here_are_not_well() {
    let with = |damaged, missing, without_copy, restoring| Facts {
        originals: OriginalFacts { damaged, missing, without_copy, restoring },
        ..well()
    };
    let damaged = format!("{SAFE} 1 photo is damaged on this computer's disk.");
    check(&with(1, 0, 0, false), Level::Attention, &["originalsDamaged"], &damaged);
    let missing = format!("{SAFE} 20 photos are missing on this computer.");
    check(&with(0, 20, 0, false), Level::Attention, &["originalsMissing"], &missing);
    let both = format!("{SAFE} 21 photos are damaged or missing on this computer.");
    check(&with(1, 20, 0, false), Level::Attention, &["originalsDamaged"], &both);
    let restoring = format!("{SAFE} 8,000 photos are still on the way back to this home.");
    check(&with(0, 8_000, 9, true), Level::Attention, &["restoring"], &restoring);
    let lost = format!("1 photo here is damaged or missing, and no other home has it. {SAFE}");
    check(&with(1, 0, 1, false), Level::Danger, &["originalsLost", "originalsDamaged"], &lost);
}

#[test]
fn a_drill_failed_or_is_overdue() {
    let with = |last, since: i64| Facts {
        drills: DrillFacts { last, possible_since_ms: Some(NOW - since * DAY_MS) },
        ..well()
    };
    let failed =
        format!("At the last trial, 2 photos did not come back from the other homes as they should. {SAFE}");
    check(&with(Some((NOW, 2)), 90), Level::Danger, &["drillFailed"], &failed);
    check(&with(None, 13), Level::Safe, &[], SAFE);
    let overdue = format!("{SAFE} No photos were brought back on trial for 14 days.");
    check(&with(None, 14), Level::Attention, &["drillOverdue"], &overdue);
    check(&with(Some((NOW - 14 * DAY_MS, 0)), 90), Level::Attention, &["drillOverdue"], &overdue);
}

#[test]
fn nobody_checked_the_words() {
    let so = format!("{SAFE} Nobody has checked the recovery words for more than a year.");
    let old = Facts { phrase_verified_ms: Some(NOW - 366 * DAY_MS), ..well() };
    check(&old, Level::Attention, &["phrase"], &so);
    let never = Facts { phrase_verified_ms: None, enabled_ms: NOW - 366 * DAY_MS, ..well() };
    check(&never, Level::Attention, &["phrase"], &so);
    check(&Facts { phrase_verified_ms: None, ..well() }, Level::Safe, &[], SAFE);
    // A clock that was ahead verified nothing.
    let ahead = Facts { phrase_verified_ms: Some(NOW + 3_650 * DAY_MS), ..never.clone() };
    check(&ahead, Level::Attention, &["phrase"], &so);
}

prop_compose! {
    fn any_home()(
        standing in 0..4_usize, photos in 0..200_u64, pending_packs in 0..3_u64, lost in 0..2_u64,
        stale in 0..2_u64, days in 0..20_i64, absent in proptest::option::of(0..20_i64), full in any::<bool>(),
    ) -> HomeFacts {
        HomeFacts {
            standing: Standing::ALL[standing],
            photos,
            pending_packs,
            lost,
            stale,
            away_ms: days * DAY_MS,
            absent_ms: absent.map(|days| NOW - days * DAY_MS),
            full,
            ..home("Nonna")
        }
    }
}

prop_compose! {
    fn any_facts()(
        homes in proptest::collection::vec(any_home(), 0..4), none in 0..3_u64, one in 0..3_u64, two in 0..100_u64,
        enabled in any::<bool>(), alone in 0..10_i64, unlisted in 0..10_i64, phrase in 0..500_i64, drill in 0..30_i64, problems in 0..2_u64,
        damaged in 0..2_u64, missing in 0..2_u64, restoring in any::<bool>(),
    ) -> Facts {
        Facts {
            enabled,
            photos: photos(none, one, two),
            homes,
            alone_ms: alone * DAY_MS / 4,
            unlisted_ms: unlisted * DAY_MS,
            phrase_verified_ms: Some(NOW - phrase * DAY_MS),
            drills: DrillFacts { last: Some((NOW - drill * DAY_MS, problems)), ..well().drills },
            originals: OriginalFacts { damaged, missing, without_copy: damaged.min(none), restoring },
            ..well()
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    /// The counts are of photos proved within 30 days, so two homes mean two homes that proved it.
    #[test]
    fn nothing_is_called_safe_that_is_not(facts in any_facts()) {
        let health = assess(&facts, &Policy::default());
        let all_in_two = facts.photos.at_least(2) == facts.photos.total;
        if health.level == Level::Safe {
            prop_assert!(all_in_two && facts.enabled, "{facts:#?}");
            prop_assert!(health.reasons.is_empty());
        } else {
            prop_assert!(!health.reasons.is_empty());
        }
        if health.sentence.contains("Every photo is complete in 2") {
            prop_assert!(all_in_two && facts.photos.total > 0);
        }
        prop_assert_eq!(health.complete_homes, facts.photos.complete_homes());
        for reason in &health.reasons {
            prop_assert!(reason.level <= health.level);
            prop_assert!(reason.text.ends_with('.') && reason.advice.ends_with('.'), "{reason:?}");
        }
        for word in ["pack", "peer", "node", "audit", "household", "replica", "keeper", "  ", "prove"] {
            let told = health.reasons.iter().any(|reason| reason.text.contains(word) || reason.advice.contains(word));
            prop_assert!(!told && !health.sentence.contains(word), "{word}: {health:#?}");
        }
    }
}

#[test]
fn a_full_disk_is_said_and_is_no_loss() {
    let full = Facts { disk_is_full: true, ..well() };
    let health = assess(&full, &Policy::default());
    assert_eq!((health.level, health.reasons[0].kind), (Level::Attention, "homeDiskFull"));
    assert!(health.reasons[0].advice.contains("go on by themselves"), "{health:#?}");
}
