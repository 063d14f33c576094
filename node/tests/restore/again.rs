//! What becomes of a home after its restore: new keys when another computer stands above it, a disk that was only lent,
//! places that are to be added again.

use std::path::Path;
use std::sync::Arc;

use heirloom::clock;
use heirloom::restore::{self, Order, Restoring, keys};
use heirloom::vault::{backup, own_places};
use heirloom_testkit::Bucket;
use heirloom_vault::store::{Place, S3Place};
use tokio_util::sync::CancellationToken;

use crate::folder::copy;
use crate::house::{Back, House, pair, restore as restore_from};
use crate::known::Known;
use crate::wait::{until, wait_until_closed};

/// Waits until a relative's home knows the node of a home that came back.
async fn known_at(ben: &House, back: &Back) {
    let household = *back.home.keys.certificate.household();
    until("the relative to know the computer", &[&ben.home, &back.home], || {
        let known = ben.home.ledger.peer(&household).unwrap()?;
        (known.certificate == back.home.keys.certificate).then_some(())
    })
    .await;
}

/// Goal: a home that was restored from a disk which did not know of an earlier restore, and is outranked by that, is made
/// the household's computer again with the phrase. Method: two restores from a disk; the one that stands above the other
/// meets a relative and is lost.
#[tokio::test(flavor = "multi_thread")]
async fn a_home_that_is_outranked_gets_new_keys() {
    let (mut anna, ben) = (House::found_up("Anna").await, House::found_up("Ben").await);
    pair(&anna, &ben).await;
    anna.live();
    anna.keep_at(&ben).await;
    let (disk, _) = anna.add_folder("disk");
    anna.back_up().await;
    let (household, words) = (anna.household(), anna.words());
    anna.burn().await;
    let (here, there) = (anna.beside("here"), anna.beside("there"));
    let mut certificates = Vec::new();
    for root in [&here, &there] {
        restore_from(root, &words, &[disk.to_str().unwrap()]).await.0.unwrap();
        let home = crate::house::open(root);
        certificates.push(home.keys.certificate.clone());
        home.close();
    }
    let (first, second) =
        if certificates[0].outranks(&certificates[1]) { (&here, &there) } else { (&there, &here) };

    let back = Back::begin(first, &Restoring::default()).await;
    known_at(&ben, &back).await;
    drop(back.stop().await);
    let back = Back::begin(second, &Restoring::default()).await;
    until("it to hear of the other", &[&back.home], || back.home.is_outranked().then_some(())).await;
    drop(back.stop().await);

    wait_until_closed(second);
    let said = keys::renew(second, &ben.words(), clock::now_ms()).unwrap_err().to_string();
    assert!(said.contains("not this household's"), "{said}");
    assert_eq!(keys::renew(second, &words, clock::now_ms()).unwrap(), 3);
    let back = Back::begin(second, &Restoring::default()).await;
    assert!(!back.home.is_outranked());
    known_at(&ben, &back).await;
    back.complete().await;
    crate::house::photo(&back.home, 60);
    backup::run(&back.home, &CancellationToken::new()).await.unwrap();
    let head = ben.home.vault.keeper.ward(&household).unwrap().last_head.unwrap();
    assert_eq!(head.generation, 3);
    let alarms = back.home.vault.store.alarms().unwrap();
    assert!(
        alarms.iter().all(|alarm| alarm.kind != "newer-state"),
        "its own states are no newer ones: {alarms:?}"
    );
    drop(back.stop().await);
}

/// Makes a folder of packs another disk's, as one that a keeper wrote is.
pub(crate) fn another_disk(folder: &Path) {
    let marker = folder.join("HEIRLOOM-VAULT");
    let text = std::fs::read_to_string(&marker).unwrap();
    let other = |line: &str| {
        if line.starts_with("disk ") { format!("disk {}", "5".repeat(32)) } else { line.to_owned() }
    };
    std::fs::write(&marker, text.lines().map(other).collect::<Vec<_>>().join("\n") + "\n").unwrap();
}

/// Every file in a folder, with when it was written.
fn files(folder: &Path) -> Vec<(std::path::PathBuf, std::time::SystemTime)> {
    let (mut files, mut folders) = (Vec::new(), vec![folder.to_owned()]);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let written = std::fs::metadata(&path).unwrap().modified().unwrap();
                files.push((path, written));
            }
        }
    }
    files.sort();
    files
}

