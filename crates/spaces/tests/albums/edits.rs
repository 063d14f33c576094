//! One home alone: decisions come back, bounds hold, restarts change nothing.

use heirloom_identity::{AccountId, Role};
use heirloom_spaces::{AlbumEdit, AlbumError, Changed, Happening, Part, Sort, schema::COLUMNS};
use heirloom_store::{StoreError, schema_of};

use crate::family::{Home, NOW_MS, content, facts, shown};

#[test]
fn decisions_come_back_at_once_and_after_a_restart() {
    let mut home = Home::new(1);
    let space = home.albums.create(home.account(), "Summer", NOW_MS).unwrap();
    home.add(&space, &["a", "b", "c"]);
    let edits = [
        AlbumEdit::Title("Sardinia".to_owned()),
        AlbumEdit::Description("Two weeks".to_owned()),
        AlbumEdit::Cover(Some(content("b"))),
        AlbumEdit::Caption(content("a"), Some("Nonna am Meer 🌊".to_owned())),
        AlbumEdit::Comment { entry: Some(content("a")), text: "che bello".to_owned() },
        AlbumEdit::Comment { entry: None, text: "to all".to_owned() },
        AlbumEdit::React { entry: Some(content("a")), emoji: Some("♥".to_owned()) },
        AlbumEdit::Name { name: "Anna".to_owned() },
    ];
    home.edit(&space, &edits);

    for turn in 0..2 {
        let album = home.album(&space);
        assert_eq!((album.title.as_str(), album.description.as_str()), ("Sardinia", "Two weeks"));
        assert_eq!((album.entries, album.bytes, album.cover), (3, 3_000_000, Some(content("b"))));
        assert_eq!(album.our_role, Some(Role::Owner));
        assert_eq!(home.albums.by_id(&album.id).unwrap(), Some(space));
        assert_eq!(home.albums.list().unwrap().len(), 1);
        let entry = home.albums.entry(&space, &content("a")).unwrap().unwrap();
        assert_eq!(entry.facts, facts("a", home.account()));
        assert_eq!(entry.caption.as_deref(), Some("Nonna am Meer 🌊"));
        let comments = home.albums.comments(&space, Some(&content("a"))).unwrap();
        assert_eq!(comments.iter().map(|said| said.text.as_str()).collect::<Vec<_>>(), ["che bello"]);
        assert_eq!(home.albums.reactions(&space, Some(&content("a"))).unwrap()[0].emoji, "♥");
        assert_eq!(home.albums.names(&space).unwrap()[&(home.id(), home.account())], "Anna");
        let counts = home.albums.talk_counts(&space, &[content("a"), content("b")]).unwrap();
        assert_eq!((counts.len(), counts[&content("a")].0), (1, 1));
        assert_eq!(home.albums.holders(&content("a preview")).unwrap()[0].part, Part::Preview);
        if turn == 0 {
            home.restart();
        }
    }
}

#[test]
fn deleting_takes_away() {
    let home = Home::new(1);
    let space = home.albums.create(home.account(), "Summer", NOW_MS).unwrap();
    home.add(&space, &["a", "b"]);
    home.edit(&space, &[AlbumEdit::Comment { entry: Some(content("a")), text: "x".to_owned() }]);
    let id = home.albums.comments(&space, Some(&content("a"))).unwrap()[0].id;
    assert_eq!(id.to_string().parse(), Ok(id));
    home.edit(
        &space,
        &[
            AlbumEdit::DeleteComment(id),
            AlbumEdit::RemoveEntries(vec![content("a")]),
            AlbumEdit::React { entry: None, emoji: Some("👍".to_owned()) },
            AlbumEdit::React { entry: None, emoji: None },
        ],
    );
    assert_eq!(home.names(&space), ["b"]);
    assert_eq!(home.album(&space).entries, 1);
    assert!(home.albums.comments(&space, Some(&content("a"))).unwrap().is_empty());
    assert!(home.albums.reactions(&space, None).unwrap().is_empty());
    let gone =
        home.albums.edit(&space, home.account(), &[AlbumEdit::RemoveEntries(vec![content("a")])], NOW_MS);
    assert!(matches!(gone, Err(AlbumError::Missing("photo"))), "{gone:?}");
}

#[test]
fn order_is_by_date_or_by_hand() {
    let home = Home::new(1);
    let space = home.albums.create(home.account(), "Summer", NOW_MS).unwrap();
    home.add(&space, &["d", "b", "a", "c"]);
    assert_eq!(home.names(&space), ["a", "b", "c", "d"]);
    home.edit(&space, &[AlbumEdit::Sort(Sort::DateDescending)]);
    assert_eq!(home.names(&space), ["d", "c", "b", "a"]);
    home.edit(&space, &[AlbumEdit::Sort(Sort::Hand)]);
    assert_eq!(home.names(&space), ["a", "b", "c", "d"]);
    for (moving, after, expected) in [
        ("d", None, ["d", "a", "b", "c"]),
        ("a", Some("c"), ["d", "b", "c", "a"]),
        ("d", Some("b"), ["b", "d", "c", "a"]),
        ("c", Some("b"), ["b", "c", "d", "a"]),
    ] {
        let after = after.map(content);
        let place = home.albums.place_after(&space, &content(moving), after.as_ref()).unwrap().unwrap();
        home.edit(&space, &[AlbumEdit::Order(content(moving), place)]);
        assert_eq!(home.names(&space), expected, "{moving} after {after:?}");
    }
    let page = home.albums.entries(&space, 1..3).unwrap();
    assert_eq!(page.iter().map(|entry| entry.facts.file_name.as_str()).collect::<Vec<_>>(), ["c", "d"]);
}

