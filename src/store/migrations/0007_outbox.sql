-- What became of each attempt to hand a notice over: by what, and what the other side said. An attempt that never got as
-- far as the notice (the mail server was down) is none.
CREATE TABLE tries (
    notice  TEXT NOT NULL REFERENCES notices (id) ON DELETE CASCADE,
    number  INTEGER NOT NULL,
    at      INTEGER NOT NULL,
    channel TEXT NOT NULL,
    -- The outlet: mail.example:587
    via     TEXT NOT NULL,
    -- accepted, deferred, refused, unknown, unsendable
    outcome TEXT NOT NULL,
    -- Without the recipient's address.
    answer  TEXT NOT NULL,
    PRIMARY KEY (notice, number)
) STRICT, WITHOUT ROWID;

CREATE INDEX tries_accepted ON tries (at, via) WHERE outcome = 'accepted';

-- Recipients whose last try was refused: an address that is gone, a full stop to everything that is sent there. A row goes
-- when something is accepted for the recipient by the same channel, or with the addresses.
CREATE TABLE refusals (
    -- In lower case.
    recipient TEXT NOT NULL,
    channel   TEXT NOT NULL,
    since     INTEGER NOT NULL,
    last_at   INTEGER NOT NULL,
    refused   INTEGER NOT NULL,
    answer    TEXT NOT NULL,
    PRIMARY KEY (recipient, channel)
) STRICT, WITHOUT ROWID;
