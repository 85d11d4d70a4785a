<?php

declare(strict_types=1);

namespace MagentoEventBridge\Agent\Handover;

use Magento\Framework\App\ResourceConnection;
use Magento\Framework\DB\Adapter\AdapterInterface;
use Magento\Framework\Model\AbstractModel;
use Magento\Framework\Model\CallbackPool;
use MagentoEventBridge\Agent\Capture\Capture;
use MagentoEventBridge\Agent\Fence;
use MagentoEventBridge\Agent\Gate;
use MagentoEventBridge\Agent\ResettableInterface;
use MagentoEventBridge\Agent\State\ObjectState;

/**
 * Holds the captures of open transactions until they commit, and drops them at a rollback.
 *
 * Each database connection has its own transactions: a shop with a split database saves orders over another
 * connection than the default one, where the outbox is.
 */
class TransactionBuffer implements ResettableInterface
{
    private const SAVEPOINT = 'eventbridge';

    /**
     * @var ResourceConnection
     */
    private $resource;

    /**
     * @var Transports
     */
    private $transports;

    /**
     * @var Fence
     */
    private $fence;

    /**
     * The transactions that have captures, by the object IDs of their connections.
     *
     * @var Transaction[]
     */
    private $transactions = [];

    /**
     * What was written for commits that are not known to have succeeded yet.
     *
     * @var WrittenCaptures[]
     */
    private $written = [];

    /**
     * What another connection has committed while a transaction of the default connection is open: its
     * rollback would delete what is written now.
     *
     * @var array[] of a TransportInterface and its captures
     */
    private $postponed = [];

    public function __construct(
        ResourceConnection $resource,
        Transports $transports,
        Fence $fence,
        Gate $gate
    ) {
        $this->resource = $resource;
        $this->transports = $transports;
        $this->fence = $fence;
        $gate->connect($this);
    }

    /**
     * Returns the capture that is held under the key; null if there is none.
     */
    public function find(string $key): ?Capture
    {
        foreach ($this->transactions as $transaction) {
            if (isset($transaction->captures[$key])) {
                return $transaction->captures[$key];
            }
        }

        return null;
    }

    /**
     * Returns the entity's row before the open transaction first saved it; null if there was none.
     *
     * @param string $kind of entity
     * @param AbstractModel $entity
     * @param callable $read returns the row that the database has now
     * @return array|null
     */
    public function rowBefore(string $kind, AbstractModel $entity, callable $read): ?array
    {
        $connection = $this->connectionOf($entity);
        if (!$this->isInTransaction($connection)) {
            return $read();
        }

        return $this->transaction($connection)->rows->of($kind, $entity, $read);
    }

    /**
     * Returns the state that came with the capture; null if there is none.
     */
    public function findState(string $key): ?ObjectState
    {
        foreach ($this->transactions as $transaction) {
            if (isset($transaction->captures[$key])) {
                return $transaction->states[$key];
            }
        }

        return null;
    }

    /**
     * Adds a capture of something that is not an entity.
     */
    public function add(Capture $capture): void
    {
        $connection = $this->resource->getConnection();
        $this->hold('#' . count($this->transaction($connection)->captures), $capture);
    }

    /**
     * Adds or replaces the capture of a key; its state is settled once it is handed over.
     *
     * @param string $key
     * @param Capture $capture
     * @param ObjectState|null $state
     * @param object|null $entity that was saved: its connection's transaction counts, else the default one's
     * @return void
     */
    public function hold(string $key, Capture $capture, ?ObjectState $state = null, ?object $entity = null): void
    {
        $connection = $this->connectionOf($entity);
        if ($this->isInTransaction($connection)) {
            $transaction = $this->transaction($connection);
            $transaction->captures[$key] = $capture;
            $transaction->states[$key] = $state;
            return;
        }
        if ($connection->getTransactionLevel() === 0) {
            $this->afterCommit($connection);
        }
        $capture->refresh();
        $this->sendCommitted($connection, [[$this->transportOf($capture), [$capture]]]);
        if ($state !== null) {
            $state->settle();
        }
    }

    public function isEmpty(): bool
    {
        return !$this->transactions && !$this->written && !$this->postponed;
    }

    /**
     * Drops the captures of a transaction that is rolled back.
     *
     * A commit callback may roll back a transaction of its own, while captures of the transaction before still wait for
     * their callback. Magento then calls it; after a commit that failed, it does not.
     */
    public function forget(AdapterInterface $connection): void
    {
        unset($this->transactions[spl_object_id($connection)]);
        foreach ($this->written as $id => $written) {
            if ($written->connection === $connection) {
                unset($this->written[$id]);
            }
        }
    }

