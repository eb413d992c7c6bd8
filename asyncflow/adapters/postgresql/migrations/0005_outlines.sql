-- Every definition of a flow that a dispatcher has served, and when one began to last: open runs may still follow it.

CREATE TABLE outlines (
    flow      text NOT NULL,
    version   text NOT NULL,
    served_at double precision NOT NULL,
    outline   bytea NOT NULL,  -- JSON
    PRIMARY KEY (flow, version)
);
