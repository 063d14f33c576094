//! What is known of newer states: one entry for each computer that signed heads which this home does not know.

use std::sync::PoisonError;

use data_encoding::BASE64;
use heirloom_identity::{Certificate, VaultHead};
use heirloom_vault::policy::TargetId;
use serde::{Deserialize, Serialize};

use super::{SETTING_CHOSEN, told};
use crate::home::Home;
use crate::restore::{SETTING_RESTORED, SETTING_RESTORED_STATE};
use crate::vault::strangers::{self, SET_BACK};
use crate::vault::{recount, refill};

/// The setting of `vault.sqlite` that holds them, as JSON.
const SETTING: &str = "newer-states";
/// Computers whose states are remembered: each has a certificate that the household signed.
const STATES_MAX: usize = 16;
/// Heads before an unknown one that are looked for; so many are remembered.
const KNOWN_MAX: u64 = 64;
/// Digits of a certificate's name that name a state.
const ID_DIGITS: usize = 16;

/// Who signed a newer state, which says whether a person is asked before anything of it is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub enum Why {
    /// The computer before this one, before this one took its place: a restore would have taken it.
    Before,
    /// A computer before this one, after this one took its place: it still runs somewhere, or was stolen.
    After,
    /// Another computer that the household was restored to.
    Beside,
    /// This computer's own keys, at a time when it was off or does not remember: it was set back, or was robbed of its keys.
    SetBack,
    /// This computer's own keys, while it was on: not by it.
    Stranger,
}

/// What becomes of a newer state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub enum Doing {
    /// A person says first whether it is theirs.
    Asks,
    /// It is being brought, or will be soon.
    Bringing,
    /// What could be brought is here; the rest waits for a home or a disk.
    Waiting,
    /// All of it is here.
    Brought,
    /// A person said that it is not to be brought.
    Left,
}

/// A newer state of this home.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    /// The beginning of the name of the certificate that signed it.
    pub id: String,
    /// Who signed it.
    pub why: Why,
    /// What becomes of it.
    pub doing: Doing,
    /// Whether a person said that it is theirs: only then accounts and albums come, too.
    #[serde(default)]
    pub agreed: bool,
    /// Whether it opens with the recovery phrase only.
    pub needs_phrase: bool,
    /// The number of its newest head.
    pub number: u64,
    /// When that was made, by the clock of whoever made it.
    pub made_ms: i64,
    /// When the state was made from which this home comes.
    pub base_ms: i64,
    /// The place that has it, as people call it.
    pub place: String,
    /// Everything up to the head of this number is here, or was given up.
    pub done: u64,
    /// Photos that were brought.
    pub brought: u64,
    /// Photos of it that were not here at first.
    pub total: u64,
    /// Photos of it that no place could give.
    pub missing: u64,
    /// Why it does not go on.
    pub note: Option<String>,
    /// From when to when heads that the same computer signed are this state's.
    #[serde(default = "ever")]
    pub(super) range: (i64, i64),
    /// The hash of its newest head.
    #[serde(default)]
    pub(super) newest: String,
    /// The number of the head whose decisions were taken.
    #[serde(default)]
    pub(super) decided: u64,
    /// The number of this home's newest photo before the first of these came.
    #[serde(default)]
    pub(super) newest_before: Option<u32>,
    /// Whether something was said there about photos that are here anyway.
    #[serde(default)]
    pub(super) withheld: bool,
    /// The keys that open it, as the phrase opens them, where this computer's own do not.
    pub(super) wrapped: Option<String>,
    /// The keys that open it, sealed to this computer; none when its own do.
    pub(super) keys: Option<String>,
}

impl State {
    /// Whether it is to be brought.
    pub(super) fn is_wanted(&self) -> bool {
        matches!(self.doing, Doing::Bringing | Doing::Waiting)
    }

    /// Whether something about it is open.
    pub(super) fn is_open(&self) -> bool {
        self.is_wanted() || self.doing == Doing::Asks
    }

    /// Whether a head is one of this state's.
    pub(super) fn is_of(&self, head: &VaultHead) -> bool {
        let (from, to) = self.range;
        self.id.starts_with(&id_of(head.certificate())) && (from..=to).contains(&head.made_at_ms())
    }
}

/// All times.
fn ever() -> (i64, i64) {
    (i64::MIN, i64::MAX)
}

/// What a state is called whose heads this certificate signed.
pub(super) fn id_of(certificate: &Certificate) -> String {
    certificate.hash().to_string().chars().take(ID_DIGITS).collect()
}

/// Every newer state that is remembered.
///
/// # Errors
/// When the database cannot be read.
pub fn list(home: &Home) -> anyhow::Result<Vec<State>> {
    let text = home.vault.store.setting(SETTING)?.unwrap_or_default();
    // What cannot be understood is found again with the next count.
    Ok(serde_json::from_str(&text).unwrap_or_default())
}

