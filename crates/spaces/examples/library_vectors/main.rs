//! Writes the test vectors of the library's documents:
//! `cargo run -p heirloom-spaces --example library_vectors docs/formats/vectors`.
//!
//! Everything is made from fixed seeds, so a second run gives the same file; a test compares it with the committed one.

use std::{fs, path::Path};

mod generate;

fn main() -> std::io::Result<()> {
    let folder = std::env::args().nth(1).unwrap_or_else(|| "docs/formats/vectors".to_owned());
    fs::write(Path::new(&folder).join("library-documents.json"), generate::library_documents())
}
