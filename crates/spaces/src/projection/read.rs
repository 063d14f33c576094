//! Reads what was projected. Every function runs on a reader's connection, beside whatever is written.

use std::collections::BTreeMap;
use std::ops::Range;

use heirloom_identity::{AccountId, AlbumId, ContentHash, HouseholdId, SpaceId};
use heirloom_store::rusqlite::{self, Connection, OptionalExtension, Row, named_params};

use crate::albums::{
    Activity, AlbumError, Comment, CommentId, Entry, Happening, Holder, Part, Reaction, TalkCounts,
};
use crate::documents::{Home, Key, Kind, Sort, entry::EntryFacts, order};
use crate::projection::{activity::words, target_of};
use crate::replica::{rows::from_sql, write::sort_of};

/// How many lines of activity are given at most.
pub(crate) const ACTIVITY_MAX: usize = 1000;
/// How many entries are given at once at most.
pub(crate) const ENTRIES_READ_MAX: u64 = 10_000;
/// How many comments or reactions are given at most.
const TALK_READ_MAX: i64 = 10_000;

/// A row of `albums`.
pub(crate) struct AlbumRow {
    pub(crate) number: i64,
    pub(crate) space: SpaceId,
    pub(crate) title: String,
    pub(crate) description: String,
    pub(crate) cover: Option<ContentHash>,
    pub(crate) sort: Sort,
    pub(crate) entries: u64,
    pub(crate) bytes: u64,
    pub(crate) from_ms: Option<i64>,
    pub(crate) to_ms: Option<i64>,
    pub(crate) created_ms: i64,
    pub(crate) updated_ms: i64,
}

/// Every album, the one that changed last first.
pub(crate) fn albums(conn: &Connection) -> Result<Vec<AlbumRow>, AlbumError> {
    let mut statement = conn.prepare_cached(
        "SELECT number, space, title, description, cover, sort, entries, bytes, from_ms, to_ms, created_ms, updated_ms
         FROM albums ORDER BY updated_ms DESC, number",
    )?;
    let rows = statement.query_map([], album_row)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

pub(crate) fn album(conn: &Connection, space: &SpaceId) -> Result<Option<AlbumRow>, AlbumError> {
    Ok(conn
        .prepare_cached(
            "SELECT number, space, title, description, cover, sort, entries, bytes, from_ms, to_ms, created_ms,
                    updated_ms
             FROM albums WHERE space = :space",
        )?
        .query_row(named_params! { ":space": space.as_bytes() }, album_row)
        .optional()?)
}

pub(crate) fn space_by(conn: &Connection, id: &AlbumId) -> Result<Option<SpaceId>, AlbumError> {
    Ok(conn
        .prepare_cached("SELECT space FROM albums WHERE album = :album")?
        .query_row(named_params! { ":album": id.as_bytes() }, |row| row.get(0))
        .optional()?
        .map(SpaceId::from_bytes))
}

fn album_row(row: &Row<'_>) -> rusqlite::Result<AlbumRow> {
    Ok(AlbumRow {
        number: row.get(0)?,
        space: SpaceId::from_bytes(row.get(1)?),
        title: row.get(2)?,
        description: row.get(3)?,
        cover: row.get::<_, Option<[u8; 32]>>(4)?.map(ContentHash::from_bytes),
        sort: sort_of(&row.get::<_, String>(5)?),
        entries: from_sql(row.get(6)?),
        bytes: from_sql(row.get(7)?),
        from_ms: row.get(8)?,
        to_ms: row.get(9)?,
        created_ms: row.get(10)?,
        updated_ms: row.get(11)?,
    })
}

/// The entries at these positions of the album's order.
pub(crate) fn entries(
    conn: &Connection,
    album: &AlbumRow,
    range: &Range<u64>,
) -> Result<Vec<Entry>, AlbumError> {
    let sql = match album.sort {
        Sort::Date => {
            "SELECT e.number, e.household, e.content, e.caption, e.placed, e.packed FROM (
                 SELECT number, date_key, content FROM album_entries INDEXED BY album_entries_by_date
                 WHERE album = :album AND shown = 1 ORDER BY date_key, content LIMIT :count OFFSET :from) p
             JOIN album_entries e ON e.number = p.number ORDER BY p.date_key, p.content"
        }
        Sort::DateDescending => {
            "SELECT e.number, e.household, e.content, e.caption, e.placed, e.packed FROM (
                 SELECT number, date_key, content FROM album_entries INDEXED BY album_entries_by_date
                 WHERE album = :album AND shown = 1 ORDER BY date_key DESC, content DESC
                 LIMIT :count OFFSET :from) p
             JOIN album_entries e ON e.number = p.number ORDER BY p.date_key DESC, p.content DESC"
        }
        Sort::Hand => {
            "SELECT e.number, e.household, e.content, e.caption, e.placed, e.packed FROM (
                 SELECT number, hand_key, content FROM album_entries INDEXED BY album_entries_by_hand
                 WHERE album = :album AND shown = 1 ORDER BY hand_key, content LIMIT :count OFFSET :from) p
             JOIN album_entries e ON e.number = p.number ORDER BY p.hand_key, p.content"
        }
    };
    let count = range.end.saturating_sub(range.start).min(ENTRIES_READ_MAX);
    let mut statement = conn.prepare_cached(sql)?;
    let bound = named_params! {
        ":album": album.number,
        ":count": crate::replica::rows::to_sql(count),
        ":from": crate::replica::rows::to_sql(range.start),
    };
    let rows = statement.query_map(bound, entry_row)?;
    let entries: Vec<Option<Entry>> = rows.collect::<Result<_, _>>()?;
    Ok(entries.into_iter().flatten().collect())
}

