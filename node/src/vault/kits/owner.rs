//! This home's own kits.
//!
//! Parts are never written to this disk: whoever stole it would have enough of them. So every chosen home has to be
//! connected while a kit is made, and what is printed is shown once.

use std::sync::Arc;

use anyhow::{Context, bail, ensure};
use heirloom_identity::card::clean_name;
use heirloom_identity::{HouseholdId, KitId, KitRecord, KitSecret, KitShare, Phrase, Quorum, Revocation};
use heirloom_vault::TargetError;
use heirloom_vault::policy::Standing;
use zeroize::Zeroizing;

use super::holder::{alarm, name_of};
use super::{DAY_MS, DELAYS};
use crate::home::Home;
use crate::home::phrase::{self, PhraseProblem};
use crate::ledger::kits::{KitRow, PartRow, PartState};
use crate::protocols::Network;
use crate::protocols::vault::asking::Line;
use crate::protocols::vault::kit_messages::{KitRequest, Parcel};
use crate::protocols::vault::messages::VaultRequest;

/// Kits that live at the same time.
const KITS_MAX: usize = 8;
/// Alarm: somebody asks a holder for its part.
pub const ALARM_USED: &str = "kit_used";

/// What a person chose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// What people call the kit.
    pub name: String,
    /// Who gets the parts, in order; `None`: it is printed.
    pub holders: Vec<Option<HouseholdId>>,
    /// How many days holders wait.
    pub delay_days: u32,
}

/// A kit that was made.
#[derive(Debug)]
pub struct Made {
    /// Its id.
    pub kit: KitId,
    /// Its parts on paper: number, and the text to print. Shown once.
    pub papers: Vec<(u8, Zeroizing<String>)>,
}

