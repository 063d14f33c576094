//! One place's lane: what is to go there goes there, one pack after the other, each proved at once.
//!
//! A pack counts only when the place has proved it. A lane ends when its place cannot be reached, its disk is not there,
//! or it may not send at this hour; whatever it did not send is still to be sent the next time.

mod outgoing;
mod sending;

use std::collections::HashSet;
use std::sync::Arc;

use anyhow::Context;
use heirloom_identity::VaultHead;
use heirloom_vault::pack::PACK_BYTES_MAX;
use heirloom_vault::policy::TargetId;
use heirloom_vault::store::{Place, Reported};
use heirloom_vault::{PackRef, Target, TargetError, TargetState};
use serde::{Deserialize, Serialize};

pub(super) use self::sending::random_challenge;
use super::backup::Run;
use super::polite::blocking;
use super::{known_places, place, recount};

/// Packs that a lane looks for at once.
const LOOK_PACKS: usize = 32;

/// Why a lane ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Ended {
    /// Everything that is to be there is there.
    Done,
    /// The place cannot be reached.
    Offline,
    /// The place can be reached, its disk is not there.
    DiskAbsent,
    /// It has no room for more.
    Full,
    /// It does not want to.
    Refused,
    /// Too much went wrong.
    Failed,
    /// It is not the time of day to send.
    Resting,
    /// The run was stopped.
    Stopped,
}

/// See the module's description.
pub(super) struct Lane {
    run: Arc<Run>,
    id: TargetId,
    target: Arc<dyn Target>,
    is_near: bool,
    /// What is not tried again in this run.
    skipped: HashSet<PackRef>,
    is_full: bool,
    failures: usize,
}

/// What a lane sends next.
struct Next {
    packs: Vec<PackRef>,
    /// It is what the household is made of.
    is_urgent: bool,
}

impl Lane {
    pub(super) fn new(run: Arc<Run>, id: TargetId, target: Arc<dyn Target>, is_near: bool) -> Self {
        Self { run, id, target, is_near, skipped: HashSet::new(), is_full: false, failures: 0 }
    }

    /// Sends until there is nothing more to send and the run is finishing.
    pub(super) async fn run(mut self) -> anyhow::Result<Ended> {
        if let Some(ended) = self.greet().await? {
            return Ok(ended);
        }
        if let Some(forgotten) = recount::recount(&self.run.home, self.id, &self.target).await? {
            // Otherwise the next head would only be made when something changes.
            self.run.count_on_from(&forgotten);
        }
        let mut changes = self.run.lanes.changes();
        loop {
            let seen = *changes.borrow_and_update();
            if self.run.is_stopping() {
                return Ok(Ended::Stopped);
            }
            let next = self.look().await?;
            if !next.is_urgent {
                // Before the queue and not after it: it may last for weeks, and without a head nothing there can be found.
                self.offer_head().await?;
            }
            if !self.may_send() {
                return Ok(Ended::Resting);
            }
            if next.packs.is_empty() {
                self.run.lanes.idle(self.id, seen);
                let run = Arc::clone(&self.run);
                tokio::select! {
                    () = run.stopped() => return Ok(Ended::Stopped),
                    () = run.finished() => return Ok(if self.is_full { Ended::Full } else { Ended::Done }),
                    changed = changes.changed() => changed.context("the run is gone")?,
                }
                continue;
            }
            if let Some(ended) = self.send_all(next.packs, &changes).await? {
                return Ok(ended);
            }
        }
    }

    /// Asks how the place is; why the lane ends, if it does.
    async fn greet(&self) -> anyhow::Result<Option<Ended>> {
        match self.target.state().await {
            Ok(state) => {
                self.note_state(state).await?;
                Ok(None)
            }
            Err(error) => {
                let ended = ends(&error).unwrap_or(Ended::Failed);
                self.note_trouble(&error).await?;
                Ok(Some(ended))
            }
        }
    }

    async fn note_state(&self, state: TargetState) -> anyhow::Result<()> {
        let (run, id) = (Arc::clone(&self.run), self.id);
        let disk = self.target.disk().await.ok().flatten();
        blocking(move || {
            let (store, now_ms) = (&run.home.vault.store, run.now());
            let before = store.target(id)?;
            if let (Some(disk), Some(Place::Folder(path))) = (disk, before.as_ref().map(|row| &row.place)) {
                known_places::note_disk(store, path, disk)?;
            }
            let TargetState { quota, used, held, free, packs, .. } = state;
            store.target_seen(id, Reported { quota, used, held, free }, &run.policy, now_ms)?;
            recount::note_packs(&run.home, id, packs)?;
            let was_full = before.is_some_and(|row| row.full_ms.is_some());
            if was_full && free.is_none_or(|free| free >= PACK_BYTES_MAX as u64) {
                store.set_target_full(id, false, now_ms)?;
                run.look_at_places()?;
            }
            Ok(())
        })
        .await
    }

