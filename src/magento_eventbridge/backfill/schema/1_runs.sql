-- The progress of each backfill, so that the same command goes on where it was.
-- `name` is the command's options as JSON, `selection` what they meant when the run began.
-- Entities up to the key `position` are settled; `passed` says how many of them were wanted.
CREATE TABLE runs (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    selection TEXT NOT NULL,
    position INTEGER NOT NULL DEFAULT 0,
    passed INTEGER NOT NULL DEFAULT 0,
    is_finished INTEGER NOT NULL DEFAULT 0
);

-- Entities that could not be sent, for a second check.
CREATE TABLE left_out (
    run INTEGER NOT NULL REFERENCES runs (id),
    entity TEXT NOT NULL,
    reason TEXT NOT NULL,
    PRIMARY KEY (run, entity)
) WITHOUT ROWID;
