//! Keeping one original: from a draft or from bytes in memory to an acknowledged asset.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read};
use std::panic::catch_unwind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use heirloom_identity::{AccountId, AssetId, Hasher, Hashes, Sha1};
use heirloom_media::{Failure, Format};
use heirloom_store::{StoreError, place_new};

use super::claims::PathClaim;
use super::draft::{Draft, Writing};
use super::naming;
use crate::home::{Home, library};
use crate::ledger::assets::{Entry, NewEntry, Origin, Recorded, StoredFile};
use crate::ledger::sources::Source;

/// Names tried before giving up on a folder full of twins.
const NAMES_TRIED_MAX: usize = 100_000;

/// Bytes of an upload that are read to find its date.
const HEADER_BYTES_MAX: u64 = 64 << 20;

/// What is known of a file besides its bytes.
#[derive(Debug, Clone)]
pub struct Incoming {
    /// The owner.
    pub account: AccountId,
    /// The file's name as it came; may be any text.
    pub given_name: String,
    /// The file's modified time, milliseconds since the Unix epoch, UTC.
    pub modified_ms: i64,
    /// How it came.
    pub origin: Origin,
    /// The file it is read from, when a folder is imported.
    pub source: Option<Source>,
}

/// A file that is safe now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kept {
    /// A new asset.
    Added(Entry),
    /// The account had these bytes already; nothing was written.
    Duplicate(Entry),
}

impl Kept {
    /// The asset, new or not.
    pub fn entry(&self) -> &Entry {
        match self {
            Self::Added(entry) | Self::Duplicate(entry) => entry,
        }
    }
}

