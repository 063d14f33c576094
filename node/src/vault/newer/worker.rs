//! Bringing newer states home, one look at a time, beside everything else that a home does.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use heirloom_identity::VaultHead;
use heirloom_vault::policy::TargetId;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::reading::{self, Newer, Places};
use super::states::{self, Doing, State, list};
use super::{accounts, albums, decisions, photos, told};
use crate::home::Home;
use crate::restore::source::Source;
use crate::restore::{Problem, heads};
use crate::vault::polite::{blocking, polite};
use crate::vault::{fetch, place, strangers};

/// Heads of one state that are tried, the newest first.
const TRIES_MAX: usize = 16;
/// How long one place may take to say which heads it has.
const ASK_TIME: Duration = Duration::from_mins(2);
/// How soon what waits is tried again; it doubles.
const AGAIN_AFTER: Duration = Duration::from_mins(5);
/// The longest such wait, and how often it is looked whether something is open.
const LOOK_EVERY: Duration = Duration::from_hours(3);

/// Brings whatever is to be brought, now and then, until it is stopped.
pub(in crate::vault) async fn keep_bringing(home: Arc<Home>, stop: CancellationToken) {
    let (mut woken, mut pause) = (home.vault.woken(), AGAIN_AFTER);
    loop {
        let brought = tokio::select! {
            () = stop.cancelled() => return,
            brought = Box::pin(bring(&home, &stop)) => brought,
        };
        let waits = brought.unwrap_or_else(|error| {
            tracing::error!("a newer state of this home cannot be brought now: {error:#}");
            true
        });
        pause = if waits { pause } else { LOOK_EVERY };
        let somebody_came = until_a_place_comes(&home, &mut woken);
        tokio::select! {
            () = stop.cancelled() => return,
            () = home.vault.newer.wanted.notified() => pause = AGAIN_AFTER,
            Ok(()) = somebody_came, if waits => pause = AGAIN_AFTER,
            () = tokio::time::sleep(pause) => pause = (pause * 2).min(LOOK_EVERY),
        }
    }
}

/// Waits until a place is on that was not, or was not for a while.
async fn until_a_place_comes(home: &Arc<Home>, woken: &mut watch::Receiver<u64>) -> anyhow::Result<()> {
    let mut before = on(home).await?;
    loop {
        tokio::time::sleep(AGAIN_AFTER).await;
        woken.changed().await?;
        let now = on(home).await?;
        if now.iter().any(|place| !before.contains(place)) {
            return Ok(());
        }
        before = now;
    }
}

/// The places that are on, as far as can be told without asking them.
async fn on(home: &Arc<Home>) -> anyhow::Result<BTreeSet<TargetId>> {
    let at = Arc::clone(home);
    blocking(move || {
        let rows = at.vault.store.targets()?.into_iter();
        Ok(rows.filter(|row| place::is_on(&at, &row.place)).map(|row| row.id).collect())
    })
    .await
}

/// Brings what can be brought now of every newer state that is to be brought. Whether something of one is left.
///
/// # Errors
/// When a database cannot be read or written; what came stays.
pub async fn bring(home: &Arc<Home>, stop: &CancellationToken) -> anyhow::Result<bool> {
    let _only = home.vault.newer.bringing.lock().await;
    if home.keys.vault().is_none() || home.is_outranked() {
        return Ok(false);
    }
    let at = Arc::clone(home);
    let wanted = blocking(move || {
        end_what_is_over(&at)?;
        Ok(list(&at)?.into_iter().filter(State::is_wanted).collect::<Vec<_>>())
    });
    let wanted = wanted.await?;
    if wanted.is_empty() {
        return Ok(false);
    }
    let places = places(home).await?;
    let heads = ask(home, &places).await;
    for state in wanted {
        if stop.is_cancelled() {
            break;
        }
        let (at, of_it) = (Arc::clone(home), state.clone());
        let all: Vec<VaultHead> = heads.iter().filter(|head| of_it.is_of(head)).cloned().collect();
        let of_it = blocking(move || unknown(&at, &of_it, all)).await?;
        if let Err(error) = Box::pin(bring_state(home, &state, of_it, &places, stop)).await {
            let (at, id) = (Arc::clone(home), state.id.clone());
            let note = format!("{error:#}");
            tracing::warn!("a newer state of this home cannot be brought now: {note}");
            blocking(move || wait_for(&at, &id, Some(note))).await?;
        }
    }
    let at = Arc::clone(home);
    blocking(move || Ok(list(&at)?.iter().any(State::is_wanted))).await
}

