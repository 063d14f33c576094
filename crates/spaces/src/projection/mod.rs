//! Documents as tables: brought up to date key by key from what a change touched, never by reading a document again but
//! when it had to be rebuilt. Rows that stay keep their numbers.

pub(crate) mod activity;
pub(crate) mod entries;
pub(crate) mod read;

use std::collections::BTreeSet;

use automerge::ScalarValue;
use heirloom_identity::{AccountId, ContentHash, HouseholdId};
use heirloom_store::rusqlite::{Connection, named_params};

use crate::albums::{AlbumError, Changed, CommentId};
use crate::documents::{Home, Key, Kind, Sort, talk};
use crate::replica::{
    Replica, Work,
    document::Document,
    write::{TEXT_CHARS_MAX, TITLE_CHARS_MAX},
};

/// Brings the tables up to date with these keys of a document.
pub(crate) fn project(
    work: &mut Work<'_>,
    replica: &Replica,
    kind: Kind,
    document: &Document,
    keys: &[String],
) -> Result<(), AlbumError> {
    let keys: BTreeSet<Key> = keys.iter().filter_map(|key| Key::parse(kind, key)).collect();
    if keys.is_empty() {
        return Ok(());
    }
    work.changed(match kind {
        Kind::About => Changed::About,
        Kind::Entries => Changed::Entries,
        Kind::Talk => Changed::Talk,
        Kind::People => Changed::Members,
    });
    if kind == Kind::Entries {
        entries::project(work, replica, document, &keys)?;
    } else {
        for key in &keys {
            put(work, replica, document, key)?;
        }
    }
    work.conn
        .prepare_cached("UPDATE albums SET updated_ms = max(updated_ms, :now) WHERE number = :album")?
        .execute(named_params! { ":album": replica.row, ":now": work.now_ms })?;
    Ok(())
}

/// Brings the tables up to date with a document that was built anew: every key there is, and every row there was.
pub(crate) fn project_all(
    work: &mut Work<'_>,
    replica: &Replica,
    kind: Kind,
    document: &Document,
) -> Result<(), AlbumError> {
    let mut keys: BTreeSet<String> = document.keys().into_iter().collect();
    keys.extend(read::keys(work.conn, replica.row, kind)?.iter().map(Key::to_string));
    project(work, replica, kind, document, &keys.into_iter().collect::<Vec<_>>())
}

fn put(work: &Work<'_>, replica: &Replica, document: &Document, key: &Key) -> Result<(), AlbumError> {
    let value = document.get(&key.to_string());
    let text = match &value {
        Some(ScalarValue::Str(text)) => Some(text.as_str()),
        _ => None,
    };
    let household = key.home().and_then(|home| replica.ever.get(&home));
    match (key, household) {
        (Key::Title, _) => about(work, replica, "title", within(text, TITLE_CHARS_MAX).unwrap_or_default()),
        (Key::Description, _) => {
            about(work, replica, "description", within(text, TEXT_CHARS_MAX).unwrap_or_default())
        }
        (Key::Sort, _) => {
            let sort: Sort = text.and_then(|text| text.parse().ok()).unwrap_or_default();
            about(work, replica, "sort", sort.as_str())
        }
        (Key::Cover, _) => {
            let cover = text.and_then(|text| text.parse::<ContentHash>().ok());
            work.conn.prepare_cached("UPDATE albums SET cover = :cover WHERE number = :album")?.execute(
                named_params! {
                    ":album": replica.row,
                    ":cover": cover.map(|cover| *cover.as_bytes()),
                },
            )?;
            Ok(())
        }
        (Key::Comment(home, random), Some(household)) => {
            let said = match &value {
                Some(ScalarValue::Bytes(packed)) => talk::Said::unpack(packed),
                _ => None,
            };
            comment(work, replica, household, CommentId::new(*home, *random), said.as_ref())
        }
        (Key::Reaction(_, account, target), Some(household)) => {
            let emoji = text.filter(|emoji| talk::is_emoji(emoji));
            reaction(work.conn, replica.row, (household, account), target.as_ref(), emoji)
        }
        (Key::Name(_, account), Some(household)) => {
            let name = text.filter(|name| talk::is_name(name));
            person(work.conn, replica.row, (household, account), name)
        }
        // Nobody whom an operation named, or the entries' document.
        _ => Ok(()),
    }
}

