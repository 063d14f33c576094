//! Every table and column of `catalog.sqlite`, and the steps that make them.
//!
//! Moments end in `_ms` and are milliseconds since the Unix epoch, UTC; `*_local_ms` are what a clock on the
//! wall showed, as if it had shown UTC. Months are `yyyymm`. A test compares [`TABLES`] with the migrations.

use heirloom_store::Migration;

/// The steps, oldest first.
pub const MIGRATIONS: &[Migration] = &[
    Migration {
        number: 1,
        name: "assets, months, marks, jobs",
        sql: include_str!("../migrations/0001-catalog.sql"),
    },
    Migration {
        number: 2,
        name: "photos of other homes in the timeline",
        sql: include_str!("../migrations/0002-shared.sql"),
    },
];

/// A table and what it holds.
#[derive(Debug, Clone, Copy)]
pub struct Table {
    /// Its name.
    pub name: &'static str,
    /// What one row is.
    pub about: &'static str,
    /// Its columns in order: name, type, meaning.
    pub columns: &'static [(&'static str, &'static str, &'static str)],
}

/// All tables, by name.
pub const TABLES: &[Table] = &[
    Table {
        name: "accounts",
        about: "An account that owns something here.",
        columns: &[
            ("id", "INTEGER", "row number; means nothing elsewhere"),
            ("account", "BLOB", "the account's id, 16 bytes"),
            ("rev", "INTEGER", "revision of its timeline; +1 with every change of one of its rows in assets"),
            ("images", "INTEGER", "stills it owns, without those of other homes; by trigger"),
            ("videos", "INTEGER", "videos it owns; by trigger"),
            ("bytes", "INTEGER", "sizes of its originals together; by trigger"),
        ],
    },
    Table { name: "assets", about: "A photo or video.", columns: ASSETS },
    Table {
        name: "counters",
        about: "A number with a name.",
        columns: &[
            ("name", "TEXT", "`revision floor`: where the revisions of a new account begin"),
            ("value", "INTEGER", "the number"),
        ],
    },
    Table {
        name: "jobs",
        about: "Work to be done on an asset; at most one row for each kind and asset.",
        columns: &[
            ("id", "INTEGER", "number of the job, never used again"),
            ("kind", "TEXT", "`derive`"),
            ("local_id", "INTEGER", "the asset"),
            (
                "priority",
                "INTEGER",
                "higher goes first: 10 somebody looks, 0 new, -10 renewed in the background",
            ),
            ("attempts", "INTEGER", "how often it was begun; raised before the work begins"),
            ("state", "TEXT", "`waiting`, `running`, or `failed`: set aside"),
            ("not_before_ms", "INTEGER", "when it may run"),
            ("reason", "TEXT", "why its last attempt failed"),
            ("updated_ms", "INTEGER", "when this row last changed"),
        ],
    },
    Table {
        name: "marks",
        about: "What a person decided about an asset, copied from the library space; no row: nothing.",
        columns: &[
            ("asset_id", "BLOB", "the asset's id, 16 bytes; the asset may not be here yet"),
            ("favourite", "INTEGER", "1: a favourite"),
            ("archived", "INTEGER", "1: put away from the timeline"),
            ("caption", "TEXT", "caption; empty: hides the file's"),
            ("rating", "INTEGER", "1 to 5; 0: hides the file's"),
            ("taken_local_ms", "INTEGER", "corrected capture time"),
            ("offset_minutes", "INTEGER", "minutes that time is ahead of UTC"),
            ("latitude", "REAL", "corrected place, degrees north"),
            ("longitude", "REAL", "corrected place, degrees east"),
        ],
    },
    Table {
        name: "months",
        about: "A month of an account's timeline; kept by triggers, stays when it became empty.",
        columns: &[
            ("owner", "INTEGER", "row in accounts"),
            ("month", "INTEGER", "the month"),
            ("photos", "INTEGER", "assets in it that are not archived"),
            ("favourites", "INTEGER", "of these, favourites"),
            ("rev", "INTEGER", "the account's revision at the last change of an asset in it"),
        ],
    },
];

const ASSETS: &[(&str, &str, &str)] = &[
    ("id", "INTEGER", "local id: the row number in the ledger, or that of a shared photo"),
    ("asset_id", "BLOB", "the asset's id, 16 bytes"),
    ("owner", "INTEGER", "row in accounts"),
    // From the ledger.
    ("content", "BLOB", "BLAKE3 of the original, 32 bytes"),
    ("sha1", "BLOB", "SHA-1 of the original, 20 bytes"),
    ("kind", "INTEGER", "0 still, 1 video"),
    ("file_name", "TEXT", "the name it came with"),
    ("library_path", "TEXT", "where the original lies, relative to the home"),
    ("bytes", "INTEGER", "the original's size"),
    ("mime", "TEXT", "the original's media type"),
    ("arrived_ms", "INTEGER", "when it came"),
    ("added_month", "INTEGER", "month of arrival, under which its marks are kept"),
    ("modified_ms", "INTEGER", "the file's modified time"),
    // From the file.
    ("state", "INTEGER", "0 to be derived, 1 derived, 2 set aside"),
    ("failure", "TEXT", "why it was set aside"),
    ("version", "INTEGER", "generation of its derivatives; 0: none"),
    ("width", "INTEGER", "pixels across, upright"),
    ("height", "INTEGER", "pixels down, upright"),
    ("duration_ms", "INTEGER", "how long it plays; 0 for a still"),
    ("file_taken_local_ms", "INTEGER", "capture time in the file"),
    ("file_offset_minutes", "INTEGER", "minutes that time is ahead of UTC"),
    ("file_latitude", "REAL", "place in the file, degrees north"),
    ("file_longitude", "REAL", "place in the file, degrees east"),
    ("file_caption", "TEXT", "description in the file"),
    ("file_rating", "INTEGER", "rating in the file"),
    ("make", "TEXT", "the camera's maker"),
    ("model", "TEXT", "the camera"),
    ("lens", "TEXT", "the lens"),
    ("f_number", "REAL", "aperture"),
    ("focal_length_mm", "REAL", "focal length as built"),
    ("exposure_seconds", "REAL", "how long the shutter was open"),
    ("iso", "INTEGER", "sensitivity"),
    ("thumbhash", "BLOB", "thumbhash, at most 255 bytes"),
    ("colour", "INTEGER", "dominant colour, 0xRRGGBB"),
    ("warnings", "TEXT", "JSON list of what was odd about the file"),
    // What is shown: marks over the file's metadata over the file's date.
    ("taken_local_ms", "INTEGER", "capture time shown, within the years 1 to 9999"),
    ("offset_minutes", "INTEGER", "minutes that time is ahead of UTC"),
    ("dated_by", "INTEGER", "0 the file's modified time, 1 its metadata, 2 a person"),
    ("month", "INTEGER", "month of taken_local_ms"),
    ("latitude", "REAL", "place shown, degrees north"),
    ("longitude", "REAL", "place shown, degrees east"),
    ("caption", "TEXT", "caption shown, trimmed"),
    ("rating", "INTEGER", "rating shown, 1 to 5"),
    ("favourite", "INTEGER", "1: a favourite"),
    ("archived", "INTEGER", "1: put away from the timeline"),
    ("aspect", "INTEGER", "the skeleton's byte for width over height"),
    ("colour565", "INTEGER", "the skeleton's colour"),
    ("flags", "INTEGER", "the columns' flags"),
    ("shared", "INTEGER", "1: another home's, shown from an album; in no statistics, without jobs"),
];
