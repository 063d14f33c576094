//! Another home as a place that keeps packs.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use heirloom_identity::HouseholdId;
use heirloom_vault::{
    Answer, BoxFuture, Challenge, DeleteOutcome, PackId, Room, Target, TargetError, TargetState,
};
use tokio::sync::{Semaphore, SemaphorePermit};

use super::asking::{Line, Outgoing};
use super::messages::VaultRequest;
use crate::home::Home;

/// Packs that are sent to one home at once.
const PUTS_MAX: usize = super::places::PUTS_PER_WARD_MAX;
/// Other requests that one home is asked at once; it has places for a few more.
const ASKS_MAX: usize = super::places::READS_PER_WARD_MAX - 2;

/// What may be under way to one home; more waits here instead of being told that the other home is busy.
#[derive(Debug)]
pub struct Lanes {
    puts: Semaphore,
    asks: Semaphore,
}

impl Default for Lanes {
    fn default() -> Self {
        Self { puts: Semaphore::new(PUTS_MAX), asks: Semaphore::new(ASKS_MAX) }
    }
}

/// Another home that keeps packs of this one, while it is connected; without a connection everything is
/// [`TargetError::Offline`] at once.
pub struct PeerTarget {
    home: Arc<Home>,
    household: HouseholdId,
    lanes: Arc<Lanes>,
}

impl PeerTarget {
    /// The home of this household.
    pub fn new(home: Arc<Home>, household: HouseholdId) -> Self {
        let lanes = home.vault.lanes(&household);
        Self { home, household, lanes }
    }

    /// The household.
    pub fn household(&self) -> HouseholdId {
        self.household
    }

    fn line(&self) -> Result<Line, TargetError> {
        let network = self.home.network().ok_or(TargetError::Offline)?;
        network.connection(&self.household).map(Line::new).ok_or(TargetError::Offline)
    }

    async fn asking(&self) -> Result<(Line, SemaphorePermit<'_>), TargetError> {
        let permit = self.lanes.asks.acquire().await.map_err(|_| TargetError::Offline)?;
        Ok((self.line()?, permit))
    }

    async fn send(&self, outgoing: Outgoing) -> Result<(), TargetError> {
        let _permit = self.lanes.puts.acquire().await.map_err(|_| TargetError::Offline)?;
        let line = self.line()?;
        // What stays in this network costs nobody anything.
        let throttle = (!line.connection().path().is_local).then_some(&self.home.vault.throttle);
        line.put(&outgoing, throttle).await
    }
}

impl Target for PeerTarget {
    fn put(&self, pack: PackId, bytes: Bytes, room: Room) -> BoxFuture<'_, Result<(), TargetError>> {
        Box::pin(self.send(Outgoing { pack, bytes, room }))
    }

    fn get(&self, pack: PackId, range: Range<u64>) -> BoxFuture<'_, Result<Bytes, TargetError>> {
        Box::pin(async move {
            let (line, _permit) = self.asking().await?;
            line.get(pack, range).await
        })
    }

    fn list(&self, after: Option<PackId>) -> BoxFuture<'_, Result<Vec<(PackId, u64)>, TargetError>> {
        Box::pin(async move {
            let (line, _permit) = self.asking().await?;
            line.list(after).await
        })
    }

    fn prove(
        &self,
        challenges: Vec<Challenge>,
    ) -> BoxFuture<'_, Result<Vec<(Challenge, Answer)>, TargetError>> {
        Box::pin(async move {
            let (line, _permit) = self.asking().await?;
            line.prove(challenges).await
        })
    }

    fn delete(&self, packs: Vec<PackId>) -> BoxFuture<'_, Result<DeleteOutcome, TargetError>> {
        Box::pin(async move {
            let (line, _permit) = self.asking().await?;
            line.delete(VaultRequest::Delete(packs)).await
        })
    }

    fn answer_deletion(&self, allow: bool) -> BoxFuture<'_, Result<DeleteOutcome, TargetError>> {
        Box::pin(async move {
            let (line, _permit) = self.asking().await?;
            line.delete(VaultRequest::AnswerDeletion { allow }).await
        })
    }

    fn put_head(&self, head: Vec<u8>) -> BoxFuture<'_, Result<(), TargetError>> {
        Box::pin(async move {
            let (line, _permit) = self.asking().await?;
            line.tell(VaultRequest::PutHead(head)).await
        })
    }

    fn heads(&self) -> BoxFuture<'_, Result<Vec<Vec<u8>>, TargetError>> {
        Box::pin(async move {
            let (line, _permit) = self.asking().await?;
            line.heads().await
        })
    }

    fn put_kit(&self, kit: Vec<u8>) -> BoxFuture<'_, Result<(), TargetError>> {
        Box::pin(async move {
            let (line, _permit) = self.asking().await?;
            line.tell(VaultRequest::PutKit(kit)).await
        })
    }

    fn kits(&self) -> BoxFuture<'_, Result<Vec<Vec<u8>>, TargetError>> {
        Box::pin(async move {
            let (line, _permit) = self.asking().await?;
            line.kits().await
        })
    }

    fn state(&self) -> BoxFuture<'_, Result<TargetState, TargetError>> {
        Box::pin(async move {
            let (line, _permit) = self.asking().await?;
            let kept = line.state().await?.kept;
            let kept = kept.ok_or_else(|| TargetError::Refused("it keeps nothing for this home".into()))?;
            if kept.disk_is_there { Ok(kept.state) } else { Err(TargetError::DiskAbsent) }
        })
    }
}
