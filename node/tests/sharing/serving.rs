//! Who is served what. Every refusal is the same: "not here".

use std::sync::Arc;

use heirloom::ledger::shared_files::FileKind;
use heirloom::protocols::content::{AlbumSource, Token};
use heirloom::sharing;
use heirloom_identity::{ContentHash, Role, SpaceId};
use heirloom_net::transfer::Source;
use heirloom_spaces::{AlbumEdit, EntryFacts};

use crate::family::{Place, pair, two};

/// Whether `at` would send this file to `to`.
fn serves(
    at: &Place,
    to: &Place,
    space: &SpaceId,
    kind: FileKind,
    content: &ContentHash,
    root: &ContentHash,
) -> bool {
    let token = Token { pseudonym: space.pseudonym(), kind, content: *content };
    let source = AlbumSource::new(Arc::clone(&at.home), to.household());
    source.open(&token.encode(), root).is_some()
}

fn serves_original(at: &Place, to: &Place, space: &SpaceId, content: &ContentHash) -> bool {
    serves(at, to, space, FileKind::Original, content, content)
}

/// What somebody would have to write to claim a photo whose hash they guessed.
fn guessed(at: &Place, content: ContentHash) -> EntryFacts {
    EntryFacts {
        content,
        bytes: 1,
        mime: "image/png".to_owned(),
        file_name: "guess.png".to_owned(),
        owner: at.account,
        added_at_ms: 0,
        taken_local_ms: None,
        offset_minutes: None,
        width: 1,
        height: 1,
        duration_ms: None,
        thumbhash: Vec::new(),
        colour: None,
        latitude: None,
        longitude: None,
        make: None,
        model: None,
        thumbnail: None,
        preview: None,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_is_served_what_stands_in_the_album_and_nothing_else() {
    let (anna, mut ben) = two().await;
    ben.stop_downloads().await;
    let (shown, content) = anna.photo(1);
    let (_, private) = anna.photo(2);
    let space = anna.album("Sea");
    anna.add(&space, shown);
    assert!(!serves_original(&anna, &ben, &space, &content), "not a member yet");
    anna.share(&space, &ben, Role::Viewer);
    let entry = ben.has_entry(&space, &content).await;
    assert!(serves_original(&anna, &ben, &space, &content), "a viewer may look at all of it");
    for (kind, blob) in
        [(FileKind::Thumbnail, entry.facts.thumbnail), (FileKind::Preview, entry.facts.preview)]
    {
        let hash = blob.unwrap().hash;
        assert!(serves(&anna, &ben, &space, kind, &content, &hash), "{kind:?}");
        assert!(!serves(&anna, &ben, &space, FileKind::Original, &content, &hash), "as another kind");
        assert!(!serves(&anna, &ben, &space, kind, &private, &hash), "as another photo's");
    }
    assert!(!serves_original(&anna, &ben, &space, &private));
    let other = anna.album("Mine");
    assert!(!serves_original(&anna, &ben, &other, &content), "another album");
    let junk = AlbumSource::new(Arc::clone(&anna.home), ben.household());
    assert!(junk.open(b"", &content).is_none() && junk.open(&[0; 65], &content).is_none());

    sharing::unshare(&anna.home, &space, ben.household()).unwrap();
    assert!(!serves_original(&anna, &ben, &space, &content), "who was removed gets nothing, at once");
    assert!(!serves(
        &anna,
        &ben,
        &space,
        FileKind::Thumbnail,
        &content,
        &entry.facts.thumbnail.unwrap().hash
    ));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guessed_hash_in_an_album_opens_nothing() {
    let (anna, ben) = two().await;
    let (_, private) = anna.photo(1);
    let absent = ContentHash::of(b"nobody has this");
    let space = ben.album("Trap");
    ben.share(&space, &anna, Role::Admin);
    anna.has_album(&space).await;
    let claims = vec![guessed(&ben, private), guessed(&ben, absent)];
    ben.home.albums.edit(&space, ben.account, &[AlbumEdit::Add(claims)], 0).unwrap();
    anna.has_entry(&space, &private).await;
    anna.has_entry(&space, &absent).await;
    // A photo that is here and one that is not look the same from outside.
    assert!(!serves_original(&anna, &ben, &space, &private));
    assert!(!serves_original(&anna, &ben, &space, &absent));
    // Not even over the network, where the answer is the one "not here" for both.
    let album = Arc::new(ben.home.albums.album(&space).unwrap().unwrap());
    for content in [private, absent] {
        let entry = ben.home.albums.entry(&space, &content).unwrap().unwrap();
        let refused = sharing::demand::file(&ben.home, &album, &entry, FileKind::Original).await.unwrap_err();
        assert!(refused.to_string().contains("nobody who was asked"), "{refused}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_came_through_an_album_is_handed_on_in_that_album_only() {
    let (anna, ben) = two().await;
    let carla = Place::found("Carla").await;
    pair(&ben, &carla).await;
    let (asset, content) = anna.photo(1);
    let (sea, trap) = (anna.album("Sea"), carla.album("Trap"));
    anna.add(&sea, asset);
    anna.share(&sea, &ben, Role::Admin);
    ben.has_entry(&sea, &content).await;
    ben.until("Ben has the original", || ben.home.ledger.shared_file(&content).unwrap().is_some()).await;
    carla.share(&trap, &ben, Role::Admin);
    ben.has_album(&trap).await;
    let claim = vec![AlbumEdit::Add(vec![guessed(&carla, content)])];
    carla.home.albums.edit(&trap, carla.account, &claim, 0).unwrap();
    ben.has_entry(&trap, &content).await;
    assert!(!serves_original(&ben, &carla, &trap, &content), "it came through another album");
    assert!(!serves_original(&ben, &carla, &sea, &content), "not a member there");
    ben.share(&sea, &carla, Role::Viewer);
    assert!(serves_original(&ben, &carla, &sea, &content), "a member hands on what came through the album");
    // Anna was never paired with Carla and is not connected with her: Ben is the only one who can be asked.
    carla.has_entry(&sea, &content).await;
    carla.until("Carla has it from Ben", || carla.home.ledger.shared_file(&content).unwrap().is_some()).await;
}
