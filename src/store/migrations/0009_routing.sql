-- As whom a notice's recipient is spoken to, where that is neither a practice's manager nor staff: pcn ID, owner NAME. A kept
-- notice has the state kept, and why (mute, minor, quiet, cap).
ALTER TABLE notices ADD COLUMN audience TEXT;

CREATE INDEX notices_kept ON notices (seq) WHERE state = 'kept';
CREATE INDEX notices_due ON notices (due);

-- What somebody has muted. Rows go some time after their end.
CREATE TABLE mutes (
    number      INTEGER PRIMARY KEY NOT NULL,
    -- JSON: {"what": "component", "kind": …, "id": …}
    muted       TEXT NOT NULL,
    from_at     INTEGER NOT NULL,
    until_at    INTEGER NOT NULL,
    by          TEXT NOT NULL,
    reason      TEXT
) STRICT;
