//! Everything that a keeper has of a ward: printed, and nothing else may be there.

use std::path::Path;

use heirloom_store::rusqlite::{Connection, types::Value};
use heirloom_vault::Room;
use heirloom_vault::keeper::schema::COLUMNS;

use crate::world::{Home, Household, QUOTA, pack};

/// Relative names of all files below a folder.
fn files(root: &Path, folder: &Path, found: &mut Vec<(String, u64)>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_dir() {
            files(root, &entry.path(), found);
        } else {
            let name = entry.path().strip_prefix(root).unwrap().to_string_lossy().into_owned();
            found.push((name, entry.metadata().unwrap().len()));
        }
    }
}

/// A name is made of ids, numbers and fixed words, nothing else.
fn is_dull(name: &str) -> bool {
    let fixed = ["packs", "heads", "kits", "drafts", "HEIRLOOM-VAULT", "pack", "obao", "head", "kit"];
    let is_id = |word: &str| word.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
    name.split(['/', '.', '-']).all(|word| is_id(word) || fixed.contains(&word))
        || name.ends_with("HEIRLOOM-VAULT")
}

#[test]
fn a_keeper_sees_ids_sizes_and_times() {
    let (home, ward) = (Home::new(), Household::new(9));
    let id = ward.id();
    home.keeper.agree(&id, QUOTA, 5, [3; 16]).unwrap();
    for number in 0..3 {
        let (pack, content) = pack(number, 40_000);
        let room = if number == 0 { Room::Reserve } else { Room::Common };
        home.keeper.put(&id, &pack, &content, room).unwrap();
    }
    home.keeper.put_head(&id, ward.node(1, 0).head(1, None, 7).as_bytes()).unwrap();
    home.keeper.put_kit(&id, b"sealed").unwrap();
    home.keeper.note_growth(5).unwrap();
    let mut found = Vec::new();
    files(&home.place(&id), &home.place(&id), &mut found);
    println!("files in kept/{id}:");
    for (name, bytes) in &found {
        println!("  {bytes:>7} {name}");
        assert!(is_dull(name), "{name}");
    }
    assert_eq!(found.len(), 3 * 2 + 1 + 1 + 1);
    let marker = std::fs::read_to_string(home.place(&id).join("HEIRLOOM-VAULT")).unwrap();
    println!("{marker}");
    assert_eq!(marker.lines().count(), 5);
    let conn = Connection::open(home.scratch.path().join("keeper.sqlite")).unwrap();
    let mut columns = 0;
    for table in ["wards", "disks", "packs", "heads", "kits", "growth", "alarms", "clock"] {
        let mut statement = conn.prepare(&format!("SELECT * FROM keeper_{table}")).unwrap();
        let names: Vec<_> = statement.column_names().map(str::to_owned).collect();
        columns += names.len();
        println!("keeper_{table}: {}", names.join(", "));
        let mut rows = statement.query([]).unwrap();
        while let Some(row) = rows.next().unwrap() {
            for (at, name) in names.iter().enumerate() {
                match row.get(at).unwrap() {
                    Value::Null | Value::Integer(_) => {}
                    Value::Blob(bytes) => assert!(matches!(bytes.len(), 16 | 32), "{table}.{name}"),
                    other => panic!("{table}.{name} says {other:?}"),
                }
            }
        }
    }
    assert_eq!(columns, COLUMNS.len(), "every column is written down");
}
