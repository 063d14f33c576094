//! What is shown follows from the envelopes alone.

use heirloom_spaces::{AlbumEdit, Sort};
use heirloom_store::StoreError;
use proptest::prelude::*;

use crate::family::{Home, NOW_MS, account, content, facts, shared, shown, sync, sync_all};

/// One step of a history: who, and what.
type Step = (usize, u8, u8);

fn step(homes: &[&Home], space: &heirloom_identity::SpaceId, (who, what, photo): Step) {
    let home = homes[who % homes.len()];
    let name = format!("photo {}", photo % 12);
    let (photo, account) = (content(&name), home.account());
    let edit = match what % 12 {
        0..=2 => AlbumEdit::Add(vec![facts(&name, account)]),
        3 => AlbumEdit::RemoveEntries(vec![photo]),
        4 => AlbumEdit::Caption(photo, Some(format!("{who} {what}"))),
        5 => AlbumEdit::Caption(photo, None),
        6 => AlbumEdit::Order(photo, format!("{}", char::from(b'a' + what % 20))),
        7 => AlbumEdit::Comment { entry: Some(photo), text: format!("{what}") },
        8 => AlbumEdit::React { entry: Some(photo), emoji: (what % 2 == 0).then(|| "♥".to_owned()) },
        9 => AlbumEdit::Title(format!("title {what}")),
        10 => AlbumEdit::Sort(if what % 2 == 0 { Sort::Hand } else { Sort::Date }),
        _ => {
            sync(home, homes[(who + 1) % homes.len()]);
            return;
        }
    };
    // What isn't allowed or isn't there is refused, and changes nothing.
    drop(home.albums.edit(space, account, &[edit], NOW_MS));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn tables_follow_from_the_envelopes(steps in prop::collection::vec((0..3_usize, any::<u8>(), any::<u8>()), 1..40)) {
        let mut anna = Home::new(1);
        let (ben, carla) = (Home::new(2), Home::new(3));
        let space = shared(&[&anna, &ben, &carla]);
        for one in steps {
            step(&[&anna, &ben, &carla], &space, one);
        }
        let alone = shown(&anna, &space);
        // Everything derived is thrown away, and built again from the envelopes.
        anna.database().write::<_, StoreError, _>(|conn| Ok(conn.execute_batch(
            "DELETE FROM album_documents; UPDATE album_envelopes SET saved = 0;
             DELETE FROM album_entries; DELETE FROM album_reactions; DELETE FROM album_names;
             UPDATE albums SET title = '', description = '', cover = NULL, sort = 'date', entries = 0, bytes = 0,
                 from_ms = NULL, to_ms = NULL;
             UPDATE album_clock SET writes = writes + 1;",
        )?)).unwrap();
        anna.restart();
        // Any write loads what it needs; these load all four documents.
        let account = account(1);
        let load = [
            AlbumEdit::Cover(None),
            AlbumEdit::Caption(content("none such"), None),
            AlbumEdit::React { entry: Some(content("none such")), emoji: None },
            AlbumEdit::Name { name: "Anna".to_owned() },
        ];
        anna.albums.edit(&space, account, &load, NOW_MS).unwrap();
        let named = anna.albums.names(&space).unwrap();
        prop_assert_eq!(named.len(), 1);
        let rebuilt = shown(&anna, &space).replace(&format!("{named:?}"), "{}");
        prop_assert_eq!(rebuilt, alone);

        sync_all(&[&anna, &ben, &carla]);
        prop_assert_eq!(shown(&ben, &space), shown(&anna, &space));
        prop_assert_eq!(shown(&carla, &space), shown(&anna, &space));
    }
}
