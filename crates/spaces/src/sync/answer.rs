//! What a peer lacks, read from the database.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use heirloom_identity::{CertificateId, ContentHash, EnvelopeHash, OperationId, StreamId, StreamKey};
use heirloom_store::rusqlite::{Connection, OptionalExtension, named_params};

use crate::albums::AlbumError;
use crate::membership::Operations;
use crate::replica::rows::{self, Head, from_sql, to_sql};
use crate::sync::message::{EARLIER_MAX, FILL_BYTES, HAVES_MAX, Have, ITEMS_MAX, StreamName};

/// Where branches end on the other side, as far as we know.
pub(crate) type Ends = HashMap<StreamKey, BTreeMap<u64, BTreeSet<EnvelopeHash>>>;

/// BLAKE3 of operations' sorted ids.
pub(crate) fn operations_digest(ids: impl IntoIterator<Item = OperationId>) -> [u8; 32] {
    let sorted: BTreeSet<OperationId> = ids.into_iter().collect();
    digest(&rows::join(sorted.iter().map(OperationId::as_bytes)))
}

/// BLAKE3 of where streams end.
pub(crate) fn heads_digest(heads: &[Head]) -> [u8; 32] {
    let mut bytes = Vec::with_capacity(heads.len() * 88);
    for head in heads {
        bytes.extend(head.stream.certificate.as_bytes());
        bytes.extend(head.stream.incarnation.as_bytes());
        bytes.extend(head.seq.to_le_bytes());
        bytes.extend(head.hash.as_bytes());
    }
    digest(&bytes)
}

fn digest(bytes: &[u8]) -> [u8; 32] {
    *ContentHash::of(bytes).as_bytes()
}

pub(crate) fn name(key: &StreamKey) -> StreamName {
    StreamName { certificate: *key.certificate.as_bytes(), incarnation: *key.incarnation.as_bytes() }
}

pub(crate) fn key(name: &StreamName) -> StreamKey {
    StreamKey {
        certificate: CertificateId::from_bytes(name.certificate),
        incarnation: StreamId::from_bytes(name.incarnation),
    }
}

/// Where our streams end, with earlier places of those that were asked for.
pub(crate) fn haves(
    conn: &Connection,
    album: i64,
    earlier_of: &BTreeSet<StreamKey>,
) -> Result<Vec<Have>, AlbumError> {
    let mut haves = Vec::new();
    for head in rows::heads(conn, album)?.into_iter().take(HAVES_MAX) {
        let earlier =
            if earlier_of.contains(&head.stream) { earlier(conn, album, &head)? } else { Vec::new() };
        haves.push(Have { stream: name(&head.stream), seq: head.seq, hash: *head.hash.as_bytes(), earlier });
    }
    Ok(haves)
}

/// Places before the end of a branch, ever farther apart.
fn earlier(conn: &Connection, album: i64, head: &Head) -> Result<Vec<(u64, [u8; 32])>, AlbumError> {
    let mut statement =
        conn.prepare_cached("SELECT prev FROM album_envelopes WHERE album = :album AND hash = :hash")?;
    let (mut places, mut hash, mut step, mut next) = (Vec::new(), *head.hash.as_bytes(), 1, head.seq);
    for seq in (1..head.seq).rev() {
        hash = statement.query_row(named_params! { ":album": album, ":hash": hash }, |row| row.get(0))?;
        if seq + step <= next || seq == 1 {
            places.push((seq, hash));
            (next, step) = (seq, step * 2);
        }
        if places.len() >= EARLIER_MAX {
            break;
        }
    }
    Ok(places)
}

/// Operations in their order that aren't among those known, up to a message's fill. Gives whether there are more.
pub(crate) fn operations_for(
    operations: &Operations,
    shown: Option<&BTreeSet<OperationId>>,
    known: &HashSet<OperationId>,
) -> (Vec<OperationId>, Vec<Vec<u8>>, bool) {
    let (mut ids, mut encoded, mut bytes) = (Vec::new(), Vec::new(), 0);
    for id in operations.ids() {
        if known.contains(&id) || shown.is_some_and(|shown| !shown.contains(&id)) {
            continue;
        }
        if bytes >= FILL_BYTES || encoded.len() >= ITEMS_MAX {
            return (ids, encoded, true);
        }
        if let Some(operation) = operations.get(&id) {
            bytes += operation.as_bytes().len();
            encoded.push(operation.encode());
            ids.push(id);
        }
    }
    (ids, encoded, false)
}

/// Envelopes past what a peer has.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    pub(crate) envelopes: Vec<Vec<u8>>,
    pub(crate) certificates: Vec<Vec<u8>>,
    /// Where the branches end that the batch goes on with.
    pub(crate) ends: Vec<Head>,
    pub(crate) more: bool,
    /// Whether the peer has something that we don't know.
    pub(crate) unknown: bool,
    /// Streams that seem to have forked, and of which no common place is known.
    pub(crate) forked: Vec<StreamKey>,
}

/// How far a peer is in a stream of ours.
struct Bound {
    row: i64,
    /// Up to here it has everything, or gets nothing for now.
    seq: u64,
}

