//! Two and three homes that edit, apart and together.

use heirloom_identity::Role;
use heirloom_spaces::{AlbumEdit, AlbumError, Changed, Happening, Sort};

use crate::family::{Home, Link, NOW_MS, assert_equal, content, facts, shared, shown, sync, sync_all};

#[test]
fn an_invited_home_gets_everything_and_is_heard() {
    let [anna, ben] = [Home::new(1), Home::new(2)];
    let space = anna.albums.create(anna.account(), "Summer", NOW_MS).unwrap();
    anna.add(&space, &["a", "b"]);
    anna.edit(&space, &[AlbumEdit::Caption(content("a"), Some("here".to_owned()))]);
    sync(&anna, &ben);
    assert!(ben.albums.list().unwrap().is_empty(), "not invited");

    anna.invite(&space, &ben, Role::Contributor);
    sync(&anna, &ben);
    assert_eq!(ben.names(&space), anna.names(&space));
    assert_eq!(ben.album(&space).our_role, Some(Role::Contributor));
    assert_eq!(ben.albums.spaces_with(&anna.id()).unwrap(), [space]);
    {
        let news = ben.news.lock().unwrap();
        assert!(news.iter().all(|one| one.from == Some(anna.id())));
        assert!(
            news.iter().any(|one| one.changed.contains(&Changed::Entries) && one.entries_added.len() == 2)
        );
    }

    ben.add(&space, &["c"]);
    ben.edit(&space, &[AlbumEdit::Comment { entry: Some(content("a")), text: "wow".to_owned() }]);
    sync(&anna, &ben);
    assert_equal(&[&anna, &ben], &space);
    assert_eq!(anna.album(&space).entries, 3);
    assert_eq!(anna.albums.entry(&space, &content("c")).unwrap().unwrap().by, ben.id());
    let joined = Happening::Joined { household: ben.id() };
    assert!(anna.albums.activity(&space, 100).unwrap().iter().any(|line| line.what == joined));
    assert_eq!(
        ben.albums.activity(&space, 100).unwrap().len(),
        anna.albums.activity(&space, 100).unwrap().len()
    );
}

#[test]
fn edits_made_apart_come_together() {
    let [anna, ben, carla] = [Home::new(1), Home::new(2), Home::new(3)];
    let space = shared(&[&anna, &ben, &carla]);
    for (home, photo) in [(&anna, "a"), (&ben, "b"), (&carla, "c")] {
        home.add(&space, &[photo, "all have this"]);
        home.edit(
            &space,
            &[
                AlbumEdit::Title(format!("by {photo}")),
                AlbumEdit::Caption(content("all have this"), Some(format!("says {photo}"))),
                AlbumEdit::React { entry: None, emoji: Some("♥".to_owned()) },
                AlbumEdit::Sort(Sort::Hand),
            ],
        );
    }
    sync_all(&[&anna, &ben, &carla]);
    assert_equal(&[&anna, &ben, &carla], &space);
    assert_eq!(anna.album(&space).entries, 4);
    assert_eq!(anna.albums.holders(&content("all have this")).unwrap().len(), 3);
    assert_eq!(anna.albums.reactions(&space, None).unwrap().len(), 3);

    // Taking one's own away leaves the others'.
    anna.edit(&space, &[AlbumEdit::Caption(content("a"), None)]);
    let lowest = anna.albums.entry(&space, &content("all have this")).unwrap().unwrap().by;
    let first = [&anna, &ben, &carla].into_iter().find(|home| home.id() == lowest).unwrap();
    let refused =
        ben.albums.edit(&space, ben.account(), &[AlbumEdit::RemoveEntries(vec![content("a")])], NOW_MS);
    assert!(matches!(refused, Err(AlbumError::Role { needs: Role::Admin, .. })), "{refused:?}");
    if first.id() == anna.id() {
        anna.edit(&space, &[AlbumEdit::RemoveEntries(vec![content("a")])]);
        sync_all(&[&anna, &ben, &carla]);
        assert_eq!(ben.album(&space).entries, 3);
    }
    assert_equal(&[&anna, &anna], &space);
}

