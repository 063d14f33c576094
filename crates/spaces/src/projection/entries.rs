//! Entries as rows: one for each household that added a photo, of which one is shown.

use std::collections::BTreeSet;

use automerge::ScalarValue;
use heirloom_identity::{ContentHash, HouseholdId};
use heirloom_store::rusqlite::{Connection, OptionalExtension, named_params};

use crate::albums::AlbumError;
use crate::documents::{Key, entry::EntryFacts, order, talk};
use crate::projection::household;
use crate::replica::{Replica, Work, document::Document, write::TEXT_CHARS_MAX};

pub(crate) fn project(
    work: &mut Work<'_>,
    replica: &Replica,
    document: &Document,
    keys: &BTreeSet<Key>,
) -> Result<(), AlbumError> {
    let mut described: BTreeSet<ContentHash> = BTreeSet::new();
    let mut moved: BTreeSet<ContentHash> = BTreeSet::new();
    for key in keys {
        match key {
            Key::Entry(home, content) => {
                let Some(by) = household(replica, *home) else { continue };
                let facts = match document.get(&key.to_string()) {
                    Some(ScalarValue::Bytes(packed)) => {
                        EntryFacts::unpack(*content, &packed).map(|f| (f, packed))
                    }
                    _ => None,
                };
                match facts {
                    Some((facts, packed)) => put(work, replica.row, document, &by, &facts, &packed)?,
                    None => take(work.conn, replica.row, &by, content)?,
                }
                moved.insert(*content);
            }
            Key::Caption(content) | Key::Order(content) => {
                described.insert(*content);
            }
            _ => {}
        }
    }
    for content in &described {
        describe(work.conn, replica.row, document, content)?;
    }
    for content in &moved {
        show(work.conn, replica.row, content)?;
    }
    if moved.is_empty() { Ok(()) } else { total(work.conn, replica.row) }
}

/// What stands under a photo, and where people put it.
fn notes(document: &Document, content: &ContentHash) -> (Option<String>, Option<String>) {
    let text = |key: Key| match document.get(&key.to_string()) {
        Some(ScalarValue::Str(text)) => Some(text.to_string()),
        _ => None,
    };
    let caption = text(Key::Caption(*content)).filter(|text| talk::within(text, TEXT_CHARS_MAX));
    let place = text(Key::Order(*content)).filter(|text| order::is_place(text));
    (caption, place)
}

fn put(
    work: &mut Work<'_>,
    album: i64,
    document: &Document,
    by: &HouseholdId,
    facts: &EntryFacts,
    packed: &[u8],
) -> Result<(), AlbumError> {
    let known: Option<i64> = work
        .conn
        .prepare_cached(
            "SELECT number FROM album_entries
             WHERE album = :album AND content = :content AND household = :household",
        )?
        .query_row(
            named_params! {
                ":album": album,
                ":content": facts.content.as_bytes(),
                ":household": by.as_bytes(),
            },
            |row| row.get(0),
        )
        .optional()?;
    if known.is_none() {
        work.news.added(facts.content);
    }
    let (caption, place) = notes(document, &facts.content);
    let hand = place.clone().unwrap_or_else(|| order::implied(facts.date_ms(), &facts.content));
    // Two plain statements: one that does either makes SQLite journal each row by itself.
    let sql = match known {
        None => {
            "INSERT INTO album_entries (number, album, household, content, shown, date_key, hand_key, bytes, caption,
                                        placed, thumbnail, preview, packed)
             VALUES (:number, :album, :household, :content, 1, :date, :hand, :bytes, :caption, :placed, :thumbnail,
                     :preview, :packed)"
        }
        Some(_) => {
            "UPDATE album_entries SET album = :album, household = :household, content = :content, date_key = :date,
                    hand_key = :hand, bytes = :bytes, caption = :caption, placed = :placed, thumbnail = :thumbnail,
                    preview = :preview, packed = :packed
             WHERE number = :number"
        }
    };
    work.conn.prepare_cached(sql)?.execute(named_params! {
        ":number": known,
        ":album": album,
        ":household": by.as_bytes(),
        ":content": facts.content.as_bytes(),
        ":date": facts.date_ms(),
        ":hand": hand,
        ":bytes": crate::replica::rows::to_sql(facts.bytes),
        ":caption": caption,
        ":placed": place,
        ":thumbnail": facts.thumbnail.map(|blob| *blob.hash.as_bytes()),
        ":preview": facts.preview.map(|blob| *blob.hash.as_bytes()),
        ":packed": packed,
    })?;
    Ok(())
}

fn take(conn: &Connection, album: i64, by: &HouseholdId, content: &ContentHash) -> Result<(), AlbumError> {
    conn.prepare_cached(
        "DELETE FROM album_entries WHERE album = :album AND content = :content AND household = :household",
    )?
    .execute(named_params! {
        ":album": album,
        ":content": content.as_bytes(),
        ":household": by.as_bytes(),
    })?;
    Ok(())
}

/// Of several homes that added one photo, the one with the lowest id is shown.
fn show(conn: &Connection, album: i64, content: &ContentHash) -> Result<(), AlbumError> {
    let bound = named_params! { ":album": album, ":content": content.as_bytes() };
    let mut statement = conn.prepare_cached(
        "SELECT number, shown FROM album_entries
         WHERE album = :album AND content = :content ORDER BY household",
    )?;
    let rows = statement.query_map(bound, |row| Ok((row.get::<_, i64>(0)?, row.get::<_, bool>(1)?)))?;
    for (place, row) in rows.collect::<Result<Vec<_>, _>>()?.into_iter().enumerate() {
        let (number, shown) = row;
        if shown != (place == 0) {
            conn.prepare_cached("UPDATE album_entries SET shown = :shown WHERE number = :number")?
                .execute(named_params! { ":number": number, ":shown": place == 0 })?;
        }
    }
    Ok(())
}

fn describe(
    conn: &Connection,
    album: i64,
    document: &Document,
    content: &ContentHash,
) -> Result<(), AlbumError> {
    let (caption, place) = notes(document, content);
    let mut statement = conn.prepare_cached(
        "SELECT number, date_key FROM album_entries WHERE album = :album AND content = :content",
    )?;
    let rows = statement
        .query_map(named_params! { ":album": album, ":content": content.as_bytes() }, |row| {
            Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?))
        })?
        .collect::<Result<Vec<_>, _>>()?;
    for (number, date_ms) in rows {
        conn.prepare_cached(
            "UPDATE album_entries SET caption = :caption, placed = :placed, hand_key = :hand
             WHERE number = :number",
        )?
        .execute(named_params! {
            ":number": number,
            ":caption": caption,
            ":placed": place,
            ":hand": place.clone().unwrap_or_else(|| order::implied(date_ms, content)),
        })?;
    }
    Ok(())
}

/// Counts the album's entries again, from the index alone.
fn total(conn: &Connection, album: i64) -> Result<(), AlbumError> {
    conn.prepare_cached(
        "UPDATE albums SET (entries, bytes, from_ms, to_ms) =
             (SELECT count(*), coalesce(sum(bytes), 0), min(date_key), max(date_key)
              FROM album_entries INDEXED BY album_entries_by_date WHERE album = :album AND shown = 1)
         WHERE number = :album",
    )?
    .execute(named_params! { ":album": album })?;
    Ok(())
}
