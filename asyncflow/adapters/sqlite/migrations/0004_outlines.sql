-- Every definition of a flow that a dispatcher has served, and when one began to last: open runs may still follow it.

CREATE TABLE outlines (
    flow      TEXT NOT NULL,
    version   TEXT NOT NULL,
    served_at REAL NOT NULL,
    outline   BLOB NOT NULL,  -- JSON
    PRIMARY KEY (flow, version)
) STRICT;
