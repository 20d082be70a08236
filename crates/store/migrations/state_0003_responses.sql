-- Answers that a client may ask for again, or go on from.
CREATE TABLE state_responses (
    id TEXT NOT NULL PRIMARY KEY,
    provider TEXT,
    created_at_us BIGINT NOT NULL,
    input TEXT NOT NULL,
    conversation TEXT NOT NULL,
    response TEXT NOT NULL
) WITHOUT ROWID;

CREATE INDEX state_responses_by_time ON state_responses (created_at_us);
