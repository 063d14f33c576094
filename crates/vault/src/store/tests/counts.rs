//! How safe the photos are: counted quickly, and as one would count by hand.

use proptest::prelude::*;

use super::*;
use crate::policy::CopyState;

#[test]
fn a_photo_is_complete_when_all_of_it_is_proven_and_would_be_found() {
    let store = fixture();
    let (anna, ben) = (store.keeper(1), store.keeper(2));
    let disk = store.add_target(&Place::Folder("/disk".to_owned()), Standing::Active, NOW).unwrap();
    let packs = store.photos("some", &[1, 2]);
    store.note(&[3]);
    let check = |in_homes: [u64; 3], anna_has: u64| {
        let overview = store.overview(NOW, &Policy::default()).unwrap();
        assert_eq!(overview.photos.total, 3);
        assert_eq!(overview.photos.in_homes[..3], in_homes);
        assert_eq!(overview.targets[&anna].photos, anna_has);
        overview
    };
    check([3, 0, 0], 0);
    store.prove(anna, &packs[..2], NOW);
    check([3, 0, 0], 0);
    store.prove(anna, &packs[2..], NOW);
    check([3, 0, 0], 0);
    store.head(1, &packs);
    check([3, 0, 0], 0);
    store.head_to(anna, 1, NOW);
    let overview = check([1, 2, 0], 2);
    assert_eq!(overview.photos.nowhere, 1);
    assert_eq!(overview.photos.newest_safe_ms, Some(NOW + 2));
    assert_eq!((overview.photos.at_least(1), overview.photos.complete_homes()), (2, 0));
    assert_eq!(store.copies_of(&picture(1).content).unwrap(), [(anna, NOW)]);
    assert_eq!(store.copies_of(&picture(3).content).unwrap(), []);
    // A folder is no home, a second home is.
    store.prove(disk, &packs, NOW);
    store.head_to(disk, 1, NOW);
    check([1, 2, 0], 2);
    store.prove(ben, &packs, NOW + DAY_MS);
    store.head_to(ben, 1, NOW + DAY_MS);
    let overview = check([1, 0, 2], 2);
    assert_eq!(overview.targets[&anna].checked_all_ms, Some(NOW));
    assert_eq!((overview.packs, overview.targets[&ben].packs), (5, 5));
    // What is lost counts no more, and neither does what was not checked for too long.
    store.mark_lost(anna, &packs[..1], NOW).unwrap();
    let overview = check([1, 2, 0], 0);
    assert_eq!((overview.targets[&anna].lost, overview.pending_packs), (1, 1));
    let later = store.overview(NOW + WITHIN + DAY_MS / 2, &Policy::default()).unwrap();
    assert_eq!(later.photos.in_homes[..3], [1, 2, 0], "the second home was checked later");
    assert_eq!(later.targets[&anna].stale, 4);
    let later = store.overview(NOW + WITHIN + 2 * DAY_MS, &Policy::default()).unwrap();
    assert_eq!(later.photos.in_homes[..3], [3, 0, 0]);
}

/// Goal: what people look at while much is written may be some seconds old when counting takes long, and only then; whoever
/// decides something is told what is so now.
#[test]
fn only_a_large_library_is_shown_as_it_was_a_moment_ago() {
    let store = fixture();
    let now = || store.overview(NOW, &Policy::default()).unwrap().photos.total;
    let shown = || store.overview_of_late(NOW, &Policy::default()).unwrap().photos.total;
    store.note(&[1]);
    assert_eq!((now(), shown()), (1, 1));
    store.note(&[2]);
    assert_eq!(shown(), 2, "a small one");
    store.count_took_long();
    store.note(&[3]);
    assert_eq!((shown(), now(), shown()), (2, 3, 3));
    store.count_took_long();
    store.note(&[4]);
    let later = store.overview_of_late(NOW + DAY_MS, &Policy::default()).unwrap();
    assert_eq!(later.photos.total, 4, "not for long");
}

