//! The files of the cache: thumbnails and previews. All of it can be deleted; it comes back.
//!
//! They are not fsynced, so a power cut can leave a file torn. Whoever serves one checks with [`is_whole`]
//! and asks for a new one otherwise.

use std::io::{self, ErrorKind};
use std::path::Path;

use heirloom_media::Derived;

use crate::home::layout::Derivatives;

/// Writes both files, each under a temporary name first, so that no reader sees half of one.
///
/// # Errors
/// What the system says.
pub fn write(places: &Derivatives, derived: &Derived) -> io::Result<()> {
    write_file(&places.thumbnail, &derived.thumbnail)?;
    write_file(&places.preview, &derived.preview)
}

pub(crate) fn write_file(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let draft = path.with_extension("part");
    match std::fs::write(&draft, bytes) {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            std::fs::create_dir_all(path.parent().unwrap_or(Path::new("/")))?;
            std::fs::write(&draft, bytes)?;
        }
        other => other?,
    }
    std::fs::rename(&draft, path)
}

/// Whether a thumbnail (WebP) or preview (JPEG) is complete, judged by its own frame.
pub fn is_whole(bytes: &[u8]) -> bool {
    match bytes {
        [b'R', b'I', b'F', b'F', a, b, c, d, ..] => {
            let said = u32::from_le_bytes([*a, *b, *c, *d]);
            usize::try_from(said).is_ok_and(|said| bytes.len() == said.saturating_add(8))
        }
        [0xFF, 0xD8, .., 0xFF, 0xD9] => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_torn_picture_is_told_from_a_whole_one() {
        let check = |bytes: &[u8], whole| assert_eq!(is_whole(bytes), whole, "{bytes:?}");
        check(b"RIFF\x04\0\0\0WEBP", true);
        check(b"RIFF\x05\0\0\0WEBP", false);
        check(&[0xFF, 0xD8, 1, 2, 0xFF, 0xD9], true);
        check(&[0xFF, 0xD8, 1, 2, 0, 0], false);
        check(b"", false);
        check(&[0; 32], false);
    }
}
