//! The streams of this database: who wrote what is here, and where each one ends.

use heirloom_identity::{
    Certificate, CertificateError, HouseholdId, SignerId, StreamId, change_record::RecordHash,
};
use heirloom_store::rusqlite::{Connection, named_params};

use crate::{LibraryError, Month};

/// The stream that is written to, and where its chain ends.
#[derive(Debug, Clone)]
pub(crate) struct Head {
    /// `library_streams.number`.
    pub(crate) row: i64,
    pub(crate) stream: StreamId,
    /// The last record's number, 0 before the first.
    pub(crate) seq: u64,
    /// The last record's hash.
    pub(crate) hash: RecordHash,
}

/// A row of `library_streams`.
pub(crate) struct Stream {
    pub(crate) head: Head,
    pub(crate) signer: SignerId,
    /// Whether its last record is there.
    pub(crate) is_whole: bool,
}

/// Every stream in the order of their beginning. A certificate that can't be read any more is taken to be ours: its
/// records are then verified with our key.
pub(crate) fn read_streams(
    conn: &Connection,
    household: &HouseholdId,
    ours: &SignerId,
) -> Result<Vec<Stream>, LibraryError> {
    let mut statement = conn.prepare_cached(
        "SELECT s.number, s.stream, s.certificate, s.last_seq, s.last_hash,
                s.last_seq = coalesce((SELECT max(seq) FROM library_records r WHERE r.stream = s.number), 0)
         FROM library_streams s ORDER BY s.number",
    )?;
    let mut rows = statement.query([])?;
    let mut streams = Vec::new();
    while let Some(row) = rows.next()? {
        let certificate: Vec<u8> = row.get(2)?;
        let signer = match Certificate::decode_for(household, &certificate) {
            Ok(certificate) => *certificate.signer(),
            Err(source @ CertificateError::WrongHousehold { .. }) => {
                return Err(LibraryError::Foreign { source });
            }
            Err(_) => *ours,
        };
        let head = Head {
            row: row.get(0)?,
            stream: StreamId::from_bytes(row.get(1)?),
            seq: u64::try_from(row.get::<_, i64>(3)?).unwrap_or_default(),
            hash: RecordHash::from_bytes(row.get(4)?),
        };
        streams.push(Stream { head, signer, is_whole: row.get(5)? });
    }
    Ok(streams)
}

pub(crate) fn insert_stream(
    conn: &Connection,
    stream: &StreamId,
    certificate: &[u8],
) -> Result<i64, LibraryError> {
    conn.execute(
        "INSERT INTO library_streams (stream, certificate, last_seq, last_hash)
         VALUES (:stream, :certificate, 0, :none)",
        named_params! {
            ":stream": stream.as_bytes(),
            ":certificate": certificate,
            ":none": RecordHash::NONE.as_bytes(),
        },
    )?;
    Ok(conn.last_insert_rowid())
}

/// The months that have a document of marks.
pub(crate) fn read_months(conn: &Connection) -> Result<Vec<Month>, LibraryError> {
    let mut statement =
        conn.prepare_cached("SELECT DISTINCT document FROM library_records ORDER BY document")?;
    let names = statement.query_map([], |row| row.get::<_, String>(0))?;
    let months = names.filter_map(|name| name.map(|name| Month::of_document(&name)).transpose());
    Ok(months.collect::<Result<_, _>>()?)
}
