-- The labels of runs, so that runs are found by them. They come with the run and never change.
-- A trigger writes them, so that dispatchers of an older version do too.

CREATE TABLE labels (
    name  text COLLATE "C" NOT NULL,
    value text COLLATE "C" NOT NULL,
    run   bigint NOT NULL REFERENCES runs ON DELETE CASCADE,
    PRIMARY KEY (name, value, run)
);

CREATE INDEX labels_by_run ON labels (run);

-- JSON with a question mark for what the database's texts cannot hold: \u0000, halves of surrogate pairs.
CREATE FUNCTION readable(content bytea) RETURNS json LANGUAGE sql IMMUTABLE AS $$
    SELECT regexp_replace(convert_from(content, 'UTF8'),
                          '(?<!\\)((?:\\\\)*)\\u(?:0000|[dD][89a-fA-F][0-9a-fA-F]{2})', '\1?', 'g')::json
$$;

CREATE FUNCTION note_labels() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO labels SELECT key, value, NEW.run FROM json_each_text(readable(NEW.labels));
    RETURN NULL;
END
$$;

CREATE TRIGGER labelled AFTER INSERT ON runs FOR EACH ROW WHEN (NEW.labels IS NOT NULL)
    EXECUTE FUNCTION note_labels();

INSERT INTO labels
    SELECT found.key, found.value, run FROM runs, json_each_text(readable(labels)) AS found WHERE labels IS NOT NULL;