/// How fast copies go is told from what was sent in the last hour and proved.
#[test]
fn what_was_sent_lately_says_how_fast_it_goes() {
    const MINUTE_MS: i64 = 60_000;
    let store = fixture();
    let anna = store.keeper(1);
    let packs = store.photos("some", &[1, 2]);
    let recent = |now_ms: i64| {
        let counts = store.overview(now_ms, &Policy::default()).unwrap().targets[&anna];
        (counts.recent_bytes, counts.recent_since_ms)
    };
    store.place(anna, &packs);
    assert_eq!(recent(NOW), (0, None));
    store.mark_sent(anna, &packs[..1], NOW).unwrap();
    store.mark_sent(anna, &packs[1..2], NOW + MINUTE_MS).unwrap();
    assert_eq!(recent(NOW + MINUTE_MS), (0, None), "only what is proved counts");
    store.mark_proven(anna, &packs[..1], NOW + MINUTE_MS).unwrap();
    let (one, since) = recent(NOW + MINUTE_MS);
    assert!(one > 0 && since == Some(NOW));
    store.mark_proven(anna, &packs[1..2], NOW + 2 * MINUTE_MS).unwrap();
    let (both, since) = recent(NOW + 2 * MINUTE_MS);
    assert!(both > one && since == Some(NOW));
    assert_eq!(recent(NOW + 61 * MINUTE_MS), (both - one, Some(NOW + MINUTE_MS)));
    // What is proved as soon as it is sent is noted once; a later check is no sending.
    store.mark_proven(anna, &packs[2..], NOW + 62 * MINUTE_MS).unwrap();
    store.mark_proven(anna, &packs[2..], NOW + 122 * MINUTE_MS).unwrap();
    assert_eq!(recent(NOW + 122 * MINUTE_MS).1, Some(NOW + 62 * MINUTE_MS));
    assert_eq!(recent(NOW + 123 * MINUTE_MS), (0, None));
    assert_eq!(recent(NOW + DAY_MS), (0, None));
}

/// The segment is gone: nobody would find a photo from that home alone, whatever else it proved.
#[test]
fn a_home_that_lost_what_a_restore_begins_with_has_no_photo() {
    let store = fixture();
    let anna = store.keeper(1);
    let packs = store.photos("some", &[1]);
    store.prove(anna, &packs, NOW);
    store.head(1, &packs);
    store.head_to(anna, 1, NOW);
    let check = |homes: u32| {
        let overview = store.overview(NOW, &Policy::default()).unwrap();
        assert_eq!(overview.photos.complete_homes(), homes);
        assert_eq!(overview.targets[&anna].photos, u64::from(homes));
    };
    check(1);
    let segment = [pack_ref("segment 1").id];
    store.mark_lost(anna, &segment, NOW).unwrap();
    check(0);
    store.resend(anna, &segment, NOW).unwrap();
    check(0);
    store.prove(anna, &segment, NOW);
    check(1);
    // A head that is not there yet takes nothing away, unless the one that is there lost something.
    store.head(2, &[]);
    check(1);
    store.mark_lost(anna, &segment, NOW).unwrap();
    store.resend(anna, &segment, NOW).unwrap();
    check(0);
    store.prove(anna, &segment, NOW);
    check(1);
    // Nothing was proved by a clock that is yet to come.
    store.mark_proven(anna, &packs, NOW + 3_650 * DAY_MS).unwrap();
    check(0);
    store.mark_proven(anna, &packs, NOW).unwrap();
    check(1);
}

#[test]
fn a_home_that_was_away_for_too_long_or_says_no_counts_no_more() {
    let store = fixture();
    let (anna, ben) = (store.keeper(1), store.keeper(2));
    let packs = store.photos("some", &[1]);
    for home in [anna, ben] {
        store.prove(home, &packs, NOW);
    }
    store.head(1, &packs);
    for home in [anna, ben] {
        store.head_to(home, 1, NOW);
    }
    let homes = || store.overview(NOW, &Policy::default()).unwrap().photos.complete_homes();
    assert_eq!(homes(), 2);
    store.time_passed(14 * DAY_MS, &[anna], true).unwrap();
    assert_eq!(homes(), 1);
    store.target_refused(anna, "no").unwrap();
    assert_eq!(homes(), 0);
}

#[test]
fn a_home_that_is_being_left_counts_no_more_but_could_still_bring_back() {
    let store = fixture();
    let anna = store.keeper(1);
    let packs = store.photos("some", &[1]);
    store.prove(anna, &packs, NOW);
    store.head(1, &packs);
    store.head_to(anna, 1, NOW);
    store.leave_target(anna).unwrap();
    let overview = store.overview(NOW, &Policy::default()).unwrap();
    assert_eq!((overview.photos.complete_homes(), overview.photos.nowhere), (0, 0));
    assert_eq!(overview.targets[&anna].photos, 1, "what is there is still told");
}

#[test]
fn a_photo_whose_small_pictures_are_not_made_yet_is_its_original() {
    let store = fixture();
    let anna = store.keeper(1);
    let bare = Picture { thumbnail: None, preview: None, ..picture(1) };
    store.note_pictures(&[(bare, NOW)]).unwrap();
    let original = store.packed("original", BlobKind::Original, &["original 1".to_owned()]);
    store.prove(anna, &[original], NOW);
    store.head(1, &[original]);
    store.head_to(anna, 1, NOW);
    assert_eq!(store.overview(NOW, &Policy::default()).unwrap().photos.complete_homes(), 1);
    store.note(&[1]);
    assert_eq!(store.overview(NOW, &Policy::default()).unwrap().photos.complete_homes(), 0);
}

