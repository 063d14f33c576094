//! One edit after the other.

use heirloom_spaces::{
    Library, LibraryError, LibraryKeys, MarkChange, MarkError, Marks, PlaceMark, TakenMark, schema::COLUMNS,
};
use heirloom_store::{StoreError, schema_of};

use crate::home::{Home, NOW_MS, all, asset, caption, edit, keys, keys_of, month};

#[test]
fn decisions_come_back_at_once_and_after_opening_again() {
    let home = Home::new();
    let library = home.library();
    let taken = TakenMark { local_ms: -86_400_000, offset_minutes: Some(-570) };
    let place = PlaceMark { latitude: -33.8568, longitude: 151.2153 };
    let edits = [
        MarkChange::Favourite(true),
        caption("Nonna, am Meer 🌊"),
        MarkChange::Rating(Some(5)),
        MarkChange::Archived(true),
        MarkChange::Taken(Some(taken)),
        MarkChange::Place(Some(place)),
    ]
    .map(|change| edit(1, 202_607, change));

    let answer = library.edit(&edits, NOW_MS).unwrap();

    let expected = Marks {
        favourite: true,
        caption: Some("Nonna, am Meer 🌊".to_owned()),
        rating: Some(5),
        archived: true,
        taken: Some(taken),
        place: Some(place),
    };
    assert_eq!(answer, [(asset(1), expected.clone())]);
    drop(library);
    let library = home.library();
    assert_eq!(library.marks(&asset(1), month(202_607)).unwrap(), expected);
    assert_eq!(library.marks(&asset(2), month(202_607)).unwrap(), Marks::default());
    assert_eq!(home.count("SELECT count(*) FROM library_records"), 1, "one change for one document and call");
    assert_eq!(
        home.count("SELECT count(*) FROM library_streams"),
        1,
        "opening again goes on with the stream"
    );
}

#[test]
fn a_decision_for_nothing_differs_from_none() {
    let library = Home::new().library();
    let marks = |change| library.edit(&[edit(1, 202_607, change)], NOW_MS).unwrap().remove(0).1;
    assert_eq!(marks(caption("Sea")).caption.as_deref(), Some("Sea"));
    assert_eq!(marks(caption("")).caption.as_deref(), Some(""));
    assert_eq!(marks(MarkChange::Caption(None)).caption, None);
    assert_eq!(marks(MarkChange::Rating(Some(0))).rating, Some(0));
    assert_eq!(marks(MarkChange::Rating(None)).rating, None);
}

/// Goal: decisions from another copy never win over one that was made here, not even over *nothing*. Method: a photo with
/// a heart that was taken back, a caption and a cleared rating is filled in, and one about which nobody decided.
#[test]
fn what_is_filled_in_takes_no_decision_back() {
    let home = Home::new();
    let library = home.library();
    let here = [
        MarkChange::Favourite(true),
        MarkChange::Favourite(false),
        caption("Here"),
        MarkChange::Rating(Some(0)),
    ];
    library.edit(&here.map(|change| edit(1, 202_607, change)), NOW_MS).unwrap();
    let there = [
        MarkChange::Favourite(true),
        caption("There"),
        MarkChange::Rating(Some(5)),
        MarkChange::Archived(true),
    ];
    let both = [1, 2].map(|asset| there.clone().map(|change| edit(asset, 202_607, change)));
    let filled = library.fill_in(both.as_flattened(), NOW_MS).unwrap();
    assert_eq!(filled.len(), 2);
    let first = library.marks(&asset(1), month(202_607)).unwrap();
    let caption_of = |marks: &Marks| marks.caption.clone();
    assert_eq!(
        (first.favourite, caption_of(&first).as_deref(), first.rating),
        (false, Some("Here"), Some(0))
    );
    assert!(first.archived, "nobody decided that here");
    let second = library.marks(&asset(2), month(202_607)).unwrap();
    assert_eq!((second.favourite, caption_of(&second).as_deref()), (true, Some("There")));
    let records = home.count("SELECT count(*) FROM library_records");
    assert_eq!(library.fill_in(both.as_flattened(), NOW_MS).unwrap(), []);
    let nothing =
        [edit(3, 202_607, MarkChange::Favourite(false)), edit(3, 202_607, MarkChange::Caption(None))];
    assert_eq!(library.fill_in(&nothing, NOW_MS).unwrap(), []);
    assert_eq!(home.count("SELECT count(*) FROM library_records"), records, "nothing new writes nothing");
}

#[test]
fn what_changes_nothing_writes_nothing() {
    let home = Home::new();
    let library = home.library();
    for change in [MarkChange::Favourite(false), MarkChange::Caption(None), MarkChange::Favourite(true)] {
        for _ in 0..3 {
            library.edit(&[edit(1, 202_607, change.clone())], NOW_MS).unwrap();
        }
    }
    assert_eq!(library.edit(&[], NOW_MS).unwrap(), []);
    assert_eq!(home.count("SELECT count(*) FROM library_records"), 1);
}

