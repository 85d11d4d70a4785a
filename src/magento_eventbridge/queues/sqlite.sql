-- The spool: captures that wait or are claimed. `seq` is the order in which they came in.
-- Whether a claimant is alive is told by the lock on its file beside this one, not by a clock.
CREATE TABLE IF NOT EXISTS captures (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    store_id INTEGER NOT NULL,
    time REAL NOT NULL,
    body BLOB NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    available_at REAL NOT NULL DEFAULT 0,
    claimant TEXT
);
-- What can be claimed, in order, without a look at what is claimed or at any body.
CREATE INDEX IF NOT EXISTS waiting ON captures (seq, store_id, available_at)
    WHERE claimant IS NULL;
-- What a claimant that died gives back.
CREATE INDEX IF NOT EXISTS claimed ON captures (claimant) WHERE claimant IS NOT NULL;

CREATE TABLE IF NOT EXISTS dead_letters (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    capture_id TEXT NOT NULL,
    store_id INTEGER NOT NULL,
    time REAL NOT NULL,
    body BLOB NOT NULL,
    reason TEXT NOT NULL,
    buried_at REAL NOT NULL
);
