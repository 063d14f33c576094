-- How much other households take here, day by day, for saying when there will be no room.
CREATE TABLE keeper_growth(
  household BLOB NOT NULL CHECK (length(household) = 32),
  day INTEGER NOT NULL,
  bytes INTEGER NOT NULL,
  PRIMARY KEY (household, day)
) WITHOUT ROWID;