#[test]
fn one_decision_out_of_bounds_refuses_the_whole_call() {
    let library = Home::new().library();
    let nan = PlaceMark { latitude: f64::NAN, longitude: 0.0 };
    let far = TakenMark { local_ms: 0, offset_minutes: Some(1081) };
    for bad in [
        caption(&"ü".repeat(10_001)),
        MarkChange::Rating(Some(6)),
        MarkChange::Taken(Some(far)),
        MarkChange::Place(Some(nan)),
    ] {
        let edits = [edit(1, 202_607, MarkChange::Favourite(true)), edit(2, 202_607, bad)];
        let refused = library.edit(&edits, NOW_MS).unwrap_err();
        assert!(
            matches!(refused, LibraryError::Refused { asset: named, .. } if named == asset(2)),
            "{refused}"
        );
    }
    assert!(all(&library).is_empty());
    assert!(library.edit(&[edit(1, 202_607, caption(&"ü".repeat(10_000)))], NOW_MS).is_ok());
    assert_eq!(
        MarkError::CaptionTooLong { chars: 10_001 }.to_string(),
        "the caption has 10001 characters, at most 10,000 fit"
    );
}

#[test]
fn a_long_list_becomes_several_records_of_one_transaction() {
    let home = Home::new();
    let library = home.library();
    let text = "🌊".repeat(10_000);
    let edits: Vec<_> = (0..=255).map(|n| edit(n, 202_607, caption(&text))).collect();
    library.edit(&edits, NOW_MS).unwrap();
    assert_eq!(home.count("SELECT count(*) FROM library_records"), 3, "10 MB of captions at 4 MiB a record");
    assert_eq!(all(&home.library()).len(), 256);
    assert_eq!(library.verify().unwrap().damage, []);
}

#[test]
fn what_could_not_be_stored_is_not_seen() {
    let home = Home::new();
    let library = home.library();
    library.edit(&[edit(1, 202_607, caption("before"))], NOW_MS).unwrap();
    home.sql(
        "CREATE TRIGGER full BEFORE INSERT ON library_records
         BEGIN SELECT raise(ABORT, 'the disk is full'); END",
    );
    let edits = [edit(1, 202_607, caption("lost")), edit(2, 202_608, MarkChange::Favourite(true))];
    assert!(library.edit(&edits, NOW_MS).is_err());
    assert_eq!(library.marks(&asset(1), month(202_607)).unwrap().caption.as_deref(), Some("before"));
    assert_eq!(all(&library).len(), 1);

    home.sql("DROP TRIGGER full");
    library.edit(&edits, NOW_MS).unwrap();
    assert_eq!(all(&library).len(), 2);
    let verification = library.verify().unwrap();
    assert_eq!((verification.records, verification.damage), (3, vec![]));
}

#[test]
fn threads_share_one_library() {
    let home = Home::new();
    let library = home.library();
    std::thread::scope(|scope| {
        for thread in 0..4_u8 {
            let library = library.clone();
            scope.spawn(move || {
                for n in 0..20_u8 {
                    let change =
                        edit(thread * 20 + n, 202_600 + i32::from(n % 12) + 1, caption("by a thread"));
                    library.edit(&[change], NOW_MS).unwrap();
                }
            });
        }
    });
    assert_eq!(all(&library).len(), 80);
    assert_eq!(library.verify().unwrap().damage, []);
}

#[test]
fn a_replaced_node_goes_on_in_a_stream_of_its_own() {
    let home = Home::new();
    home.library().edit(&[edit(1, 202_607, caption("by the first node"))], NOW_MS).unwrap();
    let library = Library::open(home.database(), keys(2), [10; 16]).unwrap();
    library.edit(&[edit(1, 202_607, MarkChange::Favourite(true))], NOW_MS).unwrap();
    let marks = library.marks(&asset(1), month(202_607)).unwrap();
    assert_eq!((marks.caption.as_deref(), marks.favourite), (Some("by the first node"), true));
    let verification = library.verify().unwrap();
    assert_eq!((verification.records, verification.damage), (2, vec![]));
    assert_eq!(home.count("SELECT count(*) FROM library_streams"), 2);
}

#[test]
fn a_database_put_back_from_a_copy_begins_a_new_stream() {
    let home = Home::new();
    let library = home.library();
    library.edit(&[edit(1, 202_607, caption("old"))], NOW_MS).unwrap();
    library.begin_stream([11; 16]).unwrap();
    library.edit(&[edit(1, 202_607, caption("new"))], NOW_MS).unwrap();
    assert_eq!(home.count("SELECT count(*) FROM library_streams WHERE last_seq = 1"), 2);
    assert_eq!(all(&home.library())[&asset(1)].caption.as_deref(), Some("new"));
}

#[test]
fn another_households_library_and_key_are_refused() {
    let home = Home::new();
    drop(home.library());
    let error = Library::open(home.database(), keys_of(2, 1), [9; 16]).unwrap_err();
    assert!(matches!(error, LibraryError::Foreign { .. }), "{error}");

    let other = heirloom_identity::Signer::from_bytes(&[77; 32]);
    let authority = heirloom_identity::Root::from_bytes([1; 32]).authority();
    let node = heirloom_identity::NodeKeys::from_bytes(&std::array::from_fn(|n| u8::try_from(n).unwrap()));
    let certificate =
        heirloom_identity::Certificate::issue(&authority, 1, node.node(), node.signer().id(), 0).unwrap();
    assert!(matches!(LibraryKeys::new(certificate, other), Err(LibraryError::KeyMismatch { .. })));
}

#[test]
fn the_documented_schema_is_what_migrations_make() {
    let made = Home::new().database().read::<_, StoreError, _>(schema_of).unwrap();
    let documented: Vec<String> =
        COLUMNS.iter().map(|(table, column, kind, _)| format!("{table}.{column} {kind}")).collect();
    assert_eq!(made, documented);
}
