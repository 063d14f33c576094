//! What only fuzz targets may reach: readers that stand behind decryption, without it.

use zeroize::Zeroizing;

use crate::envelope::Content;

/// Reads the padded content of an envelope and writes it again.
#[must_use]
pub fn content_again(plain: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    Content::from_padded(plain)?.padded().ok()
}
