//! What a photo's bytes say and how they look: bytes in, values out.
//!
//! This crate sniffs a file's format from its content, reads its metadata (date, place, camera), and makes the
//! derivatives that the web page and phones show: a WebP thumbnail, a JPEG preview, a thumbhash and a dominant
//! colour. It owns every decoder of the project, and with them all distrust of pictures: sizes are checked from the
//! header before a pixel is allocated, damaged files become warnings or [`Failure`]s in plain words, never panics.
//!
//! It leaves to others where files lie, when work runs and what is remembered about it. It has no clock, no
//! threads, no SQL and no async code, and the same bytes always give the same answer.
//!
//! Read first: [`Decoder`] (the seam that callers hold, so that a sandboxed child process can stand behind it
//! later), [`Request`] and [`Response`] (what crosses that seam), [`Metadata`] and [`Derived`] (the values).
//!
//! The life of one request: the bytes are read once → [`sniff`] names the format → `header` finds the size, the
//! colour profile and the EXIF block without decoding → `read` turns EXIF and XMP into [`Metadata`] → `decode`
//! gives pixels no larger than they need to be → `derive` turns, shrinks and encodes them.
//!
//! The derivatives are described in `docs/formats/derivatives.md`.

mod decode;
mod derive;
mod failure;
mod format;
mod header;
mod metadata;
mod read;
mod request;

pub use derive::{Derived, PREVIEW_LONG_SIDE, THUMBNAIL_SHORT_SIDE};
pub use failure::{Failure, Warning};
pub use format::{Format, sniff};
pub use metadata::{Metadata, Position, Taken, metadata};
pub use request::{Decoder, InProcess, Limits, Request, Response, Source, Wants, check};
