-- Who moves a run: the dispatcher that has its partition. Runs from before there were several are all in the first.

ALTER TABLE runs ADD COLUMN partition INTEGER NOT NULL DEFAULT 0;