/// Goal: a disk that was lent for a restore is read to the end, also after a start of the program, and never written to;
/// the disk that the household had is named. Method: a copy of the household's disk under another mark, and the originals
/// only after a new start.
#[tokio::test(flavor = "multi_thread")]
async fn a_lent_disk_is_only_read() {
    let (house, disk, before) = House::burnt(|_| {}).await;
    let lent = house.beside("lent");
    copy(&disk, &lent);
    another_disk(&lent);
    std::fs::rename(&disk, house.beside("gone")).unwrap();
    let new = house.beside("new");
    restore_from(&new, &house.words(), &[lent.to_str().unwrap()]).await.0.unwrap();
    let untouched = files(&lent);
    let back = Back::begin(&new, &Restoring::default()).await;
    back.complete().await;
    assert_eq!(before, Known::of(&back.home));
    assert_eq!(back.home.vault.store.targets().unwrap(), Vec::new());
    let alarms = back.home.vault.store.alarms().unwrap();
    let told = alarms.iter().find(|alarm| alarm.kind == "restored-places").unwrap();
    assert!(told.text.contains(&format!("Nothing is written to {}", lent.display())), "{told:?}");
    assert!(told.text.contains(&format!("copies went to {}", disk.display())), "{told:?}");
    crate::house::photo(&back.home, 70);
    backup::run(&back.home, &CancellationToken::new()).await.unwrap();
    assert_eq!(files(&lent), untouched);
    drop(back.stop().await);
}

/// Goal: the household's own disk is used again, wherever it is mounted now. Method: the disk is found under another name.
#[tokio::test(flavor = "multi_thread")]
async fn a_disk_of_ones_own_is_used_again() {
    let (house, disk, _) = House::burnt(|_| {}).await;
    let moved = house.beside("moved");
    std::fs::rename(&disk, &moved).unwrap();
    let new = house.beside("new");
    restore_from(&new, &house.words(), &[moved.to_str().unwrap()]).await.0.unwrap();
    let home = crate::house::open(&new);
    let places: Vec<Place> = home.vault.store.targets().unwrap().into_iter().map(|row| row.place).collect();
    assert_eq!(places, [Place::Folder(moved.to_str().unwrap().to_owned())]);
    let alarms = home.vault.store.alarms().unwrap();
    let told = alarms.iter().find(|alarm| alarm.kind == "restored-places").unwrap();
    assert!(told.text.contains("Copies are written to") && !told.text.contains("went to"), "{told:?}");
    home.close();
}

/// Goal: a household whose only other place was a bucket comes back from it, whole, and goes on using it; the keys come
/// from the environment. Method: a real S3 server; the home burns; the bucket alone is named, first with the wrong phrase.
#[tokio::test(flavor = "multi_thread")]
async fn everything_comes_back_from_a_bucket() {
    let server = Bucket::serve().await;
    let place = S3Place {
        endpoint: server.endpoint().to_owned(),
        bucket: Bucket::NAME.to_owned(),
        prefix: "family/anna".to_owned(),
        region: String::new(),
        access_key: Bucket::ACCESS_KEY.to_owned(),
        secret_key: Bucket::SECRET_KEY.to_owned(),
    };
    let mut anna = House::found("Anna");
    anna.live();
    own_places::add_bucket(&anna.home, place.clone(), None).await.unwrap();
    anna.back_up().await;
    let before = Known::of(&anna.home);
    anna.burn().await;

    let name = format!("s3://{}/family/anna?endpoint={}", Bucket::NAME, server.endpoint());
    let keys = |name: &str| match name {
        "AWS_ACCESS_KEY_ID" => Some(Bucket::ACCESS_KEY.to_owned()),
        "AWS_SECRET_ACCESS_KEY" => Some(Bucket::SECRET_KEY.to_owned()),
        _ => None,
    };
    let order = |root: &Path, words: &str| Order::read_with(root, words, std::slice::from_ref(&name), &keys);
    let stranger = House::found("Ben");
    let order_of_another = order(&anna.beside("other"), &stranger.words()).unwrap();
    let said = restore::run(&order_of_another, &Arc::default()).await.unwrap_err().to_string();
    assert!(said.contains("no copies of this household in the bucket"), "{said}");

    let (new, restoring) = (anna.beside("new"), Arc::<Restoring>::default());
    restore::run(&order(&new, &anna.words()).unwrap(), &restoring).await.unwrap();
    let back = Back::begin(&new, &restoring).await;
    back.complete().await;
    assert_eq!(before, Known::of(&back.home));
    let places = back.home.vault.store.targets().unwrap();
    assert_eq!(places.iter().map(|row| &row.place).collect::<Vec<_>>(), [&Place::S3(place)]);
    crate::house::photo(&back.home, 80);
    let report = backup::run(&back.home, &CancellationToken::new()).await.unwrap();
    assert!(report.head.is_some_and(|head| head > 1), "{report:?}");
    drop(back.stop().await);
}
