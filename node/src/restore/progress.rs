//! How far a restore has come, for whoever watches it: the command line, the first-run page, the Safety page.

use std::sync::{Arc, Mutex, PoisonError};

use serde::Serialize;
use tokio::sync::watch;
use utoipa::ToSchema;

use super::source::Source;

/// What is being done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub enum Stage {
    /// Homes and folders are asked what they keep.
    Contact,
    /// Names, albums, captions and everything else that people decided.
    Tables,
    /// Thumbnails, then previews, the newest first.
    Pictures,
    /// The photos as they came.
    Originals,
    /// All of it is here.
    Done,
    /// It ended before that; see the message.
    Failed,
}

/// How far it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Progress {
    /// What is being done.
    pub stage: Stage,
    /// Things of this stage that are here.
    pub done: u64,
    /// Things of this stage.
    pub total: u64,
    /// Bytes of this stage that are here.
    pub bytes: u64,
    /// Bytes of this stage.
    pub total_bytes: u64,
    /// What a person should know: why it failed, or what was left aside.
    pub message: Option<String>,
    /// When the state that is restored was made, in milliseconds since the Unix epoch, UTC.
    pub head_at_ms: Option<i64>,
    /// The household's name.
    pub household: Option<String>,
    /// Homes and disks that it waits for, as people call them.
    pub awaits: Vec<String>,
}

impl Progress {
    fn at(stage: Stage) -> Self {
        Self {
            stage,
            done: 0,
            total: 0,
            bytes: 0,
            total_bytes: 0,
            message: None,
            head_at_ms: None,
            household: None,
            awaits: Vec::new(),
        }
    }
}

/// A restore that is under way, or not. Shared by those who work on it and those who watch.
pub struct Restoring {
    progress: watch::Sender<Option<Progress>>,
    /// What the restore was begun from, beside the homes that this one is paired with.
    sources: Mutex<Vec<Arc<Source>>>,
}

impl Default for Restoring {
    fn default() -> Self {
        Self { progress: watch::Sender::new(None), sources: Mutex::default() }
    }
}

impl Restoring {
    /// How far it is; `None` when nothing is being restored.
    pub fn progress(&self) -> Option<Progress> {
        self.progress.borrow().clone()
    }

    /// Follows it.
    pub fn watch(&self) -> watch::Receiver<Option<Progress>> {
        self.progress.subscribe()
    }

    /// Begins anew, with asking this many homes and folders; nothing of an attempt before stays.
    pub fn start(&self, places: u64) {
        self.progress.send_replace(Some(Progress { total: places, ..Progress::at(Stage::Contact) }));
    }

    /// Begins a stage; what was found out before stays.
    pub fn begin(&self, stage: Stage, total: u64, total_bytes: u64) {
        self.progress.send_modify(|progress| {
            let before = progress.take().unwrap_or_else(|| Progress::at(stage));
            *progress = Some(Progress { stage, done: 0, total, bytes: 0, total_bytes, ..before });
        });
    }

    /// Notes that more things are here.
    pub fn add(&self, done: u64, bytes: u64) {
        self.change(|progress| {
            progress.done = progress.done.saturating_add(done);
            progress.bytes = progress.bytes.saturating_add(bytes);
        });
    }

    /// Notes where a stage stands.
    pub fn set(&self, done: u64, total: u64, bytes: u64, total_bytes: u64) {
        self.change(|progress| {
            (progress.done, progress.total) = (done, total);
            (progress.bytes, progress.total_bytes) = (bytes, total_bytes);
        });
    }

    /// Ends: all of it is here.
    pub fn end(&self, total: u64, total_bytes: u64) {
        self.change(|progress| {
            (progress.stage, progress.done, progress.total) = (Stage::Done, total, total);
            (progress.bytes, progress.total_bytes) = (total_bytes, total_bytes);
        });
    }

    /// Says whose state of when is restored.
    pub fn found(&self, household: &str, head_at_ms: i64) {
        self.change(|progress| {
            progress.household = Some(household.to_owned());
            progress.head_at_ms = Some(head_at_ms);
        });
    }

    /// Says something that a person should know.
    pub fn say(&self, message: impl Into<String>) {
        let message = message.into();
        tracing::info!(message, "restoring");
        self.change(|progress| progress.message = Some(message));
    }

    /// Takes back what was said, because it is over.
    pub fn unsay(&self) {
        self.change(|progress| {
            progress.message = None;
            progress.awaits.clear();
        });
    }

    /// Says what it waits for, in words and one by one.
    pub fn wait_for(&self, message: &str, awaits: Vec<String>) {
        self.say(message);
        self.change(|progress| progress.awaits = awaits);
    }

    /// Ends with an error.
    pub fn fail(&self, message: impl Into<String>) {
        self.begin(Stage::Failed, 0, 0);
        self.say(message);
    }

    /// What the restore was begun from.
    pub fn sources(&self) -> Vec<Arc<Source>> {
        self.sources.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Hands on what the restore was begun from, so that the photos come from there too.
    pub fn keep_sources(&self, sources: Vec<Arc<Source>>) {
        *self.sources.lock().unwrap_or_else(PoisonError::into_inner) = sources;
    }

    /// Goes on where another one came to.
    pub fn adopt(&self, other: &Self) {
        self.keep_sources(other.sources());
        self.progress.send_replace(other.progress());
    }

    fn change(&self, change: impl FnOnce(&mut Progress)) {
        self.progress.send_modify(|progress| {
            if let Some(progress) = progress {
                change(progress);
            }
        });
    }
}
