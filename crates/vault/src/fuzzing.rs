//! What only fuzz targets may reach: readers of names and small files that are no part of the public interface.

use crate::folder::{OwnTime, fossil_name, parse_fossil_name};
use crate::target::check_endpoint;

/// Reads a fossil's file name and writes it again.
#[must_use]
pub fn fossil_again(name: &str) -> Option<String> {
    parse_fossil_name(name).map(|(id, at_ms)| fossil_name(&id, at_ms))
}

/// Reads the file with a folder's own time, looks at another time, and writes it again.
#[must_use]
pub fn time_again(text: &str, now_ms: i64) -> Option<String> {
    let time = OwnTime::from_text(text)?;
    let (looked, _) = time.look(now_ms);
    assert!(looked.own_ms >= time.own_ms, "a folder's own time never goes back");
    Some(time.to_text())
}

/// The address that a store is reached at, and whether that is without encryption, if the text may be one.
#[must_use]
pub fn store_address(text: &str) -> Option<(String, bool)> {
    check_endpoint(text, false).ok().map(|endpoint| (endpoint.text, endpoint.is_http))
}
