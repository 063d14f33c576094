-- Albums: signed operations, encrypted envelopes, secrets, and what is projected from them.
CREATE TABLE album_clock (
    writes INTEGER NOT NULL
) STRICT;
INSERT INTO album_clock (writes) VALUES (0);

CREATE TABLE albums (
    number      INTEGER PRIMARY KEY,
    space       BLOB NOT NULL UNIQUE,
    pseudonym   BLOB NOT NULL UNIQUE,
    album       BLOB NOT NULL UNIQUE,
    incarnation BLOB,
    title       TEXT NOT NULL,
    description TEXT NOT NULL,
    cover       BLOB,
    sort        TEXT NOT NULL,
    entries     INTEGER NOT NULL,
    bytes       INTEGER NOT NULL,
    from_ms     INTEGER,
    to_ms       INTEGER,
    created_ms  INTEGER NOT NULL,
    updated_ms  INTEGER NOT NULL
) STRICT;

CREATE TABLE album_operations (
    number      INTEGER PRIMARY KEY,
    album       INTEGER NOT NULL REFERENCES albums (number),
    id          BLOB NOT NULL,
    received_ms INTEGER NOT NULL,
    operation   BLOB NOT NULL,
    UNIQUE (album, id)
) STRICT;

CREATE TABLE album_secrets (
    album  INTEGER NOT NULL REFERENCES albums (number),
    epoch  BLOB NOT NULL,
    secret BLOB NOT NULL,
    PRIMARY KEY (album, epoch)
) STRICT, WITHOUT ROWID;

CREATE TABLE album_certificates (
    id          BLOB PRIMARY KEY,
    certificate BLOB NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE album_streams (
    number      INTEGER PRIMARY KEY,
    album       INTEGER NOT NULL REFERENCES albums (number),
    certificate BLOB NOT NULL,
    incarnation BLOB NOT NULL,
    household   BLOB NOT NULL,
    UNIQUE (album, certificate, incarnation)
) STRICT;

CREATE TABLE album_envelopes (
    number      INTEGER PRIMARY KEY,
    album       INTEGER NOT NULL REFERENCES albums (number),
    stream      INTEGER NOT NULL REFERENCES album_streams (number),
    seq         INTEGER NOT NULL,
    hash        BLOB NOT NULL,
    prev        BLOB NOT NULL,
    heads       BLOB NOT NULL,
    is_head     INTEGER NOT NULL,
    received_ms INTEGER NOT NULL,
    bytes       INTEGER NOT NULL,
    document    TEXT,
    change_hash BLOB,
    change_seq  INTEGER,
    first_op    INTEGER,
    last_op     INTEGER,
    deps        BLOB,
    needs       INTEGER,
    counted     INTEGER NOT NULL,
    saved       INTEGER NOT NULL,
    repeated    INTEGER NOT NULL,
    account     BLOB,
    at_ms       INTEGER,
    envelope    BLOB,
    UNIQUE (album, hash)
) STRICT;
CREATE INDEX album_envelopes_in_stream ON album_envelopes (stream, seq);
CREATE INDEX album_envelopes_of_document ON album_envelopes (album, document, number);
CREATE INDEX album_envelopes_unsaved ON album_envelopes (album, document) WHERE counted = 1 AND saved = 0;
CREATE INDEX album_envelopes_heads ON album_envelopes (album, stream) WHERE is_head = 1;
CREATE INDEX album_envelopes_idle ON album_envelopes (stream, bytes) WHERE counted = 0 AND envelope IS NOT NULL;
CREATE INDEX album_streams_of ON album_streams (album, household);
CREATE INDEX album_envelopes_sealed ON album_envelopes (album, number) WHERE document IS NULL;

CREATE TABLE album_pending (
    number      INTEGER PRIMARY KEY,
    album       INTEGER NOT NULL REFERENCES albums (number),
    hash        BLOB NOT NULL,
    prev        BLOB NOT NULL,
    household   BLOB NOT NULL,
    received_ms INTEGER NOT NULL,
    envelope    BLOB NOT NULL,
    UNIQUE (album, hash)
) STRICT;
CREATE INDEX album_pending_after ON album_pending (album, prev);

CREATE TABLE album_documents (
    album    INTEGER NOT NULL REFERENCES albums (number),
    document TEXT NOT NULL,
    saved    BLOB NOT NULL,
    PRIMARY KEY (album, document)
) STRICT;

CREATE TABLE album_entries (
    number    INTEGER PRIMARY KEY,
    album     INTEGER NOT NULL REFERENCES albums (number),
    household BLOB NOT NULL,
    content   BLOB NOT NULL,
    shown     INTEGER NOT NULL,
    date_key  INTEGER NOT NULL,
    hand_key  TEXT NOT NULL,
    bytes     INTEGER NOT NULL,
    caption   TEXT,
    placed    TEXT,
    thumbnail BLOB,
    preview   BLOB,
    packed    BLOB NOT NULL,
    UNIQUE (album, content, household)
) STRICT;
CREATE INDEX album_entries_by_date ON album_entries (album, date_key, content, bytes) WHERE shown = 1;
CREATE INDEX album_entries_by_hand ON album_entries (album, hand_key, content) WHERE shown = 1;
CREATE INDEX album_entries_content ON album_entries (content);
CREATE INDEX album_entries_thumbnail ON album_entries (thumbnail) WHERE thumbnail IS NOT NULL;
CREATE INDEX album_entries_preview ON album_entries (preview) WHERE preview IS NOT NULL;

CREATE TABLE album_comments (
    album     INTEGER NOT NULL REFERENCES albums (number),
    household BLOB NOT NULL,
    id        BLOB NOT NULL,
    content   BLOB NOT NULL,
    account   BLOB NOT NULL,
    at_ms     INTEGER NOT NULL,
    text      TEXT NOT NULL,
    PRIMARY KEY (album, id)
) STRICT;
CREATE INDEX album_comments_on ON album_comments (album, content, at_ms);

CREATE TABLE album_reactions (
    album     INTEGER NOT NULL REFERENCES albums (number),
    content   BLOB NOT NULL,
    household BLOB NOT NULL,
    account   BLOB NOT NULL,
    emoji     TEXT NOT NULL,
    PRIMARY KEY (album, content, household, account)
) STRICT, WITHOUT ROWID;

CREATE TABLE album_names (
    album     INTEGER NOT NULL REFERENCES albums (number),
    household BLOB NOT NULL,
    account   BLOB NOT NULL,
    name      TEXT NOT NULL,
    PRIMARY KEY (album, household, account)
) STRICT, WITHOUT ROWID;

CREATE TABLE album_activity (
    number    INTEGER PRIMARY KEY,
    album     INTEGER NOT NULL REFERENCES albums (number),
    source    BLOB NOT NULL,
    at_ms     INTEGER NOT NULL,
    household BLOB NOT NULL,
    account   BLOB,
    what      TEXT NOT NULL,
    count     INTEGER NOT NULL,
    content   BLOB,
    about     BLOB
) STRICT;
CREATE INDEX album_activity_latest ON album_activity (album, at_ms);
CREATE INDEX album_activity_source ON album_activity (album, source);
