-- The spool: captures that wait or are claimed. `seq` is the order in which they came in.
-- Claims are not written down: they live in the one process that hands out, and end with it.
CREATE TABLE IF NOT EXISTS captures (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    store_id INTEGER NOT NULL,
    time REAL NOT NULL,
    body BLOB NOT NULL
);

CREATE TABLE IF NOT EXISTS dead_letters (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    store_id INTEGER NOT NULL,
    time REAL NOT NULL,
    body BLOB NOT NULL,
    reason TEXT NOT NULL,
    buried_at REAL NOT NULL
);

-- Written to check whether the disk accepts anything.
CREATE TABLE IF NOT EXISTS pulse (
    id INTEGER PRIMARY KEY,
    at REAL NOT NULL
);
