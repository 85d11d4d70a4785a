-- What was delivered about orders, invoices, credit memos, shipments, customers, subscribers.
-- `subject` as in captures, without what all of a scope have in common: `o000000123`. `entity` is
-- the row's key, `id` the capture's id, `state` a digest of the detail's documented fields, `at`
-- when it was settled (seconds since the epoch).
-- `verdict`: 0 delivered, 1 dead letter, 2 switched off.
CREATE TABLE events (
    subject TEXT NOT NULL,
    type INTEGER NOT NULL,
    entity INTEGER NOT NULL,
    id BLOB NOT NULL,
    view INTEGER NOT NULL,
    verdict INTEGER NOT NULL,
    at INTEGER NOT NULL,
    state BLOB NOT NULL,
    PRIMARY KEY (subject, type, entity, id)
) WITHOUT ROWID;

-- The detail-types, by their documented names.
CREATE TABLE types (
    number INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE
);

-- Times (seconds since the epoch) in which events were delivered that could not be written here.
CREATE TABLE gaps (
    began REAL NOT NULL,
    ended REAL NOT NULL
);

-- When the ledger began: nothing earlier is known.
CREATE TABLE began (
    at REAL NOT NULL
);
INSERT INTO began VALUES (unixepoch());

-- The audits of the last months.
CREATE TABLE audits (
    at REAL PRIMARY KEY,
    result TEXT NOT NULL
);
