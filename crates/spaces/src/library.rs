//! The library space: edit marks, read marks.

use std::collections::{BTreeMap, btree_map::Entry};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use automerge::AutomergeError;
use heirloom_identity::{
    AssetId, Certificate, CertificateError, HouseholdId, Signer, SignerId, SpaceId, StreamId,
    change_record::RecordHash,
};
use heirloom_store::{
    Database,
    rusqlite::{Connection, named_params},
};

use crate::batch::{Batch, Head};
use crate::document::Document;
use crate::{Damage, Edit, LibraryError, MarkChange, Marks, Month, Verification, verify};

/// How many documents stay loaded: months that are edited at the same time are few.
const DOCUMENTS_LOADED_MAX: usize = 8;
/// After how many changes a document's snapshot is renewed.
const SNAPSHOT_EVERY_CHANGES: usize = 256;
/// How many decisions one change holds; a longer list becomes several changes of one transaction.
const CHANGE_EDITS_MAX: usize = 10_000;
/// How many bytes of captions one change holds, far below what a record may hold.
const CHANGE_CAPTION_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Who writes: the node's certificate, and the signing key that it names.
#[derive(Debug, Clone)]
pub struct LibraryKeys {
    pub(crate) certificate: Certificate,
    pub(crate) signer: Signer,
    pub(crate) space: SpaceId,
}

impl LibraryKeys {
    /// Takes the node's certificate and its signing key.
    ///
    /// # Errors
    /// [`LibraryError::KeyMismatch`] when the certificate is for another key.
    pub fn new(certificate: Certificate, signer: Signer) -> Result<Self, LibraryError> {
        let (certified, found) = (*certificate.signer(), signer.id());
        if certified != found {
            return Err(LibraryError::KeyMismatch { certified, found });
        }
        let space = SpaceId::library(certificate.household());
        Ok(Self { certificate, signer, space })
    }

    /// The household's library space.
    pub fn space(&self) -> &SpaceId {
        &self.space
    }
}

/// The household's library space. A handle: cheap to clone, shared between threads.
///
/// Every call blocks for as long as the disk takes; asynchronous callers wrap it in `spawn_blocking`.
#[derive(Clone)]
pub struct Library {
    inner: Arc<Inner>,
}

struct Inner {
    db: Database,
    keys: LibraryKeys,
    state: Mutex<State>,
}

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

impl Library {
    /// Opens the library in `spaces.sqlite`, which must have been opened with [`MIGRATIONS`](crate::MIGRATIONS) and
    /// [`Durability::Full`](heirloom_store::Durability::Full).
    ///
    /// `fresh` are 16 new random bytes. They name the stream that this node writes when there is none yet, when the
    /// node's keys were replaced, or when the stream's last records are missing; otherwise they are not used.
    ///
    /// # Errors
    /// [`LibraryError::Foreign`] when the database holds another household's library, [`LibraryError::Store`].
    pub fn open(db: Database, keys: LibraryKeys, fresh: [u8; 16]) -> Result<Self, LibraryError> {
        let household = *keys.certificate.household();
        let streams = db.read(|conn| read_streams(conn, &household, &keys.signer.id()))?;
        let signers = streams.iter().map(|stream| (stream.head.row, (stream.head.stream, stream.signer)));
        let mut state = State {
            db: db.clone(),
            keys: keys.clone(),
            head: Head { row: 0, stream: StreamId::from_bytes(fresh), seq: 0, hash: RecordHash::NONE },
            signers: signers.collect(),
            loaded: Vec::new(),
            noticed: Vec::new(),
        };
        match streams.last() {
            Some(last) if last.is_whole && last.signer == keys.signer.id() => state.head = last.head.clone(),
            _ => state.begin_stream(fresh)?,
        }
        Ok(Self { inner: Arc::new(Inner { db, keys, state: Mutex::new(state) }) })
    }

    /// Begins a new stream with 16 new random bytes. To be called after `spaces.sqlite` was put back from an older
    /// copy: the old stream's next numbers may be taken by records that only other copies hold.
    ///
    /// # Errors
    /// [`LibraryError::Store`].
    pub fn begin_stream(&self, fresh: [u8; 16]) -> Result<(), LibraryError> {
        self.lock().begin_stream(fresh)
    }

    /// Makes decisions durable: all of them or, when it fails, none. `at_ms` is now, in milliseconds since the Unix
    /// epoch, UTC.
    ///
    /// Returns after the commit, with the marks of each edited asset, once per asset and month. Later decisions of one
    /// call win over earlier ones. A decision that changes nothing writes nothing.
    ///
    /// # Errors
    /// [`LibraryError::Refused`] names the first decision out of bounds; [`LibraryError::Store`] when the database
    /// failed.
    pub fn edit(&self, edits: &[Edit], at_ms: i64) -> Result<Vec<(AssetId, Marks)>, LibraryError> {
        for edit in edits {
            edit.change.check().map_err(|source| LibraryError::Refused { asset: edit.asset, source })?;
        }
        let mut months: BTreeMap<Month, Vec<&Edit>> = BTreeMap::new();
        for edit in edits {
            months.entry(edit.added).or_default().push(edit);
        }
        let mut state = self.lock();
        // Documents that were changed in memory and not on the disk must not be seen by anyone.
        state.edit(&months, at_ms).inspect_err(|_| state.loaded.clear())
    }

