-- The keeper's side: other households' packs in this home.
CREATE TABLE keeper_clock(
  one INTEGER PRIMARY KEY CHECK (one = 1),
  running_ms INTEGER NOT NULL
);
INSERT INTO keeper_clock VALUES (1, 0);

CREATE TABLE keeper_wards(
  household BLOB PRIMARY KEY CHECK (length(household) = 32),
  quota_bytes INTEGER NOT NULL,
  since_ms INTEGER NOT NULL,
  ended INTEGER NOT NULL,
  allowed_here INTEGER NOT NULL,
  allowed_there INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE keeper_disks(
  household BLOB NOT NULL CHECK (length(household) = 32),
  disk BLOB NOT NULL CHECK (length(disk) = 16),
  PRIMARY KEY (household, disk)
) WITHOUT ROWID;

CREATE TABLE keeper_packs(
  household BLOB NOT NULL CHECK (length(household) = 32),
  pack BLOB NOT NULL CHECK (length(pack) = 32),
  bytes INTEGER NOT NULL,
  reserve INTEGER NOT NULL,
  state INTEGER NOT NULL CHECK (state IN (0, 1, 2)),
  hold_until INTEGER,
  by_person INTEGER NOT NULL,
  asked INTEGER NOT NULL,
  scrubs INTEGER NOT NULL,
  scrub_due INTEGER NOT NULL,
  PRIMARY KEY (household, pack)
) WITHOUT ROWID;
CREATE INDEX keeper_packs_due ON keeper_packs(household, scrub_due) WHERE state < 2;
CREATE INDEX keeper_packs_held ON keeper_packs(household, hold_until) WHERE state = 1;

CREATE TABLE keeper_heads(
  household BLOB NOT NULL CHECK (length(household) = 32),
  head BLOB NOT NULL CHECK (length(head) = 32),
  previous BLOB NOT NULL CHECK (length(previous) = 32),
  certificate BLOB NOT NULL CHECK (length(certificate) = 32),
  generation INTEGER NOT NULL,
  number INTEGER NOT NULL,
  made_ms INTEGER NOT NULL,
  superseded INTEGER,
  fork INTEGER NOT NULL,
  told INTEGER NOT NULL,
  jump INTEGER NOT NULL,
  lost INTEGER NOT NULL,
  PRIMARY KEY (household, head)
) WITHOUT ROWID;

CREATE TABLE keeper_kits(
  household BLOB NOT NULL CHECK (length(household) = 32),
  kit BLOB NOT NULL CHECK (length(kit) = 32),
  bytes INTEGER NOT NULL,
  PRIMARY KEY (household, kit)
) WITHOUT ROWID;

CREATE TABLE keeper_alarms(
  number INTEGER PRIMARY KEY AUTOINCREMENT,
  household BLOB NOT NULL CHECK (length(household) = 32),
  kind INTEGER NOT NULL,
  packs INTEGER NOT NULL,
  raised INTEGER NOT NULL
);
