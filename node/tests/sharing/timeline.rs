//! Photos of albums in the main timeline, by choice.

use heirloom::care::rebuild::rebuild;
use heirloom::index;
use heirloom::sharing::timeline;
use heirloom_catalog::AssetRef;
use heirloom_identity::{AssetId, Role};
use heirloom_spaces::{AlbumEdit, MarkChange};

use crate::family::{Place, two};

fn shown(place: &Place) -> usize {
    place.home.catalog().shared_of(&place.account).unwrap().len()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_albums_photos_come_and_go_by_choice() {
    let (anna, ben) = two().await;
    let space = anna.album("Sea");
    let (first, content) = anna.photo(1);
    let (second, _) = anna.photo(2);
    anna.add(&space, first);
    anna.share(&space, &ben, Role::Viewer);
    ben.has_entry(&space, &content).await;
    assert_eq!(shown(&ben), 0);
    timeline::choose(&ben.home, space, ben.account, true).unwrap();
    assert_eq!(shown(&ben), 1);
    timeline::choose(&anna.home, space, anna.account, true).unwrap();
    assert_eq!(shown(&anna), 0, "one's own photos are not doubled");

    // What is added later follows by itself, and what is removed goes.
    anna.add(&space, second);
    ben.until("the second photo", || shown(&ben) == 2).await;
    let asset = AssetId::derive(&ben.account, &content);
    index::decide(&ben.home, ben.account, &[asset], &[MarkChange::Favourite(true)]).unwrap();
    let detail = ben.home.catalog().asset(&AssetRef::Uuid(asset)).unwrap().unwrap();
    assert!(detail.favourite && detail.shared);
    assert_eq!(ben.home.ledger.totals().unwrap(), (0, 0), "a favourite copies nothing");
    rebuild(&ben.home).unwrap();
    assert_eq!(shown(&ben), 2, "a rebuilt catalog has them again");
    assert!(ben.home.catalog().asset(&AssetRef::Uuid(asset)).unwrap().unwrap().favourite);

    anna.home.albums.edit(&space, anna.account, &[AlbumEdit::RemoveEntries(vec![content])], 0).unwrap();
    ben.until("the first photo goes", || shown(&ben) == 1).await;
    timeline::choose(&ben.home, space, ben.account, false).unwrap();
    assert_eq!(shown(&ben), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_own_photo_takes_the_place_of_the_shared_one() {
    let (anna, ben) = two().await;
    let space = anna.album("Sea");
    let (asset, content) = anna.photo(1);
    anna.add(&space, asset);
    anna.share(&space, &ben, Role::Viewer);
    ben.has_entry(&space, &content).await;
    timeline::choose(&ben.home, space, ben.account, true).unwrap();
    assert_eq!(shown(&ben), 1);
    let (own, _) = ben.photo(1);
    assert_eq!(own, AssetId::derive(&ben.account, &content));
    assert_eq!(shown(&ben), 0);
    assert!(!ben.home.catalog().asset(&AssetRef::Uuid(own)).unwrap().unwrap().shared);
    assert_eq!(ben.home.catalog().statistics(&ben.account).unwrap().images, 1);
}