/// Why a file was not kept. What was there before is untouched.
#[derive(Debug, thiserror::Error)]
pub enum IngestError {
    /// The bytes are no photo that this version knows.
    #[error("{0}")]
    NotAPhoto(#[from] Failure),
    /// The owner has no account here.
    #[error("there is no such account in this home")]
    NoAccount,
    /// The disk with the library is not there.
    #[error("{}", library::AWAY)]
    LibraryAway,
    /// A file operation failed.
    #[error("cannot {attempt} {path}: {source}{}", advice(source))]
    Disk {
        /// What was tried.
        attempt: &'static str,
        /// With which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The ledger or the catalog failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The catalog failed.
    #[error("the photo is safe, but the index did not take it: {0}")]
    Catalog(#[from] heirloom_catalog::CatalogError),
}

impl IngestError {
    /// Whether going on with the next file is of no use: the disk is full, or not there.
    pub fn ends_import(&self) -> bool {
        matches!(self, Self::LibraryAway) || self.is_disk_full()
    }

    /// Whether the cause is a full disk.
    pub fn is_disk_full(&self) -> bool {
        match self {
            Self::Disk { source, .. } => source.kind() == io::ErrorKind::StorageFull,
            Self::Store(error) => error.is_disk_full(),
            Self::Catalog(error) => error.is_disk_full(),
            Self::NotAPhoto(_) | Self::NoAccount | Self::LibraryAway => false,
        }
    }
}

fn advice(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::StorageFull => "; the disk is full: free some space and try again, nothing was lost",
        io::ErrorKind::ReadOnlyFilesystem => "; the disk is mounted read-only",
        io::ErrorKind::PermissionDenied => "; this user may not do that",
        io::ErrorKind::NotFound => "; it is gone: was it moved, or a disk removed?",
        _ => "",
    }
}

/// Keeps a file that lies in memory; returns after everything that makes it safe was fsynced. The bytes are
/// handed on to whoever makes the thumbnail, so that the file is not read a second time.
///
/// # Errors
/// See [`IngestError`].
pub fn keep_bytes(home: &Home, incoming: Incoming, bytes: Vec<u8>) -> Result<Kept, IngestError> {
    let (format, taken_local_ms) = look_at(&bytes)?;
    let hashes = Hashes::of(&bytes);
    must_be_here(home)?;
    let claim = home.claims.content(hashes.content);
    if let Some(known) = already_kept(home, &incoming, &hashes)? {
        return Ok(Kept::Duplicate(known));
    }
    let draft = || -> Result<Draft, IngestError> {
        let inbox = home.layout.inbox();
        let at = |source| IngestError::Disk { attempt: "write a new file in", path: inbox.clone(), source };
        let writing = Writing::start(&home.disk, &inbox).map_err(at)?;
        writing.finish_with(&bytes, hashes).map_err(at)
    };
    let byte_count = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    let placed = place(home, &incoming, format, taken_local_ms, &hashes, byte_count, draft)?;
    let kept = record(home, incoming, placed, crate::clock::now_ms())?;
    drop(claim);
    home.work.hand_over(hashes.content, bytes);
    announce(home, &kept).inspect_err(|_| drop(home.work.take(&hashes.content)))?;
    Ok(kept)
}

/// Keeps a file that lies in the inbox; the draft is gone afterwards, whatever happens.
///
/// # Errors
/// See [`IngestError`].
pub fn keep_draft(home: &Home, incoming: Incoming, draft: Draft) -> Result<Kept, IngestError> {
    keep_draft_of(home, incoming, draft, crate::clock::now_ms())
}

/// As [`keep_draft`], for a file that was acknowledged at `arrived_ms` by this household already.
///
/// # Errors
/// See [`IngestError`].
pub(crate) fn keep_draft_of(
    home: &Home,
    incoming: Incoming,
    draft: Draft,
    arrived_ms: i64,
) -> Result<Kept, IngestError> {
    let (hashes, byte_count) = (draft.hashes, draft.bytes);
    must_be_here(home)?;
    let claim = home.claims.content(hashes.content);
    if let Some(known) = already_kept(home, &incoming, &hashes)? {
        return Ok(Kept::Duplicate(known));
    }
    let at = |source| IngestError::Disk { attempt: "read", path: draft.path().to_owned(), source };
    let (format, taken_local_ms) = look_at(&read_beginning(draft.path()).map_err(at)?)?;
    let placed = place(home, &incoming, format, taken_local_ms, &hashes, byte_count, || Ok(draft))?;
    let kept = record(home, incoming, placed, arrived_ms)?;
    drop(claim);
    announce(home, &kept)?;
    Ok(kept)
}

/// Nothing is put into an empty mount point.
fn must_be_here(home: &Home) -> Result<(), IngestError> {
    if home.is_library_away()? { Err(IngestError::LibraryAway) } else { Ok(()) }
}

/// As much of a file as the look at its header needs; a header that lies further back costs the folder of
/// the month, nothing else.
fn read_beginning(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(HEADER_BYTES_MAX).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// What a look at the header tells: the format, and the date for the folder. A damaged photo is kept too,
/// since it may be the only copy; only what is no photo at all is refused.
fn look_at(bytes: &[u8]) -> Result<(Format, Option<i64>), IngestError> {
    // A parser that panics is one that cannot read this file; its original is kept all the same.
    let metadata = catch_unwind(|| heirloom_media::metadata(bytes))
        .unwrap_or_else(|_| Err(Failure::Crashed { reason: "the header could not be read".to_owned() }));
    match metadata {
        Ok((format, metadata, _)) => Ok((format, metadata.taken.map(|taken| taken.local_ms))),
        Err(failure) => match heirloom_media::sniff(bytes) {
            Some(format) => Ok((format, None)),
            None => Err(failure.into()),
        },
    }
}

/// Both hashes of a file, and its size.
///
/// # Errors
/// What the system says.
pub fn hash_file(path: &Path) -> io::Result<(Hashes, u64)> {
    let mut file = File::open(path)?;
    let mut hasher = Hasher::new();
    let mut buffer = vec![0; 1 << 20];
    let mut bytes = 0;
    loop {
        let count = file.read(&mut buffer)?;
        if count == 0 {
            return Ok((hasher.finish(), bytes));
        }
        hasher.update(&buffer[..count]);
        bytes += u64::try_from(count).unwrap_or(0);
    }
}

/// The account's asset with these bytes, with its source remembered. One whose original is gone does not
/// count: the bytes in hand may be the only ones left, and take its place.
fn already_kept(home: &Home, incoming: &Incoming, hashes: &Hashes) -> Result<Option<Entry>, IngestError> {
    let known = home.ledger.by_content(&incoming.account, &hashes.content)?;
    let Some(known) = known.filter(|entry| home.has_original(&entry.file)) else {
        return Ok(None);
    };
    if let Some(source) = &incoming.source {
        home.ledger.remember_source(incoming.account, source.clone(), known.asset)?;
    }
    Ok(Some(known))
}

/// A file that has its final name, and what must be held until its row is written.
struct Placed<'a> {
    file: StoredFile,
    /// Whether it takes the place of a file that the ledger knows and the disk has lost.
    relocated: bool,
    /// The name is nobody else's until the ledger knows it.
    _name: Option<PathClaim<'a>>,
}

/// Gives the bytes their final name, unless another account's asset has them stored already.
fn place<'a>(
    home: &'a Home,
    incoming: &Incoming,
    format: Format,
    taken_local_ms: Option<i64>,
    hashes: &Hashes,
    bytes: u64,
    draft: impl FnOnce() -> Result<Draft, IngestError>,
) -> Result<Placed<'a>, IngestError> {
    let stored = home.ledger.file(&hashes.content)?;
    if let Some(file) = stored.clone().filter(|stored| home.has_original(stored)) {
        return Ok(Placed { file, relocated: false, _name: None });
    }
    let relocated = stored.is_some();
    let account = home.ledger.account(&incoming.account)?.ok_or(IngestError::NoAccount)?;
    let draft = draft()?;
    let folder = naming::folder(&account.slug, taken_local_ms);
    let names = naming::candidates(&folder, &incoming.given_name, format.extension());
    for path in names.take(NAMES_TRIED_MAX) {
        let Some(name) = home.claims.path(&path) else { continue };
        if home.ledger.path_taken(&path)? {
            continue;
        }
        let target = home.layout.original(&path);
        let placed =
            place_new(home.disk.as_ref(), &home.folders, &home.layout.library(), draft.path(), &target);
        match placed {
            Ok(()) => draft.placed(),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                // A run that ended between placing and recording may have left these very bytes here.
                match take_over(home, &target, hashes, bytes) {
                    Ok(true) => {}
                    Ok(false) => continue,
                    Err(source) => return Err(IngestError::Disk { attempt: "place", path: target, source }),
                }
            }
            Err(source) => {
                home.look_again();
                return Err(IngestError::Disk { attempt: "place", path: target, source });
            }
        }
        let file = StoredFile { hashes: *hashes, bytes, mime: format.mime().to_owned(), path };
        return Ok(Placed { file, relocated, _name: Some(name) });
    }
    let source = io::Error::other("too many files of that name");
    Err(IngestError::Disk { attempt: "find a free name in", path: home.layout.original(&folder), source })
}

