//! How long a restored home has waited for what it was restored from, over all starts of the program: a disk that was lent
//! and given back is not waited for without end.
//!
//! Counted like a recovery kit's delay: what passed since the last look, but at most a day. A computer that is off at night
//! counts whole days, and one that was off for a month counts as a day, so that nothing is given up before the disk could
//! be plugged in.

use std::path::PathBuf;

use super::state::write_whole;
use crate::home::layout::Layout;

/// The note in `restoring/`: how many milliseconds were waited, and when that was counted.
const FILE: &str = "waited";
/// The most that one look at the clock counts.
const STEP_MAX_MS: i64 = 24 * 60 * 60 * 1000;

/// See the module.
pub(super) struct Waited {
    path: PathBuf,
    total_ms: i64,
    looked_ms: Option<i64>,
}

impl Waited {
    /// As it was counted before; nothing if it was not, or what is there makes no sense.
    pub(super) fn load(layout: &Layout) -> Self {
        let path = layout.restoring().join(FILE);
        let text = std::fs::read_to_string(&path).unwrap_or_default();
        let mut numbers = text.split_whitespace().map(str::parse::<i64>);
        let (total_ms, looked_ms) = match (numbers.next(), numbers.next()) {
            (Some(Ok(total_ms)), Some(Ok(looked_ms))) => (total_ms.max(0), Some(looked_ms)),
            _ => (0, None),
        };
        Self { path, total_ms, looked_ms }
    }

    /// Counts what passed since the last look, and notes it.
    ///
    /// # Errors
    /// When it could not be saved.
    pub(super) fn and_until(mut self, now_ms: i64) -> anyhow::Result<Self> {
        let passed_ms = self.looked_ms.map_or(0, |looked_ms| now_ms.saturating_sub(looked_ms));
        self.total_ms = self.total_ms.saturating_add(passed_ms.clamp(0, STEP_MAX_MS));
        self.looked_ms = Some(now_ms);
        write_whole(&self.path, format!("{} {now_ms}\n", self.total_ms).as_bytes())?;
        Ok(self)
    }

    pub(super) fn total_ms(&self) -> i64 {
        self.total_ms
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Goal: the wait ends after days on which the computer was on, however often it is started, and not because it was off
    /// or its clock is wrong. Method: looks at made-up times, each with what the one before noted.
    #[test]
    fn days_are_counted_over_all_starts() {
        let folder = tempfile::tempdir().unwrap();
        let layout = Layout::of(folder.path()).unwrap();
        std::fs::create_dir(layout.restoring()).unwrap();
        let look = |now_ms| Waited::load(&layout).and_until(now_ms).unwrap().total_ms();
        let begin = 1_000 * STEP_MAX_MS;
        assert_eq!(look(begin), 0);
        assert_eq!(look(begin + 5), 5);
        assert_eq!(look(begin + STEP_MAX_MS), STEP_MAX_MS, "a night counts");
        assert_eq!(look(begin + 90 * STEP_MAX_MS), 2 * STEP_MAX_MS, "months without it are a day");
        assert_eq!(look(0), 2 * STEP_MAX_MS, "a clock that goes back brings nobody nearer");
        assert_eq!(look(7), 2 * STEP_MAX_MS + 7);
        std::fs::write(layout.restoring().join(FILE), "rubbish").unwrap();
        assert_eq!(look(begin), 0);
    }
}
