-- The statements of both queues in Magento's database; the tables are those of the queue.
-- Times are the database server's: the clock of a bridge does not matter.
--
-- JSON_TABLE creates a table of a list of ids (`listed_ids` where rows are locked), or of claims with
-- their ids (`listed_claims`). It is joined to the primary key row by row: with an IN (…), a server may
-- read all rows of a small table, and then wait for rows that a checkout has written and not committed yet.

-- name: limit_idleness
-- End the connection of a bridge that was frozen, after some seconds: it may be in a transaction, and other
-- bridges cannot claim what that has locked. A living bridge says something more often.
SET SESSION wait_timeout = %(seconds)s;

-- name: peek
-- Is there anything to claim? It reads without locks, so it may be asked often.
SELECT EXISTS (
    SELECT 1 FROM {captures}
    WHERE claimed_by IS NULL
      AND id > %(beyond)s
      AND {is_due}
      AND store_id NOT IN %(without_views)s
);

-- name: candidates
-- The captures that wait, oldest first, read without locks.
SELECT id, LENGTH(body) FROM {captures}
WHERE claimed_by IS NULL
  AND id > %(beyond)s
  AND {is_due}
  AND store_id NOT IN %(without_views)s
ORDER BY id
LIMIT %(limit)s;

-- name: lock
-- Those of the candidates that still wait, without those that another session has locked: captures, as
-- `read` returns them.
SELECT {columns}
FROM {listed_ids}
STRAIGHT_JOIN {captures} AS o FORCE INDEX (PRIMARY) ON o.id = listed.id
WHERE o.claimed_by IS NULL AND {is_due}
FOR UPDATE SKIP LOCKED;

-- name: read
-- The captures themselves, claimed or not.
SELECT {columns}
FROM JSON_TABLE(%(ids)s, '$[*]' COLUMNS (id BIGINT UNSIGNED PATH '$')) AS listed
STRAIGHT_JOIN {captures} AS o FORCE INDEX (PRIMARY) ON o.id = listed.id
ORDER BY o.id;

-- name: read_claimed
-- What `read` returns of captures that this bridge has claimed. Locked, so that no replica is asked: some
-- proxies send other reads of a transaction to one.
SELECT {columns}
FROM {listed_ids}
STRAIGHT_JOIN {captures} AS o FORCE INDEX (PRIMARY) ON o.id = listed.id
WHERE o.claimed_by = %(claim)s
FOR UPDATE;

-- name: without_transactions
-- The tables whose storage engine has no transactions, and their engines.
SELECT t.table_name, t.engine
FROM information_schema.tables AS t INNER JOIN information_schema.engines AS e ON e.engine = t.engine
WHERE t.table_schema = DATABASE() AND t.table_name IN %(table_names)s AND e.transactions <> 'YES'
ORDER BY t.table_name;

-- name: next_id
-- The id that the next capture gets, or a lower one.
SELECT AUTO_INCREMENT FROM information_schema.tables
WHERE table_schema = DATABASE() AND table_name = %(captures_name)s;

-- name: mark_claimed
-- Write down whose they are, so that no lock is needed while they are delivered. They are locked by
-- now, so nothing waits here; an UPDATE with a join would collect them in a temporary table first.
UPDATE {captures} FORCE INDEX (PRIMARY)
SET claimed_by = %(claim)s, attempts = attempts + 1
WHERE id IN %(numbers)s AND claimed_by IS NULL;

-- name: claimed_by
-- What was claimed under the names of a pattern.
SELECT id, claimed_by FROM {captures} WHERE claimed_by LIKE %(claim)s;

-- name: lock_claimed_by
-- Those of them that no other session has locked; they are locked until the transaction ends. No
-- replica is asked for them. Without an index rows of others are read too, and not waited for.
SELECT id, claimed_by FROM {captures} WHERE claimed_by LIKE %(claim)s FOR UPDATE SKIP LOCKED;

-- name: claimants
-- The bridges that have claims, with a lease or without.
SELECT DISTINCT SUBSTRING_INDEX(claimed_by, '/', 1) FROM {captures} WHERE claimed_by IS NOT NULL;

-- name: give_back
-- To be claimed again after a delay, unless they are claimed otherwise meanwhile.
UPDATE {listed_claims}
STRAIGHT_JOIN {captures} AS o FORCE INDEX (PRIMARY) ON o.id = listed.id
SET o.claimed_by = NULL,
    o.available_at = IF(%(delay)s > 0, UNIX_TIMESTAMP(NOW(6)) + %(delay)s, 0)
WHERE CAST(o.claimed_by AS BINARY) = CAST(listed.claim AS BINARY);

-- name: take_lease
-- From now on this bridge may claim captures.
INSERT INTO {bridges} (id, heartbeat_at) VALUES (%(bridge)s, UNIX_TIMESTAMP(NOW(6)))
ON DUPLICATE KEY UPDATE heartbeat_at = VALUES(heartbeat_at);

-- name: renew_lease
-- This bridge is alive. No row: another bridge has ended the lease, and released the claims.
UPDATE {bridges} SET heartbeat_at = UNIX_TIMESTAMP(NOW(6)) WHERE id = %(bridge)s;

-- name: leases
-- The leases of other bridges.
SELECT id, heartbeat_at FROM {bridges} WHERE id <> %(bridge)s;

-- name: lock_lease
-- The lease of a bridge that seems to be dead: whether it still is the one that was seen. None if the
-- bridge was frozen in a transaction that has it locked.
SELECT heartbeat_at FROM {bridges} WHERE id = %(bridge)s FOR UPDATE SKIP LOCKED;

-- name: end_lease
-- The bridge is dead, and its claims are released. If it lives after all, it learns of it.
DELETE FROM {bridges} WHERE id = %(bridge)s;

-- name: give_up_lease
-- This bridge has ended. What it last reported of itself stays for the store's admin pages.
DELETE FROM {bridges} WHERE id = %(bridge)s AND status IS NULL;

-- name: largest_statement
-- How many bytes a statement may have.
SELECT @@max_allowed_packet;

-- name: dead_count
-- How many dead letters there are.
SELECT COUNT(*) FROM {dead_letters};

-- name: dead_sizes
-- The sizes of some dead letters, oldest first, which decide how many are on a page.
SELECT LENGTH(body) FROM {dead_letters} WHERE id > %(after)s ORDER BY id LIMIT %(limit)s;

-- name: dead_lock_all
-- All dead letters of now, locked until the transaction ends.
SELECT id FROM {dead_letters} ORDER BY id FOR UPDATE;

-- name: dead_lock
-- Those of the named dead letters that exist, locked until the transaction ends.
SELECT d.id
FROM {listed_ids}
STRAIGHT_JOIN {dead_letters} AS d FORCE INDEX (PRIMARY) ON d.id = listed.id
FOR UPDATE;

-- name: dead_delete
-- Redriven or dropped.
DELETE d
FROM JSON_TABLE(%(ids)s, '$[*]' COLUMNS (id BIGINT UNSIGNED PATH '$')) AS listed
STRAIGHT_JOIN {dead_letters} AS d FORCE INDEX (PRIMARY) ON d.id = listed.id;
