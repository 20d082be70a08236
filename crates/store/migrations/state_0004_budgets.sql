-- What each budget has used and what gateways hold of it, in nano-dollars. held falls as spent grows.
CREATE TABLE state_budgets (
    name TEXT NOT NULL,
    period TEXT NOT NULL,
    spent BIGINT NOT NULL,
    held BIGINT NOT NULL,
    overrun BIGINT NOT NULL,
    PRIMARY KEY (name, period)
) WITHOUT ROWID;
