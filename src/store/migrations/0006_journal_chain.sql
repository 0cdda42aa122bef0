-- The journal as a chain: each entry carries a hash of itself and of the hash before it (src/journal/chain.rs).

-- NULL only in what an earlier version wrote, until the store is opened once.
ALTER TABLE journal ADD COLUMN hash BLOB;

DROP TRIGGER journal_is_never_changed;
CREATE TRIGGER journal_is_never_changed BEFORE UPDATE ON journal
WHEN NOT (
    OLD.hash IS NULL AND NEW.hash IS NOT NULL AND NEW.seq = OLD.seq AND NEW.at = OLD.at
    AND NEW.subject = OLD.subject AND NEW.incident = OLD.incident AND NEW.body = OLD.body
)
BEGIN
    SELECT RAISE(ABORT, 'the journal is append-only');
END;

-- The last entry that was written: what is cut off at the end is missed.
CREATE TABLE journal_tip (
    one  INTEGER PRIMARY KEY NOT NULL CHECK (one = 1),
    seq  INTEGER NOT NULL,
    at   INTEGER NOT NULL,
    hash BLOB NOT NULL
) STRICT;

-- The last of the entries that retention has removed from the beginning: the chain goes on from its hash.
CREATE TABLE journal_base (
    one  INTEGER PRIMARY KEY NOT NULL CHECK (one = 1),
    seq  INTEGER NOT NULL,
    hash BLOB NOT NULL
) STRICT;

-- Entries that retention has removed between others that are kept, because they belong to an incident that is open.
CREATE TABLE journal_removed (
    seq     INTEGER PRIMARY KEY NOT NULL,
    at      INTEGER NOT NULL,
    content BLOB NOT NULL,
    hash    BLOB NOT NULL
) STRICT;

-- One signed line a day.
CREATE TABLE journal_heads (
    day  TEXT PRIMARY KEY NOT NULL,
    line TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- When linewatch was last there to measure: one row, or none.
CREATE TABLE measured_until (
    one INTEGER PRIMARY KEY NOT NULL CHECK (one = 1),
    at  INTEGER NOT NULL
) STRICT;
