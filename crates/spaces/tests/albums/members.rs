//! Homes come and go: what a home that went learns, and what it can't read.

use heirloom_identity::{Envelope, EpochSecret, Role};
use heirloom_spaces::{AlbumEdit, AlbumError, Happening};
use heirloom_store::StoreError;
use heirloom_store::rusqlite::Connection;

use crate::family::{Home, Link, NOW_MS, assert_equal, content, shared, shown, sync, sync_all};

/// Every stored envelope and every known secret of a home.
fn envelopes(home: &Home) -> Vec<Envelope> {
    let all = |conn: &Connection| {
        let mut statement = conn.prepare("SELECT envelope FROM album_envelopes ORDER BY number")?;
        let rows = statement.query_map([], |row| row.get::<_, Vec<u8>>(0))?;
        Ok::<_, StoreError>(rows.map(|row| Envelope::decode(&row.unwrap()).unwrap()).collect())
    };
    home.database().read(all).unwrap()
}

fn secrets(home: &Home) -> Vec<EpochSecret> {
    let all = |conn: &Connection| {
        let mut statement = conn.prepare("SELECT secret FROM album_secrets")?;
        let rows = statement.query_map([], |row| row.get::<_, [u8; 32]>(0))?;
        Ok::<_, StoreError>(rows.map(|row| EpochSecret::from_bytes(row.unwrap())).collect())
    };
    home.database().read(all).unwrap()
}

#[test]
fn a_removed_home_learns_of_it_and_reads_nothing_more() {
    let [anna, ben, carla] = [Home::new(1), Home::new(2), Home::new(3)];
    let space = shared(&[&anna, &ben, &carla]);
    ben.add(&space, &["by ben"]);
    sync_all(&[&anna, &ben, &carla]);
    let before = envelopes(&anna).len();

    anna.albums.remove(&space, ben.id(), NOW_MS).unwrap();
    anna.add(&space, &["after"]);
    sync(&anna, &carla);
    carla.add(&space, &["carla after"]);
    sync(&anna, &carla);
    let operations = anna.count("SELECT count(*) FROM album_operations");
    let mut link = Link::new(&anna, &ben);
    link.run();
    sync(&carla, &ben);

    let album = ben.album(&space);
    let ended = album.ended.clone().unwrap();
    assert_eq!((album.our_role, ended.by, ended.left), (None, anna.id(), false));
    assert_eq!(ben.names(&space), ["by ben"], "what came stays, nothing more came");
    assert!(matches!(
        ben.albums.edit(&space, ben.account(), &[AlbumEdit::Title("x".to_owned())], NOW_MS),
        Err(AlbumError::Ended)
    ));
    assert!(ben.albums.spaces_with(&anna.id()).unwrap().is_empty());
    assert!(ben.count("SELECT count(*) FROM album_operations") < operations, "not the epoch after");
    assert_eq!(anna.albums.entry(&space, &content("by ben")).unwrap().unwrap().by, ben.id());

    // Nothing that was written from then on opens with anything that Ben has.
    let after = &envelopes(&anna)[before..];
    assert!(after.len() >= 2);
    for envelope in after {
        assert!(secrets(&ben).iter().all(|secret| envelope.open(&space, secret).is_err()));
    }
    assert_equal(&[&anna, &carla], &space);
    let gone = Happening::Removed { household: ben.id() };
    assert!(carla.albums.activity(&space, 100).unwrap().iter().any(|line| line.what == gone));
}

#[test]
fn what_a_removed_home_wrote_past_the_cut_has_no_effect() {
    let [anna, ben, carla] = [Home::new(1), Home::new(2), Home::new(3)];
    let space = shared(&[&anna, &ben, &carla]);
    // Ben writes, not knowing that he is removed; it reaches Carla, who doesn't know either.
    anna.albums.remove(&space, ben.id(), NOW_MS).unwrap();
    ben.add(&space, &["too late"]);
    sync(&ben, &carla);
    assert_eq!(carla.names(&space), ["too late"]);
    sync(&anna, &carla);
    assert!(carla.names(&space).is_empty(), "the document was built anew");
    assert!(anna.names(&space).is_empty());
    assert_eq!(carla.album(&space).entries, 0);
    assert!(!carla.albums.activity(&space, 100).unwrap().iter().any(|line| line.by == ben.id()));
    assert_equal(&[&anna, &carla], &space);
    assert_eq!(
        carla.count("SELECT count(*) FROM album_envelopes WHERE counted = 0"),
        1,
        "kept to be looked at"
    );
}

#[test]
fn what_honest_homes_built_on_stays() {
    let [anna, ben, carla] = [Home::new(1), Home::new(2), Home::new(3)];
    let space = shared(&[&anna, &ben, &carla]);
    anna.albums.remove(&space, ben.id(), NOW_MS).unwrap();
    ben.add(&space, &["seen by carla"]);
    sync(&ben, &carla);
    carla.edit(&space, &[AlbumEdit::Caption(content("seen by carla"), Some("nice".to_owned()))]);
    ben.add(&space, &["seen by nobody"]);
    sync(&anna, &carla);
    sync(&anna, &carla);
    assert_equal(&[&anna, &carla], &space);
    assert_eq!(anna.names(&space), ["seen by carla"]);
}

