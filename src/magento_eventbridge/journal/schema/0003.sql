-- Figures by destination; it is empty where none was called, and in what older versions counted.
-- What is counted: delivered events by scope and by latency (its upper bound in seconds), events by
-- verdict, failed tries by code. `queue` and `memory` are the most that waited at once: in a queue,
-- by its name, and in memory for a destination.
CREATE TABLE minutes_by_destination (
    minute INTEGER NOT NULL,
    destination TEXT NOT NULL,
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    count INTEGER NOT NULL,
    PRIMARY KEY (minute, destination, kind, name)
) WITHOUT ROWID;
INSERT INTO minutes_by_destination SELECT minute, '', kind, name, count FROM minutes;
DROP TABLE minutes;
ALTER TABLE minutes_by_destination RENAME TO minutes;

-- For what a destination does not take, which is little among what it takes.
CREATE INDEX events_undelivered ON events (destination, told_at)
    WHERE verdict IN ('waiting', 'parked', 'dead');

-- For events that a try failed of, which are few among the delivered ones.
CREATE INDEX events_failed ON events (told_at)
    WHERE tries > 1 OR verdict IN ('waiting', 'parked', 'dead');