#[test]
fn one_decision_out_of_bounds_refuses_the_whole_call() {
    let home = Home::new(1);
    let space = home.albums.create(home.account(), "Summer", NOW_MS).unwrap();
    let before = shown(&home, &space);
    for bad in [
        AlbumEdit::Title(String::new()),
        AlbumEdit::Title("x".repeat(201)),
        AlbumEdit::Caption(content("a"), Some("ü".repeat(10_001))),
        AlbumEdit::Comment { entry: None, text: " ".to_owned() },
        AlbumEdit::React { entry: None, emoji: Some("two words".to_owned()) },
        AlbumEdit::Order(content("a"), "NOT A PLACE".to_owned()),
        AlbumEdit::Add(vec![heirloom_spaces::EntryFacts { bytes: u64::MAX, ..facts("x", home.account()) }]),
    ] {
        let edits = [AlbumEdit::Description("lost".to_owned()), bad.clone()];
        assert!(home.albums.edit(&space, home.account(), &edits, NOW_MS).is_err(), "{bad:?}");
    }
    assert_eq!(shown(&home, &space), before);
    let unknown = heirloom_identity::SpaceId::from_bytes([1; 32]);
    let error = home.albums.edit(&unknown, home.account(), &[], NOW_MS);
    assert!(matches!(error, Err(AlbumError::Unknown(space)) if space == unknown));
}

#[test]
fn what_could_not_be_stored_is_not_seen() {
    let home = Home::new(1);
    let space = home.albums.create(home.account(), "Summer", NOW_MS).unwrap();
    home.add(&space, &["a"]);
    let sql = |sql: &'static str| {
        home.database().write::<_, StoreError, _>(move |conn| Ok(conn.execute_batch(sql)?)).unwrap();
    };
    sql(
        "CREATE TRIGGER full BEFORE INSERT ON album_activity BEGIN SELECT raise(ABORT, 'the disk is full'); END",
    );
    let edits = [AlbumEdit::Add(vec![facts("b", home.account())])];
    assert!(home.albums.edit(&space, home.account(), &edits, NOW_MS).is_err());
    assert_eq!(home.names(&space), ["a"]);
    sql("DROP TRIGGER full");
    home.albums.edit(&space, home.account(), &edits, NOW_MS).unwrap();
    assert_eq!(home.album(&space).entries, 2);
}

#[test]
fn news_and_activity_say_what_happened() {
    let home = Home::new(1);
    let space = home.albums.create(home.account(), "Summer", NOW_MS).unwrap();
    home.news.lock().unwrap().clear();
    home.add(&space, &["a", "b"]);
    home.edit(&space, &[AlbumEdit::Comment { entry: Some(content("a")), text: "x".to_owned() }]);
    let news = home.news.lock().unwrap();
    assert_eq!(news[0].changed.iter().copied().collect::<Vec<_>>(), [Changed::Entries]);
    assert_eq!(news[0].entries_added.len(), 2);
    assert_eq!((news[0].from, news[1].changed.contains(&Changed::Talk)), (None, true));
    let lines = home.albums.activity(&space, 10).unwrap();
    let what: Vec<Happening> = lines.iter().map(|line| line.what).collect();
    assert!(what.contains(&Happening::Added { count: 2 }), "{what:?}");
    assert!(what.contains(&Happening::Commented) && what.contains(&Happening::Created), "{what:?}");
}

#[test]
fn many_photos_become_several_changes_of_one_call() {
    let home = Home::new(1);
    let space = home.albums.create(home.account(), "Summer", NOW_MS).unwrap();
    let names: Vec<String> = (0..1200).map(|n| format!("photo {n}")).collect();
    home.add(&space, &names.iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!(home.album(&space).entries, 1200);
    assert_eq!(home.count("SELECT count(*) FROM album_envelopes WHERE document = 'entries'"), 3);
    assert_eq!(home.albums.entries(&space, 1150..1300).unwrap().len(), 50);
}

#[test]
fn other_accounts_of_the_home_are_kept_out() {
    let [ours, theirs] = [Home::new(1), Home::new(2)];
    let space = ours.albums.create(ours.account(), "Summer", NOW_MS).unwrap();
    let only = vec![theirs.account()];
    ours.albums
        .invite(&space, theirs.id(), theirs.receive().public(), Role::Contributor, only.clone(), NOW_MS)
        .unwrap();
    crate::family::sync(&ours, &theirs);
    assert_eq!(theirs.album(&space).our_accounts, only);
    theirs.add(&space, &["a"]);
    let other = AccountId::from_random([99; 16]);
    let edit = theirs.albums.edit(&space, other, &[AlbumEdit::Title("mine".to_owned())], NOW_MS);
    assert!(matches!(edit, Err(AlbumError::Account)), "{edit:?}");
}

#[test]
fn the_documented_schema_is_what_migrations_make() {
    let made = Home::new(1).database().read::<_, StoreError, _>(schema_of).unwrap();
    let documented: Vec<String> =
        COLUMNS.iter().map(|(table, column, kind, _)| format!("{table}.{column} {kind}")).collect();
    assert_eq!(made, documented);
}
