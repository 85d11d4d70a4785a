-- What the magento-db queue asks beyond `mysql_queue.sql`: of Magento's tables (`queue`,
-- `queue_message`, `queue_message_status`) and of its own, where it keeps what it took from there.
-- Statuses are Magento's: 2 new, 3 in progress, 4 complete, 5 retry required, 6 error.

-- name: known
-- Is there such a queue? `bin/magento setup:upgrade` makes it of a module's queue_topology.xml.
SELECT COUNT(*) FROM {queues} WHERE name = %(queue)s;

-- name: newest
-- The last message that came, whatever became of it.
SELECT MAX(message_id) FROM {statuses}
WHERE queue_id = (SELECT id FROM {queues} WHERE name = %(queue)s);

-- name: waiting
-- Messages that nobody has taken, oldest first. Looks at all that wait in any queue.
SELECT id, message_id FROM {statuses}
WHERE queue_id = (SELECT id FROM {queues} WHERE name = %(queue)s) AND status IN (2, 5)
ORDER BY message_id
LIMIT %(limit)s;

-- name: waiting_beyond
-- Those of them that came after one. Looks at these only.
SELECT id, message_id FROM {statuses}
WHERE queue_id = (SELECT id FROM {queues} WHERE name = %(queue)s) AND status IN (2, 5)
  AND message_id > %(beyond)s
ORDER BY message_id
LIMIT %(limit)s;

-- name: new_since
-- The age, in seconds, of the oldest message that Magento's clean-up may delete.
SELECT TIMESTAMPDIFF(SECOND, MIN(updated_at), NOW()) FROM {statuses}
WHERE queue_id = (SELECT id FROM {queues} WHERE name = %(queue)s) AND status = 2;

-- name: hold
-- Those of the messages that still wait, without those that others are just taking.
-- MySQL cannot lock beside JSON_TABLE itself; DISTINCT keeps the inner query from becoming a join.
SELECT s.id
FROM (
  SELECT DISTINCT id
  FROM JSON_TABLE(%(ids)s, '$[*]' COLUMNS (id BIGINT UNSIGNED PATH '$')) AS listed
) AS told
STRAIGHT_JOIN {statuses} AS s FORCE INDEX (PRIMARY) ON s.id = told.id
WHERE s.status IN (2, 5)
FOR UPDATE SKIP LOCKED;

-- name: take
-- Copy messages to where Magento's clean-up does not come, with the store view that a capture
-- names at its top, and mark them as in progress. One that Magento has pushed to be tried again
-- while we still have it is there already.
INSERT INTO {captures} (status_id, store_id, body)
SELECT
  status_id,
  CASE WHEN store REGEXP '^[0-9]{{1,9}}$' THEN CAST(store AS UNSIGNED) ELSE 0 END,
  body
FROM (
  SELECT
    status_id,
    body,
    CASE WHEN JSON_VALID(capture) THEN JSON_VALUE(capture, '$.store_id') END AS store
  FROM (
    SELECT
      s.id AS status_id,
      COALESCE(m.body, '') AS body,
      CASE WHEN m.body LIKE '"%%' THEN IF(JSON_VALID(m.body), JSON_UNQUOTE(m.body), '')
           WHEN m.body LIKE '{{%%' THEN m.body END AS capture
    FROM JSON_TABLE(%(ids)s, '$[*]' COLUMNS (id BIGINT UNSIGNED PATH '$')) AS told
    STRAIGHT_JOIN {statuses} AS s FORCE INDEX (PRIMARY) ON s.id = told.id
    STRAIGHT_JOIN {messages} AS m FORCE INDEX (PRIMARY) ON m.id = s.message_id
  ) AS read_messages
) AS of_stores
ORDER BY status_id
ON DUPLICATE KEY UPDATE {captures}.status_id = {captures}.status_id;
UPDATE JSON_TABLE(%(ids)s, '$[*]' COLUMNS (id BIGINT UNSIGNED PATH '$')) AS told
STRAIGHT_JOIN {statuses} AS s FORCE INDEX (PRIMARY) ON s.id = told.id
SET s.status = 3;

-- name: read
-- The messages themselves, once they are claimed.
SELECT o.id, o.body, o.status_id
FROM JSON_TABLE(%(ids)s, '$[*]' COLUMNS (id BIGINT UNSIGNED PATH '$')) AS told
STRAIGHT_JOIN {captures} AS o FORCE INDEX (PRIMARY) ON o.id = told.id
ORDER BY o.id;

-- name: delivered
-- Delivered, or meaning nothing worth telling: complete. Magento's clean-up deletes them in time.
UPDATE JSON_TABLE(%(ids)s, '$[*]' COLUMNS (id BIGINT UNSIGNED PATH '$')) AS told
STRAIGHT_JOIN {captures} AS o FORCE INDEX (PRIMARY) ON o.id = told.id
STRAIGHT_JOIN {statuses} AS s FORCE INDEX (PRIMARY) ON s.id = o.status_id
SET s.status = 4;
DELETE o
FROM JSON_TABLE(%(ids)s, '$[*]' COLUMNS (id BIGINT UNSIGNED PATH '$')) AS told
STRAIGHT_JOIN {captures} AS o FORCE INDEX (PRIMARY) ON o.id = told.id;

-- name: bury
-- A message becomes a dead letter, and is in error for Magento.
INSERT INTO {dead_letters} (status_id, store_id, body, reason, attempts)
SELECT status_id, store_id, body, %(reason)s, attempts
FROM {captures} WHERE id = %(id)s FOR UPDATE;
UPDATE {statuses} SET status = 6
WHERE id = (SELECT status_id FROM {captures} WHERE id = %(id)s);
DELETE FROM {captures} WHERE id = %(id)s;

-- name: depth
-- How much there is to do, here and still in Magento's tables, and how many are dead.
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
FROM JSON_TABLE(%(ids)s, '$[*]' COLUMNS (id BIGINT UNSIGNED PATH '$')) AS told
STRAIGHT_JOIN {dead_letters} AS d FORCE INDEX (PRIMARY) ON d.id = told.id
ORDER BY d.id;
UPDATE JSON_TABLE(%(ids)s, '$[*]' COLUMNS (id BIGINT UNSIGNED PATH '$')) AS told
STRAIGHT_JOIN {dead_letters} AS d FORCE INDEX (PRIMARY) ON d.id = told.id
STRAIGHT_JOIN {statuses} AS s FORCE INDEX (PRIMARY) ON s.id = d.status_id
SET s.status = 3;

-- name: tables
-- Are our own tables there?
SELECT COUNT(*) FROM information_schema.tables
WHERE table_schema = DATABASE() AND table_name IN (%(captures_name)s, %(dead_letters_name)s);

-- name: make_tables
-- Made by the bridge itself: a store may have the original module only. Magento leaves tables alone
-- that no module of its declares.
CREATE TABLE IF NOT EXISTS {captures} (
  id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT,
  status_id BIGINT UNSIGNED NOT NULL COMMENT 'In queue_message_status',
  store_id INT UNSIGNED NOT NULL DEFAULT 0 COMMENT 'Store view whose settings count',
  body LONGBLOB NOT NULL COMMENT 'The message',
  created_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
  available_at DOUBLE NOT NULL DEFAULT 0 COMMENT 'Not before these seconds since the epoch',
  attempts INT UNSIGNED NOT NULL DEFAULT 0 COMMENT 'How often the bridge tried',
  claimed_by VARCHAR(64) DEFAULT NULL COMMENT 'The bridge that has it in hand',
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
