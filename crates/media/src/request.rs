//! The seam between those who want pictures and whatever decodes them.
//!
//! [`Request`] and [`Response`] are plain values with a serde form, so a child process in a sandbox can answer
//! instead of this one; callers hold a `dyn` [`Decoder`] and never learn the difference.

use std::any::Any;
use std::fs::File;
use std::io::Read;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::decode::decode;
use crate::derive::{Derived, PREVIEW_LONG_SIDE, derive};
use crate::failure::plain;
use crate::header::Header;
use crate::metadata::{Metadata, describe};
use crate::{Failure, Format, Warning};

/// Anything that answers a [`Request`]: this process, or another one.
pub trait Decoder: Send + Sync {
    /// Answers one request; takes as long as decoding takes, so call it off the async threads.
    ///
    /// # Errors
    /// Any [`Failure`]; a panic inside is one too.
    fn answer(&self, request: Request) -> Result<Response, Failure>;
}

/// Where the bytes are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// The whole file.
    Bytes(Vec<u8>),
    /// A file to read, once and whole.
    Path(PathBuf),
}

/// Which parts of an answer are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wants {
    /// Date, place and camera; the size is always given.
    pub metadata: bool,
    /// Thumbnail, preview, thumbhash and colour; decodes the picture.
    pub derivatives: bool,
}

impl Wants {
    /// Both parts.
    pub const ALL: Self = Self { metadata: true, derivatives: true };
    /// Only what the header says.
    pub const METADATA: Self = Self { metadata: true, derivatives: false };
}

/// How large a file may be before it is refused, checked before anything of that size is allocated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Width times height.
    pub pixels_max: u64,
    /// Bytes of the file.
    pub bytes_max: u64,
    /// Bytes that the decoded pixels and the decoder's own buffers may take, as estimated from the header.
    pub memory_max: u64,
}

impl Default for Limits {
    /// 250 megapixels (a 200-megapixel phone photo passes), files of 1 GiB, 2 GiB of memory.
    fn default() -> Self {
        Self { pixels_max: 250_000_000, bytes_max: 1 << 30, memory_max: 2 << 30 }
    }
}

/// What to do with which file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// The file.
    pub source: Source,
    /// The parts wanted.
    pub wants: Wants,
    /// The limits to keep.
    pub limits: Limits,
}

/// What came of a [`Request`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Response {
    /// The format, told from the content.
    pub format: Format,
    /// What the file says about itself; only the size, orientation and profile if no metadata was wanted.
    pub metadata: Metadata,
    /// The derivatives, if wanted.
    pub derived: Option<Derived>,
    /// Flaws met on the way.
    pub warnings: Vec<Warning>,
}

/// Decodes in this process, on the calling thread.
///
/// A panic in a decoder is caught and becomes [`Failure::Crashed`].
#[derive(Clone, Copy, Debug, Default)]
pub struct InProcess;

impl Decoder for InProcess {
    fn answer(&self, request: Request) -> Result<Response, Failure> {
        catch_unwind(AssertUnwindSafe(|| answer(request)))
            .unwrap_or_else(|panic| Err(Failure::Crashed { reason: panic_message(panic.as_ref()) }))
    }
}

/// Answers a request without a safety net.
fn answer(request: Request) -> Result<Response, Failure> {
    let limits = request.limits;
    let bytes = match request.source {
        Source::Bytes(bytes) => bytes,
        Source::Path(path) => read_file(&path, limits.bytes_max)?,
    };
    check_file_size(u64::try_from(bytes.len()).unwrap_or(u64::MAX), limits.bytes_max)?;
    let header = Header::read(&bytes)?;
    let mut warnings = Vec::new();
    let metadata = describe(&header, request.wants.metadata, &mut warnings);
    let derived = if request.wants.derivatives {
        Some(derive(&bytes, &header, metadata.orientation, &limits, &mut warnings)?)
    } else {
        None
    };
    Ok(Response { format: header.format, metadata, derived, warnings })
}

