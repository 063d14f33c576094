//! One place's lane: what is to go there goes there, one pack after the other, each proved at once.
//!
//! A pack counts only when the place has proved it. A lane ends when its place cannot be reached, its disk is not there,
//! or it may not send at this hour; whatever it did not send is still to be sent the next time.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::Context;
use bytes::Bytes;
use futures_util::StreamExt;
use heirloom_identity::VaultHead;
use heirloom_vault::pack::PACK_BYTES_MAX;
use heirloom_vault::policy::audit::{Outcome, judge};
use heirloom_vault::policy::{Policy, Seed, TargetId};
use heirloom_vault::proof::group_count;
use heirloom_vault::store::{Place, Reported};
use heirloom_vault::{BlobKind, Challenge, Entry, PackRef, Room, Target, TargetError, rebuild};
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use super::backup::Run;
use super::fetch::{FetchError, whole_pack};
use super::polite::{blocking, polite};
use super::put_back::is_whole;
use super::{known_places, local, outbox, recount};
use crate::home::Home;
use crate::vault::place;

/// Packs that a lane looks for at once.
const LOOK_PACKS: usize = 32;
/// Packs that are on their way to one place at once: while one is written there, the next comes.
const AT_ONCE: usize = 2;
/// How often a pack is sent again when a place is busy or loses it at once.
const TRIES_MAX: u32 = 3;
/// How long a busy place is given.
const BUSY_WAIT: Duration = Duration::from_secs(2);
/// Packs in a row that a place may fail to take before its lane ends.
const FAILURES_MAX: usize = 5;

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

/// What became of one pack.
enum Sent {
    Proven(u32),
    /// It is there, as it says; it is asked again another time.
    Unproven,
    /// There is no room for it.
    Full,
    /// It went wrong there with this pack.
    Skipped(String),
    /// There is nothing to send: its bytes are out of reach now, or nobody wants it any more. The place is not to blame.
    OutOfReach,
    /// The lane ends.
    Ended(Ended),
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
        let mut changes = self.run.changes();
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
                self.run.lane_is_idle(self.id, seen);
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
        let now_ms = self.run.now();
        let state = self.target.state().await;
        let (home, id) = (Arc::clone(&self.run.home), self.id);
        match state {
            Ok(state) => {
                let reported =
                    Reported { quota: state.quota, used: state.used, held: state.held, free: state.free };
                let policy = self.run.policy;
                let has_room = state.free.is_none_or(|free| free >= PACK_BYTES_MAX as u64);
                let run = Arc::clone(&self.run);
                let disk = self.target.disk().await.ok().flatten();
                blocking(move || {
                    let store = &home.vault.store;
                    if let (Some(disk), Some(Place::Folder(path))) =
                        (disk, store.target(id)?.map(|row| row.place))
                    {
                        known_places::note_disk(store, &path, disk)?;
                    }
                    store.target_seen(id, reported, &policy, now_ms)?;
                    recount::note_packs(&home, id, state.packs)?;
                    let was_full = store.target(id)?.is_some_and(|row| row.full_ms.is_some());
                    if was_full && has_room {
                        store.set_target_full(id, false, now_ms)?;
                        run.look_at_places()?;
                    }
                    Ok(())
                })
                .await?;
                Ok(None)
            }
            Err(error) => {
                let ended = ends(&error).unwrap_or(Ended::Failed);
                self.note_trouble(&error).await?;
                Ok(Some(ended))
            }
        }
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

