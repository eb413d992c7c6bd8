-- The same tables as the embedded store's. Texts are compared byte by byte, so that a beginning of an id is a range.
-- Blobs are JSON as bytes: it may hold what the database's own JSON and text cannot, such as \u0000.

CREATE TABLE meta (
    name  text PRIMARY KEY,
    value bytea NOT NULL
);

CREATE TABLE runs (
    run         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    run_id      text COLLATE "C" NOT NULL UNIQUE,
    version     bigint NOT NULL,
    flow        text COLLATE "C" NOT NULL,
    status      text COLLATE "C" NOT NULL,
    root_id     text COLLATE "C" NOT NULL,
    parent_run  text COLLATE "C",
    parent_node text COLLATE "C",
    started_at  double precision NOT NULL,
    ended_at    double precision,
    updated_at  double precision NOT NULL,
    labels      bytea,
    error       bytea
) WITH (fillfactor = 70);  -- a run moves often: its new version finds room on the same page

CREATE INDEX runs_by_status ON runs (status, started_at);
CREATE INDEX runs_by_start ON runs (started_at);
CREATE INDEX roots_by_start ON runs (started_at) WHERE parent_run IS NULL;
CREATE INDEX roots_by_flow ON runs (flow, started_at) WHERE parent_run IS NULL;
CREATE INDEX roots_by_end ON runs (ended_at) WHERE parent_run IS NULL AND ended_at IS NOT NULL;
CREATE INDEX children_by_root ON runs (root_id) WHERE parent_run IS NOT NULL;

CREATE TABLE facts (
    run     bigint NOT NULL,
    version bigint NOT NULL,
    at      double precision NOT NULL,
    facts   bytea NOT NULL,
    PRIMARY KEY (run, version)
);

-- A verdict drops the message. `published` is when the broker confirmed it, 0 where that time is not known,
-- NULL while it has not.
CREATE TABLE attempts (
    attempt   bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    task_id   text COLLATE "C" NOT NULL UNIQUE,
    run       bigint NOT NULL,
    task      text COLLATE "C" NOT NULL,
    due       double precision NOT NULL,
    published double precision,
    verdict   text COLLATE "C",
    ended_at  double precision,
    envelope  bytea,
    body      bytea,
    result    bytea
);

CREATE INDEX attempts_unpublished ON attempts (attempt) WHERE published IS NULL AND verdict IS NULL;
CREATE INDEX attempts_outstanding ON attempts (due) WHERE verdict IS NULL;
CREATE INDEX attempts_by_run ON attempts (run);

CREATE TABLE timers (
    run     bigint NOT NULL,
    kind    text COLLATE "C" NOT NULL,
    task_id text COLLATE "C" NOT NULL,  -- '' for a timer of the run itself
    attempt bigint NOT NULL,
    due     double precision NOT NULL,
    PRIMARY KEY (run, kind, task_id, attempt)
);

-- The last slot taken of each throttled node.
CREATE TABLE slots (
    name text COLLATE "C" PRIMARY KEY,
    last double precision NOT NULL
);

-- The state of long runs, so that loading one does not replay all of its facts; only the latest of each run.
CREATE TABLE snapshots (
    run     bigint PRIMARY KEY,
    version bigint NOT NULL,
    state   bytea NOT NULL
);

-- A row stays when its lease is over: an epoch never comes twice.
CREATE TABLE leases (
    partition text COLLATE "C" PRIMARY KEY,
    owner     text COLLATE "C" NOT NULL,
    epoch     bigint NOT NULL,
    expires   timestamptz NOT NULL
) WITH (fillfactor = 50);
