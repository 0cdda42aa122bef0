-- What people say that they did about an incident: when it was done, and when they said so. Names as in the journal; no addresses.
CREATE TABLE fixes (
    incident  TEXT NOT NULL,
    at        INTEGER NOT NULL,
    name      TEXT NOT NULL,
    what      TEXT NOT NULL,
    said_at   INTEGER NOT NULL,
    PRIMARY KEY (incident, at, name, what)
) STRICT, WITHOUT ROWID;
