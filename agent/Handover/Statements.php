<?php

declare(strict_types=1);

namespace MagentoEventBridge\Agent\Handover;

use Magento\Framework\DB\Adapter\AdapterInterface;

/**
 * Executes the agent's own statements: a shopper waits for a lock only for a few seconds, and nothing is written outside
 * of a transaction that was lost.
 *
 * By default, MariaDB lets a statement wait a day for a lock on a table, and MySQL a year. Magento's connection repeats
 * a statement on a new connection after the former one was lost: so a transaction's statements are executed on its
 * session itself.
 */
class Statements
{
    /**
     * For one statement, without a round trip of its own; a comment for a server that is not known to be MariaDB.
     */
    private const MARIADB = '/*M! SET STATEMENT lock_wait_timeout = %1$d, innodb_lock_wait_timeout = %1$d FOR */ %2$s';

    /**
     * For the session, as MySQL has no hint for innodb_lock_wait_timeout.
     */
    private const SHORTEN = 'SET @eventbridge_table_wait = @@SESSION.lock_wait_timeout,'
        . ' @eventbridge_row_wait = @@SESSION.innodb_lock_wait_timeout,'
        . ' SESSION lock_wait_timeout = %1$d, SESSION innodb_lock_wait_timeout = %1$d';

    /**
     * A new session, after the former one was lost, has no such values.
     */
    private const RESTORE = 'SET SESSION lock_wait_timeout'
        . ' = IFNULL(CAST(@eventbridge_table_wait AS UNSIGNED), @@GLOBAL.lock_wait_timeout),'
        . ' SESSION innodb_lock_wait_timeout'
        . ' = IFNULL(CAST(@eventbridge_row_wait AS UNSIGNED), @@GLOBAL.innodb_lock_wait_timeout)';

    /**
     * @var int
     */
    private $lockSeconds;

    /**
     * @param int $lockSeconds how long a statement waits for a lock
     */
    public function __construct(int $lockSeconds = 5)
    {
        $this->lockSeconds = $lockSeconds;
    }

    /**
     * Executes statements that write.
     *
     * @param AdapterInterface $connection
     * @param array[] $statements the SQL of each, and its values
     * @return int[] the number of rows that each has written
     */
    public function write(AdapterInterface $connection, array $statements): array
    {
        $session = $this->session($connection);
        $isInTransaction = $session !== null && $session->inTransaction();
        $execute = function (string $sql, array $values = []) use ($connection, $session, $isInTransaction): int {
            if (!$isInTransaction) {
                return $connection->query($sql, $values)->rowCount();
            }
            $statement = $session->prepare($sql);
            $statement->execute($values);

            return $statement->rowCount();
        };
        $isMySql = $session !== null && !$this->isMariaDb($session);
        if ($isMySql) {
            $execute(sprintf(self::SHORTEN, $this->lockSeconds));
        }
        try {
            $counts = [];
            foreach ($statements as list($sql, $values)) {
                $bounded = $isMySql ? $sql : sprintf(self::MARIADB, $this->lockSeconds, $sql);
                $counts[] = $execute($bounded, $values);
            }

            return $counts;
        } finally {
            if ($isMySql) {
                $execute(self::RESTORE);
            }
        }
    }

    /**
     * Returns the first value of a query.
     *
     * @param AdapterInterface $connection
     * @param string $select
     * @return mixed
     */
    public function read(AdapterInterface $connection, string $select)
    {
        $session = $this->session($connection);

        return $session !== null && $session->inTransaction()
            ? $session->query($select)->fetchColumn()
            : $connection->fetchOne($select);
    }

    /**
     * Returns a connection's session; null if it is of another kind than Magento's.
     */
    private function session(AdapterInterface $connection): ?\PDO
    {
        $session = $connection instanceof \Zend_Db_Adapter_Abstract ? $connection->getConnection() : null;

        return $session instanceof \PDO ? $session : null;
    }

    private function isMariaDb(\PDO $session): bool
    {
        return stripos((string)$session->getAttribute(\PDO::ATTR_SERVER_VERSION), 'mariadb') !== false;
    }
}
