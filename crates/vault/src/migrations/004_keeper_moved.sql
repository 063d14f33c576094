-- The keeper's side lies in a file of its own, `keeper.sqlite`, which took over what was here.
DROP TABLE keeper_growth;
DROP TABLE keeper_alarms;
DROP TABLE keeper_kits;
DROP TABLE keeper_heads;
DROP TABLE keeper_packs;
DROP TABLE keeper_disks;
DROP TABLE keeper_wards;
DROP TABLE keeper_clock;
