//! Goal: on real files this crate says what exiftool says, shows what libvips and libheif show, and survives
//! everything broken.
//!
//! Method: every file of the sample folder (`cargo xtask samples`) is read; programs of other projects read the same
//! files. Tests whose files or programs are not at hand say so and pass.
#![expect(clippy::unwrap_used, reason = "a test ends at the first surprise")]
#![expect(clippy::print_stdout, reason = "a skipped test says so")]

mod damaged;
mod folder;
mod metadata;
mod pixels;
