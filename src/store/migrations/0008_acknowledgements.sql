-- Who said that they have an incident in hand, or that they read of it. Names and notes as in the journal; no addresses.
CREATE TABLE acknowledgements (
    incident  TEXT NOT NULL,
    at        INTEGER NOT NULL,
    -- Who is the same person again: as the ids of their notices end, or `as` and a name.
    person    TEXT NOT NULL,
    name      TEXT NOT NULL,
    -- link, command
    way       TEXT NOT NULL,
    -- Practices' ids with commas between; NULL: staff.
    practices TEXT,
    note      TEXT,
    PRIMARY KEY (incident, person, at)
) STRICT, WITHOUT ROWID;
