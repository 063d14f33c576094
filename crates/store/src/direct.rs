//! Writing a large file past the system's page cache.
//!
//! What is written once and read again by nobody soon (a pack of 32 MiB) needs no copy in the cache: the copying costs
//! more of the processor than everything else that is done to the pack, and throws out what others read. The medium takes
//! whole blocks from memory that begins on a block's border, so bytes are gathered in a buffer first. A file system that
//! can't do it (they say so at the first write, or when the file is opened) is written to as usual.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use rustix::io::Errno;

use crate::DraftFile;

/// What offsets, lengths and memory are multiples of: every medium's block divides it.
const BLOCK_BYTES: usize = 4096;
/// How much is gathered: small enough to stay in the processor's cache.
const BUFFER_BYTES: usize = 512 * 1024;

/// A file being written in large blocks.
pub(crate) struct DirectFile {
    file: File,
    /// [`BUFFER_BYTES`] from `start` on, which is on a block's border.
    buffer: Vec<u8>,
    start: usize,
    filled: usize,
    is_direct: bool,
}

impl DirectFile {
    /// Creates a file that must not exist yet.
    pub(crate) fn create_new(path: &Path) -> io::Result<Self> {
        let direct = OFlags::DIRECT.bits().cast_signed();
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        let (file, is_direct) = match options.clone().custom_flags(direct).open(path) {
            // The file may have been created before the flag was refused; an empty one is nobody's.
            Err(error) if is_refusal(&error) => (options.create_new(false).create(true).open(path)?, false),
            opened => (opened?, true),
        };
        let buffer = vec![0; BUFFER_BYTES + BLOCK_BYTES];
        let start = buffer.as_ptr().align_offset(BLOCK_BYTES).min(BLOCK_BYTES);
        Ok(Self { file, buffer, start, filled: 0, is_direct })
    }

    /// Writes what was gathered.
    fn push_out(&mut self) -> io::Result<()> {
        if self.is_direct && !self.filled.is_multiple_of(BLOCK_BYTES) {
            self.be_usual()?;
        }
        let mut written = 0;
        while written < self.filled {
            match self.file.write(&self.buffer[self.start + written..self.start + self.filled]) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(bytes) => written += bytes,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if self.is_direct && is_refusal(&error) => self.be_usual()?,
                Err(error) => return Err(error),
            }
        }
        self.filled = 0;
        Ok(())
    }

    /// Goes on through the page cache: for the end of a file, and where the other way is closed.
    fn be_usual(&mut self) -> io::Result<()> {
        fcntl_setfl(&self.file, fcntl_getfl(&self.file)? - OFlags::DIRECT)?;
        self.is_direct = false;
        Ok(())
    }
}

fn is_refusal(error: &io::Error) -> bool {
    Errno::from_io_error(error).is_some_and(|errno| errno == Errno::INVAL || errno == Errno::OPNOTSUPP)
}

impl Write for DirectFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.filled == BUFFER_BYTES {
            self.push_out()?;
        }
        let taken = bytes.len().min(BUFFER_BYTES - self.filled);
        let at = self.start + self.filled;
        self.buffer[at..at + taken].copy_from_slice(&bytes[..taken]);
        self.filled += taken;
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.push_out()
    }
}

impl DraftFile for DirectFile {
    fn sync(&mut self) -> io::Result<()> {
        self.push_out()?;
        self.file.sync_all()
    }
}
