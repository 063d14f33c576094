//! Writes the test vectors of packs and the manifest into a folder:
//! `cargo run -p heirloom-vault --example vectors docs/formats/vectors`.
//!
//! Everything is made from fixed keys and salts, so a second run gives the same files; a test compares them with the
//! committed ones.

use std::{fs, path::Path};

mod generate;

fn main() -> std::io::Result<()> {
    let folder = std::env::args().nth(1).unwrap_or_else(|| "docs/formats/vectors".to_owned());
    for (format, json) in generate::all() {
        fs::write(Path::new(&folder).join(format!("{format}.json")), json)?;
    }
    Ok(())
}
