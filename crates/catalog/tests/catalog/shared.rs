//! Photos of other homes in a timeline: seen, not owned, gone without a trace.

use heirloom_catalog::schema::MIGRATIONS;
use heirloom_catalog::timeline::flags;
use heirloom_catalog::{AssetRef, Catalog, Marks, View};
use heirloom_store::{Database, Durability};

use crate::home::{Home, account, arrival, at, derivation};

/// Where the local ids of shared photos begin here.
const FIRST: u32 = 1 << 30;

#[test]
fn a_shared_photo_is_in_the_timeline_and_in_no_statistics() {
    let home = Home::new();
    home.catalog.insert(&[arrival(1, at(2024, 5, 1, 0))]).unwrap();
    let before = home.catalog.statistics(&account(1)).unwrap();
    let shared = (arrival(FIRST, 0), derivation(Some(at(2024, 5, 3, 12))));
    assert_eq!(home.catalog.insert_shared(vec![shared.clone()]).unwrap(), 1);
    assert_eq!(home.catalog.insert_shared(vec![shared.clone()]).unwrap(), 0, "a second time changes nothing");
    assert_eq!(home.skeleton(View::All, None).months[0].days, vec![(3, 1), (1, 1)]);
    let columns = home.catalog.columns(&account(1), View::All, 202_405, 0, false).unwrap().unwrap();
    assert_eq!(columns.flags, [flags::SHARED, flags::PENDING]);
    assert_eq!(home.catalog.statistics(&account(1)).unwrap(), before);
    assert_eq!(home.catalog.totals().unwrap().assets, 1);
    assert_eq!(home.catalog.fed().unwrap().last_local_id, 1);
    assert_eq!(home.catalog.queue_due(2, 0).unwrap(), 0, "nothing is derived from what is not here");
    assert!(home.catalog.asset(&AssetRef::Local(FIRST)).unwrap().unwrap().shared);

    home.catalog.marked(&[(shared.0.asset, Marks { favourite: true, ..Marks::default() })]).unwrap();
    let columns = home.catalog.columns(&account(1), View::Favourites, 202_405, 0, false).unwrap().unwrap();
    assert_eq!(columns.flags, [flags::SHARED | flags::FAVOURITE]);
    assert_eq!(home.catalog.favourites(&[shared.0.asset]).unwrap().len(), 1);

    assert_eq!(home.catalog.shared_of(&account(1)).unwrap(), [(FIRST, shared.0.content)]);
    let rev = home.catalog.revision(&account(1)).unwrap();
    assert_eq!(home.catalog.remove_shared(&[FIRST, 1]).unwrap(), 1, "an own photo is never taken out");
    assert_eq!(home.skeleton(View::All, Some(rev)).months[0].days, vec![(1, 1)]);
    assert!(home.skeleton(View::Favourites, None).months.is_empty());
}

#[test]
fn the_own_photo_goes_before_the_shared_one() {
    let home = Home::new();
    let own = arrival(1, at(2024, 5, 1, 0));
    let shared = heirloom_catalog::Arrival { local_id: FIRST, ..own.clone() };
    let derived = derivation(Some(at(2024, 5, 3, 12)));
    home.catalog.insert_shared(vec![(shared.clone(), derived.clone())]).unwrap();
    assert_eq!(home.catalog.insert(std::slice::from_ref(&own)).unwrap(), 1);
    let found = home.catalog.asset(&AssetRef::Uuid(own.asset)).unwrap().unwrap();
    assert_eq!((found.local_id, found.shared), (1, false));
    assert_eq!(home.catalog.insert_shared(vec![(shared, derived)]).unwrap(), 0);
    assert_eq!(home.catalog.statistics(&account(1)).unwrap().images, 1);
    assert_eq!(home.skeleton(View::All, None).months.len(), 1);
}

#[test]
fn a_catalog_of_the_version_before_is_taken_over() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("catalog.sqlite");
    let old = Database::open(&path, Durability::Normal, &MIGRATIONS[..1]).unwrap();
    old.write(|conn| -> Result<(), heirloom_store::StoreError> {
        conn.execute_batch(
            "INSERT INTO accounts (account, rev) VALUES (x'01010101010141018101010101010101', 7);
             INSERT INTO assets (id, asset_id, owner, content, sha1, kind, file_name, library_path, bytes, mime,
               arrived_ms, added_month, modified_ms, taken_local_ms, dated_by, month, favourite, archived, aspect,
               colour565, flags) VALUES (1, zeroblob(16), 1, zeroblob(32), zeroblob(20), 0, 'a.jpg', 'a', 5,
               'image/jpeg', 0, 197001, 0, 0, 0, 197001, 0, 0, 0, 0, 0)",
        )?;
        Ok(())
    })
    .unwrap();
    drop(old);
    let catalog = Catalog::open(&path).unwrap();
    assert_eq!(catalog.totals().unwrap().assets, 1);
    assert!(!catalog.asset(&AssetRef::Local(1)).unwrap().unwrap().shared);
}
