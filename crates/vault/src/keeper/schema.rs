//! The tables of `keeper.sqlite`, documented.
//!
//! This, and what lies in `kept/`, is all that a keeper knows about a ward.

/// Every column with its meaning. *Running time* counts the milliseconds that this home was switched on.
pub const COLUMNS: &[(&str, &str)] = &[
    ("keeper_alarms.number INTEGER", "counts up, for ever"),
    ("keeper_alarms.household BLOB", "the ward it is about"),
    ("keeper_alarms.kind INTEGER", "1 fork, 2 deletion asked, 3 damaged, 4 old disk, 5 restored"),
    ("keeper_alarms.packs INTEGER", "how many packs it concerns"),
    ("keeper_alarms.raised INTEGER", "running time; the same is not raised twice within a day"),
    ("keeper_clock.one INTEGER", "1: there is one row"),
    ("keeper_clock.running_ms INTEGER", "this home's running time; 0: the file was just made"),
    ("keeper_disks.household BLOB", "the ward"),
    ("keeper_disks.disk BLOB", "a disk that held its packs: the id in the folder's marker"),
    ("keeper_growth.household BLOB", "the ward"),
    ("keeper_growth.day INTEGER", "days since the Unix epoch, UTC"),
    ("keeper_growth.bytes INTEGER", "what it took here at the end of that day"),
    ("keeper_heads.household BLOB", "the ward"),
    ("keeper_heads.head BLOB", "BLAKE3 of the head"),
    ("keeper_heads.previous BLOB", "the hash that it names as its predecessor's"),
    ("keeper_heads.certificate BLOB", "BLAKE3 of the certificate that signed it"),
    ("keeper_heads.generation INTEGER", "that certificate's generation"),
    ("keeper_heads.number INTEGER", "the head's number"),
    ("keeper_heads.made_ms INTEGER", "when the ward says it made it, UTC"),
    (
        "keeper_heads.superseded INTEGER",
        "running time at which a newer one came from the ward itself (a told one: from anybody); null: none did",
    ),
    ("keeper_heads.fork INTEGER", "1: it contradicted the newest when it came"),
    ("keeper_heads.told INTEGER", "1: another keeper told of it; what it names may not be here"),
    ("keeper_heads.jump INTEGER", "1: the one that superseded it doesn't follow it directly"),
    ("keeper_heads.lost INTEGER", "1: the disk has no file of it; it only tells replays"),
    ("keeper_kits.household BLOB", "the ward"),
    ("keeper_kits.kit BLOB", "BLAKE3 of a kit record"),
    ("keeper_kits.bytes INTEGER", "its size"),
    ("keeper_packs.household BLOB", "the ward"),
    ("keeper_packs.pack BLOB", "the pack's id"),
    ("keeper_packs.bytes INTEGER", "its size"),
    ("keeper_packs.reserve INTEGER", "1: the ward said that it may take the reserve"),
    ("keeper_packs.state INTEGER", "0 kept, 1 deleted and held, 2 lost or damaged here"),
    ("keeper_packs.hold_until INTEGER", "running time at which the hold ends; null: not held"),
    ("keeper_packs.by_person INTEGER", "1: people allowed the deletion, so it doesn't count in the 5 %"),
    ("keeper_packs.asked INTEGER", "1: its deletion waits for people"),
    ("keeper_packs.scrubs INTEGER", "how often it was read whole"),
    ("keeper_packs.scrub_due INTEGER", "running time at which it is read next"),
    ("keeper_wards.household BLOB", "a household whose packs are kept here"),
    ("keeper_wards.quota_bytes INTEGER", "what was agreed"),
    ("keeper_wards.since_ms INTEGER", "when, UTC"),
    ("keeper_wards.ended INTEGER", "1: the agreement was ended"),
    ("keeper_wards.allowed_here INTEGER", "1: a person here allowed the deletion that waits"),
    ("keeper_wards.allowed_there INTEGER", "1: a person in the ward's home did"),
];

#[cfg(test)]
mod tests {
    use super::*;
    use heirloom_store::{Database, Durability, schema_of};

    #[test]
    fn every_column_is_documented() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keeper.sqlite");
        let db = Database::open(&path, Durability::Full, crate::KEEPER_MIGRATIONS).unwrap();
        let documented: Vec<_> = COLUMNS.iter().map(|(column, _)| (*column).to_owned()).collect();
        assert_eq!(db.read(schema_of).unwrap(), documented);
    }

    /// A keeper of before learns how its wards grow and loses nothing.
    #[test]
    fn a_keeper_learns_to_count() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keeper.sqlite");
        let old = Database::open(&path, Durability::Full, &crate::KEEPER_MIGRATIONS[..1]).unwrap();
        old.write(|conn| -> Result<(), heirloom_store::StoreError> {
            conn.execute("INSERT INTO keeper_wards VALUES (zeroblob(32), 7, 0, 0, 0, 0)", [])?;
            Ok(())
        })
        .unwrap();
        drop(old);
        let db = Database::open(&path, Durability::Full, crate::KEEPER_MIGRATIONS).unwrap();
        let kept = db.read(|conn| -> Result<(i64, i64), heirloom_store::StoreError> {
            let sql = "SELECT quota_bytes, (SELECT count(*) FROM keeper_growth) FROM keeper_wards";
            Ok(conn.query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?)))?)
        });
        assert_eq!(kept.unwrap(), (7, 0));
    }
}