#[test]
fn a_change_is_pushed_and_costs_little() {
    let [anna, ben] = [Home::new(1), Home::new(2)];
    let space = shared(&[&anna, &ben]);
    anna.add(&space, &["a"]);
    let mut link = Link::new(&anna, &ben);
    link.run();
    let before = link.bytes;
    anna.edit(&space, &[AlbumEdit::Caption(content("a"), Some("by the sea".to_owned()))]);
    link.push(&space);
    let caption = ben.albums.entry(&space, &content("a")).unwrap().unwrap().caption;
    assert_eq!(caption.as_deref(), Some("by the sea"));
    let cost = link.bytes - before;
    assert!(cost < 900, "{cost} bytes for one caption");
    link.push(&space);
    assert_eq!(link.bytes - before, cost, "nothing is sent twice");

    ben.add(&space, &["b"]);
    link.push(&space);
    assert_equal(&[&anna, &ben], &space);
    assert_eq!(link.problems(), 0);
}

#[test]
fn an_album_reaches_a_home_through_another() {
    let [anna, ben, carla] = [Home::new(1), Home::new(2), Home::new(3)];
    let space = shared(&[&anna, &ben]);
    anna.add(&space, &["a"]);
    anna.invite(&space, &carla, Role::Viewer);
    sync(&anna, &ben);
    // Anna is off; Ben wraps the secrets to Carla.
    sync(&ben, &carla);
    assert_eq!(carla.names(&space), ["a"]);
    assert_equal(&[&ben, &carla], &space);
    let refused = carla.albums.edit(&space, carla.account(), &[AlbumEdit::Title("x".to_owned())], NOW_MS);
    assert!(matches!(refused, Err(AlbumError::Role { needs: Role::Contributor, has: Role::Viewer })));
    carla.edit(&space, &[AlbumEdit::Comment { entry: Some(content("a")), text: "mine".to_owned() }]);
    sync(&ben, &carla);
    sync(&anna, &ben);
    assert_eq!(anna.albums.comments(&space, Some(&content("a"))).unwrap()[0].by, carla.id());
}

#[test]
fn a_long_time_offline_merges() {
    let [anna, ben] = [Home::new(1), Home::new(2)];
    let space = shared(&[&anna, &ben]);
    for n in 0..40 {
        anna.add(&space, &[&format!("anna {n}")]);
        ben.add(&space, &[&format!("ben {n}")]);
        ben.edit(&space, &[AlbumEdit::Comment { entry: None, text: format!("day {n}") }]);
    }
    sync(&anna, &ben);
    assert_equal(&[&anna, &ben], &space);
    assert_eq!(anna.album(&space).entries, 80);
}

#[test]
fn a_sync_that_is_cut_off_goes_on_where_it_was() {
    let [anna, ben] = [Home::new(1), Home::new(2)];
    let space = shared(&[&anna, &ben]);
    let names: Vec<String> = (0..9000).map(|n| format!("photo {n}")).collect();
    for names in names.chunks(3000) {
        let entries = names.iter().map(|name| facts(name, anna.account())).collect();
        anna.edit(&space, &[AlbumEdit::Add(entries)]);
    }
    let mut whole = 0;
    let mut had = 0;
    for _ in 0..40 {
        let mut link = Link::new(&anna, &ben);
        // A few messages pass, then the connection is gone.
        for _ in 0..5 {
            let Some((to_right, bytes)) = link.under_way.pop_front() else { break };
            link.deliver(to_right, &bytes);
        }
        whole += link.bytes;
        let has = ben.album(&space).entries;
        assert!(has >= had, "nothing that came is lost");
        had = has;
        if has == 9000 {
            break;
        }
    }
    assert_eq!(had, 9000);
    assert!(whole < 8_000_000, "{whole} bytes");
    assert_eq!(shown(&ben, &space), shown(&anna, &space));
}

#[test]
fn messages_twice_late_and_out_of_order_do_no_harm() {
    let [anna, ben] = [Home::new(1), Home::new(2)];
    let space = shared(&[&anna, &ben]);
    for n in 0..12 {
        anna.add(&space, &[&format!("photo {n}")]);
    }
    let mut link = Link::new(&anna, &ben);
    let mut all: Vec<(bool, Vec<u8>)> = Vec::new();
    while let Some((to_right, bytes)) = link.under_way.pop_front() {
        all.push((to_right, bytes.clone()));
        link.deliver(to_right, &bytes);
        link.deliver(to_right, &bytes);
    }
    // Into new sessions, the last first.
    let mut late = Link::new(&anna, &ben);
    for (to_right, bytes) in all.iter().rev().chain(&all) {
        late.deliver(*to_right, bytes);
    }
    late.run();
    assert_equal(&[&anna, &ben], &space);
    assert_eq!(ben.count("SELECT count(*) FROM album_pending"), 0);
}
