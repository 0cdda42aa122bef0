-- The last word of each piece of work that is waited for.
CREATE TABLE beats (
    practice    TEXT NOT NULL,
    probe       TEXT NOT NULL,
    -- Silence is counted from here: the last beat, or when the work was first waited for, and later by the time
    -- for which nobody could beat because linewatch wasn't there.
    counts_from INTEGER NOT NULL,
    last_at     INTEGER,
    began_at    INTEGER,
    failed_at   INTEGER,
    failed_why  TEXT,
    PRIMARY KEY (practice, probe)
) STRICT, WITHOUT ROWID;

-- When linewatch was last there to hear beats: one row, or none.
CREATE TABLE beats_heard_until (
    one INTEGER PRIMARY KEY NOT NULL CHECK (one = 1),
    at  INTEGER NOT NULL
) STRICT;