    async fn note_trouble(&self, error: &TargetError) -> anyhow::Result<()> {
        let (home, id, now_ms, error) = (Arc::clone(&self.run.home), self.id, self.run.now(), error.clone());
        blocking(move || {
            let store = &home.vault.store;
            match error {
                TargetError::Offline | TargetError::Busy => {}
                TargetError::DiskAbsent => store.target_disk_absent(id, now_ms)?,
                TargetError::Full { .. } => store.set_target_full(id, true, now_ms)?,
                other => store.set_target_trouble(id, Some(&other.to_string()))?,
            }
            Ok(())
        })
        .await
    }

    fn may_send(&self) -> bool {
        self.is_near || self.run.is_hour()
    }

    /// What is to be sent next: what the household is made of by itself, so that a head can follow it at once.
    async fn look(&self) -> anyhow::Result<Next> {
        let (home, id, limit) = (Arc::clone(&self.run.home), self.id, LOOK_PACKS + self.skipped.len());
        let next = blocking(move || Ok(home.vault.store.next_for(id, limit)?)).await?;
        let next: Vec<_> = next.into_iter().filter(|(pack, _)| !self.skipped.contains(pack)).collect();
        let is_urgent = next.first().is_some_and(|(_, shelf)| *shelf == 0);
        let packs = next.into_iter().take_while(|(_, shelf)| !is_urgent || *shelf == 0);
        Ok(Next { packs: packs.map(|(pack, _)| pack).take(LOOK_PACKS).collect(), is_urgent })
    }

    /// Whether something came up that goes before what is being sent: more of what the household is made of, or a head.
    async fn is_called(&self) -> anyhow::Result<bool> {
        let (home, id) = (Arc::clone(&self.run.home), self.id);
        let skipped = self.skipped.len();
        let next = blocking(move || {
            let store = &home.vault.store;
            let last = store.head_to_give()?.map(|last| last.number);
            Ok((store.next_for(id, skipped + 1)?, last > store.head_at(id)?))
        });
        let (next, has_head) = next.await?;
        let mut next = next.iter().filter(|(pack, _)| !self.skipped.contains(pack));
        Ok(has_head || next.next().is_some_and(|(_, shelf)| *shelf == 0))
    }

    /// Sends the newest head, once everything that it begins with is proved there.
    async fn offer_head(&self) -> anyhow::Result<()> {
        let (home, id) = (Arc::clone(&self.run.home), self.id);
        let head = blocking(move || {
            let store = &home.vault.store;
            let Some(last) = store.head_to_give()? else { return Ok(None) };
            let is_there = store.head_at(id)?.is_some_and(|there| there >= last.number);
            Ok((!is_there && store.head_ready(id)?).then_some(last))
        });
        let Some(head) = head.await? else { return Ok(()) };
        match self.target.put_head(head.head.clone()).await {
            Ok(()) => {
                let (home, id, number) = (Arc::clone(&self.run.home), self.id, head.number);
                blocking(move || Ok(home.vault.store.set_head_at(id, number)?)).await?;
                self.run.lanes.took_head(self.id, head.number);
                Ok(())
            }
            Err(error @ (TargetError::Older | TargetError::Fork)) => self.learn_heads(&error).await,
            Err(error) => self.note_trouble(&error).await,
        }
    }

    /// The place has a head that does not go with ours: this home counts on from there if it is in its own name, unless
    /// another node of the household made it.
    async fn learn_heads(&self, error: &TargetError) -> anyhow::Result<()> {
        let Ok(heads) = self.target.heads().await else { return Ok(()) };
        let (home, id) = (Arc::clone(&self.run.home), self.id);
        let forgotten = blocking(move || {
            let heads: Vec<VaultHead> =
                heads.iter().filter_map(|head| VaultHead::decode(head).ok()).collect();
            recount::look_at_heads(&home, id, &heads, false)
        });
        match forgotten.await? {
            Some(forgotten) => self.run.count_on_from(&forgotten),
            None => self.note_trouble(error).await?,
        }
        Ok(())
    }
}

/// Whether an error is one of the place as a whole.
fn ends(error: &TargetError) -> Option<Ended> {
    match error {
        TargetError::Offline => Some(Ended::Offline),
        TargetError::DiskAbsent => Some(Ended::DiskAbsent),
        TargetError::Refused(_) => Some(Ended::Refused),
        TargetError::Full { .. } => Some(Ended::Full),
        TargetError::Busy
        | TargetError::Missing
        | TargetError::Older
        | TargetError::Fork
        | TargetError::Wrong(_)
        | TargetError::Io(_) => None,
    }
}

/// Whether a place is in this network.
pub(super) fn is_near(run: &Run, id: TargetId) -> anyhow::Result<bool> {
    let row = run.home.vault.store.target(id)?;
    Ok(row.is_some_and(|row| place::is_near(&run.home, &row.place)))
}
