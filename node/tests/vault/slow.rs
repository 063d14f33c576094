//! Places that take for ever hold up no other.

use std::path::PathBuf;
use std::sync::Arc;

use heirloom::home::Home;
use heirloom::vault::audits::{self, Scope};
use heirloom::vault::backup;
use heirloom_vault::policy::TargetId;
use heirloom_vault::store::Place;
use tokio_util::sync::CancellationToken;

use crate::faulty::{Fault, Faulty};
use crate::homes::{Scratch, add_folder, household, photos, run};
use crate::readback::{self, Readback};
use crate::wait::until;

/// A folder as a place for copies that can be made to misbehave.
fn place(scratch: &Scratch, home: &Home, name: &str) -> (TargetId, PathBuf, Arc<Faulty>) {
    let folder = scratch.beside(name);
    let id = add_folder(home, &folder);
    let faulty = Faulty::new(readback::target(&folder, &household(home)));
    let at = Place::Folder(folder.to_str().unwrap().to_owned());
    home.vault.engine.hold_open(id, at, Arc::clone(&faulty) as Arc<dyn heirloom_vault::Target>);
    (id, folder, faulty)
}

/// Goal: a place that was off when a run began gets everything within that run once it is on, although another takes for ever.
#[tokio::test(flavor = "multi_thread")]
async fn who_comes_back_waits_for_no_slow_place() {
    let scratch = Scratch::new("Anna");
    let home = scratch.open();
    photos(&home, 0..2);
    let (_, _, slow) = place(&scratch, &home, "slow");
    let (id, folder, quick) = place(&scratch, &home, "quick");
    slow.set(Fault::Stuck);
    quick.set(Fault::Off);
    let stop = CancellationToken::new();
    let running = {
        let (home, stop) = (Arc::clone(&home), stop.clone());
        tokio::spawn(async move { backup::run(&home, &stop).await })
    };
    quick.was_asked().await;
    quick.set(Fault::None);
    home.vault.wake();
    until("a list of everything there", &[&home], || home.vault.store.head_at(id).unwrap()).await;
    assert!(!running.is_finished(), "the slow place still takes its time");
    stop.cancel();
    running.await.unwrap().unwrap();
    let back = Readback::of_folder(&folder, &scratch.phrase).await;
    assert_eq!(back.originals().await.len(), 2);
}

/// Goal: a place that takes for ever over questions holds up no other, nor a stop.
#[tokio::test(flavor = "multi_thread")]
async fn who_answers_waits_for_nobody_who_does_not() {
    let scratch = Scratch::new("Anna");
    let home = scratch.open();
    photos(&home, 0..2);
    let places = ["slow", "quick", "also slow"].map(|name| place(&scratch, &home, name));
    run(&home).await;
    places[0].2.set(Fault::Stuck);
    places[2].2.set(Fault::Stuck);
    let stop = CancellationToken::new();
    let asking = {
        let (home, stop) = (Arc::clone(&home), stop.clone());
        tokio::spawn(async move { audits::run(&home, Scope::Everything, 1, &stop).await })
    };
    let audited = |id| home.vault.store.target(id).unwrap().unwrap().audited_ms.is_some();
    until("the quick place to be asked", &[&home], || audited(places[1].0).then_some(())).await;
    assert!(!audited(places[0].0) && !audited(places[2].0));
    stop.cancel();
    let report = asking.await.unwrap().unwrap();
    assert!(report.ok > 0 && report.ok == report.asked, "{report:?}");
}
