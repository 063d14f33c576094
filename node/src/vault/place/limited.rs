//! A folder of one's own as a place for copies, with a limit: one on a share of the network that doesn't answer is as good as
//! one whose disk is not there, and whoever asks it hears that instead of waiting for ever.
//!
//! The limit is for one piece of the folder's work: a pack that is read, a file that is written, a name that is changed. It is
//! neither for all that was asked at once nor for what waits before it: a slow disk with much to do is no hung one.

use std::ops::Range;
use std::time::Duration;

use bytes::Bytes;
use heirloom_vault::folder::DiskId;
use heirloom_vault::target::FolderTarget;
use heirloom_vault::{
    Answer, BoxFuture, Challenge, DeleteOutcome, PackId, Room, Target, TargetError, TargetState,
};
use tokio::runtime::Handle;

/// How long a folder may take over one thing: a pack on the slowest disk takes a minute.
pub const FOLDER_TIME: Duration = Duration::from_mins(3);

/// See the module.
pub struct Limited {
    /// There until it is dropped.
    folder: Option<FolderTarget>,
    limit: Duration,
}

impl Limited {
    /// Gives a folder so much time for each thing that it is asked.
    pub fn new(folder: FolderTarget, limit: Duration) -> Self {
        Self { folder: Some(folder), limit }
    }

    fn ask<'a, T: Send + 'a>(
        &'a self,
        call: impl FnOnce(&'a FolderTarget) -> BoxFuture<'a, Result<T, TargetError>> + Send + 'a,
    ) -> BoxFuture<'a, Result<T, TargetError>> {
        Box::pin(async move {
            if self.is_stuck() {
                return Err(TargetError::DiskAbsent);
            }
            let mut answer = call(self.folder());
            loop {
                match tokio::time::timeout(self.limit, &mut answer).await {
                    Ok(answer) => return answer,
                    Err(_) if self.is_stuck() => {
                        tracing::warn!(folder = ?self.folder(), "a folder with copies does not answer");
                        return Err(TargetError::DiskAbsent);
                    }
                    Err(_) => {}
                }
            }
        })
    }

    fn is_stuck(&self) -> bool {
        self.folder().busy_for() >= self.limit
    }

    fn folder(&self) -> &FolderTarget {
        self.folder.as_ref().expect("a folder is there until it is let go of")
    }
}

impl Drop for Limited {
    /// Whoever lets go of a folder waits for what it is doing, and tasks must not wait like that.
    fn drop(&mut self) {
        let Some(folder) = self.folder.take().filter(|folder| folder.busy_for() > Duration::ZERO) else {
            return;
        };
        if let Ok(runtime) = Handle::try_current() {
            drop(runtime.spawn_blocking(move || drop(folder)));
        }
    }
}

impl Target for Limited {
    fn put(&self, pack: PackId, bytes: Bytes, room: Room) -> BoxFuture<'_, Result<(), TargetError>> {
        self.ask(move |folder| folder.put(pack, bytes, room))
    }

    fn get(&self, pack: PackId, range: Range<u64>) -> BoxFuture<'_, Result<Bytes, TargetError>> {
        self.ask(move |folder| folder.get(pack, range))
    }

    fn list(&self, after: Option<PackId>) -> BoxFuture<'_, Result<Vec<(PackId, u64)>, TargetError>> {
        self.ask(move |folder| folder.list(after))
    }

    fn prove(
        &self,
        challenges: Vec<Challenge>,
    ) -> BoxFuture<'_, Result<Vec<(Challenge, Answer)>, TargetError>> {
        self.ask(move |folder| folder.prove(challenges))
    }

    fn delete(&self, packs: Vec<PackId>) -> BoxFuture<'_, Result<DeleteOutcome, TargetError>> {
        self.ask(move |folder| folder.delete(packs))
    }

    fn answer_deletion(&self, allow: bool) -> BoxFuture<'_, Result<DeleteOutcome, TargetError>> {
        self.ask(move |folder| folder.answer_deletion(allow))
    }

    fn put_head(&self, head: Vec<u8>) -> BoxFuture<'_, Result<(), TargetError>> {
        self.ask(move |folder| folder.put_head(head))
    }

    fn heads(&self) -> BoxFuture<'_, Result<Vec<Vec<u8>>, TargetError>> {
        self.ask(|folder| folder.heads())
    }

    fn put_kit(&self, kit: Vec<u8>) -> BoxFuture<'_, Result<(), TargetError>> {
        self.ask(move |folder| folder.put_kit(kit))
    }

    fn kits(&self) -> BoxFuture<'_, Result<Vec<Vec<u8>>, TargetError>> {
        self.ask(|folder| folder.kits())
    }

    fn state(&self) -> BoxFuture<'_, Result<TargetState, TargetError>> {
        self.ask(|folder| folder.state())
    }

    fn disk(&self) -> BoxFuture<'_, Result<Option<DiskId>, TargetError>> {
        self.ask(|folder| folder.disk())
    }

    fn tidy(&self) -> BoxFuture<'_, Result<u64, TargetError>> {
        self.ask(|folder| folder.tidy())
    }
}