/// The heads of a state that say more than what was brought, without those that this home made or comes from.
fn unknown(home: &Home, state: &State, heads: Vec<VaultHead>) -> anyhow::Result<Vec<VaultHead>> {
    let mut unknown = Vec::new();
    for head in heads.into_iter().filter(|head| head.number() > state.done) {
        // The books took the newest that they had forgotten up, to count on above it.
        let is_newest = head.hash().to_string() == state.newest;
        let is_known = !is_newest && strangers::knows(&home.vault.store, &head)? == Some(true);
        // What this computer made since is newer.
        let is_since = *head.certificate() == home.keys.certificate && head.number() > state.number;
        if !is_known && !is_since && unknown.len() < TRIES_MAX {
            unknown.push(head);
        }
    }
    Ok(unknown)
}

/// What no place showed for as long as this home would have waited is over for now. It is not taken for done: a place that
/// was away for longer still holds it, and begins it anew.
fn end_what_is_over(home: &Home) -> anyhow::Result<()> {
    if !list(home)?.iter().any(State::is_open) || states::has_doubt(home)? {
        return Ok(());
    }
    let over = states::change(home, |states| {
        let over: Vec<State> = states.iter().filter(|state| state.is_open()).cloned().collect();
        states.retain(|state| !state.is_open());
        over
    })?;
    for state in over {
        let missing = state.total.saturating_sub(state.brought);
        if state.is_wanted() {
            told::brought(home, &State { missing, ..state.clone() }, false)?;
        }
        reading::forget(home, &state.id)?;
    }
    Ok(())
}

/// Every place of this home, and what it was restored from.
async fn places(home: &Arc<Home>) -> anyhow::Result<Places> {
    let at = Arc::clone(home);
    let known = blocking(move || at.vault.targets(&at)).await?;
    let mut sources = home.restoring.sources();
    let mut readers: Vec<fetch::Source> =
        sources.iter().map(|source| fetch::Source { id: None, target: Arc::clone(&source.target) }).collect();
    for (id, target) in known {
        sources.push(Source::new(format!("place {id}"), Arc::clone(&target)));
        readers.push(fetch::Source { id: Some(id), target });
    }
    Ok(Places { sources, readers })
}

/// The heads of this household at all places that answer, the one to be tried first.
async fn ask(home: &Home, places: &Places) -> Vec<VaultHead> {
    let answers = places.sources.iter().map(|source| tokio::time::timeout(ASK_TIME, source.target.heads()));
    let mut found = Vec::new();
    for answer in futures_util::future::join_all(answers).await {
        let Ok(Ok(heads)) = answer else { continue };
        let heads = heads.iter().filter_map(|head| VaultHead::decode(head).ok());
        found.extend(heads.filter(|head| head.household() == home.keys.certificate.household()));
    }
    let mut found = heads::sorted(found);
    found.dedup_by_key(|head| head.hash());
    found
}

