//! Whether somebody else signs and deletes in this home's name, or this home only forgot what it did itself.
//!
//! A head that was signed with this computer's keys and that its books do not know has one of two authors: a thief of the
//! keys (or a second computer with a copy of this disk), or this computer, whose disk was set back to an older state
//! since. What was set back cannot know it, so only time tells the two apart. The books note the times in which this
//! computer was on with its books open, without a break. A head made in such a time was made by somebody else. One made in
//! a break may be either, and people are told both, and what to do in either case.
//!
//! A thief may date heads at will, and so hide in a break; that makes an alarm less certain, never silent. Nothing makes a
//! home that was set back look robbed but a clock that was wrong.
//!
//! Once a person says that it was no thief, what is in such a head comes home ([`super::newer`]).

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use heirloom_identity::VaultHead;
use heirloom_vault::policy::TargetId;
use heirloom_vault::policy::audit::Outcome;
use heirloom_vault::store::{NewAlarm, Place, VaultStore};
use heirloom_vault::target::HOLD_MS;
use heirloom_vault::{PackId, Target};

use super::polite::blocking;
use super::{newer, refill};
use crate::home::Home;
use crate::protocols::vault::notices;

/// The setting with the times in which this computer was on: `from-to`, milliseconds, the oldest first.
const SETTING_ON: &str = "on-times";
/// So many of them are remembered.
const TIMES_MAX: usize = 128;
/// How far the clock of the day and the one that only counts may differ; beyond that the former was set.
const SET_CLOCK_MS: i64 = 2 * 60 * 1000;
/// Packs that are gone at a place of which it is asked whether they are held there.
const TRIES_MAX: usize = 8;

/// Doubt that this node's own books may be older than what a place has: nothing that they do not know is deleted.
pub(super) const SET_BACK: &str = "set-back";
/// The alarm that somebody else signs with this node's keys.
pub(super) const ALARM_KEYS: &str = "keys-used";
/// The alarm that somebody had packs deleted that this home needs.
const ALARM_DELETED: &str = "deleted-in-our-name";
/// What to do when somebody else has this node's keys.
pub(super) const RENEW: &str = "stop Heirloom, run `heirloom keys renew` with your 24 words, and start it again: the old keys are \
                     worth nothing then";

/// Since when this computer has been on without a break, as far as is known; one for each open home.
#[derive(Debug, Default)]
pub(super) struct OnSince(Mutex<Option<Seen>>);

#[derive(Debug, Clone, Copy)]
struct Seen {
    begun_ms: i64,
    last_ms: i64,
    last: Instant,
}

impl OnSince {
    /// It is on now; since when without a break.
    fn note(&self, now_ms: i64, now: Instant) -> i64 {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let begun_ms = seen.filter(|seen| seen.goes_on(now_ms, now)).map_or(now_ms, |seen| seen.begun_ms);
        *seen = Some(Seen { begun_ms, last_ms: now_ms, last: now });
        begun_ms
    }
}

impl Seen {
    /// Whether the clock of the day went on as the other one did. A computer that begins with the time at which it was last
    /// switched off, and is set right later, was not on in between.
    fn goes_on(&self, now_ms: i64, now: Instant) -> bool {
        let passed = now.saturating_duration_since(self.last);
        let passed_ms = i64::try_from(passed.as_millis()).unwrap_or(i64::MAX);
        let counted_ms = now_ms.saturating_sub(self.last_ms);
        counted_ms >= 0 && counted_ms.saturating_sub(passed_ms).abs() <= SET_CLOCK_MS
    }
}

/// Notes that this computer is on with its books open.
pub(super) fn note_on(home: &Home) -> anyhow::Result<()> {
    let (store, now_ms) = (&home.vault.store, home.vault.engine.now());
    let begun_ms = home.vault.engine.on_since.note(now_ms, Instant::now());
    let mut times = times(store)?;
    match times.last_mut() {
        Some((from_ms, to_ms)) if *from_ms == begun_ms => *to_ms = now_ms,
        _ => times.push((begun_ms, now_ms)),
    }
    let first = times.len().saturating_sub(TIMES_MAX);
    let texts: Vec<String> =
        times[first..].iter().map(|(from_ms, to_ms)| format!("{from_ms}-{to_ms}")).collect();
    Ok(store.set_setting(SETTING_ON, &texts.join(" "))?)
}

