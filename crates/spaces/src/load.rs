//! Loads a document from its snapshot and its records, and repairs one that lost a record.
//!
//! Automerge holds back every change that builds on one that isn't there, so a single damaged record would hide all
//! later ones of its document. A library has one writer and each change was made on top of all before it; so what the
//! held-back changes say can simply be said again, in their order, by a new change. They and the damaged record are
//! marked as set aside (never deleted: another copy may bring the lost one back), and only what the damaged record
//! itself said is lost.

use automerge::{AutomergeError, Change};
use heirloom_identity::{ChangeRecord, DocumentName};
use heirloom_store::rusqlite::{Connection, OptionalExtension, named_params};

use crate::batch::Batch;
use crate::document::{Document, actor};
use crate::state::State;
use crate::verify::{Damage, DamageKind};
use crate::{LibraryError, verify};

/// What the database holds of one document.
struct Stored {
    /// The snapshot's bytes; empty when there is none that can be read.
    saved: Vec<u8>,
    /// The snapshot, loaded.
    document: Document,
    records: Vec<verify::Row>,
    /// The last record of the stream now written to that was set aside.
    set_aside: Option<u64>,
}

impl Stored {
    /// The document as its snapshot has it, once more.
    fn base(&self) -> Result<Document, AutomergeError> {
        if self.saved.is_empty() { Ok(Document::empty()) } else { Document::load(&self.saved) }
    }

    /// The document with all changes that can be applied to it.
    fn with(&self, mut document: Document, found: &[Found]) -> Result<Document, AutomergeError> {
        let changes = || found.iter().map(|one| one.change.clone());
        if document.apply(changes().collect()).is_ok() {
            return Ok(document);
        }
        // One of them is impossible, such as a second change with one number: leave out only that one.
        document = self.base()?;
        for change in changes() {
            let before = document.clone();
            if document.apply(vec![change]).is_err() {
                document = before;
            }
        }
        Ok(document)
    }
}

/// A record's place in the database, and the change in it.
#[derive(Clone)]
struct Found {
    number: i64,
    stream: i64,
    seq: u64,
    change: Change,
}

impl State {
    /// Loads a document. When it has to be repaired, the batch gets what must be written for that.
    pub(crate) fn load(&mut self, name: &DocumentName, batch: &mut Batch) -> Result<Document, LibraryError> {
        let at_document = |source| LibraryError::in_document(name.clone(), source);
        let mut stored = self.db.read(|conn| read(conn, name, self.head.row))?;
        let mut document = std::mem::replace(&mut stored.document, Document::empty());
        let (found, lost) = self.check(name, std::mem::take(&mut stored.records));
        document = stored.with(document, &found).map_err(at_document)?;
        let orphan = |one: &&Found| !document.contains(&one.change.hash());
        let orphans: Vec<Found> = found.iter().filter(orphan).cloned().collect();
        let mut set_aside = stored.set_aside;
        if !lost.is_empty() || !orphans.is_empty() {
            let usable = |one: &Found| !orphans.iter().any(|orphan| orphan.number == one.number);
            let usable: Vec<Found> = found.into_iter().filter(usable).collect();
            document = stored.base().and_then(|base| stored.with(base, &usable)).map_err(at_document)?;
            let here = |(stream, seq): (i64, u64)| (stream == self.head.row).then_some(seq);
            let places = lost.iter().map(|row| (row.stream, row.seq));
            let places = places.chain(orphans.iter().map(|orphan| (orphan.stream, orphan.seq)));
            set_aside = places.filter_map(here).chain(set_aside).max();
        }
        document.write_as(actor(&self.head.stream, set_aside));

        batch.set_aside(lost.iter().map(|row| row.number).chain(orphans.iter().map(|orphan| orphan.number)));
        for orphan in &orphans {
            document.repeat(&orphan.change).map_err(at_document)?;
        }
        let latest_ms = orphans.iter().map(|orphan| orphan.change.timestamp().saturating_mul(1000)).max();
        if let Some(payload) = latest_ms.and_then(|at_ms| document.commit(at_ms)) {
            batch.append(&self.keys.signer, self.keys.space, name, &payload)?;
        }
        Ok(document)
    }

    /// Verifies records; gives the changes in the good ones, and the damaged ones.
    fn check(&mut self, name: &DocumentName, rows: Vec<verify::Row>) -> (Vec<Found>, Vec<verify::Row>) {
        let (mut found, mut lost) = (Vec::new(), Vec::new());
        for row in rows {
            match verify::read_change(&self.keys.space, &self.signers, &row) {
                Ok((record, change)) => found.push(row.found(&record, change)),
                Err(kind) => {
                    self.notice(name, &row, kind);
                    lost.push(row);
                }
            }
        }
        (found, lost)
    }

    fn notice(&mut self, name: &DocumentName, row: &verify::Row, kind: DamageKind) {
        let stream = self.signers.get(&row.stream).map(|(stream, _)| *stream);
        self.noticed.push(Damage { stream, seq: row.seq, document: Some(name.to_string()), kind });
    }
}

impl verify::Row {
    fn found(&self, record: &ChangeRecord, change: Change) -> Found {
        Found { number: self.number, stream: self.stream, seq: record.seq(), change }
    }
}

fn read(conn: &Connection, name: &DocumentName, stream: i64) -> Result<Stored, LibraryError> {
    let saved = conn
        .prepare_cached("SELECT through, saved FROM library_snapshots WHERE document = :document")?
        .query_row(named_params! { ":document": name.as_str() }, |row| {
            Ok((row.get::<_, i64>(0)?, row.get::<_, Vec<u8>>(1)?))
        })
        .optional()?;
    // A snapshot that can't be read is as good as none: the records say the same.
    let loaded = saved.and_then(|(through, saved)| Some((through, Document::load(&saved).ok()?, saved)));
    let (through, document, saved) = loaded.unwrap_or_else(|| (0, Document::empty(), Vec::new()));
    let mut statement = conn.prepare_cached(
        "SELECT number, stream, seq, document, hash, record FROM library_records
         WHERE document = :document AND number > :through AND set_aside = 0 ORDER BY number",
    )?;
    let params = named_params! { ":document": name.as_str(), ":through": through };
    let records = statement.query_map(params, verify::Row::read)?.collect::<Result<_, _>>()?;
    let set_aside: Option<i64> = conn
        .prepare_cached(
            "SELECT max(seq) FROM library_records
             WHERE document = :document AND stream = :stream AND set_aside = 1",
        )?
        .query_row(named_params! { ":document": name.as_str(), ":stream": stream }, |row| row.get(0))?;
    Ok(Stored { saved, document, records, set_aside: set_aside.and_then(|seq| u64::try_from(seq).ok()) })
}
