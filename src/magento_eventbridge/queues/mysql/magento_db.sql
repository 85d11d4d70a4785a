-- The statements of the magento-db queue, beside those of `queue.sql`: over Magento's tables (`queue`,
-- `queue_message`, `queue_message_status`) and its own, for the messages that it took from there.
-- Statuses are Magento's: 2 new, 3 in progress, 4 complete, 5 retry required, 6 error.

-- name: known
-- Is there such a queue? `bin/magento setup:upgrade` creates it from a module's queue_topology.xml.
SELECT COUNT(*) FROM {queues} WHERE name = %(queue)s;

-- name: newest
-- The newest message, waiting or not.
SELECT MAX(message_id) FROM {statuses}
WHERE queue_id = (SELECT id FROM {queues} WHERE name = %(queue)s);

-- name: waiting
-- Messages that nobody has taken, oldest first, and their sizes; none for one that is gone. If there are
-- more: the oldest by the clock, as a transaction that was open for long commits low numbers late, and the
-- first after one message, as the clock may have been set back. By the clock, this reads the waiting
-- messages of all queues.
SELECT w.id, w.message_id, COALESCE(LENGTH(m.body), 0)
FROM (
  (
    SELECT id, message_id FROM {statuses} {by_time}
    WHERE queue_id = (SELECT id FROM {queues} WHERE name = %(queue)s) AND status = 2
    ORDER BY updated_at, id
    LIMIT %(limit)s
  )
  UNION
  (
    SELECT id, message_id FROM {statuses} {by_time}
    WHERE queue_id = (SELECT id FROM {queues} WHERE name = %(queue)s) AND status = 5
    ORDER BY updated_at, id
    LIMIT %(limit)s
  )
  UNION
  (
    SELECT id, message_id FROM {statuses} {by_message}
    WHERE queue_id = (SELECT id FROM {queues} WHERE name = %(queue)s)
      AND status IN (2, 5)
      AND message_id > %(beyond)s
    ORDER BY message_id
    LIMIT %(limit)s
  )
  ORDER BY message_id
  LIMIT %(limit)s
) AS w
LEFT JOIN {messages} AS m FORCE INDEX (PRIMARY) ON m.id = w.message_id;

-- name: index
-- The index of two columns, which stores have under different names.
SELECT i.index_name
FROM information_schema.statistics AS i INNER JOIN information_schema.statistics AS j
  ON j.table_schema = i.table_schema AND j.table_name = i.table_name AND j.index_name = i.index_name
WHERE i.table_schema = DATABASE() AND i.table_name = %(statuses_name)s
  AND i.seq_in_index = 1 AND i.column_name = %(first)s
  AND j.seq_in_index = 2 AND j.column_name = %(second)s
LIMIT 1;

-- name: waiting_beyond
-- Those of them after one message. Reads only these, by the index of queue and message: left to itself,
-- the database may pass over all messages before, which Magento keeps for a day after they are complete,
-- or, when its statistics are old, read and sort all messages after.
SELECT w.id, w.message_id, COALESCE(LENGTH(m.body), 0)
FROM (
  SELECT id, message_id FROM {statuses} {by_message}
  WHERE queue_id = (SELECT id FROM {queues} WHERE name = %(queue)s)
    AND status IN (2, 5)
    AND message_id > %(beyond)s
  ORDER BY message_id
  LIMIT %(limit)s
) AS w
LEFT JOIN {messages} AS m FORCE INDEX (PRIMARY) ON m.id = w.message_id;

-- name: new_since
-- The age, in seconds, of the oldest message that Magento's clean-up may delete. In this order Magento has
-- an index, which is read up to the first one. MIN alone would read them all.
SELECT TIMESTAMPDIFF(SECOND, MIN(updated_at), NOW())
FROM (
  SELECT updated_at FROM {statuses}
  WHERE queue_id = (SELECT id FROM {queues} WHERE name = %(queue)s) AND status = 2
  ORDER BY updated_at
  LIMIT 1
) AS oldest;

-- name: hold
-- Those of the messages that still wait, without those that another session has locked, with their texts as
-- the database has them; empty for one that is gone. Only the statuses are locked. A CAST would be limited to
-- max_allowed_packet.
-- MySQL cannot lock beside JSON_TABLE itself; DISTINCT keeps the inner query from becoming a join.
SELECT s.id, COALESCE(
  (SELECT CONVERT(m.body USING binary) FROM {messages} AS m WHERE m.id = s.message_id), ''
)
FROM {listed_ids}
STRAIGHT_JOIN {statuses} AS s FORCE INDEX (PRIMARY) ON s.id = listed.id
WHERE s.status IN (2, 5)
FOR UPDATE SKIP LOCKED;

