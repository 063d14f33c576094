//! For how long the newest list of what is where has not been made, or has not reached a place, while this computer was on.
//!
//! A computer that was switched off owes nobody anything for that time, so it is counted here, a step at a time, and not told
//! from dates.

use heirloom_vault::policy::{Standing, TargetId};

use super::publish::Published;
use crate::home::Home;

/// The setting that says for how long there has been something to list that could not be, in milliseconds.
const SETTING_UNLISTED: &str = "unlisted-ms";

/// The setting that holds the head that a place has, and for how long newer ones have been there since.
fn behind(id: TargetId) -> String {
    format!("behind-{id}")
}

/// So much time passed while this home was on.
///
/// # Errors
/// When the database cannot be read or written.
pub(super) fn note_time(home: &Home, passed_ms: i64) -> anyhow::Result<()> {
    let store = &home.vault.store;
    if let Some(before_ms) = store.moment(SETTING_UNLISTED)? {
        store.set_moment(SETTING_UNLISTED, before_ms.saturating_add(passed_ms))?;
    }
    let last = store.last_head()?.map(|last| last.number);
    for row in store.targets()?.into_iter().filter(|row| row.standing == Standing::Active) {
        let (at, known) = (store.head_at(row.id)?, store.setting(&behind(row.id))?);
        let now = if at < last { Some(step(known.as_deref(), at, passed_ms)) } else { None };
        if now.as_deref().unwrap_or_default() != known.as_deref().unwrap_or_default() {
            store.set_setting(&behind(row.id), now.as_deref().unwrap_or_default())?;
        }
    }
    Ok(())
}

/// What is noted of a place that is behind: a newer head than it had begins its time anew, even if it is not the newest.
fn step(known: Option<&str>, at: Option<u64>, passed_ms: i64) -> String {
    let at = at.unwrap_or(0);
    let before_ms =
        known.and_then(read).filter(|(before, _)| *before == at).map(|(_, ms)| ms.saturating_add(passed_ms));
    format!("{at} {}", before_ms.unwrap_or(0))
}

fn read(noted: &str) -> Option<(u64, i64)> {
    let (at, ms) = noted.split_once(' ')?;
    Some((at.parse().ok()?, ms.parse().ok()?))
}

/// Notes what came of listing what is where.
///
/// # Errors
/// When the database cannot be read or written.
pub(super) fn note_published(home: &Home, published: &Published) -> anyhow::Result<()> {
    let store = &home.vault.store;
    let was_owed = store.moment(SETTING_UNLISTED)?.is_some();
    match published {
        Published::NotYet if !was_owed => Ok(store.set_moment(SETTING_UNLISTED, 0)?),
        Published::Head(_) | Published::Same if was_owed => Ok(store.set_setting(SETTING_UNLISTED, "")?),
        Published::NotYet | Published::Head(_) | Published::Same => Ok(()),
    }
}

/// For how long what is new could not be listed.
///
/// # Errors
/// When the database cannot be read.
pub(super) fn unlisted_ms(home: &Home) -> anyhow::Result<i64> {
    Ok(home.vault.store.moment(SETTING_UNLISTED)?.unwrap_or(0))
}

/// For how long a place has had an older list than the newest.
///
/// # Errors
/// When the database cannot be read.
pub(super) fn behind_ms(home: &Home, id: TargetId) -> anyhow::Result<i64> {
    let store = &home.vault.store;
    if store.head_at(id)? >= store.last_head()?.map(|last| last.number) {
        return Ok(0);
    }
    Ok(store.setting(&behind(id))?.as_deref().and_then(read).map_or(0, |(_, ms)| ms))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_counts_while_nothing_newer_comes() {
        let noted = step(None, None, 10);
        assert_eq!(noted, "0 0");
        let noted = step(Some(&noted), None, 10);
        assert_eq!(noted, "0 10");
        assert_eq!(step(Some(&noted), None, 5), "0 15");
        assert_eq!(step(Some(&noted), Some(3), 10), "3 0", "something newer came");
        assert_eq!(step(Some("nonsense"), Some(3), 10), "3 0");
    }
}
