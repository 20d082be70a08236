-- Whose a document is, where somebody's room is counted; empty for nobody's.
ALTER TABLE state_documents ADD COLUMN owner TEXT NOT NULL DEFAULT '';
