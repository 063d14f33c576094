-- What a ward knows about its own vault: which pack holds what, where copies stand, and what was proved.
CREATE TABLE settings (
    key   TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE blobs (
    number   INTEGER PRIMARY KEY,
    hash     BLOB NOT NULL UNIQUE CHECK (length(hash) = 32),
    packed   INTEGER NOT NULL DEFAULT 0,
    unwanted INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX blobs_unwanted ON blobs (unwanted) WHERE unwanted = 1;

CREATE TABLE segments (
    number INTEGER PRIMARY KEY,
    blob   INTEGER NOT NULL UNIQUE REFERENCES blobs (number),
    at_ms  INTEGER NOT NULL
) STRICT;

CREATE TABLE packs (
    number          INTEGER PRIMARY KEY,
    id              BLOB NOT NULL UNIQUE CHECK (length(id) = 32),
    generation      INTEGER NOT NULL,
    salt            BLOB NOT NULL CHECK (length(salt) = 32),
    bytes           INTEGER NOT NULL,
    shelf           INTEGER NOT NULL,
    turn            INTEGER NOT NULL,
    plain           INTEGER NOT NULL,
    made_ms         INTEGER NOT NULL,
    segment         INTEGER REFERENCES segments (number) ON DELETE SET NULL,
    since_head      INTEGER,
    dropped_ms      INTEGER,
    dropped_segment INTEGER,
    dropped_head    INTEGER
) STRICT;
CREATE INDEX packs_segment ON packs (segment);
CREATE INDEX packs_dropped ON packs (dropped_ms) WHERE dropped_ms IS NOT NULL;

CREATE TABLE entries (
    pack        INTEGER NOT NULL REFERENCES packs (number) ON DELETE CASCADE,
    position    INTEGER NOT NULL,
    blob        INTEGER NOT NULL REFERENCES blobs (number),
    kind        INTEGER NOT NULL,
    size        INTEGER NOT NULL,
    at          INTEGER NOT NULL,
    bytes       INTEGER NOT NULL,
    offset      INTEGER NOT NULL,
    first_chunk INTEGER NOT NULL,
    PRIMARY KEY (pack, position)
) STRICT, WITHOUT ROWID;
CREATE INDEX entries_blob ON entries (blob);

CREATE TABLE photos (
    number       INTEGER PRIMARY KEY,
    content      INTEGER NOT NULL UNIQUE REFERENCES blobs (number),
    thumbnail    INTEGER REFERENCES blobs (number),
    preview      INTEGER REFERENCES blobs (number),
    bytes        INTEGER NOT NULL,
    arrived_ms   INTEGER NOT NULL,
    packs        BLOB,
    state        INTEGER NOT NULL DEFAULT 0,
    scrub_due_ms INTEGER NOT NULL,
    drilled_ms   INTEGER
) STRICT;
CREATE INDEX photos_thumbnail ON photos (thumbnail) WHERE thumbnail IS NOT NULL;
CREATE INDEX photos_preview ON photos (preview) WHERE preview IS NOT NULL;
CREATE INDEX photos_packs ON photos (packs, bytes, arrived_ms);
CREATE INDEX photos_scrub ON photos (scrub_due_ms) WHERE state = 0;
CREATE INDEX photos_away ON photos (state) WHERE state <> 0;

CREATE TABLE targets (
    number      INTEGER PRIMARY KEY AUTOINCREMENT,
    kind        TEXT NOT NULL CHECK (kind IN ('household', 'folder', 's3')),
    household   BLOB UNIQUE CHECK (length(household) = 32),
    place       TEXT NOT NULL,
    bucket      TEXT NOT NULL,
    prefix      TEXT NOT NULL,
    region      TEXT NOT NULL,
    access_key  TEXT NOT NULL,
    secret_key  TEXT NOT NULL,
    state       TEXT NOT NULL CHECK (state IN ('asked', 'active', 'refused', 'leaving')),
    refusal     TEXT,
    asked_bytes INTEGER,
    quota       INTEGER,
    added_ms    INTEGER NOT NULL,
    seen_ms     INTEGER,
    away_ms     INTEGER NOT NULL DEFAULT 0,
    returned_ms INTEGER,
    absent_ms   INTEGER,
    full_ms     INTEGER,
    trouble     TEXT,
    used        INTEGER,
    held        INTEGER,
    free        INTEGER,
    head        INTEGER,
    audited_ms  INTEGER
) STRICT;
CREATE UNIQUE INDEX targets_place ON targets (kind, place, bucket, prefix) WHERE household IS NULL;

CREATE TABLE copies (
    target    INTEGER NOT NULL REFERENCES targets (number) ON DELETE CASCADE,
    pack      INTEGER NOT NULL REFERENCES packs (number) ON DELETE CASCADE,
    state     INTEGER NOT NULL,
    turn      INTEGER NOT NULL,
    bytes     INTEGER NOT NULL,
    sent_ms   INTEGER,
    proven_ms INTEGER,
    lost_ms   INTEGER,
    PRIMARY KEY (target, pack)
) STRICT, WITHOUT ROWID;
CREATE INDEX copies_pack ON copies (pack);
CREATE INDEX copies_pending ON copies (target, turn) WHERE state = 0;
CREATE INDEX copies_leaving ON copies (target) WHERE state = 4;

-- What stands in a dropped pack stands in these, too.
CREATE TABLE replaced (
    pack INTEGER NOT NULL REFERENCES packs (number) ON DELETE CASCADE,
    by   INTEGER NOT NULL REFERENCES packs (number) ON DELETE CASCADE,
    PRIMARY KEY (pack, by)
) STRICT, WITHOUT ROWID;
CREATE INDEX replaced_by ON replaced (by);

CREATE TABLE asks (
    household BLOB PRIMARY KEY CHECK (length(household) = 32),
    bytes     INTEGER NOT NULL,
    at_ms     INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE heads (
    number  INTEGER PRIMARY KEY,
    hash    BLOB NOT NULL CHECK (length(hash) = 32),
    at_ms   INTEGER NOT NULL,
    through INTEGER NOT NULL,
    head    BLOB NOT NULL
) STRICT;

CREATE TABLE needed (
    blob INTEGER PRIMARY KEY REFERENCES blobs (number)
) STRICT;

CREATE TABLE files (
    name        TEXT PRIMARY KEY,
    bytes       INTEGER NOT NULL,
    chunk_bytes INTEGER NOT NULL,
    chunks      BLOB NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE audits (
    day         INTEGER NOT NULL,
    target      INTEGER NOT NULL,
    ok          INTEGER NOT NULL,
    wrong       INTEGER NOT NULL,
    missing     INTEGER NOT NULL,
    offline     INTEGER NOT NULL,
    disk_absent INTEGER NOT NULL,
    busy        INTEGER NOT NULL,
    PRIMARY KEY (day, target)
) STRICT, WITHOUT ROWID;

CREATE TABLE drills (
    number   INTEGER PRIMARY KEY,
    at_ms    INTEGER NOT NULL,
    target   INTEGER,
    photos   INTEGER NOT NULL,
    bytes    INTEGER NOT NULL,
    problems INTEGER NOT NULL
) STRICT;

CREATE TABLE heals (
    number  INTEGER PRIMARY KEY,
    at_ms   INTEGER NOT NULL,
    content BLOB NOT NULL CHECK (length(content) = 32),
    name    TEXT NOT NULL,
    target  INTEGER
) STRICT;

CREATE TABLE alarms (
    number    INTEGER PRIMARY KEY AUTOINCREMENT,
    kind      TEXT NOT NULL,
    household BLOB NOT NULL,
    text      TEXT NOT NULL,
    advice    TEXT NOT NULL,
    at_ms     INTEGER NOT NULL,
    last_ms   INTEGER NOT NULL,
    seen      INTEGER NOT NULL DEFAULT 0,
    UNIQUE (kind, household)
) STRICT;

CREATE TABLE growth (
    day    INTEGER PRIMARY KEY,
    photos INTEGER NOT NULL,
    bytes  INTEGER NOT NULL
) STRICT;