    async fn send_all(
        &mut self,
        packs: Vec<PackRef>,
        changes: &watch::Receiver<u64>,
    ) -> anyhow::Result<Option<Ended>> {
        let (this, mut ended) = (&*self, None);
        // Once something more urgent is there, what is under way comes to its end and nothing else is begun.
        let is_over = &AtomicBool::new(false);
        let packs = packs.into_iter().take_while(|_| !is_over.load(Ordering::Acquire));
        let sending = packs.map(|pack| async move { (pack, this.send(&pack).await) });
        let mut sending = futures_util::stream::iter(sending).buffer_unordered(AT_ONCE);
        let (mut skipped, mut failures, mut is_full) = (Vec::new(), this.failures, this.is_full);
        loop {
            let next = tokio::select! {
                () = this.run.stopped() => break,
                next = sending.next() => next,
            };
            let Some((pack, sent)) = next else { break };
            match sent? {
                Sent::Proven(bytes) => {
                    failures = 0;
                    this.run.count_placed(this.id, bytes);
                }
                Sent::Unproven => {}
                Sent::Full => {
                    is_full = true;
                    skipped.push(pack);
                }
                Sent::Skipped(reason) => {
                    tracing::warn!(pack = %pack.id, target = %this.id, reason, "a pack was not taken");
                    failures += 1;
                    skipped.push(pack);
                }
                Sent::OutOfReach => skipped.push(pack),
                Sent::Ended(why) => {
                    ended = Some(why);
                    break;
                }
            }
            if failures >= FAILURES_MAX {
                ended = Some(Ended::Failed);
                break;
            }
            if this.run.is_stopping() {
                break;
            }
            if changes.has_changed().unwrap_or(true) && this.is_called().await? {
                is_over.store(true, Ordering::Release);
            }
        }
        drop(sending);
        self.skipped.extend(skipped);
        (self.failures, self.is_full) = (failures, is_full);
        Ok(ended)
    }

    /// Sends one pack and has it proved.
    async fn send(&self, pack: &PackRef) -> anyhow::Result<Sent> {
        let (home, id, of) = (Arc::clone(&self.run.home), self.id, pack.id);
        let Some((_, entries)) = blocking(move || Ok(home.vault.store.pack(&of)?)).await? else {
            return Ok(Sent::OutOfReach);
        };
        let is_common = entries.iter().all(|entry| entry.kind.shelf() > 0);
        let room = if is_common { Room::Common } else { Room::Reserve };
        if self.is_full && is_common {
            return Ok(Sent::Full);
        }
        let memory = if self.is_near { &self.run.near_packs } else { &self.run.far_packs };
        let _held = memory.acquire().await.context("the run is gone")?;
        let Some(bytes) = bytes_of(&self.run, pack, entries, id).await? else {
            return Ok(Sent::OutOfReach);
        };
        for _ in 0..TRIES_MAX {
            match self.target.put(pack.id, bytes.clone(), room).await {
                Ok(()) => match self.prove(pack).await? {
                    Sent::Skipped(reason) => tracing::warn!(pack = %pack.id, reason, "not proved"),
                    sent => return Ok(sent),
                },
                Err(TargetError::Busy) => tokio::time::sleep(BUSY_WAIT).await,
                Err(error) => {
                    self.note_trouble(&error).await?;
                    return Ok(match error {
                        TargetError::Full { .. } => Sent::Full,
                        error => match ends(&error) {
                            Some(ended) => Sent::Ended(ended),
                            None => Sent::Skipped(error.to_string()),
                        },
                    });
                }
            }
        }
        Ok(Sent::Skipped("it does not keep what it takes, or has no time".to_owned()))
    }

