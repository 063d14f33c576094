-- What this home decided about albums, and what of other homes' photos lies here.
CREATE TABLE album_settings(
  space BLOB PRIMARY KEY CHECK (length(space) = 32),
  keep TEXT CHECK (keep IN ('originals', 'previews', 'demand')),
  folder TEXT UNIQUE
) WITHOUT ROWID;

CREATE TABLE album_accounts(
  space BLOB NOT NULL CHECK (length(space) = 32),
  account BLOB NOT NULL CHECK (length(account) = 16),
  opened INTEGER NOT NULL,
  in_timeline INTEGER NOT NULL,
  PRIMARY KEY (space, account)
) WITHOUT ROWID;

CREATE TABLE shared_files(
  content BLOB PRIMARY KEY CHECK (length(content) = 32),
  space BLOB NOT NULL CHECK (length(space) = 32),
  bytes INTEGER NOT NULL,
  mime TEXT NOT NULL,
  path TEXT NOT NULL,
  path_folded TEXT NOT NULL UNIQUE,
  kept_ms INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE shared_received(
  space BLOB NOT NULL CHECK (length(space) = 32),
  hash BLOB NOT NULL CHECK (length(hash) = 32),
  kind INTEGER NOT NULL,
  PRIMARY KEY (space, hash, kind)
) WITHOUT ROWID;

CREATE TABLE shared_pending(
  space BLOB NOT NULL CHECK (length(space) = 32),
  account BLOB NOT NULL CHECK (length(account) = 16),
  asset BLOB NOT NULL CHECK (length(asset) = 16),
  asked_ms INTEGER NOT NULL,
  PRIMARY KEY (asset, space)
) WITHOUT ROWID;

CREATE TABLE shared_photos(
  local_id INTEGER PRIMARY KEY,
  asset BLOB NOT NULL UNIQUE CHECK (length(asset) = 16),
  account BLOB NOT NULL CHECK (length(account) = 16),
  content BLOB NOT NULL CHECK (length(content) = 32),
  since_ms INTEGER NOT NULL
);