/// Something that happens to a vault of six photos, at most three packs each kind, and three homes.
#[derive(Debug, Clone)]
enum Step {
    Note(u32),
    Forget(u32),
    Pack(u8, Vec<u32>),
    Drop(usize),
    Prove(u8, usize, i64),
    Lose(u8, usize),
    Head(Vec<u8>),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let photo = 0..6_u32;
    let step = prop_oneof![
        3 => photo.clone().prop_map(Step::Note),
        1 => photo.clone().prop_map(Step::Forget),
        5 => (0..4_u8, proptest::collection::vec(photo, 1..6)).prop_map(|(kind, photos)| Step::Pack(kind, photos)),
        1 => (0..20_usize).prop_map(Step::Drop),
        9 => (1..4_u8, 0..20_usize, -40..1_i64).prop_map(|(home, pack, day)| Step::Prove(home, pack, day)),
        1 => (1..4_u8, 0..20_usize).prop_map(|(home, pack)| Step::Lose(home, pack)),
        3 => proptest::collection::vec(1..4_u8, 0..3).prop_map(Step::Head),
    ];
    proptest::collection::vec(step, 0..60)
}

fn play(store: &Fixture, steps: &[Step]) {
    let keepers: Vec<_> = (1..4).map(|number| store.keeper(number)).collect();
    let at = |home: u8| keepers[usize::from(home) - 1];
    let mut packs: Vec<PackId> = Vec::new();
    let mut heads = 0;
    for step in steps {
        match step {
            Step::Note(photo) => store.note(&[*photo]),
            Step::Forget(photo) => store.forget_pictures(&[picture(*photo).content]).unwrap(),
            Step::Pack(kind, photos) => packs.push(write(store, *kind, photos, packs.len())),
            Step::Drop(pack) if !packs.is_empty() => {
                store.drop_packs(&[packs[pack % packs.len()]], NOW).unwrap();
            }
            Step::Prove(home, pack, day) if !packs.is_empty() => {
                store.prove(at(*home), &[packs[pack % packs.len()]], NOW + day * DAY_MS);
            }
            Step::Lose(home, pack) if !packs.is_empty() => {
                store.mark_lost(at(*home), &[packs[pack % packs.len()]], NOW).unwrap();
            }
            Step::Head(homes) => {
                heads += 1;
                store.head(heads, &store.unwritten(100).unwrap());
                homes.iter().for_each(|home| store.head_to(at(*home), heads, NOW));
            }
            Step::Drop(_) | Step::Prove(..) | Step::Lose(..) => {}
        }
    }
}

/// Packs of one kind, and of originals cut in two.
fn write(store: &Fixture, kind: u8, photos: &[u32], number: usize) -> PackId {
    let kinds = [
        ("thumbnail", BlobKind::Thumbnail),
        ("preview", BlobKind::Preview),
        ("original", BlobKind::Original),
        ("original", BlobKind::Original),
    ];
    let (what, blob_kind) = kinds[usize::from(kind)];
    let entries: Vec<_> = photos
        .iter()
        .zip(0..)
        .map(|(photo, place)| {
            let name = format!("{what} {photo}");
            match (kind, number % 2) {
                (3, 0) => piece(blob_kind, &name, 10, 0, 6, place),
                (3, _) => piece(blob_kind, &name, 10, 6, 4, place),
                _ => entry(blob_kind, &name, place),
            }
        })
        .collect();
    let pack = pack_ref(&format!("pack {number}"));
    store.record_pack(&pack, &entries, NOW).unwrap();
    pack.id
}

