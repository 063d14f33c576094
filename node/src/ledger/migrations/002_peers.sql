-- Homes that this one is paired with, or was.
CREATE TABLE peers(
  household BLOB PRIMARY KEY CHECK (length(household) = 32),
  certificate BLOB NOT NULL,
  card BLOB,
  name TEXT,
  state TEXT NOT NULL CHECK (state IN ('paired', 'blocked', 'removed')),
  words TEXT NOT NULL,
  address BLOB,
  paired_ms INTEGER NOT NULL,
  last_seen_ms INTEGER,
  refusal TEXT
) WITHOUT ROWID;

CREATE TABLE invitations(
  id BLOB PRIMARY KEY CHECK (length(id) = 32),
  secret BLOB NOT NULL CHECK (length(secret) = 16),
  link TEXT NOT NULL,
  auto_confirm INTEGER NOT NULL,
  made_ms INTEGER NOT NULL,
  expires_ms INTEGER NOT NULL,
  guest BLOB CHECK (length(guest) = 32),
  state TEXT NOT NULL CHECK (state IN ('open', 'done', 'denied', 'cancelled'))
) WITHOUT ROWID;
