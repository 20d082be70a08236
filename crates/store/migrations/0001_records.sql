-- One line for each request. Ids sort by time, so the key is also the order of the list and of retention.
CREATE TABLE requests (
    id TEXT NOT NULL PRIMARY KEY,
    started_at_us BIGINT NOT NULL,
    task TEXT NOT NULL,
    protocol TEXT NOT NULL,
    streamed BIGINT NOT NULL,
    requested_model TEXT NOT NULL,
    model TEXT,
    provider TEXT,
    status BIGINT NOT NULL,
    outcome TEXT NOT NULL,
    code TEXT,
    input_tokens BIGINT,
    cache_read_tokens BIGINT,
    cache_write_tokens BIGINT,
    output_tokens BIGINT,
    reasoning_tokens BIGINT,
    cost_nanos BIGINT,
    connect_us BIGINT,
    first_token_us BIGINT,
    hold_us BIGINT NOT NULL,
    total_us BIGINT NOT NULL,
    attempts BIGINT NOT NULL,
    fingerprint BLOB NOT NULL,
    parameters TEXT NOT NULL,
    request_body BLOB,
    response_body BLOB
) WITHOUT ROWID;
CREATE INDEX requests_by_task ON requests (task, id);
CREATE INDEX requests_by_model ON requests (model, id);
CREATE INDEX requests_by_code ON requests (code, id) WHERE code IS NOT NULL;

-- Each upstream call of a request.
CREATE TABLE attempts (
    request_id TEXT NOT NULL,
    position BIGINT NOT NULL,
    started_us BIGINT NOT NULL,
    provider TEXT NOT NULL,
    requested_model TEXT NOT NULL,
    served_model TEXT,
    response_id TEXT,
    status BIGINT,
    code TEXT,
    finish_reason TEXT,
    input_tokens BIGINT,
    cache_read_tokens BIGINT,
    cache_write_tokens BIGINT,
    output_tokens BIGINT,
    reasoning_tokens BIGINT,
    cost_nanos BIGINT,
    connect_us BIGINT,
    first_token_us BIGINT,
    hold_us BIGINT NOT NULL,
    total_us BIGINT NOT NULL,
    reason TEXT NOT NULL,
    request_body BLOB,
    response_body BLOB,
    PRIMARY KEY (request_id, position)
) WITHOUT ROWID;

-- Each distinct body once, redacted and compressed by zstd. No request that began after until_ms refers to it.
CREATE TABLE bodies (
    hash BLOB NOT NULL PRIMARY KEY,
    until_ms BIGINT NOT NULL,
    size BIGINT NOT NULL,
    content BLOB NOT NULL
);
CREATE INDEX bodies_by_until ON bodies (until_ms);

-- Sums and latency sketches by minute, hour and day (tier_s: 60, 3600, 86400). Each run has rows of its own, so that
-- several gateways never write the same row; readers merge them. '' stands for no model, provider or code.
CREATE TABLE rollups (
    tier_s BIGINT NOT NULL,
    start_s BIGINT NOT NULL,
    model TEXT NOT NULL,
    task TEXT NOT NULL,
    provider TEXT NOT NULL,
    outcome TEXT NOT NULL,
    code TEXT NOT NULL,
    run TEXT NOT NULL,
    requests BIGINT NOT NULL,
    input_tokens BIGINT NOT NULL,
    cache_read_tokens BIGINT NOT NULL,
    cache_write_tokens BIGINT NOT NULL,
    output_tokens BIGINT NOT NULL,
    reasoning_tokens BIGINT NOT NULL,
    cost_nanos BIGINT NOT NULL,
    cost_unknown_requests BIGINT NOT NULL,
    stored_bytes BIGINT NOT NULL,
    latency BLOB NOT NULL,
    first_token BLOB NOT NULL,
    PRIMARY KEY (tier_s, start_s, model, task, provider, outcome, code, run)
) WITHOUT ROWID;

-- Each process that wrote here, and what became of the records offered to it.
CREATE TABLE runs (
    id TEXT NOT NULL PRIMARY KEY,
    started_at_us BIGINT NOT NULL,
    ended_at_us BIGINT,
    batch BIGINT NOT NULL,
    accepted BIGINT NOT NULL,
    written BIGINT NOT NULL,
    dropped BIGINT NOT NULL,
    failed BIGINT NOT NULL,
    lost_by_kill BIGINT NOT NULL
);
