-- What the rooms decided about a request, as one JSON object among the bodies.
ALTER TABLE requests ADD COLUMN notes BLOB;
