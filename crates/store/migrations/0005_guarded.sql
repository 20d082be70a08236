-- 1 where the guard decided on a call or a link of the answer. Most requests propose none.
ALTER TABLE requests ADD COLUMN guarded BIGINT;
CREATE INDEX requests_by_guarded ON requests (id) WHERE guarded IS NOT NULL;
