
ALTER TABLE packs SET (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0);
ALTER TABLE packs ALTER COLUMN content SET STORAGE EXTERNAL;