fn times(store: &VaultStore) -> anyhow::Result<Vec<(i64, i64)>> {
    let text = store.setting(SETTING_ON)?.unwrap_or_default();
    let time = |text: &str| {
        let (from_ms, to_ms) = text.split_once('-')?;
        Some((from_ms.parse().ok()?, to_ms.parse().ok()?))
    };
    Ok(text.split(' ').filter_map(time).collect())
}

/// Notes that a place had something, just now, that may be the only copy of photos.
pub(super) fn doubt(home: &Home, what: &str) -> anyhow::Result<()> {
    Ok(home.vault.store.set_moment(what, home.vault.keeper.running_ms()?)?)
}

/// Whether such a doubt is left. It is over when this home has run for so long without a new reason as keepers hold the
/// heads that gave it: nobody can restore what they list any more, and what nobody knows would fill the place for ever.
pub(super) fn has_doubt(home: &Home, what: &str) -> anyhow::Result<bool> {
    let Some(noted_ms) = home.vault.store.moment(what)? else { return Ok(false) };
    Ok(home.vault.keeper.running_ms()?.saturating_sub(noted_ms) < HOLD_MS)
}

/// Looks for heads of this node that its books do not know, and tells people; the newest of them, if it is newer than all
/// that is known here.
pub(super) fn look_at_heads(
    home: &Home,
    id: TargetId,
    heads: &[VaultHead],
) -> anyhow::Result<Option<VaultHead>> {
    note_on(home)?;
    let (store, certificate) = (&home.vault.store, &home.keys.certificate);
    // Books that were lost and filled again may lack the newest heads.
    let last = store.last_head()?.map(|last| last.number).max(refill::head_floor(store)?);
    let mut unknown = Vec::new();
    for head in heads.iter().filter(|head| head.certificate() == certificate) {
        let is_unknown = match knows(store, head)? {
            Some(is_known) => !is_known,
            // So old that it is not remembered, or newer than everything.
            None => Some(head.number()) > last,
        };
        if is_unknown {
            unknown.push(head);
        }
    }
    let Some(newest) = unknown.iter().max_by_key(|head| head.number()) else { return Ok(None) };
    let times = times(store)?;
    let was_on = |ms: i64| times.iter().any(|(from_ms, to_ms)| (*from_ms..=*to_ms).contains(&ms));
    let strange = unknown.iter().find(|head| was_on(head.made_at_ms()));
    let new = newer::note(home, id, &unknown, strange.is_some(), SET_BACK)?;
    if !new.is_empty() {
        tracing::warn!(
            number = newest.number(),
            "a place has heads of this computer that it does not remember"
        );
    }
    if let Some(head) = new.iter().find(|head| was_on(head.made_at_ms())) {
        store.raise(&somebody_signs(&name_of(home, id)?, head), home.vault.engine.now())?;
    }
    Ok(Some((*newest).clone()).filter(|newest| Some(newest.number()) > last))
}

/// Whether this very head is known here; `None` when none with its number is.
pub(super) fn knows(store: &VaultStore, head: &VaultHead) -> anyhow::Result<Option<bool>> {
    let known = store.head_numbered(head.number())?.and_then(|known| VaultHead::decode(&known).ok());
    Ok(known.map(|known| known.hash() == head.hash()))
}

fn somebody_signs(name: &str, head: &VaultHead) -> NewAlarm {
    NewAlarm {
        kind: ALARM_KEYS,
        household: None,
        text: format!(
            "Somebody else seems to have the secret keys of this computer: {name} has copies of your home, of {}, that were \
             written while this computer was on, and not by it.",
            day(head.made_at_ms())
        ),
        advice: format!(
            "If this home also runs on a second computer, with a copy of this disk, switch that one off for good. {}. If not, \
             its keys were stolen: {RENEW}. Nothing is deleted there meanwhile.",
            newer::how_to_bring(head)
        ),
    }
}

