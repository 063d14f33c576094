//! Whether a file can be read at all, which tells a broken part of a disk from a disk or share that is not there.
//!
//! Where single sectors of a disk have failed, what lies in them fails every time and the rest of the file does not. Where a
//! cable is loose or a share does not answer, all of it fails, for a while. Only the first is a loss.

use std::fs::File;
use std::io::{self, ErrorKind};
use std::os::unix::fs::FileExt;
use std::path::Path;

use rustix::io::Errno;

/// Bytes that are read at once: no sector is larger.
const BLOCK_BYTES: usize = 4096;
/// How often a part is read before it counts as broken.
const TRIES: u32 = 3;
/// Other parts that are tried, to learn whether anything can be read.
const WITNESSES_MAX: u64 = 16;

/// What can be read of some files.
#[derive(Debug)]
pub(crate) enum Readable {
    /// All of them.
    Whole,
    /// One of them breaks off here, every time, and other parts do not.
    InPart {
        /// Which of them.
        file: usize,
        /// The first byte that can't be read.
        at: u64,
    },
    /// The disk, or the share, is at fault: nothing is known.
    NotNow(io::Error),
}

/// Something that is read from.
pub(crate) trait Blocks {
    /// Bytes in it.
    fn bytes(&self) -> io::Result<u64>;
    /// Reads a block from the medium, not from memory if that can be helped.
    fn read(&self, at: u64, block: &mut [u8]) -> io::Result<usize>;
}

impl Blocks for File {
    fn bytes(&self) -> io::Result<u64> {
        Ok(self.metadata()?.len())
    }

    fn read(&self, at: u64, block: &mut [u8]) -> io::Result<usize> {
        forget(self, at, block.len());
        self.read_at(block, at)
    }
}

/// Has the system read all of these files from the medium the next time, if it can.
pub(crate) fn forget_files(paths: &[&Path]) {
    for path in paths {
        if let Ok(file) = File::open(path) {
            // From here to the end.
            forget(&file, 0, 0);
        }
    }
}

/// Has the system read from the medium the next time, if it can.
#[cfg(target_os = "linux")]
fn forget(file: &File, at: u64, bytes: usize) {
    let bytes = std::num::NonZeroU64::new(bytes as u64);
    rustix::fs::fadvise(file, at, bytes, rustix::fs::Advice::DontNeed).unwrap_or_default();
}

#[cfg(not(target_os = "linux"))]
fn forget(_: &File, _: u64, _: usize) {}

/// Reads these files from their beginning to their end. Those that are not there are left out.
pub(crate) fn look_through(paths: &[&Path]) -> Readable {
    let mut files: Vec<(usize, File)> = Vec::new();
    for (number, path) in paths.iter().enumerate() {
        match File::open(path) {
            Ok(file) => files.push((number, file)),
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Readable::NotNow(error),
        }
    }
    let open: Vec<&dyn Blocks> = files.iter().map(|(_, file)| file as &dyn Blocks).collect();
    match look(&open) {
        Readable::InPart { file, at } => Readable::InPart { file: files[file].0, at },
        other => other,
    }
}

/// See [`look_through`].
fn look(files: &[&dyn Blocks]) -> Readable {
    for (number, file) in files.iter().enumerate() {
        match first_broken(*file) {
            Ok(None) => {}
            Ok(Some((at, _))) if has_witness(files, number, at) => {
                return Readable::InPart { file: number, at };
            }
            Ok(Some((_, error))) | Err(error) => return Readable::NotNow(error),
        }
    }
    Readable::Whole
}

/// The first block that fails every time.
///
/// # Errors
/// What says nothing of the medium.
fn first_broken(file: &dyn Blocks) -> io::Result<Option<(u64, io::Error)>> {
    for at in (0..file.bytes()?).step_by(BLOCK_BYTES) {
        if let Some(error) = try_block(file, at)? {
            return Ok(Some((at, error)));
        }
    }
    Ok(None)
}

/// Reads a block, a few times if it must be; why it can't be.
fn try_block(file: &dyn Blocks, at: u64) -> io::Result<Option<io::Error>> {
    let (mut block, mut last) = ([0; BLOCK_BYTES], None);
    for _ in 0..TRIES {
        match file.read(at, &mut block) {
            Ok(_) => return Ok(None),
            Err(error) if error.kind() == ErrorKind::Interrupted || is_of_medium(&error) => {
                last = Some(error);
            }
            Err(error) => return Err(error),
        }
    }
    Ok(last)
}

