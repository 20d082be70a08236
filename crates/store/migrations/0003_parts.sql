-- How many parts a long body is kept in; its content is then their names, in order, and each has a row of its own.
ALTER TABLE bodies ADD COLUMN parts BIGINT;