/// The envelopes that a peer lacks, in the order in which they came here, up to a message's fill.
pub(crate) fn envelopes_for(
    conn: &Connection,
    album: i64,
    have: &Ends,
    certificates: &HashSet<CertificateId>,
) -> Result<Batch, AlbumError> {
    let mut batch = Batch::default();
    let mut bounds: HashMap<i64, Bound> = HashMap::new();
    let mut known = HashSet::new();
    for (key, row) in streams(conn, album)? {
        known.insert(key);
        let common = common(conn, album, row, have.get(&key))?;
        batch.unknown |= common.unknown;
        if common.forked {
            batch.forked.push(key);
        }
        bounds.insert(row, Bound { row, seq: common.seq });
    }
    batch.unknown |= have.keys().any(|key| !known.contains(key));
    let Some(first) = first_number(conn, &bounds)? else { return Ok(batch) };
    let mut statement = conn.prepare_cached(
        "SELECT e.stream, e.seq, e.hash, e.envelope, s.certificate, s.incarnation
         FROM album_envelopes e JOIN album_streams s ON s.number = e.stream
         WHERE e.album = :album AND e.number >= :first AND e.envelope IS NOT NULL ORDER BY e.number",
    )?;
    let mut rows = statement.query(named_params! { ":album": album, ":first": first })?;
    let (mut bytes, mut named) = (0, HashSet::new());
    while let Some(row) = rows.next()? {
        let (stream, seq, hash) = (row.get(0)?, from_sql(row.get(1)?), EnvelopeHash::from_bytes(row.get(2)?));
        let key = rows::key(row, 4)?;
        let has = have.get(&key).and_then(|ends| ends.get(&seq)).is_some_and(|hashes| hashes.contains(&hash));
        if has || bounds.get(&stream).is_none_or(|bound| seq <= bound.seq) {
            continue;
        }
        if bytes >= FILL_BYTES || batch.envelopes.len() >= ITEMS_MAX {
            batch.more = true;
            break;
        }
        let envelope: Vec<u8> = row.get(3)?;
        bytes += envelope.len() + 8;
        if !certificates.contains(&key.certificate) && named.insert(key.certificate) {
            bytes += 180;
            let certificate = rows::certificate(conn, &key.certificate)?;
            batch.certificates.extend(certificate.map(|certificate| certificate.encode().to_vec()));
        }
        batch.ends.push(Head { stream: key, seq, hash });
        batch.envelopes.push(envelope);
    }
    Ok(batch)
}

fn streams(conn: &Connection, album: i64) -> Result<Vec<(StreamKey, i64)>, AlbumError> {
    let mut statement = conn.prepare_cached(
        "SELECT certificate, incarnation, number FROM album_streams WHERE album = :album ORDER BY number",
    )?;
    let rows = statement
        .query_map(named_params! { ":album": album }, |row| Ok((rows::key(row, 0)?, row.get(2)?)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// What a peer and we have in common of a stream.
#[derive(Debug, Default)]
struct Common {
    seq: u64,
    unknown: bool,
    forked: bool,
}

/// Up to which number a peer has what we have of a stream.
///
/// In a stream without forks that is the highest place that we know. When there are branches here, it is the lowest of
/// the highest places on each, so that no branch is missed; what the peer gets twice does no harm. Of a peer that names
/// only what we don't know, either it is ahead and has all of ours, or the stream forked: then earlier places are asked
/// for first.
fn common(
    conn: &Connection,
    album: i64,
    row: i64,
    ends: Option<&BTreeMap<u64, BTreeSet<EnvelopeHash>>>,
) -> Result<Common, AlbumError> {
    let Some(ends) = ends else { return Ok(Common::default()) };
    let (mut known, mut unknown) = (BTreeSet::new(), BTreeSet::new());
    for (seq, hashes) in ends {
        for hash in hashes {
            match rows::find(conn, album, hash)? {
                Some((_, at, _)) if at == *seq => known.insert((*seq, *hash)),
                _ => unknown.insert(*seq),
            };
        }
    }
    let branches: Vec<Head> = rows::heads_of(conn, album, row)?;
    let ours = branches.iter().map(|head| head.seq).max().unwrap_or(0);
    let Some((highest, _)) = known.last() else {
        // Places down to the first were named, and none of them is ours: the peer's is another stream from its beginning.
        let apart = unknown.first() == Some(&1);
        let ahead = !apart && unknown.last().is_some_and(|seq| *seq > ours);
        let seq = if apart || unknown.is_empty() { 0 } else { u64::MAX };
        return Ok(Common { seq, unknown: !unknown.is_empty(), forked: !apart && !ahead });
    };
    let mut seq = *highest;
    if branches.len() > 1 {
        for head in &branches {
            let on_branch = known.iter().rev().find(|(seq, hash)| {
                rows::leads_to(conn, album, row, *seq, hash, &head.hash).unwrap_or(false)
            });
            seq = seq.min(on_branch.map_or(0, |(seq, _)| *seq));
        }
    }
    Ok(Common { seq, unknown: !unknown.is_empty(), forked: false })
}

/// The lowest number of an envelope past the bounds.
fn first_number(conn: &Connection, bounds: &HashMap<i64, Bound>) -> Result<Option<i64>, AlbumError> {
    let mut statement = conn.prepare_cached(
        "SELECT number FROM album_envelopes WHERE stream = :stream AND seq > :seq ORDER BY seq, number LIMIT 1",
    )?;
    let mut first: Option<i64> = None;
    for bound in bounds.values() {
        let number: Option<i64> = statement
            .query_row(named_params! { ":stream": bound.row, ":seq": to_sql(bound.seq) }, |row| row.get(0))
            .optional()?;
        first = match (first, number) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        };
    }
    Ok(first)
}
