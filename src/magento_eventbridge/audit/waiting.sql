-- The captures that wait in the store's database, read without locks.

-- name: outbox
-- Captures of the outbox, waiting or claimed.
SELECT id, body FROM {outbox} WHERE id > %(after)s ORDER BY id LIMIT %(limit)s;

-- name: taken
-- Messages that a bridge has taken out of Magento's queue.
SELECT id, body FROM {taken} WHERE id > %(after)s ORDER BY id LIMIT %(limit)s;

-- name: messages
-- Messages in Magento's queue that nobody has taken.
SELECT s.id, m.body
FROM {statuses} AS s
JOIN {queues} AS q ON q.id = s.queue_id
JOIN {messages} AS m ON m.id = s.message_id
WHERE q.name = %(queue)s AND s.status IN (2, 5) AND s.id > %(after)s
ORDER BY s.id LIMIT %(limit)s;

-- name: bridges
-- What bridges reported of themselves that ran since a time.
SELECT id, status FROM {bridges} WHERE heartbeat_at >= %(since)s AND status IS NOT NULL;
