//! Own photos into albums: at once, or when their pictures are made.

use heirloom::sharing::{self, Outcome};
use heirloom_identity::{AssetId, Role};

use crate::family::{Place, two};

#[tokio::test(flavor = "multi_thread")]
async fn a_photo_goes_in_once_with_what_is_known_of_it() {
    let anna = Place::found("Anna").await;
    let space = anna.album("Sea");
    let (asset, content) = anna.photo(1);
    let nobodys = AssetId::from_bytes([7; 16]);
    let outcomes = sharing::add_assets(&anna.home, &space, anna.account, &[asset, asset, nobodys]).unwrap();
    assert_eq!(outcomes, [Outcome::Added, Outcome::Duplicate, Outcome::NotFound]);
    assert_eq!(anna.add(&space, asset), Outcome::Duplicate);
    let facts = anna.home.albums.entry(&space, &content).unwrap().unwrap().facts;
    assert_eq!((facts.width, facts.height, facts.file_name.as_str()), (320, 200, "IMG_1.png"));
    assert_eq!((facts.mime.as_str(), facts.owner), ("image/png", anna.account));
    assert_eq!(facts.taken_local_ms, Some(1_714_566_600_000));
    assert!(facts.thumbnail.is_some() && facts.preview.is_some() && !facts.thumbhash.is_empty());
    let names = anna.home.albums.names(&space).unwrap();
    assert_eq!(names.values().collect::<Vec<_>>(), ["Anna"], "members hear what the account is called");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_photo_without_pictures_waits_for_them() {
    let anna = Place::found("Anna").await;
    let space = anna.album("Sea");
    let (asset, content) = anna.photo_without_pictures(1);
    assert_eq!(anna.add(&space, asset), Outcome::Waiting);
    assert_eq!(anna.home.albums.entry(&space, &content).unwrap(), None);
    // It still waits after a restart that nobody expected.
    let folder = anna.stop().await;
    let anna = Place::start(folder).await;
    assert_eq!(anna.home.ledger.pending(None).unwrap().len(), 1);
    anna.derive();
    assert!(anna.home.albums.entry(&space, &content).unwrap().unwrap().facts.thumbnail.is_some());
    assert_eq!(anna.home.ledger.pending(None).unwrap(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_photo_that_cannot_be_shown_goes_in_without_pictures() {
    let anna = Place::found("Anna").await;
    let space = anna.album("Sea");
    let mut broken = crate::family::picture(1);
    broken.truncate(60);
    let (asset, content) = anna.keep("broken.png", broken);
    anna.add(&space, asset);
    anna.derive();
    let facts = anna.home.albums.entry(&space, &content).unwrap().unwrap().facts;
    assert_eq!((facts.thumbnail, facts.preview), (None, None));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_only_look_adds_nothing() {
    let (anna, ben) = two().await;
    let space = anna.album("Sea");
    anna.share(&space, &ben, Role::Viewer);
    ben.has_album(&space).await;
    let (made, _) = ben.photo(1);
    let (unmade, _) = ben.photo_without_pictures(2);
    for asset in [made, unmade] {
        let refused = sharing::add_assets(&ben.home, &space, ben.account, &[asset]).unwrap_err();
        assert!(refused.to_string().contains("viewer"), "{refused}");
    }
    assert_eq!(ben.home.ledger.pending(None).unwrap(), []);
}
