//! Rows of an album's envelopes, streams, operations, secrets and pending area.

use automerge::ChangeHash;
use heirloom_identity::{
    Certificate, CertificateId, Envelope, EnvelopeHash, EpochId, EpochSecret, HouseholdId, Operation,
    OperationId, StreamId, StreamKey,
};
use heirloom_store::rusqlite::{self, Connection, OptionalExtension, Row, named_params};

use crate::albums::AlbumError;

/// The end of one branch of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Head {
    pub(crate) stream: StreamKey,
    pub(crate) seq: u64,
    pub(crate) hash: EnvelopeHash,
}

/// What `album_envelopes` holds of an envelope, but for its bytes.
#[derive(Debug, Clone)]
pub(crate) struct Stored {
    pub(crate) number: i64,
    pub(crate) stream: i64,
    pub(crate) key: StreamKey,
    pub(crate) household: HouseholdId,
    pub(crate) seq: u64,
    pub(crate) hash: EnvelopeHash,
    pub(crate) heads: Vec<OperationId>,
}

/// What was found out about an opened envelope's change.
#[derive(Debug, Clone)]
pub(crate) struct Shape {
    pub(crate) hash: ChangeHash,
    pub(crate) seq: u64,
    pub(crate) first_op: u64,
    pub(crate) last_op: u64,
    pub(crate) deps: Vec<ChangeHash>,
    /// `None`: it never counts.
    pub(crate) needs: Option<u8>,
}

