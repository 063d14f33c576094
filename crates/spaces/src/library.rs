//! The library space: edit marks, read marks.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use heirloom_identity::{AssetId, Certificate, Signer, SpaceId};
use heirloom_store::Database;

use crate::batch::Batch;
use crate::state::{State, Writing};
use crate::streams::read_months;
use crate::{Damage, Edit, LibraryError, Marks, Month, Verification, verify};

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
/// Every call blocks for as long as the disk takes; asynchronous callers wrap it in `spawn_blocking`. None may be made
/// from inside a write of the same database.
#[derive(Clone)]
pub struct Library {
    inner: Arc<Inner>,
}

struct Inner {
    db: Database,
    keys: LibraryKeys,
    state: Mutex<State>,
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
        let state = State::open(db.clone(), keys.clone(), fresh)?;
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
        self.write(edits, Writing::Everything, at_ms)
    }

    /// As [`Library::edit`], but only where nobody decided anything yet, not even *nothing*: for decisions that come from
    /// another copy of this library, over which those made here win. Returns the marks of the assets that changed.
    ///
    /// # Errors
    /// As [`Library::edit`].
    pub fn fill_in(&self, edits: &[Edit], at_ms: i64) -> Result<Vec<(AssetId, Marks)>, LibraryError> {
        self.write(edits, Writing::WhatIsUndecided, at_ms)
    }

    fn write(
        &self,
        edits: &[Edit],
        writing: Writing,
        at_ms: i64,
    ) -> Result<Vec<(AssetId, Marks)>, LibraryError> {
        for edit in edits {
            edit.change.check().map_err(|source| LibraryError::Refused { asset: edit.asset, source })?;
        }
        let mut months: BTreeMap<Month, Vec<&Edit>> = BTreeMap::new();
        for edit in edits {
            months.entry(edit.added).or_default().push(edit);
        }
        let mut state = self.lock();
        // Documents that were changed in memory and not on the disk must not be seen by anyone.
        state.edit(&months, writing, at_ms).inspect_err(|_| state.forget_documents())
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
        marks.map_err(|source| LibraryError::in_document(added.document(), source))
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
            state.forget_documents();
            state
        })
    }
}

impl std::fmt::Debug for Library {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Library").field("space", &self.inner.keys.space).finish_non_exhaustive()
    }
}
