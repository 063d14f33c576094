//! A bucket of an object store as a place for copies.

use std::path::Path;
use std::sync::Arc;

use heirloom::home::Home;
use heirloom::vault::audits::{self, Scope};
use heirloom::vault::status::status;
use heirloom::vault::{own_places, worker};
use heirloom_testkit::Bucket;
use heirloom_vault::PackId;
use heirloom_vault::pack::PACK_BYTES_MAX;
use heirloom_vault::policy::{Policy, TargetId};
use heirloom_vault::store::S3Place;
use tokio_util::sync::CancellationToken;

use crate::homes::{DAY_MS, Scratch, files_below, photo, photos, picture, run};
use crate::readback::Readback;

fn place(bucket: &Bucket) -> S3Place {
    S3Place {
        endpoint: bucket.endpoint().to_owned(),
        bucket: Bucket::NAME.to_owned(),
        prefix: "family".to_owned(),
        region: String::new(),
        access_key: Bucket::ACCESS_KEY.to_owned(),
        secret_key: Bucket::SECRET_KEY.to_owned(),
    }
}

/// Goal: a home keeps everything in a bucket, too, the page counts it, and it comes back from there. Method: a real S3 server;
/// photos on two days, one object lost in between.
#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_keeps_everything() {
    let bucket = Bucket::serve().await;
    let scratch = Scratch::new("Anna");
    let home = scratch.open();
    let added = own_places::add_bucket(&home, place(&bucket), Some(1 << 30)).await.unwrap();
    assert_eq!(home.vault.store.target(added.id).unwrap().unwrap().asked_bytes, Some(1 << 30));
    assert!(!added.is_same_disk);
    photos(&home, 0..4);
    let report = run(&home).await;
    assert_eq!(report.head, Some(1), "{report:?}");
    let now = status(&home).unwrap();
    let shown = &now.targets[0];
    assert_eq!((shown.kind, shown.place.as_str(), shown.state.as_str()), ("s3", "photos/family", "ok"));
    assert_eq!((shown.packs, now.pending.packs), (report.packs, 0));
    assert!(shown.bytes >= report.bytes && shown.last_proven_at.is_some(), "{shown:?}");
    // A bucket is no home.
    assert_eq!((now.complete_homes, now.photos.none, now.if_lost_now.photos), (0, 4, 4));

    let objects = bucket.folder().join("family/packs");
    let mut packs = files_below(&objects);
    packs.retain(|(path, _)| path.extension().is_some_and(|ending| ending == "pack"));
    packs.sort_by_key(|(_, bytes)| std::cmp::Reverse(*bytes));
    let lost = objects.join(&packs[0].0);
    std::fs::remove_file(&lost).unwrap();
    scratch.pass(DAY_MS);
    let audited = audits::run(&home, Scope::Everything, 1, &CancellationToken::new()).await.unwrap();
    assert_eq!((audited.missing, audited.wrong), (1, 0), "{audited:?}");
    photo(&home, 4);
    run(&home).await;
    assert!(lost.is_file(), "it was sent again");

    let targets = home.vault.targets(&home).unwrap();
    let back = Readback::of(targets[0].1.clone(), &scratch.phrase).await;
    let originals = back.originals().await;
    assert_eq!(originals.len(), 5);
    assert!((0..5).all(|seed| originals.values().any(|bytes| *bytes == picture(seed))));
}

/// Photos that are complete in the bucket.
fn complete(home: &Home, id: TargetId) -> u64 {
    let overview = home.vault.store.overview(home.vault.engine.now(), &Policy::default()).unwrap();
    overview.targets.get(&id).map_or(0, |counts| counts.photos)
}

/// What the bucket holds, as the place counts it.
async fn used(home: &Arc<Home>) -> u64 {
    home.vault.targets(home).unwrap()[0].1.state().await.unwrap().used
}

/// Adds the bucket, or changes how much it may take: so much more than it has, beside what is kept for metadata.
async fn with_room_for(home: &Arc<Home>, bucket: &Bucket, bytes: u64) -> TargetId {
    let limit = (used(home).await + bytes) * 20 / 19;
    own_places::add_bucket(home, place(bucket), Some(limit)).await.unwrap().id
}