-- name: messages
-- The same texts, without locks.
SELECT listed.id, COALESCE(CONVERT(m.body USING binary), '')
FROM JSON_TABLE(%(messages)s, '$[*]' COLUMNS (
  id BIGINT UNSIGNED PATH '$[0]', message_id BIGINT UNSIGNED PATH '$[1]'
)) AS listed
LEFT JOIN {messages} AS m FORCE INDEX (PRIMARY) ON m.id = listed.message_id;

-- name: take
-- Copy messages to where Magento's clean-up does not delete them, each with its store view, claimed or
-- not, and mark them as in progress. A message that Magento lets retry while we still have it is there
-- already, and stays as it is. The list is in order: to sort here would copy all bodies to disk.
INSERT INTO {captures} (status_id, store_id, body, claimed_by, attempts)
SELECT
  listed.id, listed.view_id, COALESCE(CONVERT(m.body USING binary), ''),
  IF(listed.is_claimed, %(claim)s, NULL), listed.is_claimed
FROM JSON_TABLE(%(messages)s, '$[*]' COLUMNS (
  id BIGINT UNSIGNED PATH '$[0]', message_id BIGINT UNSIGNED PATH '$[1]',
  view_id INT UNSIGNED PATH '$[2]', is_claimed INT PATH '$[3]'
)) AS listed
LEFT JOIN {messages} AS m FORCE INDEX (PRIMARY) ON m.id = listed.message_id
ON DUPLICATE KEY UPDATE {captures}.status_id = {captures}.status_id;
UPDATE {statuses} FORCE INDEX (PRIMARY) SET status = 3 WHERE id IN %(numbers)s;

-- name: present
-- Which messages are here in a claim, by id and status; locked, so that no replica is asked.
SELECT id, status_id FROM {captures} FORCE INDEX (claimed_by)
WHERE claimed_by = %(claim)s
ORDER BY id
FOR UPDATE;

-- name: keep
-- Return to here if rows turn out to be in other claims.
SAVEPOINT held;

-- name: undo
-- As at `keep`.
ROLLBACK TO SAVEPOINT held;

-- name: remove
-- Delivered, or no event, as `delivered`; the statuses follow.
DELETE o
FROM {listed_claims}
STRAIGHT_JOIN {captures} AS o FORCE INDEX (PRIMARY) ON o.id = listed.id
WHERE CAST(o.claimed_by AS BINARY) = CAST(listed.claim AS BINARY);

-- name: complete
-- The messages that `remove` removed. A join would collect them in a temporary table first.
UPDATE {statuses} FORCE INDEX (PRIMARY) SET status = 4 WHERE id IN %(numbers)s;

-- name: delivered
-- Delivered, or no event: complete. Magento's clean-up deletes them in time.
UPDATE {listed_claims}
STRAIGHT_JOIN {captures} AS o FORCE INDEX (PRIMARY) ON o.id = listed.id
STRAIGHT_JOIN {statuses} AS s FORCE INDEX (PRIMARY) ON s.id = o.status_id
SET s.status = 4
WHERE CAST(o.claimed_by AS BINARY) = CAST(listed.claim AS BINARY);
DELETE o
FROM {listed_claims}
STRAIGHT_JOIN {captures} AS o FORCE INDEX (PRIMARY) ON o.id = listed.id
WHERE CAST(o.claimed_by AS BINARY) = CAST(listed.claim AS BINARY);

-- name: bury
-- A message becomes a dead letter, and is in error for Magento.
SET @body = %(body)s;
INSERT INTO {dead_letters} (status_id, store_id, body, reason, attempts)
SELECT status_id, store_id, COALESCE(@body, body), %(reason)s, attempts
FROM {captures} WHERE id = %(id)s AND claimed_by LIKE %(claim)s FOR UPDATE;
UPDATE {statuses} SET status = 6
WHERE id = (
  SELECT status_id FROM {captures} WHERE id = %(id)s AND claimed_by LIKE %(claim)s
);
DELETE FROM {captures} WHERE id = %(id)s AND claimed_by LIKE %(claim)s;

