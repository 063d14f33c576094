//! The documented schema is the one that the migrations make.

use heirloom_catalog::schema::{MIGRATIONS, TABLES};
use heirloom_store::rusqlite::Connection;
use heirloom_store::schema_of;

#[test]
fn every_table_and_column_is_documented() {
    let conn = Connection::open_in_memory().unwrap();
    for step in MIGRATIONS {
        conn.execute_batch(step.sql).unwrap();
    }
    let documented: Vec<String> = TABLES
        .iter()
        .flat_map(|table| {
            table.columns.iter().map(move |(name, kind, _)| format!("{}.{name} {kind}", table.name))
        })
        .collect();
    assert_eq!(documented, schema_of(&conn).unwrap());
    for table in TABLES {
        assert!(!table.about.is_empty(), "{}", table.name);
        assert!(table.columns.iter().all(|(_, _, about)| !about.is_empty()), "{}", table.name);
    }
}
