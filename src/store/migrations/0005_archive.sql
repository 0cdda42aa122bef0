-- Up to where the archive of observations counts: written with what of each spool was taken in, in one transaction.
CREATE TABLE archive (
    one    INTEGER PRIMARY KEY CHECK (one = 1),
    volume INTEGER NOT NULL,
    bytes  INTEGER NOT NULL
) STRICT;