pub(crate) fn entry(
    conn: &Connection,
    album: i64,
    content: &ContentHash,
) -> Result<Option<Entry>, AlbumError> {
    let found = conn
        .prepare_cached(
            "SELECT number, household, content, caption, placed, packed FROM album_entries
             WHERE album = :album AND content = :content AND shown = 1",
        )?
        .query_row(named_params! { ":album": album, ":content": content.as_bytes() }, entry_row)
        .optional()?;
    Ok(found.flatten())
}

fn entry_row(row: &Row<'_>) -> rusqlite::Result<Option<Entry>> {
    let content = ContentHash::from_bytes(row.get(2)?);
    let Some(facts) = EntryFacts::unpack(content, &row.get::<_, Vec<u8>>(5)?) else { return Ok(None) };
    Ok(Some(Entry {
        facts,
        by: HouseholdId::from_bytes(row.get(1)?),
        caption: row.get(3)?,
        order: row.get(4)?,
        number: row.get(0)?,
    }))
}

/// A place by hand right after an entry, or before all.
pub(crate) fn place_after(
    conn: &Connection,
    album: i64,
    moving: &ContentHash,
    after: Option<&ContentHash>,
) -> Result<Option<String>, AlbumError> {
    let before: Option<(String, [u8; 32])> = match after {
        None => None,
        Some(after) => Some(
            conn.prepare_cached(
                "SELECT hand_key, content FROM album_entries
                 WHERE album = :album AND content = :content AND shown = 1",
            )?
            .query_row(named_params! { ":album": album, ":content": after.as_bytes() }, |row| {
                Ok((row.get(0)?, row.get(1)?))
            })
            .optional()?
            .ok_or(AlbumError::Missing("photo"))?,
        ),
    };
    let (key, content) = before.clone().unwrap_or_default();
    let next: Option<String> = conn
        .prepare_cached(
            "SELECT hand_key FROM album_entries INDEXED BY album_entries_by_hand
             WHERE album = :album AND shown = 1 AND (hand_key, content) > (:key, :after) AND content != :moving
             ORDER BY hand_key, content LIMIT 1",
        )?
        .query_row(
            named_params! {
                ":album": album,
                ":key": key,
                ":after": content.as_slice(),
                ":moving": moving.as_bytes(),
            },
            |row| row.get(0),
        )
        .optional()?;
    Ok(order::between(before.as_ref().map(|(key, _)| key.as_str()), next.as_deref()))
}

