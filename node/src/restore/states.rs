//! Which states of a household could be restored, before one is: what every place that was named shows.
//!
//! Somebody who waited for days should not get an old state because the home with the newest was off for a minute. So all
//! are asked first, and a person sees the date, and who did not answer, before anything is written.

use heirloom_vault::policy::DAY_MS;

use super::{Order, Problem, Restoring, contact, heads};

/// States that are told.
const STATES_MAX: usize = 64;

/// A state of the household.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateNow {
    /// Means it in [`Order::up_to`].
    pub id: String,
    /// When it was made.
    pub made_at_ms: i64,
    /// Who shows it.
    pub places: Vec<String>,
}

/// What there is to choose from.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct States {
    /// The one to restore first; at least one. Of those more than a day older, the newest of each day.
    pub best_first: Vec<StateNow>,
    /// Places that did not answer; they may have a newer one.
    pub silent: Vec<String>,
}

/// Asks every place that was named. Writes nothing.
///
/// # Errors
/// As [`run`](super::run), when nobody shows a state.
pub async fn look(order: &Order) -> Result<States, Problem> {
    let contacts = contact::open(order, &Restoring::default()).await?;
    let household = order.phrase.root().authority().household();
    let heads = heads::ask(&contacts.sources, &contacts.folders, &household).await;
    let mut silent: Vec<String> = contacts.silent.iter().map(|(name, _)| name.clone()).collect();
    contacts.close().await;
    silent.extend(heads.silent.iter().cloned());
    if heads.best_first.is_empty() {
        return Err(heads.none());
    }
    let mut best_first: Vec<StateNow> = Vec::new();
    let mut days = Vec::new();
    for head in &heads.best_first {
        let (hash, made_at_ms) = (head.hash(), head.made_at_ms());
        let day = made_at_ms.div_euclid(DAY_MS);
        let is_recent = best_first.first().is_none_or(|best| best.made_at_ms - made_at_ms <= DAY_MS);
        if best_first.len() >= STATES_MAX || !is_recent && days.contains(&day) {
            continue;
        }
        days.push(day);
        let places = heads.shown.iter().filter(|(shown, _)| *shown == hash).map(|(_, name)| name.clone());
        best_first.push(StateNow { id: hash.to_string(), made_at_ms, places: places.collect() });
    }
    Ok(States { best_first, silent })
}
