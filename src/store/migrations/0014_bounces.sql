-- As whom somebody acknowledged who is neither a practice's manager nor just staff: role ID, pcn ID, owner NAME.
ALTER TABLE acknowledgements ADD COLUMN audience TEXT;

-- A row of `tries` may also be what came back after a mail was accepted, by a mail server further on: bounced, delayed, beyond
-- (bounced at an address that ours was passed on to).

-- 1: mails to the recipient were accepted and came back for good. Such a row isn't removed when the next one is accepted, which shows
-- nothing.
ALTER TABLE refusals ADD COLUMN bounced INTEGER NOT NULL DEFAULT 0;
-- As whom they were written to then.
ALTER TABLE refusals ADD COLUMN about TEXT;
