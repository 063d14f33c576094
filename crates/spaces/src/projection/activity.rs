//! The activity line: what happened in each change and operation that counts.

use std::collections::BTreeMap;

use automerge::{
    Change,
    legacy::{Key as OpKey, OpType},
};
use heirloom_identity::{AccountId, Action, ContentHash, HouseholdId, Operation};
use heirloom_store::rusqlite::{Connection, named_params};

use crate::albums::AlbumError;
use crate::documents::{Key, Kind, change::key_of, talk};
use crate::replica::{Replica, Work, rows};

/// How many lines one change makes at most.
const LINES_MAX: usize = 100;

/// The words of the lines, as they are stored.
pub(crate) mod words {
    pub(crate) const CREATED: &str = "created";
    pub(crate) const ADDED: &str = "added";
    pub(crate) const TOOK_OUT: &str = "took-out";
    pub(crate) const COMMENTED: &str = "commented";
    pub(crate) const REACTED: &str = "reacted";
    pub(crate) const RENAMED: &str = "renamed";
    pub(crate) const JOINED: &str = "joined";
    pub(crate) const REMOVED: &str = "removed";
    pub(crate) const LEFT: &str = "left";
    pub(crate) const TRANSFERRED: &str = "transferred";
}

/// What stands before an operation's id, so that lines of operations can be told from those of envelopes.
const OF_OPERATION: &[u8] = b"op";

/// Adds the lines of a change that counts from now on.
pub(crate) fn add(
    work: &Work<'_>,
    album: i64,
    kind: Kind,
    number: i64,
    change: &Change,
) -> Result<(), AlbumError> {
    let lines = lines(kind, change);
    if lines.is_empty() {
        return Ok(());
    }
    let (household, account, at_ms): ([u8; 32], Option<[u8; 16]>, i64) = work
        .conn
        .prepare_cached(
            "SELECT s.household, e.account, max(min(coalesce(e.at_ms, 0), e.received_ms), 0)
             FROM album_envelopes e JOIN album_streams s ON s.number = e.stream WHERE e.number = :number",
        )?
        .query_row(named_params! { ":number": number }, |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
    for ((what, content), count) in lines.into_iter().take(LINES_MAX) {
        let line = Line {
            source: number.to_le_bytes().to_vec(),
            at_ms,
            household: HouseholdId::from_bytes(household),
            account: account.map(AccountId::from_bytes),
            what,
            count,
            content,
            about: None,
        };
        line.insert(work.conn, album)?;
    }
    Ok(())
}

/// Takes the lines of an envelope away that no longer counts.
pub(crate) fn remove(conn: &Connection, album: i64, number: i64) -> Result<(), AlbumError> {
    conn.prepare_cached("DELETE FROM album_activity WHERE album = :album AND source = :source")?
        .execute(named_params! { ":album": album, ":source": number.to_le_bytes() })?;
    Ok(())
}

/// Writes the lines of all operations that count anew.
pub(crate) fn members(work: &Work<'_>, replica: &Replica) -> Result<(), AlbumError> {
    work.conn
        .prepare_cached(
            "DELETE FROM album_activity WHERE album = :album AND source >= :from AND length(source) > 8",
        )?
        .execute(named_params! { ":album": replica.row, ":from": OF_OPERATION })?;
    for (operation, received_ms) in rows::operations(work.conn, replica.row)? {
        if replica.membership.ineffective.contains(&operation.id()) {
            continue;
        }
        let Some((what, about)) = happened(&operation) else { continue };
        let line = Line {
            source: [OF_OPERATION, operation.id().as_bytes()].concat(),
            at_ms: Work::shown_ms(operation.at_ms(), received_ms),
            household: operation.author(),
            account: None,
            what,
            count: 1,
            content: None,
            about,
        };
        line.insert(work.conn, replica.row)?;
    }
    Ok(())
}

fn happened(operation: &Operation) -> Option<(&'static str, Option<HouseholdId>)> {
    match operation.action() {
        Action::Create { .. } => Some((words::CREATED, None)),
        Action::Add { household, .. } => Some((words::JOINED, Some(*household))),
        Action::Remove { household, .. } => Some((words::REMOVED, Some(*household))),
        Action::Leave { .. } => Some((words::LEFT, None)),
        Action::Transfer { household } => Some((words::TRANSFERRED, Some(*household))),
        Action::SetRole { .. } | Action::Rekey(_) | Action::Renew { .. } => None,
    }
}

/// What happened in a change, how often.
fn lines(kind: Kind, change: &Change) -> BTreeMap<(&'static str, Option<ContentHash>), i64> {
    let mut lines: BTreeMap<(&'static str, Option<ContentHash>), i64> = BTreeMap::new();
    for operation in change.decode().operations {
        let Ok(Some(key)) = key_of(kind, &operation) else { continue };
        let put = match &operation.action {
            OpType::Put(value) => Some(value),
            _ => None,
        };
        let line = match (&key, put) {
            (Key::Entry(..), Some(_)) => Some((words::ADDED, None)),
            (Key::Entry(..), None) => Some((words::TOOK_OUT, None)),
            (Key::Title | Key::Description, Some(_)) => Some((words::RENAMED, None)),
            (Key::Comment(..), Some(value)) => {
                let said = value.as_bytes().and_then(talk::Said::unpack);
                said.map(|said| (words::COMMENTED, said.entry))
            }
            (Key::Reaction(_, _, content), Some(_)) => Some((words::REACTED, *content)),
            _ => None,
        };
        if let Some(line) = line {
            *lines.entry(line).or_default() += 1;
        }
        debug_assert!(matches!(operation.key, OpKey::Map(_)), "lawful changes write the map");
    }
    lines
}

struct Line {
    source: Vec<u8>,
    at_ms: i64,
    household: HouseholdId,
    account: Option<AccountId>,
    what: &'static str,
    count: i64,
    content: Option<ContentHash>,
    about: Option<HouseholdId>,
}

impl Line {
    fn insert(&self, conn: &Connection, album: i64) -> Result<(), AlbumError> {
        conn.prepare_cached(
            "INSERT INTO album_activity (album, source, at_ms, household, account, what, count, content, about)
             VALUES (:album, :source, :at, :household, :account, :what, :count, :content, :about)",
        )?
        .execute(named_params! {
            ":album": album,
            ":source": self.source,
            ":at": self.at_ms,
            ":household": self.household.as_bytes(),
            ":account": self.account.map(|account| *account.as_bytes()),
            ":what": self.what,
            ":count": self.count,
            ":content": self.content.map(|content| *content.as_bytes()),
            ":about": self.about.map(|about| *about.as_bytes()),
        })?;
        Ok(())
    }
}
