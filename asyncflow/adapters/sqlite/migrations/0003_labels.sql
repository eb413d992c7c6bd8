-- The labels of runs, so that runs are found by them. They come with the run and never change.

CREATE TABLE labels (
    name  TEXT NOT NULL,
    value TEXT NOT NULL,
    run   INTEGER NOT NULL,
    PRIMARY KEY (name, value, run)
) STRICT, WITHOUT ROWID;

CREATE INDEX labels_by_run ON labels (run);

CREATE TRIGGER labelled AFTER INSERT ON runs WHEN NEW.labels IS NOT NULL BEGIN
    INSERT INTO labels SELECT key, value, NEW.run FROM json_each(CAST(NEW.labels AS TEXT));
END;

CREATE TRIGGER unlabelled AFTER DELETE ON runs WHEN OLD.labels IS NOT NULL BEGIN
    DELETE FROM labels WHERE run = OLD.run;
END;

INSERT INTO labels
    SELECT key, value, run FROM runs, json_each(CAST(labels AS TEXT)) WHERE labels IS NOT NULL;
