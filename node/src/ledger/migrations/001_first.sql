CREATE TABLE settings(key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;

CREATE TABLE accounts(
  account BLOB PRIMARY KEY CHECK (length(account) = 16),
  slug TEXT NOT NULL UNIQUE,
  email TEXT NOT NULL COLLATE NOCASE UNIQUE,
  name TEXT NOT NULL,
  password TEXT NOT NULL,
  admin INTEGER NOT NULL,
  created_ms INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE sessions(
  token_hash BLOB PRIMARY KEY CHECK (length(token_hash) = 32),
  account BLOB NOT NULL REFERENCES accounts,
  device TEXT NOT NULL,
  created_ms INTEGER NOT NULL,
  expires_ms INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX sessions_by_account ON sessions(account);

CREATE TABLE keys(
  key_hash BLOB PRIMARY KEY CHECK (length(key_hash) = 32),
  account BLOB NOT NULL REFERENCES accounts,
  name TEXT NOT NULL,
  created_ms INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE files(
  content BLOB PRIMARY KEY CHECK (length(content) = 32),
  sha1 BLOB NOT NULL CHECK (length(sha1) = 20),
  bytes INTEGER NOT NULL,
  mime TEXT NOT NULL,
  path TEXT NOT NULL,
  path_folded TEXT NOT NULL UNIQUE
) WITHOUT ROWID;
CREATE INDEX files_by_sha1 ON files(sha1);

-- AUTOINCREMENT: a local id is never given to a second photo.
CREATE TABLE assets(
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  asset BLOB NOT NULL UNIQUE CHECK (length(asset) = 16),
  account BLOB NOT NULL REFERENCES accounts,
  content BLOB NOT NULL REFERENCES files,
  given_name TEXT NOT NULL,
  modified_ms INTEGER NOT NULL,
  arrived_ms INTEGER NOT NULL,
  origin TEXT NOT NULL
);
CREATE INDEX assets_by_content ON assets(content);

CREATE TABLE sources(
  account BLOB NOT NULL,
  folder BLOB NOT NULL,
  name BLOB NOT NULL,
  bytes INTEGER NOT NULL,
  modified_ns INTEGER NOT NULL,
  asset BLOB NOT NULL,
  PRIMARY KEY (account, folder, name)
) WITHOUT ROWID;
