-- Recovery kits of this home. No part of one stays here.
CREATE TABLE kits(
  kit BLOB PRIMARY KEY CHECK (length(kit) = 16),
  name TEXT NOT NULL,
  record BLOB NOT NULL,
  delay_ms INTEGER NOT NULL,
  created_ms INTEGER NOT NULL,
  verified_ms INTEGER,
  asked_ms INTEGER,
  revocation BLOB CHECK (length(revocation) = 264)
) WITHOUT ROWID;

CREATE TABLE kit_parts(
  kit BLOB NOT NULL REFERENCES kits(kit),
  number INTEGER NOT NULL,
  household BLOB CHECK (length(household) = 32),
  state TEXT NOT NULL CHECK (state IN ('given', 'held', 'wrong', 'gone', 'ended')),
  refuse INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (kit, number)
) WITHOUT ROWID;

CREATE TABLE kit_records(
  kit BLOB NOT NULL REFERENCES kits(kit),
  household BLOB NOT NULL CHECK (length(household) = 32),
  state TEXT NOT NULL CHECK (state IN ('kept', 'ended')),
  PRIMARY KEY (kit, household)
) WITHOUT ROWID;

-- Parts of other homes' kits that this home holds.
CREATE TABLE shares(
  kit BLOB PRIMARY KEY CHECK (length(kit) = 16),
  household BLOB NOT NULL CHECK (length(household) = 32),
  name TEXT NOT NULL,
  share BLOB NOT NULL CHECK (length(share) = 84),
  record BLOB NOT NULL,
  delay_ms INTEGER NOT NULL,
  holders BLOB NOT NULL,
  since_ms INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE share_requests(
  node BLOB PRIMARY KEY CHECK (length(node) = 32),
  receive BLOB NOT NULL CHECK (length(receive) = 32),
  claimed TEXT NOT NULL,
  kit BLOB CHECK (length(kit) = 16),
  state TEXT NOT NULL CHECK (state IN ('asked', 'allowed', 'refused', 'given')),
  asked_ms INTEGER NOT NULL,
  looked_ms INTEGER NOT NULL,
  waited_ms INTEGER NOT NULL
) WITHOUT ROWID;
