//! Commands about albums.

use std::sync::Arc;

use anyhow::{Context, anyhow, bail};
use heirloom_identity::{AccountId, AlbumId, AssetId, HouseholdId, Role};
use heirloom_spaces::{Album, Entry};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::execute::chosen_account;
use super::{Say, path_of, peers};
use crate::home::Home;
use crate::ingest::import;
use crate::sharing::{self, OriginalState, Outcome};

/// Entries that are read at once.
const PAGE: u64 = 500;

/// What can be asked about albums.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "verb", rename_all = "kebab-case", deny_unknown_fields)]
pub enum AlbumCommand {
    /// A line per album.
    List,
    /// One line: the album.
    Create {
        /// The creator's email; the first account when absent.
        account: Option<String>,
        /// Its title.
        title: String,
    },
    /// A line per photo, then a summary.
    Add {
        /// The email of whose photos they are; the first account when absent.
        account: Option<String>,
        /// Which album.
        album: AlbumId,
        /// Photos of the library.
        assets: Vec<AssetId>,
        /// Absolute paths of files, imported first, as the system's bytes.
        paths: Vec<Vec<u8>>,
    },
    /// No line.
    Share {
        /// Which album.
        album: AlbumId,
        /// Id or name of the home.
        household: String,
        /// As what.
        role: Role,
        /// Names of people there; none: everybody.
        people: Vec<String>,
    },
    /// No line.
    Remove {
        /// Which album.
        album: AlbumId,
        /// Id or name of the home.
        household: String,
    },
    /// No line.
    Leave {
        /// Which album.
        album: AlbumId,
    },
    /// A line per entry.
    Entries {
        /// Which album.
        album: AlbumId,
    },
}

/// Does what was asked.
pub(super) fn execute(home: &Arc<Home>, command: &AlbumCommand, say: &mut Say<'_>) -> anyhow::Result<()> {
    match command {
        AlbumCommand::List => list(home, say),
        AlbumCommand::Create { account, title } => {
            create(home, chosen_account(home, account.as_deref())?, title, say)
        }
        AlbumCommand::Add { account, album, assets, paths } => {
            add(home, chosen_account(home, account.as_deref())?, *album, assets, paths, say)
        }
        AlbumCommand::Share { album, household, role, people } => {
            share(home, *album, household, *role, people)
        }
        AlbumCommand::Remove { album, household } => remove(home, *album, household),
        AlbumCommand::Leave { album } => leave(home, *album),
        AlbumCommand::Entries { album } => entries(home, *album, say),
    }
}

/// Every album, ended ones too.
fn list(home: &Home, say: &mut Say<'_>) -> anyhow::Result<()> {
    for album in home.albums.list()? {
        if !say(describe(home, &album)?) {
            return Ok(());
        }
    }
    Ok(())
}

fn describe(home: &Home, album: &Album) -> anyhow::Result<Value> {
    let members = album.membership.members.iter();
    let homes: Result<Vec<Value>, anyhow::Error> = members
        .map(|(household, member)| {
            Ok(json!({"household": household, "name": name_of(home, household)?, "role": member.role}))
        })
        .collect();
    Ok(json!({
        "id": album.id, "title": album.title, "entries": album.entries, "bytes": album.bytes,
        "role": album.our_role, "homes": homes?,
    }))
}

fn name_of(home: &Home, household: &HouseholdId) -> anyhow::Result<String> {
    if household == home.keys.certificate.household() {
        return home.name();
    }
    let peer = home.ledger.peer(household)?;
    Ok(peer.map_or_else(|| household.to_string()[..8].to_owned(), |peer| peer.name()))
}

/// Makes an album.
fn create(home: &Home, account: AccountId, title: &str, say: &mut Say<'_>) -> anyhow::Result<()> {
    home.must_be_current()?;
    let space = sharing::create_album(home, account, title)?;
    say(json!({"id": AlbumId::of(&space), "title": title}));
    Ok(())
}

/// Puts photos into an album; files that are not in the library are imported first.
fn add(
    home: &Arc<Home>,
    account: AccountId,
    album: AlbumId,
    assets: &[AssetId],
    paths: &[Vec<u8>],
    say: &mut Say<'_>,
) -> anyhow::Result<()> {
    home.must_be_current()?;
    let album = sharing::album_of(home, &album)?;
    sharing::add::check_may_add(home, &album.space)?;
    let (imported, mut failed) = take_in(home, account, paths, say)?;
    let all: Vec<AssetId> = assets.iter().copied().chain(imported).collect();
    let outcomes = sharing::add_assets(home, &album.space, account, &all)?;
    let (mut added, mut duplicate) = (0_u64, 0_u64);
    for (asset, outcome) in all.iter().zip(outcomes) {
        let word = match outcome {
            Outcome::Added => "added",
            Outcome::Waiting => "waiting",
            Outcome::Duplicate => "duplicate",
            Outcome::NotFound => "missing",
        };
        match outcome {
            Outcome::Added | Outcome::Waiting => added += 1,
            Outcome::Duplicate => duplicate += 1,
            Outcome::NotFound => failed += 1,
        }
        say(json!({"asset": asset, "outcome": word}));
    }
    say(json!({"done": true, "added": added, "duplicate": duplicate, "failed": failed}));
    if failed > 0 {
        bail!("{failed} photos could not be added, listed above");
    }
    Ok(())
}

