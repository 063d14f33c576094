//! A place that can be made to misbehave.

use std::ops::Range;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use heirloom_vault::{
    Answer, BoxFuture, Challenge, DeleteOutcome, PackId, Room, Target, TargetError, TargetState,
};
use tokio::sync::watch;
use tokio::time::timeout;

use crate::wait::PATIENCE;

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
    /// Its list has no end.
    EndlessList,
    /// Its line breaks whenever photos are sent.
    ShortLine,
    /// It takes for ever over photos that are sent, over questions, and over deleting.
    Stuck,
}

/// A place that passes everything on to another, unless it is told to misbehave.
pub(crate) struct Faulty {
    inner: Arc<dyn Target>,
    fault: Mutex<Fault>,
    /// How often it was asked how it is.
    asked: watch::Sender<u64>,
}

impl Faulty {
    pub(crate) fn new(inner: Arc<dyn Target>) -> Arc<Self> {
        Arc::new(Self { inner, fault: Mutex::new(Fault::None), asked: watch::Sender::new(0) })
    }

    pub(crate) fn set(&self, fault: Fault) {
        *self.fault.lock().unwrap() = fault;
    }

    /// Waits until it was asked how it is.
    pub(crate) async fn was_asked(&self) {
        let mut asked = self.asked.subscribe();
        timeout(PATIENCE, asked.wait_for(|asked| *asked > 0)).await.expect("nobody asks it").unwrap();
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
                Fault::Stuck if room == Room::Common => std::future::pending().await,
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
            if self.fault() == Fault::EndlessList {
                let first = after
                    .map_or(0, |after| u64::from_be_bytes(after.as_bytes()[..8].try_into().unwrap()) + 1);
                let made_up = |number: u64| {
                    let mut id = [0; 32];
                    id[..8].copy_from_slice(&number.to_be_bytes());
                    (PackId::from_bytes(id), 1 << 16)
                };
                return Ok((first..first + 4_096).map(made_up).collect());
            }
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
            if self.fault() == Fault::Stuck && challenges.len() > 1 {
                return std::future::pending().await;
            }
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
            if self.fault() == Fault::Stuck {
                return std::future::pending().await;
            }
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
            self.asked.send_modify(|asked| *asked += 1);
            self.silence()?;
            self.inner.state().await
        })
    }
}
