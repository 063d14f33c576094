//! Deletion in two steps, as in a folder: a pack becomes a fossil first, and is removed 30 days later.

use std::collections::HashSet;
use std::sync::PoisonError;

use object_store::ObjectStoreExt;
use object_store::path::Path;

use super::S3Target;
use crate::PackId;
use crate::folder::{CLOCK_NAME, Fossil, OwnTime, fossil_name, outdated, parse_fossil_name};
use crate::target::pace::Inventory;
use crate::target::{DELETE_MAX, DeleteOutcome, HOLD_MS, TargetError, TargetState};

/// Objects of one kind that are looked at: 32 TB of packs.
const LISTED_MAX: usize = 1 << 20;
/// Fossils removed in one go.
const TIDY_MAX: usize = 4096;

impl S3Target {
    pub(super) async fn delete_packs(&self, mut packs: Vec<PackId>) -> Result<DeleteOutcome, TargetError> {
        self.was_there().await?;
        packs.truncate(DELETE_MAX);
        self.inventory().await?.allow(&packs)?;
        let now_ms = self.own_time().await?;
        let mut outcome = DeleteOutcome::default();
        for pack in &packs {
            self.bury(pack, now_ms).await?;
            outcome.held += 1;
        }
        let packs: HashSet<_> = packs.into_iter().collect();
        for older in outdated(&self.fossils(None).await?, &packs) {
            self.remove(&self.fossil_name(older)).await?;
        }
        Ok(outcome)
    }

    async fn bury(&self, pack: &PackId, now_ms: i64) -> Result<(), TargetError> {
        let name = self.pack_name(pack, "pack");
        let fossil = self.name(&format!("fossils/{}", fossil_name(pack, now_ms)));
        match self.store.copy(&name, &fossil).await.map_err(|error| self.secrets.explain(error)) {
            Err(TargetError::Missing) => return Ok(()),
            other => other?,
        }
        self.remove(&name).await?;
        self.remove(&self.pack_name(pack, "obao")).await
    }

    /// Removes what has been held for long enough; returns how many packs.
    pub(super) async fn remove_fossils(&self) -> Result<u64, TargetError> {
        self.was_there().await?;
        let now_ms = self.own_time().await?;
        let mut old = self.fossils(None).await?;
        old.retain(|fossil| fossil.at_ms.saturating_add(HOLD_MS) <= now_ms);
        old.truncate(TIDY_MAX);
        for fossil in &old {
            self.remove(&self.fossil_name(fossil)).await?;
        }
        Ok(u64::try_from(old.len()).unwrap_or(u64::MAX))
    }

    /// What was deleted and is held.
    pub(super) async fn fossils(&self, of: Option<&PackId>) -> Result<Vec<Fossil>, TargetError> {
        let read = |name: &str, bytes| {
            let (id, at_ms) = parse_fossil_name(name)?;
            of.is_none_or(|of| *of == id).then_some(Fossil { id, at_ms, bytes })
        };
        self.objects("fossils", None, LISTED_MAX, read).await
    }

    pub(super) fn fossil_name(&self, fossil: &Fossil) -> Path {
        self.name(&format!("fossils/{}", fossil_name(&fossil.id, fossil.at_ms)))
    }

    pub(super) async fn add_up(&self) -> Result<TargetState, TargetError> {
        self.is_there().await?;
        Ok(self.limit.apply(self.inventory().await?.state()))
    }

    async fn inventory(&self) -> Result<Inventory, TargetError> {
        let read = |name: &str, bytes| Some((name.strip_suffix(".pack")?.parse().ok()?, bytes));
        let packs = self.objects("packs", None, LISTED_MAX, read).await?;
        Ok(Inventory::new(packs, &self.fossils(None).await?))
    }

    /// The bucket's own time, in which what was deleted is held. A full bucket does not stop it.
    pub(super) async fn own_time(&self) -> Result<i64, TargetError> {
        let (name, now_ms) = (self.name(&format!("fossils/{CLOCK_NAME}")), (self.clock)());
        let written = match self.small(&name).await {
            Ok(bytes) => std::str::from_utf8(&bytes).ok().and_then(OwnTime::from_text),
            Err(TargetError::Missing | TargetError::Wrong(_)) => None,
            Err(other) => return Err(other),
        };
        let unwritten = *self.unwritten.lock().unwrap_or_else(PoisonError::into_inner);
        let (time, is_new) = match OwnTime::further(written, unwritten) {
            Some(known) => known.look(now_ms),
            None => {
                let last = self.fossils(None).await?.iter().map(|fossil| fossil.at_ms).max();
                (OwnTime::begin(last, now_ms), true)
            }
        };
        if is_new {
            let unwritten = match self.write(&name, time.to_text().into_bytes().into()).await {
                Ok(()) => None,
                Err(TargetError::Full { .. }) => Some(time),
                Err(other) => return Err(other),
            };
            *self.unwritten.lock().unwrap_or_else(PoisonError::into_inner) = unwritten;
        }
        Ok(time.own_ms)
    }
}
