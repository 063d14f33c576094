//! How much of each pack is still of use, for [`compact`](crate::compact).

use std::collections::{BTreeMap, HashMap};

use heirloom_store::StoreError;
use heirloom_store::rusqlite::{self, Connection};

use super::pieces::{Piece, chain};
use super::{VaultStore, bytes, unsigned};
use crate::{PackId, PackStats};

impl VaultStore {
    /// All packs that are not dropped, the oldest first, with the bytes of them that are still of use.
    ///
    /// Pictures are of use until they are forgotten or replaced; what the household is made of, while the newest head needs
    /// it, or no head was made since. A piece that stands in a newer pack, too, or whose blob stands wholly in newer ones, is of no
    /// more use once those are listed in segments and proven at as many other homes, and at as many places.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn pack_stats(&self) -> Result<Vec<PackStats>, StoreError> {
        self.db.read(|conn| {
            let mut packs = known_packs(conn)?;
            for (pack, unwanted) in by_pack(conn, UNWANTED_SQL)? {
                if let Some(pack) = packs.get_mut(&pack) {
                    pack.live = pack.live.saturating_sub(unwanted);
                }
            }
            only_needed(conn, &mut packs)?;
            without_repeated(conn, &mut packs)?;
            let stats = packs.into_values().map(|pack| PackStats {
                pack: pack.id,
                shelf: pack.shelf,
                bytes: pack.bytes,
                live_bytes: pack.live,
            });
            Ok(stats.collect())
        })
    }
}

const UNWANTED_SQL: &str =
    "SELECT e.pack, sum(max(e.bytes, 1)) FROM blobs b JOIN entries e ON e.blob = b.number
 WHERE b.unwanted = 1 AND e.kind >= 4 GROUP BY e.pack";
const NEEDED_SQL: &str = "SELECT e.pack, sum(max(e.bytes, 1)) FROM needed n JOIN entries e ON e.blob = n.blob
 GROUP BY e.pack";

struct Known {
    id: PackId,
    shelf: u8,
    bytes: u64,
    live: u64,
    written: bool,
    proven: Proven,
}

/// At how many places a pack was proved: a disk of one's own does not make up for another home.
#[derive(Clone, Copy)]
struct Proven {
    homes: u64,
    places: u64,
}

impl Proven {
    fn is_as_safe_as(self, other: Self) -> bool {
        self.places > 0 && self.homes >= other.homes && self.places >= other.places
    }
}

fn known_packs(conn: &Connection) -> rusqlite::Result<BTreeMap<i64, Known>> {
    let mut statement = conn.prepare_cached(
        "SELECT number, id, shelf, bytes, plain, segment IS NOT NULL,
           (SELECT count(*) FROM copies c JOIN targets t ON t.number = c.target
            WHERE c.pack = packs.number AND c.state = 2 AND t.kind = 'household'),
           (SELECT count(*) FROM copies c WHERE c.pack = packs.number AND c.state = 2)
         FROM packs WHERE dropped_ms IS NULL",
    )?;
    statement
        .query_map([], |row| {
            let known = Known {
                id: PackId::from_bytes(bytes(row, 1)?),
                shelf: row.get(2)?,
                bytes: unsigned(row, 3)?,
                live: unsigned(row, 4)?,
                written: row.get(5)?,
                proven: Proven { homes: unsigned(row, 6)?, places: unsigned(row, 7)? },
            };
            Ok((row.get(0)?, known))
        })?
        .collect()
}

fn by_pack(conn: &Connection, sql: &str) -> rusqlite::Result<HashMap<i64, u64>> {
    conn.prepare_cached(sql)?.query_map([], |row| Ok((row.get(0)?, unsigned(row, 1)?)))?.collect()
}

/// Of packs that the newest head could know, only what it needs is of use.
fn only_needed(conn: &Connection, packs: &mut BTreeMap<i64, Known>) -> rusqlite::Result<()> {
    let through: Option<i64> =
        conn.query_row("SELECT (SELECT through FROM heads ORDER BY number DESC LIMIT 1)", [], |row| {
            row.get(0)
        })?;
    let needed = by_pack(conn, NEEDED_SQL)?;
    let through = through.unwrap_or(0);
    for (number, pack) in packs.range_mut(..=through).filter(|(_, pack)| pack.shelf == 0) {
        pack.live = needed.get(number).copied().unwrap_or(0);
    }
    Ok(())
}

/// Takes off what stands in newer packs, too: the same piece, or, cut elsewhere, the whole blob. Of the chain whose packs are
/// the newest nothing is ever taken off.
fn without_repeated(conn: &Connection, packs: &mut BTreeMap<i64, Known>) -> rusqlite::Result<()> {
    let mut blobs: HashMap<i64, Vec<Piece>> = HashMap::new();
    let mut statement = conn.prepare_cached(
        "SELECT blob, pack, size, at, bytes FROM entries
         WHERE blob IN (SELECT blob FROM entries GROUP BY blob HAVING count(*) > 1)",
    )?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let piece = Piece {
            pack: row.get(1)?,
            size: unsigned(row, 2)?,
            at: unsigned(row, 3)?,
            bytes: unsigned(row, 4)?,
        };
        blobs.entry(row.get(0)?).or_default().push(piece);
    }
    for pieces in blobs.values() {
        for piece in pieces {
            let repeated = is_repeated(piece, pieces, packs);
            if let Some(pack) = packs.get_mut(&piece.pack).filter(|_| repeated) {
                pack.live = pack.live.saturating_sub(piece.bytes.max(1));
            }
        }
    }
    Ok(())
}

/// Whether a piece of a blob is of no more use: newer packs that are listed and as safe have it, or all of the blob.
fn is_repeated(piece: &Piece, pieces: &[Piece], packs: &BTreeMap<i64, Known>) -> bool {
    let Some(pack) = packs.get(&piece.pack) else { return false };
    let takes_over = |other: &&Piece| {
        let newer = packs.get(&other.pack).filter(|_| other.pack > piece.pack);
        newer.is_some_and(|newer| newer.written && newer.proven.is_as_safe_as(pack.proven))
    };
    let newer: Vec<Piece> = pieces.iter().filter(takes_over).copied().collect();
    newer.iter().any(|other| (other.at, other.bytes) == (piece.at, piece.bytes)) || chain(&newer).is_some()
}
