//! The golden files of `docs/formats/vectors/timeline/`, which the page's reader is tested with too.

use std::path::PathBuf;

fn folder() -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "..", "..", "docs", "formats", "vectors", "timeline"].iter().collect()
}

pub(super) fn bytes(name: &str) -> Vec<u8> {
    std::fs::read(folder().join(name)).unwrap()
}

pub(super) fn json(name: &str) -> serde_json::Value {
    serde_json::from_slice(&bytes(name)).unwrap()
}

/// The files that begin and end like this, without both.
pub(super) fn names(begin: &str, end: &str) -> Vec<String> {
    let files = std::fs::read_dir(folder()).unwrap();
    let names = files.map(|file| file.unwrap().file_name().into_string().unwrap());
    names.filter_map(|name| Some(name.strip_prefix(begin)?.strip_suffix(end)?.to_owned())).collect()
}
