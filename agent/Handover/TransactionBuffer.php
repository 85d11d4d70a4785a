<?php

declare(strict_types=1);

namespace MagentoEventBridge\Agent\Handover;

use Magento\Framework\App\ResourceConnection;
use Magento\Framework\DB\Adapter\AdapterInterface;
use Magento\Framework\Model\AbstractModel;
use MagentoEventBridge\Agent\Capture\Capture;
use MagentoEventBridge\Agent\Fence;
use MagentoEventBridge\Agent\State\FirstRows;
use MagentoEventBridge\Agent\State\ObjectState;

/**
 * Holds the captures of an open transaction until it commits, and drops them at a rollback.
 */
class TransactionBuffer
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
     * @var Capture[]
     */
    private $captures = [];

    /**
     * @var ObjectState[]
     */
    private $states = [];

    /**
     * The rows of entities before the open transaction first saved them.
     *
     * @var FirstRows
     */
    private $rows;

    /**
     * What was written with a transaction that is about to be committed: transports that wait for the
     * commit, each with its captures, and the states to settle. Null where nothing was written.
     *
     * @var array|null
     */
    private $written;

    public function __construct(ResourceConnection $resource, Transports $transports, Fence $fence)
    {
        $this->resource = $resource;
        $this->transports = $transports;
        $this->fence = $fence;
        $this->rows = new FirstRows();
    }

    /**
     * Returns the capture that is held under the key; null if there is none.
     */
    public function find(string $key): ?Capture
    {
        return $this->captures[$key] ?? null;
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
        if ($this->resource->getConnection()->getTransactionLevel() === 0) {
            return $read();
        }

        return $this->rows->of($kind, $entity, $read);
    }

    /**
     * Returns the state that came with the capture; null if there is none.
     */
    public function findState(string $key): ?ObjectState
    {
        return $this->states[$key] ?? null;
    }

    /**
     * Adds a capture.
     */
    public function add(Capture $capture): void
    {
        $this->hold('#' . count($this->captures), $capture);
    }

    /**
     * Adds or replaces the capture of a key; its state is settled once it is handed over.
     */
    public function hold(string $key, Capture $capture, ?ObjectState $state = null): void
    {
        if ($this->resource->getConnection()->getTransactionLevel() > 0) {
            $this->captures[$key] = $capture;
            $this->states[$key] = $state;
            return;
        }
        $this->startAnew();
        $capture->refresh();
        $this->sendAlone($this->wayOf($capture), [$capture]);
        if ($state !== null) {
            $state->settle();
        }
    }

    public function isEmpty(): bool
    {
        return !$this->captures && $this->written === null && $this->rows->isEmpty();
    }

    /**
     * Drops everything, as the transaction is rolled back.
     */
    public function forget(): void
    {
        $this->captures = [];
        $this->states = [];
        $this->written = null;
        $this->rows->clear();
    }

    /**
     * Hands over what the last transaction left; called when none is open, before one begins.
     *
     * Other plugins may run code after a commit before afterCommit() is called, among them Magento's own,
     * which runs commit callbacks first in compiled mode. What was written and not rolled back is committed.
     * Captures that were not written belong to a transaction that was never ended.
     */
    public function startAnew(): void
    {
        $this->afterCommit();
        $this->forget();
    }

    /**
     * Writes what must be committed with the outermost transaction, before its commit.
     *
     * @throws \Throwable if the database took back the whole transaction: then it must not seem committed
     */
    public function beforeCommit(AdapterInterface $connection): void
    {
        $captures = [];
        foreach ($this->captures as $key => $capture) {
            $this->fence->run('refreshing a capture', [$capture, 'refresh']);
            if (!$capture->isEmpty()) {
                $captures[] = $capture;
            }
        }
        $waiting = [];
        foreach ($this->byWay($captures) as list($transport, $captures)) {
            if ($transport->isTransactional()) {
                $this->sendWithin($connection, $transport, $captures);
            } else {
                $waiting[] = [$transport, $captures];
            }
        }
        list($formerWaiting, $formerStates) = $this->written ?? [[], []];
        $this->written = [
            array_merge($formerWaiting, $waiting),
            array_merge($formerStates, array_values(array_filter($this->states))),
        ];
        $this->captures = [];
        $this->states = [];
    }

    /**
     * Sends what waited for the outermost commit, after it. Does nothing if that was already done.
     */
    public function afterCommit(): void
    {
        list($waiting, $states) = $this->written ?? [[], []];
        $this->written = null;
        foreach ($states as $state) {
            $state->settle();
        }
        foreach ($waiting as list($transport, $captures)) {
            $this->fence->run('sending', function () use ($transport, $captures): void {
                $this->sendAlone($transport, $captures);
            });
        }
    }

    /**
     * Returns the captures by transport, each in their order.
     *
     * @param Capture[] $captures
     * @return array[] of a TransportInterface and its captures
     */
    private function byWay(array $captures): array
    {
        $ways = [];
        foreach ($captures as $capture) {
            $transport = $this->wayOf($capture);
            $key = spl_object_id($transport);
            $ways[$key][0] = $transport;
            $ways[$key][1][] = $capture;
        }

        return $ways;
    }

    /**
     * Returns the transport of a capture; the outbox if the transport itself fails.
     */
    private function wayOf(Capture $capture): TransportInterface
    {
        $way = $this->transports->fallback();
        $this->fence->run('choosing the transport', function () use ($capture, &$way): void {
            $chosen = $this->transports->of($capture);
            $chosen->isTransactional();
            $way = $chosen;
        });

        return $way;
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
            $this->fence->log('sending ' . count($captures) . ' captures', $failure);
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
            $this->fence->log('writing ' . count($captures) . ' captures', $failure);
            if ($transport !== $this->transports->fallback()) {
                $this->sendWithin($connection, $this->transports->fallback(), $captures);
            }
        }
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
