//! The tables of `home.sqlite`, documented and numbered.

use heirloom_store::Migration;

/// Append-only; a released step is never edited.
pub const MIGRATIONS: &[Migration] = &[
    Migration { number: 1, name: "the first ledger", sql: include_str!("migrations/001_first.sql") },
    Migration { number: 2, name: "peers and invitations", sql: include_str!("migrations/002_peers.sql") },
    Migration { number: 3, name: "albums", sql: include_str!("migrations/003_sharing.sql") },
    Migration { number: 4, name: "recovery kits", sql: include_str!("migrations/004_kits.sql") },
];

/// Every column with its meaning; a test compares the list with what the migrations make.
pub const COLUMNS: &[(&str, &str)] = &[
    ("accounts.account BLOB", "16-byte id"),
    ("accounts.slug TEXT", "folder name in library/, fixed for ever"),
    ("accounts.email TEXT", "what the person types to sign in, compared without case"),
    ("accounts.name TEXT", "shown on the page"),
    ("accounts.password TEXT", "Argon2id as a PHC string"),
    ("accounts.admin INTEGER", "1: may manage accounts"),
    ("accounts.created_ms INTEGER", "UTC"),
    ("album_accounts.space BLOB", "the album's space"),
    ("album_accounts.account BLOB", "an account of this household"),
    (
        "album_accounts.opened INTEGER",
        "bits; 1: opened to the account here at home, 2: made by it, 4: seen by it when this home was last in it",
    ),
    ("album_accounts.in_timeline INTEGER", "1: the album's photos stand in the account's timeline"),
    ("album_settings.space BLOB", "the album's space"),
    ("album_settings.keep TEXT", "originals, previews or demand; none: originals"),
    ("album_settings.folder TEXT", "its folder in library/shared/, fixed once it has one"),
    ("assets.seq INTEGER", "order of arrival; the local id in the timeline"),
    ("assets.asset BLOB", "16-byte id, derived from account and content"),
    ("assets.account BLOB", "the owner"),
    ("assets.content BLOB", "BLAKE3 of the original's bytes"),
    ("assets.given_name TEXT", "the file's name as it came"),
    ("assets.modified_ms INTEGER", "the file's modified time as it came, UTC"),
    ("assets.arrived_ms INTEGER", "when it was acknowledged, UTC"),
    ("assets.origin TEXT", "how it came: import, upload, recovered"),
    ("files.content BLOB", "BLAKE3; one stored file per content"),
    ("files.sha1 BLOB", "SHA-1, which Immich clients compare"),
    ("files.bytes INTEGER", "size"),
    ("files.mime TEXT", "sniffed from the content"),
    ("files.path TEXT", "below library/, with / between folders"),
    ("files.path_folded TEXT", "path in lower case: two names never differ by case alone"),
    ("invitations.id BLOB", "made from the secret; what a guest names"),
    ("invitations.secret BLOB", "proven by both sides, never sent"),
    ("invitations.link TEXT", "as the person passed it on"),
    ("invitations.auto_confirm INTEGER", "1: whoever proves the secret is taken in without a person's word"),
    ("invitations.made_ms INTEGER", "UTC"),
    ("invitations.expires_ms INTEGER", "UTC; not accepted from then on"),
    ("invitations.guest BLOB", "the node that proved the secret first; no other may use it afterwards"),
    ("invitations.state TEXT", "open, done, denied, cancelled"),
    ("keys.key_hash BLOB", "SHA-256 of an access key"),
    ("keys.account BLOB", "whom it stands for"),
    ("keys.name TEXT", "what the person called it"),
    ("keys.created_ms INTEGER", "UTC"),
    ("kit_parts.kit BLOB", "a kit of this home"),
    ("kit_parts.number INTEGER", "from 1"),
    ("kit_parts.household BLOB", "who holds it; null: it is on paper"),
    ("kit_parts.state TEXT", "given, held, wrong, gone, ended"),
    ("kit_parts.refuse INTEGER", "1: its holder is to hear that people here refuse what is asked of it"),
    ("kit_records.kit BLOB", "a kit of this home"),
    ("kit_records.household BLOB", "a keeper that was told"),
    ("kit_records.state TEXT", "kept: it has the record; ended: it knows that the kit was revoked"),
    ("kits.kit BLOB", "16-byte id of a recovery kit of this home"),
    ("kits.name TEXT", "what people call it"),
    ("kits.record BLOB", "docs/formats/kit.md; no secret"),
    ("kits.delay_ms INTEGER", "how long holders wait before they give their parts out"),
    ("kits.created_ms INTEGER", "UTC"),
    ("kits.verified_ms INTEGER", "when every holder last said that its part is right, UTC"),
    ("kits.asked_ms INTEGER", "when a holder last said that somebody asks, UTC; null: answered, or never"),
    ("kits.revocation BLOB", "its end, signed; null while it lives"),
    ("peers.household BLOB", "32-byte id"),
    ("peers.certificate BLOB", "the highest of its certificates that was seen"),
    ("peers.card BLOB", "what it last said about itself"),
    ("peers.name TEXT", "what people here call it; null: as it calls itself"),
    ("peers.state TEXT", "paired, blocked, removed"),
    ("peers.words TEXT", "the six words of the pairing, with spaces between them"),
    ("peers.address BLOB", "where its node was last found"),
    ("peers.paired_ms INTEGER", "UTC"),
    ("peers.last_seen_ms INTEGER", "UTC"),
    ("peers.refusal TEXT", "why that home turned this one away, if it did"),
    ("sessions.token_hash BLOB", "SHA-256 of the session's token"),
    ("sessions.account BLOB", "who signed in"),
    ("sessions.device TEXT", "what signed in, as it calls itself"),
    ("sessions.created_ms INTEGER", "UTC"),
    ("sessions.expires_ms INTEGER", "UTC; not accepted from then on"),
    ("settings.key TEXT", "name"),
    ("settings.value TEXT", "value"),
    ("share_requests.node BLOB", "a machine that asks for a part of a kit"),
    ("share_requests.receive BLOB", "the key that the part is sealed to"),
    ("share_requests.claimed TEXT", "what it says its home was called"),
    ("share_requests.kit BLOB", "the kit that is meant; null: not known yet"),
    ("share_requests.state TEXT", "asked, allowed, refused, given"),
    ("share_requests.asked_ms INTEGER", "UTC"),
    ("share_requests.looked_ms INTEGER", "when the delay was last counted, UTC"),
    ("share_requests.waited_ms INTEGER", "how much of the delay has passed"),
    ("shared_files.content BLOB", "BLAKE3 of an original that another home added"),
    ("shared_files.space BLOB", "the album it came through"),
    ("shared_files.bytes INTEGER", "size"),
    ("shared_files.mime TEXT", "sniffed from the content"),
    ("shared_files.path TEXT", "below library/, with / between folders"),
    ("shared_files.path_folded TEXT", "path in lower case"),
    ("shared_files.kept_ms INTEGER", "since when, UTC"),
    ("shared_pending.space BLOB", "the album that the photo is to go into"),
    ("shared_pending.account BLOB", "who added it"),
    ("shared_pending.asset BLOB", "a photo whose pictures are still to be made"),
    ("shared_pending.asked_ms INTEGER", "UTC"),
    ("shared_photos.local_id INTEGER", "what grids call it by; from 2^30 on, for ever"),
    ("shared_photos.asset BLOB", "16-byte id, derived from account and content"),
    ("shared_photos.account BLOB", "who sees it"),
    ("shared_photos.content BLOB", "BLAKE3 of the original"),
    ("shared_photos.since_ms INTEGER", "when it got its number, UTC; the month of its marks"),
    ("shared_received.space BLOB", "the album that a file came through"),
    ("shared_received.hash BLOB", "BLAKE3 of the file"),
    ("shared_received.kind INTEGER", "0 original, 1 preview, 2 thumbnail"),
    ("shares.kit BLOB", "another home's kit of which this home holds a part"),
    ("shares.household BLOB", "whose kit"),
    ("shares.name TEXT", "what that home called itself"),
    ("shares.share BLOB", "the part, 84 bytes; a secret"),
    ("shares.record BLOB", "the kit's record, which the part is checked against"),
    ("shares.delay_ms INTEGER", "how long to wait before it is given out"),
    ("shares.holders BLOB", "homes that hold the other parts, 32 bytes each"),
    ("shares.since_ms INTEGER", "UTC"),
    ("sources.account BLOB", "for whom the folder was imported"),
    ("sources.folder BLOB", "absolute path as the system's bytes"),
    ("sources.name BLOB", "file name as the system's bytes"),
    ("sources.bytes INTEGER", "size when it was read"),
    ("sources.modified_ns INTEGER", "modified time when it was read, nanoseconds"),
    ("sources.asset BLOB", "what it became"),
];

