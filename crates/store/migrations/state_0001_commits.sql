-- The last transaction of each process, so that one whose commit lost its answer is not done again.
CREATE TABLE state_commits (
    writer TEXT NOT NULL PRIMARY KEY,
    batch BIGINT NOT NULL,
    at_ms BIGINT NOT NULL
);
