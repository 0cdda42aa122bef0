-- When a notice would be due if there were no planned work. Of those that are older nobody knows: they leave when they are due.
ALTER TABLE notices ADD COLUMN wanted INTEGER;