/// In how many homes a photo is complete, by asking for its blobs one after the other.
fn by_hand(store: &Fixture, picture: &Picture) -> u64 {
    let targets = store.targets().unwrap();
    let copies = store.pack_copies().unwrap();
    let blobs = [Some(picture.content), picture.thumbnail, picture.preview];
    let Some(located) =
        blobs.into_iter().flatten().map(|blob| store.locate(&blob).unwrap()).collect::<Option<Vec<_>>>()
    else {
        return 0;
    };
    let listed = |pack: PackId, head: u64| {
        store
            .database()
            .read(|conn| -> Result<bool, heirloom_store::StoreError> {
                let sql = "SELECT since_head <= ?2 FROM packs WHERE id = ?1 AND since_head IS NOT NULL";
                let mut statement = conn.prepare(sql)?;
                let mut rows = statement.query((pack.as_bytes(), i64::try_from(head).unwrap()))?;
                Ok(rows.next()?.is_some_and(|row| row.get(0).unwrap()))
            })
            .unwrap()
    };
    let complete = targets.iter().filter(|target| {
        let packs = located.iter().flat_map(|located| located.pieces.iter().map(|(pack, _)| pack.id));
        packs.into_iter().all(|id| {
            let pack = copies.iter().find(|copies| copies.pack == id).unwrap();
            let copy = pack.copies.iter().find(|copy| copy.target == target.id);
            let proven = copy.filter(|copy| copy.state == CopyState::Proven).and_then(|copy| copy.proven_ms);
            proven.is_some_and(|at| at >= NOW - WITHIN) && target.head.is_some_and(|head| listed(id, head))
        })
    });
    complete.count() as u64
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn counted_quickly_is_counted_by_hand(steps in steps()) {
        let store = fixture();
        play(&store, &steps);
        let photos = store.pictures_after(0, 100).unwrap();
        let overview = store.overview(NOW, &Policy::default()).unwrap();
        let mut in_homes = [0; 4];
        for photo in &photos {
            let homes = by_hand(&store, &photo.picture);
            in_homes[usize::try_from(homes).unwrap()] += 1;
            let copies = store.copies_of(&photo.picture.content).unwrap();
            let fresh = copies.iter().filter(|(_, proven)| *proven >= NOW - WITHIN).count();
            prop_assert_eq!(fresh as u64, homes);
        }
        prop_assert_eq!(overview.photos.total, photos.len() as u64);
        prop_assert_eq!(&overview.photos.in_homes[..4], &in_homes);
        prop_assert_eq!(overview.photos.nowhere, in_homes[0]);
        let everywhere: u64 = overview.targets.values().map(|counts| counts.photos).sum();
        prop_assert_eq!(everywhere, in_homes[1] + 2 * in_homes[2] + 3 * in_homes[3]);
    }
}

/// What a large library costs. Run by hand: `cargo test -p heirloom-vault a_million -- --ignored --nocapture`.
#[test]
#[ignore = "writes a million photos, which takes minutes"]
fn a_million_photos_are_counted_while_a_page_loads() {
    let store = fixture();
    let (anna, ben) = (store.keeper(1), store.keeper(2));
    let began = std::time::Instant::now();
    let batches: Vec<Vec<u32>> =
        (0..1_000_u32).map(|batch| (batch * 1_000..(batch + 1) * 1_000).collect()).collect();
    for batch in &batches {
        store.note(batch);
        let mut packs = Vec::new();
        for (what, kind, size) in [
            ("thumbnail", BlobKind::Thumbnail, 1_000),
            ("preview", BlobKind::Preview, 100),
            ("original", BlobKind::Original, 8),
        ] {
            for (number, some) in batch.chunks(size).enumerate() {
                let names: Vec<_> = some.iter().map(|photo| format!("{what} {photo}")).collect();
                packs.push(store.packed(&format!("{what} {} {number}", batch[0]), kind, &names));
            }
        }
        store.prove(anna, &packs, NOW);
        store.prove(ben, &packs, NOW);
    }
    println!("written: {:?}", began.elapsed());
    let began = std::time::Instant::now();
    let all: Vec<_> = store.packs_after(None, 1_000_000).unwrap().iter().map(|pack| pack.id).collect();
    store.head(1, &all);
    store.head_to(anna, 1, NOW);
    store.head_to(ben, 1, NOW);
    println!("{} packs, a head: {:?}", all.len(), began.elapsed());
    let timed = |what: &str, work: &dyn Fn()| {
        let began = std::time::Instant::now();
        work();
        println!("{what}: {:?}", began.elapsed());
    };
    timed("overview", &|| {
        assert_eq!(store.overview(NOW, &Policy::default()).unwrap().photos.in_homes[2], 1_000_000);
    });
    timed("overview, kept", &|| drop(store.overview(NOW, &Policy::default()).unwrap()));
    timed("pack_copies", &|| drop(store.pack_copies().unwrap()));
    timed("pack_stats", &|| drop(store.pack_stats().unwrap()));
    timed("held_at", &|| drop(store.held_at(anna).unwrap()));
    timed("placed", &|| drop(store.placed().unwrap()));
    timed("drill_candidates", &|| drop(store.drill_candidates().unwrap()));
    timed("pending_for", &|| drop(store.pending_for(anna, 100).unwrap()));
    timed("missing_of 1,000", &|| {
        let blobs: Vec<_> = (0..1_000).map(|photo| blob(&format!("preview {photo}"))).collect();
        assert_eq!(store.missing_of(&blobs).unwrap(), []);
    });
    println!("{} MB", std::fs::metadata(store.database().path()).unwrap().len() >> 20);
}
