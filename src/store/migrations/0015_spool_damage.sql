-- In how many places each spool was damaged, as its agent said last: so that each place is told in the journal once.
ALTER TABLE agent_spools ADD COLUMN damages INTEGER NOT NULL DEFAULT 0;
