//! Whether there is room, looked at before anything large is fetched.

use std::path::Path;

use indicatif::HumanBytes;

use super::Problem;
use crate::home::room::free_bytes;

/// Room that is left free, so that the databases and the system can go on.
const RESERVE_BYTES: u64 = 256 << 20;

/// Checks that so many more bytes fit on the disk of `folder`.
///
/// # Errors
/// [`Problem::Space`].
pub(super) fn check(folder: &Path, needed: u64) -> Result<(), Problem> {
    // A file system that does not tell is tried.
    free_bytes(folder).map_or(Ok(()), |free| judge(needed, free))
}

fn judge(needed: u64, free: u64) -> Result<(), Problem> {
    if needed.checked_add(RESERVE_BYTES).is_some_and(|whole| whole <= free) {
        return Ok(());
    }
    let say = |bytes| HumanBytes(bytes).to_string();
    Err(Problem::Space { needed: say(needed), free: say(free) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_is_said_in_numbers() {
        let tebi = 1 << 40;
        assert!(judge(tebi, 2 * tebi).is_ok());
        assert!(judge(tebi, tebi).is_err(), "something stays free");
        let said = judge(2 * tebi, tebi).unwrap_err().to_string();
        assert!(said.contains("2.00 TiB") && said.contains("1.00 TiB"), "{said}");
        assert!(judge(u64::MAX, u64::MAX).is_err());
    }
}
