-- Gateways that work on effects: who is alive, until when, and in which of its lives.
CREATE TABLE state_effect_owners (
    owner TEXT NOT NULL PRIMARY KEY,
    epoch BIGINT NOT NULL,
    until_ms BIGINT NOT NULL
) WITHOUT ROWID;

-- Runs and whose they are. plans counts up with each new effect: the statement that counts holds the row meanwhile.
CREATE TABLE state_effect_runs (
    run TEXT NOT NULL PRIMARY KEY,
    request TEXT NOT NULL,
    closed BIGINT NOT NULL,
    owner TEXT NOT NULL,
    epoch BIGINT NOT NULL,
    plans BIGINT NOT NULL
) WITHOUT ROWID;

CREATE TABLE state_effects (
    key TEXT NOT NULL PRIMARY KEY,
    twin TEXT NOT NULL,
    run TEXT NOT NULL,
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

-- Twins are looked for among the effects of one run, so they need no index of their own: each costs a page a change.
CREATE INDEX state_effects_by_place ON state_effects (run, path, place, twin);
CREATE INDEX state_effects_open ON state_effects (state) WHERE state NOT IN ('committed', 'failed', 'void');

-- By a person's word the same call may be made so often more in its run.
CREATE TABLE state_effect_grants (
    twin TEXT NOT NULL PRIMARY KEY,
    repeats BIGINT NOT NULL
) WITHOUT ROWID;

-- Calls that a client's own agent may make once a person has said so. Each is used by one request.
CREATE TABLE state_approvals (
    key TEXT NOT NULL PRIMARY KEY,
    conversation TEXT NOT NULL,
    task TEXT NOT NULL,
    tool TEXT NOT NULL,
    arguments TEXT NOT NULL,
    call TEXT NOT NULL,
    why TEXT NOT NULL,
    state TEXT NOT NULL,
    asked_at_ms BIGINT NOT NULL,
    decided_by TEXT,
    used_by TEXT,
    changed_at_ms BIGINT NOT NULL
);

CREATE INDEX state_approvals_by_conversation ON state_approvals (conversation);
CREATE INDEX state_approvals_by_state ON state_approvals (state, changed_at_ms);
