//! Packs on their way: two at once to each place, each proved as soon as it is there.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::Context;
use futures_util::StreamExt;
use heirloom_vault::policy::Seed;
use heirloom_vault::policy::audit::{Outcome, judge};
use heirloom_vault::proof::group_count;
use heirloom_vault::{Challenge, PackRef, Room, TargetError};
use tokio::sync::watch;

use super::outgoing::bytes_of;
use super::{Ended, Lane, ends};
use crate::vault::polite::blocking;

/// Packs that are on their way to one place at once: while one is written there, the next comes.
const AT_ONCE: usize = 2;
/// How often a pack is sent again when a place is busy or loses it at once.
const TRIES_MAX: u32 = 3;
/// How long a busy place is given.
const BUSY_WAIT: Duration = Duration::from_secs(2);
/// Packs in a row that a place may fail to take before its lane ends.
const FAILURES_MAX: usize = 5;

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
    /// Sends these packs, until something more urgent is there; why the lane ends, if it does.
    pub(super) async fn send_all(
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
                    this.run.lanes.placed(this.id, bytes);
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
}

/// A question about a part of a pack that nobody could foresee.
///
/// # Errors
/// When the system has no randomness.
pub(in crate::vault) fn random_challenge(pack: &PackRef) -> anyhow::Result<Challenge> {
    let mut seed = Seed::new(u64::from_le_bytes(crate::random::bytes()?));
    let group = u32::try_from(seed.below(u64::from(group_count(pack.bytes)))).unwrap_or(0);
    Ok(Challenge { pack: pack.id, bytes: pack.bytes, group })
}
