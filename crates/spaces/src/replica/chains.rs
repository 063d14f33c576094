//! Where envelopes stand in a stream that forked, read once instead of walking from one envelope to the one before it.

use std::collections::HashMap;

use heirloom_identity::EnvelopeHash;
use heirloom_store::rusqlite::{Connection, named_params};

use crate::albums::AlbumError;
use crate::replica::rows::from_sql;

/// A place on a branch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Place {
    branch: usize,
    seq: u64,
}

/// The branches of one stream.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tree {
    places: HashMap<EnvelopeHash, Place>,
    /// How far each branch goes, and where it leaves another.
    branches: Vec<(u64, Option<Place>)>,
}

impl Tree {
    /// The tree of a stream.
    pub(crate) fn read(conn: &Connection, stream: i64) -> Result<Self, AlbumError> {
        let mut statement = conn.prepare_cached(
            "SELECT seq, hash, prev FROM album_envelopes WHERE stream = :stream ORDER BY seq, number",
        )?;
        let rows = statement.query_map(named_params! { ":stream": stream }, |row| {
            let (hash, prev) = (row.get(1)?, row.get(2)?);
            Ok((from_sql(row.get(0)?), EnvelopeHash::from_bytes(hash), EnvelopeHash::from_bytes(prev)))
        })?;
        let mut tree = Self::default();
        for row in rows {
            let (seq, hash, prev) = row?;
            tree.grow(seq, hash, &prev);
        }
        Ok(tree)
    }

    /// The trees of an album's streams that forked.
    pub(crate) fn of_album(conn: &Connection, album: i64) -> Result<HashMap<i64, Self>, AlbumError> {
        let mut statement = conn.prepare_cached(
            "SELECT stream FROM album_envelopes INDEXED BY album_envelopes_heads
             WHERE album = :album AND is_head = 1 GROUP BY stream HAVING count(*) > 1",
        )?;
        let streams = statement.query_map(named_params! { ":album": album }, |row| row.get(0))?;
        streams
            .map(|stream| stream.map_err(AlbumError::from).and_then(|row| Ok((row, Self::read(conn, row)?))))
            .collect()
    }

    fn grow(&mut self, seq: u64, hash: EnvelopeHash, prev: &EnvelopeHash) {
        let before = self.places.get(prev).copied();
        let place = match before {
            Some(Place { branch, seq: at }) if self.branches[branch].0 == at => {
                self.branches[branch].0 = seq;
                Place { branch, seq }
            }
            _ => {
                self.branches.push((seq, before));
                Place { branch: self.branches.len() - 1, seq }
            }
        };
        self.places.insert(hash, place);
    }

    /// Whether one envelope is another, or lies before it on its branch.
    pub(crate) fn leads_to(&self, hash: &EnvelopeHash, end: &EnvelopeHash) -> bool {
        let (Some(from), Some(mut at)) = (self.places.get(hash), self.places.get(end).copied()) else {
            return false;
        };
        while at.branch != from.branch {
            match self.branches[at.branch].1 {
                Some(parent) => at = parent,
                None => return false,
            }
        }
        from.seq <= at.seq
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_envelope_leads_to_the_ends_of_its_branches_only() {
        let hash = |n: u8| EnvelopeHash::from_bytes([n; 32]);
        let mut tree = Tree::default();
        // 1 – 2 – 3 – 4, 2 – 5 – 6, 5 – 7, and 8 from the beginning.
        for (seq, n, prev) in
            [(1, 1, 0), (1, 8, 0), (2, 2, 1), (3, 3, 2), (3, 5, 2), (4, 4, 3), (4, 6, 5), (4, 7, 5)]
        {
            tree.grow(seq, hash(n), &hash(prev));
        }
        let led: Vec<u8> = (1..=8).filter(|n| tree.leads_to(&hash(*n), &hash(7))).collect();
        assert_eq!(led, [1, 2, 5, 7]);
        let from: Vec<u8> = (1..=8).filter(|n| tree.leads_to(&hash(2), &hash(*n))).collect();
        assert_eq!(from, [2, 3, 4, 5, 6, 7]);
        assert!(!tree.leads_to(&hash(9), &hash(7)) && !tree.leads_to(&hash(1), &hash(9)));
    }
}
