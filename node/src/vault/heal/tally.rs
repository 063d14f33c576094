//! How far bringing originals is.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use heirloom_store::Fault;

use super::{Healed, Progress};
use crate::ledger::assets::StoredFile;
use crate::vault::fetch::FetchError;
use crate::vault::put_back::Back;

/// Originals in a row for which nobody was reached, after which the others are not tried either if all places are off.
const SILENCE_MAX: u64 = 6;

/// See the module's description.
#[derive(Default)]
pub(super) struct Tally {
    pub(super) total: u64,
    pub(super) total_bytes: u64,
    done: AtomicU64,
    bytes: AtomicU64,
    left: AtomicU64,
    disk_is_full: AtomicBool,
    /// Originals in a row for which nobody was reached.
    silence: AtomicU64,
}

impl Tally {
    pub(super) fn of(total: u64, total_bytes: u64) -> Self {
        Self { total, total_bytes, ..Self::default() }
    }

    pub(super) fn note(&self, file: &StoredFile, brought: Result<Back, FetchError>) {
        match brought {
            Ok(Back::Placed(_) | Back::WasThere) => {
                self.silence.store(0, Ordering::Relaxed);
                self.done.fetch_add(1, Ordering::Relaxed);
                self.bytes.fetch_add(file.bytes, Ordering::Relaxed);
            }
            Ok(Back::Unknown) => {}
            Err(error) => {
                tracing::debug!(%error, path = file.path, "an original cannot be brought back now");
                self.left.fetch_add(1, Ordering::Relaxed);
                if matches!(error, FetchError::Unreachable) {
                    self.silence.fetch_add(1, Ordering::Relaxed);
                }
                let fault = match &error {
                    FetchError::Here(error) => Fault::of(error.as_ref()),
                    other => Fault::of(other),
                };
                self.disk_is_full.fetch_or(fault == Fault::Full, Ordering::Relaxed);
            }
        }
    }

    pub(super) fn is_full(&self) -> bool {
        self.disk_is_full.load(Ordering::Relaxed)
    }

    /// Whether it looks as if nobody were there.
    pub(super) fn is_silent(&self) -> bool {
        self.silence.load(Ordering::Relaxed) >= SILENCE_MAX
    }

    pub(super) fn progress(&self) -> Progress {
        Progress {
            done: self.done.load(Ordering::Relaxed),
            total: self.total,
            bytes: self.bytes.load(Ordering::Relaxed),
            total_bytes: self.total_bytes,
        }
    }

    pub(super) fn healed(&self) -> Healed {
        let Progress { done, bytes, .. } = self.progress();
        Healed { healed: done, bytes, left: self.left.load(Ordering::Relaxed) }
    }
}