fn is_full(home: &Home, id: TargetId) -> bool {
    home.vault.store.target(id).unwrap().unwrap().full_ms.is_some()
}

/// Days pass while the home is on.
async fn days(scratch: &Scratch, home: &Arc<Home>, days: u32) {
    for _ in 0..days {
        scratch.pass(DAY_MS);
        worker::check_promises(home, DAY_MS, &CancellationToken::new()).await;
        run(home).await;
    }
}

/// Large packs in the bucket that nobody knows; they take no room here.
fn leave_unknown_packs(folder: &Path, count: u8) {
    for number in 0..count {
        let pack = PackId::of(&[number; 7]);
        let shelf = folder.join(format!("family/packs/{:02x}", pack.as_bytes()[0]));
        std::fs::create_dir_all(&shelf).unwrap();
        let file = std::fs::File::create(shelf.join(format!("{pack}.pack"))).unwrap();
        file.set_len(PACK_BYTES_MAX as u64).unwrap();
    }
}

/// Goal: a bucket that is full by its limit is said to be, keeps what it has, and takes the rest by itself once the limit is
/// raised. Method: a limit just above what is there, new photos, and a higher limit.
#[tokio::test(flavor = "multi_thread")]
async fn a_full_bucket_goes_on_when_its_limit_is_raised() {
    let bucket = Bucket::serve().await;
    let scratch = Scratch::new("Anna");
    let home = scratch.open();
    own_places::add_bucket(&home, place(&bucket), None).await.unwrap();
    photos(&home, 0..3);
    run(&home).await;
    let id = with_room_for(&home, &bucket, 700_000).await;
    photos(&home, 3..9);
    run(&home).await;
    assert!(is_full(&home, id));
    assert_eq!(complete(&home, id), 3, "what it has still counts");
    let told = status(&home).unwrap();
    assert_eq!(told.targets[0].state, "full", "{told:?}");
    run(&home).await;
    assert_eq!(complete(&home, id), 3);

    let mut woken = home.vault.woken();
    own_places::add_bucket(&home, place(&bucket), Some(1 << 30)).await.unwrap();
    assert!(woken.has_changed().unwrap(), "nobody has to ask for it");
    woken.mark_unchanged();
    run(&home).await;
    assert_eq!((complete(&home, id), is_full(&home, id)), (9, false));
    let targets = home.vault.targets(&home).unwrap();
    let back = Readback::of(Arc::clone(&targets[0].1), &scratch.phrase).await;
    assert_eq!(back.originals().await.len(), 9);
}

/// Goal: a full bucket becomes free by itself: what was deleted there goes for good after 30 days, and what waits goes there.
/// Method: large packs that nobody knows fill it; they are deleted, then the limit is set and new photos come.
#[tokio::test(flavor = "multi_thread")]
async fn a_full_bucket_goes_on_when_what_was_deleted_is_gone() {
    let bucket = Bucket::serve().await;
    let scratch = Scratch::new("Anna");
    let home = scratch.open();
    own_places::add_bucket(&home, place(&bucket), None).await.unwrap();
    photos(&home, 0..3);
    run(&home).await;
    leave_unknown_packs(&bucket.folder(), 3);
    scratch.pass(8 * DAY_MS);
    run(&home).await;
    let held = files_below(&bucket.folder().join("family/fossils"));
    assert!(held.iter().filter(|(_, bytes)| *bytes == PACK_BYTES_MAX as u64).count() == 3, "{held:?}");
    let id = with_room_for(&home, &bucket, 300_000).await;
    photos(&home, 3..9);
    run(&home).await;
    assert_eq!((complete(&home, id), is_full(&home, id)), (3, true));
    days(&scratch, &home, 20).await;
    assert_eq!((complete(&home, id), is_full(&home, id)), (3, true), "it is held for 30 days");
    days(&scratch, &home, 12).await;
    assert_eq!((complete(&home, id), is_full(&home, id)), (9, false));
}
