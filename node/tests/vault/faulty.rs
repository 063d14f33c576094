//! A place that can be made to misbehave.

use std::ops::Range;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use heirloom_vault::{
    Answer, BoxFuture, Challenge, DeleteOutcome, PackId, Room, Target, TargetError, TargetState,
};

/// What it does wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Nothing.
    None,
    /// It says that it took a pack, and throws it away.
    TakesNothing,
    /// It answers questions with something made up.
    MakesUp,
    /// It has no room.
    Full,
    /// It does not want to.
    Refuses,
    /// It cannot be reached.
    Off,
    /// Its disk is not there.
    DiskAbsent,
    /// Its line breaks whenever photos are sent.
    ShortLine,
}

/// A place that passes everything on to another, unless it is told to misbehave.
pub(crate) struct Faulty {
    inner: Arc<dyn Target>,
    fault: Mutex<Fault>,
}

impl Faulty {
    pub(crate) fn new(inner: Arc<dyn Target>) -> Arc<Self> {
        Arc::new(Self { inner, fault: Mutex::new(Fault::None) })
    }

    pub(crate) fn set(&self, fault: Fault) {
        *self.fault.lock().unwrap() = fault;
    }

    fn fault(&self) -> Fault {
        *self.fault.lock().unwrap()
    }

    /// Why nothing can be asked of it.
    fn silence(&self) -> Result<(), TargetError> {
        match self.fault() {
            Fault::Off => Err(TargetError::Offline),
            Fault::DiskAbsent => Err(TargetError::DiskAbsent),
            _ => Ok(()),
        }
    }
}

impl Target for Faulty {
    fn put(&self, pack: PackId, bytes: Bytes, room: Room) -> BoxFuture<'_, Result<(), TargetError>> {
        Box::pin(async move {
            self.silence()?;
            match self.fault() {
                Fault::TakesNothing => Ok(()),
                Fault::Full => Err(TargetError::Full { quota: 1, used: 1 }),
                Fault::Refuses => Err(TargetError::Refused("no".to_owned())),
                Fault::ShortLine if room == Room::Common => Err(TargetError::Offline),
                _ => self.inner.put(pack, bytes, room).await,
            }
        })
    }

    fn get(&self, pack: PackId, range: Range<u64>) -> BoxFuture<'_, Result<Bytes, TargetError>> {
        Box::pin(async move {
            self.silence()?;
            self.inner.get(pack, range).await
        })
    }

    fn list(&self, after: Option<PackId>) -> BoxFuture<'_, Result<Vec<(PackId, u64)>, TargetError>> {
        Box::pin(async move {
            self.silence()?;
            self.inner.list(after).await
        })
    }

    fn prove(
        &self,
        challenges: Vec<Challenge>,
    ) -> BoxFuture<'_, Result<Vec<(Challenge, Answer)>, TargetError>> {
        Box::pin(async move {
            if self.fault() == Fault::DiskAbsent {
                return Ok(challenges.into_iter().map(|asked| (asked, Answer::DiskAbsent)).collect());
            }
            self.silence()?;
            if self.fault() == Fault::MakesUp {
                let made_up = Answer::Proof(vec![7; 16 * 1024]);
                return Ok(challenges.into_iter().map(|asked| (asked, made_up.clone())).collect());
            }
            self.inner.prove(challenges).await
        })
    }

    fn delete(&self, packs: Vec<PackId>) -> BoxFuture<'_, Result<DeleteOutcome, TargetError>> {
        Box::pin(async move {
            self.silence()?;
            self.inner.delete(packs).await
        })
    }

    fn answer_deletion(&self, allow: bool) -> BoxFuture<'_, Result<DeleteOutcome, TargetError>> {
        self.inner.answer_deletion(allow)
    }

    fn put_head(&self, head: Vec<u8>) -> BoxFuture<'_, Result<(), TargetError>> {
        Box::pin(async move {
            self.silence()?;
            self.inner.put_head(head).await
        })
    }

    fn heads(&self) -> BoxFuture<'_, Result<Vec<Vec<u8>>, TargetError>> {
        self.inner.heads()
    }

    fn put_kit(&self, kit: Vec<u8>) -> BoxFuture<'_, Result<(), TargetError>> {
        self.inner.put_kit(kit)
    }

    fn kits(&self) -> BoxFuture<'_, Result<Vec<Vec<u8>>, TargetError>> {
        self.inner.kits()
    }

    fn state(&self) -> BoxFuture<'_, Result<TargetState, TargetError>> {
        Box::pin(async move {
            self.silence()?;
            self.inner.state().await
        })
    }
}
