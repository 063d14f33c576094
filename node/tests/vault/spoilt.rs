//! `vault.sqlite` and `keeper.sqlite` go bad while the home has them open: it says so, nothing is lost or deleted anywhere,
//! and the next start sets them aside and makes them anew.

use std::os::unix::fs::FileExt as _;

use axum::response::IntoResponse as _;
use heirloom::api::error::ApiError;
use heirloom::vault::audits::{self, Scope};
use heirloom::vault::status::status;
use heirloom::vault::{backup, worker};
use heirloom_store::StoreError;
use heirloom_store::rusqlite::Connection;
use tokio_util::sync::CancellationToken;

use crate::books::{alarm, complete, only_target, set_aside};
use crate::crash::closed;
use crate::homes::{DAY_MS, Scratch, add_folder, files_below, household, photo, photos, run};
use crate::peers;
use crate::readback::Readback;

/// Damages a database under the hands of the home that has it open: every page but the first.
fn damage_open(scratch: &Scratch, name: &str) {
    let path = scratch.root().join(name);
    let other = Connection::open(&path).unwrap();
    let version: i64 = other.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap();
    // What is still in the log would be read from there.
    let blocked: i64 = other.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0)).unwrap();
    assert_eq!(blocked, 0, "somebody reads");
    let file = std::fs::File::options().read(true).write(true).open(&path).unwrap();
    let mut bytes = vec![0; usize::try_from(file.metadata().unwrap().len()).unwrap() - 4096];
    file.read_exact_at(&mut bytes, 4096).unwrap();
    bytes.iter_mut().for_each(|byte| *byte ^= 0xff);
    file.write_all_at(&bytes, 4096).unwrap();
    // After a change by somebody else nobody goes by pages in memory.
    other.pragma_update(None, "user_version", version).unwrap();
}

/// Goal: when `vault.sqlite` goes bad under the running home, what needs it says so, nothing is sent or deleted anywhere, and
/// the next start makes it anew. Method: every page is flipped while the home has the file open.
#[tokio::test(flavor = "multi_thread")]
async fn books_that_go_bad_while_the_home_runs_are_made_anew_at_the_next_start() {
    let scratch = Scratch::new("Anna");
    let home = scratch.open();
    photos(&home, 0..5);
    let folder = scratch.beside("disk");
    let id = add_folder(&home, &folder);
    run(&home).await;
    let before = files_below(&folder);
    damage_open(&scratch, "vault.sqlite");
    // Photos are taken in all the same.
    let content = photo(&home, 30);
    let stop = CancellationToken::new();
    for _ in 0..2 {
        let said = backup::run(&home, &stop).await.unwrap_err();
        let is_damage = |cause: &StoreError| cause.is_damage();
        assert!(said.chain().any(|cause| cause.downcast_ref().is_some_and(is_damage)), "{said:#}");
    }
    assert!(audits::run(&home, Scope::Everything, 1, &stop).await.is_err());
    let said = ApiError::from(status(&home).unwrap_err()).into_response();
    let said = axum::body::to_bytes(said.into_body(), 10_000).await.unwrap();
    let said = String::from_utf8(said.to_vec()).unwrap();
    assert!(said.contains("damaged") && said.contains("Start Heirloom again"), "{said}");
    worker::check_promises(&home, DAY_MS, &stop).await;
    assert_eq!(files_below(&folder), before, "nothing was sent or deleted");
    assert!(home.ledger.file(&content).unwrap().is_some());
    closed(home);

    let home = scratch.open();
    assert_eq!(set_aside(&scratch, "vault.sqlite").len(), 1);
    assert!(alarm(&home, "books-lost").is_some());
    assert_eq!(only_target(&home), id);
    run(&home).await;
    assert_eq!(complete(&home, id), 6);
    let back = Readback::of_folder(&folder, &scratch.phrase).await;
    assert_eq!(back.originals().await.len(), 6);
}

/// Goal: when `keeper.sqlite` goes bad under the running home, its people hear it, its ward counts nothing as lost, nothing
/// that is kept is deleted, and after the next start all of it is proved again. Method: as above, with a ward that goes on.
#[tokio::test(flavor = "multi_thread")]
async fn a_keepers_books_that_go_bad_while_it_runs_lose_nothing() {
    let (anna, ben) = peers::keeper_and_ward().await;
    photos(&anna.home, 0..3);
    run(&anna.home).await;
    let (of_anna, of_ben) = (household(&anna.home), household(&ben.home));
    let kept = ben.home.layout.kept();
    let before = files_below(&kept);
    damage_open(&ben.scratch, "keeper.sqlite");
    let stop = CancellationToken::new();
    let audited = audits::run(&anna.home, Scope::Everything, 1, &stop).await.unwrap();
    assert_eq!((audited.ok, audited.wrong, audited.missing), (0, 0, 0), "{audited:?}");
    photo(&anna.home, 3);
    run(&anna.home).await;
    assert_eq!(peers::complete(&anna), 3, "what was proved still counts");
    worker::check_promises(&ben.home, DAY_MS, &stop).await;
    let told = alarm(&ben.home, "keeping-failed").unwrap();
    assert!(told.text.contains("damaged") && told.advice.contains("Start Heirloom again"), "{told:?}");
    assert_eq!(files_below(&kept), before, "nothing of it went");

    let scratch = ben.down().await;
    let ben = peers::Place::up(scratch).await;
    assert_eq!(set_aside(&ben.scratch, "keeper.sqlite").len(), 1);
    assert!(alarm(&ben.home, "keeper-lost").is_some());
    anna.network.wake_dialer(&of_ben);
    peers::connected(&anna, &ben).await;
    run(&anna.home).await;
    assert_eq!(peers::complete(&anna), 4);
    let audited = audits::run(&anna.home, Scope::Everything, 1, &stop).await.unwrap();
    assert_eq!((audited.ok, audited.wrong, audited.missing), (audited.asked, 0, 0));
    assert!(ben.home.vault.keeper.ward(&of_anna).unwrap().packs > 0);
    worker::check_promises(&ben.home, DAY_MS, &stop).await;
    assert_eq!(alarm(&ben.home, "keeping-failed"), None);
}
