//! A bucket of an object store as a place for copies.

use heirloom::vault::audits::{self, Scope};
use heirloom::vault::own_places;
use heirloom::vault::status::status;
use heirloom_testkit::Bucket;
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
