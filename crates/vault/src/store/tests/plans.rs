//! Hot queries use their indexes.

use heirloom_store::StoreError;

use super::*;

fn plan(sql: &str, parameters: usize) -> String {
    let store = fixture();
    store
        .database()
        .read(|conn| -> Result<String, StoreError> {
            let mut statement = conn.prepare(&format!("EXPLAIN QUERY PLAN {sql}"))?;
            let values = vec![1_i64; parameters];
            let lines = statement
                .query_map(heirloom_store::rusqlite::params_from_iter(values), |row| row.get::<_, String>(3))?
                .collect::<Result<Vec<_>, _>>()?;
            Ok(lines.join("\n"))
        })
        .unwrap()
}

fn check(sql: &str, parameters: usize, index: &str) {
    let plan = plan(sql, parameters);
    assert!(plan.contains(index), "{sql}\n{plan}");
    assert!(!plan.contains("TEMP B-TREE") && !plan.contains("SCAN e"), "{sql}\n{plan}");
}

#[test]
fn nothing_is_sorted_or_searched_through() {
    check(crate::store::copies::PENDING_SQL, 2, "copies_pending");
    check(crate::store::copies::DELETABLE_SQL, 4, "copies_leaving");
    check(crate::store::overview::PHOTOS_SQL, 0, "COVERING INDEX photos_packs");
    check(crate::store::pieces::PHOTOS_WITH_SQL, 1, "photos_thumbnail");
    check(crate::store::pieces::PIECES_SQL, 1, "entries_blob");
}
