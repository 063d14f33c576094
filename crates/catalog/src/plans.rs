//! Hot queries go through an index, never over a whole table and never through a sort.

use heirloom_store::rusqlite::Connection;

use crate::schema::MIGRATIONS;
use crate::timeline::buckets::{BucketFilter, bucket_sql};
use crate::timeline::columns::part_sql;
use crate::timeline::memory::load_sql;
use crate::{View, detail, jobs, lookup, shared};

/// Checks a query's plan; `covering` says that the index alone must answer it.
fn check(sql: &str, index: &str, covering: bool) {
    let conn = Connection::open_in_memory().unwrap();
    for step in MIGRATIONS {
        conn.execute_batch(step.sql).unwrap();
    }
    let mut explain = conn.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
    let parameters = explain.parameter_count();
    let plan: Vec<String> = explain
        .query_map(heirloom_store::rusqlite::params_from_iter(vec![0; parameters]), |row| row.get("detail"))
        .unwrap()
        .map(Result::unwrap)
        .collect();
    let plan = plan.join("\n");
    assert!(!plan.contains("SCAN"), "{sql}\n{plan}");
    assert!(!plan.contains("TEMP B-TREE"), "{sql}\n{plan}");
    assert!(plan.contains(index), "{sql}\n{plan}");
    assert_eq!(plan.contains("COVERING INDEX"), covering, "{sql}\n{plan}");
}

#[test]
fn the_timeline_reads_its_indexes_alone() {
    for (view, index) in [(View::All, "assets_timeline"), (View::Favourites, "assets_favourites")] {
        check(&load_sql(view), index, true);
        check(&part_sql(view, false), index, true);
        check(&part_sql(view, true), index, false);
        check(&part_sql(view, false), "taken_local_ms<", true);
    }
}

#[test]
fn buckets_are_in_order_already() {
    for favourite in [None, Some(false), Some(true)] {
        let filter = BucketFilter { archived: Some(false), favourite };
        check(&bucket_sql(filter), "assets_", false);
    }
}

#[test]
fn single_photos_and_jobs_are_looked_up() {
    check(detail::BY_ASSET_SQL, "sqlite_autoindex_assets_1", false);
    check(detail::BY_LOCAL_SQL, "INTEGER PRIMARY KEY", false);
    check(lookup::BY_SHA1_SQL, "assets_sha1", false);
    check(jobs::NEXT_SQL, "jobs_next", false);
    check(shared::SHARED_SQL, "assets_shared", false);
}