    /**
     * After a rollback, sends what other connections have committed meanwhile.
     */
    public function afterRollBack(AdapterInterface $connection): void
    {
        $this->sendPostponed($connection);
    }

    /**
     * @inheritdoc
     */
    public function _resetState(): void
    {
        foreach ($this->written as $written) {
            if ($written->connection->getTransactionLevel() === 0) {
                $this->complete($written);
            }
            $written->isCompleted = true;
        }
        $this->written = [];
        $this->transactions = [];
        $this->sendPostponed($this->resource->getConnection());
    }

    /**
     * Writes what must be committed with the outermost transaction, before its commit.
     *
     * The rest is sent by a commit callback, or by afterCommit(), if that comes first. Magento's plugin for callbacks
     * runs before the agent's in compiled mode and after it in developer mode, and other callbacks may open
     * transactions.
     *
     * @throws \Throwable if the database took back the whole transaction: then it must not seem committed
     */
    public function beforeCommit(AdapterInterface $connection): void
    {
        $transaction = $this->take($connection);
        if ($transaction === null || !$transaction->captures) {
            return;
        }
        $waiting = [];
        foreach ($this->byTransport($this->refreshed($transaction)) as list($transport, $captures)) {
            if ($this->isDefault($connection) && $transport->isTransactional()) {
                $this->sendWithin($connection, $transport, $captures);
            } else {
                $waiting[] = [$transport, $captures];
            }
        }
        $written = new WrittenCaptures($connection, $waiting, $transaction->states);
        $this->written[spl_object_id($written)] = $written;
        CallbackPool::attach(spl_object_hash($connection), function () use ($written): void {
            $this->completeUpTo($written);
        });
    }

    /**
     * Sends what waited for the outermost commit, after it. Does nothing if that was already done.
     */
    public function afterCommit(AdapterInterface $connection): void
    {
        foreach ($this->written as $written) {
            if ($written->connection === $connection) {
                $this->complete($written);
            }
        }
        $late = $this->take($connection);
        if ($late !== null && $late->captures) {
            // Another plugin saved something between beforeCommit() and the commit.
            $waiting = $this->byTransport($this->refreshed($late));
            $this->complete(new WrittenCaptures($connection, $waiting, $late->states));
        }
        $this->sendPostponed($connection);
    }

    /**
     * Completes a commit in its callback; first those before it, whose callbacks are yet to come.
     */
    private function completeUpTo(WrittenCaptures $last): void
    {
        foreach ($this->written as $written) {
            if ($written === $last) {
                break;
            }
            if ($written->connection === $last->connection) {
                $this->complete($written);
            }
        }
        $this->complete($last);
    }

    /**
     * Sends what waited for a commit that has succeeded, once.
     */
    private function complete(WrittenCaptures $written): void
    {
        unset($this->written[spl_object_id($written)]);
        if ($written->isCompleted) {
            return;
        }
        $written->isCompleted = true;
        foreach ($written->states as $state) {
            $state->settle();
        }
        $this->sendCommitted($written->connection, $written->waiting);
    }

    /**
     * Removes and returns the connection's transaction; null if it has none.
     */
    private function take(AdapterInterface $connection): ?Transaction
    {
        $id = spl_object_id($connection);
        $transaction = $this->transactions[$id] ?? null;
        unset($this->transactions[$id]);

        return $transaction;
    }

    /**
     * Returns the transaction's captures as they are now, without those that turned out to be empty.
     *
     * @param Transaction $transaction
     * @return Capture[]
     */
    private function refreshed(Transaction $transaction): array
    {
        $captures = [];
        foreach ($transaction->captures as $capture) {
            $this->fence->run('refreshing a capture', [$capture, 'refresh']);
            if (!$capture->isEmpty()) {
                $captures[] = $capture;
            }
        }

        return $captures;
    }

    private function transaction(AdapterInterface $connection): Transaction
    {
        $id = spl_object_id($connection);
        if (!isset($this->transactions[$id])) {
            $this->transactions[$id] = new Transaction($connection);
        }

        return $this->transactions[$id];
    }

    /**
     * Returns the connection that an entity is saved over; the default one if its resource does not show it.
     */
    private function connectionOf(?object $entity): AdapterInterface
    {
        if ($entity instanceof AbstractModel) {
            $resource = $entity->getResource();
            $connection = is_callable([$resource, 'getConnection']) ? $resource->getConnection() : null;
            if ($connection instanceof AdapterInterface) {
                return $connection;
            }
        }

        return $this->resource->getConnection();
    }

