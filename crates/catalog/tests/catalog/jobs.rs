//! The queue of work.

use heirloom_catalog::jobs::BACKOFF_FIRST_MS;
use heirloom_catalog::{ATTEMPTS_MAX, AssetRef, Catalog, DEATHS_MAX, Job, JobKind, Retry, State};

use crate::home::{Home, arrival, derivation};

fn claim(catalog: &Catalog, now_ms: i64) -> Option<Job> {
    catalog.claim(now_ms, &[JobKind::Derive]).unwrap()
}

fn counts(catalog: &Catalog) -> (u64, u64, u64) {
    let counts = catalog.counts().unwrap();
    (counts.waiting, counts.running, counts.failed)
}

fn with_photos(count: u32) -> Home {
    let home = Home::new();
    let arrivals: Vec<_> = (1..=count).map(|local_id| arrival(local_id, 0)).collect();
    home.catalog.insert(&arrivals).unwrap();
    home
}

#[test]
fn oldest_first_unless_somebody_looks() {
    let home = with_photos(4);
    home.catalog.hurry(&[3, 99]).unwrap();
    let order: Vec<u32> = std::iter::from_fn(|| claim(&home.catalog, 0)).map(|job| job.local_id).collect();
    assert_eq!(order, [3, 1, 2, 4]);
    assert_eq!(counts(&home.catalog), (0, 4, 0));
    assert_eq!(claim(&home.catalog, i64::MAX), None);
}

#[test]
fn done_is_gone() {
    let home = with_photos(2);
    let job = claim(&home.catalog, 0).unwrap();
    home.catalog.derived(job.local_id, derivation(None)).unwrap();
    home.catalog.finish(&job).unwrap();
    home.catalog.finish(&job).unwrap();
    assert_eq!(counts(&home.catalog), (1, 0, 0));
}

#[test]
fn each_failure_rests_longer_and_the_last_sets_aside() {
    let home = with_photos(1);
    let mut now_ms = 1_000;
    for attempt in 1..ATTEMPTS_MAX {
        let job = claim(&home.catalog, now_ms).unwrap();
        assert_eq!(job.attempt, attempt);
        let rest_ms = BACKOFF_FIRST_MS * 4_i64.pow(attempt - 1);
        let retry = home.catalog.retry_later(&job, "the disk is full", now_ms).unwrap();
        assert_eq!(retry, Retry::Waiting { not_before_ms: now_ms + rest_ms });
        assert_eq!(claim(&home.catalog, now_ms + rest_ms - 1), None);
        now_ms += rest_ms;
        assert_eq!(home.catalog.next_due_ms().unwrap(), Some(now_ms));
    }
    let job = claim(&home.catalog, now_ms).unwrap();
    assert_eq!(home.catalog.retry_later(&job, "the disk is full", now_ms).unwrap(), Retry::SetAside);
    assert_eq!((counts(&home.catalog), claim(&home.catalog, i64::MAX)), ((0, 0, 1), None));
    let problems = home.catalog.problems(10).unwrap();
    assert_eq!((problems[0].name.as_str(), problems[0].reason.as_str()), ("IMG_1.jpg", "the disk is full"));
    assert_eq!(problems[0].at_ms, now_ms);
    let detail = home.catalog.asset(&AssetRef::Local(1)).unwrap().unwrap();
    assert_eq!(detail.state, State::Failed);

    assert!(home.catalog.retry(problems[0].id, now_ms).unwrap());
    assert!(!home.catalog.retry(problems[0].id, now_ms).unwrap());
    let detail = home.catalog.asset(&AssetRef::Local(1)).unwrap().unwrap();
    assert_eq!((detail.state, detail.failure), (State::Pending, None));
    assert_eq!(claim(&home.catalog, now_ms).unwrap().attempt, 1);
}

#[test]
fn a_file_that_kills_the_program_is_set_aside() {
    let home = with_photos(2);
    for start in 1..=DEATHS_MAX {
        // What a killed process leaves: a claimed job, never finished.
        let catalog = home.reopened();
        assert_eq!(claim(&catalog, 0).unwrap().local_id, 1);
        assert_eq!(catalog.recover(5).unwrap(), 1);
        assert_eq!(counts(&catalog), if start < DEATHS_MAX { (2, 0, 0) } else { (1, 0, 1) });
    }
    let problems = home.catalog.problems(10).unwrap();
    insta::assert_snapshot!(problems[0].reason, @"the program stopped each time while it worked on this file");
    assert_eq!(claim(&home.catalog, 0).unwrap().local_id, 2, "the rest goes on");
}

#[test]
fn an_orderly_stop_costs_no_attempt() {
    let home = with_photos(1);
    for _ in 0..2 * ATTEMPTS_MAX {
        let job = claim(&home.catalog, 0).unwrap();
        assert_eq!(job.attempt, 1);
        home.catalog.release(&job, 0).unwrap();
    }
    assert_eq!(counts(&home.catalog), (1, 0, 0));
}

#[test]
fn the_queue_is_made_again_from_what_is_missing() {
    let home = with_photos(3);
    home.catalog.insert_derived(arrival(4, 0), derivation(None)).unwrap();
    home.catalog.failed(3, "no picture", 0).unwrap();
    let job = claim(&home.catalog, 0).unwrap();
    home.catalog.finish(&job).unwrap();
    assert_eq!(home.catalog.queue_due(1, 0).unwrap(), 1, "photo 1 lost its job, 2 has one, 3 is set aside");
    assert_eq!(home.catalog.queue_due(2, 0).unwrap(), 1, "photo 4 was derived by an older version");
    assert_eq!(home.catalog.queue_due(2, 0).unwrap(), 0);
    let order: Vec<u32> = std::iter::from_fn(|| claim(&home.catalog, 0)).map(|job| job.local_id).collect();
    assert_eq!(order, [2, 1, 4]);
}

#[test]
fn two_workers_never_get_one_job() {
    let home = with_photos(40);
    let workers: Vec<_> = (0..4)
        .map(|_| {
            let catalog = home.catalog.clone();
            std::thread::spawn(move || {
                std::iter::from_fn(|| claim(&catalog, 0)).map(|job| job.local_id).collect::<Vec<_>>()
            })
        })
        .collect();
    let mut claimed: Vec<u32> = workers.into_iter().flat_map(|worker| worker.join().unwrap()).collect();
    claimed.sort_unstable();
    assert_eq!(claimed, (1..=40).collect::<Vec<_>>());
}
