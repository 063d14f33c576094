-- Photos of other homes, shown in an account's timeline because it wants to see an album there. They are in no
-- statistics, have no jobs, and go when they are no longer shown.

ALTER TABLE assets ADD COLUMN shared INTEGER NOT NULL DEFAULT 0;

CREATE INDEX assets_shared ON assets (owner) WHERE shared = 1;

DROP TRIGGER asset_added;
CREATE TRIGGER asset_added AFTER INSERT ON assets BEGIN
  UPDATE accounts SET rev = rev + 1, images = images + (NEW.kind = 0 AND NEW.shared = 0),
    videos = videos + (NEW.kind = 1 AND NEW.shared = 0), bytes = bytes + NEW.bytes * (NEW.shared = 0)
    WHERE id = NEW.owner;
  INSERT INTO months (owner, month, photos, favourites, rev)
    SELECT NEW.owner, NEW.month, NEW.archived = 0, NEW.archived = 0 AND NEW.favourite = 1, rev
    FROM accounts WHERE id = NEW.owner
    ON CONFLICT (owner, month) DO UPDATE SET photos = photos + excluded.photos,
      favourites = favourites + excluded.favourites, rev = excluded.rev;
END;

-- Only shared photos go; one of the household's own is never taken out of the catalog.
CREATE TRIGGER asset_removed AFTER DELETE ON assets BEGIN
  UPDATE accounts SET rev = rev + 1 WHERE id = OLD.owner;
  UPDATE months SET photos = photos - (OLD.archived = 0),
    favourites = favourites - (OLD.archived = 0 AND OLD.favourite = 1),
    rev = (SELECT rev FROM accounts WHERE id = OLD.owner)
    WHERE owner = OLD.owner AND month = OLD.month;
END;