/// Whether a file without a row holds exactly these bytes; if so they and their name are durable afterwards.
fn take_over(home: &Home, target: &Path, hashes: &Hashes, bytes: u64) -> io::Result<bool> {
    if !std::fs::metadata(target).is_ok_and(|meta| meta.is_file() && meta.len() == bytes) {
        return Ok(false);
    }
    if hash_file(target)?.0 != *hashes {
        return Ok(false);
    }
    File::open(target)?.sync_all()?;
    home.disk.sync_dir(target.parent().unwrap_or(target))?;
    Ok(true)
}

/// Writes the ledger's row. If that fails, the placed file stays: the next start adopts it, or the same
/// photo coming again takes it over.
fn record(home: &Home, incoming: Incoming, placed: Placed<'_>, arrived_ms: i64) -> Result<Kept, IngestError> {
    let recorded = home.ledger.record(NewEntry {
        account: incoming.account,
        file: placed.file,
        relocated: placed.relocated,
        given_name: incoming.given_name,
        modified_ms: incoming.modified_ms,
        arrived_ms,
        origin: incoming.origin,
        source: incoming.source,
    });
    Ok(match recorded.inspect_err(|_| home.look_again())? {
        Recorded::Added(entry) => Kept::Added(entry),
        Recorded::Duplicate(entry) => Kept::Duplicate(entry),
    })
}