    /// Asks for a part that nobody could foresee.
    async fn prove(&self, pack: &PackRef) -> anyhow::Result<Sent> {
        let challenge = random_challenge(pack)?;
        let answers = self.target.prove(vec![challenge]).await;
        let answer = match &answers {
            Ok(answers) => answers.iter().find(|(asked, _)| *asked == challenge).map(|(_, answer)| answer),
            Err(_) => None,
        };
        let missing = TargetError::Busy;
        let outcome = judge(&challenge, answer.ok_or(answers.as_ref().err().unwrap_or(&missing)));
        let (home, id, of, now_ms) = (Arc::clone(&self.run.home), self.id, pack.id, self.run.now());
        let proven = outcome == Outcome::Ok;
        if !outcome.is_loss() {
            blocking(move || {
                let store = &home.vault.store;
                if proven {
                    store.mark_proven(id, &[of], now_ms)?;
                } else {
                    store.mark_sent(id, &[of], now_ms)?;
                }
                Ok(())
            })
            .await?;
        }
        Ok(match outcome {
            Outcome::Ok => {
                self.run.home.vault.engine.shelf.has_place(&pack.id);
                Sent::Proven(pack.bytes)
            }
            Outcome::Wrong | Outcome::Missing => Sent::Skipped("it could not prove it".to_owned()),
            Outcome::DiskAbsent => Sent::Ended(Ended::DiskAbsent),
            Outcome::Offline => Sent::Ended(Ended::Offline),
            Outcome::Busy => Sent::Unproven,
        })
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
                self.run.count_head(self.id, head.number);
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

/// A question about a part of a pack that nobody could foresee.
///
/// # Errors
/// When the system has no randomness.
pub(super) fn random_challenge(pack: &PackRef) -> anyhow::Result<Challenge> {
    let mut seed = Seed::new(u64::from_le_bytes(crate::random::bytes()?));
    let group = u32::try_from(seed.below(u64::from(group_count(pack.bytes)))).unwrap_or(0);
    Ok(Challenge { pack: pack.id, bytes: pack.bytes, group })
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

/// A pack's bytes: from the shelf, from the outbox, written again from what is here, or from another place.
///
/// What stands in a pack that cannot be had from anywhere is packed anew ([`pack_anew`]).
async fn bytes_of(
    run: &Arc<Run>,
    pack: &PackRef,
    entries: Vec<Entry>,
    to: TargetId,
) -> anyhow::Result<Option<Bytes>> {
    let home = Arc::clone(&run.home);
    if let Some(bytes) = home.vault.engine.shelf.get(&pack.id) {
        return Ok(Some(bytes));
    }
    let (at, of) = (Arc::clone(&home), *pack);
    let is_here = entries.iter().all(|entry| entry.kind.shelf() > 0);
    let written = polite(move || {
        if let Some(bytes) = outbox::read(&at, &of.id) {
            return Ok(Some(bytes));
        }
        if !is_here {
            return Ok(None);
        }
        let keys = at.keys.vault().context("the vault is not on")?;
        let household = at.keys.certificate.household();
        let again = rebuild(&keys.keyring, household, &of, &entries, &mut |entry| local::piece(&at, entry));
        match again {
            Ok(sealed) => Ok(Some(Bytes::from(sealed.bytes))),
            Err(error) => {
                tracing::debug!(%error, "a pack cannot be written again here; it is read from another place");
                Ok(None)
            }
        }
    });
    if let Some(bytes) = written.await? {
        return Ok(Some(bytes));
    }
    match whole_pack(&run.reader(), pack, to).await {
        Ok(bytes) => Ok(Some(bytes)),
        Err(FetchError::Here(error)) => Err(error),
        Err(error) => {
            tracing::debug!(%error, pack = %pack.id, "a pack is out of reach");
            let of = *pack;
            if polite(move || pack_anew(&home, &of, is_here)).await? {
                run.pack_again();
            }
            Ok(None)
        }
    }
}

/// Has what stands in a pack packed anew whose bytes cannot be had, unless a place that is not given up has it; whether
/// there is anything to pack now.
///
/// The place that has it may come back, or part of a damaged copy may still be read: of an original that is not whole here
/// this pack may hold the last copy, so it stays known for what it has of such.
fn pack_anew(home: &Home, pack: &PackRef, is_here: bool) -> anyhow::Result<bool> {
    let store = &home.vault.store;
    // Tables are at hand, so whoever needs them now need not wait for a place that is off.
    if is_here && has_holder(home, pack)? {
        return Ok(false);
    }
    let entries = store.pack(&pack.id)?.map(|(_, entries)| entries).unwrap_or_default();
    let mut last = Vec::new();
    for entry in entries.iter().filter(|entry| entry.kind == BlobKind::Original) {
        if home.ledger.file(&entry.blob)?.is_some_and(|file| !is_whole(home, &file)) {
            last.push(entry.blob);
        }
    }
    let is_new = if last.is_empty() {
        store.drop_packs(&[pack.id], home.vault.engine.now())?;
        true
    } else {
        store.keep_only(&pack.id, &last)?
    };
    if is_new {
        tracing::info!(pack = %pack.id, "a pack is out of reach; what was in it is packed anew");
    }
    Ok(is_new)
}

/// Whether a place proved a pack that is there, or may be there again soon.
fn has_holder(home: &Home, pack: &PackRef) -> anyhow::Result<bool> {
    let (store, policy, now_ms) = (&home.vault.store, Policy::default(), home.vault.engine.now());
    for (id, _) in store.holders(&pack.id)? {
        let Some(row) = store.target(id)? else { continue };
        let absent_ms = row.absent_ms.map_or(0, |since| now_ms.saturating_sub(since));
        if row.away_ms.max(absent_ms) < policy.replace_ms {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether a place is in this network.
pub(super) fn is_near(run: &Run, id: TargetId) -> anyhow::Result<bool> {
    let row = run.home.vault.store.target(id)?;
    Ok(row.is_some_and(|row| place::is_near(&run.home, &row.place)))
}
