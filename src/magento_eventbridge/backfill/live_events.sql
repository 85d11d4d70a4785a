-- name: waits
-- Does a capture wait that a bridge could have claimed a second ago? It reads without locks.
SELECT EXISTS (
    SELECT 1 FROM {outbox}
    WHERE claimed_by IS NULL
      AND available_at <= UNIX_TIMESTAMP(NOW(6))
      AND created_at < NOW() - INTERVAL 1 SECOND
);
