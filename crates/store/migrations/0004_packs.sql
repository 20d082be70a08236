-- Short texts of many requests, compressed together by zstd. An id begins with the time, in milliseconds and six bytes,
-- after which no request that began refers to the pack; ids sort by it. A pack is never changed.
CREATE TABLE packs (
    id BLOB NOT NULL PRIMARY KEY,
    size BIGINT NOT NULL,
    content BLOB NOT NULL
) WITHOUT ROWID;
-- The upstream calls of a request as a text. Those of requests that have none here are rows of attempts.
ALTER TABLE requests ADD COLUMN calls BLOB;