/// Some packs that a place had proved are not there any more. If they are held there, somebody asked for their deletion in
/// this home's name, and both homes are told.
pub(super) async fn look_for_deletions(
    home: &Arc<Home>,
    id: TargetId,
    target: &Arc<dyn Target>,
    outcomes: &[(PackId, Outcome)],
) -> anyhow::Result<()> {
    let missing = outcomes.iter().filter(|(_, outcome)| *outcome == Outcome::Missing);
    let missing: Vec<PackId> = missing.map(|(pack, _)| *pack).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let at = Arc::clone(home);
    let asked = blocking(move || {
        let store = &at.vault.store;
        let keeper = store.target(id)?.and_then(|row| row.household());
        // After a restore nothing was proved yet: what the home before it had deleted is no theft.
        let held = store.held_at(id)?.into_iter().filter(|held| held.proven_ms.is_some());
        let known: Vec<PackId> = held.map(|held| held.pack).filter(|pack| missing.contains(pack)).collect();
        Ok(keeper.map(|keeper| (keeper, known)))
    });
    let Some((keeper, known)) = asked.await? else { return Ok(()) };
    let mut held = 0_usize;
    for pack in known.iter().take(TRIES_MAX) {
        // What is lost is not read; what is deleted is, as long as it is held.
        held += usize::from(target.get(*pack, 0..1).await.is_ok());
    }
    // Where everything is held, that home ended the agreement.
    let is_ward = target.state().await.is_ok_and(|state| state.packs > 0);
    if held == 0 || !is_ward {
        return Ok(());
    }
    let packs = if held == known.len().min(TRIES_MAX) { known.len() } else { held };
    let at = Arc::clone(home);
    blocking(move || {
        let alarm = NewAlarm {
            kind: ALARM_DELETED,
            household: Some(keeper),
            text: format!(
                "{} was asked, in your name, to delete parts of your copies that this home needs ({packs} in all). It \
                 holds them for 30 days, and they are being sent again.",
                name_of(&at, id)?
            ),
            advice: format!(
                "If this computer was set back to an older disk or backup, it asked for that itself before. If not, \
                 somebody else has its keys: {RENEW}."
            ),
        };
        tracing::warn!("{}", alarm.text);
        at.vault.store.report(&alarm, at.vault.engine.now())?;
        notices::not_asked(&at, keeper, packs as u64)
    })
    .await?;
    if let Some(network) = home.network() {
        notices::deliver_soon(&network, keeper);
    }
    Ok(())
}

/// What people call a place.
pub(super) fn name_of(home: &Home, id: TargetId) -> anyhow::Result<String> {
    Ok(match home.vault.store.target(id)?.map(|row| row.place) {
        Some(Place::Household(household)) => {
            let peer = home.ledger.peer(&household)?;
            peer.map_or_else(|| household.to_string()[..8].to_owned(), |peer| peer.name())
        }
        Some(Place::Folder(folder)) => folder,
        Some(Place::S3(bucket)) => super::own_places::bucket_name(&bucket),
        None => "A place".to_owned(),
    })
}

pub(super) fn day(ms: i64) -> String {
    let moment = jiff::Timestamp::from_millisecond(ms).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    moment.to_zoned(jiff::tz::TimeZone::system()).strftime("%-d %B %Y").to_string()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// Goal: only a time in which the computer was really on counts as such. Method: the clock of the day goes on as it
    /// should, is set forward as after a night, and back.
    #[test]
    fn a_clock_that_was_set_is_a_break() {
        const MINUTE_MS: i64 = 60_000;
        let (on, begun) = (OnSince::default(), Instant::now());
        let after = |minutes: u64| begun + Duration::from_mins(minutes);
        assert_eq!(on.note(0, begun), 0);
        assert_eq!(on.note(60 * MINUTE_MS, after(60)), 0);
        assert_eq!(on.note(61 * MINUTE_MS, after(60)), 0, "clocks differ a little");
        assert_eq!(on.note(600 * MINUTE_MS, after(61)), 600 * MINUTE_MS, "set forward");
        assert_eq!(on.note(700 * MINUTE_MS, after(161)), 600 * MINUTE_MS);
        assert_eq!(on.note(690 * MINUTE_MS, after(162)), 690 * MINUTE_MS, "set back");
    }
}
