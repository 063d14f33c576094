//! Goal: what one home does in an album the others see, whoever was off meanwhile, and nobody else.
//! Method: real nodes on loopback, albums with entries that stand for photos.

use heirloom_identity::Role;
use heirloom_spaces::AlbumEdit;

use crate::family::{House, pair};
use crate::wait::PATIENCE;

#[tokio::test(flavor = "multi_thread")]
async fn an_album_is_edited_by_both_while_connected_and_while_one_was_off() {
    let (smiths, nonna) = (House::new("The Smiths").await, House::new("Nonna").await);
    pair(&smiths, &nonna).await;
    let album = smiths.create("Summer");
    smiths.add(&album, 1);
    smiths.share(&album, &nonna, Role::Contributor);
    nonna.holds(&album, 1).await;
    nonna.add(&album, 2);
    smiths.holds(&album, 2).await;

    let nonna = nonna.down().await;
    smiths.add(&album, 3);
    let smiths = smiths.down().await;
    let nonna = nonna.up().await;
    nonna.add(&album, 4);
    let smiths = smiths.up().await;
    smiths.holds(&album, 4).await;
    nonna.holds(&album, 4).await;
    assert_eq!(smiths.names(&album), nonna.names(&album));
    nonna.down().await;
    smiths.down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_removal_arrives_and_what_comes_after_it_does_not() {
    let (smiths, nonna) = (House::new("The Smiths").await, House::new("Nonna").await);
    let bens = House::new("Ben's").await;
    pair(&smiths, &nonna).await;
    pair(&smiths, &bens).await;
    let album = smiths.create("Summer");
    smiths.share(&album, &nonna, Role::Contributor);
    smiths.share(&album, &bens, Role::Viewer);
    smiths.add(&album, 1);
    nonna.holds(&album, 1).await;
    bens.holds(&album, 1).await;
    heirloom::sharing::unshare(&smiths.home, &album, bens.household()).unwrap();
    let ended = || bens.home.albums.album(&album).unwrap().unwrap().ended;
    let ended = bens.until("to learn of the removal", ended).await;
    assert_eq!((ended.by, ended.left), (smiths.household(), false));
    smiths.add(&album, 2);
    nonna.holds(&album, 2).await;
    assert_eq!(bens.names(&album), ["IMG_1.jpg"], "what came so far stays");
    assert!(bens.home.albums.edit(&album, bens.anna(), &[AlbumEdit::Title("Mine".into())], 5).is_err());
    bens.down().await;
    nonna.down().await;
    smiths.down().await;
}

/// Nothing that counts is decided by a clock: one home lives in 1990, another in 2090.
#[tokio::test(flavor = "multi_thread")]
async fn clocks_that_are_years_off_change_nothing() {
    let (smiths, nonna) = (House::new("The Smiths").await, House::new("Nonna").await);
    pair(&smiths, &nonna).await;
    let album = smiths.home.albums.create(smiths.anna(), "Summer", 631_152_000_000).unwrap();
    smiths.share(&album, &nonna, Role::Contributor);
    // Before the title is there, hers would stand beside it, and either may be chosen; after it, hers replaces it.
    nonna.until("the album", || nonna.title(&album).filter(|title| title == "Summer")).await;
    let edit = |house: &House, title: &str, at_ms| {
        let edits = [AlbumEdit::Title(title.to_owned())];
        house.home.albums.edit(&album, house.anna(), &edits, at_ms).unwrap();
    };
    edit(&nonna, "from 2090", 3_786_912_000_000);
    smiths.until("the title", || smiths.title(&album).filter(|title| title == "from 2090")).await;
    edit(&smiths, "from 1990", 631_152_000_001);
    nonna.until("the title", || nonna.title(&album).filter(|title| title == "from 1990")).await;
    nonna.down().await;
    smiths.down().await;
}

/// A home whose folder was put back from an old copy gets back what it had said since, says new things beside it, and
/// confuses nobody.
#[tokio::test(flavor = "multi_thread")]
async fn a_home_from_an_old_copy_loses_nothing() {
    let (smiths, nonna) = (House::new("The Smiths").await, House::new("Nonna").await);
    pair(&smiths, &nonna).await;
    let album = smiths.create("Summer");
    smiths.share(&album, &nonna, Role::Contributor);
    nonna.until("the album", || nonna.title(&album)).await;
    nonna.add(&album, 1);
    smiths.holds(&album, 1).await;
    let folder = nonna.down().await;
    let copy = folder.copy();
    let nonna = folder.up().await;
    nonna.add(&album, 2);
    smiths.holds(&album, 2).await;
    let folder = nonna.down().await;
    folder.restore(&copy);
    let nonna = folder.up().await;
    nonna.holds(&album, 2).await;
    nonna.add(&album, 3);
    smiths.holds(&album, 3).await;
    assert_eq!(smiths.names(&album), nonna.names(&album));
    nonna.down().await;
    smiths.down().await;
}

/// Goal: the other home's page hears of an edit by itself and at once. Method: edits that follow each other as soon as the one
/// before was seen; were they only found when homes look at each other now and then, so many would take hours.
#[tokio::test(flavor = "multi_thread")]
async fn an_edit_is_seen_at_once() {
    let (smiths, nonna) = (House::new("The Smiths").await, House::new("Nonna").await);
    pair(&smiths, &nonna).await;
    let album = smiths.create("0");
    smiths.share(&album, &nonna, Role::Viewer);
    nonna.until("the album", || nonna.title(&album).filter(|title| title == "0")).await;
    let edits = async {
        for number in 1..=40 {
            let title = number.to_string();
            smiths.edit(&album, &[AlbumEdit::Title(title.clone())]);
            nonna.until("the title", || nonna.title(&album).filter(|seen| *seen == title)).await;
        }
    };
    tokio::time::timeout(PATIENCE, edits).await.unwrap();
    nonna.down().await;
    smiths.down().await;
}