    private function isDefault(AdapterInterface $connection): bool
    {
        return $connection === $this->resource->getConnection();
    }

    /**
     * Sends what a connection has committed.
     *
     * @param AdapterInterface $connection
     * @param array[] $waiting
     * @return void
     */
    private function sendCommitted(AdapterInterface $connection, array $waiting): void
    {
        if (!$this->isDefault($connection) && $this->resource->getConnection()->getTransactionLevel() > 0) {
            $this->postponed = array_merge($this->postponed, $waiting);
            return;
        }
        foreach ($waiting as list($transport, $captures)) {
            try {
                $this->sendAlone($transport, $captures);
            } catch (\Throwable $failure) {
                $this->fence->logLostBy($failure, $captures);
            }
        }
    }

    private function sendPostponed(AdapterInterface $connection): void
    {
        if ($this->postponed && $this->isDefault($connection) && $connection->getTransactionLevel() === 0) {
            $postponed = $this->postponed;
            $this->postponed = [];
            $this->sendCommitted($connection, $postponed);
        }
    }

    /**
     * Returns the captures by transport, each in their order.
     *
     * @param Capture[] $captures
     * @return array[] of a TransportInterface and its captures
     */
    private function byTransport(array $captures): array
    {
        $groups = [];
        foreach ($captures as $capture) {
            $transport = $this->transportOf($capture);
            $key = spl_object_id($transport);
            $groups[$key][0] = $transport;
            $groups[$key][1][] = $capture;
        }

        return $groups;
    }

    /**
     * Returns the transport of a capture; the outbox if the transport itself fails.
     */
    private function transportOf(Capture $capture): TransportInterface
    {
        $found = $this->transports->fallback();
        $this->fence->run('choosing the transport', function () use ($capture, &$found): void {
            $chosen = $this->transports->of($capture);
            $chosen->isTransactional();
            $found = $chosen;
        });

        return $found;
    }

    /**
     * Sends when no transaction is open.
     *
     * @param TransportInterface $transport
     * @param Capture[] $captures
     * @return void
     */
    private function sendAlone(TransportInterface $transport, array $captures): void
    {
        try {
            $transport->send($captures);
        } catch (\Throwable $failure) {
            if ($transport === $this->transports->fallback()) {
                throw $failure;
            }
            $this->fence->log('handing over ' . count($captures) . ' captures, which go to the outbox', $failure);
            $this->transports->fallback()->send($captures);
        }
    }

    /**
     * Sends in the open transaction; a failure costs at most the captures, never the transaction.
     *
     * After some failures, as a deadlock or a lost connection, the database rolls everything back. Then
     * the savepoint is gone too, and the exception is passed on, because the caller must not commit.
     *
     * @param AdapterInterface $connection
     * @param TransportInterface $transport
     * @param Capture[] $captures
     * @return void
     */
    private function sendWithin(AdapterInterface $connection, TransportInterface $transport, array $captures): void
    {
        $connection->query('SAVEPOINT ' . self::SAVEPOINT);
        if ($this->isReconnected($connection)) {
            return;
        }
        try {
            $transport->send($captures);
        } catch (\Throwable $failure) {
            try {
                $connection->query('ROLLBACK TO SAVEPOINT ' . self::SAVEPOINT);
            } catch (\Throwable $exception) {
                throw $failure;
            }
            if ($transport === $this->transports->fallback()) {
                $this->fence->logLostBy($failure, $captures);
                return;
            }
            $this->fence->log('handing over ' . count($captures) . ' captures, which go to the outbox', $failure);
            $this->sendWithin($connection, $this->transports->fallback(), $captures);
        }
    }

    /**
     * Returns whether a commit is still to come. After a lost connection Magento may count a transaction that is gone
     * for the rest of the process; what it saves then is committed at once.
     */
    private function isInTransaction(AdapterInterface $connection): bool
    {
        return $connection->getTransactionLevel() > 0 && !$this->isReconnected($connection);
    }

    /**
     * Magento reconnects silently after a lost connection, and then there is no transaction to write in.
     */
    private function isReconnected(AdapterInterface $connection): bool
    {
        return $connection instanceof \Zend_Db_Adapter_Abstract
            && $connection->getConnection() instanceof \PDO
            && !$connection->getConnection()->inTransaction();
    }
}
