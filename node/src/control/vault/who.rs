//! Which home is meant. A home that keeps copies, or that copies are kept for, may be one that is no longer paired.

use anyhow::bail;
use heirloom_identity::HouseholdId;

use super::super::peers;
use crate::home::Home;

/// Digits of a household's id that are enough to name it.
const PREFIX_DIGITS_MIN: usize = 6;

/// Another home.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Other {
    /// Its id.
    pub(super) household: HouseholdId,
    /// What people here call it.
    pub(super) name: String,
}

/// A home that copies are kept for here.
pub(super) fn ward(home: &Home, who: &str) -> anyhow::Result<Other> {
    let wards = home.vault.keeper.wards()?.into_iter().map(|ward| ward.household).collect();
    among(home, who, wards, |name| {
        format!("this home keeps nothing for {name}; `heirloom vault status` shows for whom it does")
    })
}

/// A home that copies are kept for here, or that asks for it.
pub(super) fn ward_or_asking(home: &Home, who: &str) -> anyhow::Result<Other> {
    let wards = home.vault.keeper.wards()?.into_iter().map(|ward| ward.household);
    let asking = home.vault.store.asks()?.into_iter().map(|ask| ask.household);
    let mut some: Vec<HouseholdId> = wards.chain(asking).collect();
    some.sort_unstable();
    some.dedup();
    among(home, who, some, |name| format!("this home keeps nothing for {name}, and {name} has not asked"))
}

/// A home that keeps copies for this one, or was asked to.
pub(super) fn keeper(home: &Home, who: &str) -> anyhow::Result<Other> {
    let keepers = home.vault.store.targets()?.into_iter().filter_map(|target| target.household()).collect();
    among(home, who, keepers, |name| format!("{name} keeps nothing for this home, and was not asked"))
}

/// What people here call a home.
pub(super) fn name_of(home: &Home, household: &HouseholdId) -> anyhow::Result<String> {
    let peer = home.ledger.peer(household)?;
    Ok(peer.map_or_else(|| household.to_string()[..8].to_owned(), |peer| peer.name()))
}

/// The one of some homes that is meant: by its id, the beginning of that, or its name.
fn among(
    home: &Home,
    who: &str,
    some: Vec<HouseholdId>,
    none: impl Fn(&str) -> String,
) -> anyhow::Result<Other> {
    let mut found = Vec::new();
    for household in some {
        let (id, name) = (household.to_string(), name_of(home, &household)?);
        let is_meant = id == who
            || name.to_lowercase() == who.to_lowercase()
            || who.len() >= PREFIX_DIGITS_MIN && id.starts_with(who);
        if is_meant {
            found.push(Other { household, name });
        }
    }
    match found.len() {
        0 => {
            // Whoever is known at all is answered by name, a stranger with who is known.
            let peer = peers::find(home, who)?;
            bail!(none(&peer.name()))
        }
        1 => Ok(found.remove(0)),
        _ => bail!("several homes are called {who}; name one by its id, from `heirloom vault status --json`"),
    }
}
