-- Small things with a version: changed only by who has seen the version that stands here.
CREATE TABLE state_documents (
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    version BIGINT NOT NULL,
    updated_at_us BIGINT NOT NULL,
    content TEXT NOT NULL,
    PRIMARY KEY (kind, name)
) WITHOUT ROWID;
