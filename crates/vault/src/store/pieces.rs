//! From blobs to pieces: which packs hold a blob wholly, and which photos that concerns.

use std::collections::{BTreeSet, HashMap};

use heirloom_identity::ContentHash;
use heirloom_store::rusqlite::{self, Connection, OptionalExtension};

use super::unsigned;

/// A piece of a blob, as far as choosing it goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Piece {
    pub(super) pack: i64,
    pub(super) size: u64,
    pub(super) at: u64,
    pub(super) bytes: u64,
}

impl Piece {
    fn end(&self) -> u64 {
        self.at.saturating_add(self.bytes)
    }
}

/// Chooses pieces that follow each other from the first byte to the last, and says which by their places in the list.
/// Several packings of one blob may be there; an older pack is preferred.
pub(super) fn chain(pieces: &[Piece]) -> Option<Vec<usize>> {
    let size = pieces.first()?.size;
    let mut order: Vec<usize> = (0..pieces.len()).filter(|&index| pieces[index].size == size).collect();
    // From the end backwards: which piece to begin with so that the end can be reached.
    order.sort_by_key(|&index| (std::cmp::Reverse(pieces[index].at), pieces[index].pack));
    let mut from: HashMap<u64, usize> = HashMap::new();
    for index in order {
        let piece = &pieces[index];
        let leads = piece.end() == size || (piece.bytes > 0 && from.contains_key(&piece.end()));
        if leads {
            from.entry(piece.at).or_insert(index);
        }
    }
    let mut chosen = Vec::new();
    let mut end = 0;
    loop {
        let &index = from.get(&end)?;
        chosen.push(index);
        end = pieces[index].end();
        if end == size {
            return Some(chosen);
        }
    }
}

/// The number of a blob, which it gets if it has none.
pub(super) fn intern(conn: &Connection, blob: &ContentHash) -> rusqlite::Result<i64> {
    if let Some(number) = number_of(conn, blob)? {
        return Ok(number);
    }
    conn.prepare_cached("INSERT INTO blobs(hash) VALUES (?1)")?.execute([blob.as_bytes()])?;
    Ok(conn.last_insert_rowid())
}

/// The number of a blob that is known.
pub(super) fn number_of(conn: &Connection, blob: &ContentHash) -> rusqlite::Result<Option<i64>> {
    conn.prepare_cached("SELECT number FROM blobs WHERE hash = ?1")?
        .query_row([blob.as_bytes()], |row| row.get(0))
        .optional()
}

/// The packs that hold a blob wholly; `None` when they don't.
pub(super) fn packs_of(conn: &Connection, blob: i64) -> rusqlite::Result<Option<Vec<i64>>> {
    let mut statement = conn.prepare_cached(PIECES_SQL)?;
    let pieces: Vec<Piece> = statement
        .query_map([blob], |row| {
            Ok(Piece {
                pack: row.get(0)?,
                size: unsigned(row, 1)?,
                at: unsigned(row, 2)?,
                bytes: unsigned(row, 3)?,
            })
        })?
        .collect::<Result<_, _>>()?;
    Ok(chain(&pieces).map(|chosen| chosen.into_iter().map(|index| pieces[index].pack).collect()))
}

/// Brings everything up to date that follows from where these blobs' pieces are.
pub(super) fn refresh(conn: &Connection, blobs: &BTreeSet<i64>) -> rusqlite::Result<()> {
    let mut known = Covers::default();
    let mut photos = BTreeSet::new();
    for &blob in blobs {
        let packed = known.packs(conn, blob)?.is_some();
        conn.prepare_cached("UPDATE blobs SET packed = ?2 WHERE number = ?1 AND packed <> ?2")?
            .execute((blob, packed))?;
        photos_with(conn, blob, &mut photos)?;
    }
    for photo in photos {
        refresh_photo(conn, photo, &mut known)?;
    }
    Ok(())
}

