-- Every table and column is explained in src/schema.rs.

CREATE TABLE counters (
  name TEXT PRIMARY KEY,
  value INTEGER NOT NULL
) WITHOUT ROWID;
INSERT INTO counters (name, value) VALUES ('revision floor', 0);

CREATE TABLE accounts (
  id INTEGER PRIMARY KEY,
  account BLOB NOT NULL UNIQUE,
  rev INTEGER NOT NULL,
  images INTEGER NOT NULL DEFAULT 0,
  videos INTEGER NOT NULL DEFAULT 0,
  bytes INTEGER NOT NULL DEFAULT 0
);

CREATE TABLE assets (
  id INTEGER PRIMARY KEY,
  asset_id BLOB NOT NULL UNIQUE,
  owner INTEGER NOT NULL REFERENCES accounts (id),

  content BLOB NOT NULL,
  sha1 BLOB NOT NULL,
  kind INTEGER NOT NULL,
  file_name TEXT NOT NULL,
  library_path TEXT NOT NULL,
  bytes INTEGER NOT NULL,
  mime TEXT NOT NULL,
  arrived_ms INTEGER NOT NULL,
  added_month INTEGER NOT NULL,
  modified_ms INTEGER NOT NULL,

  state INTEGER NOT NULL DEFAULT 0,
  failure TEXT,
  version INTEGER NOT NULL DEFAULT 0,
  width INTEGER,
  height INTEGER,
  duration_ms INTEGER NOT NULL DEFAULT 0,
  file_taken_local_ms INTEGER,
  file_offset_minutes INTEGER,
  file_latitude REAL,
  file_longitude REAL,
  file_caption TEXT,
  file_rating INTEGER,
  make TEXT,
  model TEXT,
  lens TEXT,
  f_number REAL,
  focal_length_mm REAL,
  exposure_seconds REAL,
  iso INTEGER,
  thumbhash BLOB,
  colour INTEGER,
  warnings TEXT NOT NULL DEFAULT '[]',

  taken_local_ms INTEGER NOT NULL,
  offset_minutes INTEGER,
  dated_by INTEGER NOT NULL,
  month INTEGER NOT NULL,
  latitude REAL,
  longitude REAL,
  caption TEXT,
  rating INTEGER,
  favourite INTEGER NOT NULL,
  archived INTEGER NOT NULL,
  aspect INTEGER NOT NULL,
  colour565 INTEGER NOT NULL,
  flags INTEGER NOT NULL
);

-- The grid reads these two and never the table, unless it wants thumbhashes.
CREATE INDEX assets_timeline ON assets
  (owner, archived, month, taken_local_ms, id, aspect, colour565, flags, duration_ms, version);
CREATE INDEX assets_favourites ON assets
  (owner, archived, month, taken_local_ms, id, aspect, colour565, flags, duration_ms, version) WHERE favourite = 1;
CREATE INDEX assets_sha1 ON assets (owner, sha1);
CREATE INDEX assets_state ON assets (state, version);

CREATE TABLE marks (
  asset_id BLOB PRIMARY KEY,
  favourite INTEGER NOT NULL,
  archived INTEGER NOT NULL,
  caption TEXT,
  rating INTEGER,
  taken_local_ms INTEGER,
  offset_minutes INTEGER,
  latitude REAL,
  longitude REAL
) WITHOUT ROWID;

CREATE TABLE months (
  owner INTEGER NOT NULL REFERENCES accounts (id),
  month INTEGER NOT NULL,
  photos INTEGER NOT NULL,
  favourites INTEGER NOT NULL,
  rev INTEGER NOT NULL,
  PRIMARY KEY (owner, month)
) WITHOUT ROWID;

CREATE TABLE jobs (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  kind TEXT NOT NULL,
  local_id INTEGER NOT NULL REFERENCES assets (id),
  priority INTEGER NOT NULL,
  attempts INTEGER NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('waiting', 'running', 'failed')),
  not_before_ms INTEGER NOT NULL,
  reason TEXT,
  updated_ms INTEGER NOT NULL,
  UNIQUE (kind, local_id)
);
CREATE INDEX jobs_next ON jobs (state, kind, priority DESC, id, not_before_ms);

-- A month's counts and revision follow its photos; a month that became empty stays, so that a page which
-- asks "what changed since" hears that it is gone.
CREATE TRIGGER asset_added AFTER INSERT ON assets BEGIN
  UPDATE accounts SET rev = rev + 1, images = images + (NEW.kind = 0), videos = videos + (NEW.kind = 1),
    bytes = bytes + NEW.bytes WHERE id = NEW.owner;
  INSERT INTO months (owner, month, photos, favourites, rev)
    SELECT NEW.owner, NEW.month, NEW.archived = 0, NEW.archived = 0 AND NEW.favourite = 1, rev
    FROM accounts WHERE id = NEW.owner
    ON CONFLICT (owner, month) DO UPDATE SET photos = photos + excluded.photos,
      favourites = favourites + excluded.favourites, rev = excluded.rev;
END;

-- Whatever changes a photo ends by writing these, once; the rest of its row may be written without a revision.
CREATE TRIGGER asset_changed AFTER UPDATE OF month, favourite, archived, flags ON assets BEGIN
  UPDATE accounts SET rev = rev + 1 WHERE id = NEW.owner;
  UPDATE months SET photos = photos - (OLD.archived = 0),
    favourites = favourites - (OLD.archived = 0 AND OLD.favourite = 1),
    rev = (SELECT rev FROM accounts WHERE id = OLD.owner)
    WHERE owner = OLD.owner AND month = OLD.month;
  INSERT INTO months (owner, month, photos, favourites, rev)
    SELECT NEW.owner, NEW.month, NEW.archived = 0, NEW.archived = 0 AND NEW.favourite = 1, rev
    FROM accounts WHERE id = NEW.owner
    ON CONFLICT (owner, month) DO UPDATE SET photos = photos + excluded.photos,
      favourites = favourites + excluded.favourites, rev = excluded.rev;
END;
