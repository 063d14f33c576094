-- The library space: what people of this household decided about their photos.
CREATE TABLE library_streams (
    number      INTEGER PRIMARY KEY,
    stream      BLOB NOT NULL UNIQUE,
    certificate BLOB NOT NULL,
    last_seq    INTEGER NOT NULL,
    last_hash   BLOB NOT NULL
) STRICT;

CREATE TABLE library_records (
    number    INTEGER PRIMARY KEY,
    stream    INTEGER NOT NULL REFERENCES library_streams (number),
    seq       INTEGER NOT NULL,
    document  TEXT NOT NULL,
    hash      BLOB NOT NULL,
    set_aside INTEGER NOT NULL,
    record    BLOB NOT NULL,
    UNIQUE (stream, seq)
) STRICT;

CREATE INDEX library_records_of_document ON library_records (document, number);

CREATE TABLE library_snapshots (
    document TEXT PRIMARY KEY,
    through  INTEGER NOT NULL,
    saved    BLOB NOT NULL
) STRICT;
