-- Queries that remove the tables of a disabled agent, and of bridges on its queues.

-- name: tables
-- Which of some tables exist.
SELECT TABLE_NAME FROM information_schema.TABLES
WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME IN %(tables)s;

-- name: lock
-- Nobody writes or reads them until they are dropped.
LOCK TABLES {locks};

-- name: count
-- How many rows a table has. Locked, so that no replica is asked, which may lag behind.
SELECT COUNT(*) FROM {table} FOR UPDATE;

-- name: running
-- Which bridges wrote a heartbeat within some seconds, by the database's clock.
SELECT id FROM {table} WHERE heartbeat_at > UNIX_TIMESTAMP(NOW(6)) - %(seconds)s FOR UPDATE;

-- name: drop
-- Remove them.
DROP TABLE {tables};

-- name: unlock
-- Release the locks that are left.
UNLOCK TABLES;
