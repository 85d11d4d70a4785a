-- The outcome of each event. A row is written when the bridge first tries an event, and again at
-- each try. `seq` is the order in which events were first tried, `told_at` the time at which the
-- row was last written. `attempts` is a JSON array of [at, seconds, HTTP status, verdict, reason,
-- EventBridge event id]. The long columns come last: lists do not read them.
-- `detail_type` is the Magento event's name where the detail-type is not known.
CREATE TABLE IF NOT EXISTS events (
    seq INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    detail_type TEXT NOT NULL,
    source TEXT NOT NULL,
    subject TEXT,
    store_id INTEGER,
    destination TEXT NOT NULL,
    happened_at REAL,
    told_at REAL NOT NULL,
    verdict TEXT NOT NULL,
    reason TEXT NOT NULL,
    event_id TEXT,
    tries INTEGER NOT NULL,
    attempts TEXT NOT NULL,
    detail TEXT,
    capture TEXT
);

-- For the live tail, and for deleting old rows.
CREATE INDEX IF NOT EXISTS events_by_told_at ON events (told_at);
-- For undelivered events, which are few among the delivered ones.
CREATE INDEX IF NOT EXISTS events_in_trouble ON events (verdict, told_at)
    WHERE verdict IN ('waiting', 'parked');

-- How many in each minute (seconds since the epoch), by what is counted: delivered events by
-- scope, delivered events by latency (its upper bound in seconds), events by verdict.
CREATE TABLE IF NOT EXISTS minutes (
    minute INTEGER NOT NULL,
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    count INTEGER NOT NULL,
    PRIMARY KEY (minute, kind, name)
) WITHOUT ROWID;

-- The key for hashes of personal data, created once per file.
CREATE TABLE IF NOT EXISTS secrets (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    hash_key BLOB NOT NULL
);
INSERT OR IGNORE INTO secrets VALUES (1, randomblob(32));
