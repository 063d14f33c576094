//! The next records of the stream, signed one after the other and stored together or not at all.

use heirloom_identity::{Change, ChangeRecord, ChangeRecordError, DocumentName, Signer, SpaceId};
use heirloom_store::rusqlite::{Connection, named_params};

use crate::LibraryError;
use crate::streams::Head;

/// What one transaction writes.
pub(crate) struct Batch {
    head: Head,
    records: Vec<ChangeRecord>,
    snapshots: Vec<(DocumentName, Vec<u8>)>,
    /// Numbers of records that are unusable from now on.
    set_aside: Vec<i64>,
}

impl Batch {
    pub(crate) fn after(head: &Head) -> Self {
        Self { head: head.clone(), records: Vec::new(), snapshots: Vec::new(), set_aside: Vec::new() }
    }

    /// Signs the next record.
    pub(crate) fn append(
        &mut self,
        signer: &Signer,
        space: SpaceId,
        document: &DocumentName,
        payload: &[u8],
    ) -> Result<(), ChangeRecordError> {
        let (stream, seq, prev) = (self.head.stream, self.head.seq + 1, self.head.hash);
        let record = ChangeRecord::sign(signer, Change { space, stream, seq, prev, document, payload })?;
        self.head.seq = seq;
        self.head.hash = record.hash();
        self.records.push(record);
        Ok(())
    }

    /// Replaces the document's snapshot. It must contain every record up to this batch's last.
    pub(crate) fn snapshot(&mut self, document: DocumentName, saved: Vec<u8>) {
        self.snapshots.push((document, saved));
    }

    pub(crate) fn set_aside(&mut self, numbers: impl IntoIterator<Item = i64>) {
        self.set_aside.extend(numbers);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.records.is_empty() && self.snapshots.is_empty() && self.set_aside.is_empty()
    }

    /// Writes everything and gives the stream's new head. To be run in one transaction.
    pub(crate) fn store(self, conn: &Connection) -> Result<Head, LibraryError> {
        self.store_records(conn)?;
        let mut aside =
            conn.prepare_cached("UPDATE library_records SET set_aside = 1 WHERE number = :number")?;
        for number in &self.set_aside {
            aside.execute(named_params! { ":number": number })?;
        }
        let mut snapshot = conn.prepare_cached(
            "INSERT OR REPLACE INTO library_snapshots (document, through, saved)
             SELECT :document, max(number), :saved FROM library_records WHERE document = :document",
        )?;
        for (document, saved) in &self.snapshots {
            snapshot.execute(named_params! { ":document": document.as_str(), ":saved": saved })?;
        }
        Ok(self.head)
    }

    fn store_records(&self, conn: &Connection) -> Result<(), LibraryError> {
        let mut insert = conn.prepare_cached(
            "INSERT INTO library_records (stream, seq, document, hash, set_aside, record)
             VALUES (:stream, :seq, :document, :hash, 0, :record)",
        )?;
        for record in &self.records {
            insert.execute(named_params! {
                ":stream": self.head.row,
                ":seq": to_sql(record.seq()),
                ":document": record.document().as_str(),
                ":hash": record.hash().as_bytes(),
                ":record": record.as_bytes(),
            })?;
        }
        conn.prepare_cached(
            "UPDATE library_streams SET last_seq = :seq, last_hash = :hash WHERE number = :stream",
        )?
        .execute(named_params! {
            ":stream": self.head.row,
            ":seq": to_sql(self.head.seq),
            ":hash": self.head.hash.as_bytes(),
        })?;
        Ok(())
    }
}

fn to_sql(seq: u64) -> i64 {
    i64::try_from(seq).expect("a stream has fewer than 2^63 records")
}
