//! Deletions that were asked for in this household's name at another home, and wait for people.
//!
//! The other home tells of them in a notice, and whether they still wait whenever it is met.

use heirloom_identity::HouseholdId;
use heirloom_vault::store::VaultStore;

/// The alarm that says so.
pub(crate) const ALARM: &str = "deletion";

/// What is to be deleted there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Asked {
    /// How many packs.
    pub(crate) packs: u64,
    /// How many bytes.
    pub(crate) bytes: u64,
}

/// The setting that says what waits at a home.
fn key(keeper: &HouseholdId) -> String {
    format!("deletion_asked_at/{keeper}")
}

/// A deletion waits at a home.
pub(crate) fn note(store: &VaultStore, keeper: &HouseholdId, asked: Asked) -> anyhow::Result<()> {
    Ok(store.set_setting(&key(keeper), &format!("{} {}", asked.packs, asked.bytes))?)
}

/// None waits there any more, or people here have said what they think of it.
pub(crate) fn settle(store: &VaultStore, keeper: &HouseholdId) -> anyhow::Result<()> {
    store.lower(ALARM, Some(*keeper))?;
    if at(store, keeper)?.is_some() {
        store.set_setting(&key(keeper), "")?;
    }
    Ok(())
}

/// The deletion that waits at a home for a word of people here.
pub(crate) fn at(store: &VaultStore, keeper: &HouseholdId) -> anyhow::Result<Option<Asked>> {
    let text = store.setting(&key(keeper))?.unwrap_or_default();
    let numbers = text.split_once(' ').and_then(|(packs, bytes)| packs.parse().ok().zip(bytes.parse().ok()));
    Ok(numbers.map(|(packs, bytes)| Asked { packs, bytes }))
}
