-- The words by which people look for events: subjects, order numbers, SKUs, e-mail addresses, ids.
-- All are in lower case. Events that an older version wrote are found by the full text only.
CREATE TABLE IF NOT EXISTS keys (
    word TEXT NOT NULL,
    seq INTEGER NOT NULL,
    PRIMARY KEY (word, seq)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS keys_by_seq ON keys (seq);
CREATE TRIGGER IF NOT EXISTS keys_go_with_their_event AFTER DELETE ON events
BEGIN
    DELETE FROM keys WHERE seq = old.seq;
END;
