//! Making the store anew from the manifest, after a restore or when `vault.sqlite` was lost.

use std::collections::BTreeSet;

use heirloom_store::StoreError;
use heirloom_store::rusqlite::{self, Connection};

use super::heads::{add_segment, list_pack, write_files};
use super::pieces::{self, Covers};
use super::{VaultStore, packs};
use crate::{Located, Root, Segment};

impl VaultStore {
    /// Replaces everything known of packs by what a manifest says: all segments that `root` lists. The packs that the
    /// segments themselves stand in are known from the root; that of the root itself from the head
    /// ([`VaultStore::record_located`]). Photos and places stay; where copies are is asked for again
    /// ([`VaultStore::found_at`]).
    ///
    /// # Errors
    /// When it could not be saved; then everything is as it was.
    pub fn load_manifest(&self, root: &Root, segments: &[Segment]) -> Result<(), StoreError> {
        let merged = Segment::merge(segments);
        let (located, files, at_ms) = (root.segments.clone(), root.files.clone(), root.made_at_ms);
        self.write(move |conn| {
            clear(conn)?;
            for (pack, entries) in merged.packs.values() {
                packs::insert(conn, pack, entries, at_ms)?;
            }
            // What a pack was merged from is lost with the merging, so all are listed by the first segment.
            for (place, segment) in located.iter().enumerate() {
                insert_located(conn, segment, at_ms)?;
                let number = add_segment(conn, &segment.blob, at_ms)?;
                if place == 0 {
                    for id in merged.packs.keys() {
                        list_pack(conn, id, number)?;
                    }
                }
            }
            conn.execute("UPDATE packs SET since_head = 0 WHERE segment IS NOT NULL", [])?;
            write_files(conn, &files)?;
            Ok(refresh_everything(conn)?)
        })
    }

    /// Records the packs that one blob stands in, as far as they are not known.
    ///
    /// # Errors
    /// When it could not be saved.
    pub fn record_located(&self, located: &Located, now_ms: i64) -> Result<(), StoreError> {
        let located = located.clone();
        self.write(move |conn| {
            let blobs = insert_located(conn, &located, now_ms)?;
            Ok(pieces::refresh(conn, &blobs)?)
        })
    }
}

fn clear(conn: &Connection) -> rusqlite::Result<()> {
    conn.execute_batch(
        "DELETE FROM copies; DELETE FROM entries; DELETE FROM packs; DELETE FROM segments;
         DELETE FROM needed; DELETE FROM files;
         UPDATE blobs SET packed = 0 WHERE packed <> 0;",
    )
}

/// The packs of one blob, each with the pieces of this blob that it holds.
fn insert_located(conn: &Connection, located: &Located, at_ms: i64) -> rusqlite::Result<BTreeSet<i64>> {
    let mut blobs = BTreeSet::new();
    let mut known = BTreeSet::new();
    for (pack, _) in located.pieces.iter().filter(|(pack, _)| known.insert(pack.id)) {
        let entries: Vec<_> =
            located.pieces.iter().filter(|(other, _)| other.id == pack.id).map(|(_, entry)| *entry).collect();
        if let Some((_, more)) = packs::insert(conn, pack, &entries, at_ms)? {
            blobs.extend(more);
        }
    }
    Ok(blobs)
}

fn refresh_everything(conn: &Connection) -> rusqlite::Result<()> {
    conn.execute(
        "UPDATE blobs SET packed = 1
         WHERE EXISTS (SELECT 1 FROM entries e WHERE e.blob = number AND e.at = 0 AND e.bytes = e.size)",
        [],
    )?;
    let mut statement = conn.prepare(
        "SELECT DISTINCT e.blob FROM entries e JOIN blobs b ON b.number = e.blob WHERE b.packed = 0",
    )?;
    let pieced: BTreeSet<i64> = statement.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
    pieces::refresh(conn, &pieced)?;
    let mut statement = conn.prepare("SELECT number FROM photos")?;
    let photos: Vec<i64> = statement.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
    let mut known = Covers::default();
    for photo in photos {
        pieces::refresh_photo(conn, photo, &mut known)?;
    }
    Ok(())
}
