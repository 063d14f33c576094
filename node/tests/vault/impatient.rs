//! Whoever does not want to wait for a place that is away, after the books were lost, takes it out.

use heirloom::vault::own_places;
use heirloom_vault::policy::Policy;

use crate::crash::closed;
use crate::homes::{Scratch, add_folder, photos, run};

/// Goal: books that were lost do not keep photos from a new disk for three days, if a person says that the old one is not to
/// be waited for; and no copy on the old one is deleted for that. Method: the only disk with copies is away; another is added.
#[tokio::test(flavor = "multi_thread")]
async fn whoever_takes_an_away_place_out_waits_no_longer() {
    let scratch = Scratch::new("Anna");
    let home = scratch.open();
    photos(&home, 0..2);
    let (old, new) = (scratch.beside("old"), scratch.beside("new"));
    add_folder(&home, &old);
    run(&home).await;
    closed(home);
    // The ledger hears of the disk.
    closed(scratch.open());
    std::fs::write(scratch.root().join("vault.sqlite"), [7; 10_000]).unwrap();
    let away = scratch.beside("away");
    std::fs::rename(&old, &away).unwrap();

    let home = scratch.open();
    let id = add_folder(&home, &new);
    assert_eq!(run(&home).await.packs, 0, "the old one is waited for");
    let gone = own_places::find(&home, old.to_str().unwrap()).unwrap();
    own_places::remove(&home, gone).await.unwrap();
    run(&home).await;
    let overview = home.vault.store.overview(home.vault.engine.now(), &Policy::default()).unwrap();
    assert_eq!(overview.targets[&id].photos, 2);
    assert!(!crate::homes::files_below(&away.join("packs")).is_empty());
}
