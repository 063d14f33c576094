//! How much of each pack is still of use, for [`compact`](crate::compact).

use std::collections::{BTreeMap, HashMap};

use heirloom_store::StoreError;
use heirloom_store::rusqlite::{self, Connection};

use super::{VaultStore, bytes, unsigned};
use crate::{PackId, PackStats};

impl VaultStore {
    /// All packs that are not dropped, the oldest first, with the bytes of them that are still of use.
    ///
    /// Pictures are of use until they are forgotten or replaced; what the household is made of, while the newest head needs
    /// it, or no head was made since. A piece that stands in a newer pack, too, is of no more use once that one is listed in
    /// a segment and proven at as many other homes, and at as many places.
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

/// Takes off what stands in a newer pack, too.
fn without_repeated(conn: &Connection, packs: &mut BTreeMap<i64, Known>) -> rusqlite::Result<()> {
    let mut pieces: HashMap<(i64, i64, i64), Vec<i64>> = HashMap::new();
    let mut statement = conn.prepare_cached(
        "SELECT blob, at, bytes, pack FROM entries
         WHERE blob IN (SELECT blob FROM entries GROUP BY blob HAVING count(*) > 1) ORDER BY pack",
    )?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        pieces.entry((row.get(0)?, row.get(1)?, row.get(2)?)).or_default().push(row.get(3)?);
    }
    for ((_, _, bytes), holders) in pieces {
        let mut newer: Vec<Proven> = Vec::new();
        // From the newest backwards: a pack loses the piece to a newer one that is listed and as safe.
        for number in holders.into_iter().rev() {
            let Some(pack) = packs.get_mut(&number) else { continue };
            if newer.iter().any(|newer| newer.is_as_safe_as(pack.proven)) {
                pack.live = pack.live.saturating_sub(bytes.max(1).unsigned_abs());
            } else if pack.written {
                newer.push(pack.proven);
            }
        }
    }
    Ok(())
}
