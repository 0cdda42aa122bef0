-- Agents at practices: who may report, and what of each is on the disk. Secrets aren't here, only tags by which they are known.

-- Codes with which an agent enrols, once.
CREATE TABLE enrolment_codes (
    tag         BLOB PRIMARY KEY NOT NULL,
    practice    TEXT NOT NULL,
    made_at     INTEGER NOT NULL,
    valid_until INTEGER NOT NULL,
    used_at     INTEGER,
    -- The agent that used it.
    agent       TEXT
) STRICT, WITHOUT ROWID;

CREATE TABLE agents (
    id          TEXT PRIMARY KEY NOT NULL,
    practice    TEXT NOT NULL,
    key_tag     BLOB NOT NULL,
    -- Of the key that shall follow; its first use makes it key_tag.
    next_tag    BLOB,
    -- A new key has been asked for.
    rotate      INTEGER NOT NULL,
    enrolled_at INTEGER NOT NULL,
    revoked_at  INTEGER
) STRICT, WITHOUT ROWID;

-- Which observations of each spool have been taken in: numbers as 1-100,105-200.
CREATE TABLE agent_spools (
    agent      TEXT NOT NULL REFERENCES agents (id) ON DELETE CASCADE,
    spool      TEXT NOT NULL,
    taken      TEXT NOT NULL,
    last_heard INTEGER NOT NULL,
    PRIMARY KEY (agent, spool)
) STRICT, WITHOUT ROWID;
