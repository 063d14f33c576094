//! Writing what is kept for another home to a disk.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::bail;
use heirloom_vault::keeper::Copied;
use serde_json::{Value, json};

use super::super::Say;
use super::who::Other;
use crate::home::Home;
use crate::vault::carry;

/// Time between two lines of progress.
const PROGRESS_EVERY: Duration = Duration::from_millis(500);

/// Writes everything that is kept for a ward, and says how far it is.
pub(super) fn write(home: &Home, ward: &Other, folder: &Path, say: &mut Say<'_>) -> anyhow::Result<()> {
    let folder = carry::look(home, &ward.household, folder)?;
    let mut told = Instant::now();
    let copied = carry::write(home, &ward.household, &folder, &mut |copied| {
        if told.elapsed() < PROGRESS_EVERY {
            return true;
        }
        told = Instant::now();
        say(progress(copied))
    })?;
    let Copied { packs, bytes, bad, unread, .. } = copied;
    let left_out = copied.left_out();
    say(json!({"done": true, "name": ward.name, "packs": packs, "bytes": bytes, "bad": left_out}));
    if unread > 0 {
        bail!(
            "{left_out} boxes of {} are not on the disk; {unread} of them cannot be read from this home's disk now, which may \
             be failing: write the disk once more, and see what `heirloom doctor` says",
            ward.name
        );
    }
    if bad > 0 {
        bail!(
            "{bad} boxes of {} are damaged or lost here and are not on the disk; that home sends them again when it is \
             on: write the disk once more then",
            ward.name
        );
    }
    Ok(())
}

fn progress(copied: &Copied) -> Value {
    let done = copied.packs.saturating_add(copied.left_out());
    json!({"stage": "writing", "done": done, "total": copied.packs_total, "bytes": copied.bytes})
}
