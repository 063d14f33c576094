//! The part file of one item: what of it is on the disk and proved, and how more gets there.
//!
//! While it is incomplete, the pairs that were received lie in the same file, behind where the data will end
//! (rounded up to [`PAGE_BYTES`]), so that what is found after a crash can be proved from the root hash alone. Nothing
//! else is kept about it: no watermark, no list. When it is complete the pairs are cut off.

use std::fs::{self, File};
use std::io::{self, IoSlice, Seek, SeekFrom, Write};
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

use blake3::Hash;
use heirloom_identity::ContentHash;

use super::tree::{GROUP_BYTES, Groups, PAIR_LEN, Search, group_count};

/// The pairs begin at a multiple of this.
const PAGE_BYTES: u64 = 4096;

/// Slices of one write: what systems take at once.
const SLICES_MAX: usize = 512;

/// A file that is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// Why we may have it: at most [`TOKEN_BYTES_MAX`](super::TOKEN_BYTES_MAX) bytes for the other side's rule, opaque
    /// here.
    pub token: Vec<u8>,
    /// What its bytes must hash to.
    pub root: ContentHash,
    /// How many there must be.
    pub bytes: u64,
    /// Where it grows; may be there already, whole, in part, or full of anything. Its folder exists.
    pub part: PathBuf,
    /// The name it gets when it is whole and synced, replacing what has it; without one it stays where it is.
    pub done: Option<PathBuf>,
}

/// Pairs that follow each other in the outboard: the number of the first, and their bytes.
#[derive(Debug, Default)]
pub(crate) struct PairRun {
    pub(crate) index: u64,
    pub(crate) pairs: Vec<u8>,
}

/// What became of a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Wrote {
    /// Bytes that were not there before.
    pub(crate) fresh: u64,
    /// With this write the file became whole; said once.
    pub(crate) completed: bool,
}

/// One item on its way; shared by everybody who fetches some of it.
#[derive(Debug)]
pub(crate) struct Part {
    pub(crate) item: usize,
    pub(crate) wanted: Wanted,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    file: Option<File>,
    /// Where the file's own cursor stands.
    cursor: u64,
    missing: Groups,
    /// Nothing is written any more: it is whole, or was given up.
    closed: bool,
}

impl Part {
    /// Looks at what is there already, hashing all of it; `stop` ends that early.
    pub(crate) fn prepare(item: usize, wanted: Wanted, stop: &dyn Fn() -> bool) -> io::Result<Self> {
        let missing = missing(&wanted, stop)?;
        let closed = missing.is_empty();
        Ok(Self { item, wanted, state: Mutex::new(State { file: None, cursor: 0, missing, closed }) })
    }

    pub(crate) fn hash(&self) -> Hash {
        Hash::from_bytes(*self.wanted.root.as_bytes())
    }

    /// What is not on the disk yet.
    pub(crate) fn missing(&self) -> Groups {
        self.lock().missing.clone()
    }

    /// Writes proved groups that follow each other, and before them the pairs that prove them.
    pub(crate) fn write(&self, groups: Range<u64>, data: &[&[u8]], pairs: &[PairRun]) -> io::Result<Wrote> {
        let mut state = self.lock();
        if state.closed {
            return Ok(Wrote { fresh: 0, completed: false });
        }
        let file = match state.file.take() {
            Some(file) => file,
            None => {
                state.cursor = 0;
                File::options().read(true).write(true).create(true).truncate(false).open(&self.wanted.part)?
            }
        };
        let base = pairs_base(self.wanted.bytes);
        for run in pairs {
            file.write_all_at(&run.pairs, base + run.index * PAIR_LEN as u64)?;
        }
        let at = groups.start * GROUP_BYTES;
        state.cursor = write_slices(&file, state.cursor, at, data)?;
        state.file = Some(file);
        let before = state.missing.bytes(self.wanted.bytes);
        state.missing.remove(groups);
        let fresh = before - state.missing.bytes(self.wanted.bytes);
        state.closed = state.missing.is_empty();
        Ok(Wrote { fresh, completed: state.closed })
    }

    /// Writes no more; what is there stays for another time.
    pub(crate) fn give_up(&self) {
        let mut state = self.lock();
        state.closed = true;
        state.file = None;
    }

    /// Cuts the pairs off and returns once the bytes are on the medium.
    pub(crate) fn sync(&self) -> io::Result<()> {
        let file = self.lock().file.take();
        let file = match file {
            Some(file) => file,
            None => File::options()
                .write(true)
                .create(self.wanted.bytes == 0)
                .truncate(false)
                .open(&self.wanted.part)?,
        };
        file.set_len(self.wanted.bytes)?;
        file.sync_data()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn pairs_base(bytes: u64) -> u64 {
    bytes.next_multiple_of(PAGE_BYTES)
}

fn missing(wanted: &Wanted, stop: &dyn Fn() -> bool) -> io::Result<Groups> {
    let all = Groups::all(wanted.bytes);
    match fs::symlink_metadata(&wanted.part) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(all),
        Err(error) => return Err(error),
        Ok(found) if !found.is_file() => {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "something that is not a file is in the way",
            ));
        }
        Ok(_) => {}
    }
    let file = File::open(&wanted.part)?;
    let root = Hash::from_bytes(*wanted.root.as_bytes());
    let found = Search::run(&file, root, wanted.bytes, pairs_base(wanted.bytes), stop)?;
    if found.is_empty() && group_count(wanted.bytes) > 1 && is_whole(&file, wanted, stop)? {
        return Ok(Groups::none());
    }
    Ok(all.without(&found))
}

/// A file that was completed has lost its pairs: it is hashed as a whole.
fn is_whole(file: &File, wanted: &Wanted, stop: &dyn Fn() -> bool) -> io::Result<bool> {
    if file.metadata()?.len() != wanted.bytes {
        return Ok(false);
    }
    let (mut hasher, mut buffer, mut at) = (blake3::Hasher::new(), vec![0; 1 << 18], 0);
    while at < wanted.bytes && !stop() {
        let count = file.read_at(&mut buffer, at)?;
        if count == 0 {
            return Ok(false);
        }
        hasher.update(&buffer[..count]);
        at += count as u64;
    }
    Ok(hasher.finalize().as_bytes() == wanted.root.as_bytes())
}

/// Writes slices that follow each other with as few calls as possible; where the cursor stands then.
fn write_slices(mut file: &File, cursor: u64, at: u64, data: &[&[u8]]) -> io::Result<u64> {
    if cursor != at {
        file.seek(SeekFrom::Start(at))?;
    }
    let mut slices: Vec<IoSlice<'_>> = data.iter().map(|slice| IoSlice::new(slice)).collect();
    let mut left = &mut slices[..];
    let mut end = at;
    IoSlice::advance_slices(&mut left, 0);
    while !left.is_empty() {
        let some = left.len().min(SLICES_MAX);
        match file.write_vectored(&left[..some]) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(count) => {
                end += count as u64;
                IoSlice::advance_slices(&mut left, count);
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(end)
}