pub(crate) fn to_sql(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

pub(crate) fn from_sql(number: i64) -> u64 {
    u64::try_from(number).unwrap_or_default()
}

pub(crate) fn count_to_sql(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// 32-byte values, one after the other.
pub(crate) fn join<'a>(values: impl IntoIterator<Item = &'a [u8; 32]>) -> Vec<u8> {
    values.into_iter().flatten().copied().collect()
}

pub(crate) fn split(bytes: &[u8]) -> impl Iterator<Item = [u8; 32]> {
    bytes.as_chunks::<32>().0.iter().copied()
}

pub(crate) fn insert_operation(
    conn: &Connection,
    album: i64,
    operation: &Operation,
    received_ms: i64,
) -> Result<(), AlbumError> {
    conn.prepare_cached(
        "INSERT OR IGNORE INTO album_operations (album, id, received_ms, operation)
         VALUES (:album, :id, :received, :operation)",
    )?
    .execute(named_params! {
        ":album": album,
        ":id": operation.id().as_bytes(),
        ":received": received_ms,
        ":operation": operation.as_bytes(),
    })?;
    Ok(())
}

/// Every operation of an album in the order of coming, with when it came.
pub(crate) fn operations(conn: &Connection, album: i64) -> Result<Vec<(Operation, i64)>, AlbumError> {
    let mut statement = conn.prepare_cached(
        "SELECT operation, received_ms FROM album_operations WHERE album = :album ORDER BY number",
    )?;
    let rows = statement
        .query_map(named_params! { ":album": album }, |row| Ok((row.get::<_, Vec<u8>>(0)?, row.get(1)?)))?;
    let mut operations = Vec::new();
    for row in rows {
        let (bytes, received_ms) = row?;
        operations.push((Operation::decode(&bytes)?, received_ms));
    }
    Ok(operations)
}

pub(crate) fn insert_secret(conn: &Connection, album: i64, secret: &EpochSecret) -> Result<(), AlbumError> {
    conn.prepare_cached(
        "INSERT OR IGNORE INTO album_secrets (album, epoch, secret) VALUES (:album, :epoch, :secret)",
    )?
    .execute(named_params! {
        ":album": album,
        ":epoch": secret.id().as_bytes(),
        ":secret": secret.as_bytes(),
    })?;
    Ok(())
}

pub(crate) fn secrets(conn: &Connection, album: i64) -> Result<Vec<(EpochId, EpochSecret)>, AlbumError> {
    let mut statement =
        conn.prepare_cached("SELECT epoch, secret FROM album_secrets WHERE album = :album")?;
    let rows = statement.query_map(named_params! { ":album": album }, |row| {
        Ok((EpochId::from_bytes(row.get(0)?), EpochSecret::from_bytes(row.get(1)?)))
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

pub(crate) fn insert_certificate(conn: &Connection, certificate: &Certificate) -> Result<(), AlbumError> {
    conn.prepare_cached(
        "INSERT OR IGNORE INTO album_certificates (id, certificate) VALUES (:id, :certificate)",
    )?
    .execute(named_params! {
        ":id": certificate.id().as_bytes(),
        ":certificate": certificate.encode(),
    })?;
    Ok(())
}

pub(crate) fn certificate(conn: &Connection, id: &CertificateId) -> Result<Option<Certificate>, AlbumError> {
    let bytes: Option<Vec<u8>> = conn
        .prepare_cached("SELECT certificate FROM album_certificates WHERE id = :id")?
        .query_row(named_params! { ":id": id.as_bytes() }, |row| row.get(0))
        .optional()?;
    Ok(bytes.and_then(|bytes| Certificate::decode(&bytes).ok()))
}

/// The row of a stream, made when there is none.
pub(crate) fn stream(
    conn: &Connection,
    album: i64,
    key: &StreamKey,
    household: &HouseholdId,
) -> Result<i64, AlbumError> {
    let known: Option<i64> = conn
        .prepare_cached(
            "SELECT number FROM album_streams
             WHERE album = :album AND certificate = :certificate AND incarnation = :incarnation",
        )?
        .query_row(
            named_params! {
                ":album": album,
                ":certificate": key.certificate.as_bytes(),
                ":incarnation": key.incarnation.as_bytes(),
            },
            |row| row.get(0),
        )
        .optional()?;
    if let Some(number) = known {
        return Ok(number);
    }
    conn.prepare_cached(
        "INSERT INTO album_streams (album, certificate, incarnation, household)
         VALUES (:album, :certificate, :incarnation, :household)",
    )?
    .execute(named_params! {
        ":album": album,
        ":certificate": key.certificate.as_bytes(),
        ":incarnation": key.incarnation.as_bytes(),
        ":household": household.as_bytes(),
    })?;
    Ok(conn.last_insert_rowid())
}

/// Whether a stream has a row.
pub(crate) fn has_stream(conn: &Connection, album: i64, key: &StreamKey) -> Result<bool, AlbumError> {
    Ok(conn
        .prepare_cached(
            "SELECT EXISTS (SELECT 1 FROM album_streams
                 WHERE album = :album AND certificate = :certificate AND incarnation = :incarnation)",
        )?
        .query_row(
            named_params! {
                ":album": album,
                ":certificate": key.certificate.as_bytes(),
                ":incarnation": key.incarnation.as_bytes(),
            },
            |row| row.get(0),
        )?)
}

/// How many streams a household has.
pub(crate) fn count_streams(
    conn: &Connection,
    album: i64,
    household: &HouseholdId,
) -> Result<u64, AlbumError> {
    let count: i64 = conn
        .prepare_cached("SELECT count(*) FROM album_streams WHERE album = :album AND household = :household")?
        .query_row(named_params! { ":album": album, ":household": household.as_bytes() }, |row| row.get(0))?;
    Ok(from_sql(count))
}

/// The number and place in its stream of an envelope, if it is here.
pub(crate) fn find(
    conn: &Connection,
    album: i64,
    hash: &EnvelopeHash,
) -> Result<Option<(StreamKey, u64, i64)>, AlbumError> {
    Ok(conn
        .prepare_cached(
            "SELECT s.certificate, s.incarnation, e.seq, e.number
             FROM album_envelopes e JOIN album_streams s ON s.number = e.stream
             WHERE e.album = :album AND e.hash = :hash",
        )?
        .query_row(named_params! { ":album": album, ":hash": hash.as_bytes() }, |row| {
            Ok((key(row, 0)?, from_sql(row.get(2)?), row.get(3)?))
        })
        .optional()?)
}

/// Stores an envelope whose predecessor is here. `keep` says whether its bytes are kept, or only its header.
pub(crate) fn insert_envelope(
    conn: &Connection,
    album: i64,
    stream: i64,
    envelope: &Envelope,
    received_ms: i64,
    keep: bool,
) -> Result<i64, AlbumError> {
    conn.prepare_cached(
        "UPDATE album_envelopes SET is_head = 0 WHERE album = :album AND hash = :prev AND is_head = 1",
    )?
    .execute(named_params! { ":album": album, ":prev": envelope.prev().as_bytes() })?;
    conn.prepare_cached(
        "INSERT INTO album_envelopes
             (album, stream, seq, hash, prev, heads, is_head, received_ms, bytes, counted, saved, repeated, envelope)
         VALUES (:album, :stream, :seq, :hash, :prev, :heads, 1, :received, :bytes, 0, 0, 0, :envelope)",
    )?
    .execute(named_params! {
        ":album": album,
        ":stream": stream,
        ":seq": to_sql(envelope.seq()),
        ":hash": envelope.hash().as_bytes(),
        ":prev": envelope.prev().as_bytes(),
        ":heads": join(envelope.heads().iter().map(OperationId::as_bytes)),
        ":received": received_ms,
        ":bytes": count_to_sql(envelope.as_bytes().len()),
        ":envelope": keep.then(|| envelope.as_bytes()),
    })?;
    Ok(conn.last_insert_rowid())
}

/// Writes down what an envelope was found to hold.
pub(crate) fn describe(
    conn: &Connection,
    number: i64,
    document: &str,
    shape: Option<&Shape>,
    account: Option<&[u8; 16]>,
    at_ms: i64,
) -> Result<(), AlbumError> {
    conn.prepare_cached(
        "UPDATE album_envelopes SET document = :document, change_hash = :hash, change_seq = :seq,
                first_op = :first, last_op = :last, deps = :deps, needs = :needs, account = :account, at_ms = :at
         WHERE number = :number",
    )?
    .execute(named_params! {
        ":number": number,
        ":document": document,
        ":hash": shape.map(|shape| shape.hash.0),
        ":seq": shape.map(|shape| to_sql(shape.seq)),
        ":first": shape.map(|shape| to_sql(shape.first_op)),
        ":last": shape.map(|shape| to_sql(shape.last_op)),
        ":deps": shape.map(|shape| join(shape.deps.iter().map(|dep| &dep.0))),
        ":needs": shape.and_then(|shape| shape.needs),
        ":account": account,
        ":at": at_ms,
    })?;
    Ok(())
}

/// The opened changes of a document that could count.
pub(crate) fn shapes(
    conn: &Connection,
    album: i64,
    document: &str,
) -> Result<Vec<(Stored, Shape, bool)>, AlbumError> {
    let mut statement = conn.prepare_cached(
        "SELECT e.number, e.stream, s.certificate, s.incarnation, s.household, e.seq, e.hash, e.heads,
                e.change_hash, e.change_seq, e.first_op, e.last_op, e.deps, e.needs, e.counted
         FROM album_envelopes e JOIN album_streams s ON s.number = e.stream
         WHERE e.album = :album AND e.document = :document AND e.needs IS NOT NULL ORDER BY e.number",
    )?;
    let rows = statement.query_map(named_params! { ":album": album, ":document": document }, |row| {
        let deps: Vec<u8> = row.get(12)?;
        let shape = Shape {
            hash: ChangeHash(row.get(8)?),
            seq: from_sql(row.get(9)?),
            first_op: from_sql(row.get(10)?),
            last_op: from_sql(row.get(11)?),
            deps: split(&deps).map(ChangeHash).collect(),
            needs: row.get(13)?,
        };
        Ok((stored(row)?, shape, row.get(14)?))
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// The envelopes that couldn't be opened so far and whose bytes are here.
pub(crate) fn sealed(
    conn: &Connection,
    album: i64,
    after: i64,
    count: usize,
) -> Result<Vec<(Stored, Envelope)>, AlbumError> {
    let mut statement = conn.prepare_cached(
        "SELECT e.number, e.stream, s.certificate, s.incarnation, s.household, e.seq, e.hash, e.heads, e.envelope
         FROM album_envelopes e JOIN album_streams s ON s.number = e.stream
         WHERE e.album = :album AND e.document IS NULL AND e.number > :after AND e.envelope IS NOT NULL
         ORDER BY e.number LIMIT :count",
    )?;
    let bound = named_params! { ":album": album, ":after": after, ":count": count_to_sql(count) };
    let rows = statement.query_map(bound, |row| Ok((stored(row)?, row.get::<_, Vec<u8>>(8)?)))?;
    let mut sealed = Vec::new();
    for row in rows {
        let (stored, bytes) = row?;
        sealed.push((stored, Envelope::decode(&bytes)?));
    }
    Ok(sealed)
}

/// An envelope, by number.
pub(crate) fn envelope(conn: &Connection, number: i64) -> Result<Option<Envelope>, AlbumError> {
    let found: Option<Vec<u8>> = conn
        .prepare_cached(
            "SELECT envelope FROM album_envelopes WHERE number = :number AND envelope IS NOT NULL",
        )?
        .query_row(named_params! { ":number": number }, |row| row.get(0))
        .optional()?;
    Ok(found.map(|bytes| Envelope::decode(&bytes)).transpose()?)
}

/// Whether what an envelope of ours says is to be said again. Only once.
pub(crate) fn take_repeat(conn: &Connection, number: i64) -> Result<bool, AlbumError> {
    let changed = conn
        .prepare_cached("UPDATE album_envelopes SET repeated = 1 WHERE number = :number AND repeated = 0")?
        .execute(named_params! { ":number": number })?;
    Ok(changed > 0)
}

/// The numbers of a document's counted envelopes that its snapshot doesn't hold, in the order of coming.
pub(crate) fn unsaved(conn: &Connection, album: i64, document: &str) -> Result<Vec<i64>, AlbumError> {
    let mut statement = conn.prepare_cached(
        "SELECT number FROM album_envelopes
         WHERE album = :album AND document = :document AND counted = 1 AND saved = 0 ORDER BY number",
    )?;
    let rows =
        statement.query_map(named_params! { ":album": album, ":document": document }, |row| row.get(0))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

pub(crate) fn set_counted(conn: &Connection, number: i64, counted: bool) -> Result<(), AlbumError> {
    conn.prepare_cached("UPDATE album_envelopes SET counted = :counted, saved = 0 WHERE number = :number")?
        .execute(named_params! { ":number": number, ":counted": counted })?;
    Ok(())
}

/// Replaces a document's snapshot, which holds every counted change.
pub(crate) fn save_document(
    conn: &Connection,
    album: i64,
    document: &str,
    saved: &[u8],
) -> Result<(), AlbumError> {
    conn.prepare_cached(
        "INSERT OR REPLACE INTO album_documents (album, document, saved) VALUES (:album, :document, :saved)",
    )?
    .execute(named_params! { ":album": album, ":document": document, ":saved": saved })?;
    conn.prepare_cached(
        "UPDATE album_envelopes SET saved = 1
         WHERE album = :album AND document = :document AND counted = 1 AND saved = 0",
    )?
    .execute(named_params! { ":album": album, ":document": document })?;
    Ok(())
}

/// Throws a snapshot away: all counted changes are read from their envelopes again.
pub(crate) fn drop_snapshot(conn: &Connection, album: i64, document: &str) -> Result<(), AlbumError> {
    conn.prepare_cached("DELETE FROM album_documents WHERE album = :album AND document = :document")?
        .execute(named_params! { ":album": album, ":document": document })?;
    conn.prepare_cached(
        "UPDATE album_envelopes SET saved = 0 WHERE album = :album AND document = :document AND saved = 1",
    )?
    .execute(named_params! { ":album": album, ":document": document })?;
    Ok(())
}

pub(crate) fn snapshot(conn: &Connection, album: i64, document: &str) -> Result<Option<Vec<u8>>, AlbumError> {
    Ok(conn
        .prepare_cached("SELECT saved FROM album_documents WHERE album = :album AND document = :document")?
        .query_row(named_params! { ":album": album, ":document": document }, |row| row.get(0))
        .optional()?)
}

/// Where every branch of every stream ends, sorted.
pub(crate) fn heads(conn: &Connection, album: i64) -> Result<Vec<Head>, AlbumError> {
    let mut statement = conn.prepare_cached(
        "SELECT s.certificate, s.incarnation, e.seq, e.hash
         FROM album_envelopes e INDEXED BY album_envelopes_heads JOIN album_streams s ON s.number = e.stream
         WHERE e.album = :album AND e.is_head = 1",
    )?;
    let rows = statement.query_map(named_params! { ":album": album }, |row| {
        let hash = EnvelopeHash::from_bytes(row.get(3)?);
        Ok(Head { stream: key(row, 0)?, seq: from_sql(row.get(2)?), hash })
    })?;
    let mut heads: Vec<Head> = rows.collect::<Result<_, _>>()?;
    heads.sort_unstable();
    Ok(heads)
}

/// What a household's envelopes weigh that are kept though they don't count, or can't be opened yet.
pub(crate) fn idle_bytes(conn: &Connection, album: i64, household: &HouseholdId) -> Result<u64, AlbumError> {
    let bytes: i64 = conn
        .prepare_cached(
            "SELECT coalesce(sum(e.bytes), 0)
             FROM album_streams s JOIN album_envelopes e INDEXED BY album_envelopes_idle ON e.stream = s.number
             WHERE s.album = :album AND s.household = :household AND e.counted = 0 AND e.envelope IS NOT NULL",
        )?
        .query_row(named_params! { ":album": album, ":household": household.as_bytes() }, |row| row.get(0))?;
    Ok(from_sql(bytes))
}

/// Whether an envelope is the end of a branch.
pub(crate) fn is_head(conn: &Connection, album: i64, hash: &EnvelopeHash) -> Result<bool, AlbumError> {
    Ok(conn
        .prepare_cached("SELECT EXISTS (SELECT 1 FROM album_envelopes WHERE album = :album AND hash = :hash AND is_head = 1)")?
        .query_row(named_params! { ":album": album, ":hash": hash.as_bytes() }, |row| row.get(0))?)
}

pub(crate) fn key(row: &Row<'_>, first: usize) -> rusqlite::Result<StreamKey> {
    Ok(StreamKey {
        certificate: CertificateId::from_bytes(row.get(first)?),
        incarnation: StreamId::from_bytes(row.get(first + 1)?),
    })
}

fn stored(row: &Row<'_>) -> rusqlite::Result<Stored> {
    let heads: Vec<u8> = row.get(7)?;
    Ok(Stored {
        number: row.get(0)?,
        stream: row.get(1)?,
        key: key(row, 2)?,
        household: HouseholdId::from_bytes(row.get(4)?),
        seq: from_sql(row.get(5)?),
        hash: EnvelopeHash::from_bytes(row.get(6)?),
        heads: split(&heads).map(OperationId::from_bytes).collect(),
    })
}

/// Whether an envelope lies on the branch of its stream that ends in another. In a stream without forks that is so when
/// the other one isn't here yet, too: envelopes come in the order of their chain.
pub(crate) fn leads_to(
    conn: &Connection,
    album: i64,
    stream: i64,
    seq: u64,
    hash: &EnvelopeHash,
    end: &EnvelopeHash,
) -> Result<bool, AlbumError> {
    if !is_forked(conn, album, stream)? {
        return Ok(true);
    }
    let mut place: [u8; 32] = *end.as_bytes();
    let mut walk =
        conn.prepare_cached("SELECT seq, prev FROM album_envelopes WHERE album = :album AND hash = :hash")?;
    loop {
        let found: Option<(i64, [u8; 32])> = walk
            .query_row(named_params! { ":album": album, ":hash": place }, |row| {
                Ok((row.get(0)?, row.get(1)?))
            })
            .optional()?;
        match found {
            Some((at, _)) if from_sql(at) == seq => return Ok(place == *hash.as_bytes()),
            Some((at, prev)) if from_sql(at) > seq => place = prev,
            _ => return Ok(false),
        }
    }
}

/// Whether a stream has more than one branch here.
pub(crate) fn is_forked(conn: &Connection, album: i64, stream: i64) -> Result<bool, AlbumError> {
    Ok(branches(conn, album, stream)? > 1)
}

/// How many branches a stream has here.
pub(crate) fn branches(conn: &Connection, album: i64, stream: i64) -> Result<u64, AlbumError> {
    let count: i64 = conn
        .prepare_cached(
            "SELECT count(*) FROM album_envelopes INDEXED BY album_envelopes_heads
             WHERE album = :album AND stream = :stream AND is_head = 1",
        )?
        .query_row(named_params! { ":album": album, ":stream": stream }, |row| row.get(0))?;
    Ok(from_sql(count))
}

/// Where the branches of one stream end.
pub(crate) fn heads_of(conn: &Connection, album: i64, stream: i64) -> Result<Vec<Head>, AlbumError> {
    let mut statement = conn.prepare_cached(
        "SELECT s.certificate, s.incarnation, e.seq, e.hash
         FROM album_envelopes e INDEXED BY album_envelopes_heads JOIN album_streams s ON s.number = e.stream
         WHERE e.album = :album AND e.stream = :stream AND e.is_head = 1",
    )?;
    let rows = statement.query_map(named_params! { ":album": album, ":stream": stream }, |row| {
        let hash = EnvelopeHash::from_bytes(row.get(3)?);
        Ok(Head { stream: key(row, 0)?, seq: from_sql(row.get(2)?), hash })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}
