-- The figures of each quarter of an hour, for charts of a day; `minute` is the quarter's first.
CREATE TABLE quarters (
    minute INTEGER NOT NULL,
    destination TEXT NOT NULL,
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    count INTEGER NOT NULL,
    PRIMARY KEY (minute, destination, kind, name)
) WITHOUT ROWID;
INSERT INTO quarters
SELECT minute / 900 * 900 AS start, destination, kind, name,
    CASE WHEN kind IN ('queue', 'memory') THEN max(count) ELSE sum(count) END
FROM minutes GROUP BY start, destination, kind, name;

-- For lists of one store view.
CREATE INDEX events_by_view ON events (store_id);
-- For lists of one verdict: all but the delivered events, which are easily found without an index.
CREATE INDEX events_by_verdict ON events (verdict) WHERE verdict != 'delivered';
-- For lists of one detail-type.
CREATE INDEX events_by_detail_type ON events (detail_type);
