//! Verifies every record of the library: its signature, its place in its stream's chain, and that a change is in it.

use std::{collections::BTreeMap, fmt};

use automerge::Change;
use heirloom_identity::{
    ChangeRecord, ChangeRecordError, SignerId, SpaceId, StreamId, change_record::RecordHash,
};
use heirloom_store::rusqlite::{self, Connection, named_params};
use thiserror::Error;

use crate::LibraryError;

/// What a verification found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Verification {
    /// How many records were verified, the damaged ones included.
    pub records: u64,
    /// What is wrong; empty when nothing is.
    pub damage: Vec<Damage>,
}

/// One thing that is wrong with the library's records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damage {
    /// Whose record; `None` when even that is lost.
    pub stream: Option<StreamId>,
    /// Its number in the stream, 0 when it is the stream itself.
    pub seq: u64,
    /// Whose changes it held, if known.
    pub document: Option<String>,
    /// What is wrong.
    pub kind: DamageKind,
}

/// What is wrong with a record.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum DamageKind {
    /// It can't be read or its signature is wrong.
    #[error("{0}")]
    Unreadable(#[from] ChangeRecordError),
    /// It is a good record that stands in another's place.
    #[error("another record, {found}, stands in its place")]
    Misplaced {
        /// Which one.
        found: String,
    },
    /// It and those up to this number are gone.
    #[error("records up to number {through} are missing")]
    Missing {
        /// The last missing number.
        through: u64,
    },
    /// It doesn't continue the record before it.
    #[error("it doesn't continue the record before it")]
    BrokenChain,
    /// The hash beside it in the database is wrong; the record itself is good.
    #[error("the hash beside it in the database is wrong; the record itself is good")]
    Hash,
    /// Its signature is right, but Automerge can't read what was signed.
    #[error("it holds no readable change: {reason}")]
    NotAChange {
        /// What Automerge says.
        reason: String,
    },
}

impl Damage {
    /// What a person should do about it.
    pub fn advice(&self) -> &'static str {
        match self.kind {
            DamageKind::Hash => {
                "Nothing was lost. Check the disk; bring spaces.sqlite back from a backup when convenient."
            }
            DamageKind::Unreadable(_)
            | DamageKind::Misplaced { .. }
            | DamageKind::Missing { .. }
            | DamageKind::BrokenChain
            | DamageKind::NotAChange { .. } => {
                "Captions, favourites or corrections made at that time may be gone; everything else is used. \
                 Check the disk, and bring spaces.sqlite back from a backup to get them again."
            }
        }
    }
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "record {}", self.seq)?;
        if let Some(document) = &self.document {
            write!(f, " of {document}")?;
        }
        if let Some(stream) = &self.stream {
            write!(f, " (stream {stream})")?;
        }
        write!(f, ": {}", self.kind)
    }
}

/// A row of `library_records`.
pub(crate) struct Row {
    pub(crate) number: i64,
    pub(crate) stream: i64,
    pub(crate) seq: u64,
    document: String,
    hash: Vec<u8>,
    record: Vec<u8>,
}

impl Row {
    /// Reads `number, stream, seq, document, hash, record`.
    pub(crate) fn read(row: &rusqlite::Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            number: row.get(0)?,
            stream: row.get(1)?,
            seq: u64::try_from(row.get::<_, i64>(2)?).unwrap_or_default(),
            document: row.get(3)?,
            hash: row.get(4)?,
            record: row.get(5)?,
        })
    }
}

/// Reads a row's record and the change in it, or says what is wrong with it by itself.
pub(crate) fn read_change(
    space: &SpaceId,
    signers: &BTreeMap<i64, (StreamId, SignerId)>,
    row: &Row,
) -> Result<(ChangeRecord, Change), DamageKind> {
    let Some((stream, signer)) = signers.get(&row.stream) else {
        return Err(DamageKind::Misplaced { found: "one of an unknown stream".to_owned() });
    };
    let record = ChangeRecord::decode_verified(signer, space, row.record.clone())?;
    if record.stream() != stream || record.seq() != row.seq || record.document().as_str() != row.document {
        return Err(DamageKind::Misplaced { found: format!("{record:?}") });
    }
    match Change::from_bytes(record.payload().to_vec()) {
        Ok(change) => Ok((record, change)),
        Err(error) => Err(DamageKind::NotAChange { reason: error.to_string() }),
    }
}

pub(crate) fn verify(
    conn: &Connection,
    space: &SpaceId,
    signers: &BTreeMap<i64, (StreamId, SignerId)>,
) -> Result<Verification, LibraryError> {
    let mut verification = Verification::default();
    for (&number, &(stream, _)) in signers {
        // Read before the records, so that an edit made meanwhile isn't missed at the end.
        let (last_seq, last_hash) = conn
            .prepare_cached("SELECT last_seq, last_hash FROM library_streams WHERE number = :stream")?
            .query_row(named_params! { ":stream": number }, |row| {
                Ok((row.get::<_, i64>(0)?, row.get::<_, Vec<u8>>(1)?))
            })?;
        let mut chain = Chain { stream, next: 1, hash: Some(RecordHash::NONE), damage: Vec::new() };
        let mut statement = conn.prepare_cached(
            "SELECT number, stream, seq, document, hash, record FROM library_records
             WHERE stream = :stream AND seq <= :last ORDER BY seq",
        )?;
        let mut rows = statement.query(named_params! { ":stream": number, ":last": last_seq })?;
        while let Some(row) = rows.next()? {
            verification.records += 1;
            chain.take(&Row::read(row)?, |row| read_change(space, signers, row));
        }
        chain.end(u64::try_from(last_seq).unwrap_or_default(), &last_hash);
        verification.damage.append(&mut chain.damage);
    }
    Ok(verification)
}

/// Follows one stream from its first record to its last.
struct Chain {
    stream: StreamId,
    /// The number that comes next.
    next: u64,
    /// What the next record must name as its predecessor, unless that is unknown.
    hash: Option<RecordHash>,
    damage: Vec<Damage>,
}

impl Chain {
    fn take(&mut self, row: &Row, read_change: impl Fn(&Row) -> Result<(ChangeRecord, Change), DamageKind>) {
        if row.seq > self.next {
            self.report(self.next, None, DamageKind::Missing { through: row.seq - 1 });
            self.hash = None;
        }
        self.next = row.seq + 1;
        let document = Some(row.document.as_str());
        let stored = <[u8; 32]>::try_from(row.hash.as_slice()).ok().map(RecordHash::from_bytes);
        let record = match read_change(row) {
            Ok((record, _)) => record,
            Err(kind) => {
                self.report(row.seq, document, kind);
                // The hash that was stored when the record was still good lets the next one be compared.
                self.hash = stored;
                return;
            }
        };
        if self.hash.is_some_and(|expected| expected != *record.prev()) {
            self.report(row.seq, document, DamageKind::BrokenChain);
        }
        if stored != Some(record.hash()) {
            self.report(row.seq, document, DamageKind::Hash);
        }
        self.hash = Some(record.hash());
    }

    fn end(&mut self, last_seq: u64, last_hash: &[u8]) {
        if self.next <= last_seq {
            self.report(self.next, None, DamageKind::Missing { through: last_seq });
        } else if self.hash.is_some_and(|hash| hash.as_bytes() != last_hash) {
            self.report(last_seq, None, DamageKind::BrokenChain);
        }
    }

    fn report(&mut self, seq: u64, document: Option<&str>, kind: DamageKind) {
        let document = document.map(str::to_owned);
        self.damage.push(Damage { stream: Some(self.stream), seq, document, kind });
    }
}
