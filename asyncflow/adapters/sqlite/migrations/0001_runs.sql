-- Runs have small numbers inside the store: rows of runs that started together lie together,
-- and the other tables stay narrow. Blobs stand last, so that short columns never lie behind them.

CREATE TABLE meta (
    name  TEXT PRIMARY KEY,
    value ANY NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE runs (
    run         INTEGER PRIMARY KEY,
    run_id      TEXT NOT NULL UNIQUE,
    version     INTEGER NOT NULL,
    flow        TEXT NOT NULL,
    status      TEXT NOT NULL,
    root_id     TEXT NOT NULL,
    parent_run  TEXT,
    parent_node TEXT,
    started_at  REAL NOT NULL,
    ended_at    REAL,
    updated_at  REAL NOT NULL,
    labels      BLOB,  -- JSON
    error       BLOB   -- JSON
) STRICT;

CREATE INDEX runs_by_status ON runs (status, started_at);
CREATE INDEX runs_by_start ON runs (started_at);
CREATE INDEX roots_by_start ON runs (started_at) WHERE parent_run IS NULL;
CREATE INDEX roots_by_flow ON runs (flow, started_at) WHERE parent_run IS NULL;
CREATE INDEX roots_by_end ON runs (ended_at) WHERE parent_run IS NULL AND ended_at IS NOT NULL;
CREATE INDEX children_by_root ON runs (root_id) WHERE parent_run IS NOT NULL;

-- Appended, not clustered by run: a commit that moves 200 runs then touches few pages, not 200.
CREATE TABLE facts (
    entry   INTEGER PRIMARY KEY,
    run     INTEGER NOT NULL,
    version INTEGER NOT NULL,
    at      REAL NOT NULL,
    facts   BLOB NOT NULL,  -- JSON
    UNIQUE (run, version)
) STRICT;

-- Attempts are appended, and their numbers are the order of their commits. A verdict drops the message.
-- `published` is when the broker confirmed it, 0 where that time is not known, NULL while it has not.
CREATE TABLE attempts (
    attempt   INTEGER PRIMARY KEY,
    task_id   TEXT NOT NULL UNIQUE,
    run       INTEGER NOT NULL,
    task      TEXT NOT NULL,
    due       REAL NOT NULL,
    published REAL,
    verdict   TEXT,
    ended_at  REAL,
    envelope  BLOB,  -- JSON
    body      BLOB,
    result    BLOB   -- JSON
) STRICT;

CREATE INDEX attempts_unpublished ON attempts (attempt) WHERE published IS NULL AND verdict IS NULL;
CREATE INDEX attempts_outstanding ON attempts (due) WHERE verdict IS NULL;
CREATE INDEX attempts_by_run ON attempts (run);

CREATE TABLE timers (
    run     INTEGER NOT NULL,
    kind    TEXT NOT NULL,
    task_id TEXT NOT NULL,  -- '' for a timer of the run itself
    attempt INTEGER NOT NULL,
    due     REAL NOT NULL,
    PRIMARY KEY (run, kind, task_id, attempt)
) STRICT, WITHOUT ROWID;

-- The last slot taken of each throttled node.
CREATE TABLE slots (
    name TEXT PRIMARY KEY,
    last REAL NOT NULL
) STRICT, WITHOUT ROWID;

-- The state of long runs, so that loading one does not replay all of its facts; only the latest of each run.
CREATE TABLE snapshots (
    run     INTEGER PRIMARY KEY,
    version INTEGER NOT NULL,
    state   BLOB NOT NULL
) STRICT;
