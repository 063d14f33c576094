//! A damaged or missing record is named, everything else is used, and writing goes on.

use heirloom_spaces::{DamageKind, Library, MarkChange};
use heirloom_store::StoreError;
use proptest::prelude::*;

use crate::home::{Home, NOW_MS, all, asset, caption, edit, keys, month};

/// Four captions in two months, one of them changed later, each in a record of its own.
fn filled() -> Home {
    let home = Home::new();
    let library = home.library();
    for change in [
        edit(1, 202_607, caption("one")),
        edit(2, 202_607, caption("two")),
        edit(3, 202_607, caption("three")),
        edit(2, 202_607, caption("two again")),
        edit(4, 202_608, caption("elsewhere")),
    ] {
        library.edit(&[change], NOW_MS).unwrap();
    }
    home
}

fn captions(library: &Library) -> Vec<Option<String>> {
    (1..=3).map(|n| library.marks(&asset(n), month(202_607)).unwrap().caption).collect()
}

fn some(texts: [&str; 3]) -> Vec<Option<String>> {
    texts.map(|text| (!text.is_empty()).then(|| text.to_owned())).to_vec()
}

fn kinds(library: &Library) -> Vec<(u64, DamageKind)> {
    library.verify().unwrap().damage.into_iter().map(|damage| (damage.seq, damage.kind)).collect()
}

/// After damage that costs the first caption: the rest is there, stays, and can be edited.
fn the_rest_is_used(home: &Home) {
    let library = home.library();
    assert_eq!(captions(&library), some(["", "two again", "three"]));
    library.edit(&[edit(1, 202_607, caption("one once more"))], NOW_MS).unwrap();
    library.edit(&[edit(3, 202_607, MarkChange::Favourite(true))], NOW_MS).unwrap();
    for _ in 0..2 {
        let library = home.library();
        assert_eq!(captions(&library), some(["one once more", "two again", "three"]));
        assert!(library.marks(&asset(3), month(202_607)).unwrap().favourite);
        assert_eq!(library.marks(&asset(4), month(202_608)).unwrap().caption.as_deref(), Some("elsewhere"));
        home.sql("DELETE FROM library_snapshots");
    }
    assert_eq!(home.count("SELECT count(*) FROM library_records WHERE seq > 5"), 3, "one repair, two edits");
}

#[test]
fn a_flipped_bit_costs_one_record() {
    let home = filled();
    home.sql("UPDATE library_records SET record = CAST(substr(record, 1, 200) || x'00' || substr(record, 202) AS BLOB) WHERE seq = 1");
    let library = home.library();
    let damage = library.verify().unwrap().damage;
    assert_eq!(damage.len(), 1, "{damage:?}");
    assert!(damage[0].to_string().starts_with("record 1 of marks/2026-07 (stream 09"), "{}", damage[0]);
    assert!(matches!(damage[0].kind, DamageKind::Unreadable(_)));
    assert!(damage[0].advice().contains("backup"));
    assert!(library.noticed().is_empty(), "nothing was loaded yet");
    captions(&library);
    assert_eq!(library.noticed(), damage);
    drop(library);
    the_rest_is_used(&home);
    assert_eq!(kinds(&home.library()).len(), 1, "it stays named until it is brought back");
}

#[test]
fn a_missing_record_is_noticed() {
    let home = filled();
    home.sql("DELETE FROM library_records WHERE seq = 1");
    assert_eq!(kinds(&home.library()), [(1, DamageKind::Missing { through: 1 })]);
    the_rest_is_used(&home);
}

#[test]
fn a_record_in_anothers_place_is_noticed() {
    let home = filled();
    home.sql("UPDATE library_records SET record = (SELECT record FROM library_records WHERE seq = 3) WHERE seq = 1");
    assert!(matches!(kinds(&home.library())[..], [(1, DamageKind::Misplaced { .. })]));
    the_rest_is_used(&home);
}

#[test]
fn a_record_of_another_document_is_noticed() {
    let home = filled();
    home.sql("UPDATE library_records SET document = 'marks/2026-08' WHERE seq = 1");
    assert!(matches!(kinds(&home.library())[..], [(1, DamageKind::Misplaced { .. })]));
    assert_eq!(captions(&home.library()), some(["", "two again", "three"]));
    assert_eq!(all(&home.library()).len(), 3);
}

#[test]
fn a_missing_end_begins_a_new_stream() {
    let home = filled();
    home.sql("DELETE FROM library_records WHERE seq >= 4");
    assert_eq!(
        kinds(&Library::open(home.database(), keys(1), [12; 16]).unwrap()),
        [(4, DamageKind::Missing { through: 5 })]
    );
    assert_eq!(home.count("SELECT count(*) FROM library_streams"), 2);
    let library = home.library();
    library.edit(&[edit(1, 202_607, caption("after"))], NOW_MS).unwrap();
    assert_eq!(captions(&library), some(["after", "two", "three"]));
    assert_eq!(home.count("SELECT count(*) FROM library_records WHERE stream = 2"), 1);
}

#[test]
fn a_damaged_last_record_costs_only_itself() {
    let home = filled();
    home.sql("UPDATE library_records SET record = x'' WHERE seq = 4");
    let library = home.library();
    assert_eq!(captions(&library), some(["one", "two", "three"]));
    library.edit(&[edit(2, 202_607, caption("two once more"))], NOW_MS).unwrap();
    assert_eq!(captions(&home.library()), some(["one", "two once more", "three"]));
}

#[test]
fn damaged_derived_data_costs_nothing() {
    let home = filled();
    home.sql(
        "INSERT INTO library_snapshots VALUES ('marks/2026-07', 4, x'85ffff');
         UPDATE library_records SET hash = x'00' WHERE seq = 2",
    );
    assert_eq!(captions(&home.library()), some(["one", "two again", "three"]));
    assert_eq!(kinds(&home.library()), [(2, DamageKind::Hash)]);
}

#[test]
fn a_damaged_certificate_costs_nothing_while_the_key_is_here() {
    let home = filled();
    home.sql("UPDATE library_streams SET certificate = x'00'");
    assert_eq!(captions(&home.library()), some(["one", "two again", "three"]));
    assert_eq!(kinds(&home.library()), []);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Every caption is new, so each edit is a record, and a plain list says what is left when one is lost.
    #[test]
    fn only_the_damaged_record_is_lost(assets in prop::collection::vec(1..4_u8, 1..12), lost: prop::sample::Index) {
        let home = Home::new();
        let library = home.library();
        for (n, asset) in assets.iter().enumerate() {
            library.edit(&[edit(*asset, 202_607, caption(&n.to_string()))], NOW_MS).unwrap();
        }
        let lost = lost.index(assets.len());
        let seq = i64::try_from(lost).unwrap() + 1;
        home.database()
            .write::<_, StoreError, _>(move |conn| {
                Ok(conn.execute("UPDATE library_records SET record = zeroblob(9) WHERE seq = ?1", [seq])?)
            })
            .unwrap();
        let left = |wanted: u8| {
            let kept = assets.iter().enumerate().filter(|(n, asset)| *n != lost && **asset == wanted);
            kept.max().map(|(n, _)| n.to_string())
        };
        let expected: Vec<_> = (1..=3).map(left).collect();
        for _ in 0..2 {
            prop_assert_eq!(captions(&home.library()), expected.clone());
        }
        prop_assert_eq!(kinds(&home.library()).len(), 1);
    }
}