/// Tells the catalog, the workers and the open pages. Duplicates too: their first announcement may have
/// failed, or their original was gone and is back.
fn announce(home: &Home, kept: &Kept) -> Result<(), IngestError> {
    let entry = kept.entry();
    crate::index::arrived(home, std::slice::from_ref(entry)).inspect_err(|_| home.look_again())?;
    if let Kept::Duplicate(entry) = kept {
        home.catalog().derive_again(entry.seq, crate::clock::now_ms())?;
        home.work.wake();
    }
    Ok(())
}

/// The account's assets among these SHA-1 sums whose originals are here: those worth not sending again.
///
/// # Errors
/// When the ledger cannot be read.
pub fn held_by_sha1(
    home: &Home,
    account: &AccountId,
    sums: &[Sha1],
) -> Result<HashMap<Sha1, AssetId>, StoreError> {
    let known = home.ledger.by_sha1(account, sums)?;
    let held = known.into_iter().filter(|(_, entry)| home.has_original(&entry.file));
    Ok(held.map(|(sum, entry)| (sum, entry.asset)).collect())
}

/// Adopts a complete file that lies under a final name without a row: the program was killed between the
/// two. Returns the asset, or why it is none.
///
/// # Errors
/// See [`IngestError`].
pub fn adopt(home: &Arc<Home>, account: AccountId, path: &str) -> Result<Kept, IngestError> {
    let target = home.layout.original(path);
    let at = |source| IngestError::Disk { attempt: "read", path: target.clone(), source };
    let (format, _) = look_at(&read_beginning(&target).map_err(at)?)?;
    let (hashes, byte_count) = hash_file(&target).map_err(at)?;
    let modified_ms = std::fs::metadata(&target).map_or(0, |meta| crate::clock::modified_ms(&meta));
    let given_name = path.rsplit('/').next().unwrap_or(path).to_owned();
    let incoming = Incoming { account, given_name, modified_ms, origin: Origin::Recovered, source: None };
    let _claim = home.claims.content(hashes.content);
    if let Some(known) = already_kept(home, &incoming, &hashes)? {
        return Ok(Kept::Duplicate(known));
    }
    let mime = format.mime().to_owned();
    let file = StoredFile { hashes, bytes: byte_count, mime, path: path.to_owned() };
    let placed = Placed { file, relocated: false, _name: None };
    let kept = record(home, incoming, placed, crate::clock::now_ms())?;
    announce(home, &kept)?;
    Ok(kept)
}

/// Makes an asset of this account from a file that is stored here already, for another one; `None` when it is not stored, or
/// its original is gone.
///
/// # Errors
/// See [`IngestError`].
pub(crate) fn keep_stored(
    home: &Home,
    incoming: Incoming,
    hashes: &Hashes,
    arrived_ms: i64,
) -> Result<Option<Kept>, IngestError> {
    must_be_here(home)?;
    let claim = home.claims.content(hashes.content);
    let stored = home.ledger.file(&hashes.content)?.filter(|stored| home.has_original(stored));
    let Some(file) = stored else { return Ok(None) };
    if home.ledger.account(&incoming.account)?.is_none() {
        return Err(IngestError::NoAccount);
    }
    let kept = record(home, incoming, Placed { file, relocated: false, _name: None }, arrived_ms)?;
    drop(claim);
    announce(home, &kept)?;
    Ok(Some(kept))
}