/// Imports files; returns the photos they are now, and how many could not be kept.
fn take_in(
    home: &Arc<Home>,
    account: AccountId,
    paths: &[Vec<u8>],
    say: &mut Say<'_>,
) -> anyhow::Result<(Vec<AssetId>, u64)> {
    if paths.is_empty() {
        return Ok((Vec::new(), 0));
    }
    let paths: Vec<_> = paths.iter().map(|path| path_of(path)).collect();
    let (mut assets, mut failed) = (Vec::new(), 0);
    let summary = import::import(home, account, &paths, &mut |file| {
        match file.asset {
            Some(asset) => assets.push(asset),
            None => failed += 1,
        }
        file.asset.is_some() || serde_json::to_value(file).is_ok_and(&mut *say)
    });
    match summary.stopped {
        Some(reason) => Err(anyhow!("the import ended early: {reason}")),
        None => Ok((assets, failed)),
    }
}

/// Invites a home to an album, or gives it another role.
fn share(home: &Home, album: AlbumId, who: &str, role: Role, people: &[String]) -> anyhow::Result<()> {
    home.must_be_current()?;
    let album = sharing::album_of(home, &album)?;
    let peer = peers::find(home, who)?;
    let known = peer.card.as_ref().map(|card| card.people().to_vec()).unwrap_or_default();
    let accounts: anyhow::Result<Vec<AccountId>> = people
        .iter()
        .map(|name| {
            let is_meant = |person: &&heirloom_identity::Person| {
                person.name.to_lowercase() == name.to_lowercase() || person.account.to_string() == *name
            };
            let found = known.iter().find(is_meant).map(|person| person.account);
            found.with_context(|| format!("nobody called {name} lives at {}", peer.name()))
        })
        .collect();
    Ok(sharing::share(home, &album.space, peer.household, role, accounts?)?)
}

/// Takes a home out of an album.
fn remove(home: &Home, album: AlbumId, who: &str) -> anyhow::Result<()> {
    home.must_be_current()?;
    let album = sharing::album_of(home, &album)?;
    Ok(sharing::unshare(home, &album.space, member(home, &album, who)?)?)
}

/// The member that is meant; it need not be paired any more.
fn member(home: &Home, album: &Album, who: &str) -> anyhow::Result<HouseholdId> {
    let is_in = |household: &HouseholdId| album.membership.members.contains_key(household);
    if let Some(household) = who.parse().ok().filter(is_in) {
        return Ok(household);
    }
    for household in album.membership.members.keys() {
        if name_of(home, household)?.to_lowercase() == who.to_lowercase() {
            return Ok(*household);
        }
    }
    bail!("no home {who} is in this album; `heirloom album list` shows who is")
}

/// Leaves an album.
fn leave(home: &Home, album: AlbumId) -> anyhow::Result<()> {
    home.must_be_current()?;
    let album = sharing::album_of(home, &album)?;
    Ok(sharing::leave(home, &album.space)?)
}

/// A line per entry, in the album's order.
fn entries(home: &Home, album: AlbumId, say: &mut Say<'_>) -> anyhow::Result<()> {
    let album = sharing::album_of(home, &album)?;
    let mut from = 0;
    loop {
        let page = home.albums.entries(&album.space, from..from + PAGE)?;
        if page.is_empty() {
            return Ok(());
        }
        from += PAGE;
        for entry in &page {
            if !say(describe_entry(home, &album, entry)?) {
                return Ok(());
            }
        }
    }
}

fn describe_entry(home: &Home, album: &Album, entry: &Entry) -> anyhow::Result<Value> {
    let original = match sharing::original_state(home, album, entry)? {
        OriginalState::Here => "here",
        OriginalState::Remote => "remote",
        OriginalState::None => "none",
    };
    let facts = &entry.facts;
    let added_at = jiff::Timestamp::from_millisecond(facts.added_at_ms).ok().map(|at| at.to_string());
    Ok(json!({
        "asset": AssetId::derive(&facts.owner, &facts.content), "name": facts.file_name, "by": entry.by,
        "added_at": added_at, "original": original, "content": facts.content, "caption": entry.caption,
        "bytes": facts.bytes,
    }))
}
