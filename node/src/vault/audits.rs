//! Having places prove that they still have what they took.
//!
//! What is asked is the policy's ([`heirloom_vault::policy::audit`]); here it is asked, judged and recorded. A copy that is
//! wrong or gone counts no more from that moment, and is sent again by the next run. Silence is never a loss. All places
//! are asked at the same time, each for so long and no longer.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use heirloom_vault::policy::audit::{self, Held, Outcome, When, judge};
use heirloom_vault::policy::{Policy, Seed, Standing, TargetId};
use heirloom_vault::proof::{CHALLENGES_MAX, group_count};
use heirloom_vault::store::TargetRow;
use heirloom_vault::{Challenge, PackId, Target, TargetError};
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

use super::each_place::each_place;
use super::polite::blocking;
use super::strangers;
use crate::home::Home;

/// What is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// What the policy asks now.
    Due,
    /// One part of every pack: what a person gets who asks for a check.
    Everything,
}

impl Scope {
    /// How long one place is asked.
    const fn limit(self) -> Duration {
        match self {
            Self::Due => Duration::from_mins(5),
            Self::Everything => Duration::from_hours(2),
        }
    }
}

/// What came of audits.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AuditReport {
    /// Questions that were asked.
    pub asked: u64,
    /// Proofs.
    pub ok: u64,
    /// Answers that prove nothing.
    pub wrong: u64,
    /// Packs that a place has not got, with its disk there.
    pub missing: u64,
    /// Questions without an answer: off, disk not there, busy.
    pub unanswered: u64,
}

/// Asks every place, all at the same time.
///
/// # Errors
/// When a database cannot be read or written.
pub async fn run(
    home: &Arc<Home>,
    scope: Scope,
    seed: u64,
    stop: &CancellationToken,
) -> anyhow::Result<AuditReport> {
    let at = Arc::clone(home);
    let (rows, targets) = blocking(move || Ok((at.vault.store.targets()?, at.vault.targets(&at)?))).await?;
    let rows = rows.into_iter().filter(|row| row.standing != Standing::Asked);
    let rows: BTreeMap<TargetId, TargetRow> = rows.map(|row| (row.id, row)).collect();
    let places = targets.into_iter().filter_map(|(id, target)| Some((rows.get(&id)?, target)));
    let report = Mutex::new(AuditReport::default());
    let count = |outcomes: &[(PackId, Outcome)]| {
        report.lock().unwrap_or_else(PoisonError::into_inner).count(outcomes);
    };
    let ask_all = |(row, target): (&TargetRow, Arc<dyn Target>)| {
        let seed = Seed::new(seed ^ u64::from(row.id.0)).draw();
        run_at(home, row.clone(), target, scope, seed, &count)
    };
    each_place(places.collect(), scope.limit(), stop, ask_all).await?;
    let report = report.into_inner().unwrap_or_else(PoisonError::into_inner);
    if report.wrong + report.missing > 0 {
        home.vault.wake();
    }
    Ok(report)
}

/// Told of every answer.
type Count<'a> = dyn Fn(&[(PackId, Outcome)]) + Sync + 'a;

async fn run_at(
    home: &Arc<Home>,
    row: TargetRow,
    target: Arc<dyn Target>,
    scope: Scope,
    seed: u64,
    count: &Count<'_>,
) -> anyhow::Result<()> {
    let (id, now_ms) = (row.id, home.vault.engine.now());
    let when = When {
        now_ms,
        since_last_ms: now_ms.saturating_sub(row.audited_ms.unwrap_or(row.added_ms)),
        recount_before_ms: row.returned_ms,
    };
    let at = Arc::clone(home);
    let held = blocking(move || Ok(at.vault.store.held_at(id)?)).await?;
    let plan = match scope {
        Scope::Due => audit::plan(&held, &when, &Policy::default(), seed),
        Scope::Everything => everything(&held, seed),
    };
    if plan.is_empty() {
        set_audited(home, id, now_ms).await?;
    }
    let mut was_answered = false;
    for challenges in plan.chunks(CHALLENGES_MAX) {
        let outcomes = ask(&target, challenges).await;
        count(&outcomes);
        let is_silent = outcomes.iter().all(|(_, outcome)| *outcome == Outcome::Offline);
        let is_over = outcomes
            .iter()
            .any(|(_, outcome)| matches!(outcome, Outcome::Offline | Outcome::DiskAbsent | Outcome::Busy));
        strangers::look_for_deletions(home, id, &target, &outcomes).await?;
        record(home, id, outcomes).await?;
        if !was_answered && !is_silent {
            // At once: a place that takes longer than it is given has been asked all the same.
            was_answered = true;
            set_audited(home, id, now_ms).await?;
        }
        if is_over {
            break;
        }
    }
    Ok(())
}

async fn set_audited(home: &Arc<Home>, id: TargetId, now_ms: i64) -> anyhow::Result<()> {
    let at = Arc::clone(home);
    blocking(move || Ok(at.vault.store.set_audited(id, now_ms)?)).await
}

/// Asks a place and judges what it says.
pub(super) async fn ask(target: &Arc<dyn Target>, challenges: &[Challenge]) -> Vec<(PackId, Outcome)> {
    let answered = target.prove(challenges.to_vec()).await;
    // A place that leaves a question out has not answered it.
    let silence = TargetError::Busy;
    let judged = challenges.iter().map(|challenge| {
        let answer = match &answered {
            Ok(answers) => {
                let found = answers.iter().find(|(asked, _)| asked == challenge);
                found.map(|(_, answer)| answer).ok_or(&silence)
            }
            Err(error) => Err(error),
        };
        (challenge.pack, judge(challenge, answer))
    });
    judged.collect()
}

/// Records what came of questions to one place.
pub(super) async fn record(
    home: &Arc<Home>,
    id: TargetId,
    outcomes: Vec<(PackId, Outcome)>,
) -> anyhow::Result<Vec<PackId>> {
    let at = Arc::clone(home);
    blocking(move || {
        let now_ms = at.vault.engine.now();
        let lost = at.vault.store.record_audit(id, &outcomes, now_ms)?;
        if !lost.is_empty() {
            tracing::warn!(target = %id, packs = lost.len(), "copies are damaged or gone; they are sent again");
        }
        if outcomes.iter().any(|(_, outcome)| *outcome == Outcome::DiskAbsent) {
            at.vault.store.target_disk_absent(id, now_ms)?;
        }
        Ok(lost)
    })
    .await
}

fn everything(held: &[Held], seed: u64) -> Vec<Challenge> {
    let mut seed = Seed::new(seed);
    let one = |held: &Held| {
        let group = u32::try_from(seed.below(u64::from(group_count(held.bytes)))).unwrap_or(0);
        Challenge { pack: held.pack, bytes: held.bytes, group }
    };
    held.iter().map(one).collect()
}

impl AuditReport {
    fn count(&mut self, outcomes: &[(PackId, Outcome)]) {
        for (_, outcome) in outcomes {
            self.asked += 1;
            match outcome {
                Outcome::Ok => self.ok += 1,
                Outcome::Wrong => self.wrong += 1,
                Outcome::Missing => self.missing += 1,
                Outcome::Offline | Outcome::DiskAbsent | Outcome::Busy => self.unanswered += 1,
            }
        }
    }
}
