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
    private const RESTORE = 'SET SESSION lock_wait_timeout = @eventbridge_table_wait,'
        . ' SESSION innodb_lock_wait_timeout = @eventbridge_row_wait';

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
        if ($session !== null && !$this->isMariaDb($session)) {
            return $this->writeToMySql($connection, $session, $isInTransaction, $statements);
        }
        $counts = [];
        foreach ($statements as list($sql, $values)) {
            $bounded = sprintf(self::MARIADB, $this->lockSeconds, $sql);
            $counts[] = $isInTransaction
                ? $this->execute($session, $bounded, $values)
                : $connection->query($bounded, $values)->rowCount();
        }

        return $counts;
    }

    /**
     * Executes statements that write, with the settings of their session changed.
     *
     * @param AdapterInterface $connection
     * @param \PDO $session
     * @param bool $isInTransaction otherwise Magento may connect again for the first statement
     * @param array[] $statements
     * @return int[]
     */
    private function writeToMySql(
        AdapterInterface $connection,
        \PDO $session,
        bool $isInTransaction,
        array $statements
    ): array {
        $shorten = sprintf(self::SHORTEN, $this->lockSeconds);
        if ($isInTransaction) {
            $this->execute($session, $shorten);
        } else {
            $connection->query($shorten);
            $session = $this->session($connection);
        }
        try {
            $counts = [];
            foreach ($statements as list($sql, $values)) {
                $counts[] = $this->execute($session, $sql, $values);
            }

            return $counts;
        } finally {
            $this->execute($session, self::RESTORE);
        }
    }

    private function execute(\PDO $session, string $sql, array $values = []): int
    {
        $statement = $session->prepare($sql);
        $statement->execute($values);

        return $statement->rowCount();
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
