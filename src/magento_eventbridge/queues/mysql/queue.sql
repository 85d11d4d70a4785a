-- What the queues in Magento's database ask of their tables, whichever these are.
-- Time is the database server's, so that no clock of a bridge counts.
--
-- JSON_TABLE makes a table of a list of ids. It is joined to the primary key row by row: an IN (…)
-- on a small table is read as "look at every row", and then waits for rows that a checkout has
-- written and not committed yet.

-- name: peek
-- Is there anything to claim? Reads without locks, so it may be asked often.
SELECT EXISTS (
    SELECT 1 FROM {captures}
    WHERE claimed_by IS NULL
      AND available_at <= UNIX_TIMESTAMP(NOW(6))
      AND store_id NOT IN %(without_views)s
);

-- name: lock_waiting
-- The captures to claim, oldest first, without those that another bridge is just claiming.
SELECT id, LENGTH(body) FROM {captures}
WHERE claimed_by IS NULL
  AND available_at <= UNIX_TIMESTAMP(NOW(6))
  AND store_id NOT IN %(without_views)s
ORDER BY id
LIMIT %(limit)s
FOR UPDATE SKIP LOCKED;

-- name: mark_claimed
-- Write down whose they are, so that no lock need be held while they are delivered.
UPDATE JSON_TABLE(%(ids)s, '$[*]' COLUMNS (id BIGINT UNSIGNED PATH '$')) AS told
STRAIGHT_JOIN {captures} AS o FORCE INDEX (PRIMARY) ON o.id = told.id
SET o.claimed_by = %(bridge)s, o.attempts = o.attempts + 1;

-- name: claimed_by
-- What a bridge has claimed.
SELECT id FROM {captures} WHERE claimed_by = %(bridge)s;

-- name: lost_bridges
-- Bridges that have claims but no longer hold their lock.
SELECT claimed_by
FROM (SELECT DISTINCT claimed_by FROM {captures} WHERE claimed_by <> %(bridge)s) AS bridges
WHERE IS_FREE_LOCK(CONCAT('eventbridge/', claimed_by)) = 1;

-- name: give_back
-- To be claimed again after a delay, unless another bridge has it meanwhile.
UPDATE JSON_TABLE(%(ids)s, '$[*]' COLUMNS (id BIGINT UNSIGNED PATH '$')) AS told
STRAIGHT_JOIN {captures} AS o FORCE INDEX (PRIMARY) ON o.id = told.id
SET o.claimed_by = NULL,
    o.available_at = IF(%(delay)s > 0, UNIX_TIMESTAMP(NOW(6)) + %(delay)s, 0)
WHERE o.claimed_by = %(bridge)s;

-- name: dead_count
-- How many dead letters there are.
SELECT COUNT(*) FROM {dead_letters};

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

-- name: dead_delete
-- Redriven or dropped.
DELETE d
FROM JSON_TABLE(%(ids)s, '$[*]' COLUMNS (id BIGINT UNSIGNED PATH '$')) AS told
STRAIGHT_JOIN {dead_letters} AS d FORCE INDEX (PRIMARY) ON d.id = told.id;