/// Changes the list, and tells people what is so now.
pub(super) fn change<T>(home: &Home, change: impl FnOnce(&mut Vec<State>) -> T) -> anyhow::Result<T> {
    let _changing = home.vault.newer.changing.lock().unwrap_or_else(PoisonError::into_inner);
    let before = list(home)?;
    let mut states = before.clone();
    let outcome = change(&mut states);
    if states != before {
        home.vault.store.set_setting(SETTING, &serde_json::to_string(&states)?)?;
        let asks = |states: &[State], id: &str| {
            states.iter().any(|state| state.id == id && state.doing == Doing::Asks)
        };
        let is_asked = states.iter().any(|state| asks(&states, &state.id) && !asks(&before, &state.id));
        told::tell(home, &states, is_asked)?;
        if states.iter().all(|state| !state.is_open() && state.doing != Doing::Left) {
            end_doubts(home)?;
        }
    }
    Ok(outcome)
}

/// Changes one entry; nothing when it is gone.
pub(super) fn change_one(home: &Home, id: &str, with: impl FnOnce(&mut State)) -> anyhow::Result<()> {
    change(home, |states| {
        if let Some(state) = states.iter_mut().find(|state| state.id == id) {
            with(state);
        }
    })
}

/// Everything that gave reason to doubt is here: counting goes on, and what nobody needs may go.
fn end_doubts(home: &Home) -> anyhow::Result<()> {
    let store = &home.vault.store;
    for row in store.targets()? {
        store.set_setting(&recount::newer(row.id), "")?;
    }
    // Books that were made anew have a doubt of their own.
    if refill::head_floor(store)?.is_none() {
        store.set_setting(SET_BACK, "")?;
    }
    Ok(())
}

/// Whether a place showed heads of newer states so lately that it still holds what they list.
pub(super) fn has_doubt(home: &Home) -> anyhow::Result<bool> {
    for row in home.vault.store.targets()? {
        if strangers::has_doubt(home, &recount::newer(row.id))? {
            return Ok(true);
        }
    }
    strangers::has_doubt(home, SET_BACK)
}

/// Whether what a head of a newer state says is here already, so that it is no news.
pub(super) fn is_done(states: &[State], head: &VaultHead) -> bool {
    states.iter().any(|state| state.is_of(head) && head.number() <= state.done)
}

/// Notes heads at a place that this home does not know, `strange` by its own keys while it was on, and doubts as `doubt`
/// says. Gives those of them that are not brought yet.
///
/// # Errors
/// When a database cannot be read or written.
pub(in crate::vault) fn note<'a>(
    home: &Home,
    id: TargetId,
    heads: &[&'a VaultHead],
    strange: bool,
    doubt: &str,
) -> anyhow::Result<Vec<&'a VaultHead>> {
    let known = list(home)?;
    let new: Vec<&VaultHead> = heads.iter().copied().filter(|head| !is_done(&known, head)).collect();
    if new.is_empty() {
        return Ok(new);
    }
    let place = strangers::name_of(home, id)?;
    let mut found = Vec::new();
    for head in &new {
        found.push(State { place: place.clone(), ..seen(home, head, strange)? });
    }
    let is_wanted = change(home, |states| {
        found.into_iter().for_each(|found| merge(states, found));
        states.iter().any(State::is_wanted)
    })?;
    // Once they are in the list: whoever ends the doubts of another state sees them there.
    strangers::doubt(home, doubt)?;
    if is_wanted {
        home.vault.newer.wanted.notify_one();
    }
    Ok(new)
}

/// A state of which nothing but a head is known.
fn seen(home: &Home, head: &VaultHead, strange: bool) -> anyhow::Result<State> {
    let why = why(home, head, strange)?;
    let keyring = home.keys.vault().map(|keys| &keys.keyring);
    let opens = |key: &heirloom_identity::VaultKey| {
        key.open_root(head.household(), head.number(), head.pointer()).is_ok()
    };
    let needs_phrase = !keyring.is_some_and(|keyring| keyring.keys().iter().any(opens));
    let was_chosen = home.ledger.setting(SETTING_CHOSEN)?.is_some_and(|chosen| !chosen.is_empty());
    let asks = why != Why::Before || needs_phrase || was_chosen;
    let restored = home.ledger.setting(SETTING_RESTORED_STATE)?.and_then(|text| text.parse().ok());
    let base_ms = match why {
        Why::SetBack | Why::Stranger => known_before(home, head)?,
        Why::Before | Why::After | Why::Beside => restored.unwrap_or(0),
    };
    let took_over_ms = took_over_ms(home)?;
    let (suffix, range) = match (why, took_over_ms) {
        (Why::Before, Some(at_ms)) => ("", (i64::MIN, at_ms)),
        // What it made before needs no person's word, and is no loss if this is left.
        (Why::After, Some(at_ms)) => ("a", (at_ms.saturating_add(1), i64::MAX)),
        _ => ("", ever()),
    };
    Ok(State {
        id: format!("{}{suffix}", id_of(head.certificate())),
        why,
        doing: if asks { Doing::Asks } else { Doing::Bringing },
        agreed: false,
        needs_phrase,
        number: head.number(),
        made_ms: head.made_at_ms(),
        base_ms,
        place: String::new(),
        done: 0,
        brought: 0,
        total: 0,
        missing: 0,
        note: None,
        range,
        newest: head.hash().to_string(),
        decided: 0,
        newest_before: None,
        withheld: false,
        wrapped: needs_phrase.then(|| BASE64.encode(head.keyring())),
        keys: None,
    })
}

