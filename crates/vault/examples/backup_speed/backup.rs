//! Three threads: one reads files and hashes them, one verifies and seals, one makes packs durable.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use heirloom_identity::{ContentHash, Keyring};
use heirloom_vault::folder::PackFolder;
use heirloom_vault::{
    BlobKind, Entry, FileSnapshot, Index, PackRef, Packer, Pointer, Root, SealedPack, Segment,
};

use crate::{Outcome, home};

/// Larger files are read twice instead of being held in memory.
const MEMORY_BYTES_MAX: u64 = 64 << 20;
/// Files read ahead.
const FILES_AHEAD: usize = 2;
/// Packs waiting for the disk, besides the one that is being written.
const PACKS_AHEAD: usize = 1;
/// How the list of names is cut, like a home's databases.
const TABLE_BYTES: u32 = 65_536;

/// A file that was hashed; its bytes, if there aren't too many.
struct Hashed {
    path: PathBuf,
    blob: ContentHash,
    size: u64,
    bytes: Option<Vec<u8>>,
}

/// What was made durable, in order.
type Written = Vec<(PackRef, Vec<Entry>)>;

/// Answers how many bytes the files have, and how many the packs.
pub(crate) fn run(source: &Path, store: &Path) -> Outcome<(u64, u64)> {
    let folder = home::create(store)?;
    let keys = Keyring::begin([0x4b; 32]);
    let mut paths = Vec::new();
    list(source, &mut paths)?;
    paths.sort();

    let packer = packer(&keys)?;
    let (hashed_in, hashed) = sync_channel(FILES_AHEAD);
    let (sealed_in, sealed) = sync_channel(PACKS_AHEAD);
    let (buffers_in, buffers) = sync_channel(PACKS_AHEAD + 2);
    let (written, (names, bytes)) = thread::scope(|scope| -> Outcome<_> {
        let reading = scope.spawn(|| read_all(paths, hashed_in));
        let storing = scope.spawn(|| store_all(&folder, sealed, buffers_in));
        let packed = pack_all(packer, source, hashed, sealed_in, buffers);
        reading.join().map_err(|_| "reading stopped")??;
        let written = storing.join().map_err(|_| "storing stopped")??;
        Ok((written, packed?))
    })?;
    Ok((bytes, finish(&folder, &keys, written, names.as_bytes())?))
}

/// Salts of this run, which are no other's.
fn packer(keys: &Keyring) -> Outcome<Packer> {
    let mut random = File::open("/dev/urandom")?;
    let salts = move || {
        let mut salt = [0; 32];
        random.read_exact(&mut salt).expect("the system has random bytes");
        salt
    };
    Ok(Packer::new(keys.newest().clone(), home::household(), Box::new(salts)))
}

fn list(folder: &Path, found: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() { list(&entry.path(), found)? } else { found.push(entry.path()) }
    }
    Ok(())
}

/// What an import does long before a backup: finds out what each file is called.
#[expect(clippy::needless_pass_by_value, reason = "the channel closes when this returns")]
fn read_all(paths: Vec<PathBuf>, out: SyncSender<Hashed>) -> io::Result<()> {
    for path in paths {
        let mut file = File::open(&path)?;
        let size = file.metadata()?.len();
        let (blob, bytes) = if size <= MEMORY_BYTES_MAX {
            let mut bytes = Vec::with_capacity(usize::try_from(size).unwrap_or_default() + 1);
            file.read_to_end(&mut bytes)?;
            (ContentHash::of(&bytes), Some(bytes))
        } else {
            let mut hasher = blake3::Hasher::new();
            hasher.update_reader(&mut file)?;
            (ContentHash::from_bytes(*hasher.finalize().as_bytes()), None)
        };
        if out.send(Hashed { path, blob, size, bytes }).is_err() {
            break;
        }
    }
    Ok(())
}

