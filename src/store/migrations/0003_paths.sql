-- Where a failing check's packets stopped: the JSON of an observation's `path`. Such a row may stand between two changes
-- of the check, with the same `ok` as the one before.
ALTER TABLE transitions ADD COLUMN path TEXT;