/// Brings one photo's packs up to date.
pub(super) fn refresh_photo(conn: &Connection, photo: i64, known: &mut Covers) -> rusqlite::Result<()> {
    let mut statement =
        conn.prepare_cached("SELECT content, thumbnail, preview FROM photos WHERE number = ?1")?;
    let blobs: [Option<i64>; 3] =
        statement.query_row([photo], |row| Ok([row.get(0)?, row.get(1)?, row.get(2)?]))?;
    let mut packs = Some(BTreeSet::new());
    for blob in blobs.into_iter().flatten() {
        packs = match (packs, known.packs(conn, blob)?) {
            (Some(mut packs), Some(more)) => {
                packs.extend(more.iter().copied());
                Some(packs)
            }
            _ => None,
        };
    }
    let packs = packs.map(|packs| write_packs(&packs)).transpose()?;
    conn.prepare_cached("UPDATE photos SET packs = ?2 WHERE number = ?1 AND packs IS NOT ?2")?
        .execute((photo, packs))?;
    Ok(())
}

fn photos_with(conn: &Connection, blob: i64, photos: &mut BTreeSet<i64>) -> rusqlite::Result<()> {
    let mut statement = conn.prepare_cached(PHOTOS_WITH_SQL)?;
    let mut rows = statement.query([blob])?;
    while let Some(row) = rows.next()? {
        photos.insert(row.get(0)?);
    }
    Ok(())
}

pub(super) const PIECES_SQL: &str = "SELECT pack, size, at, bytes FROM entries WHERE blob = ?1";
pub(super) const PHOTOS_WITH_SQL: &str = "SELECT number FROM photos WHERE content = ?1
     UNION ALL SELECT number FROM photos WHERE thumbnail = ?1
     UNION ALL SELECT number FROM photos WHERE preview = ?1";

/// What was found about blobs within one write.
#[derive(Default)]
pub(super) struct Covers(HashMap<i64, Option<Vec<i64>>>);

impl Covers {
    fn packs(&mut self, conn: &Connection, blob: i64) -> rusqlite::Result<Option<&Vec<i64>>> {
        if let std::collections::hash_map::Entry::Vacant(place) = self.0.entry(blob) {
            place.insert(packs_of(conn, blob)?);
        }
        Ok(self.0.get(&blob).and_then(Option::as_ref))
    }
}

/// Pack numbers in rising order, four bytes big-endian each: equal sets are equal bytes.
fn write_packs(packs: &BTreeSet<i64>) -> rusqlite::Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(4 * packs.len());
    for &pack in packs {
        let pack = u32::try_from(pack).map_err(|_| super::impossible(0, "a pack number beyond 2^32"))?;
        bytes.extend(pack.to_be_bytes());
    }
    Ok(bytes)
}

/// What [`write_packs`] wrote.
pub(super) fn read_packs(bytes: &[u8]) -> impl Iterator<Item = u32> {
    bytes.as_chunks::<4>().0.iter().map(|bytes| u32::from_be_bytes(*bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(pieces: &[(i64, u64, u64)], size: u64, expected: Option<&[usize]>) {
        let pieces: Vec<_> =
            pieces.iter().map(|&(pack, at, bytes)| Piece { pack, size, at, bytes }).collect();
        assert_eq!(chain(&pieces).as_deref(), expected, "{pieces:?}");
    }

    #[test]
    fn pieces_follow_each_other() {
        check(&[(1, 0, 10)], 10, Some(&[0]));
        check(&[], 10, None);
        check(&[(1, 0, 4)], 10, None);
        check(&[(2, 4, 6), (1, 0, 4)], 10, Some(&[1, 0]));
        check(&[(1, 0, 4), (1, 5, 5)], 10, None);
    }

    #[test]
    fn an_older_pack_is_preferred_and_a_dead_end_is_not_entered() {
        check(&[(9, 0, 10), (3, 0, 10)], 10, Some(&[1]));
        // Two packings cut at different places; the second half of the older one is gone.
        check(&[(1, 0, 5), (2, 0, 7), (3, 7, 3)], 10, Some(&[1, 2]));
    }

    #[test]
    fn an_empty_blob_is_there_when_its_piece_is() {
        check(&[(1, 0, 0)], 0, Some(&[0]));
        // Pieces without bytes lead nowhere.
        check(&[(1, 0, 0), (2, 5, 0)], 10, None);
    }
}
