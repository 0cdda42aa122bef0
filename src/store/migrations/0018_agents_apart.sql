-- Several agents may stand at one practice, and each has its own word: what one of them finds alone isn't the practice's.

-- Two agents may find the same at the same instant.
CREATE TABLE transitions_by_agent (
    practice TEXT NOT NULL,
    probe    TEXT NOT NULL,
    at       INTEGER NOT NULL,
    ok       INTEGER NOT NULL,
    -- Empty: linewatch itself asked, or an earlier version wrote the row.
    agent    TEXT NOT NULL DEFAULT '',
    failure  TEXT,
    path     TEXT,
    PRIMARY KEY (practice, probe, at, ok, agent)
) STRICT, WITHOUT ROWID;

INSERT INTO transitions_by_agent (practice, probe, at, ok, failure, path)
    SELECT practice, probe, at, ok, failure, path FROM transitions;
DROP TABLE transitions;
ALTER TABLE transitions_by_agent RENAME TO transitions;
CREATE INDEX transitions_at ON transitions (at);

-- When each agent measured, as far as the hub has it, and what the journal says of it: both as JSON, [[from, to], …].
CREATE TABLE coverage_by_agent (
    practice TEXT NOT NULL,
    -- Empty: of all of them together, up to the time at which an earlier version wrote the row last.
    agent    TEXT NOT NULL DEFAULT '',
    -- What is before isn't changed any more.
    base     INTEGER NOT NULL,
    measured TEXT NOT NULL,
    told     TEXT NOT NULL,
    PRIMARY KEY (practice, agent)
) STRICT, WITHOUT ROWID;

INSERT INTO coverage_by_agent (practice, base, measured, told)
    SELECT practice, base, measured, told FROM coverage;
DROP TABLE coverage;
ALTER TABLE coverage_by_agent RENAME TO coverage;

-- How each agent was when it was last heard: what an agent says of itself with each batch, as JSON. The last word counts, and one that
-- is a few minutes old does no harm: it is shown with its time.
CREATE TABLE agent_words (
    agent TEXT PRIMARY KEY NOT NULL REFERENCES agents (id) ON DELETE CASCADE,
    at    INTEGER NOT NULL,
    word  TEXT NOT NULL
) STRICT, WITHOUT ROWID;