fn reaction(
    conn: &Connection,
    album: i64,
    (household, account): (&HouseholdId, &AccountId),
    target: Option<&ContentHash>,
    emoji: Option<&str>,
) -> Result<(), AlbumError> {
    let sql = match emoji {
        Some(_) => {
            "INSERT OR REPLACE INTO album_reactions (album, content, household, account, emoji)
             VALUES (:album, :content, :household, :account, :emoji)"
        }
        None => {
            "DELETE FROM album_reactions WHERE album = :album AND content = :content
             AND household = :household AND account = :account AND :emoji IS NULL"
        }
    };
    conn.prepare_cached(sql)?.execute(named_params! {
        ":album": album,
        ":content": target_of(target),
        ":household": household.as_bytes(),
        ":account": account.as_bytes(),
        ":emoji": emoji,
    })?;
    Ok(())
}

fn person(
    conn: &Connection,
    album: i64,
    (household, account): (&HouseholdId, &AccountId),
    name: Option<&str>,
) -> Result<(), AlbumError> {
    let sql = match name {
        Some(_) => {
            "INSERT OR REPLACE INTO album_names (album, household, account, name)
             VALUES (:album, :household, :account, :name)"
        }
        None => {
            "DELETE FROM album_names WHERE album = :album AND household = :household
             AND account = :account AND :name IS NULL"
        }
    };
    conn.prepare_cached(sql)?.execute(named_params! {
        ":album": album,
        ":household": household.as_bytes(),
        ":account": account.as_bytes(),
        ":name": name,
    })?;
    Ok(())
}

fn about(work: &Work<'_>, replica: &Replica, column: &str, value: &str) -> Result<(), AlbumError> {
    let sql = match column {
        "title" => "UPDATE albums SET title = :value WHERE number = :album",
        "description" => "UPDATE albums SET description = :value WHERE number = :album",
        _ => "UPDATE albums SET sort = :value WHERE number = :album",
    };
    work.conn.prepare_cached(sql)?.execute(named_params! { ":album": replica.row, ":value": value })?;
    Ok(())
}

fn comment(
    work: &Work<'_>,
    replica: &Replica,
    household: &HouseholdId,
    id: CommentId,
    said: Option<&talk::Said>,
) -> Result<(), AlbumError> {
    let Some(said) = said else {
        work.conn
            .prepare_cached("DELETE FROM album_comments WHERE album = :album AND id = :id")?
            .execute(named_params! { ":album": replica.row, ":id": id.as_bytes() })?;
        return Ok(());
    };
    work.conn
        .prepare_cached(
            "INSERT INTO album_comments (album, household, id, content, account, at_ms, text)
             VALUES (:album, :household, :id, :content, :account, :at, :text)
             ON CONFLICT (album, id) DO UPDATE SET content = excluded.content, account = excluded.account,
                 text = excluded.text",
        )?
        .execute(named_params! {
            ":album": replica.row,
            ":household": household.as_bytes(),
            ":id": id.as_bytes(),
            ":content": target_of(said.entry.as_ref()),
            ":account": said.account.as_bytes(),
            ":at": Work::shown_ms(said.at_ms, work.now_ms),
            ":text": said.text,
        })?;
    Ok(())
}

/// How a comment's or reaction's target is stored: an entry's content hash, or nothing for the album.
pub(crate) fn target_of(content: Option<&ContentHash>) -> &[u8] {
    content.map_or(&[], |content| content.as_bytes())
}

fn within(text: Option<&str>, chars_max: usize) -> Option<&str> {
    text.filter(|text| talk::within(text, chars_max))
}

/// The household whose key it is, if an operation ever named one.
pub(crate) fn household(replica: &Replica, home: Home) -> Option<HouseholdId> {
    replica.ever.get(&home).copied()
}
