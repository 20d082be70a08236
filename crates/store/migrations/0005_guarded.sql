-- 1 where the guard decided on a call or a link of the answer. Most requests propose none.
ALTER TABLE requests ADD COLUMN guarded BIGINT;
-- Of earlier records it is not known: they are looked at.
UPDATE requests SET guarded = 1 WHERE notes IS NOT NULL;
CREATE INDEX requests_by_guarded ON requests (id) WHERE guarded IS NOT NULL;