-- name: depth
-- How much waits here and still in Magento's tables, and how many are dead letters.
SELECT
  (SELECT COUNT(*) FROM {captures}) + (
    SELECT COUNT(*) FROM {statuses}
    WHERE queue_id = (SELECT id FROM {queues} WHERE name = %(queue)s) AND status IN (2, 5)
  ),
  (SELECT COUNT(*) FROM {dead_letters});

-- name: oldest
-- The message that has been there longest: what was taken came before what was not.
(SELECT UNIX_TIMESTAMP(created_at), body, status_id FROM {captures} ORDER BY id LIMIT 1)
UNION ALL
(
  SELECT UNIX_TIMESTAMP(s.updated_at), COALESCE(m.body, ''), s.id
  FROM {statuses} AS s INNER JOIN {messages} AS m ON m.id = s.message_id
  WHERE s.queue_id = (SELECT id FROM {queues} WHERE name = %(queue)s) AND s.status IN (2, 5)
  ORDER BY s.id
  LIMIT 1
);

-- name: dead_page
-- Some dead letters, oldest first.
SELECT id, store_id, reason, CAST(UNIX_TIMESTAMP(buried_at) AS DOUBLE), body, status_id
FROM {dead_letters} WHERE id > %(after)s ORDER BY id LIMIT %(limit)s;

-- name: dead_one
-- One dead letter.
SELECT id, store_id, reason, CAST(UNIX_TIMESTAMP(buried_at) AS DOUBLE), body, status_id
FROM {dead_letters} WHERE id = %(id)s;

-- name: dead_redrive
-- Dead letters become messages in progress again, in their old order; `dead_delete` follows.
INSERT INTO {captures} (status_id, store_id, body)
SELECT d.status_id, d.store_id, d.body
FROM JSON_TABLE(%(ids)s, '$[*]' COLUMNS (id BIGINT UNSIGNED PATH '$')) AS listed
STRAIGHT_JOIN {dead_letters} AS d FORCE INDEX (PRIMARY) ON d.id = listed.id
ORDER BY d.id;
UPDATE JSON_TABLE(%(ids)s, '$[*]' COLUMNS (id BIGINT UNSIGNED PATH '$')) AS listed
STRAIGHT_JOIN {dead_letters} AS d FORCE INDEX (PRIMARY) ON d.id = listed.id
STRAIGHT_JOIN {statuses} AS s FORCE INDEX (PRIMARY) ON s.id = d.status_id
SET s.status = 3;

-- name: tables
-- Our own tables that exist, with their comments: one of them names the schema's version.
SELECT table_comment FROM information_schema.tables
WHERE table_schema = DATABASE() AND table_name IN (%(captures_name)s, %(dead_letters_name)s, %(bridges_name)s);

-- name: create_tables
-- The bridge creates them: a store may have the original module only. Magento does not change tables
-- that none of its modules declares. Schema 1, of version 0.1.0, had no table of leases.
CREATE TABLE IF NOT EXISTS {captures} (
  id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT,
  status_id BIGINT UNSIGNED NOT NULL COMMENT 'In queue_message_status',
  store_id INT UNSIGNED NOT NULL DEFAULT 0 COMMENT 'Store view whose settings count',
  body LONGBLOB NOT NULL COMMENT 'The message',
  created_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
  available_at DOUBLE NOT NULL DEFAULT 0 COMMENT 'Not before these seconds since the epoch',
  attempts INT UNSIGNED NOT NULL DEFAULT 0 COMMENT 'How often the bridge tried',
  claimed_by VARCHAR(64) DEFAULT NULL COMMENT 'The claim that has it',
  PRIMARY KEY (id),
  UNIQUE KEY (status_id),
  KEY (claimed_by, id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COMMENT='Messages that a bridge took from the queue';
CREATE TABLE IF NOT EXISTS {dead_letters} (
  id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT,
  status_id BIGINT UNSIGNED NOT NULL,
  store_id INT UNSIGNED NOT NULL DEFAULT 0,
  body LONGBLOB NOT NULL,
  reason TEXT NOT NULL,
  attempts INT UNSIGNED NOT NULL DEFAULT 0,
  buried_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
  PRIMARY KEY (id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COMMENT='Messages that could not be delivered';
CREATE TABLE IF NOT EXISTS {bridges} (
  id VARCHAR(64) NOT NULL,
  heartbeat_at DOUBLE NOT NULL,
  status TEXT DEFAULT NULL,
  PRIMARY KEY (id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COMMENT='Leases of the bridges on this queue (schema 2)';