async fn bring_state(
    home: &Arc<Home>,
    state: &State,
    heads: Vec<VaultHead>,
    places: &Places,
    stop: &CancellationToken,
) -> anyhow::Result<()> {
    if state.done >= state.number {
        // It was cut off between its last photo and saying so.
        let (at, state) = (Arc::clone(home), state.clone());
        return blocking(move || finish(&at, &state, state.done, None)).await;
    }
    let mut trouble = "no home or disk that has it is on".to_owned();
    for head in heads {
        let (number, made_ms) = (head.number(), head.made_at_ms());
        match reading::open(home, state, head, places).await {
            Ok(newer) => {
                let newest = (number >= state.number).then_some(()).ok_or(trouble);
                return bring_from(home, state, newer, number, newest, stop).await;
            }
            Err(Problem::Other(error)) => return Err(error),
            Err(Problem::Away { what }) => {
                trouble = format!("a home or disk that has {what} is not on");
            }
            Err(Problem::Newer(_)) => {
                trouble = "a newer Heirloom wrote it; install that here, too".to_owned();
            }
            Err(problem) => trouble = format!("not all of it can be read: {problem}"),
        }
        tracing::info!(number, made_ms, trouble, "a head of a newer state cannot be opened now");
    }
    let (at, id) = (Arc::clone(home), state.id.clone());
    blocking(move || wait_for(&at, &id, Some(trouble))).await
}

/// Brings what an opened state has. `newest` is why a newer head of it could not be opened, if so.
async fn bring_from(
    home: &Arc<Home>,
    state: &State,
    newer: Newer,
    number: u64,
    newest: Result<(), String>,
    stop: &CancellationToken,
) -> anyhow::Result<()> {
    let newer = Arc::new(newer);
    let (at, from, looked) = (Arc::clone(home), Arc::clone(&newer), state.clone());
    let is_restoring = place::is_restoring(home);
    let owners = polite(move || {
        let owners = accounts::owners(&at, &from.ledger, looked.agreed)?;
        let lacking = photos::count_lacking(&at, &from, &owners)?;
        let newest = at.ledger.newest()?;
        states::change_one(&at, &looked.id, |state| {
            state.newest_before.get_or_insert(newest);
            begin(state, lacking);
        })?;
        Ok(Arc::new(owners))
    })
    .await?;
    let tally = photos::bring(home, &state.id, &newer, &owners, stop).await?;
    if stop.is_cancelled() {
        return Ok(());
    }
    let look = Look { tally, number, newest, agreed: state.agreed, is_restoring };
    let (at, id) = (Arc::clone(home), state.id.clone());
    polite(move || settle(&at, &id, &newer, &owners, &look))
        .await
        .context("what people decided in a newer state cannot be taken over")
}

/// What a look at an opened state came to.
struct Look {
    tally: photos::Tally,
    /// The number of its head.
    number: u64,
    /// Why a newer head could not be opened, if so.
    newest: Result<(), String>,
    /// Whether a person had said that it is theirs when it began.
    agreed: bool,
    /// Whether a restore was under way when it began, whose photos did not count as lacking.
    is_restoring: bool,
}

/// Takes over what people decided, and says how it stands.
fn settle(
    home: &Home,
    id: &str,
    newer: &Newer,
    owners: &accounts::Owners,
    look: &Look,
) -> anyhow::Result<()> {
    let Some(state) = list(home)?.into_iter().find(|now| now.id == id && now.is_wanted()) else {
        return Ok(());
    };
    if state.agreed != look.agreed {
        // Somebody said meanwhile that it is theirs: accounts and their photos come with another look.
        states::look_again(home);
        return wait_for(home, id, None);
    }
    let withheld = take_over(home, &state, newer, owners, look.number)?;
    let has_decisions = newer.decisions.is_some();
    let lacking = look.tally.lost + look.tally.away;
    let is_restoring = look.is_restoring || place::is_restoring(home);
    let note = match &look.newest {
        // What a restore still brings may be only in these copies.
        _ if is_restoring => Some("the restore comes to its end first".to_owned()),
        Err(trouble) if lacking == 0 => Some(trouble.clone()),
        _ if look.tally.away > 0 => Some("a home or disk that has the others is not on".to_owned()),
        _ if lacking == 0 && !has_decisions => {
            Some("its captions and albums are in none of the copies that were reached".to_owned())
        }
        _ => None,
    };
    if lacking > 0 || !has_decisions || is_restoring {
        states::change_one(home, id, |state| {
            state.missing = state.total.saturating_sub(state.brought);
        })?;
        return wait_for(home, id, note);
    }
    if !state.agreed && (withheld || has_more(newer, owners, state.base_ms)?) {
        let note = "what else was done there waits for a person's word".to_owned();
        return states::change_one(home, id, |state| {
            if state.is_wanted() {
                (state.doing, state.missing, state.note) = (Doing::Asks, 0, Some(note));
            }
        });
    }
    finish(home, &state, look.number, note)
}

