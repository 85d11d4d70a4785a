-- Does a capture wait that a bridge could have claimed a second ago? All read without locks.

-- name: outbox
-- In the outbox.
SELECT EXISTS (
    SELECT 1 FROM {outbox}
    WHERE claimed_by IS NULL
      AND available_at <= UNIX_TIMESTAMP(NOW(6))
      AND created_at < NOW() - INTERVAL 1 SECOND
);

-- name: magento_db
-- In Magento's queue.
SELECT EXISTS (
    SELECT 1 FROM {statuses}
    WHERE queue_id = (SELECT id FROM {queues} WHERE name = %(queue)s)
      AND status IN (2, 5)
      AND updated_at < NOW() - INTERVAL 1 SECOND
);

-- name: taken
-- Taken from Magento's queue and returned.
SELECT EXISTS (
    SELECT 1 FROM {taken}
    WHERE claimed_by IS NULL
      AND available_at <= UNIX_TIMESTAMP(NOW(6))
      AND created_at < NOW() - INTERVAL 1 SECOND
);
