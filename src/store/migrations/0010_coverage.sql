-- When agents measured at each practice, as far as the hub has it, and what the journal says of it: both as JSON, [[from, to], …].
CREATE TABLE coverage (
    practice TEXT PRIMARY KEY NOT NULL,
    -- What is before isn't changed any more.
    base     INTEGER NOT NULL,
    measured TEXT NOT NULL,
    told     TEXT NOT NULL
) STRICT, WITHOUT ROWID;
