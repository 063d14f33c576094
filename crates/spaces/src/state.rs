//! What a library holds in memory: the end of its stream, and the documents used last.
//!
//! Always behind the library's lock. Whatever is here is in the database too, so it may be thrown away at any moment,
//! and is, when a write fails.

use std::collections::{BTreeMap, btree_map::Entry};

use automerge::AutomergeError;
use heirloom_identity::{AssetId, SignerId, StreamId, change_record::RecordHash};
use heirloom_store::Database;

use crate::batch::Batch;
use crate::document::Document;
use crate::library::LibraryKeys;
use crate::streams::{Head, insert_stream, read_streams};
use crate::{Damage, Edit, LibraryError, MarkChange, Marks, Month};

/// How many documents stay loaded: months that are edited at the same time are few.
const DOCUMENTS_LOADED_MAX: usize = 8;
/// After how many changes a document's snapshot is renewed.
const SNAPSHOT_EVERY_CHANGES: usize = 256;
/// How many decisions one change holds; a longer list becomes several changes of one transaction.
const CHANGE_EDITS_MAX: usize = 10_000;
/// How many bytes of captions one change holds, far below what a record may hold.
const CHANGE_CAPTION_BYTES_MAX: usize = 4 * 1024 * 1024;

/// What is known in memory; the database holds all of it.
pub(crate) struct State {
    pub(crate) db: Database,
    pub(crate) keys: LibraryKeys,
    pub(crate) head: Head,
    /// Whose key signed each stream's records.
    pub(crate) signers: BTreeMap<i64, (StreamId, SignerId)>,
    /// The most recently used last.
    loaded: Vec<(Month, Document)>,
    /// What was found damaged while documents were loaded.
    pub(crate) noticed: Vec<Damage>,
}

impl State {
    /// Reads where the streams end, and begins a new one when the last can't be gone on with.
    pub(crate) fn open(db: Database, keys: LibraryKeys, fresh: [u8; 16]) -> Result<Self, LibraryError> {
        let (household, ours) = (*keys.certificate.household(), keys.signer.id());
        let streams = db.read(|conn| read_streams(conn, &household, &ours))?;
        let signers = streams.iter().map(|stream| (stream.head.row, (stream.head.stream, stream.signer)));
        let signers = signers.collect();
        let head = Head { row: 0, stream: StreamId::from_bytes(fresh), seq: 0, hash: RecordHash::NONE };
        let mut state = Self { db, keys, head, signers, loaded: Vec::new(), noticed: Vec::new() };
        match streams.last() {
            Some(last) if last.is_whole && last.signer == ours => state.head = last.head.clone(),
            _ => state.begin_stream(fresh)?,
        }
        Ok(state)
    }

    /// Loads every document anew when it is used next.
    pub(crate) fn forget_documents(&mut self) {
        self.loaded.clear();
    }

    pub(crate) fn edit(
        &mut self,
        months: &BTreeMap<Month, Vec<&Edit>>,
        writing: Writing,
        at_ms: i64,
    ) -> Result<Vec<(AssetId, Marks)>, LibraryError> {
        let mut batch = Batch::after(&self.head);
        let mut results = Vec::new();
        for (&month, edits) in months {
            let marks = self
                .edit_month(month, edits, writing, at_ms, &mut batch)
                .map_err(|failure| failure.in_document(month))?;
            results.extend(marks);
        }
        self.store(batch)?;
        Ok(results)
    }

    fn edit_month(
        &mut self,
        month: Month,
        edits: &[&Edit],
        writing: Writing,
        at_ms: i64,
        batch: &mut Batch,
    ) -> Result<BTreeMap<AssetId, Marks>, Failure> {
        let (signer, space, name) = (self.keys.signer.clone(), self.keys.space, month.document());
        let document = self.document(month, batch)?;
        let edits = match writing {
            Writing::Everything => edits.to_vec(),
            Writing::WhatIsUndecided => undecided(document, edits)?,
        };
        for part in parts(&edits) {
            for edit in part {
                document.write(&edit.asset, &edit.change)?;
            }
            if let Some(payload) = document.commit(at_ms) {
                batch.append(&signer, space, &name, &payload).map_err(LibraryError::from)?;
            }
        }
        if document.changes_unsaved >= SNAPSHOT_EVERY_CHANGES {
            batch.snapshot(name, document.save());
        }
        let mut marks = BTreeMap::new();
        for edit in &edits {
            if let Entry::Vacant(entry) = marks.entry(edit.asset) {
                entry.insert(document.marks(&edit.asset)?);
            }
        }
        Ok(marks)
    }

