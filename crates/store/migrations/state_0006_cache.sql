-- Answers that are given again to the same request, and what they saved. A response belongs to the key that made it.
CREATE TABLE state_answers (
    key TEXT NOT NULL PRIMARY KEY,
    kept_at_us BIGINT NOT NULL,
    good_until_us BIGINT NOT NULL,
    bytes BIGINT NOT NULL,
    about TEXT NOT NULL,
    body BLOB NOT NULL
) WITHOUT ROWID;

CREATE INDEX state_answers_by_time ON state_answers (kept_at_us, bytes);

CREATE TABLE state_answer_tallies (
    day TEXT NOT NULL,
    task TEXT NOT NULL,
    hits BIGINT NOT NULL,
    misses BIGINT NOT NULL,
    saved BIGINT NOT NULL,
    saved_tokens BIGINT NOT NULL,
    PRIMARY KEY (day, task)
) WITHOUT ROWID;

ALTER TABLE state_responses ADD COLUMN owner TEXT NOT NULL DEFAULT '';