#[cfg(test)]
mod tests {
    use super::*;
    use heirloom_store::{Database, Durability, schema_of};

    #[test]
    fn every_column_is_documented() {
        let folder = tempfile::tempdir().unwrap();
        let db = Database::open(&folder.path().join("home.sqlite"), Durability::Full, MIGRATIONS).unwrap();
        let documented: Vec<_> = COLUMNS.iter().map(|(column, _)| (*column).to_owned()).collect();
        assert_eq!(db.read(schema_of).unwrap(), documented);
    }

    /// A home of the first release, with data in it, is brought forward and loses nothing.
    #[test]
    fn the_first_ledger_learns_of_peers() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("home.sqlite");
        let old = Database::open(&path, Durability::Full, &MIGRATIONS[..1]).unwrap();
        old.write(|conn| -> Result<(), heirloom_store::StoreError> {
            conn.execute_batch(
                "INSERT INTO settings VALUES ('household_name', 'The Smiths');
                 INSERT INTO accounts VALUES (zeroblob(16), 'anna', 'anna@example.org', 'Anna', '', 1, 5);",
            )?;
            Ok(())
        })
        .unwrap();
        drop(old);
        let ledger = crate::ledger::Ledger::open(&path).unwrap();
        assert_eq!(ledger.setting("household_name").unwrap().as_deref(), Some("The Smiths"));
        assert_eq!(ledger.accounts().unwrap()[0].name, "Anna");
        assert_eq!(ledger.peers().unwrap(), []);
        assert_eq!(ledger.kits().unwrap(), []);
        assert!(ledger.shares().unwrap().is_empty() && ledger.requests().unwrap().is_empty());
    }
}
