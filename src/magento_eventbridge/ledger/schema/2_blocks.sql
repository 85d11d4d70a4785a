-- What was delivered about orders, invoices, credit memos, shipments, customers, subscribers. A row
-- has many events, as a row for each would cost delivery more than all the rest of the ledger.
-- `first` and `last`: when the events were settled, in seconds since the epoch.
-- `subjects`: a line for each event, as `1/order/000000123`, with the store view.
-- `names`: a line for each detail-type in the row.
-- `records`: columns of all events, one after the other, as `blocks.py` packs them.
DROP TABLE events;
DROP TABLE types;

CREATE TABLE blocks (
    id INTEGER PRIMARY KEY,
    first INTEGER NOT NULL,
    last INTEGER NOT NULL,
    subjects BLOB NOT NULL,
    names TEXT NOT NULL,
    records BLOB NOT NULL
);

-- The rows of the former table are gone: nothing earlier is known.
UPDATE began SET at = unixepoch();
