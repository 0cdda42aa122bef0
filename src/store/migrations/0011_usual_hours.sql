-- When the agent of each practice was first and last heard on the last days on which it was: [[date, first, last], …], dates in days
-- since 1970 and times in minutes of the day, both of the wall clock. Learned, and learned again within days when it is lost.
CREATE TABLE usual_hours (
    practice TEXT PRIMARY KEY NOT NULL,
    -- JSON
    days     TEXT NOT NULL
) STRICT, WITHOUT ROWID;
