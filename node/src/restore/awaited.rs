//! What a restored home waits for: places that had copies and do not answer now. Somebody who knows that one does not come
//! back, says so, and then the rest goes on without it; what turns up later is mended like any other loss.

use std::io::ErrorKind;
use std::path::Path;

use anyhow::Context;

use super::state::write_whole;
use crate::home::layout::Layout;

/// The note in `restoring/` with the places that are not waited for, one in a line.
const FILE: &str = "left-out";
/// How long the note may be.
const BYTES_MAX: usize = 64 << 10;

/// Notes that a place, by its name, is not waited for any more; fine if it was noted before.
///
/// # Errors
/// When the note cannot be read or written.
pub fn leave_out(layout: &Layout, name: &str) -> anyhow::Result<()> {
    let mut names = left_out(layout)?;
    if names.iter().any(|known| known == name) {
        return Ok(());
    }
    names.push(name.to_owned());
    let text = names.join("\n");
    anyhow::ensure!(text.len() <= BYTES_MAX, "too many places are left out");
    write_whole(&layout.restoring().join(FILE), text.as_bytes())
}

/// Whether a place is among them: by its name, or as a folder below one of them. A disk is called as it was named at first,
/// and after a start of the program as the folder on it that was restored from.
pub(super) fn is_left_out(names: &[String], place: &str) -> bool {
    names.iter().any(|name| Path::new(place).starts_with(name))
}

/// The places that are not waited for.
///
/// # Errors
/// When the note cannot be read.
pub(super) fn left_out(layout: &Layout) -> anyhow::Result<Vec<String>> {
    let path = layout.restoring().join(FILE);
    match std::fs::read_to_string(&path) {
        Ok(text) => Ok(text.lines().map(str::to_owned).collect()),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error).with_context(|| format!("cannot read {}", path.display())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_out_stays_so() {
        let folder = tempfile::tempdir().unwrap();
        let layout = Layout::of(folder.path()).unwrap();
        assert!(left_out(&layout).unwrap().is_empty());
        std::fs::create_dir(layout.restoring()).unwrap();
        for name in ["/media/usb", "Ben", "/media/usb"] {
            leave_out(&layout, name).unwrap();
        }
        let names = left_out(&layout).unwrap();
        assert_eq!(names, ["/media/usb", "Ben"]);
        for (place, expected) in
            [("Ben", true), ("Ben 2", false), ("/media/usb/ab12", true), ("/media/usb2", false)]
        {
            assert_eq!(is_left_out(&names, place), expected, "{place}");
        }
    }
}