pub(crate) fn comments(
    conn: &Connection,
    album: i64,
    target: Option<&ContentHash>,
) -> Result<Vec<Comment>, AlbumError> {
    let mut statement = conn.prepare_cached(
        "SELECT id, content, household, account, text, at_ms FROM album_comments
         WHERE album = :album AND content = :content ORDER BY at_ms, id LIMIT :limit",
    )?;
    let bound = named_params! { ":album": album, ":content": target_of(target), ":limit": TALK_READ_MAX };
    let rows = statement.query_map(bound, comment)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// What was said about the album and any of its entries: the newest of it, the oldest first.
pub(crate) fn all_comments(conn: &Connection, album: i64) -> Result<Vec<Comment>, AlbumError> {
    let mut statement = conn.prepare_cached(
        "SELECT id, content, household, account, text, at_ms FROM album_comments
         WHERE album = :album ORDER BY at_ms DESC, id DESC LIMIT :limit",
    )?;
    let rows = statement.query_map(named_params! { ":album": album, ":limit": TALK_READ_MAX }, comment)?;
    let mut comments: Vec<Comment> = rows.collect::<Result<_, _>>()?;
    comments.reverse();
    Ok(comments)
}

fn comment(row: &rusqlite::Row<'_>) -> rusqlite::Result<Comment> {
    Ok(Comment {
        id: CommentId::from_bytes(row.get(0)?),
        entry: content_of(row, 1)?,
        by: HouseholdId::from_bytes(row.get(2)?),
        account: AccountId::from_bytes(row.get(3)?),
        text: row.get(4)?,
        at_ms: row.get(5)?,
    })
}

pub(crate) fn reactions(
    conn: &Connection,
    album: i64,
    target: Option<&ContentHash>,
) -> Result<Vec<Reaction>, AlbumError> {
    let mut statement = conn.prepare_cached(
        "SELECT content, household, account, emoji FROM album_reactions
         WHERE album = :album AND content = :content ORDER BY household, account LIMIT :limit",
    )?;
    let bound = named_params! { ":album": album, ":content": target_of(target), ":limit": TALK_READ_MAX };
    let rows = statement.query_map(bound, reaction)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Who reacted how to the album and any of its entries.
pub(crate) fn all_reactions(conn: &Connection, album: i64) -> Result<Vec<Reaction>, AlbumError> {
    let mut statement = conn.prepare_cached(
        "SELECT content, household, account, emoji FROM album_reactions
         WHERE album = :album ORDER BY content, household, account LIMIT :limit",
    )?;
    let rows = statement.query_map(named_params! { ":album": album, ":limit": TALK_READ_MAX }, reaction)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn reaction(row: &rusqlite::Row<'_>) -> rusqlite::Result<Reaction> {
    Ok(Reaction {
        entry: content_of(row, 0)?,
        by: HouseholdId::from_bytes(row.get(1)?),
        account: AccountId::from_bytes(row.get(2)?),
        emoji: row.get(3)?,
    })
}

/// How many comments and which reactions each of these entries has.
pub(crate) fn talk_counts(
    conn: &Connection,
    album: i64,
    contents: &[ContentHash],
) -> Result<TalkCounts, AlbumError> {
    let mut counts = TalkCounts::new();
    let mut comments = conn
        .prepare_cached("SELECT count(*) FROM album_comments WHERE album = :album AND content = :content")?;
    let mut reactions = conn.prepare_cached(
        "SELECT emoji, count(*) FROM album_reactions WHERE album = :album AND content = :content GROUP BY emoji",
    )?;
    for content in contents {
        let bound = named_params! { ":album": album, ":content": content.as_bytes() };
        let said: i64 = comments.query_row(bound, |row| row.get(0))?;
        let felt = reactions
            .query_map(bound, |row| Ok((row.get::<_, String>(0)?, from_sql(row.get(1)?))))?
            .collect::<Result<BTreeMap<_, _>, _>>()?;
        if said > 0 || !felt.is_empty() {
            counts.insert(*content, (from_sql(said), felt));
        }
    }
    Ok(counts)
}

pub(crate) fn activity(conn: &Connection, album: i64, limit: usize) -> Result<Vec<Activity>, AlbumError> {
    let mut statement = conn.prepare_cached(
        "SELECT at_ms, household, account, what, count, content, about FROM album_activity
         WHERE album = :album ORDER BY at_ms DESC, number DESC LIMIT :limit",
    )?;
    let limit = crate::replica::rows::count_to_sql(limit.min(ACTIVITY_MAX));
    let rows = statement.query_map(named_params! { ":album": album, ":limit": limit }, |row| {
        let about = row.get::<_, Option<[u8; 32]>>(6)?.map(HouseholdId::from_bytes);
        let Some(what) = happening(&row.get::<_, String>(3)?, from_sql(row.get(4)?), about) else {
            return Ok(None);
        };
        Ok(Some(Activity {
            at_ms: row.get(0)?,
            by: HouseholdId::from_bytes(row.get(1)?),
            account: row.get::<_, Option<[u8; 16]>>(2)?.map(AccountId::from_bytes),
            what,
            entry: row.get::<_, Option<[u8; 32]>>(5)?.map(ContentHash::from_bytes),
        }))
    })?;
    let lines: Vec<Option<Activity>> = rows.collect::<Result<_, _>>()?;
    Ok(lines.into_iter().flatten().collect())
}

fn happening(word: &str, count: u64, about: Option<HouseholdId>) -> Option<Happening> {
    Some(match (word, about) {
        (words::CREATED, _) => Happening::Created,
        (words::ADDED, _) => Happening::Added { count },
        (words::TOOK_OUT, _) => Happening::TookOut { count },
        (words::COMMENTED, _) => Happening::Commented,
        (words::REACTED, _) => Happening::Reacted,
        (words::RENAMED, _) => Happening::Renamed,
        (words::LEFT, _) => Happening::Left,
        (words::JOINED, Some(household)) => Happening::Joined { household },
        (words::REMOVED, Some(household)) => Happening::Removed { household },
        (words::TRANSFERRED, Some(household)) => Happening::Transferred { household },
        _ => return None,
    })
}

pub(crate) fn names(
    conn: &Connection,
    album: i64,
) -> Result<BTreeMap<(HouseholdId, AccountId), String>, AlbumError> {
    let mut statement =
        conn.prepare_cached("SELECT household, account, name FROM album_names WHERE album = :album")?;
    let rows = statement.query_map(named_params! { ":album": album }, |row| {
        let whose = (HouseholdId::from_bytes(row.get(0)?), AccountId::from_bytes(row.get(1)?));
        Ok((whose, row.get(2)?))
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Every album that names a file, and as what.
pub(crate) fn holders(conn: &Connection, file: &ContentHash) -> Result<Vec<Holder>, AlbumError> {
    let mut holders = Vec::new();
    for (part, sql) in [
        (
            Part::Original,
            "SELECT a.space, e.content, e.household, e.packed FROM album_entries e
             JOIN albums a ON a.number = e.album WHERE e.content = :file",
        ),
        (
            Part::Preview,
            "SELECT a.space, e.content, e.household, e.packed FROM album_entries e
             JOIN albums a ON a.number = e.album WHERE e.preview = :file",
        ),
        (
            Part::Thumbnail,
            "SELECT a.space, e.content, e.household, e.packed FROM album_entries e
             JOIN albums a ON a.number = e.album WHERE e.thumbnail = :file",
        ),
    ] {
        let mut statement = conn.prepare_cached(sql)?;
        let rows = statement.query_map(named_params! { ":file": file.as_bytes() }, |row| {
            let content = ContentHash::from_bytes(row.get(1)?);
            let facts = EntryFacts::unpack(content, &row.get::<_, Vec<u8>>(3)?);
            let bytes = facts.and_then(|facts| match part {
                Part::Original => Some(facts.bytes),
                Part::Preview => facts.preview.map(|blob| u64::from(blob.bytes)),
                Part::Thumbnail => facts.thumbnail.map(|blob| u64::from(blob.bytes)),
            });
            let (space, by) = (SpaceId::from_bytes(row.get(0)?), HouseholdId::from_bytes(row.get(2)?));
            Ok(bytes.map(|bytes| Holder { space, content, by, part, bytes }))
        })?;
        for row in rows {
            holders.extend(row?);
        }
    }
    Ok(holders)
}

/// The key of every row that a document made.
pub(crate) fn keys(conn: &Connection, album: i64, kind: Kind) -> Result<Vec<Key>, AlbumError> {
    let home = |row: &Row<'_>, column| {
        Ok::<_, rusqlite::Error>(Home::of(&HouseholdId::from_bytes(row.get(column)?)))
    };
    let all = |sql: &str, read: &dyn Fn(&Row<'_>) -> rusqlite::Result<Key>| {
        let mut statement = conn.prepare_cached(sql)?;
        let rows = statement.query_map(named_params! { ":album": album }, |row| read(row))?;
        Ok::<Vec<Key>, AlbumError>(rows.collect::<Result<_, _>>()?)
    };
    match kind {
        Kind::About => Ok(vec![Key::Title, Key::Description, Key::Cover, Key::Sort]),
        Kind::Entries => {
            let mut keys =
                all("SELECT household, content FROM album_entries WHERE album = :album", &|row| {
                    Ok(Key::Entry(home(row, 0)?, ContentHash::from_bytes(row.get(1)?)))
                })?;
            keys.extend(all(
                "SELECT content FROM album_entries
                 WHERE album = :album AND (caption IS NOT NULL OR placed IS NOT NULL)",
                &|row| Ok(Key::Caption(ContentHash::from_bytes(row.get(0)?))),
            )?);
            Ok(keys)
        }
        Kind::Talk => {
            let mut keys = all("SELECT id FROM album_comments WHERE album = :album", &|row| {
                let (home, random) = CommentId::from_bytes(row.get(0)?).parts();
                Ok(Key::Comment(home, random))
            })?;
            keys.extend(all(
                "SELECT household, account, content FROM album_reactions WHERE album = :album",
                &|row| {
                    Ok(Key::Reaction(home(row, 0)?, AccountId::from_bytes(row.get(1)?), content_of(row, 2)?))
                },
            )?);
            Ok(keys)
        }
        Kind::People => all("SELECT household, account FROM album_names WHERE album = :album", &|row| {
            Ok(Key::Name(home(row, 0)?, AccountId::from_bytes(row.get(1)?)))
        }),
    }
}

fn content_of(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<ContentHash>> {
    let bytes: Vec<u8> = row.get(column)?;
    Ok(<[u8; 32]>::try_from(bytes.as_slice()).ok().map(ContentHash::from_bytes))
}
