<?php

declare(strict_types=1);

namespace MagentoEventBridge\Agent\Test\Doubles;

use Magento\Framework\Model\CallbackPool;

/**
 * A connection to a real database server that behaves as Magento's: it counts nested transactions and, when it was
 * lost, connects again and repeats the statement.
 */
class RealDatabase extends Database
{
    private const LOST = [2006, 2013];

    /**
     * @var string[] name of the database source, user, password
     */
    private $options;

    /**
     * @var int
     */
    private $level = 0;

    /**
     * @var string|null the version that the server shows, if not its own
     */
    private $version;

    public function __construct(string $dsn, string $user, string $password, ?string $version = null)
    {
        $this->options = [$dsn, $user, $password];
        $this->version = $version;
        $this->connect();
    }

    public function begin(): void
    {
        if ($this->level++ === 0) {
            $this->pdo->beginTransaction();
        }
    }

    public function commit(): void
    {
        $this->plugin->beforeCommit($this);
        if (--$this->level === 0) {
            $this->pdo->commit();
            array_map('call_user_func', CallbackPool::get(spl_object_hash($this)));
        }
        $this->plugin->afterCommit($this, $this);
    }

    public function rollBack(): void
    {
        $this->plugin->beforeRollBack($this);
        if (--$this->level === 0) {
            $this->pdo->rollBack();
        }
        CallbackPool::clear(spl_object_hash($this));
        $this->plugin->afterRollBack($this, $this);
    }

    public function getTransactionLevel(): int
    {
        return $this->level;
    }

    public function query(string $sql, array $values = [])
    {
        return $this->statement($sql, $values);
    }

    /**
     * @param string $select
     * @return mixed
     */
    public function fetchOne($select)
    {
        return $this->statement($select, [])->fetchColumn();
    }

    public function quoteIdentifier(string $name): string
    {
        return '`' . $name . '`';
    }

    public function quote($value): string
    {
        return $this->pdo->quote($value);
    }

    private function statement(string $sql, array $values): \PDOStatement
    {
        try {
            return $this->execute($sql, $values);
        } catch (\PDOException $failure) {
            if (!in_array($failure->errorInfo[1], self::LOST, true)) {
                throw $failure;
            }
            $this->connect();

            return $this->execute($sql, $values);
        }
    }

    private function execute(string $sql, array $values): \PDOStatement
    {
        $statement = $this->pdo->prepare($sql);
        $statement->execute($values);

        return $statement;
    }

    private function connect(): void
    {
        $this->pdo = $this->version === null ? new \PDO(...$this->options) : $this->sessionOfVersion($this->version);
        $this->pdo->setAttribute(\PDO::ATTR_ERRMODE, \PDO::ERRMODE_EXCEPTION);
        $this->pdo->setAttribute(\PDO::ATTR_EMULATE_PREPARES, true);
        $this->pdo->exec("SET SQL_MODE=''");
    }

    private function sessionOfVersion(string $version): \PDO
    {
        $session = new class (...$this->options) extends \PDO {
            public $version;

            #[\ReturnTypeWillChange]
            public function getAttribute($attribute)
            {
                return $attribute === \PDO::ATTR_SERVER_VERSION ? $this->version : parent::getAttribute($attribute);
            }
        };
        $session->version = $version;

        return $session;
    }
}
