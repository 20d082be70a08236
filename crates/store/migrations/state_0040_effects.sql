-- Effects are keyed by bytes, and those of runs that began together stand together: a commit touches fewer pages.
ALTER TABLE state_effect_runs RENAME TO state_effect_runs_1;
CREATE TABLE state_effect_runs (
    run TEXT NOT NULL PRIMARY KEY,
    -- Grows with time. Only for the order on disk: two runs may have the same.
    era BIGINT NOT NULL,
    request TEXT NOT NULL,
    closed BIGINT NOT NULL,
    owner TEXT NOT NULL,
    epoch BIGINT NOT NULL
) WITHOUT ROWID;
INSERT INTO state_effect_runs (run, era, request, closed, owner, epoch)
    SELECT run, ROW_NUMBER() OVER (ORDER BY run), request, closed, owner, epoch FROM state_effect_runs_1;
DROP TABLE state_effect_runs_1;

DROP INDEX state_effects_by_place;
DROP INDEX state_effects_open;
ALTER TABLE state_effects RENAME TO state_effects_1;
CREATE TABLE state_effects (
    key BLOB NOT NULL PRIMARY KEY,
    twin BLOB NOT NULL,
    run TEXT NOT NULL,
    era BIGINT NOT NULL,
    path TEXT NOT NULL,
    place BIGINT NOT NULL,
    tool TEXT NOT NULL,
    arguments TEXT NOT NULL,
    effect TEXT NOT NULL,
    means TEXT NOT NULL,
    state TEXT NOT NULL,
    attempt BIGINT NOT NULL,
    owner TEXT NOT NULL,
    epoch BIGINT NOT NULL,
    contested BIGINT NOT NULL,
    doubt BIGINT NOT NULL,
    detail TEXT NOT NULL,
    authorised_by TEXT,
    reconciled_by TEXT,
    changed_at_ms BIGINT NOT NULL
);
INSERT INTO state_effects (key, twin, run, era, path, place, tool, arguments, effect, means, state, attempt, owner, epoch,
        contested, doubt, detail, authorised_by, reconciled_by, changed_at_ms)
    SELECT unhex(key), unhex(twin), e.run, COALESCE(r.era, 0), path, place, tool, arguments, effect, means, state, attempt,
        e.owner, e.epoch, contested, doubt, detail, authorised_by, reconciled_by, changed_at_ms
    FROM state_effects_1 e LEFT JOIN state_effect_runs r ON r.run = e.run;
DROP TABLE state_effects_1;

-- Twins are looked for among the effects of one run, so they need no index of their own: each costs a page a change.
CREATE INDEX state_effects_by_place ON state_effects (era, path, place, twin);
CREATE INDEX state_effects_open ON state_effects (state) WHERE state NOT IN ('committed', 'failed', 'void');

ALTER TABLE state_effect_grants RENAME TO state_effect_grants_1;
CREATE TABLE state_effect_grants (
    twin BLOB NOT NULL PRIMARY KEY,
    repeats BIGINT NOT NULL
) WITHOUT ROWID;
INSERT INTO state_effect_grants (twin, repeats) SELECT unhex(twin), repeats FROM state_effect_grants_1;
DROP TABLE state_effect_grants_1;