/// Why there is no kit.
#[derive(Debug, thiserror::Error)]
pub enum KitProblem {
    /// What was typed is not the phrase.
    #[error("{0}")]
    Phrase(#[from] PhraseProblem),
    /// The choice makes no sense, or a home was not reached; in words.
    #[error("{0}")]
    Choice(String),
    /// Something failed.
    #[error("{0:#}")]
    Failed(#[from] anyhow::Error),
}

/// Makes a kit: every holder has its part, durably, when this returns.
///
/// # Errors
/// See [`KitProblem`]; then there is none.
pub async fn create(
    home: &Arc<Home>,
    words: Zeroizing<String>,
    wanted: Wanted,
    now_ms: i64,
) -> Result<Made, KitProblem> {
    home.must_be_current()?;
    let quorum = match wanted.holders.len() {
        3 => Quorum::TwoOfThree,
        5 => Quorum::ThreeOfFive,
        other => {
            return Err(KitProblem::Choice(format!(
                "a kit has 3 parts or 5, not {other}; choose so many homes and sheets of paper"
            )));
        }
    };
    let lines = lines(home, &wanted)?;
    let at = Arc::clone(home);
    let cut = tokio::task::spawn_blocking(move || cut(&at, &words, &wanted, quorum, now_ms));
    let (kit, shares) = cut.await.context("a thread ended unexpectedly")??;
    let given = give(home, &kit, &shares, &lines).await;
    if let Err(problem) = given {
        // Those that have a part already destroy it.
        revoke(home, kit.kit, now_ms).await?;
        return Err(problem);
    }
    publish(home, &kit).await;
    let is_paper =
        |share: &&KitShare| kit.parts.iter().any(|p| p.number == share.index() && p.household.is_none());
    let papers = shares.iter().filter(is_paper).map(|share| (share.index(), share.text())).collect();
    home.vault.wake();
    Ok(Made { kit: kit.kit, papers })
}

/// The connections with the chosen homes.
fn lines(home: &Home, wanted: &Wanted) -> Result<Vec<Option<Line>>, KitProblem> {
    let problem = |text: String| Err(KitProblem::Choice(text));
    if !DELAYS.contains(&wanted.delay_days) {
        return problem("choose a delay of 0, 1, 7, 15 or 30 days".to_owned());
    }
    let homes: Vec<HouseholdId> = wanted.holders.iter().flatten().copied().collect();
    if homes.iter().enumerate().any(|(at, home)| homes[..at].contains(home)) {
        return problem("each home gets one part; choose another home, or paper".to_owned());
    }
    if home.ledger.kits().map_err(anyhow::Error::from)?.iter().filter(|kit| kit.revocation.is_none()).count()
        >= KITS_MAX
    {
        return problem(format!(
            "there are {KITS_MAX} kits already, which is as many as there can be; end one first"
        ));
    }
    let network = home.network();
    let mut lines = Vec::with_capacity(wanted.holders.len());
    for holder in &wanted.holders {
        let Some(holder) = holder else {
            lines.push(None);
            continue;
        };
        let Some(connection) = network.as_ref().and_then(|network| network.connection(holder)) else {
            let name = name_of(home, holder)?;
            return problem(format!(
                "{name} is not reached now. All homes of a kit must be on while it is made, because no part of it is \
                 kept here"
            ));
        };
        lines.push(Some(Line::new(connection)));
    }
    Ok(lines)
}

/// Checks the phrase, splits a fresh secret and seals the root with it.
fn cut(
    home: &Home,
    words: &str,
    wanted: &Wanted,
    quorum: Quorum,
    now_ms: i64,
) -> Result<(KitRow, Vec<KitShare>), KitProblem> {
    phrase::check(home, words, now_ms)?;
    let phrase = Phrase::parse(words).map_err(anyhow::Error::from)?;
    let household = *home.keys.certificate.household();
    let kit = KitId::from_bytes(crate::random::bytes()?);
    let secret = KitSecret::from_bytes(crate::random::bytes()?);
    let shares = secret.split(&household, &kit, quorum, &crate::random::bytes()?);
    let record = KitRecord::seal(phrase.root(), &secret, &shares, now_ms, crate::random::bytes()?);
    let name = clean_name(&wanted.name);
    let part = |(number, household): (u8, &Option<HouseholdId>)| PartRow {
        number,
        household: *household,
        state: PartState::Given,
        refuse: false,
    };
    let row = KitRow {
        kit,
        name: if name.is_empty() { "Our kit".to_owned() } else { name },
        record: record.map_err(anyhow::Error::from)?.encode(),
        delay_ms: i64::from(wanted.delay_days) * DAY_MS,
        created_ms: now_ms,
        verified_ms: None,
        asked_ms: None,
        revocation: None,
        parts: (1..).zip(&wanted.holders).map(part).collect(),
    };
    // First of all, so that a kit that was half made can be revoked.
    home.ledger.add_kit(row.clone()).map_err(anyhow::Error::from)?;
    Ok((row, shares))
}

/// Gives every home its part.
async fn give(
    home: &Arc<Home>,
    kit: &KitRow,
    shares: &[KitShare],
    lines: &[Option<Line>],
) -> Result<(), KitProblem> {
    for ((share, line), part) in shares.iter().zip(lines).zip(&kit.parts) {
        let (Some(line), Some(holder)) = (line, part.household) else { continue };
        let others = kit.parts.iter().filter_map(|part| part.household).filter(|other| *other != holder);
        let parcel = Parcel {
            share: share.encode().to_vec(),
            record: kit.record.clone(),
            delay_ms: kit.delay_ms.unsigned_abs(),
            holders: others.collect(),
        };
        if let Err(error) = line.tell(VaultRequest::Kit(KitRequest::Hold(parcel))).await {
            let name = name_of(home, &holder)?;
            return Err(KitProblem::Choice(format!(
                "{name} did not take its part: {error}. No kit was made"
            )));
        }
        set_part(home, kit.kit, part.number, PartState::Held).await?;
    }
    Ok(())
}

/// Brings the record to the keepers that are connected; the others get it when they are met.
async fn publish(home: &Arc<Home>, kit: &KitRow) {
    let Some(network) = home.network() else { return };
    for (household, connection) in keepers(home, &network) {
        if let Err(error) = tell_keeper(home, kit, household, &Line::new(connection)).await {
            tracing::debug!(%household, "a keeper gets the record of a kit when it is met: {error:#}");
        }
    }
}

fn keepers(home: &Home, network: &Network) -> Vec<(HouseholdId, heirloom_net::Connection)> {
    let rows = home.vault.store.targets().unwrap_or_default();
    let active = rows.iter().filter(|row| row.standing == Standing::Active);
    let households: Vec<HouseholdId> =
        active.filter_map(heirloom_vault::store::TargetRow::household).collect();
    network.connections(&households)
}

/// Tells a keeper what it should have of a kit, if it was not told: the record, or the revocation.
async fn tell_keeper(home: &Arc<Home>, kit: &KitRow, keeper: HouseholdId, line: &Line) -> anyhow::Result<()> {
    let (id, ended) = (kit.kit, kit.revocation.is_some());
    if on_a_thread(home, move |home| Ok(home.ledger.kit_is_told(&id, &keeper, ended)?)).await? {
        return Ok(());
    }
    let bytes = kit.revocation.clone().unwrap_or_else(|| kit.record.clone());
    line.tell(VaultRequest::PutKit(bytes)).await?;
    on_a_thread(home, move |home| Ok(home.ledger.kit_told(&id, &keeper, ended)?)).await
}

/// Tells a home that was met what it is still to hear about this home's kits.
///
/// # Errors
/// When it does not answer, or something could not be saved.
pub async fn meet(home: &Arc<Home>, peer: HouseholdId, line: &Line) -> anyhow::Result<()> {
    let kits = on_a_thread(home, |home| Ok(home.ledger.kits()?)).await?;
    if kits.is_empty() {
        return Ok(());
    }
    let row = on_a_thread(home, move |home| Ok(home.vault.store.target_of(&peer)?)).await?;
    let is_keeper = row.is_some_and(|row| row.standing == Standing::Active);
    for kit in &kits {
        tell_holder(home, kit, peer, line).await?;
        if is_keeper {
            tell_keeper(home, kit, peer, line).await?;
        }
    }
    Ok(())
}

async fn tell_holder(home: &Arc<Home>, kit: &KitRow, peer: HouseholdId, line: &Line) -> anyhow::Result<()> {
    let Some(part) = kit.parts.iter().find(|part| part.household == Some(peer)) else { return Ok(()) };
    if part.state == PartState::Ended {
        return Ok(());
    }
    if let Some(revocation) = &kit.revocation {
        line.tell(VaultRequest::Kit(KitRequest::End(revocation.clone()))).await?;
        return set_part(home, kit.kit, part.number, PartState::Ended).await;
    }
    if part.refuse {
        line.tell(VaultRequest::Kit(KitRequest::Refuse(kit.kit))).await?;
        let (kit, number) = (kit.kit, part.number);
        on_a_thread(home, move |home| Ok(home.ledger.refusal_told(&kit, number)?)).await?;
    }
    Ok(())
}

/// Has every home that holds a part say whether it is right; the kit as it is known then. It counts as checked when all
/// of them were asked and every part is right.
///
/// # Errors
/// When there is no such kit, or something could not be saved.
pub async fn verify(home: &Arc<Home>, kit: KitId, now_ms: i64) -> anyhow::Result<(KitRow, bool)> {
    let row = find(home, kit).await?;
    ensure!(row.revocation.is_none(), "this kit was ended; make a new one if you want one");
    let network = home.network();
    let mut all = true;
    for part in &row.parts {
        let Some(holder) = part.household else { continue };
        let line = network.as_ref().and_then(|network| network.connection(&holder)).map(Line::new);
        let Some(line) = line else {
            all = false;
            continue;
        };
        let state = match line.tell(VaultRequest::Kit(KitRequest::Check(row.record.clone()))).await {
            Ok(()) => PartState::Held,
            Err(TargetError::Missing) => PartState::Gone,
            Err(TargetError::Wrong(_)) => PartState::Wrong,
            Err(_) => {
                all = false;
                continue;
            }
        };
        all &= state == PartState::Held;
        set_part(home, kit, part.number, state).await?;
    }
    if all {
        on_a_thread(home, move |home| Ok(home.ledger.kit_verified(&kit, now_ms)?)).await?;
    }
    Ok((find(home, kit).await?, all))
}

/// Ends a kit: holders destroy their parts, keepers the record; those that are off when they are met.
///
/// # Errors
/// When there is no such kit, or it could not be saved.
pub async fn revoke(home: &Arc<Home>, kit: KitId, now_ms: i64) -> anyhow::Result<()> {
    home.must_be_current()?;
    let keys = &home.keys;
    let revocation = Revocation::sign(keys.node.signer(), &keys.certificate, kit, now_ms)?.encode();
    find(home, kit).await?;
    on_a_thread(home, move |home| Ok(home.ledger.end_kit(&kit, revocation)?)).await?;
    tell_all(home).await;
    home.vault.wake();
    Ok(())
}

/// Says to every holder that nobody here asked for a part.
///
/// # Errors
/// When there is no such kit, or it could not be saved.
pub async fn refuse(home: &Arc<Home>, kit: KitId) -> anyhow::Result<()> {
    home.must_be_current()?;
    let row = find(home, kit).await?;
    on_a_thread(home, move |home| {
        for holder in row.parts.iter().filter_map(|part| part.household) {
            home.vault.store.lower(ALARM_USED, Some(holder))?;
        }
        Ok(home.ledger.refuse_kit(&kit)?)
    })
    .await?;
    tell_all(home).await;
    Ok(())
}

/// Tells everybody who is connected what they are to hear; the others hear it when they are met.
async fn tell_all(home: &Arc<Home>) {
    let Some(network) = home.network() else { return };
    for peer in network.peers() {
        let household = peer.peer.household;
        let Some(connection) = network.connection(&household) else { continue };
        if let Err(error) = meet(home, household, &Line::new(connection)).await {
            tracing::debug!(%household, "a home hears of kits when it is met again: {error:#}");
        }
    }
}

/// Hears from a holder that somebody asks for its part. Blocks.
///
/// # Errors
/// When it could not be saved.
pub fn note_asked(home: &Home, from: &HouseholdId, kit: &KitId, now_ms: i64) -> anyhow::Result<()> {
    let name = name_of(home, from)?;
    if home.ledger.kit_asked(kit, now_ms)? {
        let text = format!("Somebody asks {name} for the part of your recovery kit.");
        let advice = "If it was none of you, say no, below on this page. Then no part is given out.";
        return alarm(home, ALARM_USED, Some(*from), text, advice, now_ms);
    }
    if let Some(held) = home.ledger.shares()?.into_iter().find(|held| held.kit == *kit) {
        let owner = name_of(home, &held.household)?;
        let text = format!("Somebody asks {name} for a part of the recovery kit of {owner}.");
        let advice = "If you can reach them another way, ask whether it is they.";
        return alarm(home, ALARM_USED, Some(*from), text, advice, now_ms);
    }
    Ok(())
}

/// The records of the kits that were not revoked.
///
/// # Errors
/// When the ledger cannot be read.
pub fn records(home: &Home) -> anyhow::Result<Vec<Vec<u8>>> {
    let kits = home.ledger.kits()?;
    Ok(kits.into_iter().filter(|kit| kit.revocation.is_none()).map(|kit| kit.record).collect())
}

/// The one kit whose id begins so, or that is called so.
///
/// # Errors
/// When there is none, or several.
pub fn meant(home: &Home, who: &str) -> anyhow::Result<KitId> {
    let kits = home.ledger.kits()?;
    let alive = kits.iter().filter(|kit| kit.revocation.is_none());
    let found: Vec<KitId> = alive
        .filter(|kit| {
            who.len() >= 6 && kit.kit.to_string().starts_with(who)
                || kit.name.to_lowercase() == who.to_lowercase()
        })
        .map(|kit| kit.kit)
        .collect();
    match found[..] {
        [only] => Ok(only),
        [] => bail!("there is no kit {who}; `heirloom vault kit list` shows them"),
        _ => bail!("several kits are called {who}; name one by its id"),
    }
}

async fn find(home: &Arc<Home>, kit: KitId) -> anyhow::Result<KitRow> {
    let kits = on_a_thread(home, |home| Ok(home.ledger.kits()?)).await?;
    kits.into_iter()
        .find(|row| row.kit == kit)
        .context("there is no such kit any more; perhaps somebody ended it")
}

async fn set_part(home: &Arc<Home>, kit: KitId, number: u8, state: PartState) -> anyhow::Result<()> {
    on_a_thread(home, move |home| Ok(home.ledger.set_part(&kit, number, state)?)).await
}

async fn on_a_thread<T: Send + 'static>(
    home: &Arc<Home>,
    work: impl FnOnce(&Home) -> anyhow::Result<T> + Send + 'static,
) -> anyhow::Result<T> {
    let home = Arc::clone(home);
    tokio::task::spawn_blocking(move || work(&home)).await.context("a thread ended unexpectedly")?
}
