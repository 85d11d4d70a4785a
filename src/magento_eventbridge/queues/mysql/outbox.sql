-- The statements of the outbox, beside those of `queue.sql`. The agent's db_schema.xml declares the tables.

-- name: delivered
-- Delivered, or no event.
DELETE o
FROM {listed_claims}
STRAIGHT_JOIN {captures} AS o FORCE INDEX (PRIMARY) ON o.id = listed.id
WHERE CAST(o.claimed_by AS BINARY) = CAST(listed.claim AS BINARY);

-- name: bury
-- A capture becomes a dead letter. A new body is sent once: the server limits the size of a statement.
SET @body = %(body)s;
INSERT INTO {dead_letters} (store_id, subject, body, reason, attempts)
SELECT store_id, IF(@body IS NULL, subject, %(subject)s), COALESCE(@body, body), %(reason)s, attempts
FROM {captures} WHERE id = %(id)s AND claimed_by LIKE %(claim)s FOR UPDATE;
DELETE FROM {captures} WHERE id = %(id)s AND claimed_by LIKE %(claim)s;

-- name: depth
-- How many captures wait, and how many are dead letters.
SELECT (SELECT COUNT(*) FROM {captures}), (SELECT COUNT(*) FROM {dead_letters});

-- name: figures
-- The same for frequent queries: no more than so many rows are counted.
SELECT (SELECT COUNT(*) FROM (SELECT 1 FROM {captures} LIMIT 100000) AS some_captures),
       (SELECT COUNT(*) FROM (SELECT 1 FROM {dead_letters} LIMIT 100000) AS some_letters);

-- name: oldest
-- The capture that has been there longest.
SELECT UNIX_TIMESTAMP(created_at), body FROM {captures} ORDER BY id LIMIT 1;

-- name: dead_page
-- Some dead letters, oldest first.
SELECT id, store_id, reason, CAST(UNIX_TIMESTAMP(buried_at) AS DOUBLE), body
FROM {dead_letters} WHERE id > %(after)s ORDER BY id LIMIT %(limit)s;

-- name: dead_one
-- One dead letter.
SELECT id, store_id, reason, CAST(UNIX_TIMESTAMP(buried_at) AS DOUBLE), body
FROM {dead_letters} WHERE id = %(id)s;

-- name: dead_redrive
-- Dead letters become captures that wait, in their old order; `dead_delete` follows.
INSERT INTO {captures} (store_id, subject, body)
SELECT d.store_id, d.subject, d.body
FROM JSON_TABLE(%(ids)s, '$[*]' COLUMNS (id BIGINT UNSIGNED PATH '$')) AS listed
STRAIGHT_JOIN {dead_letters} AS d FORCE INDEX (PRIMARY) ON d.id = listed.id
ORDER BY d.id;

-- name: report
-- What this bridge reports of itself; the store's admin pages show it.
UPDATE {bridges} SET status = %(status)s WHERE id = %(bridge)s;

-- name: old_bridges
-- Bridges that ended long ago, read without locks: another bridge may be frozen in a transaction.
SELECT id FROM {bridges} WHERE heartbeat_at < UNIX_TIMESTAMP(NOW(6)) - 86400;

-- name: forget_bridges
-- What they last reported is of no use any more.
DELETE FROM {bridges} WHERE id IN %(names)s AND heartbeat_at < UNIX_TIMESTAMP(NOW(6)) - 86400;