/// Decodes a picture and keeps nothing of it: whether bytes that somebody else made are what they say. Gives the
/// format, the width and the height.
///
/// # Errors
/// Any [`Failure`]; a panic inside is one too.
pub fn check(bytes: &[u8], limits: &Limits) -> Result<(Format, u32, u32), Failure> {
    let work = || {
        check_file_size(u64::try_from(bytes.len()).unwrap_or(u64::MAX), limits.bytes_max)?;
        let header = Header::read(bytes)?;
        // Refused by what the header says, before a pixel is decoded.
        if header.pixels() > limits.pixels_max {
            return Err(Failure::TooLarge { pixels: header.pixels(), limit: limits.pixels_max });
        }
        decode(bytes, &header, PREVIEW_LONG_SIDE, limits, &mut Vec::new())?;
        Ok((header.format, header.width, header.height))
    };
    catch_unwind(AssertUnwindSafe(work))
        .unwrap_or_else(|panic| Err(Failure::Crashed { reason: panic_message(panic.as_ref()) }))
}

/// Reads a file whole, unless it is larger than `bytes_max`.
fn read_file(path: &Path, bytes_max: u64) -> Result<Vec<u8>, Failure> {
    let unreadable = |error: std::io::Error| Failure::Unreadable { reason: plain(error) };
    let file = File::open(path).map_err(unreadable)?;
    let bytes_count = file.metadata().map_err(unreadable)?.len();
    check_file_size(bytes_count, bytes_max)?;
    let mut bytes = Vec::with_capacity(usize::try_from(bytes_count).unwrap_or(0));
    // One byte over the limit tells a file that grew meanwhile from one that just fits.
    file.take(bytes_max.saturating_add(1)).read_to_end(&mut bytes).map_err(unreadable)?;
    Ok(bytes)
}

/// Refuses a file of more than `limit` bytes.
fn check_file_size(needed: u64, limit: u64) -> Result<(), Failure> {
    if needed > limit {
        return Err(Failure::TooHeavy { what: "file".to_owned(), needed, limit });
    }
    Ok(())
}

/// The words that a panic was raised with.
pub(crate) fn panic_message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    plain(text.unwrap_or("no message"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(source: Source) -> Result<Response, Failure> {
        InProcess.answer(Request { source, wants: Wants::ALL, limits: Limits::default() })
    }

    #[test]
    fn an_empty_file_and_a_text_are_refused_in_words() {
        assert_eq!(ask(Source::Bytes(Vec::new())), Err(Failure::Empty));
        let text = ask(Source::Bytes(b"Dear diary, today".to_vec()));
        assert_eq!(text, Err(Failure::UnknownFormat { looks_like: None }));
    }

    #[test]
    fn a_picture_is_checked_by_decoding_it() {
        let gif = b"GIF89a\x01\0\x01\0\x80\0\0\0\0\0\xff\xff\xff,\0\0\0\0\x01\0\x01\0\0\x02\x02D\x01\0;";
        assert_eq!(check(gif, &Limits::default()), Ok((Format::Gif, 1, 1)));
        let small = Limits { pixels_max: 0, ..Limits::default() };
        assert_eq!(check(gif, &small), Err(Failure::TooLarge { pixels: 1, limit: 0 }));
        let bytes = Limits { bytes_max: 10, ..Limits::default() };
        assert_eq!(check(gif, &bytes).unwrap_err().kind(), "too_heavy");
        assert!(check(b"RIFF\x04\0\0\0WEBP", &Limits::default()).is_err());
        assert!(check(&gif[..20], &Limits::default()).is_err());
    }

    #[test]
    fn a_missing_file_is_unreadable() {
        let failure = ask(Source::Path(PathBuf::from("/no/such/file.jpg"))).unwrap_err();
        assert_eq!(failure.kind(), "unreadable");
    }

    #[test]
    fn a_file_over_the_byte_limit_is_refused_unread() {
        let limits = Limits { bytes_max: 3, ..Limits::default() };
        let request = Request { source: Source::Bytes(vec![0xFF; 4]), wants: Wants::ALL, limits };
        assert_eq!(InProcess.answer(request).unwrap_err().kind(), "too_heavy");
    }
}