    /// The document of this month, loaded. What a repair must write becomes part of the batch.
    pub(crate) fn document(
        &mut self,
        month: Month,
        batch: &mut Batch,
    ) -> Result<&mut Document, LibraryError> {
        let document = match self.loaded.iter().position(|(loaded, _)| *loaded == month) {
            Some(index) => self.loaded.remove(index).1,
            None => self.load(&month.document(), batch)?,
        };
        if self.loaded.len() >= DOCUMENTS_LOADED_MAX {
            self.loaded.remove(0);
        }
        self.loaded.push((month, document));
        Ok(&mut self.loaded.last_mut().expect("a document was just pushed").1)
    }

    /// All marks of one month. A document that wasn't loaded isn't kept, so that reading everything leaves those in
    /// memory that are edited.
    pub(crate) fn all(&mut self, month: Month) -> Result<BTreeMap<AssetId, Marks>, LibraryError> {
        if let Some((_, document)) = self.loaded.iter().find(|(loaded, _)| *loaded == month) {
            return Ok(document.all());
        }
        let mut batch = Batch::after(&self.head);
        let document = self.load(&month.document(), &mut batch)?;
        self.store(batch)?;
        Ok(document.all())
    }

    pub(crate) fn store(&mut self, batch: Batch) -> Result<(), LibraryError> {
        if !batch.is_empty() {
            let stored = self.db.write(move |conn| batch.store(conn));
            // Documents that were changed in memory and not on the disk must not be seen by anyone.
            self.head = stored.inspect_err(|_| self.loaded.clear())?;
        }
        Ok(())
    }

    pub(crate) fn begin_stream(&mut self, fresh: [u8; 16]) -> Result<(), LibraryError> {
        let stream = StreamId::from_bytes(fresh);
        let certificate = self.keys.certificate.encode();
        let row = self.db.write(move |conn| insert_stream(conn, &stream, &certificate))?;
        self.head = Head { row, stream, seq: 0, hash: RecordHash::NONE };
        self.signers.insert(row, (stream, self.keys.signer.id()));
        // Loaded documents would go on writing as the old stream's actor.
        self.loaded.clear();
        Ok(())
    }
}

/// Which decisions are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Writing {
    /// All: a later decision wins over an earlier one.
    Everything,
    /// Those about which nobody decided before, and that say something.
    WhatIsUndecided,
}

fn undecided<'a>(document: &Document, edits: &[&'a Edit]) -> Result<Vec<&'a Edit>, AutomergeError> {
    let mut left = Vec::new();
    for edit in edits {
        if edit.change.says_something() && !document.is_decided(&edit.asset, &edit.change)? {
            left.push(*edit);
        }
    }
    Ok(left)
}

/// An error whose document is added by the caller.
enum Failure {
    Library(LibraryError),
    Automerge(Box<AutomergeError>),
}

impl Failure {
    fn in_document(self, month: Month) -> LibraryError {
        match self {
            Self::Library(error) => error,
            Self::Automerge(source) => LibraryError::Document { document: month.document(), source },
        }
    }
}

impl From<LibraryError> for Failure {
    fn from(error: LibraryError) -> Self {
        Self::Library(error)
    }
}

impl From<AutomergeError> for Failure {
    fn from(error: AutomergeError) -> Self {
        Self::Automerge(Box::new(error))
    }
}

/// Divides a long list of edits into parts that each fit one record.
fn parts<'a>(edits: &'a [&'a Edit]) -> impl Iterator<Item = &'a [&'a Edit]> {
    let mut rest = edits;
    std::iter::from_fn(move || {
        let mut bytes = 0;
        let mut fits = |edit: &Edit| {
            bytes += caption_bytes(&edit.change);
            bytes <= CHANGE_CAPTION_BYTES_MAX
        };
        let count = rest.iter().take(CHANGE_EDITS_MAX).take_while(|edit| fits(edit)).count();
        let (part, after) = rest.split_at(count);
        rest = after;
        (!part.is_empty()).then_some(part)
    })
}

fn caption_bytes(change: &MarkChange) -> usize {
    match change {
        MarkChange::Caption(Some(text)) => text.len(),
        MarkChange::Caption(None)
        | MarkChange::Favourite(_)
        | MarkChange::Rating(_)
        | MarkChange::Archived(_)
        | MarkChange::Taken(_)
        | MarkChange::Place(_) => 0,
    }
}