#[test]
fn a_home_comes_again() {
    let [anna, ben] = [Home::new(1), Home::new(2)];
    let space = shared(&[&anna, &ben]);
    ben.add(&space, &["first"]);
    sync(&anna, &ben);
    anna.albums.remove(&space, ben.id(), NOW_MS).unwrap();
    anna.add(&space, &["between"]);
    sync(&anna, &ben);
    assert_eq!(ben.names(&space), ["first"]);
    anna.invite(&space, &ben, Role::Viewer);
    sync(&anna, &ben);
    assert_eq!(ben.album(&space).our_role, Some(Role::Viewer));
    assert!(ben.album(&space).ended.is_none());
    assert_equal(&[&anna, &ben], &space);
    assert_eq!(ben.album(&space).entries, 2);
    anna.albums.set_role(&space, ben.id(), Role::Contributor, Vec::new(), NOW_MS).unwrap();
    sync(&anna, &ben);
    ben.add(&space, &["again"]);
    sync(&anna, &ben);
    assert_eq!(anna.album(&space).entries, 3);
}

#[test]
fn a_home_leaves() {
    let [anna, ben, carla] = [Home::new(1), Home::new(2), Home::new(3)];
    let space = shared(&[&anna, &ben, &carla]);
    ben.add(&space, &["kept"]);
    ben.albums.leave(&space, NOW_MS).unwrap();
    let ended = ben.album(&space).ended.unwrap();
    assert!(ended.left && ended.by == ben.id());
    // Even what it hadn't told anyone before it left is within its own cut, once somebody has it.
    sync_all(&[&anna, &ben, &carla]);
    assert_eq!(anna.album(&space).membership.members.len(), 2);
    assert_equal(&[&anna, &carla], &space);
    let owner = anna.albums.leave(&space, NOW_MS);
    assert!(matches!(owner, Err(AlbumError::Refused(_))), "{owner:?}");

    ben.albums.forget(&space, NOW_MS).unwrap();
    assert!(ben.albums.list().unwrap().is_empty());
    assert_eq!(ben.count("SELECT count(*) FROM album_envelopes"), 0);
    assert!(anna.albums.forget(&space, NOW_MS).is_err(), "others are in it");
}

#[test]
fn an_album_is_handed_on() {
    let [anna, ben] = [Home::new(1), Home::new(2)];
    let space = shared(&[&anna, &ben]);
    assert!(matches!(ben.albums.transfer(&space, ben.id(), NOW_MS), Err(AlbumError::Refused(_))));
    anna.albums.transfer(&space, ben.id(), NOW_MS).unwrap();
    sync(&anna, &ben);
    assert_eq!(ben.album(&space).our_role, Some(Role::Owner));
    assert_eq!(anna.album(&space).our_role, Some(Role::Admin));
    anna.albums.leave(&space, NOW_MS).unwrap();
    sync(&anna, &ben);
    assert_eq!(ben.album(&space).membership.members.len(), 1);
}

#[test]
fn a_viewers_photo_has_no_effect() {
    let [anna, ben] = [Home::new(1), Home::new(2)];
    let space = shared(&[&anna, &ben]);
    // Anna makes Ben a viewer while he, offline, still adds: that was allowed by what he knew.
    anna.albums.set_role(&space, ben.id(), Role::Viewer, Vec::new(), NOW_MS).unwrap();
    sync(&anna, &ben);
    let refused = ben.albums.edit(
        &space,
        ben.account(),
        &[AlbumEdit::Add(vec![crate::family::facts("x", ben.account())])],
        NOW_MS,
    );
    assert!(matches!(refused, Err(AlbumError::Role { has: Role::Viewer, .. })));
    assert_equal(&[&anna, &ben], &space);
}

#[test]
fn a_new_node_goes_on_and_is_given_the_secrets() {
    let [mut anna, ben] = [Home::new(1), Home::new(2)];
    let space = shared(&[&anna, &ben]);
    anna.add(&space, &["before"]);
    anna.replace_node();
    sync(&anna, &ben);
    anna.albums.renew(&space, NOW_MS).unwrap();
    anna.add(&space, &["after"]);
    sync(&anna, &ben);
    assert_equal(&[&anna, &ben], &space);
    assert_eq!(ben.names(&space).len(), 2);
    ben.add(&space, &["to the new node"]);
    sync(&anna, &ben);
    assert_eq!(anna.album(&space).entries, 3);
    let shown_before = shown(&anna, &space);
    anna.restart();
    assert_eq!(shown(&anna, &space), shown_before);
}
