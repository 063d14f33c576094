//! Every table and column of `spaces.sqlite`, and how the schema came to be.
//!
//! The records are the truth; a snapshot only saves replaying them. Open the database with
//! [`Durability::Full`](heirloom_store::Durability::Full): an edit is answered when it is on the disk.

use heirloom_store::Migration;

/// The numbered steps, for [`Database::open`](heirloom_store::Database::open).
pub const MIGRATIONS: &[Migration] =
    &[Migration { number: 1, name: "library", sql: include_str!("migrations/0001_library.sql") }];

/// What the migrations make, as `(table, column, type, meaning)`, tables by name and columns in their order.
pub const COLUMNS: &[(&str, &str, &str, &str)] = &[
    ("library_records", "number", "INTEGER", "counts all records of this database in the order of writing"),
    ("library_records", "stream", "INTEGER", "whose record: library_streams.number"),
    ("library_records", "seq", "INTEGER", "the record's number in its stream, from 1"),
    ("library_records", "document", "TEXT", "the document that it changes, such as marks/2026-07"),
    (
        "library_records",
        "hash",
        "BLOB",
        "32 bytes, BLAKE3 of the record: what the next record of the stream names",
    ),
    (
        "library_records",
        "set_aside",
        "INTEGER",
        "1 when a damaged or missing record made it unusable and a later record repeats what could be saved; else 0",
    ),
    ("library_records", "record", "BLOB", "the signed record, as docs/formats/change-record.md draws it"),
    ("library_snapshots", "document", "TEXT", "the document"),
    ("library_snapshots", "through", "INTEGER", "the last library_records.number that is contained"),
    ("library_snapshots", "saved", "BLOB", "the Automerge document, saved; can be deleted and comes back"),
    ("library_streams", "number", "INTEGER", "counts this database's streams; the highest one is written to"),
    ("library_streams", "stream", "BLOB", "16 random bytes: one incarnation of one node"),
    (
        "library_streams",
        "certificate",
        "BLOB",
        "174 bytes, docs/formats/certificate.md: whose key signs the records",
    ),
    ("library_streams", "last_seq", "INTEGER", "the last record's number, 0 before the first"),
    ("library_streams", "last_hash", "BLOB", "the last record's hash, 32 zero bytes before the first"),
];
