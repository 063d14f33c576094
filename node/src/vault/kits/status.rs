//! Kits as the Safety page shows them.

use heirloom_identity::{HouseholdId, KitId, NodeId};
use serde::Serialize;
use utoipa::ToSchema;

use super::holder::name_of;
use super::request::Between;
use super::{DAY_MS, reminders};
use crate::api::dates::iso;
use crate::home::Home;
use crate::ledger::kits::{KitRow, PartState};
use crate::ledger::shares::{RequestState, ShareRow};

/// A kit of this home.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct KitNow {
    /// Its id.
    #[schema(value_type = String)]
    pub id: KitId,
    /// What people call it.
    pub name: String,
    /// How many parts open it.
    pub threshold: u8,
    /// How many parts there are.
    pub count: u8,
    /// `ok`, `asked` (somebody asks for a part), `broken` (too few good parts), `ending` (revoked, and not every holder
    /// knows).
    pub state: &'static str,
    /// Who has the parts, by their numbers.
    pub holders: Vec<KitHolderNow>,
    /// How long holders wait, in days.
    pub delay_days: u32,
    /// When every holder last said that its part is right.
    pub verified_at: Option<String>,
    /// When somebody last said that the parts on paper are where they should be.
    pub papers_seen_at: Option<String>,
    /// When it was made.
    pub created_at: String,
}

/// See [`KitNow::holders`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct KitHolderNow {
    /// The home; none for paper.
    #[schema(value_type = Option<String>)]
    pub household: Option<HouseholdId>,
    /// What people here call it; empty for paper.
    pub name: String,
    /// `paper`, `given`, `held`, `wrong`, `gone` or `ended`.
    pub state: &'static str,
}

/// A machine that asks this home for a part of another home's kit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct KitRequestNow {
    /// Names it.
    #[schema(value_type = String)]
    pub id: NodeId,
    /// What it says its home was called.
    pub claimed: String,
    /// The home whose kit it is, if this home holds a part that fits the name.
    pub name: Option<String>,
    /// What people compare.
    pub words: String,
    /// `asked`, `allowed` or `given`.
    pub state: &'static str,
    /// When it first asked.
    pub asked_at: String,
    /// How much of the delay is left, in hours.
    pub hours_left: Option<u32>,
    /// Kits of which this home holds a part, where it is not clear which one is meant; none: there is nothing to give.
    pub choices: Vec<KitChoice>,
}

/// A kit of another home of which this one holds a part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct KitChoice {
    /// Names it.
    #[schema(value_type = String)]
    pub kit: KitId,
    /// The home whose kit it is.
    pub name: String,
}

/// The kits of this home that still matter, the newest first.
///
/// # Errors
/// When the ledger cannot be read.
pub fn kits(home: &Home) -> anyhow::Result<Vec<KitNow>> {
    let mut told = Vec::new();
    for kit in home.ledger.kits()? {
        let ended = kit.revocation.is_some();
        let all_know =
            kit.parts.iter().all(|part| part.household.is_none() || part.state == PartState::Ended);
        if ended && all_know {
            continue;
        }
        told.push(kit_now(home, &kit)?);
    }
    Ok(told)
}

fn kit_now(home: &Home, kit: &KitRow) -> anyhow::Result<KitNow> {
    let mut holders = Vec::with_capacity(kit.parts.len());
    for part in &kit.parts {
        let household = part.household;
        holders.push(KitHolderNow {
            household,
            name: household.map(|household| name_of(home, &household)).transpose()?.unwrap_or_default(),
            state: if household.is_none() { "paper" } else { part.state.text() },
        });
    }
    let count = u8::try_from(kit.parts.len()).unwrap_or(u8::MAX);
    let threshold = if count == 3 { 2 } else { 3 };
    let good =
        kit.parts.iter().filter(|part| part.household.is_none() || part.state == PartState::Held).count();
    let state = if kit.revocation.is_some() {
        "ending"
    } else if kit.asked_ms.is_some() {
        "asked"
    } else if good < usize::from(threshold) {
        "broken"
    } else {
        "ok"
    };
    Ok(KitNow {
        id: kit.kit,
        name: kit.name.clone(),
        threshold,
        count,
        state,
        holders,
        delay_days: u32::try_from(kit.delay_ms / DAY_MS).unwrap_or(0),
        verified_at: kit.verified_ms.map(iso),
        papers_seen_at: reminders::papers_seen_ms(home, &kit.kit)?.map(iso),
        created_at: iso(kit.created_ms),
    })
}

/// Machines that ask for parts that this home holds, the newest first; refused ones are not told.
///
/// # Errors
/// When the ledger cannot be read.
pub fn requests(home: &Home) -> anyhow::Result<Vec<KitRequestNow>> {
    let held = home.ledger.shares()?;
    let mut told = Vec::new();
    for row in home.ledger.requests()? {
        if row.state == RequestState::Refused {
            continue;
        }
        let between = Between { holder: home.keys.node.node(), asker: row.node, receive: row.receive };
        let meant: Option<&ShareRow> = held.iter().find(|held| Some(held.kit) == row.kit);
        let left_ms = meant.map(|held| held.delay_ms.saturating_sub(row.waited_ms).max(0));
        let hours = |left_ms: i64| u32::try_from(left_ms.unsigned_abs().div_ceil(DAY_MS.unsigned_abs() / 24));
        let unclear = if meant.is_none() { &held[..] } else { &[] };
        let choices = unclear
            .iter()
            .map(|held| Ok(KitChoice { kit: held.kit, name: name_of(home, &held.household)? }))
            .collect::<anyhow::Result<_>>()?;
        told.push(KitRequestNow {
            choices,
            id: row.node,
            claimed: row.claimed,
            name: meant.map(|held| name_of(home, &held.household)).transpose()?,
            words: between.words(&between.challenge(&home.keys.node)),
            state: row.state.text(),
            asked_at: iso(row.asked_ms),
            hours_left: left_ms.and_then(|left_ms| hours(left_ms).ok()),
        });
    }
    Ok(told)
}