/// Whether any part beside the broken one can be read now.
fn has_witness(files: &[&dyn Blocks], broken: usize, at: u64) -> bool {
    let is_read = |number: usize, file: &dyn Blocks| {
        let bytes = file.bytes().unwrap_or(0);
        let step = (bytes / WITNESSES_MAX).next_multiple_of(BLOCK_BYTES as u64).max(BLOCK_BYTES as u64);
        let parts = (0..WITNESSES_MAX).map(|part| part * step).take_while(|part| *part < bytes);
        let mut others = parts.filter(|part| (number, *part) != (broken, at));
        others.any(|part| matches!(try_block(file, part), Ok(None)))
    };
    files.iter().enumerate().any(|(number, file)| is_read(number, *file))
}

/// Whether it is what the system says of a sector, or of what a file system finds damaged.
fn is_of_medium(error: &io::Error) -> bool {
    match Errno::from_io_error(error) {
        Some(Errno::IO | Errno::BADMSG | Errno::ILSEQ) => true,
        #[cfg(target_os = "linux")]
        Some(Errno::NODATA | Errno::UCLEAN) => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::collections::HashMap;

    use super::*;

    /// A file of which some blocks fail, for good or a few times.
    #[derive(Default)]
    struct Failing {
        blocks: u64,
        broken: HashMap<u64, Errno>,
        /// All blocks from here on fail.
        gone_from: Option<u64>,
        fails_first: Cell<u32>,
    }

    impl Failing {
        fn new(blocks: u64, broken: &[(u64, Errno)]) -> Self {
            Self { blocks, broken: broken.iter().copied().collect(), ..Self::default() }
        }
    }

    impl Blocks for Failing {
        fn bytes(&self) -> io::Result<u64> {
            Ok(self.blocks * BLOCK_BYTES as u64)
        }

        fn read(&self, at: u64, block: &mut [u8]) -> io::Result<usize> {
            let number = at / BLOCK_BYTES as u64;
            if self.fails_first.get() > 0 {
                self.fails_first.set(self.fails_first.get() - 1);
                return Err(Errno::IO.into());
            }
            if self.gone_from.is_some_and(|from| number >= from) {
                return Err(Errno::IO.into());
            }
            self.broken.get(&number).map_or(Ok(block.len()), |errno| Err((*errno).into()))
        }
    }

    fn part(files: &[&dyn Blocks]) -> Option<(usize, u64)> {
        match look(files) {
            Readable::InPart { file, at } => Some((file, at / BLOCK_BYTES as u64)),
            Readable::Whole | Readable::NotNow(_) => None,
        }
    }

    fn is_away(files: &[&dyn Blocks]) -> bool {
        matches!(look(files), Readable::NotNow(_))
    }

    /// Goal: a sector that fails every time is a loss, wherever it is; whatever fails as a whole, or passes, is none.
    #[test]
    fn a_broken_sector_is_told_from_a_disk_that_is_away() {
        let whole = Failing::new(5, &[]);
        assert!(matches!(look(&[&whole]), Readable::Whole));
        assert!(matches!(look(&[]), Readable::Whole));
        for at in [0, 3, 199] {
            assert_eq!(part(&[&Failing::new(200, &[(at, Errno::IO)])]), Some((0, at)));
        }
        let log = Failing::new(1, &[(0, Errno::IO)]);
        assert_eq!(part(&[&whole, &log]), Some((1, 0)), "a log is lost, too");
        assert!(is_away(&[&log]), "nothing beside it says that the disk is there");
        assert!(is_away(&[&Failing { gone_from: Some(0), ..Failing::new(9, &[]) }]));
        let passing = Failing { fails_first: Cell::new(TRIES - 1), ..Failing::new(9, &[]) };
        assert!(matches!(look(&[&passing]), Readable::Whole));
        for errno in [Errno::STALE, Errno::TIMEDOUT, Errno::HOSTDOWN, Errno::ACCESS] {
            assert!(is_away(&[&Failing::new(9, &[(4, errno)])]), "{errno}");
        }
    }

    /// Goal: what the system itself says of a file that can't be read is taken for that. Method: the memory of this process
    /// as a file: its first page can never be read, and there is nothing beside it.
    #[cfg(target_os = "linux")]
    #[test]
    fn a_file_of_which_nothing_can_be_read_is_away() {
        let memory = File::open("/proc/self/mem").unwrap();
        let error = try_block(&memory, 0).unwrap().unwrap();
        assert_eq!(Errno::from_io_error(&error), Some(Errno::IO));
        assert!(!has_witness(&[&memory], 0, 0));
    }

    #[test]
    fn files_that_are_not_there_are_left_out() {
        let folder = tempfile::tempdir().unwrap();
        let (here, gone) = (folder.path().join("here"), folder.path().join("gone"));
        std::fs::write(&here, [7; 10_000]).unwrap();
        assert!(matches!(look_through(&[&gone, &here]), Readable::Whole));
    }
}