    /// The marks of one asset that was added in this month.
    ///
    /// # Errors
    /// [`LibraryError::Store`], [`LibraryError::Document`].
    pub fn marks(&self, asset: &AssetId, added: Month) -> Result<Marks, LibraryError> {
        let mut state = self.lock();
        let mut batch = Batch::after(&state.head);
        let marks = state.document(added, &mut batch)?.marks(asset);
        state.store(batch)?;
        marks.map_err(|source| LibraryError::Document { document: added.document(), source })
    }

    /// Shows every asset that has marks, month by month: for building a catalog anew. Edits may go on meanwhile; each
    /// month is shown as it was at one moment.
    ///
    /// # Errors
    /// [`LibraryError::Store`], [`LibraryError::Document`].
    pub fn for_each(&self, mut show: impl FnMut(AssetId, &Marks)) -> Result<(), LibraryError> {
        let months = self.inner.db.read(read_months)?;
        for month in months {
            // Not held while showing, so that `show` may use the library.
            let all = self.lock().all(month)?;
            for (asset, marks) in &all {
                show(*asset, marks);
            }
        }
        Ok(())
    }

    /// Verifies every record's signature and place in its chain, and says which are damaged or missing.
    ///
    /// # Errors
    /// [`LibraryError::Store`] when the database can't be read at all.
    pub fn verify(&self) -> Result<Verification, LibraryError> {
        let signers = self.lock().signers.clone();
        self.inner.db.read(|conn| verify::verify(conn, &self.inner.keys.space, &signers))
    }

    /// What was found damaged while documents were loaded since the library was opened. The undamaged rest was used.
    pub fn noticed(&self) -> Vec<Damage> {
        self.lock().noticed.clone()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // A panic may have left documents half edited: they are loaded again.
        self.inner.state.lock().unwrap_or_else(|poisoned: PoisonError<MutexGuard<'_, State>>| {
            self.inner.state.clear_poison();
            let mut state = poisoned.into_inner();
            state.loaded.clear();
            state
        })
    }
}

impl std::fmt::Debug for Library {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Library").field("space", &self.inner.keys.space).finish_non_exhaustive()
    }
}

impl State {
    fn edit(
        &mut self,
        months: &BTreeMap<Month, Vec<&Edit>>,
        at_ms: i64,
    ) -> Result<Vec<(AssetId, Marks)>, LibraryError> {
        let mut batch = Batch::after(&self.head);
        let mut results = Vec::new();
        for (&month, edits) in months {
            let marks = self
                .edit_month(month, edits, at_ms, &mut batch)
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
        at_ms: i64,
        batch: &mut Batch,
    ) -> Result<BTreeMap<AssetId, Marks>, Failure> {
        let (signer, space, name) = (self.keys.signer.clone(), self.keys.space, month.document());
        let document = self.document(month, batch)?;
        for part in parts(edits) {
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
        for edit in edits {
            if let Entry::Vacant(entry) = marks.entry(edit.asset) {
                entry.insert(document.marks(&edit.asset)?);
            }
        }
        Ok(marks)
    }

    /// The document of this month, loaded. What a repair must write becomes part of the batch.
    fn document(&mut self, month: Month, batch: &mut Batch) -> Result<&mut Document, LibraryError> {
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
    fn all(&mut self, month: Month) -> Result<BTreeMap<AssetId, Marks>, LibraryError> {
        if let Some((_, document)) = self.loaded.iter().find(|(loaded, _)| *loaded == month) {
            return Ok(document.all());
        }
        let mut batch = Batch::after(&self.head);
        let document = self.load(&month.document(), &mut batch)?;
        self.store(batch)?;
        Ok(document.all())
    }

    fn store(&mut self, batch: Batch) -> Result<(), LibraryError> {
        if !batch.is_empty() {
            let stored = self.db.write(move |conn| batch.store(conn));
            // Documents that were changed in memory and not on the disk must not be seen by anyone.
            self.head = stored.inspect_err(|_| self.loaded.clear())?;
        }
        Ok(())
    }

    fn begin_stream(&mut self, fresh: [u8; 16]) -> Result<(), LibraryError> {
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

/// An error whose document is added by the caller.
enum Failure {
    Library(LibraryError),
    Automerge(AutomergeError),
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
        Self::Automerge(error)
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

/// A row of `library_streams`.
struct Stream {
    head: Head,
    signer: SignerId,
    /// Whether its last record is there.
    is_whole: bool,
}

/// Every stream in the order of their beginning. A certificate that can't be read any more is taken to be ours: its
/// records are then verified with our key.
fn read_streams(
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

fn insert_stream(conn: &Connection, stream: &StreamId, certificate: &[u8]) -> Result<i64, LibraryError> {
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
fn read_months(conn: &Connection) -> Result<Vec<Month>, LibraryError> {
    let mut statement =
        conn.prepare_cached("SELECT DISTINCT document FROM library_records ORDER BY document")?;
    let names = statement.query_map([], |row| row.get::<_, String>(0))?;
    let months = names.filter_map(|name| name.map(|name| Month::of_document(&name)).transpose());
    Ok(months.collect::<Result<_, _>>()?)
}
