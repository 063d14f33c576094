//! Whole files become safe: their bytes are on the medium before anybody hears that they are done.
//!
//! Files that are whole wait here for a short time and are synced side by side: a journalling file system then commits
//! many with one write, which is what makes thousands of small files bearable.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};

use super::part::Part;

/// Whole files that wait to be synced; fetching waits when there are more. Each is an open file.
const WHOLE_QUEUED_MAX: usize = 64;

/// Files of one round.
const ROUND_MAX: usize = 64;

/// Threads that wait for the disk in one round.
const SYNCS_AT_ONCE: usize = 16;

/// The queue of whole files.
pub(crate) fn queue() -> (SyncSender<Arc<Part>>, Receiver<Arc<Part>>) {
    sync_channel(WHOLE_QUEUED_MAX)
}

/// Makes files safe until all senders are gone; blocks. `done` hears of each.
pub(crate) fn run(whole: &Receiver<Arc<Part>>, done: &dyn Fn(&Part, io::Result<()>)) {
    while let Ok(first) = whole.recv() {
        let mut round = vec![first];
        round.extend(whole.try_iter().take(ROUND_MAX - 1));
        let outcomes =
            sync_all(&round).into_iter().zip(&round).map(|(synced, part)| synced.and_then(|()| place(part)));
        let outcomes: Vec<io::Result<()>> = outcomes.collect();
        let folders = sync_folders(&round);
        for (part, outcome) in round.iter().zip(outcomes) {
            let folder = match &folders {
                Err(error) if part.wanted.done.is_some() => {
                    Err(io::Error::new(error.kind(), error.to_string()))
                }
                _ => Ok(()),
            };
            done(part, outcome.and(folder));
        }
    }
}

fn sync_all(round: &[Arc<Part>]) -> Vec<io::Result<()>> {
    if let [only] = round {
        return vec![only.sync()];
    }
    let next = AtomicUsize::new(0);
    let outcomes = Mutex::new(Vec::with_capacity(round.len()));
    std::thread::scope(|scope| {
        for _ in 0..SYNCS_AT_ONCE.min(round.len()) {
            scope.spawn(|| {
                while let Some((at, part)) = take(&next, round) {
                    let synced = part.sync();
                    outcomes.lock().unwrap_or_else(PoisonError::into_inner).push((at, synced));
                }
            });
        }
    });
    let mut outcomes = outcomes.into_inner().unwrap_or_else(PoisonError::into_inner);
    outcomes.sort_by_key(|(at, _)| *at);
    outcomes.into_iter().map(|(_, outcome)| outcome).collect()
}

fn take<'a>(next: &AtomicUsize, round: &'a [Arc<Part>]) -> Option<(usize, &'a Part)> {
    let at = next.fetch_add(1, Ordering::Relaxed);
    round.get(at).map(|part| (at, &**part))
}

fn place(part: &Part) -> io::Result<()> {
    match &part.wanted.done {
        Some(done) => fs::rename(&part.wanted.part, done),
        None => Ok(()),
    }
}

/// Makes the new names durable.
fn sync_folders(round: &[Arc<Part>]) -> io::Result<()> {
    let done = round.iter().filter_map(|part| part.wanted.done.as_deref());
    let folders: BTreeSet<&Path> = done.filter_map(Path::parent).collect();
    folders.into_iter().try_for_each(|folder| File::open(folder)?.sync_all())
}
