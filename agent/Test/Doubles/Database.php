<?php

declare(strict_types=1);

namespace MagentoEventBridge\Agent\Test\Doubles;

use Magento\Framework\DB\Adapter\AdapterInterface;
use Magento\Framework\Model\CallbackPool;
use MagentoEventBridge\Agent\Gate;

/**
 * A database of one transaction at a time: what is written in it is gone if it is rolled back.
 */
class Database extends \Zend_Db_Adapter_Abstract implements AdapterInterface
{
    /**
     * @var Gate
     */
    public $plugin;

    /**
     * Rows of objects, by table and id.
     *
     * @var array[]
     */
    public $things = [];

    /**
     * Statements that reached the database.
     *
     * @var string[]
     */
    public $statements = [];

    /**
     * @var \Throwable|null thrown by the next INSERT
     */
    public $failure;

    /**
     * @var bool whether the next failure takes the whole transaction with it
     */
    public $losesTransaction = false;

    /**
     * Whether Magento's plugin, which runs commit callbacks, is called before the agent's, as in compiled mode.
     *
     * @var bool
     */
    public $isCompiled = true;

    /**
     * Run when everything before the commit is done: other plugins, and the failure of the commit itself.
     *
     * @var callable|null
     */
    public $beforeCommit;

    /**
     * Run right after the commit, before the agent's plugin: the plugin of another module, which may fail.
     *
     * @var callable|null
     */
    public $afterCommit;

    /**
     * The longest statement, in bytes.
     *
     * @var int
     */
    public $maxPacket = PHP_INT_MAX;

    /**
     * @var array[]
     */
    private $committed = [];

    /**
     * @var array[]
     */
    private $pending = [];

    /**
     * @var int the number of pending rows before the savepoint
     */
    private $savepoint = 0;

    /**
     * @var int
     */
    private $level = 0;

    /**
     * The connection itself, which Magento replaces when it was lost.
     *
     * @var \PDO|null
     */
    public $pdo;

    public function getConnection()
    {
        return $this->pdo;
    }

    public function begin(): void
    {
        $this->level++;
    }

    public function commit(): void
    {
        $this->plugin->beforeCommit($this);
        $beforeCommit = $this->beforeCommit;
        $this->beforeCommit = null;
        if ($beforeCommit !== null) {
            $beforeCommit();
        }
        if (--$this->level === 0) {
            $this->committed = array_merge($this->committed, $this->pending);
            $this->pending = [];
        }
        $afterCommit = $this->afterCommit;
        $this->afterCommit = null;
        if ($afterCommit !== null) {
            $afterCommit();
        }
        if (!$this->isCompiled) {
            $this->plugin->afterCommit($this, $this);
        }
        if ($this->level === 0) {
            array_map('call_user_func', CallbackPool::get(spl_object_hash($this)));
        }
        if ($this->isCompiled) {
            $this->plugin->afterCommit($this, $this);
        }
    }

    /**
     * Adds a callback for the next outermost commit, as a resource model does.
     */
    public function addCommitCallback(callable $callback): void
    {
        CallbackPool::attach(spl_object_hash($this), $callback);
    }

    public function rollBack(): void
    {
        $this->plugin->beforeRollBack($this);
        if ($this->level === 0) {
            throw new \LogicException('Asymmetric transaction rollback.');
        }
        $this->level--;
        $this->pending = [];
        CallbackPool::clear(spl_object_hash($this));
        $this->plugin->afterRollBack($this, $this);
    }

    public function getTransactionLevel(): int
    {
        return $this->level;
    }

    /**
     * @param string $sql
     * @param array $values
     * @return \PDOStatement|object that has the number of rows written
     */
    public function query(string $sql, array $values = [])
    {
        $rows = [];
        if (preg_match('/ INTO (\S+) \((.+?)\) SELECT .* FROM (\S+) /', $sql, $match)) {
            if (isset($this->things[$match[3]][end($values)])) {
                $rows[] = ['message' => count($values) > 1 ? $values[0] : null];
            }
            $this->insert($match[1], $rows);
        } elseif (preg_match('/ INTO (\S+) \((.+?)\)/', $sql, $match)) {
            $columns = explode(', ', $match[2]);
            foreach (array_chunk($values, count($columns)) as $row) {
                $rows[] = array_combine($columns, $row);
            }
            $this->insert($match[1], $rows);
        } else {
            $this->statements[] = $sql;
        }
        if (strpos($sql, 'SAVEPOINT') === 0) {
            $this->savepoint = count($this->pending);
        } elseif (strpos($sql, 'ROLLBACK TO') === 0) {
            if ($this->losesTransaction) {
                throw new \RuntimeException('SAVEPOINT does not exist');
            }
            $this->pending = array_slice($this->pending, 0, $this->savepoint);
        }

        return new class (count($rows)) {
            private $count;

            public function __construct(int $count)
            {
                $this->count = $count;
            }

            public function rowCount(): int
            {
                return $this->count;
            }
        };
    }

    private function insert(string $table, array $rows): void
    {
        $this->statements[] = 'INSERT ' . $table . ' ' . count($rows);
        if ($this->failure !== null) {
            $failure = $this->failure;
            $this->failure = null;
            throw $failure;
        }
        if (strlen(serialize($rows)) > $this->maxPacket) {
            throw new \RuntimeException("Got a packet bigger than 'max_allowed_packet' bytes");
        }
        if ($this->level > 0) {
            $this->pending = array_merge($this->pending, $rows);
        } else {
            $this->committed = array_merge($this->committed, $rows);
        }
    }

    /**
     * Returns the messages of Magento's queue that are committed.
     *
     * @return string[]
     */
    public function queued(): array
    {
        return array_values(array_filter(array_column($this->committed, 'message')));
    }

    /**
     * Returns the captures that are committed, and forgets them.
     *
     * @return array[]
     */
    public function written(): array
    {
        $captures = array_map(function (array $row): array {
            return json_decode($row['body'], true) + ['row' => array_diff_key($row, ['body' => 0])];
        }, array_values(array_filter($this->committed, function (array $row): bool {
            return isset($row['body']);
        })));
        $this->committed = array_filter($this->committed, function (array $row): bool {
            return !isset($row['body']);
        });

        return $captures;
    }

    // What a object's resource asks for.

    public function select(): self
    {
        return $this;
    }

    public function from(string $table): self
    {
        $this->statements[] = 'SELECT ' . $table;
        return $this;
    }

    public function where(string $condition, $id): array
    {
        return [substr(end($this->statements), 7), $id];
    }

    public function quoteIdentifier(string $name): string
    {
        return $name;
    }

    public function quote($value): string
    {
        return "'" . addslashes($value) . "'";
    }

    /**
     * @param string|array $select
     * @return mixed
     */
    public function fetchOne($select)
    {
        if (is_string($select)) {
            $this->statements[] = $select;
            return $this->maxPacket;
        }

        return $this->fetchRow($select)['id'] ?? false;
    }

    public function fetchRow(array $select): array
    {
        return $this->things[$select[0]][$select[1]] ?? [];
    }

    public function describeTable(string $table): array
    {
        $types = ['grand_total' => 'decimal', 'qty' => 'decimal', 'total_paid' => 'decimal'];
        $columns = [];
        foreach ($this->things[$table] as $row) {
            foreach (array_keys($row) as $name) {
                $columns[$name] = ['DATA_TYPE' => $types[$name] ?? 'varchar'];
            }
        }

        return $columns;
    }
}
