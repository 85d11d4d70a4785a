-- What the outbox queue asks of Magento's database. The agent's db_schema.xml declares the tables.
-- Time is the database server's, so that no clock of a bridge counts.
--
-- JSON_TABLE makes a table of a list of ids. It is joined to the primary key row by row: an IN (…)
-- on a small table is read as "look at every row", and then waits for rows that a checkout has
-- written and not committed yet.

-- name: peek
-- Is there anything to claim? Reads without locks, so it may be asked often.
SELECT EXISTS (
    SELECT 1 FROM {outbox}
    WHERE claimed_by IS NULL
      AND available_at <= UNIX_TIMESTAMP(NOW(6))
      AND store_id NOT IN %(without_stores)s
);

-- name: lock_waiting
-- The captures to claim, oldest first, without those that another bridge is just claiming.
SELECT id, LENGTH(body) FROM {outbox}
WHERE claimed_by IS NULL
  AND available_at <= UNIX_TIMESTAMP(NOW(6))
  AND store_id NOT IN %(without_stores)s
ORDER BY id
LIMIT %(limit)s
FOR UPDATE SKIP LOCKED;

-- name: mark_claimed
-- Write down whose they are, so that no lock need be held while they are delivered.
UPDATE JSON_TABLE(%(ids)s, '$[*]' COLUMNS (id BIGINT UNSIGNED PATH '$')) AS told
STRAIGHT_JOIN {outbox} AS o FORCE INDEX (PRIMARY) ON o.id = told.id
SET o.claimed_by = %(bridge)s, o.attempts = o.attempts + 1;

-- name: read
-- The captures themselves, once they are claimed.
SELECT o.id, o.body
FROM JSON_TABLE(%(ids)s, '$[*]' COLUMNS (id BIGINT UNSIGNED PATH '$')) AS told
STRAIGHT_JOIN {outbox} AS o FORCE INDEX (PRIMARY) ON o.id = told.id
ORDER BY o.id;

-- name: claimed_by
-- What a bridge has claimed.
SELECT id FROM {outbox} WHERE claimed_by = %(bridge)s;

-- name: lost_bridges
-- Bridges that have claims but no longer hold their lock.
SELECT claimed_by
FROM (SELECT DISTINCT claimed_by FROM {outbox} WHERE claimed_by <> %(bridge)s) AS bridges
WHERE IS_FREE_LOCK(CONCAT('eventbridge/', claimed_by)) = 1;

-- name: delete
-- Delivered, or meaning nothing worth telling.
DELETE o
FROM JSON_TABLE(%(ids)s, '$[*]' COLUMNS (id BIGINT UNSIGNED PATH '$')) AS told
STRAIGHT_JOIN {outbox} AS o FORCE INDEX (PRIMARY) ON o.id = told.id;

-- name: give_back
-- To be claimed again after a delay, unless another bridge has it meanwhile.
UPDATE JSON_TABLE(%(ids)s, '$[*]' COLUMNS (id BIGINT UNSIGNED PATH '$')) AS told
STRAIGHT_JOIN {outbox} AS o FORCE INDEX (PRIMARY) ON o.id = told.id
SET o.claimed_by = NULL,
    o.available_at = IF(%(delay)s > 0, UNIX_TIMESTAMP(NOW(6)) + %(delay)s, 0)
WHERE o.claimed_by = %(bridge)s;

-- name: bury
-- A capture becomes a dead letter; `delete` follows in the same transaction.
INSERT INTO {dead_letters} (store_id, subject, body, reason, attempts)
SELECT store_id, subject, body, %(reason)s, attempts FROM {outbox} WHERE id = %(id)s FOR UPDATE;

-- name: depth
-- How much there is to do, and how many are dead.
SELECT (SELECT COUNT(*) FROM {outbox}), (SELECT COUNT(*) FROM {dead_letters});

-- name: figures
-- The same for who asks every few seconds: no more than so many rows are counted.
SELECT (SELECT COUNT(*) FROM (SELECT 1 FROM {outbox} LIMIT 100000) AS some_captures),
       (SELECT COUNT(*) FROM (SELECT 1 FROM {dead_letters} LIMIT 100000) AS some_letters);

-- name: oldest
-- The capture that has been there longest.
SELECT body, UNIX_TIMESTAMP(created_at) FROM {outbox} ORDER BY id LIMIT 1;

-- name: beat
-- This bridge is alive; the store's admin pages show what it says of itself.
REPLACE INTO {bridges} (id, heartbeat_at, status)
VALUES (%(bridge)s, UNIX_TIMESTAMP(NOW(6)), %(status)s);

-- name: forget_bridges
-- Bridges that ended long ago.
DELETE FROM {bridges} WHERE heartbeat_at < UNIX_TIMESTAMP(NOW(6)) - 86400;

-- name: dead_count
-- How many dead letters there are.
SELECT COUNT(*) FROM {dead_letters};

-- name: dead_page
-- Some dead letters, oldest first.
SELECT id, store_id, reason, CAST(UNIX_TIMESTAMP(buried_at) AS DOUBLE), body
FROM {dead_letters} WHERE id > %(after)s ORDER BY id LIMIT %(limit)s;

-- name: dead_one
-- One dead letter.
SELECT id, store_id, reason, CAST(UNIX_TIMESTAMP(buried_at) AS DOUBLE), body
FROM {dead_letters} WHERE id = %(id)s;

-- name: dead_lock_all
-- All dead letters of now, held until the transaction ends.
SELECT id FROM {dead_letters} ORDER BY id FOR UPDATE;

-- name: dead_lock
-- Those of the dead letters named that are there, held until the transaction ends.
-- MySQL cannot lock beside JSON_TABLE itself; DISTINCT keeps the inner query from becoming a join.
SELECT d.id
FROM (
  SELECT DISTINCT id
  FROM JSON_TABLE(%(ids)s, '$[*]' COLUMNS (id BIGINT UNSIGNED PATH '$')) AS listed
) AS told
STRAIGHT_JOIN {dead_letters} AS d FORCE INDEX (PRIMARY) ON d.id = told.id
FOR UPDATE;

-- name: dead_redrive
-- Dead letters become captures that wait, in their old order; `dead_delete` follows.
INSERT INTO {outbox} (store_id, subject, body)
SELECT d.store_id, d.subject, d.body
FROM JSON_TABLE(%(ids)s, '$[*]' COLUMNS (id BIGINT UNSIGNED PATH '$')) AS told
STRAIGHT_JOIN {dead_letters} AS d FORCE INDEX (PRIMARY) ON d.id = told.id
ORDER BY d.id;

-- name: dead_delete
-- Redriven or dropped.
DELETE d
FROM JSON_TABLE(%(ids)s, '$[*]' COLUMNS (id BIGINT UNSIGNED PATH '$')) AS told
STRAIGHT_JOIN {dead_letters} AS d FORCE INDEX (PRIMARY) ON d.id = told.id;
