//! What people are told of newer states: one alarm while something is open, and one word when photos were brought.

use heirloom_identity::VaultHead;
use heirloom_vault::store::NewAlarm;

use super::states::{Doing, State, Why, id_of};
use crate::home::Home;
use crate::vault::strangers::{ALARM_KEYS, RENEW, day};

/// The alarm that a place has a newer state of the home than this one.
pub(in crate::vault) const ALARM_NEWER: &str = "newer-state";
/// The word that photos of a newer state were brought home.
const ALARM_BROUGHT: &str = "newer-brought";

/// Raises the alarm about whatever is open, or lowers it. A new question is to be seen although an older one was.
pub(super) fn tell(home: &Home, states: &[State], is_asked: bool) -> anyhow::Result<()> {
    let store = &home.vault.store;
    // A theft has an alarm of its own.
    let said: Vec<(String, String)> = states
        .iter()
        .filter(|state| state.is_open() && !(state.doing == Doing::Asks && state.why == Why::Stranger))
        .map(sentences)
        .collect();
    if !states.iter().any(|state| state.doing == Doing::Asks && state.why == Why::Stranger) {
        store.lower(ALARM_KEYS, None)?;
    }
    for alarm in store.alarms()? {
        if alarm.kind == ALARM_NEWER && (said.is_empty() || alarm.household.is_some()) {
            store.lower(ALARM_NEWER, alarm.household)?;
        }
    }
    if said.is_empty() {
        return Ok(());
    }
    let (texts, mut advice): (Vec<String>, Vec<String>) = said.into_iter().unzip();
    advice.dedup();
    let (text, advice) = (texts.join(" "), advice.join(" "));
    let alarm = NewAlarm { kind: ALARM_NEWER, household: None, text, advice };
    let now_ms = home.vault.engine.now();
    if is_asked {
        store.report(&alarm, now_ms)?;
    } else {
        store.raise(&alarm, now_ms)?;
    }
    Ok(())
}

/// What is so, and what to do.
fn sentences(state: &State) -> (String, String) {
    let (place, day) = (&state.place, day(state.made_ms));
    let has = format!("{place} has newer copies of your home than this computer, of {day}");
    if state.is_wanted() {
        return under_way(state, &has);
    }
    let words = if state.needs_phrase { " with your 24 words" } else { "" };
    let how = format!("bring it home here, or with `heirloom vault newer bring {}`{words}", state.id);
    let left = "Nothing is deleted there meanwhile.";
    match state.why {
        Why::Before if state.total > 0 || state.note.is_some() => (
            format!("{has}. {} from them {} here.", photos(state.brought), are(state.brought)),
            format!(
                "What else was done there (captions and hearts of photos that are here anyway, albums, people's accounts) comes \
                 when you say that these copies are yours: {how}. {left}"
            ),
        ),
        Why::Before => (format!("{has}."), format!("To have what came until then, {how}. {left}")),
        Why::After => (
            format!("{has}: the computer that this one replaced made it afterwards."),
            format!(
                "If that computer is yours and still runs somewhere, switch it off, and have what came to it: {how}. If it \
                 was stolen, leave it. {left}"
            ),
        ),
        Why::Beside => (
            format!("{has}: another computer to which your home was restored made it."),
            format!(
                "If it was one of you who restored it, {how}. If nobody did, somebody else has your 24 words: leave it. {left}"
            ),
        ),
        Why::SetBack | Why::Stranger => (
            format!(
                "{place} has copies of your home, of {day}, that this computer does not remember making. Either it was set \
                 back to an older disk or backup, or somebody else pretends to be this computer."
            ),
            format!(
                "If it was set back, photos that came since may be in the copies only; to have them, {how}. If nobody did \
                 that, its keys were stolen: {RENEW}. {left}"
            ),
        ),
    }
}

fn under_way(state: &State, has: &str) -> (String, String) {
    let so_far = match state.total {
        0 => String::new(),
        total => format!("; {} of {} from them {} here", state.brought, photos(total), are(state.brought)),
    };
    if state.doing == Doing::Bringing {
        let left = "Nothing is to be done, and nothing is deleted there meanwhile.";
        return (format!("{has}{so_far}. What is missing here is brought home."), left.to_owned());
    }
    let why = state.note.as_deref().unwrap_or("no home or disk that was reached has the others whole");
    let advice = "It goes on by itself when every home and disk with copies is on. Nothing is deleted there meanwhile.";
    (format!("{has}{so_far}; {why}."), advice.to_owned())
}

/// Says once what was brought, or given up; `is_read`: after the state was read to its end.
pub(super) fn brought(home: &Home, state: &State, is_read: bool) -> anyhow::Result<()> {
    let (place, store) = (&state.place, &home.vault.store);
    let lost = match state.missing {
        0 => String::new(),
        missing => format!(" {} of them {} in none of the copies.", photos(missing), are(missing)),
    };
    let of = day(state.made_ms);
    let text = match state.brought {
        0 if state.total == 0 && !is_read => {
            format!(
                "{place} had newer copies of your home, of {of}. What was in them could not be read in time."
            )
        }
        0 if state.missing == 0 => {
            format!("{place} had newer copies of your home, of {of}; no photo of them was missing here.")
        }
        0 => format!("{place} had newer copies of your home, of {of}.{lost}"),
        count => {
            let were = if count == 1 { "was" } else { "were" };
            format!(
                "{place} had newer copies of your home; {} from them {were} brought back.{lost}",
                photos(count)
            )
        }
    };
    let advice = match (state.missing, state.brought) {
        (0, 0) if state.total == 0 && !is_read => "If that home or disk turns up, it is tried again.",
        (0, 0) => "Nothing is to be done.",
        (0, _) => "Nothing is to be done: they are in the timeline, as they were.",
        _ => "If another home or disk may have copies, connect it.",
    };
    let advice = advice.to_owned();
    tracing::info!("{text}");
    let alarm = NewAlarm { kind: ALARM_BROUGHT, household: None, text, advice };
    Ok(store.report(&alarm, home.vault.engine.now())?)
}

/// How what another computer of this household made with the same keys is had.
pub(in crate::vault) fn how_to_bring(head: &VaultHead) -> String {
    format!("What came to it is brought home with `heirloom vault newer bring {}`", id_of(head.certificate()))
}

fn photos(count: u64) -> String {
    if count == 1 { "1 photo".to_owned() } else { format!("{count} photos") }
}

fn are(count: u64) -> &'static str {
    if count == 1 { "is" } else { "are" }
}