/// Fills packs, and answers every file's name and how many bytes there were.
#[expect(clippy::needless_pass_by_value, reason = "the channels close when this returns")]
fn pack_all(
    mut packer: Packer,
    source: &Path,
    hashed: Receiver<Hashed>,
    out: SyncSender<SealedPack>,
    buffers: Receiver<Vec<u8>>,
) -> Outcome<(String, u64)> {
    let (mut names, mut bytes) = (String::new(), 0);
    let mut known = HashSet::new();
    let mut hand_out = |sealed| out.send(sealed).map_err(|_| io::Error::other("nobody stores packs"));
    for file in hashed {
        let path = file.path.strip_prefix(source)?.to_str().ok_or("a name that is no UTF-8")?;
        names.push_str(&format!("{} {path}\n", file.blob));
        bytes += file.size;
        if !known.insert(file.blob) {
            continue;
        }
        buffers.try_iter().for_each(|buffer| packer.recycle(buffer));
        let mut opened;
        let mut in_memory = file.bytes.as_deref().unwrap_or_default();
        let reader: &mut dyn Read = if file.bytes.is_some() {
            &mut in_memory
        } else {
            opened = File::open(&file.path)?;
            &mut opened
        };
        packer.add(BlobKind::Original, file.blob, file.size, reader, &mut hand_out)?;
    }
    packer.flush().map_or(Ok(()), &mut hand_out)?;
    Ok((names, bytes))
}

#[expect(clippy::needless_pass_by_value, reason = "the channels close when this returns")]
fn store_all(
    folder: &PackFolder,
    sealed: Receiver<SealedPack>,
    buffers: SyncSender<Vec<u8>>,
) -> Outcome<Written> {
    let mut written = Vec::new();
    for SealedPack { pack, bytes, entries } in sealed {
        folder.put(&pack.id, &bytes)?;
        written.push((pack, entries));
        // A full channel means that enough buffers wait.
        buffers.try_send(bytes).unwrap_or_default();
    }
    Ok(written)
}

/// Names, segments, root, head: in this order. Answers how many bytes the packs have.
fn finish(folder: &PackFolder, keys: &Keyring, written: Written, names: &[u8]) -> Outcome<u64> {
    let mut later = Later { folder, packer: packer(keys)?, written };
    let chunks = names.chunks(TABLE_BYTES as usize);
    let chunks = chunks.map(|chunk| later.add(BlobKind::Table, chunk)).collect::<Outcome<_>>()?;
    later.flush()?;
    let names = FileSnapshot {
        name: "names".to_owned(),
        bytes: names.len() as u64,
        chunk_bytes: TABLE_BYTES,
        chunks,
    };

    let listed = later.written.len();
    let mut segments = Vec::new();
    for segment in Segment::of(later.written.iter().cloned()).cut() {
        segments.push(later.add(BlobKind::Segment, &segment.encode()?)?);
    }
    later.flush()?;
    let new = Index::new(&[Segment::of(later.written[listed..].iter().cloned())]);
    let place = |blob: &ContentHash| new.lookup(blob).ok_or("a segment is nowhere");
    let root = Root {
        made_at_ms: 0,
        household_name: "Bench".to_owned(),
        receive_keys: Vec::new(),
        files: vec![names],
        agreements: Vec::new(),
        segments: segments.iter().map(place).collect::<Result<_, _>>()?,
        kits: Vec::new(),
    };

    let listed = later.written.len();
    let root = later.add(BlobKind::Root, &root.encode()?)?;
    later.flush()?;
    let new = Index::new(&[Segment::of(later.written[listed..].iter().cloned())]);
    let pointer = Pointer { root: new.lookup(&root).ok_or("the root is nowhere")? };
    home::put_head(folder, keys, &pointer)?;
    Ok(later.written.iter().map(|(pack, _)| u64::from(pack.bytes)).sum())
}

/// Blobs in memory, stored by this thread.
struct Later<'a> {
    folder: &'a PackFolder,
    packer: Packer,
    written: Written,
}

impl Later<'_> {
    fn add(&mut self, kind: BlobKind, blob: &[u8]) -> Outcome<ContentHash> {
        let Self { folder, packer, written } = self;
        let hash = ContentHash::of(blob);
        packer.add(kind, hash, blob.len() as u64, &mut &*blob, &mut |sealed| {
            folder.put(&sealed.pack.id, &sealed.bytes).map_err(io::Error::other)?;
            written.push((sealed.pack, sealed.entries));
            Ok(())
        })?;
        Ok(hash)
    }

    fn flush(&mut self) -> Outcome<()> {
        if let Some(sealed) = self.packer.flush() {
            self.folder.put(&sealed.pack.id, &sealed.bytes)?;
            self.written.push((sealed.pack, sealed.entries));
        }
        Ok(())
    }
}