/// Takes over what was decided about photos, once for each head, and, with a person's word, what was done in albums. Whether
/// something was said about photos that are here anyway, which waits for that word.
fn take_over(
    home: &Home,
    state: &State,
    newer: &Newer,
    owners: &accounts::Owners,
    number: u64,
) -> anyhow::Result<bool> {
    let mut withheld = state.withheld;
    let Some(there) = &newer.decisions else { return Ok(withheld) };
    if state.decided < number {
        let after = if state.agreed { None } else { state.newest_before };
        withheld = decisions::take(home, &newer.ledger, &there.library, owners, after)?;
        states::change_one(home, &state.id, |state| {
            (state.decided, state.withheld) = (number, withheld);
        })?;
    }
    if state.agreed {
        albums::merge(home, &newer.ledger, &there.albums, owners, state.base_ms)?;
    }
    Ok(withheld)
}

/// Whether there is something that opens this home to somebody, so that a person is asked first: accounts that are not here,
/// albums in which something was done.
fn has_more(newer: &Newer, owners: &accounts::Owners, base_ms: i64) -> anyhow::Result<bool> {
    if newer.ledger.accounts()?.iter().any(|account| !owners.contains_key(&account.id)) {
        return Ok(true);
    }
    let albums = newer.decisions.as_ref().map(|there| there.albums.list()).transpose()?.unwrap_or_default();
    Ok(albums.iter().any(|album| album.our_role.is_some() && album.updated_at_ms > base_ms))
}

/// A look begins that finds so many photos lacking.
fn begin(state: &mut State, lacking: u64) {
    if !state.is_wanted() {
        return;
    }
    state.total = state.total.max(state.brought + lacking);
    state.brought = state.total.saturating_sub(lacking);
    (state.doing, state.note) = (Doing::Bringing, None);
}

/// Everything up to this head is here. `note` is why the newest could not be opened, if so.
fn finish(home: &Home, state: &State, number: u64, note: Option<String>) -> anyhow::Result<()> {
    let id = &state.id;
    states::change_one(home, id, |state| {
        if state.is_wanted() {
            (state.done, state.missing) = (number, 0);
        }
    })?;
    if note.is_some() {
        return wait_for(home, id, note);
    }
    reading::forget(home, id)?;
    let now = list(home)?.into_iter().find(|state| state.id == *id && state.is_wanted());
    let Some(now) = now else { return Ok(()) };
    // A head that was seen meanwhile is the next look's.
    if now.number > number {
        states::look_again(home);
        return Ok(());
    }
    if now.brought > 0 || now.agreed {
        told::brought(home, &now, true)?;
    }
    states::change_one(home, id, |state| {
        if state.is_wanted() {
            (state.doing, state.keys) = (Doing::Brought, None);
        }
    })?;
    home.vault.wake();
    Ok(())
}

fn wait_for(home: &Home, id: &str, note: Option<String>) -> anyhow::Result<()> {
    states::change_one(home, id, |state| {
        if state.is_wanted() {
            (state.doing, state.note) = (Doing::Waiting, note);
        }
    })
}