/// When the last head was made that this home remembers from before one that it does not.
fn known_before(home: &Home, head: &VaultHead) -> anyhow::Result<i64> {
    for number in (head.number().saturating_sub(KNOWN_MAX)..head.number()).rev() {
        let known = home.vault.store.head_numbered(number)?.and_then(|known| VaultHead::decode(&known).ok());
        if let Some(known) = known.filter(|known| known.made_at_ms() < head.made_at_ms()) {
            return Ok(known.made_at_ms());
        }
    }
    Ok(0)
}

/// When this computer took the place of the one before it.
fn took_over_ms(home: &Home) -> anyhow::Result<Option<i64>> {
    Ok(home.ledger.setting(SETTING_RESTORED)?.and_then(|text| text.parse().ok()))
}

fn why(home: &Home, head: &VaultHead, strange: bool) -> anyhow::Result<Why> {
    let (ours, theirs) = (&home.keys.certificate, head.certificate());
    if theirs == ours {
        return Ok(if strange { Why::Stranger } else { Why::SetBack });
    }
    if theirs.generation() >= ours.generation() {
        return Ok(Why::Beside);
    }
    // A head may bear any date, a certificate only that at which the phrase was typed.
    let restored = home.ledger.setting(SETTING_RESTORED)?.and_then(|text| text.parse::<i64>().ok());
    let is_before = restored.is_some_and(|at_ms| head.made_at_ms() <= at_ms && theirs.issued_at_ms() < at_ms);
    Ok(if is_before { Why::Before } else { Why::After })
}

/// Takes a state in that was seen, over what was known of it.
fn merge(states: &mut Vec<State>, found: State) {
    let Some(known) = states.iter_mut().find(|state| state.id == found.id) else {
        if states.len() >= STATES_MAX {
            let Some(old) = states.iter().position(|state| !state.is_open()) else { return };
            states.remove(old);
        }
        states.push(found);
        return;
    };
    if found.number > known.number {
        (known.number, known.made_ms) = (found.number, found.made_ms);
        known.place.clone_from(&found.place);
        known.newest.clone_from(&found.newest);
        if known.keys.is_none() {
            known.wrapped.clone_from(&found.wrapped);
        }
    }
    if known.doing == Doing::Brought {
        // More came since. With this computer's own keys nothing may come that it does not know.
        let is_own = matches!(found.why, Why::SetBack | Why::Stranger);
        let asks = is_own || found.needs_phrase || found.doing == Doing::Asks && !known.agreed;
        known.doing = if asks { Doing::Asks } else { Doing::Bringing };
        known.agreed &= !asks;
        (known.brought, known.total, known.missing, known.base_ms) = (0, 0, 0, found.base_ms);
    }
    if found.why == Why::Stranger {
        known.why = found.why;
    }
}

/// Has the next look bring what waits: somebody came who may have it.
pub(in crate::vault) fn look_again(home: &Home) {
    home.vault.newer.wanted.notify_one();
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(why: Why, doing: Doing, number: u64) -> State {
        State {
            id: "a".repeat(ID_DIGITS),
            why,
            doing,
            agreed: doing == Doing::Brought,
            needs_phrase: false,
            number,
            made_ms: i64::try_from(number).unwrap(),
            base_ms: 0,
            place: "Ben".to_owned(),
            done: 0,
            brought: 0,
            total: 0,
            missing: 0,
            note: None,
            range: ever(),
            newest: String::new(),
            decided: 0,
            newest_before: None,
            withheld: false,
            wrapped: None,
            keys: None,
        }
    }

    /// Goal: what was decided about a computer's states stays decided as it goes on, but never for this computer's own
    /// keys. Method: a newer head of each kind is seen after an older one was brought.
    #[test]
    fn a_decision_holds_for_the_same_computer() {
        let check = |why, doing, then| {
            let mut states = vec![State { done: 3, ..state(why, doing, 3) }];
            merge(&mut states, state(why, Doing::Asks, 4));
            assert_eq!((states.len(), states[0].doing, states[0].number), (1, then, 4), "{why:?} {doing:?}");
        };
        check(Why::After, Doing::Brought, Doing::Bringing);
        check(Why::After, Doing::Left, Doing::Left);
        check(Why::SetBack, Doing::Brought, Doing::Asks);
        check(Why::Stranger, Doing::Brought, Doing::Asks);
        check(Why::Beside, Doing::Asks, Doing::Asks);
    }

    #[test]
    fn the_list_is_bounded() {
        let mut states = Vec::new();
        for number in 0..100_u64 {
            merge(&mut states, State { id: number.to_string(), ..state(Why::Beside, Doing::Asks, number) });
        }
        assert_eq!(states.len(), STATES_MAX);
        states[5].doing = Doing::Brought;
        merge(&mut states, State { id: "new".to_owned(), ..state(Why::Beside, Doing::Asks, 1) });
        assert_eq!((states.len(), states[STATES_MAX - 1].id.as_str()), (STATES_MAX, "new"));
    }
}
