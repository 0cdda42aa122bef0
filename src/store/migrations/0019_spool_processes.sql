-- Which of an agent's processes reported last from each spool, and which numbers it reported itself. What was taken before isn't known of any
-- process, and is compared with the archive when it comes again.
ALTER TABLE agent_spools ADD COLUMN process TEXT NOT NULL DEFAULT '';
ALTER TABLE agent_spools ADD COLUMN own TEXT NOT NULL DEFAULT '';
