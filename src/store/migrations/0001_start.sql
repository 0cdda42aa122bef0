-- Times are milliseconds since 1970-01-01T00:00:00Z.

-- One row an incident: where it stands now.
CREATE TABLE incidents (
    id          TEXT PRIMARY KEY NOT NULL,
    opened_at   INTEGER NOT NULL,
    last_at     INTEGER NOT NULL,
    resolved_at INTEGER,
    -- The incident that goes on in its stead.
    merged_into TEXT,
    approved_at INTEGER,
    approved_by TEXT
) STRICT, WITHOUT ROWID;

CREATE INDEX incidents_open ON incidents (opened_at) WHERE resolved_at IS NULL;

-- What happened, in the order in which it was recorded. Never changed; removed only by retention. It names
-- practices and staff, never addresses.
CREATE TABLE journal (
    seq      INTEGER PRIMARY KEY AUTOINCREMENT,
    at       INTEGER NOT NULL,
    -- event, notice, approval
    subject  TEXT NOT NULL,
    incident TEXT NOT NULL,
    -- JSON
    body     TEXT NOT NULL
) STRICT;

CREATE INDEX journal_incident ON journal (incident, subject, seq);
CREATE INDEX journal_at ON journal (at);

-- An incident has at most one event of a kind at a time, so recording one twice changes nothing.
CREATE TABLE events (
    incident TEXT NOT NULL,
    at       INTEGER NOT NULL,
    kind     TEXT NOT NULL,
    seq      INTEGER NOT NULL REFERENCES journal (seq) ON DELETE CASCADE,
    PRIMARY KEY (incident, at, kind)
) STRICT, WITHOUT ROWID;

CREATE INDEX events_seq ON events (seq);

-- Up to when the journal may be removed.
CREATE TABLE retention (journal_before INTEGER NOT NULL) STRICT;
INSERT INTO retention VALUES (-9223372036854775808);

CREATE TRIGGER journal_is_never_changed BEFORE UPDATE ON journal
BEGIN
    SELECT RAISE(ABORT, 'the journal is append-only');
END;

CREATE TRIGGER journal_is_kept BEFORE DELETE ON journal
WHEN OLD.at >= (SELECT journal_before FROM retention)
BEGIN
    SELECT RAISE(ABORT, 'the journal is removed only when its time is over');
END;

-- The outbox: one row a recipient and incident change. The only place with addresses; rows go when the
-- time for which addresses are kept is over.
CREATE TABLE notices (
    seq        INTEGER PRIMARY KEY AUTOINCREMENT,
    id         TEXT NOT NULL UNIQUE,
    incident   TEXT NOT NULL,
    event_at   INTEGER NOT NULL,
    event_kind TEXT NOT NULL,
    kind       TEXT NOT NULL,
    -- Practices' ids with commas between; NULL: staff.
    practices  TEXT,
    recipient  TEXT NOT NULL,
    thread     TEXT,
    due        INTEGER NOT NULL,
    -- queued, held, accepted, rejected, withheld
    state      TEXT NOT NULL,
    why        TEXT,
    attempts   INTEGER NOT NULL DEFAULT 0,
    changed_at INTEGER NOT NULL
) STRICT;

CREATE INDEX notices_incident ON notices (incident, seq);
CREATE INDEX notices_unsent ON notices (seq) WHERE state IN ('queued', 'held');
CREATE INDEX notices_changed ON notices (changed_at);

-- Changes of single checks from fine to failing and back.
CREATE TABLE transitions (
    practice TEXT NOT NULL,
    probe    TEXT NOT NULL,
    at       INTEGER NOT NULL,
    ok       INTEGER NOT NULL,
    failure  TEXT,
    PRIMARY KEY (practice, probe, at, ok)
) STRICT, WITHOUT ROWID;

CREATE INDEX transitions_at ON transitions (at);
